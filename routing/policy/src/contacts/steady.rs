//! How late it is at least, for a wall clock that may be set forth and back: what is forgotten because the clock was set
//! forth would be missing when it is set back.

use veilgate_names::Monotonic;

/// A wall clock that is off by less than this, in milliseconds, was not set.
pub(super) const TOLERANCE_MS: i64 = 2000;

/// A time that follows the wall clock, but not forth until the clock has kept its new time for long enough.
#[derive(Debug, Default)]
pub(super) struct Steady {
    /// A moment at which the wall clock was believed.
    anchor: Option<(i64, Monotonic)>,
    ahead: Option<Ahead>,
}

/// The wall clock was set forth.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    /// By how many milliseconds.
    by: i64,
    since: Monotonic,
}

impl Steady {
    /// The latest time that is certain. `hold` is for how many milliseconds a clock that was set forth is not believed:
    /// after that, whatever was before it is that old by any clock.
    pub(super) fn pass(&mut self, wall: i64, now: Monotonic, hold: i64) -> i64 {
        let Some((then, at)) = self.anchor else { return self.believe(wall, now) };
        let steady = then.saturating_add(millis(now, at));
        let by = wall.saturating_sub(steady);
        if by <= TOLERANCE_MS {
            return self.believe(wall, now);
        }
        match self.ahead {
            Some(ahead) if by.abs_diff(ahead.by) <= TOLERANCE_MS.unsigned_abs() => {
                if millis(now, ahead.since) >= hold {
                    return self.believe(wall, now);
                }
                self.ahead = Some(Ahead { by, since: ahead.since });
            }
            _ => self.ahead = Some(Ahead { by, since: now }),
        }
        steady
    }

    fn believe(&mut self, wall: i64, now: Monotonic) -> i64 {
        *self = Self { anchor: Some((wall, now)), ahead: None };
        wall
    }
}

fn millis(now: Monotonic, earlier: Monotonic) -> i64 {
    i64::try_from(now.since(earlier).as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn mono(ms: i64) -> Monotonic {
        Monotonic(u64::try_from(ms).unwrap() * 1000)
    }

    #[test]
    fn a_clock_that_was_set_forth_is_believed_after_a_while() {
        let mut steady = Steady::default();
        assert_eq!(steady.pass(1000, mono(0), DAY), 1000);
        assert_eq!(steady.pass(61_000, mono(60_000), DAY), 61_000);
        let forth = 10 * DAY;
        assert_eq!(steady.pass(forth + 62_000, mono(61_000), DAY), 62_000);
        assert_eq!(steady.pass(forth + DAY, mono(DAY - 1000), DAY), DAY);
        assert_eq!(steady.pass(forth + 62_000 + DAY, mono(61_000 + DAY), DAY), forth + 62_000 + DAY);
        assert_eq!(steady.pass(forth + 63_000 + DAY, mono(62_000 + DAY), DAY), forth + 63_000 + DAY);
    }

    #[test]
    fn a_clock_that_is_set_again_is_watched_again() {
        let mut steady = Steady::default();
        steady.pass(0, mono(0), DAY);
        assert_eq!(steady.pass(DAY, mono(1000), DAY), 1000);
        assert_eq!(steady.pass(5 * DAY, mono(DAY), DAY), DAY);
        assert_eq!(steady.pass(5 * DAY + 2000, mono(DAY + 2000), DAY), DAY + 2000);
        assert_eq!(steady.pass(2 * DAY + 3000, mono(2 * DAY - 1), DAY), 2 * DAY - 1);
    }

    #[test]
    fn a_clock_that_was_set_back_is_believed_at_once() {
        let mut steady = Steady::default();
        steady.pass(5 * DAY, mono(0), DAY);
        assert_eq!(steady.pass(4 * DAY, mono(1000), DAY), 4 * DAY);
        assert_eq!(steady.pass(4 * DAY + 1000, mono(2000), DAY), 4 * DAY + 1000);
    }
}
