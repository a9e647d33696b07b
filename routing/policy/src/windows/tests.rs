use proptest::prelude::*;
use veilgate_names::EnterpriseId;

use super::*;
use crate::objects::Object;

mod model;

const EVERYBODY: Chain<'static> = Chain(&[Tree::CARRIER]);

fn id(text: &str) -> ObjectId {
    ObjectId::parse(text).unwrap()
}

fn put(objects: &mut Objects, kind: Kind, name: &str, json: &str) {
    let object = Object::parse(kind, &id(name), json.as_bytes());
    objects.put(id(name), object.unwrap_or_else(|mistake| panic!("{mistake}")));
}

fn gazetteer() -> Gazetteer {
    let mut gazetteer = Gazetteer::default();
    for (province, city) in [("四川", "成都"), ("四川", "绵阳"), ("新疆", "喀什")] {
        gazetteer.add(province, city, "移动").unwrap();
    }
    gazetteer
}

fn place(province: &str, city: &str) -> Place {
    gazetteer().add(province, city, "移动").unwrap()
}

fn compile(objects: &Objects) -> Result<Windows, Mistake> {
    Windows::compile(objects, &Tree::compile(objects)?, &gazetteer())
}

fn windows(all: &[(&str, &str)]) -> Windows {
    let mut objects = Objects::default();
    for (name, json) in all {
        put(&mut objects, Kind::Window, name, json);
    }
    compile(&objects).unwrap()
}

/// A Beijing time.
fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn ask(windows: &Windows, when: &str) -> Option<Outside> {
    windows.check(Service::Sms, Category::Marketing, EVERYBODY, None, at(when))
}

fn until(windows: &Windows, when: &str) -> Option<Timestamp> {
    ask(windows, when).unwrap().until
}

const USUAL: &str =
    r#"{"scope":{"category":"marketing"},"hours":{"daily":["08:00-22:00"]},"outside":"defer"}"#;

#[test]
fn no_window_lets_everything_pass() {
    assert_eq!(ask(&Windows::default(), "2026-10-01 03:00:00"), None);
}

//= requirements.md 3.6, "Marketing window"; acceptance.md 11
#[test]
fn edges_are_to_the_second() {
    let windows = windows(&[("marketing", USUAL)]);
    for open in ["2026-10-01T08:00:00", "2026-10-01T21:59:59", "2026-10-01T21:59:59.999"] {
        assert_eq!(ask(&windows, open), None, "{open}");
    }
    for (closed, opens) in [
        ("2026-10-01T22:00:00", "2026-10-02 08:00:00"),
        ("2026-10-01T23:59:59.999", "2026-10-02 08:00:00"),
        ("2026-10-02T00:00:00", "2026-10-02 08:00:00"),
        ("2026-10-02T07:59:59.999", "2026-10-02 08:00:00"),
        ("2026-12-31T22:00:00", "2027-01-01 08:00:00"),
        ("2028-02-28T22:00:00", "2028-02-29 08:00:00"),
    ] {
        let outside = ask(&windows, closed).unwrap();
        assert_eq!(outside.until, Some(at(opens)), "{closed}");
        assert_eq!((outside.reason, outside.object.as_str()), (Reason::WindowCategory, "marketing"));
    }
}

#[test]
fn only_what_it_is_about_is_asked() {
    let voice = r#"{"scope":{"service":"voice"},"hours":{"daily":["09:00-10:00"]},"outside":"refuse"}"#;
    let windows = windows(&[("marketing", USUAL), ("voice", voice)]);
    let night = at("2026-10-01 23:00:00");
    let object = |service, category| {
        windows.check(service, category, EVERYBODY, None, night).map(|outside| outside.object.to_string())
    };
    assert_eq!(object(Service::Sms, Category::Notice), None);
    assert_eq!(object(Service::Sms, Category::Verification), None);
    assert_eq!(object(Service::Sms, Category::Marketing).as_deref(), Some("marketing"));
    assert_eq!(object(Service::Voice, Category::Notice).as_deref(), Some("voice"));
    assert_eq!(object(Service::Voice, Category::Marketing).as_deref(), Some("voice"), "refusing counts");
}

