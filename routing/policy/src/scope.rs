//! Which messages and calls a rule is about: their service, their category, and whose they are. Rules are found by
//! tenant, so that what belongs to others costs a message nothing.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use veilgate_names::{Category, ObjectId, Service};

use crate::mistake::Mistake;
use crate::objects::Kind;
use crate::tenants::{Chain, TenantIndex, Tree};

/// Which messages and calls a rule is about. What is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// What they are for.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub category: Option<Category>,
    /// Whose they are: this tenant's, or of someone below it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub tenant: Option<ObjectId>,
    /// Messages or calls.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub service: Option<Service>,
}

impl Scope {
    /// Whether it is about everything, and so need not be written down.
    pub(crate) fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Looks the tenant up.
    pub(crate) fn compile(&self, kind: Kind, id: &ObjectId, tree: &Tree) -> Result<Reach, Mistake> {
        let unknown = || Mistake::of(kind, id, "scope.tenant", "there is no such tenant");
        let tenant = match &self.tenant {
            Some(tenant) => Some(tree.index(tenant).ok_or_else(unknown)?),
            None => None,
        };
        Ok(Reach { tenant, service: self.service, category: self.category })
    }
}

/// A field of an object, or the end of its path, and what is wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) key: &'static str,
    pub(crate) problem: &'static str,
}

/// A scope with its tenant looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// Whose, with everyone below; `None`: everyone's.
    pub(crate) tenant: Option<TenantIndex>,
    service: Option<Service>,
    category: Option<Category>,
}

impl Reach {
    /// Whether it is about such messages or calls, of whomever.
    pub(crate) fn is_about(self, service: Service, category: Category) -> bool {
        self.service.is_none_or(|only| only == service) && self.category.is_none_or(|only| only == category)
    }
}

/// Rules, by their places in a list, under tenant and province.
#[derive(Debug, Default)]
pub(crate) struct Index(FxHashMap<Key, Vec<usize>>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    tenant: Option<TenantIndex>,
    province: Option<u8>,
}

impl Index {
    /// Puts the next rule there; they come in the order of their places.
    pub(crate) fn add(&mut self, rule: usize, tenant: Option<TenantIndex>, province: Option<u8>) {
        self.0.entry(Key { tenant, province }).or_default().push(rule);
    }

    /// The rules of everyone, then of each tenant of a chain from below; first those without a province, then, if one is
    /// given, those of this province.
    pub(crate) fn find<'a>(
        &'a self,
        chain: Chain<'a>,
        province: Option<u8>,
    ) -> impl Iterator<Item = usize> + 'a {
        let provinces = std::iter::once(None).chain(province.map(Some));
        let tenants = move || std::iter::once(None).chain(chain.0.iter().copied().map(Some));
        let keys = provinces.flat_map(move |province| tenants().map(move |tenant| Key { tenant, province }));
        keys.filter_map(|key| self.0.get(&key)).flatten().copied()
    }
}
