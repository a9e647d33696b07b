//! Service numbers and display numbers as objects (A-6.3.3.1-1, A-6.3.3.3-1, A-6.3.3.3-4): whose they are and what for. A
//! number without an object passes here; whose it is, is said by the configuration.

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use veilgate_names::{Category, ObjectId, Reason, Service, ServiceNumber, is_phone_number};

use crate::mistake::Mistake;
use crate::objects::{Kind, Managed, Objects};
use crate::rates::{Limit, Rates};
use crate::sets::Categories;
use crate::tenants::{Chain, MAX_RATE, TenantIndex, Tree};

/// The most digits of a number with its extension.
const MAX_DIGITS: usize = 20;
/// The most digits of an extension.
const MAX_EXTENSION: u8 = 6;
/// How 700 numbers begin, and how long they are (requirements.md 3.8).
const PREFIX_700: (&str, usize) = ("700", 15);

/// A service number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// Its digits, without extension.
    #[serde(with = "crate::form::text")]
    #[schemars(with = "String")]
    pub digits: ServiceNumber,
    /// What it is.
    #[serde(default)]
    pub kind: NumberKind,
    /// The tenant it belongs to; everyone below may use it.
    #[serde(with = "crate::form::text")]
    #[schemars(with = "String")]
    pub owner: ObjectId,
    /// For which services it serves, and in which directions. Default: both, both.
    #[serde(default)]
    pub services: ServiceDirections,
    /// What its messages and calls may be for; none: whatever its user may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Categories>,
    /// What a message is for that names no template. Default: notice.
    #[serde(default = "notice", with = "crate::form::text")]
    #[schemars(with = "String")]
    pub default_category: Category,
    /// Whether it serves now.
    #[serde(default)]
    pub state: NumberState,
    /// Segments a second, 1 to [`MAX_RATE`]; none: no limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<NonZeroU32>,
    /// Segments that may come at once after a rest, 1 to [`MAX_RATE`]; none: one second's worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU32>,
    /// Calls at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_calls: Option<NonZeroU32>,
    /// Digits that may stand behind it, 0-6.
    #[serde(default)]
    pub extension_digits: u8,
    /// Whether what people send to it or call comes back through this gateway and no other way. Must be true for display
    /// numbers and wherever there are replies or callbacks: the enterprise would see who answers.
    #[serde(default)]
    pub inbound_anchored: bool,
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NumberKind {
    /// A service number of messages, or of an enterprise.
    #[default]
    Service,
    /// One that calls show.
    Display,
    /// One of the 700 pilot, 15 digits, that calls show.
    #[serde(rename = "700")]
    Pilot700,
}

/// Whether a number serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NumberState {
    /// In both directions.
    #[default]
    Active,
    /// Nothing goes out; replies and callbacks still arrive.
    Locked,
    /// Nothing in either direction.
    Suspended,
}

/// In which directions each service goes; one that is left out does not go at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceDirections {
    /// Of messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms: Option<Directions>,
    /// Of calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<Directions>,
}

/// In which directions a service goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Directions {
    /// To people only.
    Outbound,
    /// From people only.
    Inbound,
    /// Both.
    #[default]
    Both,
}

/// The direction of one message or call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To a person.
    Outbound,
    /// From a person: a reply, a callback.
    Inbound,
}

/// What is said about a number that may be used.
#[derive(Debug, Clone, Copy)]
pub struct Allotted<'a> {
    /// What the message or call is for.
    pub category: Category,
    /// The number's object, if it has one.
    pub id: Option<&'a ObjectId>,
    /// Its rate, to be taken with those of the tenants.
    pub limit: Option<&'a Limit>,
    /// Calls at the same time.
    pub concurrent_calls: Option<NonZeroU32>,
}

/// The numbers of a policy.
#[derive(Debug, Default)]
pub struct Numbers(HashMap<ServiceNumber, Entry, FxBuildHasher>);

