//! What the commands on the ops socket do.

mod accounts;
mod authorizations;
pub(crate) mod balances;
mod channels;
mod explain;
mod keys;
mod lists;
mod places;
mod review;
mod rules;
mod subject;

use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use veilgate_config::Changes;
use veilgate_flow::Turn;
use veilgate_identity::{Vault, apply_changes, import};
use veilgate_ledger::{Actor as Auditor, AuditEvent, ConfigPart, PlaceTable};
use veilgate_names::{ChannelId, MessageId};

use crate::admin::{AccountStatus, Actor, ChannelStatus, Operations, Request, Response, Status};
use crate::app::{App, ReloadError, vault_file};
use crate::clock;
use crate::files;
use crate::keys::replace_file;
use crate::policy::Author;
use crate::telemetry::KeyName;
use crate::telemetry::events::{ImportRefused, Imported, ReloadNeedsRestart, ReloadRefused};
use crate::telemetry::words::{Condition, ImportKind, ImportRefusal, Word as _};

impl Operations for Arc<App> {
    async fn perform(&self, request: Request, actor: Actor) -> Response {
        let app = Arc::clone(self);
        match request {
            Request::Revoke { authorization_ids } => app.revoke(&authorization_ids, &actor).await,
            Request::RevokeEnterprise { enterprise } => app.revoke_enterprise(&enterprise, &actor).await,
            Request::AuthorizationsImport { platform, path, lines } => {
                app.import_authorizations(platform, path, lines, &actor).await
            }
            Request::AccountFreeze { account } => app.freeze(&account, &actor).await,
            Request::AccountUnfreeze { account } => app.unfreeze(&account, &actor).await,
            Request::IdentityImport { bindings, tenures } => {
                blocking(move || {
                    let vault = app.read_feed(&bindings, &tenures);
                    app.take_over(vault, &actor)
                })
                .await
            }
            Request::IdentityChanges { path } => {
                blocking(move || {
                    let vault = app.read_changes(&path);
                    app.take_over(vault, &actor)
                })
                .await
            }
            Request::ListsImport(asked) => blocking(move || app.import_list(&asked, &actor)).await,
            Request::ListsChange(asked) => blocking(move || app.change_list(&asked, &actor)).await,
            Request::ListsShow {} => app.show_lists(),
            Request::SegmentsImport { path } => {
                blocking(move || app.import_places(PlaceTable::Segments, &path, &actor)).await
            }
            Request::PortabilityImport { path } => {
                blocking(move || app.import_places(PlaceTable::Portability, &path, &actor)).await
            }
            Request::SubjectReport(asked) => app.subject(asked, subject::Right::Report, &actor).await,
            Request::SubjectDelete(asked) => app.subject(asked, subject::Right::Delete, &actor).await,
            Request::IdentityExplain(asked) => app.explain(&asked, &actor),
            Request::BalancePay(asked) => app.pay(asked, &actor).await,
            Request::BalanceShow { tenant } => app.balances(tenant.as_ref()),
            Request::PolicyExplain(asked) => blocking(move || app.explain_rules(&asked, &actor)).await,
            Request::ReviewList { after } => match after.as_deref().map(MessageId::parse).transpose() {
                Ok(after) => app.reviews(after),
                Err(_) => Response::refused("after: not a message id"),
            },
            Request::ReviewPass { message } => app.review(message, true, &actor).await,
            Request::ReviewRefuse { message } => app.review(message, false, &actor).await,
            Request::Status {} => Response::Status(app.status().await),
            Request::Reload {} => app.reload_as(auditor(&actor)).await,
            Request::Drain {} => {
                app.hub.ledger.audit(auditor(&actor), AuditEvent::DrainRequested);
                app.request_stop();
                Response::Draining
            }
            Request::ChannelDrain { channel, wait_ms } => app.drain_channel(&channel, wait_ms, &actor).await,
            Request::ChannelEnable { channel } => app.switch(&channel, true, &actor).await,
            Request::ChannelDisable { channel } => app.switch(&channel, false, &actor).await,
            Request::TenantOffboard { tenant, force } => app.offboard(&tenant, force, &actor).await,
            Request::Policy { policy } => {
                let policy = app.policy_command(policy, author(&actor)).await;
                Response::Policy { policy }
            }
            Request::Keys { keys } => blocking(move || app.change_keys(keys, &actor)).await,
        }
    }
}

