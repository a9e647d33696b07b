//! Wall clocks that are set forth and back.

use proptest::prelude::*;

use super::*;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// One limit a desk: what is refused by one must not be hidden by another.
const LIMITS: [&str; 5] = [
    r#"{"per":"all","windows":[{"within":"60s","most":2}]}"#,
    r#"{"per":"all","windows":[{"within":"1h","most":3}]}"#,
    r#"{"per":"all","windows":[{"within":"24h","most":4}]}"#,
    r#"{"per":"all","windows":[{"calendar":"hour","most":3}]}"#,
    r#"{"per":"all","windows":[{"calendar":"day","most":4}]}"#,
];

/// A desk with a clock on the wall and one that only goes on.
struct Clocked {
    desk: Desk,
    wall: Timestamp,
    mono: i64,
}

impl Clocked {
    fn new(limit: &str) -> Self {
        let mut clocked = Self { desk: Desk::new(limits(&[limit])), wall: at(NOON), mono: 0 };
        clocked.sweep();
        clocked
    }

    fn wait(&mut self, ms: i64) {
        self.wall.0 += ms;
        self.mono += ms;
    }

    fn set(&mut self, by: i64) {
        self.wall.0 += by;
        self.sweep();
    }

    fn sweep(&mut self) {
        let mono = Monotonic(u64::try_from(self.mono * 1000).unwrap());
        self.desk.contacts.sweep(&self.desk.limits, self.wall, mono, usize::MAX);
    }

    /// Until somebody is refused.
    fn fill(&mut self) -> Exceeded {
        loop {
            if let Err(told) = self.desk.ask(NOTICE, false, self.wall) {
                return told;
            }
        }
    }

    fn passes(&mut self) -> bool {
        self.desk.passes(NOTICE, self.wall)
    }
}

proptest! {
    #[test]
    fn nothing_is_unlocked_by_going_forth_and_back(
        limit in 0..LIMITS.len(),
        forth in 1..40 * DAY_MS,
        there in 0..30_000_i64,
        used_there in any::<bool>(),
    ) {
        let mut clocked = Clocked::new(LIMITS[limit]);
        let told = clocked.fill();
        clocked.set(forth);
        clocked.wait(there);
        clocked.sweep();
        if used_there {
            clocked.fill();
        }
        clocked.set(-forth);
        prop_assert!(!clocked.passes());
        prop_assert!(!clocked.desk.passes(NOTICE, Timestamp(told.until.0 - 1)));
        clocked.wall = told.until;
        prop_assert!(used_there || clocked.passes());
    }

    #[test]
    fn nobody_is_shut_out_for_longer_than_the_window(
        limit in 0..LIMITS.len(),
        back in 1..40 * DAY_MS,
        before in 0..20_000_i64,
        later in 0..2 * DAY_MS,
    ) {
        let mut clocked = Clocked::new(LIMITS[limit]);
        let window = clocked.desk.limits.reach();
        clocked.fill();
        clocked.wait(before);
        clocked.set(-back);
        clocked.wait(later.min(window - 1));
        let _ = clocked.passes();
        clocked.wait(window - 1 - later.min(window - 1));
        clocked.sweep();
        // One may have been counted meanwhile; every limit here allows two.
        clocked.wait(1);
        let left = clocked.desk.contacts.check(
            person(1),
            &Contact {
                id: MessageId(u64::MAX),
                service: Service::Sms,
                category: Category::Notice,
                enterprise: &EnterpriseId::parse("ent-1").unwrap(),
                signature: None,
                template: None,
                text: None,
            },
            &clocked.desk.limits,
            false,
            clocked.wall,
        );
        prop_assert!(left.is_ok(), "{left:?} {}", clocked.wall);
    }
}

#[test]
fn what_was_before_the_clock_was_set_back_was_not_later() {
    let mut clocked = Clocked::new(LIMITS[1]);
    clocked.fill();
    clocked.wait(30 * 60_000);
    clocked.set(-2 * HOUR_MS);
    clocked.wait(HOUR_MS - 1);
    assert!(!clocked.passes());
    clocked.wait(1);
    assert!(clocked.passes());
}

#[test]
fn what_is_restored_is_not_of_the_future() {
    let mut clocked = Clocked::new(LIMITS[0]);
    let record = clocked.desk.ask(NOTICE, false, clocked.wall).unwrap().unwrap();
    let mut after = Clocked::new(LIMITS[0]);
    after.wall.0 -= 5 * HOUR_MS;
    after.desk.contacts.restore(&record.key, &record.value.unwrap(), after.wall).unwrap();
    after.desk.next = 10;
    assert!(after.passes() && !after.passes());
    after.wait(60_000);
    assert!(after.passes() && after.passes());
}

#[test]
fn times_out_of_range_are_times() {
    let mut desk = Desk::new(shipped());
    for now in [i64::MIN, -1, 0, i64::MAX - 1, i64::MAX, 0, i64::MIN] {
        let _ = desk.ask(NOTICE, false, Timestamp(now));
        desk.contacts.sweep(&desk.limits, Timestamp(now), Monotonic(u64::MAX), 10);
    }
}
