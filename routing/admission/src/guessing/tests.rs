use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn policy(failures: u32, share_percent: u8) -> GuessingPolicy {
    GuessingPolicy {
        failures: NonZeroU32::new(failures).unwrap(),
        share_percent,
        ..GuessingPolicy::default()
    }
}

fn at(seconds: u64) -> Monotonic {
    Monotonic::default().plus(SECOND * u32::try_from(seconds).unwrap())
}

#[test]
fn enough_failures_within_the_window_raise_one_alarm() {
    let mut guesses = Guesses::default();
    let policy = policy(200, 20);
    let alarms: Vec<_> = (0..399).filter_map(|_| guesses.count(true, &policy, at(5))).collect();
    assert_eq!(alarms, [(200, 200)]);
    assert_eq!(guesses.count(true, &policy, at(5)), Some((200, 200)), "as many again");
}

#[test]
fn failures_further_apart_are_not_counted_together() {
    let mut guesses = Guesses::default();
    let policy = policy(11, 0);
    // One a minute: never more than ten or so in ten minutes.
    assert!((0..1000).all(|minute| guesses.count(true, &policy, at(60 * minute)).is_none()));
    // A little faster is seen.
    let mut guesses = Guesses::default();
    assert!((0..1000).any(|step| guesses.count(true, &policy, at(50 * step)).is_some()));
}

#[test]
fn a_large_sender_with_few_failures_is_left_alone() {
    let mut guesses = Guesses::default();
    let policy = policy(200, 20);
    // One in five fails: 20 percent, not more.
    assert!((0..10_000).all(|n| guesses.count(n % 5 == 4, &policy, at(n / 100)).is_none()));
    // One in four is more.
    let mut guesses = Guesses::default();
    assert!((0..10_000).any(|n| guesses.count(n % 4 == 3, &policy, at(n / 100)).is_some()));
}

#[test]
fn what_happens_to_people_is_no_guess() {
    for reason in
        [Reason::NumberReassigned, Reason::PortedOut, Reason::Suspended, Reason::Tps, Reason::AuthRevoked]
    {
        assert!(!is_guess(reason), "{}", reason.name());
    }
    assert!(is_guess(Reason::AuthMissing) && is_guess(Reason::DecryptFail) && is_guess(Reason::NotFoundAsof));
}

proptest! {
    /// Whatever the times (a simulated clock may stand or leap): an alarm means that as many failures were counted since
    /// the last one, and no more than the window holds are ever needed.
    #[test]
    fn an_alarm_has_its_failures(steps in prop::collection::vec((any::<bool>(), 0_u64..200), 1..400)) {
        let (mut guesses, policy) = (Guesses::default(), policy(20, 0));
        let (mut now, mut failures) = (0, 0);
        for (failed, pause) in steps {
            now += pause;
            failures += u32::from(failed);
            if let Some((counted, submits)) = guesses.count(failed, &policy, at(now)) {
                prop_assert!(counted == 20 && counted <= failures && submits >= counted);
                failures = 0;
            }
        }
    }
}