impl App {
    /// Commits what `fill` puts into a turn; false if the journal fails.
    pub(crate) async fn store(&self, fill: impl FnOnce(&mut Turn, Box<dyn FnOnce(bool) + Send>)) -> bool {
        let (done, durable) = tokio::sync::oneshot::channel();
        let mut turn = Turn::default();
        fill(
            &mut turn,
            Box::new(move |durable| {
                let _ = done.send(durable);
            }),
        );
        self.hub.commit(turn);
        durable.await.unwrap_or(false)
    }

    fn read_feed(&self, bindings: &Path, tenures: &Path) -> Result<Vault, String> {
        let unreadable = |_| "a file cannot be read".to_owned();
        let bindings = files::open(bindings).map_err(unreadable)?;
        let tenures = files::open(tenures).map_err(unreadable)?;
        import(bindings, tenures, self.keys.ring()).map_err(|error| error.to_string())
    }

    fn read_changes(&self, path: &Path) -> Result<Vault, String> {
        let unreadable = |_| "the file cannot be read".to_owned();
        let changes = files::open(path).map_err(unreadable)?;
        apply_changes(&self.identity.vault(), changes, self.keys.ring()).map_err(|error| error.to_string())
    }

    /// Puts a new vault on disk and in force, while traffic runs; a request sees the old one or the new one.
    fn take_over(&self, vault: Result<Vault, String>, actor: &Actor) -> Response {
        let began = clock::mono();
        let ring = self.keys.ring();
        let vault = match vault {
            Ok(vault) => vault,
            Err(error) => {
                self.hub.ledger.audit(auditor(actor), AuditEvent::FeedRefused);
                let kind = ImportKind::Identity;
                ImportRefused { kind, reason: ImportRefusal::Format, import_line: None }
                    .emit(&self.hub.telemetry);
                return Response::refused(&error);
            }
        };
        let path = vault_file(&self.config());
        let written = replace_file(&path, |file| {
            vault.write_to(BufWriter::new(file), ring).map_err(std::io::Error::other)
        });
        if written.is_err() {
            self.hub.ledger.audit(auditor(actor), AuditEvent::FeedRefused);
            return Response::refused("the vault cannot be written");
        }
        let counts = vault.counts();
        self.identity.replace(vault);
        let (put, tenures) = (wide(counts.bindings), wide(counts.tenures));
        self.hub.ledger.audit(auditor(actor), AuditEvent::FeedImported { bindings: put, tenures });
        let took_ms = clock::mono().since(began);
        Imported { kind: ImportKind::Identity, put, tenures, refused: 0, took_ms }.emit(&self.hub.telemetry);
        Response::Imported { put, tenures, refused: Vec::new() }
    }