#[derive(Debug)]
struct Entry {
    id: ObjectId,
    owner: TenantIndex,
    services: ServiceDirections,
    categories: Categories,
    default_category: Category,
    state: NumberState,
    limit: Option<Limit>,
    concurrent_calls: Option<NonZeroU32>,
}

impl Numbers {
    /// Puts the numbers in order; their rates go on where they stand in `rates`.
    ///
    /// # Errors
    /// [`Mistake`] for an owner that does not exist or has more numbers than it may, for digits that two numbers share or
    /// that one with its extension shares with another, and for a number that is not anchored and has to be.
    pub fn compile(objects: &Objects, tree: &Tree, rates: &Rates) -> Result<Self, Mistake> {
        let mut numbers = HashMap::with_capacity_and_hasher(objects.numbers.len(), FxBuildHasher);
        let mut held: HashMap<TenantIndex, u32> = HashMap::new();
        for (id, number) in objects.numbers.iter() {
            number.check(id)?;
            let Some(owner) = tree.index(&number.owner) else {
                let problem = format!("there is no tenant \"{}\"", number.owner);
                return Err(Mistake::of(Kind::Number, id, "owner", problem));
            };
            for above in tree.chain_of(owner).iter() {
                *held.entry(above).or_default() += 1;
            }
            let limit = number.rate_per_second.map(|rate| rates.limit(Kind::Number, id, rate, number.burst));
            if let Some(other) = numbers.insert(number.digits, Entry::new(id, owner, number, limit)) {
                let problem = format!("\"{}\" has the same", other.id);
                return Err(Mistake::of(Kind::Number, id, "digits", problem));
            }
        }
        for (index, id, tenant) in tree.iter() {
            let count = held.get(&index).copied().unwrap_or(0);
            if tenant.max_numbers.is_some_and(|most| count > most) {
                let problem = format!("it and those below have {count} numbers");
                return Err(Mistake::of(Kind::Tenant, id, "max_numbers", problem));
            }
        }
        prefixes(objects)?;
        Ok(Self(numbers))
    }

