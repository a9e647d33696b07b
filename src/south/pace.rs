//! How fast one link may send: its window shrinks by half when the SMSC throttles and grows back one place per
//! window of good answers (AIMD), and it pauses before it tries again. `congestion_state` (SMPP 5.0) is heard before
//! it comes to that.

use std::time::Duration;

use veilgate_names::Monotonic;

/// Up to here the SMSC is at ease ("optimum load" and below), and the window may grow.
const AT_EASE: u8 = 80;
/// Here the SMSC is congested: what is sent now would be throttled.
const CONGESTED: u8 = 99;

/// The pace of one link.
#[derive(Debug)]
pub struct Pace {
    limit: f64,
    ceiling: f64,
    pause: Duration,
    min: Duration,
    max: Duration,
    resume_at: Option<Monotonic>,
    /// The SMSC's last word on its congestion was too high for the window to grow.
    strained: bool,
    /// Answers under strain until the window shrinks once more: one window's worth.
    until_smaller: f64,
}

impl Pace {
    /// Full speed: `window` unanswered submits. `min` and `max` bound the pause.
    #[must_use]
    pub fn new(window: u16, min: Duration, max: Duration) -> Self {
        let ceiling = f64::from(window.max(1));
        Self {
            limit: ceiling,
            ceiling,
            pause: min,
            min,
            max,
            resume_at: None,
            strained: false,
            until_smaller: 0.0,
        }
    }

    /// How many more may be sent now, with `open` unanswered.
    #[must_use]
    pub fn room(&self, open: usize, now: Monotonic) -> usize {
        if self.resume_at.is_some_and(|at| at > now) {
            return 0;
        }
        self.window().saturating_sub(open)
    }

    /// How many may be unanswered at present: 1 to the channel's window.
    #[must_use]
    pub fn window(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 65535")]
        let limit = self.limit as usize;
        limit
    }

    /// When sending goes on, while it is paused.
    #[must_use]
    pub fn resume_at(&self, now: Monotonic) -> Option<Monotonic> {
        self.resume_at.filter(|at| *at > now)
    }

    /// The SMSC took a message.
    pub fn took(&mut self) {
        if self.strained {
            return;
        }
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

    /// `congestion_state` of one answer, `None` if it had none. Up to 80 the window may grow; from 81 on it does not, and
    /// shrinks once per window of answers, the more the higher: by (state - 80) / 40, so by 2.5 % at 81 and 45 % at 98;
    /// 99 is as good as throttled. Returns the pause if one begins.
    pub fn heard(&mut self, congestion: Option<u8>, now: Monotonic) -> Option<Duration> {
        let state = congestion.unwrap_or(0);
        self.strained = state > AT_EASE;
        if !self.strained {
            self.until_smaller = 0.0;
            return None;
        }
        if state >= CONGESTED {
            return self.throttled(now);
        }
        self.until_smaller -= 1.0;
        if self.until_smaller <= 0.0 {
            // As many answers as were under way are still about the window before.
            self.until_smaller = self.limit;
            self.limit = (self.limit * (1.0 - f64::from(state - AT_EASE) / 40.0)).max(1.0);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn throttling_halves_and_pauses_and_good_answers_bring_it_back() {
        let mut pace = Pace::new(100, SECOND, SECOND * 4);
        let now = Monotonic(0);
        assert_eq!(pace.room(0, now), 100);
        assert_eq!(pace.throttled(now), Some(SECOND));
        assert_eq!(pace.throttled(now), None, "one pause for all that were under way");
        assert_eq!(pace.room(0, now), 0);
        let later = now.plus(SECOND);
        assert_eq!(pace.room(10, later), 40);
        assert_eq!(pace.throttled(later), Some(SECOND * 2));
        assert_eq!(pace.throttled(later.plus(SECOND * 2)), Some(SECOND * 4));
        let at = later.plus(SECOND * 10);
        assert_eq!(pace.throttled(at), Some(SECOND * 4), "bounded");
        for _ in 0..10_000 {
            pace.took();
        }
        assert_eq!(pace.room(0, at.plus(SECOND * 4)), 100);
    }

    #[test]
    fn one_message_is_always_tried() {
        let mut pace = Pace::new(1, Duration::ZERO, Duration::ZERO);
        for step in 0..10 {
            pace.throttled(Monotonic(step));
            pace.heard(Some(98), Monotonic(step));
        }
        assert_eq!(pace.room(0, Monotonic(100)), 1);
    }

    #[test]
    fn congestion_shrinks_the_window_the_more_the_higher() {
        let after = |state: u8| {
            let mut pace = Pace::new(100, SECOND, SECOND);
            assert_eq!(pace.heard(Some(state), Monotonic(0)), None);
            pace.window()
        };
        assert_eq!([0, 50, 80, 81, 90, 98].map(after), [100, 100, 100, 97, 75, 55]);
    }

    #[test]
    fn congestion_shrinks_once_per_window_of_answers() {
        let mut pace = Pace::new(100, SECOND, SECOND);
        for _ in 0..75 {
            pace.heard(Some(90), Monotonic(0));
            pace.took();
        }
        assert_eq!(pace.window(), 75, "no growth under strain, one step");
        for _ in 0..1000 {
            pace.heard(Some(98), Monotonic(0));
        }
        assert_eq!(pace.window(), 1);
        for _ in 0..10_000 {
            pace.heard(Some(80), Monotonic(0));
            pace.took();
        }
        assert_eq!(pace.window(), 100, "and back again");
    }

    #[test]
    fn at_99_it_pauses_ever_longer_even_if_all_is_taken() {
        let mut pace = Pace::new(8, SECOND, SECOND * 4);
        let mut now = Monotonic(0);
        for expected in [1, 2, 4, 4] {
            let pause = pace.heard(Some(99), now);
            pace.took();
            assert_eq!(pause, Some(SECOND * expected));
            assert_eq!(pace.heard(Some(99), now), None, "the same pause");
            assert_eq!(pace.room(0, now), 0);
            now = pace.resume_at(now).unwrap();
        }
        assert_eq!(pace.window(), 1);
        assert_eq!(pace.heard(None, now), None, "whoever says nothing is at ease");
        pace.took();
        assert_eq!(pace.room(0, now), 2);
    }
}