    async fn status(&self) -> Status {
        let (live, queued, _) = self.hub.flow.counts();
        let channels = self.channels.lock().await;
        let mut accounts: Vec<AccountStatus> = self
            .accounts
            .all()
            .iter()
            .map(|account| AccountStatus {
                account: account.id().to_string(),
                binds: account.binds(),
                frozen: account.is_frozen(),
                pending_deliveries: wide(self.hub.flow.outbox(account.id()).lock().pending()),
            })
            .collect();
        accounts.sort_by(|a, b| a.account.cmp(&b.account));
        let channel = |state: veilgate_flow::ChannelState| ChannelStatus {
            binds_wanted: u32::try_from(channels.binds_wanted(&state.id)).unwrap_or(u32::MAX),
            health: Condition::of(state.health).name().to_owned(),
            draining: state.draining,
            shut_by: state.shut_by.map(|line| line.to_string()),
            unanswered: self.unanswered(&state.id),
            channel: state.id.to_string(),
            enabled: state.enabled,
            binds: state.links_up,
            queued: wide(state.queued),
        };
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            uptime_ms: u64::try_from(clock::mono().since(self.began).as_millis()).unwrap_or(u64::MAX),
            draining: *self.drain.borrow(),
            live_messages: wide(live),
            queued_messages: wide(queued),
            waiting_for_review: wide(self.hub.flow.reviews_waiting()),
            authorizations: wide(self.hub.flow.gate().registry.len()),
            places: Box::new(self.places_status()),
            accounts,
            channels: self.hub.flow.channel_states().into_iter().map(channel).collect(),
        }
    }

    /// [`App::reload`] with its result logged and recorded, asked for by a signal.
    pub async fn reload_command(&self) -> Response {
        self.reload_as(Auditor::System).await
    }

    async fn reload_as(&self, auditor: Auditor) -> Response {
        match self.reload().await {
            Ok(changes) => {
                for event in reloaded(&changes) {
                    self.hub.ledger.audit(auditor.clone(), event);
                }
                Response::Reloaded {
                    accounts: changes.accounts.len(),
                    channels: changes.channels.len(),
                    others: changes.platforms.len()
                        + changes.enterprises.len()
                        + changes.service_numbers.len(),
                }
            }
            Err(error) => {
                let event = AuditEvent::ReloadRefused { part: ConfigPart::Whole };
                self.hub.ledger.audit(auditor, event);
                match &error {
                    ReloadError::Restart(keys) => {
                        let key = KeyName::new(keys.first().map_or("", String::as_str));
                        ReloadNeedsRestart { key, keys: keys.len() }.emit(&self.hub.telemetry);
                    }
                    ReloadError::Config(wrong) => {
                        let (key, config_line) = (KeyName::new(&wrong.key), wrong.line);
                        ReloadRefused { key, config_line }.emit(&self.hub.telemetry);
                    }
                    ReloadError::Setting(wrong) => {
                        ReloadRefused { key: KeyName::new(&wrong.key), config_line: 0 }
                            .emit(&self.hub.telemetry);
                    }
                    ReloadError::File(_) => {
                        ReloadRefused { key: KeyName::new("file"), config_line: 0 }.emit(&self.hub.telemetry);
                    }
                    ReloadError::Tokens(_) => {
                        ReloadRefused { key: KeyName::new("ops.token_file"), config_line: 0 }
                            .emit(&self.hub.telemetry);
                    }
                    ReloadError::Certificate(_) => {
                        ReloadRefused { key: KeyName::new("north.tls"), config_line: 0 }
                            .emit(&self.hub.telemetry);
                    }
                    ReloadError::Key(_) => {
                        ReloadRefused { key: KeyName::new("enterprises"), config_line: 0 }
                            .emit(&self.hub.telemetry);
                    }
                }
                Response::refused(&error.to_string())
            }
        }
    }

    /// Switches a channel until the next start or reload.
    async fn switch(&self, channel: &ChannelId, enabled: bool, actor: &Actor) -> Response {
        let mut config = self.config();
        let Some(entry) = config.channels.iter_mut().find(|entry| entry.id == *channel) else {
            return Response::refused("there is no such channel");
        };
        entry.enabled = enabled;
        self.set_draining(channel, false);
        self.apply_channels(config).await;
        let switched = channel.clone();
        let event = if enabled {
            AuditEvent::ChannelEnabled { channel: switched }
        } else {
            AuditEvent::ChannelDisabled { channel: switched }
        };
        self.hub.ledger.audit(auditor(actor), event);
        crate::telemetry::events::ChannelSwitched { channel: channel.clone(), enabled }
            .emit(&self.hub.telemetry);
        Response::Switched { enabled }
    }
}

/// Runs work that takes long beside the event loop.
async fn blocking(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Response::refused("the import failed"))
}

fn auditor(actor: &Actor) -> Auditor {
    actor.uid.map_or(Auditor::Unknown, |uid| Auditor::Operator { uid, name: actor.name.clone() })
}

/// Who changes objects.
fn author(actor: &Actor) -> Author {
    let uid = actor.uid.map_or_else(|| "unknown".to_owned(), |uid| uid.to_string());
    let name = match &actor.name {
        Some(name) => format!("operator:{uid}:{}", name.as_str()),
        None => format!("operator:{uid}"),
    };
    Author { actor: auditor(actor), name }
}

/// One record a part that changed; one for all if none did.
fn reloaded(changes: &Changes) -> Vec<AuditEvent> {
    let event = |(part, (added, changed, removed))| {
        let (added, changed, removed) = (wide(added), wide(changed), wide(removed));
        AuditEvent::Reloaded { part, added, changed, removed }
    };
    let parts = [
        (ConfigPart::Accounts, changes.accounts.counts()),
        (ConfigPart::Channels, changes.channels.counts()),
        (ConfigPart::Platforms, changes.platforms.counts()),
        (ConfigPart::Enterprises, changes.enterprises.counts()),
        (ConfigPart::ServiceNumbers, changes.service_numbers.counts()),
    ];
    let events: Vec<_> = parts.into_iter().filter(|(_, counts)| *counts != (0, 0, 0)).map(event).collect();
    if events.is_empty() { vec![event((ConfigPart::Whole, (0, 0, 0)))] } else { events }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
