//! Keys without a gateway: the same commands on the same files, while nobody else has them open.

use veilgate_config::Config;
use veilgate_ledger::{Actor, ActorName, AuditEvent};

use super::{KeyAnswer, KeyCommand, KeyFileError, KeyStore, audit_key};
use crate::clock;
use crate::ledger::{AuditFile, AuditLine};

/// Why a command without a gateway fails.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The keys.
    #[error("{0}")]
    Keys(#[from] KeyFileError),
    /// The audit file, without which nothing is changed.
    #[error("{}: {error}", path.display())]
    Audit {
        /// Where.
        path: std::path::PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// Opens the keys of a configuration, does `work`, and writes down what came of it.
///
/// # Errors
/// [`OfflineError`].
pub fn offline<T>(
    config: &Config,
    actor: Option<ActorName>,
    action: &'static str,
    work: impl FnOnce(&KeyStore) -> Result<(T, Option<AuditEvent>), KeyFileError>,
) -> Result<T, OfflineError> {
    let store = KeyStore::open(config)?;
    let path = config.audit_file();
    let failed = |error| OfflineError::Audit { path: path.clone(), error };
    // Before the change, so that none is made that cannot be recorded.
    let mut audit = AuditFile::open(&path, audit_key(config)?, clock::wall()).map_err(failed)?;
    let done = work(&store);
    let operator = Actor::Operator { uid: nix::unistd::getuid().as_raw(), name: actor };
    let line = |actor: &Actor, event| AuditLine { actor: actor.clone(), event, at: clock::wall() };
    let mut lines: Vec<_> = store.news().into_iter().map(|event| line(&Actor::System, event)).collect();
    match &done {
        Ok((_, event)) => lines.extend(event.clone().map(|event| line(&operator, event))),
        Err(_) => lines.push(line(&operator, AuditEvent::KeyChangeRefused { action })),
    }
    audit.append(&lines).map_err(failed)?;
    audit.checkpoint(clock::wall()).map_err(failed)?;
    Ok(done?.0)
}

impl KeyStore {
    /// Puts the ring under the master key of another configuration, and tells what the audit file should say of it.
    ///
    /// # Errors
    /// [`KeyFileError`]; the old master key stays in force.
    pub fn perform_move(&self, to: &Config) -> Result<(KeyAnswer, Option<AuditEvent>), KeyFileError> {
        let source = self.move_master(to)?;
        Ok((KeyAnswer::Done, Some(AuditEvent::MasterKeyRotated { source })))
    }
}

impl KeyCommand {
    /// [`offline`] for a command.
    ///
    /// # Errors
    /// [`OfflineError`].
    pub fn perform_offline(
        self,
        config: &Config,
        actor: Option<ActorName>,
    ) -> Result<KeyAnswer, OfflineError> {
        let action = self.action();
        offline(config, actor, action, |store| {
            self.check(config)?;
            store.perform(self)
        })
    }
}
