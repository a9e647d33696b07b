use super::*;
use crate::objects::Object;

fn parse(json: &str) -> Result<Object, Mistake> {
    Object::parse(Kind::FrequencyLimit, &ObjectId::parse("l1").unwrap(), json.as_bytes())
}

fn mistake(json: &str) -> String {
    parse(json).unwrap_err().to_string()
}

#[test]
fn an_object_comes_back_as_it_was_written() {
    let json = r#"{"per":"template","service":"both","applies_to":{"category":"marketing","tenant":"t1"},
        "windows":[{"within":"60s","most":1},{"calendar":"month","most":250}],"same_content":true,"enabled":false}"#;
    let object = parse(json).unwrap();
    assert_eq!(parse(std::str::from_utf8(&object.to_json()).unwrap()), Ok(object.clone()));
    let squeezed: String = json.split_whitespace().collect();
    assert_eq!(String::from_utf8(object.to_json()).unwrap(), squeezed);
}

#[test]
fn what_is_left_out_leaves_nothing_out() {
    let Object::FrequencyLimit(limit) =
        parse(r#"{"per":"all","windows":[{"calendar":"day","most":40}]}"#).unwrap()
    else {
        panic!("a limit")
    };
    assert_eq!((limit.service, limit.same_content, limit.enabled), (LimitedService::Sms, false, true));
    assert_eq!(limit.applies_to, AppliesTo::default());
}

#[test]
fn what_is_wrong_is_named() {
    let windows = |text: &str| format!(r#"{{"per":"all","windows":[{text}]}}"#);
    assert_eq!(mistake(&windows("")), "frequency-limits/l1/windows: 1 to 8 windows");
    let nine = (1..=9).map(|n| format!(r#"{{"within":"{n}s","most":1}}"#)).collect::<Vec<_>>().join(",");
    assert_eq!(mistake(&windows(&nine)), "frequency-limits/l1/windows: 1 to 8 windows");
    let good = r#"{"within":"2m","most":1},"#;
    for (window, told) in [
        (r#"{"most":1}"#, "windows[1]: either `within` or `calendar`"),
        (r#"{"within":"1h","calendar":"hour","most":1}"#, "windows[1]: either `within` or `calendar`"),
        (r#"{"within":"0s","most":1}"#, "windows[1].within: 1 s to 31 d"),
        (r#"{"within":"745h","most":1}"#, "windows[1].within: 1 s to 31 d"),
        (r#"{"within":"1h","most":251}"#, "windows[1].most: 1 to 250"),
        (r#"{"within":"120s","most":2}"#, "windows[1]: the same time stands there twice"),
    ] {
        assert_eq!(mistake(&windows(&format!("{good}{window}"))), format!("frequency-limits/l1/{told}"));
    }
    let calls = r#"{"per":"all","service":"voice","same_content":true,"windows":[{"within":"1h","most":1}]}"#;
    assert_eq!(mistake(calls), "frequency-limits/l1/same_content: calls have no text");
}

#[test]
fn nonsense_is_refused_whole() {
    for json in [
        "",
        "[]",
        "{}",
        r#"{"per":"all"}"#,
        r#"{"per":"person","windows":[{"within":"1h","most":1}]}"#,
        r#"{"per":"all","windows":[{"within":"1h","most":0}]}"#,
        r#"{"per":"all","windows":[{"within":"1h","most":256}]}"#,
        r#"{"per":"all","windows":[{"within":"1h","most":-1}]}"#,
        r#"{"per":"all","windows":[{"within":"1w","most":1}]}"#,
        r#"{"per":"all","windows":[{"within":"+1h","most":1}]}"#,
        r#"{"per":"all","windows":[{"within":"999999999d","most":1}]}"#,
        r#"{"per":"all","windows":[{"within":"h","most":1}]}"#,
        r#"{"per":"all","windows":[{"within":"1時","most":1}]}"#,
        r#"{"per":"all","windows":[{"within":3600,"most":1}]}"#,
        r#"{"per":"all","windows":[{"calendar":"year","most":1}]}"#,
        r#"{"per":"all","windows":[{"within":"1h","most":1,"why":1}]}"#,
        r#"{"per":"all","windows":[{"within":"1h","most":1}],"applies_to":{"category":"spam"}}"#,
        r#"{"per":"all","windows":[{"within":"1h","most":1}],"applies_to":{"tenant":"13800138000"}}"#,
        r#"{"per":"all","windows":[{"within":"1h","most":1}],"limit":1}"#,
    ] {
        assert!(parse(json).is_err(), "{json}");
    }
}
