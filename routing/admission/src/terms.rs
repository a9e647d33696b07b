//! What many authorizations have in common is kept once: an enterprise's consents mostly differ only in the person.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use parking_lot::Mutex;
use veilgate_names::{EnterpriseId, PlatformId, Service, ServiceNumber};
use veilgate_notary::{Authorization, Limits};

use crate::tenancy::Tenancy;

/// The shared part of an authorization.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    pub(crate) tenancy: Arc<Tenancy>,
    pub(crate) sms: bool,
    pub(crate) voice: bool,
    pub(crate) limits: Limits,
    pub(crate) service_numbers: Box<[ServiceNumber]>,
}

impl Terms {
    pub(crate) fn of(authorization: &Authorization, tenancy: Arc<Tenancy>) -> Self {
        Self {
            tenancy,
            sms: authorization.services.contains(&Service::Sms),
            voice: authorization.services.contains(&Service::Voice),
            limits: authorization.limits,
            service_numbers: authorization.service_numbers.as_slice().into(),
        }
    }
}

/// Hands out one `Arc` per distinct terms, and one per tenancy. Those that nobody holds any more go when the table has
/// doubled, so it is never larger than twice the authorizations.
#[derive(Default)]
pub(crate) struct TermsPool {
    hasher: DefaultHashBuilder,
    table: Mutex<Table>,
    tenancies: Mutex<Tenancies>,
}

#[derive(Default)]
struct Tenancies {
    by_name: HashMap<(PlatformId, EnterpriseId), Arc<Tenancy>>,
    sweep_at: usize,
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

    /// The one tenancy of this name. One whose authorizations were all revoked at once is kept for good.
    pub(crate) fn tenancy(&self, platform: &PlatformId, enterprise: &EnterpriseId) -> Arc<Tenancy> {
        let mut tenancies = self.tenancies.lock();
        let name = (platform.clone(), enterprise.clone());
        if let Some(found) = tenancies.by_name.get(&name) {
            return Arc::clone(found);
        }
        if tenancies.by_name.len() >= tenancies.sweep_at {
            tenancies.by_name.retain(|_, tenancy| Arc::strong_count(tenancy) > 1 || tenancy.was_ended());
            tenancies.sweep_at = (2 * tenancies.by_name.len()).max(1024);
        }
        let fresh = Arc::new(Tenancy::new(platform.clone(), enterprise.clone()));
        tenancies.by_name.insert(name, Arc::clone(&fresh));
        fresh
    }

    /// The tenancies of an enterprise, one a platform.
    pub(crate) fn tenancies_of(&self, enterprise: &EnterpriseId) -> Vec<Arc<Tenancy>> {
        let tenancies = self.tenancies.lock();
        tenancies.by_name.values().filter(|tenancy| tenancy.enterprise == *enterprise).cloned().collect()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.table.lock().terms.len()
    }
}
