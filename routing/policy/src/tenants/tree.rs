//! The tenants of a policy, with what is in force for each worked out beforehand, so that a message costs one look-up.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use veilgate_names::{Category, EnterpriseId, ObjectId, Reason, Service};

use super::{CARRIER, Payment, Requirement, Tenant, TenantIndex, TenantState};
use crate::mistake::Mistake;
use crate::objects::{Kind, Managed, Objects};
use crate::rating::BillOn;
use crate::sets::{Categories, Services};

/// The most tenants.
const MAX_TENANTS: usize = 100_000;
/// One of each level; more cannot stand above each other.
const MAX_DEPTH: usize = 4;

/// A tenant and everyone above it, itself first, the carrier last.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a>(pub &'a [TenantIndex]);

impl<'a> Chain<'a> {
    /// The tenant itself.
    #[must_use]
    pub fn own(self) -> TenantIndex {
        self.0.first().copied().unwrap_or(Tree::CARRIER)
    }

    /// Whether a tenant is the one itself or stands above it.
    #[must_use]
    pub fn contains(self, tenant: TenantIndex) -> bool {
        self.0.contains(&tenant)
    }

    /// Each, from the tenant itself up.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = TenantIndex> + 'a {
        self.0.iter().copied()
    }
}

/// The tenants of a policy.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
    enterprises: HashMap<EnterpriseId, TenantIndex>,
    indices: HashMap<ObjectId, TenantIndex>,
}

/// What is in force for a tenant, everyone above it included, in the form in which staff see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effective {
    /// Itself and everyone above, the carrier last.
    #[serde(with = "crate::form::list")]
    pub chain: Vec<ObjectId>,
    /// Whether it may do anything.
    pub state: TenantState,
    /// Who is suspended or frozen, if anyone is.
    #[serde(with = "crate::form::optional")]
    pub shut_by: Option<ObjectId>,
    /// What it may use.
    pub services: Services,
    /// What its messages may be for.
    pub categories: Categories,
    /// The lowest rate.
    pub rate_per_second: Option<NonZeroU32>,
    /// The lowest daily quota.
    pub per_day: Option<NonZeroU64>,
    /// The lowest monthly quota.
    pub per_month: Option<NonZeroU64>,
    /// How signatures are asked for.
    pub signature: Requirement,
    /// How templates are asked for.
    pub template: Requirement,
    /// Whose prices hold.
    #[serde(with = "crate::form::optional")]
    pub price_plan: Option<ObjectId>,
    /// Who pays; nobody: nothing is charged.
    #[serde(with = "crate::form::optional")]
    pub payer: Option<ObjectId>,
}

#[derive(Debug)]
struct Node {
    id: ObjectId,
    tenant: Arc<Tenant>,
    chain: Box<[TenantIndex]>,
    shut: Option<TenantIndex>,
    services: Services,
    categories: Categories,
    requirements: (Requirement, Requirement),
    payer: Option<TenantIndex>,
    price_plan: Option<TenantIndex>,
    bill_on: Option<BillOn>,
}

impl Tree {
    /// The carrier, which is always there.
    pub const CARRIER: TenantIndex = TenantIndex(0);

    /// Puts the tenants into their order.
    ///
    /// # Errors
    /// [`Mistake`] for a parent that does not exist or is not of a level above (so there are no circles), and for more
    /// than 100,000 tenants.
    pub fn compile(objects: &Objects) -> Result<Self, Mistake> {
        let carrier = ObjectId::parse(CARRIER).map_err(|_| of_all("no carrier"))?;
        if objects.tenants.len() > MAX_TENANTS {
            return Err(of_all("more than 100000 tenants"));
        }
        let root = objects.tenants.find(&carrier).cloned();
        let root = root.unwrap_or_else(|| Arc::new(Tenant::new(super::Level::Carrier, None)));
        let others = objects.tenants.iter().filter(|(id, _)| **id != carrier);
        let others = others.map(|(id, tenant)| (id.clone(), tenant.clone()));
        let tenants: Vec<_> = std::iter::once((carrier.clone(), root)).chain(others).collect();
        let mut tree = Self::default();
        for (place, (id, tenant)) in tenants.iter().enumerate() {
            tenant.check(id)?;
            tree.indices.insert(id.clone(), TenantIndex(u32::try_from(place).unwrap_or(u32::MAX)));
        }
        for (id, tenant) in &tenants {
            let chain = tree.climb(id, tenant, &tenants)?;
            if let (Ok(enterprise), Some(own)) = (EnterpriseId::parse(id.as_str()), chain.first()) {
                tree.enterprises.insert(enterprise, *own);
            }
            tree.nodes.push(Node::new(id.clone(), tenant.clone(), chain, &tenants));
        }
        Ok(tree)
    }

