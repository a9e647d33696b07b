//! Makes a change: planned, compiled, durable, in force, written down, in this order, one at a time.

use std::sync::Arc;
use std::time::Duration;

use veilgate_ledger::{Actor, AuditEvent, Sm3Hash};
use veilgate_names::Timestamp;
use veilgate_policy::{
    Catalogue, Change, Difference, Digest, Effect, Import, Kind, LineMistake, Plan, Refused, Write,
};

use super::Rules;
use crate::app::App;
use crate::clock;
use crate::telemetry::events::{PolicyChanged, PolicyRefused};

/// Percent of the audit records that may wait while a large change is written down: traffic needs the rest.
const AUDIT_FILL: usize = 25;
/// How long a large change waits for the audit file, at a time.
const AUDIT_PAUSE: Duration = Duration::from_millis(5);
/// How often, for one lot of records.
const AUDIT_PAUSES: u32 = 400;
/// Records in a lot: of the audit file, or to be deleted.
const LOT: usize = 1000;

/// Who changes something.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    /// For the audit file.
    pub(crate) actor: Actor,
    /// For the objects' histories.
    pub(crate) name: String,
}

/// A change that is asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Its objects, and where they stand in a file.
    pub(crate) import: Import,
    /// What else there is of these kinds is taken away.
    pub(crate) replace: Vec<Kind>,
    /// The policy that must be in force for it.
    pub(crate) policy: Option<u64>,
    /// Only tell what would be different.
    pub(crate) dry_run: bool,
}

/// A change that was made, or could be.
#[derive(Debug)]
pub(crate) struct Changed {
    /// The policy in force now.
    pub(crate) policy: u64,
    /// Whether it was only tried.
    pub(crate) dry_run: bool,
    /// What is different.
    pub(crate) differences: Vec<Difference>,
    /// How many objects of the change were so already.
    pub(crate) unchanged: usize,
}

/// Why a change was not made.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What sort of thing is wrong.
    pub(crate) cause: Cause,
    /// What is wrong; at least one.
    pub(crate) mistakes: Vec<LineMistake>,
}

/// What sort of thing is wrong with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The objects.
    Invalid,
    /// Something else is there than was expected.
    Conflict,
    /// What it is about is not there.
    Unknown,
    /// It is too large.
    TooLarge,
    /// The journal takes nothing.
    Storage,
}

impl Refusal {
    pub(crate) fn new(cause: Cause, problem: &str) -> Self {
        Self { cause, mistakes: vec![LineMistake::whole(problem)] }
    }

    pub(crate) fn invalid(mistakes: Vec<LineMistake>) -> Self {
        Self { cause: Cause::Invalid, mistakes }
    }

    fn storage() -> Self {
        Self::new(Cause::Storage, "nothing was changed: the journal takes nothing; see the log")
    }

    fn of(refused: &Refused, import: &Import) -> Self {
        let cause = match refused {
            Refused::Conflict { .. } => Cause::Conflict,
            Refused::Unknown { .. } => Cause::Unknown,
            Refused::Twice { .. } => Cause::Invalid,
            Refused::TooLong { .. } | Refused::TooMany | Refused::TooMuch => Cause::TooLarge,
        };
        Self { cause, mistakes: vec![import.place_refusal(refused)] }
    }
}

/// A plan that holds together, and what puts it in force.
struct Prepared {
    plan: Plan,
    install: Box<dyn FnOnce() + Send>,
}

impl App {
    /// Makes a change, all of it or nothing. It goes on if whoever asked is gone.
    pub(crate) async fn change_objects(
        self: &Arc<Self>,
        asked: Asked,
        author: Author,
    ) -> Result<Changed, Refusal> {
        let app = Arc::clone(self);
        let change = tokio::spawn(async move {
            let (began, dry_run) = (clock::mono(), asked.dry_run);
            let outcome = app.change(asked, &author.name).await;
            if !dry_run {
                app.write_down(&outcome, &author.actor, clock::mono().since(began)).await;
            }
            outcome
        });
        change.await.unwrap_or_else(|_| Err(Refusal::storage()))
    }

    async fn change(&self, asked: Asked, author: &str) -> Result<Changed, Refusal> {
        let mut left = self.policy.changing.lock().await;
        let before = self.policy.catalogue();
        if asked.policy.is_some_and(|number| number != before.number()) {
            let problem = format!("policy {} is in force now", before.number());
            return Err(Refusal::new(Cause::Conflict, &problem));
        }
        let (rules, author, dry_run) = (Arc::clone(&self.policy.rules), author.to_owned(), asked.dry_run);
        let at = clock::wall();
        let prepared = tokio::task::spawn_blocking(move || prepare(&before, &*rules, asked, &author, at));
        let Prepared { plan, install } = prepared.await.unwrap_or_else(|_| Err(Refusal::storage()))?;
        if !dry_run && !plan.stages.is_empty() {
            self.make_durable(&plan, &mut left).await?;
            install();
            self.policy.catalogue.store(Arc::new(plan.catalogue.clone()));
            self.take_over_lines().await;
            if plan.differences.iter().any(|one| matches!(one.kind, Kind::Window | Kind::Calendar)) {
                let hub = Arc::clone(&self.hub);
                tokio::task::spawn_blocking(move || hub.flow.reconsider());
            }
            self.tidy(&plan, &mut left).await;
        }
        let policy = self.policy.catalogue().number();
        Ok(Changed { policy, dry_run, differences: plan.differences, unchanged: plan.unchanged })
    }

