use std::time::Duration;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn now() -> Timestamp {
    Timestamp::parse("2026-03-01T00:00:00Z").unwrap()
}

fn read(schedule: &str, validity: &str) -> Result<Times, Refusal> {
    Times::read(schedule.as_bytes(), validity.as_bytes(), &FlowRules::default(), now())
}

fn after(schedule: Duration, validity: Duration) -> Result<Times, Refusal> {
    let scheduled_at = (!schedule.is_zero()).then(|| now().plus(schedule));
    Ok(Times { scheduled_at, expires_at: now().plus(schedule).plus(validity) })
}

#[test]
fn both_forms_of_both_fields_are_read() {
    assert_eq!(read("", ""), after(Duration::ZERO, HOUR * 24));
    assert_eq!(read("260301020000000+", ""), after(HOUR * 2, HOUR * 24));
    assert_eq!(read("260301100000032+", ""), after(HOUR * 2, HOUR * 24), "Beijing time: 32 quarters ahead");
    assert_eq!(read("260301013000002-", ""), after(HOUR * 2, HOUR * 24), "half an hour behind");
    assert_eq!(read("260301020000500+", ""), after(HOUR * 2 + Duration::from_millis(500), HOUR * 24));
    assert_eq!(read("000000020000000R", ""), after(HOUR * 2, HOUR * 24));
    assert_eq!(read("", "000000003000000R"), after(Duration::ZERO, HOUR / 2));
}

#[test]
fn validity_counts_from_when_the_message_leaves() {
    assert_eq!(read("000000020000000R", "000000010000000R"), after(HOUR * 2, HOUR));
    assert_eq!(read("000000020000000R", "260301030000000+"), after(HOUR * 2, HOUR));
    assert_eq!(
        read("000000020000000R", "000100000000000R"),
        after(HOUR * 2, HOUR * 168),
        "the longest granted"
    );
    let refused = Err(Refusal::time(Status::RINVEXPIRY));
    assert_eq!(read("000000020000000R", "260301015959000+"), refused, "before it leaves");
    assert_eq!(read("000000020000000R", "260301020000000+"), refused, "when it leaves");
    assert_eq!(read("", "260228235959000+"), refused);
    assert_eq!(read("", "nonsense"), refused);
}

#[test]
fn times_out_of_bounds_are_refused() {
    let refused = Err(Refusal::time(Status::RINVSCHED));
    assert_eq!(read("260331000000000+", ""), after(HOUR * 24 * 30, HOUR * 24), "the last moment");
    assert_eq!(read("260331000000100+", ""), refused);
    assert_eq!(read("990101000000000+", ""), refused);
    for nonsense in
        ["tomorrow", "260301020000000", "261301020000000+", "260301020000049+", "000000020000100R"]
    {
        assert_eq!(read(nonsense, ""), refused, "{nonsense}");
    }
}

#[test]
fn a_time_in_the_past_means_now_or_is_refused() {
    assert_eq!(read("260228235959000+", ""), after(Duration::ZERO, HOUR * 24));
    assert_eq!(read("260301000000000+", ""), after(Duration::ZERO, HOUR * 24));
    assert_eq!(read("000000000000000R", ""), after(Duration::ZERO, HOUR * 24));
    let rules = FlowRules { past_schedule: PastSchedule::Refuse, ..FlowRules::default() };
    let refused = Times::read(b"260228235959000+", b"", &rules, now());
    assert_eq!(refused, Err(Refusal::time(Status::RINVSCHED)));
}
