//! How fast one link may send: its window shrinks by half when the SMSC throttles and grows back one place per
//! window of good answers (AIMD), and it pauses before it tries again.

use std::time::Duration;

use veilgate_names::Monotonic;

/// The pace of one link.
#[derive(Debug)]
pub struct Pace {
    limit: f64,
    ceiling: f64,
    pause: Duration,
    min: Duration,
    max: Duration,
    resume_at: Option<Monotonic>,
}

impl Pace {
    /// Full speed: `window` unanswered submits. `min` and `max` bound the pause.
    #[must_use]
    pub fn new(window: u16, min: Duration, max: Duration) -> Self {
        let ceiling = f64::from(window.max(1));
        Self { limit: ceiling, ceiling, pause: min, min, max, resume_at: None }
    }

    /// How many more may be sent now, with `open` unanswered.
    #[must_use]
    pub fn room(&self, open: usize, now: Monotonic) -> usize {
        if self.resume_at.is_some_and(|at| at > now) {
            return 0;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 65535")]
        let limit = self.limit as usize;
        limit.saturating_sub(open)
    }

    /// When sending goes on, while it is paused.
    #[must_use]
    pub fn resume_at(&self, now: Monotonic) -> Option<Monotonic> {
        self.resume_at.filter(|at| *at > now)
    }

    /// The SMSC took a message.
    pub fn took(&mut self) {
        self.limit = (self.limit + 1.0 / self.limit).min(self.ceiling);
        self.pause = self.min;
    }

    /// The SMSC throttled. Answers that were under way when the pause began do not lengthen it. Returns the pause if
    /// one begins.
    pub fn throttled(&mut self, now: Monotonic) -> Option<Duration> {
        if self.resume_at.is_some_and(|at| at > now) {
            return None;
        }
        self.limit = (self.limit / 2.0).max(1.0);
        let pause = self.pause;
        self.resume_at = Some(now.plus(pause));
        self.pause = (pause * 2).min(self.max);
        Some(pause)
    }

    /// `congestion_state` of SMPP 5.0: from 90 on the peer is about to throttle.
    pub fn congestion(&mut self, state: u8) {
        if state >= 90 {
            self.limit = (self.limit * 0.9).max(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_halves_and_pauses_and_good_answers_bring_it_back() {
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(100, second, second * 4);
        let now = Monotonic(0);
        assert_eq!(pace.room(0, now), 100);
        assert_eq!(pace.throttled(now), Some(second));
        assert_eq!(pace.throttled(now), None, "one pause for all that were under way");
        assert_eq!(pace.room(0, now), 0);
        let later = now.plus(second);
        assert_eq!(pace.room(10, later), 40);
        assert_eq!(pace.throttled(later), Some(second * 2));
        assert_eq!(pace.throttled(later.plus(second * 2)), Some(second * 4));
        let at = later.plus(second * 10);
        assert_eq!(pace.throttled(at), Some(second * 4), "bounded");
        for _ in 0..10_000 {
            pace.took();
        }
        assert_eq!(pace.room(0, at.plus(second * 4)), 100);
    }

    #[test]
    fn one_message_is_always_tried() {
        let mut pace = Pace::new(1, Duration::ZERO, Duration::ZERO);
        for step in 0..10 {
            pace.throttled(Monotonic(step));
            pace.congestion(99);
        }
        assert_eq!(pace.room(0, Monotonic(100)), 1);
    }
}
