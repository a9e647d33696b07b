//! The limits of a policy in the form in which they are asked: found by what a contact is, names as marks.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;
use veilgate_names::{Category, ObjectId, Reason, Service, Timestamp};

use super::log::{Entry, Log, Sender};
use super::object::{FrequencyLimit, LimitedService, Per};
use super::span::Span;
use super::text::name_mark;
use crate::mistake::Mistake;
use crate::objects::{Kind, Objects};
use crate::tenants::{Level, TenantIndex, Tree};

/// The services and categories there are, each with each.
const SLOTS: usize = 6;

/// All limits in force.
#[derive(Debug, Default)]
pub struct Limits {
    limits: Box<[Limit]>,
    /// By service and category: those that are about nobody and nothing in particular.
    general: [Box<[usize]>; SLOTS],
    /// The others, by the narrowest thing they are about.
    narrow: HashMap<Narrow, Vec<usize>, FxBuildHasher>,
    /// By service and category: for how many milliseconds some limit counts such contacts; 0: none does.
    reaches: [i64; SLOTS],
}

/// One contact more would be too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// The inside reason.
    pub reason: Reason,
    /// The limit that lasts longest of those that are reached.
    pub limit: ObjectId,
    /// From when on that contact would not be too much, if nothing is counted until then.
    pub until: Timestamp,
}

#[derive(Debug)]
pub(super) struct Limit {
    id: ObjectId,
    per: Per,
    service: LimitedService,
    category: Option<Category>,
    /// Marks of the enterprises it is about.
    enterprises: Option<Arc<Marks>>,
    signature: Option<u32>,
    template: Option<u32>,
    pub(super) same_content: bool,
    pub(super) windows: Box<[Window]>,
}

#[derive(Debug)]
pub(super) struct Window {
    pub(super) span: Span,
    pub(super) most: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Narrow {
    Enterprise(u32),
    Signature(u32),
    Template(u32),
}

impl Limits {
    /// Looks up what the limits name. To be made anew when limits, tenants, signatures or templates change.
    ///
    /// # Errors
    /// [`Mistake`] for a tenant, signature or template that does not exist, in limits that are switched off as well.
    pub fn compile(objects: &Objects, tree: &Tree) -> Result<Self, Mistake> {
        let mut limits = Vec::new();
        let named = Named::among(objects, tree)?;
        for (id, object) in objects.frequency_limits.iter() {
            let limit = Limit::compile(id, object, objects, named.enterprises(object, tree))?;
            if object.enabled {
                limits.push(limit);
            }
        }
        let mut compiled = Self::default();
        for (place, limit) in limits.iter().enumerate() {
            compiled.enter(place, limit);
        }
        compiled.limits = limits.into();
        Ok(compiled)
    }

    /// How many are in force.
    #[must_use]
    pub fn len(&self) -> usize {
        self.limits.len()
    }

    /// Whether none is in force: then nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// Whether any limit asks whether texts are the same.
    #[must_use]
    pub fn marks_texts(&self) -> bool {
        self.limits.iter().any(|limit| limit.same_content)
    }

    /// Whether any limit counts such contacts.
    pub(super) fn counts(&self, sender: &Sender) -> bool {
        self.reach_of(sender) > 0
    }

    /// Whether no limit counts a contact of that time any more.
    pub(super) fn is_over(&self, entry: &Entry, now: i64) -> bool {
        entry.at.saturating_add(self.reach_of(&entry.sender)) <= now
    }

    /// For how long a contact can count, in milliseconds.
    pub(super) fn reach(&self) -> i64 {
        self.reaches.iter().copied().max().unwrap_or(0)
    }

    /// Whether a person with this log may be contacted once more.
    pub(super) fn check(&self, log: &Log, asked: &Entry) -> Result<(), Exceeded> {
        let mut longest: Option<(i64, &Limit)> = None;
        for limit in self.applying(asked) {
            let Some(until) = log.full_until(limit, asked) else { continue };
            if longest.is_none_or(|(than, held)| (until, &held.id) > (than, &limit.id)) {
                longest = Some((until, limit));
            }
        }
        longest.map_or(Ok(()), |(until, limit)| Err(limit.exceeded(until)))
    }

