//! What is asked and told about balances of tenants. Amounts are thousandths of a yuan (厘).

use serde::{Deserialize, Serialize};
use veilgate_names::ObjectId;

use super::{read_one, write_one};

/// An amount to be paid in or taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentAsked {
    /// Whose balance.
    #[serde(serialize_with = "write_one", deserialize_with = "read_one")]
    pub tenant: ObjectId,
    /// By which it counts once, however often it is told.
    #[serde(serialize_with = "write_one", deserialize_with = "read_one")]
    pub reference: ObjectId,
    /// How much; negative: taken out.
    pub millis: i64,
}

/// How a tenant that pays stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceShown {
    /// Who.
    #[serde(serialize_with = "write_one", deserialize_with = "read_one")]
    pub tenant: ObjectId,
    /// Everything paid in, less what was taken out.
    pub paid_in: i64,
    /// Everything charged.
    pub charged: u64,
    /// What messages under way may yet cost.
    pub reserved: u64,
    /// How far below nothing it may go.
    pub credit: u64,
    /// What may still be used, credit included.
    pub available: i64,
}
