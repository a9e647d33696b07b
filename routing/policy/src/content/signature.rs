//! Signatures: what may stand in 【】, whose it is, and where (requirements.md 3.5).

use std::num::NonZeroU32;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use veilgate_names::{ObjectId, ServiceNumber, Timestamp};

use crate::mistake::Mistake;
use crate::objects::{Kind, Managed, Table};
use crate::tenants::{Chain, MAX_RATE, TenantIndex, Tree};

const OPEN: char = '【';
const CLOSE: char = '】';

/// Fewest and most characters of a signature, without its brackets.
const LENGTH: std::ops::RangeInclusive<usize> = 2..=16;

/// The most service numbers a signature may be bound to.
const MAX_NUMBERS: usize = 10_000;

/// A text that names the sender, such as 某某银行. The tenant and everyone below it may use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// 2-16 characters without brackets of any kind.
    pub text: String,
    /// Whose it is: an enterprise, or somebody above enterprises.
    #[serde(with = "crate::form::text")]
    #[schemars(with = "String")]
    pub tenant: ObjectId,
    /// The service numbers it may be sent from; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "crate::form::list")]
    #[schemars(with = "Vec<String>")]
    pub numbers: Vec<ServiceNumber>,
    /// How far its approval is; only what is approved may be used.
    #[serde(default)]
    pub state: ApprovalState,
    /// Where in a text it stands.
    #[serde(default)]
    pub position: Position,
    /// From when on it may be used; none: at once.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::instant")]
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
    /// When it may no longer be used; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::instant")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// Segments a second of all messages that carry it, 1 to [`MAX_RATE`]; none: no limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<NonZeroU32>,
    /// Segments that may come at once after a rest, 1 to [`MAX_RATE`]; none: one second's worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU32>,
}

/// How far the approval of a signature or template is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalState {
    /// Being written.
    #[default]
    Draft,
    /// Handed in.
    Submitted,
    /// It may be used.
    Approved,
    /// It may not.
    Rejected,
    /// It may not for now.
    Suspended,
}

/// Where a signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// Before everything else.
    #[default]
    Head,
    /// Behind everything else.
    Tail,
    /// At one of the two.
    Either,
}

impl Managed for Signature {
    const KIND: Kind = Kind::Signature;

    fn check(&self, id: &ObjectId) -> Result<(), Mistake> {
        let mistake = |field: &str, problem: &str| Err(Mistake::of(Self::KIND, id, field, problem));
        if !LENGTH.contains(&self.text.chars().count()) {
            return mistake("text", "has to have 2-16 characters");
        }
        if self.text.contains(['[', ']', '［', '］']) || has_bracket(&self.text) {
            return mistake("text", "must not have brackets");
        }
        if self.text.trim() != self.text || self.text.contains(char::is_control) {
            return mistake("text", "must not have control characters, nor blanks at its ends");
        }
        if self.numbers.len() > MAX_NUMBERS {
            return mistake("numbers", "are more than 10000");
        }
        if self.from.zip(self.until).is_some_and(|(from, until)| from >= until) {
            return mistake("until", "is not after `from`");
        }
        for (field, rate) in [("rate_per_second", self.rate_per_second), ("burst", self.burst)] {
            if rate.is_some_and(|rate| rate.get() > MAX_RATE) {
                return mistake(field, "is more than 1000000");
            }
        }
        if self.burst.is_some() && self.rate_per_second.is_none() {
            return mistake("burst", "is there without `rate_per_second`");
        }
        Ok(())
    }
}

impl Signature {
    /// The whole text of a message: the body with the signature at its place.
    pub(super) fn sign(&self, body: &str) -> String {
        match self.position {
            Position::Head | Position::Either => format!("{OPEN}{}{CLOSE}{body}", self.text),
            Position::Tail => format!("{body}{OPEN}{}{CLOSE}", self.text),
        }
    }
}

/// Whether a text has 【 or 】, also in the forms for vertical writing.
pub(super) fn has_bracket(text: &str) -> bool {
    text.contains(is_bracket)
}

fn is_bracket(c: char) -> bool {
    matches!(c, OPEN | CLOSE | '︻' | '︼')
}