    /// The refusal of a contact for which a log has no room that is not needed; `None` if no limit applies to it.
    pub(super) fn full(&self, oldest: &Entry, asked: &Entry) -> Option<Exceeded> {
        let widest = self.applying(asked).max_by_key(|limit| limit.reach())?;
        Some(widest.exceeded(oldest.at.saturating_add(self.reach_of(&oldest.sender))))
    }

    fn reach_of(&self, sender: &Sender) -> i64 {
        self.reaches.get(slot(sender.service, sender.category)).copied().unwrap_or(0)
    }

    fn applying(&self, asked: &Entry) -> impl Iterator<Item = &Limit> {
        let sender = asked.sender;
        let general =
            self.general.get(slot(sender.service, sender.category)).map_or(&[][..], |places| places);
        let keys = [
            Narrow::Enterprise(sender.enterprise),
            Narrow::Signature(sender.signature),
            Narrow::Template(sender.template),
        ];
        let narrow = keys.into_iter().filter_map(|key| self.narrow.get(&key)).flatten();
        let has_text = asked.text != 0;
        let applies = move |limit: &&Limit| limit.covers(&sender) && (has_text || !limit.same_content);
        general.iter().chain(narrow).filter_map(|place| self.limits.get(*place)).filter(applies)
    }

    fn enter(&mut self, place: usize, limit: &Limit) {
        for (service, category) in slots().filter(|(service, category)| limit.is_about(*service, *category)) {
            if let Some(reach) = self.reaches.get_mut(slot(service, category)) {
                *reach = (*reach).max(limit.reach());
            }
        }
        let narrow = limit.narrow();
        if let Some(keys) = narrow {
            for key in keys {
                self.narrow.entry(key).or_default().push(place);
            }
            return;
        }
        for (service, category) in slots().filter(|(service, category)| limit.is_about(*service, *category)) {
            if let Some(general) = self.general.get_mut(slot(service, category)) {
                *general = general.iter().copied().chain([place]).collect();
            }
        }
    }
}

impl Limit {
    fn compile(
        id: &ObjectId,
        object: &FrequencyLimit,
        objects: &Objects,
        enterprises: Option<Arc<Marks>>,
    ) -> Result<Self, Mistake> {
        let applies_to = &object.applies_to;
        if applies_to.signature.as_ref().is_some_and(|named| objects.signatures.find(named).is_none()) {
            return Err(unknown(id, "signature"));
        }
        if applies_to.template.as_ref().is_some_and(|named| objects.templates.find(named).is_none()) {
            return Err(unknown(id, "template"));
        }
        let mark = |id: &ObjectId| name_mark(id.as_str()).get();
        let window = |window| Window { span: Span::of(window), most: usize::from(window.most.get()) };
        Ok(Self {
            id: id.clone(),
            per: object.per,
            service: object.service,
            category: applies_to.category,
            enterprises,
            signature: applies_to.signature.as_ref().map(mark),
            template: applies_to.template.as_ref().map(mark),
            same_content: object.same_content,
            windows: object.windows.iter().map(window).collect(),
        })
    }

    /// Whether it is about contacts of this sender.
    pub(super) fn covers(&self, sender: &Sender) -> bool {
        self.is_about(sender.service, sender.category)
            && self.enterprises.as_ref().is_none_or(|enterprises| enterprises.0.contains(&sender.enterprise))
            && self.signature.is_none_or(|signature| signature == sender.signature)
            && self.template.is_none_or(|template| template == sender.template)
    }

    /// Whether it counts contacts of these two together.
    pub(super) fn joins(&self, one: &Sender, other: &Sender) -> bool {
        let enterprise = one.enterprise == other.enterprise;
        let signature = enterprise && one.signature == other.signature;
        match self.per {
            Per::Enterprise => enterprise,
            Per::Signature => signature,
            Per::Template => signature && one.template == other.template,
            Per::Category => one.category == other.category,
            Per::All => true,
        }
    }

