//! What texts may say: signatures, templates, opt-out wordings, sensitive words. It judges whole texts, knows whose they are
//! and nothing of whom they are for.

mod body;
mod fold;
mod link;
mod opt_out;
mod params;
mod signature;
mod template;
mod variable;
mod words;

use std::fmt;
use std::sync::{Arc, LazyLock};

use veilgate_names::{Category, ObjectId, Service, Timestamp};

use crate::decision::Rule;
use crate::mistake::Mistake;
use crate::objects::{Objects, Table};
use crate::question::Question;
use crate::tenants::{Chain, Requirement, Tenant, Tree};

pub use fold::folded;
pub use signature::{ApprovalState, Position, Signature};
pub use template::Template;
pub use variable::{Variable, VariableKind};
pub use words::{WordAction, WordList};

use signature::{Signatures, Signed};
use template::{Entry, Named, Templates};
use words::{Automaton, Found, Words};

/// Signatures, templates and word lists, ready for use.
pub struct Content {
    made_of: Tables,
    signatures: Arc<Signatures>,
    templates: Arc<Templates>,
    words: Arc<Words>,
}

/// What a [`Content`] was made of; of what did not change, the made form serves again.
struct Tables {
    tenants: Table<Tenant>,
    signatures: Table<Signature>,
    templates: Table<Template>,
    word_lists: Table<WordList>,
}

/// What was found out about a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Judged<'a> {
    /// What its template is for; `None` without template.
    pub category: Option<Category>,
    /// The signature it carries; never one that the sender may not use.
    pub signature: Option<&'a ObjectId>,
    /// The template it was made of.
    pub template: Option<&'a ObjectId>,
    /// What is against it: the first, in the order of the rules.
    pub finding: Option<Finding<'a>>,
    /// A word list marked it.
    pub flagged: bool,
}

/// What is against a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding<'a> {
    /// [`Rule::Signature`], [`Rule::Template`], [`Rule::OptOutWording`] or [`Rule::Words`].
    pub rule: Rule,
    /// The signature, template or word list; `None` where the text has or names none that the sender may know of.
    pub object: Option<&'a ObjectId>,
    /// What follows.
    pub consequence: Consequence,
}

/// What follows from a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// The text is refused.
    Block,
    /// It waits until staff have looked at it.
    Hold,
}

impl Content {
    /// Makes it of the objects. What did not change since `earlier` is taken from there.
    ///
    /// # Errors
    /// [`Mistake`] for tenants and signatures that are named and not there, and for more than there may be.
    pub fn compile(objects: &Objects, tree: &Tree, earlier: Option<&Self>) -> Result<Self, Mistake> {
        let tables = Tables::of(objects);
        let same = |is_same: fn(&Tables, &Tables) -> bool| {
            earlier.filter(|earlier| is_same(&earlier.made_of, &tables))
        };
        let signatures = match same(Tables::have_same_signatures) {
            Some(earlier) => Arc::clone(&earlier.signatures),
            None => Arc::new(Signatures::compile(&tables.signatures, tree)?),
        };
        let templates = match same(Tables::have_same_templates) {
            Some(earlier) => Arc::clone(&earlier.templates),
            None => Arc::new(Templates::compile(&tables.templates, &tables.signatures, tree)?),
        };
        let automaton = match same(|one, other| one.word_lists.is_same(&other.word_lists)) {
            Some(earlier) => Arc::clone(&earlier.words.automaton),
            None => Arc::new(Automaton::compile(&tables.word_lists)?),
        };
        let words = Arc::new(Words::compile(automaton, &tables.word_lists, tree)?);
        // Made here once, so that no message waits for it.
        LazyLock::force(&opt_out::BUILT_IN);
        Ok(Self { made_of: tables, signatures, templates, words })
    }

