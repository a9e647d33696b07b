use super::*;

fn rules() -> HealthRules {
    HealthRules {
        answers: 20,
        within: Duration::from_secs(10),
        least: 10,
        degraded_percent: 20,
        unhealthy_percent: 60,
        probe_min: Duration::from_secs(1),
        probe_max: Duration::from_secs(4),
        probes: 2,
    }
}

fn at(seconds: u64) -> Monotonic {
    Monotonic(seconds * 1_000_000)
}

fn noted(good: usize, bad: usize) -> Pulse {
    let mut pulse = Pulse::new(rules());
    (0..good).for_each(|_| pulse.note(true, at(1)));
    (0..bad).for_each(|_| pulse.note(false, at(1)));
    pulse
}

#[test]
fn the_share_of_failures_decides() {
    assert_eq!(noted(0, 9).health(), Health::Healthy, "too few to tell");
    assert_eq!(noted(9, 1).health(), Health::Healthy);
    assert_eq!(noted(8, 2).health(), Health::Degraded);
    assert_eq!(noted(4, 6).health(), Health::Unhealthy);
}

#[test]
fn old_answers_count_no_more() {
    let mut pulse = noted(8, 2);
    assert_eq!(pulse.health(), Health::Degraded);
    (0..20).for_each(|_| pulse.note(true, at(2)));
    assert_eq!(pulse.health(), Health::Healthy, "by number");
    let mut pulse = noted(5, 5);
    pulse.note(true, at(20));
    assert_eq!(pulse.health(), Health::Healthy, "by time");
}

#[test]
fn an_ill_channel_is_probed_until_it_answers_well() {
    let mut pulse = noted(0, 10);
    assert_eq!((pulse.health(), pulse.allowance(100, at(1))), (Health::Unhealthy, 0));
    assert_eq!(pulse.allowance(100, at(2)), 1, "after the pause");
    pulse.taken(at(2));
    assert_eq!(pulse.allowance(100, at(2)), 0, "one at a time");
    assert_eq!(pulse.allowance(100, at(12)), 1, "unless that one never came back");
    pulse.note(false, at(3));
    assert_eq!((pulse.allowance(1, at(4)), pulse.allowance(1, at(5))), (0, 1), "twice as long");
    pulse.note(true, at(4));
    assert_eq!(pulse.health(), Health::Unhealthy, "an answer to something sent before");
    pulse.taken(at(5));
    pulse.note(true, at(5));
    assert_eq!((pulse.health(), pulse.allowance(9, at(5))), (Health::Unhealthy, 1));
    pulse.taken(at(5));
    pulse.note(true, at(6));
    assert_eq!((pulse.health(), pulse.allowance(9, at(6))), (Health::Healthy, 9));
}

#[test]
fn silence_degrades() {
    let mut pulse = noted(10, 0);
    pulse.silence(1);
    assert_eq!(pulse.health(), Health::Degraded);
    pulse.silence(0);
    assert_eq!(pulse.health(), Health::Healthy);
}
