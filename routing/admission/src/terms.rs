//! What many authorizations have in common is kept once: an enterprise's consents mostly differ only in the person.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::Mutex;
use veilgate_names::{EnterpriseId, PlatformId, Service, ServiceNumber};
use veilgate_notary::{Authorization, Limits};

/// The shared part of an authorization.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    pub(crate) platform: PlatformId,
    pub(crate) enterprise: EnterpriseId,
    pub(crate) sms: bool,
    pub(crate) voice: bool,
    pub(crate) limits: Limits,
    pub(crate) service_numbers: Box<[ServiceNumber]>,
}

impl Terms {
    pub(crate) fn of(authorization: &Authorization, platform: &PlatformId) -> Self {
        Self {
            platform: platform.clone(),
            enterprise: authorization.enterprise_id.clone(),
            sms: authorization.services.contains(&Service::Sms),
            voice: authorization.services.contains(&Service::Voice),
            limits: authorization.limits,
            service_numbers: authorization.service_numbers.as_slice().into(),
        }
    }
}

/// Hands out one `Arc` per distinct terms. Terms that nobody holds any more go when the table has doubled, so it
/// is never larger than twice the authorizations.
#[derive(Default)]
pub(crate) struct TermsPool {
    hasher: DefaultHashBuilder,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    terms: HashTable<Arc<Terms>>,
    sweep_at: usize,
}

impl TermsPool {
    pub(crate) fn shared(&self, terms: Terms) -> Arc<Terms> {
        let hash = self.hasher.hash_one(&terms);
        let mut table = self.table.lock();
        if let Some(found) = table.terms.find(hash, |held| **held == terms) {
            return Arc::clone(found);
        }
        if table.terms.len() >= table.sweep_at {
            table.terms.retain(|held| Arc::strong_count(held) > 1);
            table.sweep_at = (2 * table.terms.len()).max(1024);
        }
        let shared = Arc::new(terms);
        table.terms.insert_unique(hash, Arc::clone(&shared), |held| self.hasher.hash_one(&**held));
        shared
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.table.lock().terms.len()
    }
}
