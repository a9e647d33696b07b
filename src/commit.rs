//! Group commit: turns from every session and link are made durable together, one sync for all that wait, by a
//! thread off the event loop; only a lone submit commits by itself. What follows a commit is handed on in order.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use veilgate_flow::{Turn, Urgency};
use veilgate_names::Monotonic;
use veilgate_store::{Batch, MAX_COMMIT, Store, StoreError};

use crate::clock;
use crate::hub::Wakes;

/// What happened to a group of turns.
pub struct Committed {
    /// In the order they were handed in.
    pub turns: Vec<Turn>,
    /// Whether their writes are durable.
    pub result: Result<(), StoreError>,
    /// When the commit began.
    pub began: Monotonic,
    /// Records and octets written.
    pub records: usize,
    /// Octets written.
    pub octets: usize,
}

/// Takes turns from any thread. Their number is bounded by the windows of the sessions that make them.
#[derive(Clone)]
pub struct Committer {
    core: Arc<Core>,
}

struct Core {
    max_records: usize,
    /// Held from taking turns off the queue until what follows from them is handed on: their order is kept. Gone
    /// when the committer is closed, and the store with it.
    engine: Mutex<Option<Engine>>,
    queue: Mutex<Queue>,
    wake: Condvar,
}

/// What commits, and what is told afterwards.
struct Engine {
    store: Arc<dyn Store>,
    then: Box<dyn Fn(Committed) -> Wakes + Send>,
}

#[derive(Default)]
struct Queue {
    turns: Vec<Turn>,
    records: usize,
    closed: bool,
    /// When what waits must be committed at the latest; none while nothing waits.
    due: Option<Monotonic>,
    /// Until when the thread sleeps if nobody wakes it; none while it is awake.
    asleep_until: Option<Monotonic>,
}

impl Committer {
    /// Starts the thread. A commit has `max_records` records, or one turn. `then` is called after each, in order.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn start(
        store: Arc<dyn Store>,
        max_records: usize,
        then: impl Fn(Committed) -> Wakes + Send + 'static,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let core = Arc::new(Core {
            max_records,
            engine: Mutex::new(Some(Engine { store, then: Box::new(then) })),
            queue: Mutex::default(),
            wake: Condvar::new(),
        });
        let committer = Self { core: Arc::clone(&core) };
        let thread = std::thread::Builder::new().name("commit".to_owned()).spawn(move || {
            while core.wait() {
                core.commit_all(core.engine.lock().as_ref()).ring();
            }
            core.engine.lock().take();
        })?;
        Ok((committer, thread))
    }

    /// Hands in a turn; an empty one is dropped. A lone submit that finds nobody committing is committed here and
    /// now: waking a thread and being woken by it would cost as much as the sync. Who is to be woken because of that
    /// is left to the caller, who has an answer to write first.
    #[must_use]
    pub fn submit(&self, turn: Turn) -> Wakes {
        if turn.is_empty() {
            return Wakes::default();
        }
        let core = &*self.core;
        let alone = turn.is_one_submit();
        let due = clock::mono().plus(patience(turn.urgency()));
        let mut queue = core.queue.lock();
        if queue.due.is_none_or(|waiting| due < waiting) {
            queue.due = Some(due);
        }
        let oversleeps = queue.asleep_until.is_some_and(|until| due < until);
        queue.records += turn.batch().len();
        queue.turns.push(turn);
        drop(queue);
        if alone && let Some(engine) = core.engine.try_lock() {
            return core.commit_all(engine.as_ref());
        }
        if oversleeps {
            core.wake.notify_one();
        }
        Wakes::default()
    }

    /// Records handed in that no commit has taken up yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.core.queue.lock().records
    }

    /// The thread ends when what was handed in so far is committed.
    pub fn close(&self) {
        self.core.queue.lock().closed = true;
        self.core.wake.notify_all();
    }
}

impl Core {
    /// Waits until something is due; false when the queue is closed and empty.
    fn wait(&self) -> bool {
        let mut queue = self.queue.lock();
        loop {
            match queue.due {
                None if queue.closed => return false,
                None => {
                    queue.asleep_until = Some(Monotonic(u64::MAX));
                    self.wake.wait(&mut queue);
                }
                Some(due) => {
                    let now = clock::mono();
                    if due <= now || queue.closed {
                        return true;
                    }
                    queue.asleep_until = Some(due);
                    self.wake.wait_for(&mut queue, due.since(now));
                }
            }
            queue.asleep_until = None;
        }
    }

    /// Takes what waits and commits it.
    fn commit_all(&self, engine: Option<&Engine>) -> Wakes {
        let mut wakes = Wakes::default();
        let Some(engine) = engine else { return wakes };
        let turns = {
            let mut queue = self.queue.lock();
            queue.due = None;
            queue.records = 0;
            std::mem::take(&mut queue.turns)
        };
        for group in groups(turns, self.max_records).into_iter().filter(|group| !group.is_empty()) {
            wakes.extend((engine.then)(commit(&*engine.store, group)));
        }
        wakes
    }
}

/// How long a turn waits for company: one sync then does for all. A sender's answer waits for nobody.
fn patience(urgency: Urgency) -> Duration {
    match urgency {
        Urgency::Now => Duration::ZERO,
        Urgency::Soon => Duration::from_millis(1),
        Urgency::Whenever => Duration::from_millis(5),
    }
}

/// Cuts what waits into commits that the store takes.
fn groups(turns: Vec<Turn>, max_records: usize) -> Vec<Vec<Turn>> {
    let mut groups = Vec::new();
    let mut group = Vec::new();
    let (mut octets, mut records) = (0, 0);
    for turn in turns {
        let (more, count) = (turn.batch().octets(), turn.batch().len());
        if (octets + more > MAX_COMMIT || records + count > max_records) && !group.is_empty() {
            groups.push(std::mem::take(&mut group));
            (octets, records) = (0, 0);
        }
        octets += more;
        records += count;
        group.push(turn);
    }
    groups.push(group);
    groups
}

fn commit(store: &dyn Store, mut turns: Vec<Turn>) -> Committed {
    let began = clock::mono();
    let batches: Vec<Batch> =
        turns.iter_mut().map(Turn::take_batch).filter(|batch| !batch.is_empty()).collect();
    let records = batches.iter().map(Batch::len).sum();
    let octets = batches.iter().map(Batch::octets).sum();
    let result = if batches.is_empty() { Ok(()) } else { store.commit(&batches) };
    if result.is_err() {
        Turn::give_back(&mut turns, batches);
    }
    Committed { turns, result, began, records, octets }
}