    /// Makes the text of a message that names a template and has no text of its own: the template filled, with its
    /// signature if it has one. The text is still to be judged.
    ///
    /// # Errors
    /// The [`Finding`] of the rule for templates: unknown here, not approved, or params that do not fit.
    pub fn render(
        &self,
        template: &ObjectId,
        params: Option<&str>,
        chain: Chain<'_>,
    ) -> Result<String, Finding<'_>> {
        let made = self.templates.make(Named { template, params }, chain);
        made.map_err(|object| Finding::block(Rule::Template, object))
    }

    /// Judges a text by the rules for signatures, templates, opt-out wordings and words, in this order, up to the first that
    /// refuses it. `requirements` are those of signature and template, `category` is what the message is for if its template
    /// does not say. Calls pass; so do messages that are no text, unless something is required of texts.
    #[must_use]
    pub fn judge(
        &self,
        question: &Question<'_>,
        chain: Chain<'_>,
        requirements: (Requirement, Requirement),
        category: Category,
        now: Timestamp,
    ) -> Judged<'_> {
        if question.service != Service::Sms {
            return Judged::default();
        }
        let (signature, template) = requirements;
        let Some(text) = question.text else { return Judged::without_text(requirements) };
        let signed = Signed::of(text);
        let signature = match self.signature(question, signed, chain, signature, now) {
            Ok(signature) => signature,
            Err(object) => return Judged::default().refused(Rule::Signature, object),
        };
        let judged = Judged { signature, ..Judged::default() };
        let template = match self.template(question, signed.body(text), signature, chain, template) {
            Ok(template) => template,
            Err(object) => return judged.refused(Rule::Template, object),
        };
        let judged = Judged {
            template: template.map(|entry| &entry.id),
            category: template.map(|entry| entry.category),
            ..judged
        };
        self.words(text, chain, judged.category.unwrap_or(category), judged)
    }

    /// All that is against a text, also behind what refuses it: for explanations. The arguments are those of
    /// [`Self::judge`], whose finding is the first of these.
    #[must_use]
    pub fn findings(
        &self,
        question: &Question<'_>,
        chain: Chain<'_>,
        requirements: (Requirement, Requirement),
        category: Category,
        now: Timestamp,
    ) -> Vec<Finding<'_>> {
        let text = question.text.filter(|_| question.service == Service::Sms);
        let Some(text) = text else {
            return self.judge(question, chain, requirements, category, now).finding.into_iter().collect();
        };
        let signed = Signed::of(text);
        let signature = self.signature(question, signed, chain, requirements.0, now);
        let named = signature.unwrap_or_default();
        let template = self.template(question, signed.body(text), named, chain, requirements.1);
        let of_template = template.as_ref().ok().and_then(|entry| entry.map(|entry| entry.category));
        let category = of_template.unwrap_or(category);
        let found = self.words.find(text, chain, category);
        let findings = [
            signature.err().map(|object| Finding::block(Rule::Signature, object)),
            template.err().map(|object| Finding::block(Rule::Template, object)),
            self.wording(text, chain, category, &found),
            Finding::of_words(&found),
        ];
        findings.into_iter().flatten().collect()
    }

    fn signature(
        &self,
        question: &Question<'_>,
        signed: Signed<'_>,
        chain: Chain<'_>,
        requirement: Requirement,
        now: Timestamp,
    ) -> Result<Option<&ObjectId>, Option<&ObjectId>> {
        match (self.signatures.judge(signed, chain, &question.number, now), requirement) {
            (Ok(None), Requirement::Required) => Err(None),
            (Err(_), Requirement::Off) => Ok(None),
            (judged, _) => judged,
        }
    }

    fn template(
        &self,
        question: &Question<'_>,
        body: &str,
        signature: Option<&ObjectId>,
        chain: Chain<'_>,
        requirement: Requirement,
    ) -> Result<Option<&Entry>, Option<&ObjectId>> {
        let named = question.template.map(|template| Named { template, params: question.params });
        match (named, requirement) {
            (Some(named), Requirement::Off) => Ok(self.templates.judge(named, body, signature, chain).ok()),
            (Some(named), _) => self.templates.judge(named, body, signature, chain).map(Some),
            (None, Requirement::Off) => Ok(None),
            (None, Requirement::Optional) => Ok(self.templates.recognize(body, signature, chain)),
            (None, Requirement::Required) => {
                self.templates.recognize(body, signature, chain).map(Some).ok_or(None)
            }
        }
    }

    fn words<'a>(
        &'a self,
        text: &str,
        chain: Chain<'_>,
        category: Category,
        judged: Judged<'a>,
    ) -> Judged<'a> {
        let found = self.words.find(text, chain, category);
        let finding = self.wording(text, chain, category, &found).or_else(|| Finding::of_words(&found));
        Judged { flagged: found.flagged, finding, ..judged }
    }

    fn wording(
        &self,
        text: &str,
        chain: Chain<'_>,
        category: Category,
        found: &Found<'_>,
    ) -> Option<Finding<'static>> {
        let is_said = || match self.words.has_wordings_for(chain) {
            true => found.has_opt_out,
            false => opt_out::BUILT_IN.find(text, chain, category).has_opt_out,
        };
        (category == Category::Marketing && !is_said()).then(|| Finding::block(Rule::OptOutWording, None))
    }
}

impl<'a> Finding<'a> {
    const fn block(rule: Rule, object: Option<&'a ObjectId>) -> Self {
        Self { rule, object, consequence: Consequence::Block }
    }

    fn of_words(found: &Found<'a>) -> Option<Self> {
        let hold = |list| Finding { rule: Rule::Words, object: Some(list), consequence: Consequence::Hold };
        found.block.map(|list| Self::block(Rule::Words, Some(list))).or_else(|| found.hold.map(hold))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("signatures", &self.made_of.signatures.len())
            .field("templates", &self.made_of.templates.len())
            .field("word_lists", &self.made_of.word_lists.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Judged<'a> {
    fn without_text(requirements: (Requirement, Requirement)) -> Self {
        match requirements {
            (Requirement::Required, _) => Self::default().refused(Rule::Signature, None),
            (_, Requirement::Required) => Self::default().refused(Rule::Template, None),
            _ => Self::default(),
        }
    }

    fn refused(self, rule: Rule, object: Option<&'a ObjectId>) -> Self {
        Self { finding: Some(Finding::block(rule, object)), ..self }
    }
}

impl Tables {
    fn of(objects: &Objects) -> Self {
        Self {
            tenants: objects.tenants.clone(),
            signatures: objects.signatures.clone(),
            templates: objects.templates.clone(),
            word_lists: objects.word_lists.clone(),
        }
    }

    fn have_same_signatures(&self, other: &Self) -> bool {
        self.tenants.is_same(&other.tenants) && self.signatures.is_same(&other.signatures)
    }

    fn have_same_templates(&self, other: &Self) -> bool {
        self.have_same_signatures(other) && self.templates.is_same(&other.templates)
    }
}

/// How an instant that may be left out stands in JSON: as what [`Timestamp::parse`] reads.
mod instant {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use veilgate_names::Timestamp;

    #[expect(clippy::ref_option, reason = "serde asks for this form")]
    pub(super) fn serialize<S: Serializer>(value: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        value.map(|instant| instant.to_string()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| Timestamp::parse(&text)).transpose().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