#[test]
fn hours_over_midnight_belong_to_the_day_they_begin_on() {
    // 2026-10-02 is a Friday.
    let json = r#"{"hours":{"daily":[],"friday":["22:00-02:00"]},"outside":"defer"}"#;
    let windows = windows(&[("friday", json)]);
    for (when, open) in [
        ("2026-10-02 01:59:59", false),
        ("2026-10-02 21:59:59", false),
        ("2026-10-02 22:00:00", true),
        ("2026-10-03 00:00:00", true),
        ("2026-10-03 01:59:59", true),
        ("2026-10-03 02:00:00", false),
        ("2026-10-03 22:00:00", false),
    ] {
        assert_eq!(ask(&windows, when).is_none(), open, "{when}");
    }
    assert_eq!(until(&windows, "2026-10-03 02:00:00"), Some(at("2026-10-09 22:00:00")));
}

#[test]
fn days_of_the_week_and_their_kinds() {
    let json =
        r#"{"hours":{"workday":["09:00-18:00"],"saturday":["10:00-12:00"],"sunday":[]},"outside":"defer"}"#;
    let windows = windows(&[("office", json)]);
    // 2026-11-16 is a Monday.
    for (day, opening, closing) in
        [(16, 9, 18), (17, 9, 18), (18, 9, 18), (19, 9, 18), (20, 9, 18), (21, 10, 12)]
    {
        let is_open = |time: &str| ask(&windows, &format!("2026-11-{day} {time}")).is_none();
        assert!(
            !is_open(&format!("{:02}:59:59", opening - 1)) && is_open(&format!("{opening:02}:00:00")),
            "{day}"
        );
        assert!(
            is_open(&format!("{:02}:59:59", closing - 1)) && !is_open(&format!("{closing:02}:00:00")),
            "{day}"
        );
    }
    assert_eq!(until(&windows, "2026-11-22 10:30:00"), Some(at("2026-11-23 09:00:00")));
    assert_eq!(until(&windows, "2026-11-21 12:00:00"), Some(at("2026-11-23 09:00:00")));
}

