//! A policy: a set of objects in the form in which they are asked. It never changes; another takes its place whole.

use veilgate_names::{Category, EnterpriseId, Gazetteer, Reason, Service, ServiceNumber};

use crate::contacts::Limits;
use crate::content::Content;
use crate::engine::State;
use crate::lines::{LineRules, Lines};
use crate::lists::ListRules;
use crate::mistake::Mistake;
use crate::numbers::{Direction, Numbers};
use crate::objects::Objects;
use crate::quotas::QuotaLimits;
use crate::rates::{RateLimits, SignatureRates};
use crate::rating::Plans;
use crate::regions::Regions;
use crate::tenants::Tree;
use crate::windows::Windows;

/// See the module.
#[derive(Debug)]
pub struct Policy {
    pub(crate) number: u64,
    pub(crate) tree: Tree,
    pub(crate) numbers: Numbers,
    pub(crate) lines: Lines,
    pub(crate) rates: RateLimits,
    pub(crate) signature_rates: SignatureRates,
    pub(crate) quotas: QuotaLimits,
    pub(crate) content: Content,
    pub(crate) windows: Windows,
    pub(crate) lists: ListRules,
    pub(crate) regions: Regions,
    pub(crate) limits: Limits,
    pub(crate) plans: Plans,
    pub(crate) reads_texts: bool,
    pub(crate) marks_texts: bool,
}

impl Policy {
    /// Compiles objects into the policy of this number. Rates, quotas and lists go on where they stand in `state`. What is
    /// costly to make, templates and words, is taken from `earlier` where its objects did not change.
    ///
    /// # Errors
    /// [`Mistake`] names the first object that does not fit with the others.
    pub fn compile(
        objects: &Objects,
        gazetteer: &Gazetteer,
        state: &State,
        number: u64,
        earlier: Option<&Self>,
    ) -> Result<Self, Mistake> {
        let tree = Tree::compile(objects)?;
        let limits = Limits::compile(objects, &tree)?;
        let marks_texts = limits.marks_texts();
        // Tenants may require signatures, and numbers be for marketing.
        let about_texts = [
            objects.signatures.len(),
            objects.templates.len(),
            objects.word_lists.len(),
            objects.tenants.len(),
            objects.numbers.len(),
        ];
        Ok(Self {
            number,
            numbers: Numbers::compile(objects, &tree, &state.rates)?,
            lines: Lines::compile(objects, &tree)?,
            rates: RateLimits::compile(&tree, &state.rates),
            signature_rates: SignatureRates::compile(objects, &state.rates),
            quotas: QuotaLimits::compile(&tree, &state.quotas),
            content: Content::compile(objects, &tree, earlier.map(|earlier| &earlier.content))?,
            windows: Windows::compile(objects, &tree, gazetteer)?,
            lists: ListRules::compile(objects, &tree, &state.lists)?,
            regions: Regions::compile(objects, &tree, gazetteer)?,
            limits,
            reads_texts: marks_texts || about_texts.iter().any(|count| *count > 0),
            marks_texts,
            plans: Plans::compile(objects, &tree)?,
            tree,
        })
    }

    /// Its number: it counts up with every change since the first start.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether a rule may want to know the text of a message that names no template.
    #[must_use]
    pub fn reads_texts(&self) -> bool {
        self.reads_texts
    }

    /// Whether anybody is looked up in a list.
    #[must_use]
    pub fn asks_lists(&self) -> bool {
        !self.lists.is_empty()
    }

    /// The tenants.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Why nothing of an enterprise may leave from a number, whatever it is: it or someone above it is suspended or frozen,
    /// or the number is locked or no longer for it.
    #[must_use]
    pub fn bars(&self, enterprise: &EnterpriseId, number: ServiceNumber, service: Service) -> Option<Reason> {
        let chain = self.tree.chain(enterprise);
        let by_number = || self.numbers.check(number, chain, service, Direction::Outbound, None).err();
        self.tree.shut(chain).or_else(by_number).map(|(reason, _)| reason)
    }

    /// Whether a line carries what an enterprise sends for this purpose.
    #[must_use]
    pub fn carries(&self, line: &LineRules, enterprise: &EnterpriseId, category: Category) -> bool {
        line.carries(self.tree.chain(enterprise), category, Direction::Outbound)
    }

    /// The channels and trunks.
    #[must_use]
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// How often persons may be contacted.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What messages cost.
    #[must_use]
    pub fn plans(&self) -> &Plans {
        &self.plans
    }
}
