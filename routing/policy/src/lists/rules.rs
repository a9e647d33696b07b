//! Which lists concern a message, and what they say of a person.
//!
//! A black list at any level that applies blocks; the first in the order regulator, global, tenant, signature, number is the
//! reason. A white list lifts frequency and nothing else, and nothing at all for whom a black list blocks.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use veilgate_names::{Category, ListKey, ObjectId, Reason, Service, ServiceNumber, Timestamp};

use super::entries::hour_of;
use super::held::Lists;
use super::{ListKind, ListLevel, PersonList};
use crate::mistake::Mistake;
use crate::objects::{Kind, Objects};
use crate::sets::{Categories, Services};
use crate::tenants::{Chain, TenantIndex, Tree};

/// The most lists of one kind that one owner may have (a level, a tenant, a signature, a number): each is looked at.
const MAX_OF_OWNER: usize = 32;

/// The lists of a policy, by whom they belong to.
#[derive(Debug, Default)]
pub struct ListRules {
    regulator: Owned,
    global: Owned,
    tenants: HashMap<TenantIndex, Owned, FxBuildHasher>,
    signatures: HashMap<ObjectId, Owned, FxBuildHasher>,
    numbers: HashMap<ServiceNumber, Owned, FxBuildHasher>,
    has_any: bool,
    lists: Lists,
}

/// Whom the lists are asked about, and for what.
#[derive(Debug, Clone, Copy)]
pub struct ListQuestion<'a> {
    /// Who.
    pub key: ListKey,
    /// By which service.
    pub service: Service,
    /// What for.
    pub category: Category,
    /// Whose message it is, and everyone above.
    pub chain: Chain<'a>,
    /// The text's signature, if it has one that is registered.
    pub signature: Option<&'a ObjectId>,
    /// The service number, without extension.
    pub number: ServiceNumber,
}

/// What the lists say of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// A black list forbids it: why, and which.
    pub black: Option<(Reason, ObjectId)>,
    /// A white list lifts frequency.
    pub white: bool,
}

/// The lists of one owner.
#[derive(Debug, Default)]
struct Owned {
    black: Vec<Rule>,
    white: Vec<Rule>,
}

/// One list.
#[derive(Debug)]
struct Rule {
    id: ObjectId,
    services: Services,
    categories: Categories,
    /// Of its entries among those of all lists.
    place: usize,
}

impl ListRules {
    /// Takes the lists that are enabled, with their entries in `lists`.
    ///
    /// # Errors
    /// [`Mistake`] for a tenant or signature that does not exist, and for too many lists of one owner.
    pub fn compile(objects: &Objects, tree: &Tree, lists: &Lists) -> Result<Self, Mistake> {
        let has_signature = |signature: &ObjectId| objects.signatures.find(signature).is_some();
        Self::of(objects, |tenant| tree.index(tenant), has_signature, lists)
    }

    /// Whether no list is in force, so that nobody's key is needed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.has_any
    }

    /// What the lists say of somebody.
    #[must_use]
    pub fn check(&self, asked: &ListQuestion<'_>, now: Timestamp) -> Listed {
        if !self.has_any {
            return Listed::default();
        }
        let hour = hour_of(now);
        let table = self.lists.table();
        let holds = |place: usize| table.get(place).is_some_and(|entries| entries.has(asked.key.0, hour));
        let has = |rule: &&Rule| rule.applies(asked) && holds(rule.place);
        let black = self.owners(asked).find_map(|(level, owned)| {
            owned.black.iter().find(has).map(|rule| (level.reason(), rule.id.clone()))
        });
        let white =
            black.is_none() && self.owners(asked).any(|(_, owned)| owned.white.iter().any(|rule| has(&rule)));
        Listed { black, white }
    }

    pub(super) fn of(
        objects: &Objects,
        index: impl Fn(&ObjectId) -> Option<TenantIndex>,
        has_signature: impl Fn(&ObjectId) -> bool,
        lists: &Lists,
    ) -> Result<Self, Mistake> {
        let mut rules = Self { lists: lists.clone(), ..Self::default() };
        for (id, list) in objects.person_lists.iter().filter(|(_, list)| list.enabled) {
            let owned = rules.owner(id, list, &index, &has_signature)?;
            let kind = if list.kind == ListKind::Black { &mut owned.black } else { &mut owned.white };
            if kind.len() >= MAX_OF_OWNER {
                return Err(Mistake::of(
                    Kind::PersonList,
                    id,
                    "level",
                    "32 lists of this kind and owner are enough",
                ));
            }
            kind.push(Rule::new(id, list, lists));
            rules.has_any = true;
        }
        Ok(rules)
    }

    fn owner(
        &mut self,
        id: &ObjectId,
        list: &PersonList,
        index: impl Fn(&ObjectId) -> Option<TenantIndex>,
        has_signature: impl Fn(&ObjectId) -> bool,
    ) -> Result<&mut Owned, Mistake> {
        let mistake = |field: &str, problem: &str| Mistake::of(Kind::PersonList, id, field, problem);
        let missing = |field: &str| mistake(field, "is needed at this level");
        Ok(match list.level {
            ListLevel::Regulator => &mut self.regulator,
            ListLevel::Global => &mut self.global,
            ListLevel::Tenant => {
                let tenant = list.tenant.as_ref().ok_or_else(|| missing("tenant"))?;
                let index = index(tenant).ok_or_else(|| mistake("tenant", "there is no such tenant"))?;
                self.tenants.entry(index).or_default()
            }
            ListLevel::Signature => {
                let signature = list.signature.as_ref().ok_or_else(|| missing("signature"))?;
                if !has_signature(signature) {
                    return Err(mistake("signature", "there is no such signature"));
                }
                self.signatures.entry(signature.clone()).or_default()
            }
            ListLevel::Number => {
                self.numbers.entry(list.number.ok_or_else(|| missing("number"))?).or_default()
            }
        })
    }

    /// Whose lists concern it, in the order of report.
    fn owners<'a>(&'a self, asked: &ListQuestion<'a>) -> impl Iterator<Item = (ListLevel, &'a Owned)> {
        let everybodys = [(ListLevel::Regulator, &self.regulator), (ListLevel::Global, &self.global)];
        let Chain(chain) = asked.chain;
        let chain = if self.tenants.is_empty() { &[] } else { chain };
        let tenants = chain.iter().filter_map(|tenant| self.tenants.get(tenant));
        let signature = asked.signature.filter(|_| !self.signatures.is_empty());
        let signature = signature.and_then(|signature| self.signatures.get(signature));
        let number = if self.numbers.is_empty() { None } else { self.numbers.get(&asked.number) };
        let tenants = tenants.map(|owned| (ListLevel::Tenant, owned));
        let signature = signature.map(|owned| (ListLevel::Signature, owned));
        let number = number.map(|owned| (ListLevel::Number, owned));
        everybodys.into_iter().chain(tenants).chain(signature).chain(number)
    }
}

impl Rule {
    fn new(id: &ObjectId, list: &PersonList, lists: &Lists) -> Self {
        let PersonList { services, categories, .. } = *list;
        Self { id: id.clone(), services, categories, place: lists.held(id).place() }
    }

    #[inline]
    fn applies(&self, asked: &ListQuestion<'_>) -> bool {
        self.services.contains(asked.service) && self.categories.contains(asked.category)
    }
}
