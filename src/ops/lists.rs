//! Entries of lists by command. Who is on a list is never told, and a number given here ends in identity as a key.

use std::io::Read;

use veilgate_identity::{Asking, ListReader};
use veilgate_ledger::{AuditEvent, ListAct};
use veilgate_names::{AuthorizationId, ListKey, ObjectId, Timestamp};
use veilgate_policy::{EntryEnd, ImportMode, ListChange};

use super::{auditor, wide};
use crate::admin::{
    Actor, ListChangeAsked, ListChanged, ListImportAsked, ListImportMode, ListState, Response,
};
use crate::app::App;
use crate::lists::{Done, ListRefusal, Order, changed};
use crate::telemetry::events::{ImportRefused, Imported};
use crate::telemetry::words::{ImportKind, ImportRefusal};
use crate::{clock, files};

/// Numbers of one change; more are imported.
const MAX_NUMBERS: usize = 1000;
/// What stands above numbers that are given one a line.
const HEADER: &[u8] = b"msisdn\n";

impl App {
    /// Takes a file over, all or nothing, while traffic runs.
    pub(super) fn import_list(&self, asked: &ListImportAsked, actor: &Actor) -> Response {
        let began = clock::mono();
        let order = Order { mode: mode(asked.mode), dry_run: asked.dry_run, confirmed: asked.yes };
        let done = match files::open(&asked.path) {
            Ok(file) => self.lists.import(&asked.list, file, order, clock::wall()),
            Err(_) => return self.list_refused(&asked.list, "the file cannot be read", None, actor),
        };
        match done {
            Ok(done) => {
                if !asked.dry_run {
                    let took_ms = clock::mono().since(began);
                    let (kind, put) = (ImportKind::List, done.counts.added);
                    Imported { kind, put, tenures: 0, refused: 0, took_ms }.emit(&self.hub.telemetry);
                }
                self.list_changed(&asked.list, act(asked.mode), done, asked.dry_run, actor)
            }
            Err(refusal @ ListRefusal::Unconfirmed(_)) => Response::refused(&refusal.to_string()),
            Err(refusal) => {
                let line = if let ListRefusal::Line(error) = &refusal { Some(error.line) } else { None };
                self.list_refused(&asked.list, &refusal.to_string(), line, actor)
            }
        }
    }

    /// Puts a few on a list or takes them off; in force when this is answered.
    pub(super) fn change_list(&self, asked: &ListChangeAsked, actor: &Actor) -> Response {
        let now = clock::wall();
        let end = match asked.expires.as_deref().map(Timestamp::parse) {
            None => EntryEnd::NEVER,
            Some(Ok(end)) if end > now => EntryEnd::at(end),
            Some(_) => {
                return Response::refused("expires: expected a day or time to come, such as 2030-03-01");
            }
        };
        let keys = match (&asked.authorization, &asked.numbers) {
            (Some(authorization), None) => self.key_of(authorization, now).map(|key| vec![key]),
            (None, Some(numbers)) => self.keys_of(numbers.expose()),
            _ => Err("expected an authorization or numbers".to_owned()),
        };
        let keys = match keys {
            Ok(keys) => keys,
            Err(why) => return self.list_refused(&asked.list, &why, None, actor),
        };
        let (change, act) = if asked.put {
            (ListChange::Put(end), ListAct::Added)
        } else {
            (ListChange::Remove, ListAct::Removed)
        };
        match self.lists.change(&asked.list, &keys, change, now) {
            Ok(done) => self.list_changed(&asked.list, act, done, false, actor),
            Err(refusal) => self.list_refused(&asked.list, &refusal.to_string(), None, actor),
        }
    }

    /// Tells how many are on each list.
    pub(super) fn show_lists(&self) -> Response {
        let state =
            |(id, entries, sm3): (ObjectId, std::sync::Arc<veilgate_policy::EntrySet>, _)| ListState {
                list: id.to_string(),
                entries: wide(entries.len()),
                changes: wide(entries.overlaid()),
                memory: wide(entries.octets()),
                sm3: veilgate_ledger::Sm3Hash::to_string(&sm3),
            };
        Response::Lists { lists: self.lists.states().into_iter().map(state).collect() }
    }

    /// Whoever an authorization means now.
    fn key_of(&self, id: &AuthorizationId, now: Timestamp) -> Result<ListKey, String> {
        let held = self.hub.flow.gate().registry.by_id(id).ok_or("there is no such authorization")?;
        let asking = Asking { edis: held.devices(), platform: Some(held.platform()), mark: None };
        let key = self.identity.list_key_of(asking, held.as_of(), now);
        key.map_err(|reason| format!("it means nobody now: {}", reason.name()))
    }

    fn keys_of(&self, numbers: &str) -> Result<Vec<ListKey>, String> {
        let mut reader = ListReader::open(HEADER.chain(numbers.as_bytes()), self.keys.ring())
            .map_err(|error| error.to_string())?;
        let mut keys = Vec::new();
        while let Some(row) = reader.next_row().map_err(|_| "one is no number".to_owned())? {
            if keys.len() >= MAX_NUMBERS {
                return Err("more than 1000 numbers: import them".to_owned());
            }
            keys.push(row.key);
        }
        if keys.is_empty() { Err("no numbers".to_owned()) } else { Ok(keys) }
    }

    fn list_changed(
        &self,
        id: &ObjectId,
        act: ListAct,
        done: Done,
        dry_run: bool,
        actor: &Actor,
    ) -> Response {
        if !dry_run {
            self.hub.ledger.audit(auditor(actor), changed(id.clone(), act, done));
        }
        let veilgate_policy::ImportCounts { added, removed, kept, moved } = done.counts;
        let sm3 = done.after.or(done.before).map(|sm3| sm3.to_string());
        Response::ListChanged(ListChanged { added, removed, kept, moved, over: done.over, dry_run, sm3 })
    }

    fn list_refused(&self, id: &ObjectId, why: &str, import_line: Option<u64>, actor: &Actor) -> Response {
        self.hub.ledger.audit(auditor(actor), AuditEvent::ListRefused { list: id.clone() });
        let reason = if import_line.is_some() { ImportRefusal::Format } else { ImportRefusal::File };
        ImportRefused { kind: ImportKind::List, reason, import_line }.emit(&self.hub.telemetry);
        Response::refused(why)
    }
}

fn mode(mode: ListImportMode) -> ImportMode {
    match mode {
        ListImportMode::Replace => ImportMode::Replace,
        ListImportMode::Add => ImportMode::Add,
        ListImportMode::Remove => ImportMode::Remove,
    }
}

fn act(mode: ListImportMode) -> ListAct {
    match mode {
        ListImportMode::Replace => ListAct::Replaced,
        ListImportMode::Add => ListAct::Added,
        ListImportMode::Remove => ListAct::Removed,
    }
}
