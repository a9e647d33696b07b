//! Who stands above whom: carrier, distributors, agents, enterprises (A-6.3.4-1). Limits and permissions hold for everyone
//! below; a child never has more than its parent, whatever its own object says.

mod tree;

#[cfg(test)]
pub(crate) mod tests;

use std::num::{NonZeroU8, NonZeroU32, NonZeroU64};

use serde::{Deserialize, Serialize};
use veilgate_names::ObjectId;

pub use self::tree::{Chain, Effective, Tree};
use crate::mistake::Mistake;
use crate::objects::{Kind, Managed};
use crate::rating::BillOn;
use crate::sets::{Categories, Services};

/// The id of the carrier's object.
pub(crate) const CARRIER: &str = "carrier";
/// The highest rate that can be set, in segments a second.
pub const MAX_RATE: u32 = 1_000_000;
/// The highest weight among siblings.
pub const MAX_WEIGHT: u8 = 100;
/// The largest amount of money in one place, in thousandths of a yuan.
pub const MAX_MILLIS: u64 = 1_000_000_000_000_000;

/// A tenant. An enterprise's object has the enterprise's id; enterprises without one stand directly below the carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// What it is.
    pub level: Level,
    /// The tenant above; none only for the carrier, whose object's id is `carrier`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub parent: Option<ObjectId>,
    /// Whether it may do anything at all.
    #[serde(default)]
    pub state: TenantState,
    /// What it may use; none: as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<Services>,
    /// What its messages and calls may be for; none: as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Categories>,
    /// The most service and display numbers that may belong to itself and everyone below; none: no bound of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_numbers: Option<u32>,
    /// Segments a second of itself and everyone below, 1 to [`MAX_RATE`]; none: no limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<NonZeroU32>,
    /// Segments that may come at once after a rest, 1 to [`MAX_RATE`]; none: one second's worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU32>,
    /// How much of its parent's rate it may have beside its siblings when there is not enough, 1 to [`MAX_WEIGHT`].
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: NonZeroU8,
    /// Calls at the same time, of itself and everyone below; none: no limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_calls: Option<NonZeroU32>,
    /// Segments in one Beijing day, of itself and everyone below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<NonZeroU64>,
    /// Segments in one Beijing month, of itself and everyone below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_month: Option<NonZeroU64>,
    /// The prices that hold for it; none: as above.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub price_plan: Option<ObjectId>,
    /// How it pays, for itself and for those below that do not pay themselves; none: the tenant above does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    /// When a message is charged, whatever the plan says; none: as above, in the end the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill_on: Option<BillOn>,
    /// What is left, credit included, when staff are told; in thousandths of a yuan, at most [`MAX_MILLIS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_balance: Option<u64>,
    /// How signatures are asked for; none: as above, in the end [`Requirement::Off`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Requirement>,
    /// How templates are asked for; as with signatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Requirement>,
}

/// What a tenant is. Each stands below one that comes before it here; levels may be left out.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The root.
    Carrier,
    /// 经销商.
    Distributor,
    /// 代理商.
    Agent,
    /// A customer.
    Enterprise,
}

/// Whether a tenant may do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TenantState {
    /// It may.
    #[default]
    Active,
    /// Shut out by contract: nothing new; what waits is refused when it is about to leave.
    Suspended,
    /// Shut out in suspicion, as suspended; the two are told apart in reports.
    Frozen,
}

/// How a tenant pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Payment {
    /// Before: no message beyond what was paid in.
    Prepaid,
    /// Afterwards, up to a credit.
    Postpaid {
        /// How far below nothing the balance may go, in thousandths of a yuan, at most [`MAX_MILLIS`].
        credit: u64,
    },
}

/// How much of a text has to be registered; the later, the stricter.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// Not looked at.
    #[default]
    Off,
    /// It need not be there; what is there must be approved.
    Optional,
    /// It must be there and approved.
    Required,
}

/// A tenant's place in a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantIndex(pub u32);

impl Tenant {
    /// One of this level below `parent` with everything else left out.
    #[must_use]
    pub fn new(level: Level, parent: Option<ObjectId>) -> Self {
        Self {
            level,
            parent,
            state: TenantState::Active,
            services: None,
            categories: None,
            max_numbers: None,
            rate_per_second: None,
            burst: None,
            weight: one(),
            concurrent_calls: None,
            per_day: None,
            per_month: None,
            price_plan: None,
            payment: None,
            bill_on: None,
            low_balance: None,
            signature: None,
            template: None,
        }
    }

    fn bounded(&self) -> Result<(), (&'static str, String)> {
        let rate = |rate: Option<NonZeroU32>| rate.is_some_and(|rate| rate.get() > MAX_RATE);
        let money = |millis: Option<u64>| millis.is_some_and(|millis| millis > MAX_MILLIS);
        let credit = match self.payment {
            Some(Payment::Postpaid { credit }) => Some(credit),
            Some(Payment::Prepaid) | None => None,
        };
        let wrong = [
            ("rate_per_second", rate(self.rate_per_second), format!("more than {MAX_RATE}")),
            ("burst", rate(self.burst), format!("more than {MAX_RATE}")),
            (
                "burst",
                self.burst.is_some() && self.rate_per_second.is_none(),
                "without rate_per_second".into(),
            ),
            ("weight", self.weight.get() > MAX_WEIGHT, format!("more than {MAX_WEIGHT}")),
            ("payment.postpaid.credit", money(credit), format!("more than {MAX_MILLIS}")),
            ("low_balance", money(self.low_balance), format!("more than {MAX_MILLIS}")),
            ("low_balance", self.low_balance.is_some() && self.payment.is_none(), "without payment".into()),
        ];
        wrong
            .into_iter()
            .find(|(_, is_wrong, _)| *is_wrong)
            .map_or(Ok(()), |(field, _, why)| Err((field, why)))
    }
}

impl Managed for Tenant {
    const KIND: Kind = Kind::Tenant;

    fn check(&self, id: &ObjectId) -> Result<(), Mistake> {
        let fail = |field: &str, problem: String| Err(Mistake::of(Self::KIND, id, field, problem));
        let is_carrier = self.level == Level::Carrier;
        if is_carrier != self.parent.is_none() {
            return fail("parent", "every tenant but the carrier has one".into());
        }
        if is_carrier != (id.as_str() == CARRIER) {
            return fail("level", format!("the carrier's object is \"{CARRIER}\", and no other"));
        }
        self.bounded().or_else(|(field, problem)| fail(field, problem))
    }
}

const fn one() -> NonZeroU8 {
    NonZeroU8::MIN
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_one(weight: &NonZeroU8) -> bool {
    *weight == one()
}
