//! Reads parked messages and deliveries back when the flow wants them: a thread of its own, since reading and opening thousands of
//! records would hold up commits and sockets. It sleeps until it is woken.

use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use veilgate_flow::{Outcomes, Turn};
use veilgate_store::Store;

use crate::clock;
use crate::hub::Hub;

/// The pause after the store could not be read, and how long the thread sleeps before it looks whether the gateway is
/// still there.
const PAUSE: Duration = Duration::from_secs(1);

/// Wakes the thread.
#[derive(Default)]
pub(crate) struct Recaller(OnceLock<Thread>);

impl Recaller {
    /// Has what is parked read back soon. Cheap, and of no effect before the thread runs.
    pub(crate) fn wake(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }
}

/// Starts the thread. It ends when hub or store are gone, or the hub is closed.
///
/// # Errors
/// When the thread can't be started.
pub(crate) fn start(store: &Arc<dyn Store>, hub: &Arc<Hub>) -> std::io::Result<JoinHandle<()>> {
    let (of_store, of_hub) = (Arc::downgrade(store), Arc::downgrade(hub));
    let thread = std::thread::Builder::new().name("recall".to_owned()).spawn(move || {
        while let (Some(store), Some(hub)) = (of_store.upgrade(), of_hub.upgrade()) {
            if hub.is_closed() {
                return;
            }
            let more = step(&*store, &hub);
            drop((store, hub));
            if !more {
                std::thread::park_timeout(PAUSE);
            }
        }
    })?;
    let _ = hub.recaller.0.set(thread.thread().clone());
    hub.recaller.wake();
    Ok(thread)
}

/// Reads some back; whether there is more to be read at once.
fn step(store: &dyn Store, hub: &Hub) -> bool {
    let (mut turn, mut outcomes) = (Turn::default(), Outcomes::default());
    // A store that cannot be read says so itself; what is parked stays where it is until it can.
    let more = hub.flow.recall(store, clock::now(), &mut turn, &mut outcomes).unwrap_or(false)
        | hub.flow.fetch_deliveries(store, &mut outcomes).unwrap_or(false);
    hub.commit(turn);
    hub.dispatch(outcomes);
    more
}
