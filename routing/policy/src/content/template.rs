//! Templates: bodies with placeholders, approved by carrier and notary (requirements.md 3.5), and how a text is known to be
//! one of ten thousand in microseconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use daachorse::{CharwiseDoubleArrayAhoCorasick, CharwiseDoubleArrayAhoCorasickBuilder};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use veilgate_names::{Category, ObjectId};

use super::body::Body;
use super::params::Values;
use super::signature::{ApprovalState, Signature};
use super::variable::Variable;
use crate::mistake::Mistake;
use crate::objects::{Kind, Managed, Table};
use crate::tenants::{Chain, TenantIndex, Tree};

/// Literals shorter than this, in characters, stand in too many texts to look templates up by.
const GOOD_ANCHOR: usize = 3;

/// A text with placeholders. The tenant and everyone below it may use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Whose it is: an enterprise, or somebody above enterprises.
    #[serde(with = "crate::form::text")]
    #[schemars(with = "String")]
    pub tenant: ObjectId,
    /// The signature its texts carry, at that signature's place; none: whichever the sender may use, or none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::form::optional")]
    #[schemars(with = "Option<String>")]
    pub signature: Option<ObjectId>,
    /// What its messages are for.
    #[serde(with = "crate::form::text")]
    #[schemars(with = "String")]
    pub category: Category,
    /// The text without signature, with placeholders `${name}`, `#name#` or `{{name}}`; up to 500 characters once filled.
    pub body: String,
    /// The placeholders: each of the body, up to 20, and no others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Variable>,
    /// How far it is with whoever keeps it; only what is approved may be used.
    #[serde(default)]
    pub state: ApprovalState,
    /// Whether the carrier approved it; nobody may use it otherwise.
    #[serde(default)]
    pub carrier_approved: bool,
    /// Whether the notary approved it; nobody may use it otherwise.
    #[serde(default)]
    pub notary_approved: bool,
}

impl Managed for Template {
    const KIND: Kind = Kind::Template;

    fn check(&self, id: &ObjectId) -> Result<(), Mistake> {
        for (name, variable) in &self.variables {
            let most = variable.kind.longest();
            if variable.max_length.is_some_and(|length| length == 0 || usize::from(length) > most) {
                let problem = format!("has to be 1-{most} for this type");
                let field = if name.len() > 32 {
                    "variables".to_owned()
                } else {
                    format!("variables.{name}.max_length")
                };
                return Err(Mistake::of(Self::KIND, id, field, problem));
            }
        }
        self.parsed(id).map(|_| ())
    }
}

impl Template {
    fn parsed(&self, id: &ObjectId) -> Result<Body, Mistake> {
        Body::parse(&self.body, &self.variables)
            .map_err(|error| Mistake::of(Self::KIND, id, "body", error.to_string()))
    }

    fn is_usable(&self) -> bool {
        self.state == ApprovalState::Approved && self.carrier_approved && self.notary_approved
    }
}

/// The templates of a policy.
#[derive(Default)]
pub(super) struct Templates {
    entries: Box<[Entry]>,
    by_id: HashMap<ObjectId, u32>,
    anchors: Anchors,
}

/// A template that is ready for use.
pub(super) struct Entry {
    pub(super) id: ObjectId,
    pub(super) category: Category,
    signature: Option<(ObjectId, Arc<Signature>)>,
    tenant: TenantIndex,
    is_usable: bool,
    body: Body,
}

/// What a sender says that it sends.
#[derive(Clone, Copy)]
pub(super) struct Named<'q> {
    pub(super) template: &'q ObjectId,
    pub(super) params: Option<&'q str>,
}

impl Templates {
    pub(super) fn compile(
        table: &Table<Template>,
        signatures: &Table<Signature>,
        tree: &Tree,
    ) -> Result<Self, Mistake> {
        let mut entries = Vec::with_capacity(table.len());
        let mut by_id = HashMap::with_capacity(table.len());
        for (id, template) in table.iter() {
            let index = u32::try_from(entries.len())
                .map_err(|_| Mistake::of(Kind::Template, id, "", "there are too many"))?;
            by_id.insert(id.clone(), index);
            entries.push(Entry::of(id, template, signatures, tree)?);
        }
        let anchors = Anchors::of(&entries)?;
        Ok(Self { entries: entries.into(), by_id, anchors })
    }

    /// The template that a sender named, if the sender may use it.
    fn usable(&self, id: &ObjectId, chain: Chain<'_>) -> Result<&Entry, Option<&ObjectId>> {
        let entry = self.by_id.get(id).and_then(|index| self.at(*index));
        let entry = entry.filter(|entry| chain.contains(entry.tenant)).ok_or(None)?;
        if entry.is_usable { Ok(entry) } else { Err(Some(&entry.id)) }
    }

    /// Whether a body is what the sender says: what the template and the params make, or, without params, could have made.
    pub(super) fn judge(
        &self,
        named: Named<'_>,
        body: &str,
        signature: Option<&ObjectId>,
        chain: Chain<'_>,
    ) -> Result<&Entry, Option<&ObjectId>> {
        let entry = self.usable(named.template, chain)?;
        let is_made = match named.params.filter(|params| !params.is_empty()) {
            Some(params) => {
                Values::read(&entry.body, Some(params)).is_some_and(|values| entry.body.makes(&values, body))
            }
            None => entry.body.could_make(body),
        };
        if is_made && entry.suits(signature) { Ok(entry) } else { Err(Some(&entry.id)) }
    }

