//! Numbers in CDRs become unreadable before the CDRs go (requirements.md 1.6): an enterprise's number key gets a new
//! version every `ledger.number_key_life`, and the old one is destroyed `ledger.keep_numbers` after it stopped sealing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use veilgate_flow::{Mark, marks};
use veilgate_identity::Class;
use veilgate_ledger::{Actor, AuditEvent};
use veilgate_names::{EnterpriseId, Timestamp};
use veilgate_store::StoreError;

use crate::app::App;
use crate::clock;
use crate::keys::KeyFileError;
use crate::purge::has_jumped;

/// Names of the marks since when a version seals: this, the version in four octets, the enterprise.
const MARK: &[u8] = b"numkey:";

/// Since when each version has been sealing.
type Since = BTreeMap<(EnterpriseId, u32), Timestamp>;

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Aged {
    /// Keys that got a new version.
    pub rotated: usize,
    /// Versions destroyed.
    pub destroyed: usize,
}

/// Why a pass ended early. The next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum AgeingError {
    /// The marks cannot be read or written.
    #[error("the journal cannot be used")]
    Store,
    /// The key ring cannot be changed.
    #[error("{0}")]
    Keys(#[from] KeyFileError),
}

impl From<StoreError> for AgeingError {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

/// How often the keys are looked at.
const ROUND: Duration = Duration::from_secs(3600);

/// Makes a pass every hour until the gateway drains. A clock that jumped is not believed.
pub(crate) async fn keep_ageing(app: Arc<App>, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    let began = clock::now();
    let mut interval = tokio::time::interval(ROUND);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = &mut stop => return,
        }
        let now = clock::now();
        if !has_jumped(began, now) && app.age_number_keys(now.wall).await.is_err() {
            app.hub.ledger.audit(Actor::System, AuditEvent::KeyChangeRefused { action: "age-number-keys" });
        }
    }
}

impl App {
    /// Makes one pass over the number keys of all enterprises, as of `now`. Blocks on the disk for some milliseconds
    /// for each key that changes.
    ///
    /// # Errors
    /// [`AgeingError`]; what was done before stays done.
    pub async fn age_number_keys(&self, now: Timestamp) -> Result<Aged, AgeingError> {
        let (life, keep) = {
            let config = self.config();
            (config.ledger.number_key_life, config.ledger.keep_numbers)
        };
        let mut since = self.number_keys_since()?;
        let mut aged = Aged::default();
        let facts = self.keys.ring().data_keys();
        let keys = facts.into_iter().filter(|key| key.class == Class::Number);
        for (tenant, version, seals) in keys.filter_map(|key| Some((key.tenant?, key.version, key.seals))) {
            let name = (tenant, version);
            if !seals {
                let ended = since.range((name.0.clone(), version + 1)..).next();
                let ended = ended.filter(|((tenant, _), _)| *tenant == name.0).map(|(_, at)| *at);
                if ended.is_some_and(|ended| ended.plus(keep) <= now) {
                    self.destroy_number_key(&name).await?;
                    aged.destroyed += 1;
                }
                continue;
            }
            match since.get(&name) {
                None => self.mark(&name, now).await?,
                Some(at) if at.plus(life) <= now => {
                    let version = self.rotate_number_key(&name.0)?;
                    self.mark(&(name.0.clone(), version), now).await?;
                    aged.rotated += 1;
                    since.insert((name.0, version), now);
                }
                Some(_) => {}
            }
        }
        Ok(aged)
    }

    fn number_keys_since(&self) -> Result<Since, AgeingError> {
        let read = |(name, at): Mark| {
            let (version, tenant) = name.split_first_chunk::<4>()?;
            let tenant = EnterpriseId::parse(std::str::from_utf8(tenant).ok()?).ok()?;
            Some(((tenant, u32::from_be_bytes(*version)), at))
        };
        Ok(marks(&*self.store, MARK)?.into_iter().filter_map(read).collect())
    }

    async fn mark(&self, name: &(EnterpriseId, u32), now: Timestamp) -> Result<(), AgeingError> {
        let put = |turn: &mut _, done| {
            self.hub.flow.put_mark(&mark_name(name), now, turn);
            self.hub.flow.notify(turn, done);
        };
        if self.store(put).await { Ok(()) } else { Err(AgeingError::Store) }
    }

    fn rotate_number_key(&self, tenant: &EnterpriseId) -> Result<u32, AgeingError> {
        let rotate = |draft: &mut veilgate_identity::Draft| {
            Ok(draft.rotate(Class::Number, Some(tenant), &mut clock::entropy)?)
        };
        let version = self.keys.change(rotate)?;
        let (class, tenant) = (Class::Number.name(), Some(tenant.clone()));
        self.hub.ledger.audit(Actor::System, AuditEvent::DataKeyRotated { class, tenant, version });
        Ok(version)
    }

    async fn destroy_number_key(&self, name: &(EnterpriseId, u32)) -> Result<(), AgeingError> {
        let (tenant, version) = name;
        self.keys.change(|draft| Ok(draft.destroy(Class::Number, Some(tenant), *version)?))?;
        let event = AuditEvent::DataKeyDestroyed {
            class: Class::Number.name(),
            tenant: Some(tenant.clone()),
            version: *version,
        };
        self.hub.ledger.audit(Actor::System, event);
        let delete = |turn: &mut _, done| {
            self.hub.flow.delete_mark(&mark_name(name), turn);
            self.hub.flow.notify(turn, done);
        };
        if self.store(delete).await { Ok(()) } else { Err(AgeingError::Store) }
    }
}

fn mark_name((tenant, version): &(EnterpriseId, u32)) -> Vec<u8> {
    [MARK, &version.to_be_bytes(), tenant.as_str().as_bytes()].concat()
}