    fn is_about(&self, service: Service, category: Category) -> bool {
        let service = match self.service {
            LimitedService::Sms => service == Service::Sms,
            LimitedService::Voice => service == Service::Voice,
            LimitedService::Both => true,
        };
        service && self.category.is_none_or(|about| about == category)
    }

    fn narrow(&self) -> Option<Vec<Narrow>> {
        match (self.template, self.signature, &self.enterprises) {
            (Some(template), ..) => Some(vec![Narrow::Template(template)]),
            (None, Some(signature), _) => Some(vec![Narrow::Signature(signature)]),
            (None, None, Some(all)) => Some(all.0.iter().map(|mark| Narrow::Enterprise(*mark)).collect()),
            (None, None, None) => None,
        }
    }

    fn reach(&self) -> i64 {
        self.windows.iter().map(|window| window.span.reach()).max().unwrap_or(0)
    }

    fn exceeded(&self, until: i64) -> Exceeded {
        let reason = match (self.same_content, self.per) {
            (true, _) => Reason::Dup,
            (false, Per::Enterprise) => Reason::FreqEnterprise,
            (false, Per::Signature) => Reason::FreqSignature,
            (false, Per::Template) => Reason::FreqTemplate,
            (false, Per::Category) => Reason::FreqCategory,
            (false, Per::All) => Reason::FreqAll,
        };
        Exceeded { reason, limit: self.id.clone(), until: Timestamp(until) }
    }
}

/// Marks of enterprises.
#[derive(Debug, Default)]
struct Marks(HashSet<u32, FxBuildHasher>);

/// The tenants that limits name, each with the enterprises at and below it, found by going over all enterprises once.
#[derive(Default)]
struct Named(HashMap<TenantIndex, Arc<Marks>, FxBuildHasher>);

impl Named {
    fn among(objects: &Objects, tree: &Tree) -> Result<Self, Mistake> {
        let mut below: HashMap<TenantIndex, Marks, FxBuildHasher> = HashMap::default();
        for (id, object) in objects.frequency_limits.iter() {
            let Some(tenant) = &object.applies_to.tenant else { continue };
            below.entry(tree.index(tenant).ok_or_else(|| unknown(id, "tenant"))?).or_default();
        }
        if below.is_empty() {
            return Ok(Self::default());
        }
        for (index, id, _) in tree.iter().filter(|(.., tenant)| tenant.level == Level::Enterprise) {
            for above in tree.chain_of(index).iter() {
                if let Some(marks) = below.get_mut(&above) {
                    marks.0.insert(name_mark(id.as_str()).get());
                }
            }
        }
        Ok(Self(below.into_iter().map(|(index, marks)| (index, Arc::new(marks))).collect()))
    }

    /// The enterprises a limit is about; `None`: everyone. Everyone is below the carrier, also who has no object.
    fn enterprises(&self, object: &FrequencyLimit, tree: &Tree) -> Option<Arc<Marks>> {
        let index = tree.index(object.applies_to.tenant.as_ref()?)?;
        self.0.get(&index).filter(|_| index != Tree::CARRIER).cloned()
    }
}

fn unknown(id: &ObjectId, field: &str) -> Mistake {
    Mistake::of(Kind::FrequencyLimit, id, format!("applies_to.{field}"), "no such object")
}

fn slots() -> impl Iterator<Item = (Service, Category)> {
    Service::ALL.into_iter().flat_map(|service| Category::ALL.map(|category| (service, category)))
}

fn slot(service: Service, category: Category) -> usize {
    let service = match service {
        Service::Sms => 0,
        Service::Voice => 3,
    };
    let category = match category {
        Category::Verification => 0,
        Category::Notice => 1,
        Category::Marketing => 2,
    };
    service + category
}
