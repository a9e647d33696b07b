use super::*;

fn hours(json: &str) -> Hours {
    serde_json::from_str(json).unwrap()
}

fn wrong(json: &str, with_calendar: bool) -> &'static str {
    hours(json).week(with_calendar).unwrap_err().key
}

#[test]
fn spans_are_read_to_the_second_and_written_as_they_came() {
    for (text, from, to) in [
        ("08:00-22:00", 28_800, 79_200),
        ("00:00-24:00", 0, 86_400),
        ("22:00-06:00", 79_200, 86_400 + 21_600),
        ("22:00-00:00", 79_200, 86_400),
        ("09:30:15-09:30:16", 34_215, 34_216),
        ("23:59:59-24:00:00", 86_399, 86_400),
    ] {
        let span: Span = text.parse().unwrap();
        assert_eq!(span.edges(), (from, to), "{text}");
        assert_eq!(span.to_string().parse(), Ok(span), "{text}");
    }
    assert_eq!("08:00-22:00".parse::<Span>().unwrap().to_string(), "08:00-22:00");
    assert_eq!("08:00:01-22:00".parse::<Span>().unwrap().to_string(), "08:00:01-22:00:00");
}

#[test]
fn other_texts_are_no_spans() {
    for text in [
        "",
        "-",
        "8:00-22:00",
        "08:00",
        "08:00-",
        "08:00-22:0",
        "08:00-22:000",
        "08:60-22:00",
        "08:00-25:00",
        "08:00-24:01",
        "24:00-08:00",
        "08:00 - 22:00",
        "08:00-22:00-23:00",
        "08:00:60-22:00",
        "+8:00-22:00",
        "08:00:00:00-22:00",
        "０８:00-22:00",
        "08:00–22:00",
        "08:00-22:00:",
        "08:-122:00",
    ] {
        assert_eq!(text.parse::<Span>(), Err(SpanError::Form), "{text}");
    }
    assert_eq!("08:00-08:00".parse::<Span>(), Err(SpanError::Empty));
    assert_eq!("00:00-00:00".parse::<Span>(), Err(SpanError::Empty));
}

#[test]
fn a_day_has_the_hours_of_its_name_or_its_kind_or_all_days() {
    let week =
        hours(r#"{"daily":["01:00-02:00"],"weekend":["03:00-04:00"],"sunday":[],"monday":["05:00-06:00"]}"#)
            .week(true)
            .unwrap();
    let first = |day| week.spans(day).first().map(|span: &Span| span.edges().0 / 3600);
    let days: Vec<_> = (0..9).map(first).collect();
    let (all, weekend) = (Some(1), Some(3));
    assert_eq!(days, [Some(5), all, all, all, all, weekend, None, weekend, all]);
}

#[test]
fn every_day_needs_hours_and_all_hours_a_day() {
    assert_eq!(wrong(r#"{"workday":["08:00-09:00"]}"#, false), "saturday");
    assert_eq!(wrong(r#"{"workday":["08:00-09:00"],"saturday":[],"sunday":[]}"#, true), "holiday");
    assert_eq!(wrong(r#"{"weekend":["08:00-09:00"],"holiday":[]}"#, false), "monday");
    assert_eq!(wrong(r#"{"daily":["08:00-09:00"],"holiday":[]}"#, false), "holiday");
    assert_eq!(wrong(r#"{"daily":["08:00-09:00"],"workday":[],"weekend":[]}"#, false), "daily");
    assert_eq!(wrong("{}", false), "monday");
    assert_eq!(wrong(r#"{"daily":[]}"#, false), "daily");
    assert!(hours(r#"{"workday":["08:00-09:00"],"saturday":[],"sunday":[]}"#).week(false).is_ok());
    assert!(hours(r#"{"daily":["08:00-09:00"],"holiday":[]}"#).week(true).is_ok());
}

#[test]
fn no_second_may_stand_twice() {
    for (json, with_calendar, key) in [
        (r#"{"daily":["08:00-12:00","11:59:59-13:00"]}"#, false, "daily"),
        (r#"{"daily":["08:00-12:00","08:00-12:00"]}"#, false, "daily"),
        (r#"{"daily":["22:00-06:00","05:00-07:00"]}"#, false, "monday"),
        (r#"{"daily":["08:00-09:00"],"sunday":["22:00-08:01"]}"#, false, "sunday"),
        (r#"{"daily":["22:00-06:00"],"holiday":["05:00-07:00"]}"#, true, "monday"),
        (r#"{"daily":["05:00-07:00"],"holiday":["22:00-06:00"]}"#, true, "holiday"),
    ] {
        assert_eq!(wrong(json, with_calendar), key, "{json}");
    }
    for json in [
        r#"{"daily":["08:00-12:00","12:00-13:00"]}"#,
        r#"{"daily":["22:00-06:00","06:00-07:00"]}"#,
        r#"{"workday":["08:00-09:00"],"weekend":["00:00-24:00"]}"#,
        r#"{"daily":["08:00-09:00"],"sunday":["22:00-08:00"]}"#,
    ] {
        assert!(hours(json).week(false).is_ok(), "{json}");
    }
    let many = format!(r#"{{"daily":[{}"23:00-23:01"]}}"#, r#""08:00-08:01","#.repeat(24));
    assert_eq!(wrong(&many, false), "daily");
}
