use proptest::prelude::*;

use super::*;

const NOW: &str = "2026-03-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn absolute_times_have_an_offset() {
    let read = |field: &[u8]| parse(field, at(NOW)).unwrap().unwrap();
    assert_eq!(read(b"260301080000032+"), at(NOW));
    assert_eq!(read(b"260228180000024-"), at(NOW));
    assert_eq!(read(b"260301000000500+"), Timestamp(at(NOW).0 + 500));
}

#[test]
fn relative_times_count_from_now() {
    let read = |field: &[u8]| parse(field, at(NOW)).unwrap().unwrap();
    assert_eq!(read(b"000002000000000R"), at("2026-03-03T00:00:00Z"));
    assert_eq!(read(b"010100233059000R"), at("2027-04-01T23:30:59Z"));
    assert_eq!(read(b"000000000000000R"), at(NOW));
    assert!(read(b"999999999999000R").0 / 1000 > at("2125-01-01T00:00:00Z").0 / 1000);
}

#[test]
fn a_null_time_is_none() {
    assert_eq!(parse(b"", at(NOW)), Ok(None));
}

#[test]
fn nonsense_is_refused() {
    for bad in [
        &b"260301080000032"[..],
        b"2603010800000032+",
        b"260301080000032Z",
        b"261301080000032+",
        b"260230080000032+",
        b"260301240000032+",
        b"260301080060032+",
        b"260301080000049+",
        b"26030108000003x+",
        b"000002000000100R",
        b"000002000000004R",
    ] {
        assert_eq!(parse(bad, at(NOW)), Err(TextError::Time));
    }
    assert_eq!(write_relative(Duration::from_secs(100 * 86_400)), Err(TextError::Time));
    assert_eq!(write_absolute(at("2100-01-01T00:00:00Z")), Err(TextError::Time));
}

proptest! {
    #[test]
    fn absolute_times_survive(tenths in 9_466_848_000i64..41_024_448_000) {
        let instant = Timestamp(tenths * 100);
        prop_assert_eq!(parse(&write_absolute(instant).unwrap(), at(NOW)), Ok(Some(instant)));
    }

    #[test]
    fn relative_times_survive(seconds in 0u64..100 * 86_400) {
        let field = write_relative(Duration::from_secs(seconds)).unwrap();
        prop_assert_eq!(parse(&field, at(NOW)), Ok(Some(at(NOW).plus(Duration::from_secs(seconds)))));
    }

    #[test]
    fn any_bytes_are_safe(field in prop::collection::vec(prop_oneof![0x30u8..0x3A, any::<u8>()], 0..20), now: i64) {
        let _ = parse(&field, Timestamp(now));
    }
}