    /// The first template, by its id, that could have made the body.
    pub(super) fn recognize(
        &self,
        body: &str,
        signature: Option<&ObjectId>,
        chain: Chain<'_>,
    ) -> Option<&Entry> {
        let automaton = self.anchors.automaton.as_ref()?;
        let mut best: Option<u32> = None;
        let mut seen = Seen::default();
        for anchor in automaton.find_overlapping_iter(body).map(|found| found.value()) {
            if !seen.is_new(anchor) {
                continue;
            }
            for candidates in chain.iter().filter_map(|tenant| self.anchors.owners.get(&(anchor, tenant))) {
                let mut better =
                    candidates.iter().copied().take_while(|index| best.is_none_or(|best| *index < best));
                let fits = |index: &u32| {
                    self.at(*index).is_some_and(|entry| entry.suits(signature) && entry.body.could_make(body))
                };
                best = better.find(fits).or(best);
            }
        }
        best.and_then(|index| self.at(index))
    }

    /// Makes a text, signed if the template says by whom; `Err` if the sender may not use the template, or the params do
    /// not fit.
    pub(super) fn make(&self, named: Named<'_>, chain: Chain<'_>) -> Result<String, Option<&ObjectId>> {
        let entry = self.usable(named.template, chain)?;
        let made = Values::read(&entry.body, named.params).and_then(|values| entry.body.make(&values));
        let body = made.ok_or(Some(&entry.id))?;
        Ok(entry.signature.as_ref().map_or_else(|| body.clone(), |(_, signature)| signature.sign(&body)))
    }

    fn at(&self, index: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(index).ok()?)
    }
}

impl Entry {
    fn of(
        id: &ObjectId,
        template: &Template,
        signatures: &Table<Signature>,
        tree: &Tree,
    ) -> Result<Self, Mistake> {
        let mistake = |field: &str, problem: &str| Mistake::of(Kind::Template, id, field, problem);
        let tenant =
            tree.index(&template.tenant).ok_or_else(|| mistake("tenant", "there is no such tenant"))?;
        let find = |named: &ObjectId| {
            let found =
                signatures.find(named).ok_or_else(|| mistake("signature", "there is no such signature"))?;
            let is_above =
                tree.index(&found.tenant).is_some_and(|owner| tree.chain_of(tenant).contains(owner));
            let owned = is_above.then(|| (named.clone(), Arc::clone(found)));
            owned.ok_or_else(|| mistake("signature", "is not the tenant's, nor of one above"))
        };
        Ok(Self {
            id: id.clone(),
            category: template.category,
            signature: template.signature.as_ref().map(find).transpose()?,
            tenant,
            is_usable: template.is_usable(),
            body: template.parsed(id)?,
        })
    }

    fn suits(&self, signature: Option<&ObjectId>) -> bool {
        self.signature.as_ref().is_none_or(|(id, _)| Some(id) == signature)
    }
}

/// The anchors a text had lately, so that a text that repeats itself is not looked through again and again.
#[derive(Default)]
struct Seen {
    last: [Option<u32>; 16],
    next: usize,
}

impl Seen {
    fn is_new(&mut self, anchor: u32) -> bool {
        if self.last.contains(&Some(anchor)) {
            return false;
        }
        if let Some(slot) = self.last.get_mut(self.next % 16) {
            *slot = Some(anchor);
        }
        self.next += 1;
        true
    }
}

/// What templates are looked up by: of each usable one the literal that the fewest of its tenant's templates have, the
/// longest of these.
#[derive(Default)]
struct Anchors {
    /// Finds them in a text.
    automaton: Option<CharwiseDoubleArrayAhoCorasick<u32>>,
    /// Which templates of a tenant have this one, in the order of their ids.
    owners: HashMap<(u32, TenantIndex), Vec<u32>, FxBuildHasher>,
}

impl Anchors {
    fn of(entries: &[Entry]) -> Result<Self, Mistake> {
        let usable = || (0_u32..).zip(entries).filter(|(_, entry)| entry.is_usable);
        let mut uses: HashMap<(TenantIndex, &str), u32, FxBuildHasher> = HashMap::default();
        for (_, entry) in usable() {
            for literal in entry.body.literals().filter(|literal| !literal.is_empty()) {
                *uses.entry((entry.tenant, literal)).or_default() += 1;
            }
        }
        let mut names: HashMap<&str, u32, FxBuildHasher> = HashMap::default();
        let mut owners: HashMap<(u32, TenantIndex), Vec<u32>, FxBuildHasher> = HashMap::default();
        for (index, entry) in usable() {
            let cost = |literal: &&str| {
                let length = literal.chars().count();
                (length < GOOD_ANCHOR, uses.get(&(entry.tenant, *literal)).copied(), usize::MAX - length)
            };
            let literals = entry.body.literals().filter(|literal| !literal.is_empty());
            let Some(anchor) = literals.min_by_key(cost) else { continue };
            let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
            let anchor = *names.entry(anchor).or_insert(next);
            owners.entry((anchor, entry.tenant)).or_default().push(index);
        }
        Ok(Self { automaton: Self::automaton(names)?, owners })
    }

    fn automaton(
        names: HashMap<&str, u32, FxBuildHasher>,
    ) -> Result<Option<CharwiseDoubleArrayAhoCorasick<u32>>, Mistake> {
        let mut patterns: Vec<(&str, u32)> = names.into_iter().collect();
        if patterns.is_empty() {
            return Ok(None);
        }
        patterns.sort_unstable();
        let built = CharwiseDoubleArrayAhoCorasickBuilder::new().build_with_values(patterns);
        built.map(Some).map_err(|_| Mistake {
            kind: Kind::Template,
            id: None,
            field: String::new(),
            problem: "are too many".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