/// How a text is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed<'t> {
    /// It has no 【】.
    No,
    /// Exactly one, at an end.
    Once {
        /// What stands in it.
        signature: &'t str,
        /// The rest.
        body: &'t str,
        /// At which end; an empty body is behind its signature.
        position: Position,
    },
    /// Anything else.
    Badly,
}

impl<'t> Signed<'t> {
    /// Takes a text apart.
    pub(super) fn of(text: &'t str) -> Self {
        if !has_bracket(text) {
            return Self::No;
        }
        let head = text.strip_prefix(OPEN).and_then(|rest| rest.split_once(CLOSE));
        let tail = text.strip_suffix(CLOSE).and_then(|rest| rest.rsplit_once(OPEN));
        let head = head.map(|(signature, body)| (signature, body, Position::Head));
        let tail = tail.map(|(body, signature)| (signature, body, Position::Tail));
        match head.or(tail) {
            Some((signature, body, position)) if !has_bracket(signature) && !has_bracket(body) => {
                Self::Once { signature, body, position }
            }
            _ => Self::Badly,
        }
    }

    /// The text without its signature, or `text` as it is.
    pub(super) fn body(self, text: &'t str) -> &'t str {
        match self {
            Self::Once { body, .. } => body,
            Self::No | Self::Badly => text,
        }
    }
}

/// The signatures of a policy, by their texts.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    /// Of each text those in the order of their tenants, then of their ids: many may have the same.
    by_text: HashMap<Box<str>, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    id: ObjectId,
    tenant: TenantIndex,
    numbers: Box<[ServiceNumber]>,
    is_approved: bool,
    position: Position,
    from: Timestamp,
    until: Timestamp,
}

impl Signatures {
    pub(super) fn compile(table: &Table<Signature>, tree: &Tree) -> Result<Self, Mistake> {
        let mut by_text: HashMap<Box<str>, Vec<Entry>> = HashMap::new();
        for (id, signature) in table.iter() {
            let tenant = tree
                .index(&signature.tenant)
                .ok_or_else(|| Mistake::of(Kind::Signature, id, "tenant", "there is no such tenant"))?;
            by_text.entry_ref(signature.text.as_str()).or_default().push(Entry::of(id, tenant, signature));
        }
        by_text.values_mut().for_each(|named| named.sort_by_key(|entry| entry.tenant));
        Ok(Self { by_text })
    }

    /// Who a text names as its sender, if this sender may. `Err` for what is in 【】 and may not stand there, with the object
    /// that is nearest, if it is one the sender may know of.
    pub(super) fn judge(
        &self,
        signed: Signed<'_>,
        chain: Chain<'_>,
        number: &ServiceNumber,
        now: Timestamp,
    ) -> Result<Option<&ObjectId>, Option<&ObjectId>> {
        let (text, position) = match signed {
            Signed::No => return Ok(None),
            Signed::Badly => return Err(None),
            Signed::Once { signature, position, .. } => (signature, position),
        };
        let named = self.by_text.get(text).map_or(&[][..], Vec::as_slice);
        let mut nearest = None;
        for tenant in chain.iter() {
            let first = named.partition_point(|entry| entry.tenant < tenant);
            for entry in named.iter().skip(first).take_while(|entry| entry.tenant == tenant) {
                if entry.fits(position, number, now) {
                    return Ok(Some(&entry.id));
                }
                nearest = nearest.or(Some(&entry.id));
            }
        }
        Err(nearest)
    }
}

impl Entry {
    fn of(id: &ObjectId, tenant: TenantIndex, signature: &Signature) -> Self {
        let mut numbers = signature.numbers.clone();
        numbers.sort_unstable();
        Self {
            id: id.clone(),
            tenant,
            numbers: numbers.into(),
            is_approved: signature.state == ApprovalState::Approved,
            position: signature.position,
            from: signature.from.unwrap_or(Timestamp(i64::MIN)),
            until: signature.until.unwrap_or(Timestamp(i64::MAX)),
        }
    }

    fn fits(&self, position: Position, number: &ServiceNumber, now: Timestamp) -> bool {
        self.is_approved
            && (self.position == Position::Either || self.position == position)
            && (self.numbers.is_empty() || self.numbers.binary_search(number).is_ok())
            && self.from <= now
            && now < self.until
    }
}

#[cfg(test)]
mod tests;
