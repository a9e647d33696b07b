//! The plans of a policy, by tenant: who pays, and what by which plan.

use std::sync::Arc;
use std::time::Duration;

use veilgate_names::{Category, ObjectId, Reason, Service, Timestamp};

use super::{BillOn, Billing, PricePlan};
use crate::decision::Charge;
use crate::mistake::Mistake;
use crate::objects::{Kind, Managed, Objects};
use crate::tenants::{Chain, Payment, TenantIndex, Tree};

/// Whoever pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payer {
    /// The tenant.
    pub id: ObjectId,
    /// How far below nothing its balance may go, in thousandths of a yuan; 0 if it pays before.
    pub credit: u64,
    /// What is left, credit included, when staff are told.
    pub low_balance: Option<u64>,
}

/// What a question for a price is about.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    category: Category,
    amount: Amount,
    at: Timestamp,
}

#[derive(Debug, Clone, Copy)]
enum Amount {
    Segments(u32),
    Talked(Duration),
}

/// The plans of a policy's tenants.
#[derive(Debug, Default)]
pub struct Plans {
    accounts: Vec<Option<Account>>,
}

/// What holds for one tenant.
#[derive(Debug)]
struct Account {
    payer: Payer,
    /// From the tenant's own up: the first that holds counts.
    plans: Box<[(ObjectId, Arc<PricePlan>)]>,
    bill_on: Option<BillOn>,
}

impl Plans {
    /// Finds for every tenant who pays and by which plans.
    ///
    /// # Errors
    /// [`Mistake`] for a tenant that names a plan that does not exist, or pays without a plan.
    pub fn compile(objects: &Objects, tree: &Tree) -> Result<Self, Mistake> {
        for (id, plan) in objects.price_plans.iter() {
            plan.check(id)?;
        }
        let accounts = tree.iter().map(|(index, id, tenant)| {
            if let Some(plan) =
                tenant.price_plan.as_ref().filter(|plan| objects.price_plans.find(plan).is_none())
            {
                let problem = format!("there is no price plan \"{plan}\"");
                return Err(Mistake::of(Kind::Tenant, id, "price_plan", problem));
            }
            let account = Account::new(objects, tree, index);
            if account.as_ref().is_some_and(|account| account.plans.is_empty()) {
                return Err(Mistake::of(
                    Kind::Tenant,
                    id,
                    "payment",
                    "there is no price plan, here or above",
                ));
            }
            Ok(account)
        });
        Ok(Self { accounts: accounts.collect::<Result<_, _>>()? })
    }

    /// Who pays for a tenant; `None`: nothing is charged.
    #[must_use]
    pub fn payer(&self, chain: Chain<'_>) -> Option<&Payer> {
        Some(&self.account(chain)?.payer)
    }

    /// What a message of so many segments costs; `None`: nothing is charged. `volume` is asked, only where it matters,
    /// how many segments the payer has had this month ([`Balances::volume`](crate::Balances::volume)). A message is
    /// priced whole, by the volume before it.
    ///
    /// # Errors
    /// [`Reason::NotPermitted`] with the payer, if no plan that holds now sells such messages.
    pub fn price(
        &self,
        chain: Chain<'_>,
        category: Category,
        segments: u32,
        at: Timestamp,
        volume: impl FnOnce(&Payer) -> u64,
    ) -> Result<Option<Charge>, (Reason, ObjectId)> {
        self.find(chain, Wanted { category, amount: Amount::Segments(segments), at }, volume)
    }

    /// What a call costs in which so much was talked; with the longest it may last, what has to be reserved for it.
    ///
    /// # Errors
    /// As [`Self::price`].
    pub fn price_call(
        &self,
        chain: Chain<'_>,
        category: Category,
        talked: Duration,
        at: Timestamp,
    ) -> Result<Option<Charge>, (Reason, ObjectId)> {
        self.find(chain, Wanted { category, amount: Amount::Talked(talked), at }, |_| 0)
    }

    fn find(
        &self,
        chain: Chain<'_>,
        wanted: Wanted,
        volume: impl FnOnce(&Payer) -> u64,
    ) -> Result<Option<Charge>, (Reason, ObjectId)> {
        let Some(account) = self.account(chain) else { return Ok(None) };
        let sells = |plan: &PricePlan| match wanted.amount {
            Amount::Segments(_) => plan.sms.is_some(),
            Amount::Talked(_) => plan.voice.is_some(),
        };
        let mut plans = account.plans.iter();
        let found = plans.find(|(_, plan)| plan.holds(wanted.at) && sells(plan));
        let (id, plan) = found.ok_or_else(|| (Reason::NotPermitted, account.payer.id.clone()))?;
        let volume = if plan.has_volume() { volume(&account.payer) } else { 0 };
        let (units, each) = wanted.units(plan, volume);
        Ok(Some(Charge {
            payer: account.payer.id.clone(),
            plan: id.clone(),
            millis: each.saturating_mul(u64::from(units)),
            service: wanted.service(),
            units,
            billing: Billing::new(account.bill_on.unwrap_or(plan.bill_on), &plan.refund),
        }))
    }

    fn account(&self, chain: Chain<'_>) -> Option<&Account> {
        self.accounts.get(usize::try_from(chain.own().0).ok()?)?.as_ref()
    }
}

impl Wanted {
    fn service(&self) -> Service {
        match self.amount {
            Amount::Segments(_) => Service::Sms,
            Amount::Talked(_) => Service::Voice,
        }
    }

    /// How many units are charged, and what each costs.
    fn units(&self, plan: &PricePlan, volume: u64) -> (u32, u64) {
        match self.amount {
            Amount::Segments(segments) => (segments, plan.segment(self.category, volume).unwrap_or(0)),
            Amount::Talked(talked) => {
                plan.voice.map_or((0, 0), |voice| (voice.per.begun(talked), voice.prices.of(self.category)))
            }
        }
    }
}

impl Account {
    fn new(objects: &Objects, tree: &Tree, tenant: TenantIndex) -> Option<Self> {
        let (payer, payment) = tree.payer(tenant)?;
        let credit = match payment {
            Payment::Prepaid => 0,
            Payment::Postpaid { credit } => credit,
        };
        let low_balance =
            tree.index(payer).and_then(|index| tree.tenant(index)).and_then(|tenant| tenant.low_balance);
        let plans = tree.chain_of(tenant).iter().filter_map(|each| {
            let name = tree.tenant(each)?.price_plan.as_ref()?;
            Some((name.clone(), objects.price_plans.find(name)?.clone()))
        });
        Some(Self {
            payer: Payer { id: payer.clone(), credit, low_balance },
            plans: plans.collect(),
            bill_on: tree.bill_on(tenant),
        })
    }
}
