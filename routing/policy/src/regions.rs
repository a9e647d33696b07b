//! Where people are contacted: provinces, cities and operators that a rule allows, or that it leaves out (盲区).

use hashbrown::HashSet;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use veilgate_names::{Category, Gazetteer, ObjectId, Place, Service, ServiceNumber};

use crate::mistake::Mistake;
use crate::objects::{Kind, Managed, Objects};
use crate::scope::{Index, Reach, Scope, Wrong};
use crate::tenants::{Chain, Tree};

/// The most spots, and the most numbers, of one rule.
const MAX_ENTRIES: usize = 10_000;
/// The longest name of a province, city or operator, octets.
const MAX_NAME: usize = 64;

/// Where people are contacted. It has either `allow` or `deny`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionRule {
    /// Which messages and calls.
    #[serde(default, skip_serializing_if = "Scope::is_everything")]
    pub scope: Scope,
    /// Only from these service numbers, without extension; none: from any.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "crate::form::list")]
    #[schemars(with = "Vec<String>")]
    pub numbers: Vec<ServiceNumber>,
    /// Only people who are there. Of whom that is not known is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<Spot>>,
    /// Nobody who is there. Of whom that is not known is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deny: Option<Vec<Spot>>,
}

/// A province, a city in it, an operator, or an operator in one of these, by the names of the segment table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spot {
    /// Such as `四川`; none: anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub province: Option<String>,
    /// Such as `成都`; none: the whole province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Who serves the number now, such as `移动`; none: anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
}

impl Managed for RegionRule {
    const KIND: Kind = Kind::RegionRule;

    fn check(&self, id: &ObjectId) -> Result<(), Mistake> {
        let mistake = |field: &str, problem| Err(Mistake::of(Self::KIND, id, field, problem));
        let (list, spots) = match (&self.allow, &self.deny) {
            (Some(spots), None) => ("allow", spots),
            (None, Some(spots)) => ("deny", spots),
            _ => return mistake("", "give either allow or deny"),
        };
        if self.numbers.len() > MAX_ENTRIES {
            return mistake("numbers", "more than 10,000");
        }
        if spots.is_empty() || spots.len() > MAX_ENTRIES {
            return mistake(list, "expected 1 to 10,000 places");
        }
        for (at, spot) in spots.iter().enumerate() {
            if let Some(Wrong { key, problem }) = spot.wrong() {
                return mistake(&format!("{list}[{at}]{key}"), problem);
            }
        }
        Ok(())
    }
}

impl Spot {
    fn wrong(&self) -> Option<Wrong> {
        let is_wrong = |name: &Option<String>| {
            name.as_ref().is_some_and(|name| name.is_empty() || name.len() > MAX_NAME)
        };
        let (key, problem) = match self {
            Self { province: None, city: Some(_), .. } => {
                (".city", "a city is one of a province, which is not given")
            }
            Self { province: None, operator: None, .. } => ("", "expected a province or an operator"),
            Self { province, .. } if is_wrong(province) => (".province", "a name has 1 to 64 octets"),
            Self { city, .. } if is_wrong(city) => (".city", "a name has 1 to 64 octets"),
            Self { operator, .. } if is_wrong(operator) => (".operator", "a name has 1 to 64 octets"),
            _ => return None,
        };
        Some(Wrong { key, problem })
    }

    fn compile(&self, gazetteer: &Gazetteer) -> Result<Pattern, Wrong> {
        let unknown = |key, problem| Wrong { key, problem };
        let find = |name: &String| {
            let province = gazetteer.find_province(name);
            province.ok_or(unknown(".province", "the segment table has no such province"))
        };
        let province = self.province.as_ref().map(find).transpose()?;
        let find = |name: &String| {
            let city = gazetteer.find_city(province?, name);
            Some(city.ok_or(unknown(".city", "the segment table has no such city in this province")))
        };
        let city = self.city.as_ref().and_then(find).transpose()?;
        let find = |name: &String| {
            let operator = gazetteer.find_operator(name);
            operator.ok_or(unknown(".operator", "neither segment nor portability table has such an operator"))
        };
        let operator = self.operator.as_ref().map(find).transpose()?;
        Ok(Pattern { province, city, operator })
    }
}

/// A [`Spot`] with its names looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Pattern {
    province: Option<u8>,
    city: Option<u16>,
    operator: Option<u8>,
}

/// The region rules of a policy.
#[derive(Debug, Default)]
pub struct Regions {
    rules: Vec<Compiled>,
    index: Index,
}

#[derive(Debug)]
struct Compiled {
    id: ObjectId,
    reach: Reach,
    /// Empty: any.
    numbers: HashSet<ServiceNumber, FxBuildHasher>,
    is_allow: bool,
    spots: HashSet<Pattern, FxBuildHasher>,
}

impl Regions {
    /// Makes rules of the objects.
    ///
    /// # Errors
    /// [`Mistake`] for a tenant, province, city or operator that is not there, and for a place that stands twice.
    pub fn compile(objects: &Objects, tree: &Tree, gazetteer: &Gazetteer) -> Result<Self, Mistake> {
        let mut made = Self::default();
        for (id, rule) in objects.region_rules.iter() {
            let reach = rule.scope.compile(Kind::RegionRule, id, tree)?;
            let is_allow = rule.allow.is_some();
            let list = if is_allow { "allow" } else { "deny" };
            let mut spots = HashSet::default();
            for (at, spot) in rule.allow.iter().chain(&rule.deny).flatten().enumerate() {
                let wrong = |Wrong { key, problem }| {
                    Mistake::of(Kind::RegionRule, id, format!("{list}[{at}]{key}"), problem)
                };
                if !spots.insert(spot.compile(gazetteer).map_err(wrong)?) {
                    return Err(wrong(Wrong { key: "", problem: "the same place stands there twice" }));
                }
            }
            made.index.add(made.rules.len(), reach.tenant, None);
            let numbers = rule.numbers.iter().copied().collect();
            made.rules.push(Compiled { id: id.clone(), reach, numbers, is_allow, spots });
        }
        Ok(made)
    }

    /// The rule that keeps this person from being contacted, if one does. Of several it is the first by whose they are
    /// (everyone's, then up from the enterprise), then by name.
    #[must_use]
    pub fn check(
        &self,
        service: Service,
        category: Category,
        chain: Chain<'_>,
        number: ServiceNumber,
        place: Option<Place>,
    ) -> Option<ObjectId> {
        if self.rules.is_empty() {
            return None;
        }
        let mut found = self.index.find(chain, None).filter_map(|at| self.rules.get(at));
        let refusing = found.find(|rule| {
            rule.reach.is_about(service, category)
                && (rule.numbers.is_empty() || rule.numbers.contains(&number))
                && rule.has(place) != rule.is_allow
        });
        refusing.map(|rule| rule.id.clone())
    }
}

impl Compiled {
    fn has(&self, place: Option<Place>) -> bool {
        place.is_some_and(|Place { province, city, operator }| {
            let ways = [
                (Some(province), None, None),
                (Some(province), Some(city), None),
                (Some(province), None, Some(operator)),
                (Some(province), Some(city), Some(operator)),
                (None, None, Some(operator)),
            ];
            let pattern = |(province, city, operator)| Pattern { province, city, operator };
            ways.into_iter().map(pattern).any(|pattern| self.spots.contains(&pattern))
        })
    }
}

#[cfg(test)]
mod tests;
