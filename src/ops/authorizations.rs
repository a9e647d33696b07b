//! Registering and revoking by command.

use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;

use veilgate_admission::{PlatformProfile, Prepared, Record, Registered, Revoked, Revoker};
use veilgate_flow::Outcomes;
use veilgate_ledger::{AuditEvent, Sm3Hash};
use veilgate_names::{AuthorizationId, EnterpriseId, PlatformId, Reason};
use veilgate_notary::Authorization;

use super::{auditor, wide};
use crate::admin::{Actor, Response};
use crate::app::App;
use crate::clock;
use crate::files;
use crate::telemetry::events::{Imported, Revoked as RevokedEvent};
use crate::telemetry::words::ImportKind;

/// Refused lines told one by one.
const MAX_REFUSED: usize = 1000;
/// Lines of an import that are read, proved and stored together.
const IMPORT_TURN: usize = 512;
/// Ids of one request that stand in the audit file one by one; more become one record.
const AUDITED_SINGLY: usize = 100;

impl App {
    /// Ends authorizations. Answered when nothing more can leave under them and that is durable (A-6.1.1.6-1).
    pub(super) async fn revoke(&self, ids: &[AuthorizationId], actor: &Actor) -> Response {
        let registry = &self.hub.flow.gate().registry;
        let results = registry.revoke(ids, &Revoker::Carrier, clock::wall());
        let count = |wanted: &[Revoked]| {
            wide(results.iter().filter(|(_, result, _)| wanted.contains(result)).count())
        };
        let (revoked, already) = (count(&[Revoked::Now]), count(&[Revoked::Before]));
        let unknown = count(&[Revoked::Unknown, Revoked::Full]);
        self.audit_revocations(results.iter().map(|(id, result, _)| (id, *result)), ids.len(), actor);
        let records: Vec<Record> = results.into_iter().filter_map(|(_, _, record)| record).collect();
        if !self.store(|turn, done| self.hub.flow.record_revocations(records, turn, done)).await {
            return Response::refused("revoked, but not durable: the journal fails");
        }
        let mut outcomes = Outcomes::default();
        self.hub.flow.cancel_ids(ids, &mut outcomes);
        self.hub.dispatch(outcomes);
        self.revoked(revoked, already, unknown, self.hub.flow.stopped(ids), actor)
    }

    /// Ends everything of an enterprise, by one record a notary, however many there are.
    pub(super) async fn revoke_enterprise(&self, enterprise: &EnterpriseId, actor: &Actor) -> Response {
        let registry = &self.hub.flow.gate().registry;
        let ended = registry.revoke_all(enterprise, &Revoker::Carrier, clock::wall());
        if ended.records.is_empty() {
            return Response::refused("nothing was ever registered for this enterprise");
        }
        let count = wide(ended.count);
        let event = AuditEvent::EnterpriseRevoked { enterprise: enterprise.clone(), count };
        self.hub.ledger.audit(auditor(actor), event);
        if !self.store(|turn, done| self.hub.flow.record_revocations(ended.records, turn, done)).await {
            return Response::refused("revoked, but not durable: the journal fails");
        }
        let mut outcomes = Outcomes::default();
        self.hub.flow.cancel_of(enterprise, &mut outcomes);
        self.hub.dispatch(outcomes);
        self.revoked(count, 0, 0, self.hub.flow.stopped_of(enterprise), actor)
    }

    fn revoked(&self, count: u64, already: u64, unknown: u64, stopped: usize, actor: &Actor) -> Response {
        let stopped = wide(stopped);
        RevokedEvent { count, unknown, stopped, actor_uid: actor.uid }.emit(&self.hub.telemetry);
        self.hub.wake_all();
        Response::Revoked { revoked: count, already, unknown, stopped }
    }

    fn audit_revocations<'a>(
        &self,
        results: impl Iterator<Item = (&'a AuthorizationId, Revoked)>,
        count: usize,
        actor: &Actor,
    ) {
        if count <= AUDITED_SINGLY {
            for (id, result) in results {
                self.hub.ledger.audit(auditor(actor), revocation(id.clone(), result));
            }
            return;
        }
        let mut ids = String::new();
        for (id, _) in results {
            ids.push_str(id.as_str());
            ids.push('\n');
        }
        let ids_sm3 = Sm3Hash::of(ids.as_bytes());
        let event = AuditEvent::AuthorizationsRevoked { count: wide(count), ids_sm3 };
        self.hub.ledger.audit(auditor(actor), event);
    }