    /// An enterprise and everyone above it. One that has no object is itself unknown here: only the carrier is in its chain.
    #[must_use]
    pub fn chain(&self, enterprise: &EnterpriseId) -> Chain<'_> {
        self.enterprises.get(enterprise).map_or(Chain(&[Self::CARRIER]), |index| self.chain_of(*index))
    }

    /// A tenant and everyone above it.
    #[must_use]
    pub fn chain_of(&self, tenant: TenantIndex) -> Chain<'_> {
        Chain(self.node(tenant).map_or(&[Self::CARRIER], |node| &node.chain))
    }

    /// The place of a tenant.
    #[must_use]
    pub fn index(&self, id: &ObjectId) -> Option<TenantIndex> {
        self.indices.get(id).copied()
    }

    /// The name of a tenant.
    #[must_use]
    pub fn id(&self, tenant: TenantIndex) -> Option<&ObjectId> {
        self.node(tenant).map(|node| &node.id)
    }

    /// A tenant's own object; of the carrier, if it has none, one that limits nothing.
    #[must_use]
    pub fn tenant(&self, tenant: TenantIndex) -> Option<&Tenant> {
        self.node(tenant).map(|node| &*node.tenant)
    }

    /// Every tenant, the carrier first.
    pub fn iter(&self) -> impl Iterator<Item = (TenantIndex, &ObjectId, &Tenant)> {
        (0..).zip(&self.nodes).map(|(place, node)| (TenantIndex(place), &node.id, &*node.tenant))
    }

    /// Whether anyone of the chain is suspended or frozen, and who is nearest.
    #[must_use]
    pub fn shut(&self, chain: Chain<'_>) -> Option<(Reason, &ObjectId)> {
        let by = self.node(chain.own())?.shut?;
        Some((Reason::AccountSuspended, self.id(by)?))
    }

    /// Whether everyone of the chain may use the service for such messages or calls.
    #[must_use]
    pub fn permits(&self, chain: Chain<'_>, service: Service, category: Category) -> bool {
        self.node(chain.own())
            .is_none_or(|node| node.services.contains(service) && node.categories.contains(category))
    }

    /// Who of the chain, from below, does not permit it; for explanations.
    #[must_use]
    pub fn forbidden_by(&self, chain: Chain<'_>, service: Service, category: Category) -> Option<&ObjectId> {
        let forbids = |tenant: &Tenant| {
            tenant.services.is_some_and(|services| !services.contains(service))
                || tenant.categories.is_some_and(|categories| !categories.contains(category))
        };
        chain.iter().find(|index| self.tenant(*index).is_some_and(forbids)).and_then(|index| self.id(index))
    }

    /// How signatures and templates are asked for: the strictest of the chain.
    #[must_use]
    pub fn requirements(&self, chain: Chain<'_>) -> (Requirement, Requirement) {
        self.node(chain.own()).map_or_else(Default::default, |node| node.requirements)
    }

    /// What is in force for a tenant.
    #[must_use]
    pub fn effective(&self, tenant: TenantIndex) -> Option<Effective> {
        let node = self.node(tenant)?;
        let each = || node.chain.iter().filter_map(|index| self.node(*index));
        let name = |index: Option<TenantIndex>| index.and_then(|index| self.id(index)).cloned();
        Some(Effective {
            chain: each().map(|node| node.id.clone()).collect(),
            state: each()
                .map(|node| node.tenant.state)
                .find(|state| *state != TenantState::Active)
                .unwrap_or_default(),
            shut_by: name(node.shut),
            services: node.services,
            categories: node.categories,
            rate_per_second: each().filter_map(|node| node.tenant.rate_per_second).min(),
            per_day: each().filter_map(|node| node.tenant.per_day).min(),
            per_month: each().filter_map(|node| node.tenant.per_month).min(),
            signature: node.requirements.0,
            template: node.requirements.1,
            price_plan: self.price_plan(tenant).cloned(),
            payer: name(node.payer),
        })
    }

    /// Who pays for a tenant, and how; none: nothing is charged.
    #[must_use]
    pub fn payer(&self, tenant: TenantIndex) -> Option<(&ObjectId, Payment)> {
        let payer = self.node(self.node(tenant)?.payer?)?;
        Some((&payer.id, payer.tenant.payment?))
    }

    /// Which plan holds for a tenant.
    pub fn price_plan(&self, tenant: TenantIndex) -> Option<&ObjectId> {
        self.tenant(self.node(tenant)?.price_plan?)?.price_plan.as_ref()
    }

    /// When messages of a tenant are charged, if anyone of its chain says so.
    pub fn bill_on(&self, tenant: TenantIndex) -> Option<BillOn> {
        self.node(tenant)?.bill_on
    }

    fn node(&self, tenant: TenantIndex) -> Option<&Node> {
        self.nodes.get(usize::try_from(tenant.0).ok()?)
    }

    /// The chain of a tenant. Each step goes up a level, so there are few, and none leads round.
    fn climb(
        &self,
        id: &ObjectId,
        tenant: &Tenant,
        tenants: &[(ObjectId, Arc<Tenant>)],
    ) -> Result<Box<[TenantIndex]>, Mistake> {
        let mut chain = Vec::with_capacity(MAX_DEPTH);
        chain.extend(self.index(id));
        let (mut below, mut at) = (id, tenant);
        while let Some(parent) = &at.parent {
            let index = self.index(parent);
            let above = index.and_then(|index| tenants.get(usize::try_from(index.0).ok()?));
            let (Some(index), Some((parent, above))) = (index, above) else {
                return Err(Mistake::of(
                    Kind::Tenant,
                    below,
                    "parent",
                    format!("there is no tenant \"{parent}\""),
                ));
            };
            if above.level >= at.level {
                let problem = format!("\"{parent}\" is not of a level above");
                return Err(Mistake::of(Kind::Tenant, below, "parent", problem));
            }
            chain.push(index);
            (below, at) = (parent, above);
        }
        Ok(chain.into())
    }
}

