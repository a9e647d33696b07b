//! Group commit: turns from every session and link are made durable together, one sync for all that wait, by one
//! thread off the event loop. What follows a commit is handed on from that thread, in order.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use veilgate_flow::{Turn, Urgency};
use veilgate_names::Monotonic;
use veilgate_store::{Batch, MAX_COMMIT, Store, StoreError};

use crate::clock;

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
    queue: Arc<Queue>,
}

struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    turns: Vec<Turn>,
    records: usize,
    closed: bool,
    /// When what waits must be committed at the latest; none while nothing waits.
    due: Option<Monotonic>,
}

impl Committer {
    /// Starts the thread. A commit has `max_records` records, or one turn. `then` is called on it after each.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn start(
        store: Arc<dyn Store>,
        max_records: usize,
        mut then: impl FnMut(Committed) + Send + 'static,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let queue = Arc::new(Queue { state: Mutex::default(), wake: Condvar::new() });
        let committer = Self { queue: Arc::clone(&queue) };
        let thread = std::thread::Builder::new().name("commit".to_owned()).spawn(move || {
            while let Some(turns) = queue.next() {
                for group in groups(turns, max_records) {
                    then(commit(&*store, group));
                }
            }
        })?;
        Ok((committer, thread))
    }

    /// Hands in a turn; an empty one is dropped.
    pub fn submit(&self, turn: Turn) {
        if turn.is_empty() {
            return;
        }
        let due = clock::mono().plus(patience(turn.urgency()));
        let mut state = self.queue.state.lock();
        let sooner = state.due.is_none_or(|waiting| due < waiting);
        if sooner {
            state.due = Some(due);
        }
        state.records += turn.batch().len();
        state.turns.push(turn);
        drop(state);
        if sooner {
            self.queue.wake.notify_one();
        }
    }

    /// Records handed in that no commit has taken up yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.state.lock().records
    }

    /// The thread ends when what was handed in so far is committed.
    pub fn close(&self) {
        self.queue.state.lock().closed = true;
        self.queue.wake.notify_all();
    }
}

impl Queue {
    /// Waits until something is due, then takes all there is.
    fn next(&self) -> Option<Vec<Turn>> {
        let mut state = self.state.lock();
        loop {
            match state.due {
                None if state.closed => return None,
                None => self.wake.wait(&mut state),
                Some(due) => {
                    let now = clock::mono();
                    if due <= now || state.closed {
                        break;
                    }
                    self.wake.wait_for(&mut state, due.since(now));
                }
            }
        }
        state.due = None;
        state.records = 0;
        Some(std::mem::take(&mut state.turns))
    }
}

/// How long a turn waits for company: one sync then does for all. A sender's answer waits for nobody.
fn patience(urgency: Urgency) -> Duration {
    match urgency {
        Urgency::Now => Duration::ZERO,
        Urgency::Soon => Duration::from_micros(300),
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
    Committed { turns, result, began, records, octets }
}