    pub(super) async fn import_authorizations(
        self: &Arc<Self>,
        platform: Option<PlatformId>,
        path: Option<PathBuf>,
        lines: Vec<String>,
        actor: &Actor,
    ) -> Response {
        let began = clock::mono();
        let platform = match self.platform(platform) {
            Ok(platform) => platform,
            Err(refused) => return refused,
        };
        let reader: Box<dyn BufRead + Send> = match path {
            None => Box::new(std::io::Cursor::new(lines.join("\n"))),
            Some(path) => match files::open(&path) {
                Ok(file) => file,
                Err(_) => return Response::refused("the file cannot be read"),
            },
        };
        let mut import = Import { reader, platform, next: 1, put: 0, refusals: 0, refused: Vec::new() };
        loop {
            let app = Arc::clone(self);
            // Reading and proofs take long: beside the event loop.
            let step = tokio::task::spawn_blocking(move || {
                let registered = import.step(&app);
                (import, registered)
            });
            let Ok((back, registered)) = step.await else { return Response::refused("the import failed") };
            import = back;
            let Ok(registered) = registered else { return Response::refused("the file cannot be read") };
            let Some(registered) = registered else { break };
            if !self.store(|turn, done| self.hub.flow.record_registrations(registered, turn, done)).await {
                return Response::refused("the journal fails");
            }
        }
        let Import { put, refusals, refused, .. } = import;
        self.hub.ledger.audit(auditor(actor), AuditEvent::AuthorizationsRegistered { count: put });
        if refusals > 0 {
            self.hub.ledger.audit(auditor(actor), AuditEvent::AuthorizationsRefused { count: refusals });
        }
        let (kind, took_ms) = (ImportKind::Authorizations, clock::mono().since(began));
        Imported { kind, put, tenures: 0, refused: refusals, took_ms }.emit(&self.hub.telemetry);
        Response::Imported { put, tenures: 0, refused }
    }

    /// The platform that is meant, which is configured.
    fn platform(&self, named: Option<PlatformId>) -> Result<PlatformId, Response> {
        let platforms = self.config().platforms;
        match (named, platforms.as_slice()) {
            (Some(named), all) if all.iter().any(|platform| platform.id == named) => Ok(named),
            (Some(_), _) => Err(Response::refused("there is no such platform")),
            (None, [only]) => Ok(only.id.clone()),
            (None, []) => Err(Response::refused("no platform is configured")),
            (None, _) => Err(Response::refused("there are several platforms: say which (--platform)")),
        }
    }
}

/// An import under way.
struct Import {
    reader: Box<dyn BufRead + Send>,
    platform: PlatformId,
    /// The number of the next line.
    next: u64,
    put: u64,
    refusals: u64,
    refused: Vec<(u64, String)>,
}

impl Import {
    /// Reads, proves and registers the next lines; `None` at the end of the file.
    fn step(&mut self, app: &App) -> std::io::Result<Option<Vec<Arc<Registered>>>> {
        let mut lines = Vec::with_capacity(IMPORT_TURN);
        while lines.len() < IMPORT_TURN {
            let mut line = Vec::new();
            if self.reader.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if !line.trim_ascii().is_empty() {
                lines.push((self.next, line));
            }
            self.next += 1;
        }
        if lines.is_empty() {
            return Ok(None);
        }
        let directory = app.hub.flow.gate().directory.load();
        let Some(profile) = directory.platform(&self.platform) else {
            return Err(std::io::ErrorKind::NotFound.into());
        };
        let prepared = prepare_all(app, &lines, &self.platform, profile);
        let mut registered = Vec::with_capacity(lines.len());
        for ((number, _), prepared) in lines.iter().zip(prepared) {
            let registry = &app.hub.flow.gate().registry;
            let done = prepared.and_then(|prepared| {
                registry.register_prepared(prepared, clock::wall()).map_err(|reason| reason.name().to_owned())
            });
            match done {
                Ok(done) => {
                    self.put += 1;
                    registered.push(done.authorization);
                }
                Err(why) => {
                    self.refusals += 1;
                    if self.refused.len() < MAX_REFUSED {
                        self.refused.push((*number, why));
                    }
                }
            }
        }
        Ok(Some(registered))
    }
}

/// Parses lines and checks their proofs on all cores but one, so that traffic goes on; in their order.
fn prepare_all(
    app: &App,
    lines: &[(u64, Vec<u8>)],
    platform: &PlatformId,
    profile: &PlatformProfile,
) -> Vec<Result<Prepared, String>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.saturating_sub(1).clamp(1, 16);
    let share = lines.len().div_ceil(threads).max(1);
    let prepare = |line: &[u8]| {
        let authorization = Authorization::from_json(line.trim_ascii()).map_err(|error| error.to_string())?;
        let registry = &app.hub.flow.gate().registry;
        registry.prepare(authorization, platform, profile).map_err(|reason| reason.name().to_owned())
    };
    std::thread::scope(|scope| {
        let of =
            |part: &'_ [(u64, Vec<u8>)]| -> Vec<_> { part.iter().map(|(_, line)| prepare(line)).collect() };
        let workers: Vec<_> = lines.chunks(share).map(|part| scope.spawn(move || of(part))).collect();
        workers
            .into_iter()
            .zip(lines.chunks(share))
            .flat_map(|(worker, part)| {
                worker.join().unwrap_or_else(|_| part.iter().map(|_| Err("INTERNAL".to_owned())).collect())
            })
            .collect()
    })
}

/// An id that is not known is barred for the future, but nothing was revoked.
fn revocation(authorization: AuthorizationId, result: Revoked) -> AuditEvent {
    let reason = match result {
        Revoked::Now | Revoked::Before => return AuditEvent::AuthorizationRevoked { authorization },
        Revoked::Unknown | Revoked::Full => Reason::AuthMissing,
        Revoked::NotPermitted => Reason::NotPermitted,
    };
    AuditEvent::RevocationRefused { authorization, reason }
}