    /// Whether a tenant may use a number now, for this. `category` is what is known already, by a template; it is looked
    /// at for what goes out only.
    ///
    /// # Errors
    /// [`Reason::CliForbidden`] or [`Reason::Direction`], with the number's object.
    pub fn check(
        &self,
        number: ServiceNumber,
        chain: Chain<'_>,
        service: Service,
        direction: Direction,
        category: Option<Category>,
    ) -> Result<Allotted<'_>, (Reason, &ObjectId)> {
        let Some(entry) = self.0.get(&number) else {
            let category = category.unwrap_or(notice());
            return Ok(Allotted { category, id: None, limit: None, concurrent_calls: None });
        };
        let category = category.unwrap_or(entry.default_category);
        if let Some(reason) = entry.refuses(chain, service, direction, category) {
            return Err((reason, &entry.id));
        }
        let Entry { id, limit, concurrent_calls, .. } = entry;
        Ok(Allotted { category, id: Some(id), limit: limit.as_ref(), concurrent_calls: *concurrent_calls })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Entry {
    fn new(id: &ObjectId, owner: TenantIndex, number: &Number, limit: Option<Limit>) -> Self {
        Self {
            id: id.clone(),
            owner,
            services: number.services,
            categories: number.categories.unwrap_or_default(),
            default_category: number.default_category,
            state: number.state,
            limit,
            concurrent_calls: number.concurrent_calls,
        }
    }

    fn refuses(
        &self,
        chain: Chain<'_>,
        service: Service,
        direction: Direction,
        category: Category,
    ) -> Option<Reason> {
        let outbound = direction == Direction::Outbound;
        let serves = match self.state {
            NumberState::Active => true,
            NumberState::Locked => !outbound,
            NumberState::Suspended => false,
        };
        let directions = self.services.of(service);
        if !serves || !chain.contains(self.owner) {
            return Some(Reason::CliForbidden);
        }
        match directions {
            None => Some(Reason::CliForbidden),
            Some(directions) if !directions.include(direction) => Some(Reason::Direction),
            Some(_) if outbound && !self.categories.contains(category) => Some(Reason::CliForbidden),
            Some(_) => None,
        }
    }
}

impl Number {
    fn wrong(&self) -> Option<(&'static str, &'static str)> {
        let rate = |rate: Option<NonZeroU32>| rate.is_some_and(|rate| rate.get() > MAX_RATE);
        let digits = self.digits.as_str();
        let (prefix, length) = PREFIX_700;
        let is_pilot = self.kind == NumberKind::Pilot700;
        let hears =
            |directions: Option<Directions>| directions.is_some_and(|d| d.include(Direction::Inbound));
        let answered = hears(self.services.sms) || hears(self.services.voice);
        let nothing = self.services.sms.is_none() && self.services.voice.is_none();
        let default = self.categories.is_none_or(|categories| categories.contains(self.default_category));
        let too_long = digits.len() + usize::from(self.extension_digits) > MAX_DIGITS;
        let rules = [
            (is_phone_number(digits), "digits", "the number of a person"),
            (
                is_pilot && !(digits.starts_with(prefix) && digits.len() == length),
                "digits",
                "a 700 number has 15 digits and begins with 700",
            ),
            (self.extension_digits > MAX_EXTENSION, "extension_digits", "more than 6"),
            (too_long, "extension_digits", "number and extension are more than 20 digits"),
            (nothing, "services", "empty; suspend it instead"),
            (!default, "default_category", "not one of its categories"),
            (rate(self.rate_per_second), "rate_per_second", "more than 1000000"),
            (rate(self.burst), "burst", "more than 1000000"),
            (self.burst.is_some() && self.rate_per_second.is_none(), "burst", "without rate_per_second"),
            (
                (self.kind != NumberKind::Service || answered) && !self.inbound_anchored,
                "inbound_anchored",
                "must be true: what comes back to this number may come only through the gateway",
            ),
        ];
        rules.into_iter().find(|(wrong, ..)| *wrong).map(|(_, field, problem)| (field, problem))
    }
}

impl Managed for Number {
    const KIND: Kind = Kind::Number;

    fn check(&self, id: &ObjectId) -> Result<(), Mistake> {
        self.wrong().map_or(Ok(()), |(field, problem)| Err(Mistake::of(Self::KIND, id, field, problem)))
    }
}

impl ServiceDirections {
    fn of(self, service: Service) -> Option<Directions> {
        match service {
            Service::Sms => self.sms,
            Service::Voice => self.voice,
        }
    }
}

impl Default for ServiceDirections {
    fn default() -> Self {
        Self { sms: Some(Directions::Both), voice: Some(Directions::Both) }
    }
}

impl Directions {
    /// Whether one of them is this.
    #[must_use]
    pub fn include(self, direction: Direction) -> bool {
        match self {
            Self::Both => true,
            Self::Outbound => direction == Direction::Outbound,
            Self::Inbound => direction == Direction::Inbound,
        }
    }
}

const fn notice() -> Category {
    Category::Notice
}

/// Refuses two numbers where one with an extension reads like the other with or without one.
fn prefixes(objects: &Objects) -> Result<(), Mistake> {
    let mut sorted: Vec<_> = objects.numbers.iter().collect();
    sorted.sort_by(|(_, one), (_, other)| one.digits.as_str().cmp(other.digits.as_str()));
    for (position, (_, short)) in sorted.iter().enumerate() {
        let behind = |long: &Number| short.digits.extension_in(long.digits.as_str()).is_some();
        for (id, long) in sorted.iter().skip(position + 1).take_while(|(_, long)| behind(long)) {
            let dialled = short.digits.as_str().len() + usize::from(short.extension_digits);
            let bare = long.digits.as_str().len();
            if dialled == bare || dialled == bare + usize::from(long.extension_digits) {
                let problem = format!("\"{}\" with its extension digits reads the same", short.digits);
                return Err(Mistake::of(Kind::Number, id, "digits", problem));
            }
        }
    }
    Ok(())
}
