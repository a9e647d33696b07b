//! Black and white lists at five levels. A list is an object; its entries are not: up to a hundred million keyed hashes of
//! numbers, which this module finds, merges, writes and reads, but whose numbers it never sees.
//!
//! ```text
//! PersonList (object) --compile--> ListRules --check--> Listed
//!                                     | place of each list
//! Lists: id -> place --ArcSwap--> EntrySet { sorted keys, overlay of single changes }
//! ```

mod entries;
mod held;
mod import;
mod octets;
mod rows;
mod rules;
mod sorted;

pub use entries::{EntryEnd, EntrySet, ListChange};
pub use held::{HeldList, Lists};
pub use import::{ImportCounts, ImportMode, ListImport};
pub use octets::EntriesError;
pub use rows::{ListRows, TooManyEntries};
pub use rules::{ListQuestion, ListRules, Listed};

use serde::{Deserialize, Serialize};
use veilgate_names::{ObjectId, Reason, ServiceNumber};

use crate::mistake::Mistake;
use crate::objects::{Kind, Managed};
use crate::sets::{Categories, Services};

/// The longest description, characters.
const MAX_DESCRIPTION: usize = 200;

/// A list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonList {
    /// For whom it counts.
    pub level: ListLevel,
    /// What being on it means.
    pub kind: ListKind,
    /// With level `tenant`: the tenant; the list counts for everyone below it too.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub tenant: Option<ObjectId>,
    /// With level `signature`: the signature.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub signature: Option<ObjectId>,
    /// With level `number`: the service number, digits without extension.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub number: Option<ServiceNumber>,
    /// What messages have to be for; left out: whatever they are for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub categories: Categories,
    /// The services it counts for; left out: all.
    #[serde(default, skip_serializing_if = "is_default")]
    pub services: Services,
    /// What it is for, at most 200 characters; a note for staff.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether it counts.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// For whom a list counts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ListLevel {
    /// Complaints and orders of a regulator: everybody.
    Regulator,
    /// The carrier's own: everybody.
    Global,
    /// A tenant and everyone below it.
    Tenant,
    /// Texts with a signature.
    Signature,
    /// Whatever comes from a service number.
    Number,
}

impl ListLevel {
    /// All of them, in the order in which a refusal is reported.
    pub const ALL: [Self; 5] = [Self::Regulator, Self::Global, Self::Tenant, Self::Signature, Self::Number];

    /// Why somebody on a black list of this level is not contacted.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Regulator => Reason::BlackRegulator,
            Self::Global => Reason::BlackGlobal,
            Self::Tenant => Reason::BlackTenant,
            Self::Signature => Reason::BlackSignature,
            Self::Number => Reason::BlackNumber,
        }
    }
}

/// What being on a list means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ListKind {
    /// Not contacted, whatever else is allowed.
    Black,
    /// Contacted as often as anybody likes; no other rule is lifted.
    White,
}

impl Managed for PersonList {
    const KIND: Kind = Kind::PersonList;

    fn check(&self, id: &ObjectId) -> Result<(), Mistake> {
        let owners = [
            ("tenant", ListLevel::Tenant, self.tenant.is_some()),
            ("signature", ListLevel::Signature, self.signature.is_some()),
            ("number", ListLevel::Number, self.number.is_some()),
        ];
        for (field, level, is_there) in owners {
            match (self.level == level, is_there) {
                (true, false) => return Err(Mistake::of(Self::KIND, id, field, "is needed at this level")),
                (false, true) => {
                    return Err(Mistake::of(Self::KIND, id, field, "has no meaning at this level"));
                }
                (true, true) | (false, false) => {}
            }
        }
        let has_controls = self.description.chars().any(char::is_control);
        if has_controls || self.description.chars().count() > MAX_DESCRIPTION {
            return Err(Mistake::of(
                Self::KIND,
                id,
                "description",
                "expected at most 200 characters on one line",
            ));
        }
        Ok(())
    }
}

fn yes() -> bool {
    true
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