impl Node {
    fn new(
        id: ObjectId,
        tenant: Arc<Tenant>,
        chain: Box<[TenantIndex]>,
        tenants: &[(ObjectId, Arc<Tenant>)],
    ) -> Self {
        let each = || {
            let tenant = |index: TenantIndex| Some(&*tenants.get(usize::try_from(index.0).ok()?)?.1);
            chain.iter().filter_map(move |index| Some((*index, tenant(*index)?)))
        };
        let nearest =
            |has: fn(&Tenant) -> bool| each().find(|(_, tenant)| has(tenant)).map(|(index, _)| index);
        let strictest = |of: fn(&Tenant) -> Option<Requirement>| {
            each().filter_map(|(_, tenant)| of(tenant)).max().unwrap_or_default()
        };
        Self {
            shut: nearest(|tenant| tenant.state != TenantState::Active),
            services: each().filter_map(|(_, tenant)| tenant.services).fold(Services::ALL, Services::and),
            categories: each()
                .filter_map(|(_, tenant)| tenant.categories)
                .fold(Categories::ALL, Categories::and),
            requirements: (strictest(|tenant| tenant.signature), strictest(|tenant| tenant.template)),
            payer: nearest(|tenant| tenant.payment.is_some()),
            price_plan: nearest(|tenant| tenant.price_plan.is_some()),
            bill_on: each().find_map(|(_, tenant)| tenant.bill_on),
            id,
            tenant,
            chain,
        }
    }
}

fn of_all(problem: &str) -> Mistake {
    Mistake { kind: Kind::Tenant, id: None, field: String::new(), problem: problem.into() }
}