    /// Writes everything up to the batch that decides.
    async fn make_durable(&self, plan: &Plan, left: &mut Vec<Write>) -> Result<(), Refusal> {
        // What an earlier change left under the number of this one would belong to it.
        if !left.is_empty() {
            for lot in left.chunks(LOT) {
                if !self.write_objects(lot).await {
                    return Err(Refusal::storage());
                }
            }
            left.clear();
        }
        for (at, stage) in plan.stages.iter().enumerate().take(plan.decisive.saturating_add(1)) {
            if !self.write_objects(stage).await {
                *left = plan.undo(at.saturating_add(1));
                return Err(Refusal::storage());
            }
        }
        Ok(())
    }

    /// Deletes what the change made useless; what cannot be deleted now is before the next change.
    async fn tidy(&self, plan: &Plan, left: &mut Vec<Write>) {
        for stage in plan.stages.iter().skip(plan.decisive.saturating_add(1)) {
            if !self.write_objects(stage).await {
                left.extend_from_slice(stage);
            }
        }
    }

    async fn write_objects(&self, writes: &[Write]) -> bool {
        self.store(|turn, done| {
            for write in writes {
                self.hub.flow.write_object(&write.key, write.value.as_deref(), turn);
            }
            self.hub.flow.notify(turn, done);
        })
        .await
    }

    /// One audit record an object and change, and one line in the log.
    async fn write_down(&self, outcome: &Result<Changed, Refusal>, actor: &Actor, took_ms: Duration) {
        let changed = match outcome {
            Ok(changed) if changed.differences.is_empty() => return,
            Ok(changed) => changed,
            Err(refusal) => return self.write_down_refusal(refusal, actor),
        };
        for lot in changed.differences.chunks(LOT) {
            for _ in 0..AUDIT_PAUSES {
                if self.hub.ledger.fill() < AUDIT_FILL {
                    break;
                }
                tokio::time::sleep(AUDIT_PAUSE).await;
            }
            for difference in lot {
                self.hub.ledger.audit(actor.clone(), recorded(difference, changed.policy));
            }
        }
        let [added, altered, removed] = counts(&changed.differences);
        if changed.differences.len() > 1 {
            let policy = changed.policy;
            let event = AuditEvent::ObjectsImported { policy, added, changed: altered, removed };
            self.hub.ledger.audit(actor.clone(), event);
        }
        let policy = changed.policy;
        PolicyChanged { policy, added, changed: altered, removed, took_ms }.emit(&self.hub.telemetry);
        let metrics = &self.hub.telemetry.metrics.policy;
        metrics.in_force(policy, self.policy.catalogue().changed_at());
    }

    pub(crate) fn write_down_refusal(&self, refusal: &Refusal, actor: &Actor) {
        let first = refusal.mistakes.first();
        let event = AuditEvent::ObjectsRefused {
            kind: first.and_then(|mistake| mistake.kind).map(Kind::name),
            object: first.and_then(|mistake| mistake.id.clone()),
            mistakes: wide(refusal.mistakes.len()),
        };
        self.hub.ledger.audit(actor.clone(), event);
        let journal = refusal.cause == Cause::Storage;
        PolicyRefused { mistakes: wide(refusal.mistakes.len()), journal }.emit(&self.hub.telemetry);
    }
}

fn prepare(
    before: &Catalogue,
    rules: &dyn Rules,
    asked: Asked,
    author: &str,
    at: Timestamp,
) -> Result<Prepared, Refusal> {
    let Asked { mut import, replace, .. } = asked;
    let changes: Vec<Change> = before.replacing(&replace, std::mem::take(&mut import.changes));
    let plan = before.plan(changes, author, at).map_err(|refused| Refusal::of(&refused, &import))?;
    let made = rules.prepare(plan.catalogue.objects(), plan.catalogue.number());
    let install = made.map_err(|mistake| Refusal::invalid(vec![import.place(mistake)]))?;
    Ok(Prepared { plan, install })
}

fn recorded(difference: &Difference, policy: u64) -> AuditEvent {
    let hash = |digest: Option<Digest>| digest.map(|digest| Sm3Hash(digest.0));
    let (kind, object, version) = (difference.kind.name(), difference.id.clone(), difference.version);
    let before = hash(difference.before);
    match difference.effect {
        Effect::Removed => AuditEvent::ObjectRemoved { kind, object, version, policy, before },
        Effect::Added | Effect::Changed(_) => {
            AuditEvent::ObjectPut { kind, object, version, policy, before, after: hash(difference.after) }
        }
    }
}

/// How many were added, changed and removed.
pub(super) fn counts(differences: &[Difference]) -> [u64; 3] {
    let mut counts = [0; 3];
    let [added, changed, removed] = &mut counts;
    for difference in differences {
        *match difference.effect {
            Effect::Added => &mut *added,
            Effect::Changed(_) => &mut *changed,
            Effect::Removed => &mut *removed,
        } += 1;
    }
    counts
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
