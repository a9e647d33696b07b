//! The same work on several pieces at once, on threads that end with it.

use std::thread;

/// The most threads used, whatever the machine has.
const MOST: usize = 8;

/// How many pieces are worth working on at once.
pub(crate) fn workers() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().min(MOST))
}

/// Gives what `work` makes of each piece, in order. One thread a piece, so give few.
pub(crate) fn each<I: Send, O: Send>(pieces: Vec<I>, work: impl Fn(I) -> O + Sync) -> Vec<O> {
    if pieces.len() <= 1 {
        return pieces.into_iter().map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = pieces.into_iter().map(|piece| scope.spawn(move || work(piece))).collect();
        threads.into_iter().map(join).collect()
    })
}

/// What a thread gave; its panic is passed on.
pub(crate) fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