#[test]
fn a_calendar_makes_holidays_and_working_weekends() {
    let mut objects = Objects::default();
    // National Day 2026 from Thursday to Wednesday; Saturday the 10th is worked.
    let days: Vec<_> = (1..=7).map(|day| format!(r#""2026-10-0{day}":"holiday""#)).collect();
    let calendar = format!(r#"{{"days":{{{},"2026-10-10":"workday"}}}}"#, days.join(","));
    put(&mut objects, Kind::Calendar, "cn-2026", &calendar);
    let json = r#"{"hours":{"workday":["09:00-18:00"],"weekend":["10:00-12:00"],"holiday":[]},"outside":"defer",
        "calendar":"cn-2026"}"#;
    put(&mut objects, Kind::Window, "office", json);
    let windows = compile(&objects).unwrap();
    for (when, opens) in [
        ("2026-09-30 17:59:59", None),
        ("2026-09-30 18:00:00", Some("2026-10-08 09:00:00")),
        ("2026-10-01 11:00:00", Some("2026-10-08 09:00:00")),
        ("2026-10-03 11:00:00", Some("2026-10-08 09:00:00")),
        ("2026-10-08 09:00:00", None),
        ("2026-10-10 17:59:59", None),
        ("2026-10-11 09:00:00", Some("2026-10-11 10:00:00")),
    ] {
        assert_eq!(ask(&windows, when).map(|outside| outside.until.unwrap()), opens.map(at), "{when}");
    }
}

#[test]
fn regions_are_asked_only_of_people_who_are_there() {
    let west = r#"{"region":{"province":"新疆"},"hours":{"daily":["10:00-24:00"]},"outside":"defer"}"#;
    let city = r#"{"region":{"province":"四川","city":"成都"},"hours":{"daily":["09:00-20:00"]},"outside":"refuse"}"#;
    let windows = windows(&[("west", west), ("city", city)]);
    let ask = |place, when: &str| windows.check(Service::Sms, Category::Notice, EVERYBODY, place, at(when));
    let early = "2026-10-01 08:30:00";
    assert_eq!(ask(None, early), None, "nobody is known");
    assert_eq!(ask(Some(place("四川", "绵阳")), early), None, "another city");
    let outside = ask(Some(place("四川", "成都")), early).unwrap();
    assert_eq!(
        (outside.reason, outside.object.as_str(), outside.until),
        (Reason::WindowRegion, "city", None)
    );
    let outside = ask(Some(place("新疆", "喀什")), early).unwrap();
    assert_eq!((outside.object.as_str(), outside.until), ("west", Some(at("2026-10-01 10:00:00"))));
    assert_eq!(ask(Some(place("新疆", "喀什")), "2026-10-01 10:00:00"), None);
}

#[test]
fn tenants_have_windows_for_themselves_and_everyone_below() {
    let mut objects = Objects::default();
    put(&mut objects, Kind::Tenant, "carrier", r#"{"level":"carrier"}"#);
    put(&mut objects, Kind::Tenant, "north", r#"{"level":"distributor","parent":"carrier"}"#);
    put(&mut objects, Kind::Tenant, "bank", r#"{"level":"enterprise","parent":"north"}"#);
    put(&mut objects, Kind::Tenant, "shop", r#"{"level":"enterprise","parent":"carrier"}"#);
    let json = r#"{"scope":{"tenant":"north"},"hours":{"daily":["09:00-17:00"]},"outside":"refuse"}"#;
    put(&mut objects, Kind::Window, "north-hours", json);
    let (tree, windows) = (Tree::compile(&objects).unwrap(), compile(&objects).unwrap());
    let ask = |enterprise: &str| {
        let chain = tree.chain(&EnterpriseId::parse(enterprise).unwrap());
        windows.check(Service::Sms, Category::Notice, chain, None, at("2026-10-01 18:00:00"))
    };
    assert_eq!(ask("bank").map(|outside| outside.reason), Some(Reason::WindowTenant));
    assert_eq!(ask("shop"), None);
    assert_eq!(ask("unknown"), None);
}

#[test]
fn what_is_deferred_waits_until_all_are_open() {
    let narrow = r#"{"hours":{"daily":["06:00-07:00","21:30-23:00"]},"outside":"defer"}"#;
    let both = windows(&[("marketing", USUAL), ("narrow", narrow)]);
    assert_eq!(until(&both, "2026-10-01 22:30:00"), Some(at("2026-10-02 21:30:00")));
    assert_eq!(ask(&both, "2026-10-01 22:30:00").unwrap().object.as_str(), "marketing");
    assert_eq!(ask(&both, "2026-10-01 12:00:00").unwrap().object.as_str(), "narrow");
    // A window that refuses is waited for as well, as long as it is open now.
    let refuses = r#"{"hours":{"daily":["00:00-09:00","21:45-24:00"]},"outside":"refuse"}"#;
    let all = windows(&[("marketing", USUAL), ("narrow", narrow), ("refuses", refuses)]);
    assert_eq!(until(&all, "2026-10-01 23:30:00"), Some(at("2026-10-02 21:45:00")));
    assert_eq!(until(&all, "2026-10-01 12:00:00"), None);
}

#[test]
fn hours_that_began_yesterday_are_waited_in() {
    let night = r#"{"hours":{"daily":["22:00-03:00"]},"outside":"defer"}"#;
    let early = r#"{"hours":{"daily":["01:00-05:00"]},"outside":"defer"}"#;
    let both = windows(&[("night", night), ("early", early)]);
    assert_eq!(until(&both, "2026-10-01 00:30:00"), Some(at("2026-10-01 01:00:00")));
    assert_eq!(until(&both, "2026-10-01 03:00:00"), Some(at("2026-10-02 01:00:00")));
}

#[test]
fn without_a_common_hour_it_is_refused() {
    let night = r#"{"hours":{"daily":["22:00-08:00"]},"outside":"defer"}"#;
    let outside = ask(&windows(&[("marketing", USUAL), ("night", night)]), "2026-10-01 12:00:00").unwrap();
    assert_eq!((outside.object.as_str(), outside.until), ("night", None));
}

#[test]
fn a_window_that_stays_shut_for_longer_than_the_search_refuses() {
    let mut objects = Objects::default();
    let shut = |days: i64| {
        let first = at("2026-10-01").0;
        let day = |n: i64| beijing(Timestamp(first + n * 86_400_000));
        (0..days).map(day).map(|day| format!(r#""{day}":"holiday""#)).collect::<Vec<_>>().join(",")
    };
    let json = r#"{"hours":{"daily":["08:00-22:00"],"holiday":[]},"outside":"defer","calendar":"c"}"#;
    put(&mut objects, Kind::Window, "w", json);
    for (days, opens) in [(14, Some("2026-10-15 08:00:00")), (15, None)] {
        put(&mut objects, Kind::Calendar, "c", &format!(r#"{{"days":{{{}}}}}"#, shut(days)));
        let windows = compile(&objects).unwrap();
        assert_eq!(until(&windows, "2026-10-01 09:00:00"), opens.map(at), "{days}");
    }
}

fn beijing(at: Timestamp) -> String {
    let day = veilgate_names::beijing_day(at);
    format!("{}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100)
}

#[test]
fn strange_times_are_answered() {
    let windows = windows(&[("marketing", USUAL)]);
    for at in [i64::MIN, -1, 0, i64::MAX] {
        let outside = windows.check(Service::Sms, Category::Marketing, EVERYBODY, None, Timestamp(at));
        assert!(outside.is_none_or(|outside| outside.until.is_none_or(|until| until > Timestamp(at))));
    }
    // 1970-01-01 begins in Beijing eight hours before it does in Greenwich; before that is a day as well.
    assert_eq!(until(&windows, "1969-12-31 23:00:00"), Some(at("1970-01-01 08:00:00")));
}

#[test]
fn what_is_wrong_is_named() {
    let refused = |kind, json: &str| Object::parse(kind, &id("x"), json.as_bytes()).unwrap_err();
    let field = |kind, json: &str| refused(kind, json).field;
    let window = |rest: &str| format!(r#"{{"outside":"defer",{rest}}}"#);
    assert_eq!(
        field(Kind::Window, &window(r#""hours":{"daily":["08:00-09:00","08:30-10:00"]}"#)),
        "hours.daily"
    );
    assert_eq!(field(Kind::Window, &window(r#""hours":{"workday":["08:00-09:00"]}"#)), "hours.saturday");
    let nameless = window(r#""hours":{"daily":["08:00-09:00"]},"region":{"province":""}"#);
    assert_eq!(field(Kind::Window, &nameless), "region.province");
    let mistake = refused(Kind::Window, &window(r#""hours":{"daily":["08:00-09:00","8-9"]}"#));
    assert_eq!(mistake.field, "hours.daily[1]");
    assert!(mistake.problem.contains("not hours such as 08:00-22:00"), "{mistake}");
    assert_eq!(field(Kind::Calendar, r#"{"days":{"2026-02-30":"holiday"}}"#), "days.2026-02-30");
    assert_eq!(field(Kind::Calendar, r#"{"days":{"20260230":"holiday"}}"#), "days.20260230");
    let twice = r#"{"days":{"2026-10-01":"holiday","2026-10-01":"workday"}}"#;
    assert!(refused(Kind::Calendar, twice).problem.contains("twice"));
    for unknown in [r#""colour":1"#, r#""scope":{"colour":1}"#, r#""hours":{"daily":[],"someday":[]}"#] {
        assert!(refused(Kind::Window, &window(unknown)).problem.contains("unknown field"), "{unknown}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    for (rest, field) in [
        (r#""calendar":"none""#, "calendar"),
        (r#""scope":{"tenant":"none"}"#, "scope.tenant"),
        (r#""region":{"province":"Atlantis"}"#, "region.province"),
        (r#""region":{"province":"四川","city":"喀什"}"#, "region.city"),
    ] {
        let mut objects = Objects::default();
        let json = format!(r#"{{"hours":{{"daily":["08:00-09:00"]}},"outside":"defer",{rest}}}"#);
        put(&mut objects, Kind::Window, "w", &json);
        let mistake = compile(&objects).unwrap_err();
        assert_eq!((mistake.field.as_str(), mistake.id), (field, Some(id("w"))));
    }
}

#[test]
fn an_object_reads_back_from_its_json() {
    let json = r#"{"scope":{"category":"marketing","tenant":"t","service":"sms"},"region":{"province":"四川"},"hours":{"daily":["22:00-06:00"],"holiday":[]},"outside":"refuse","calendar":"c"}"#;
    let object = Object::parse(Kind::Window, &id("w"), json.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(object.to_json()).unwrap(), json);
    let calendar = r#"{"days":{"2026-10-01":"holiday","2026-10-10":"workday"}}"#;
    let object = Object::parse(Kind::Calendar, &id("c"), calendar.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(object.to_json()).unwrap(), calendar);
}
