//! Windows against a model that goes through the seconds one by one.

use std::collections::BTreeMap;

use super::*;

const DAYS: [&str; 9] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "holiday", "workday"];
/// The midnight with which 2026-09-28, a Monday, begins in Beijing.
const MONDAY: i64 = 1_790_524_800_000;

/// Hours of one kind of day, seconds since its midnight.
#[derive(Debug, Clone)]
struct Spans(Vec<(u32, u32)>);

#[derive(Debug, Clone)]
struct Model {
    days: Vec<Spans>,
    refuses: bool,
}

impl Model {
    fn is_open(&self, second: i64, calendar: &BTreeMap<i64, usize>) -> bool {
        let day = second.div_euclid(86_400);
        let spans = |day: i64| {
            let kind = calendar.get(&day).copied();
            &self.days[kind.unwrap_or_else(|| usize::try_from(day.rem_euclid(7)).unwrap())].0
        };
        let since = |day: i64| second - day * 86_400;
        let holds = |day: i64| {
            spans(day).iter().any(|(from, to)| (i64::from(*from)..i64::from(*to)).contains(&since(day)))
        };
        holds(day) || holds(day - 1)
    }

    fn json(&self) -> String {
        let clock =
            |second: u32| format!("{:02}:{:02}:{:02}", second / 3600 % 24, second / 60 % 60, second % 60);
        let text = |(from, to): &(u32, u32)| {
            let to = if *to == 86_400 { "24:00".to_owned() } else { clock(*to) };
            format!(r#""{}-{to}""#, clock(*from))
        };
        let list = |(name, spans): (&&str, &Spans)| {
            format!(r#""{name}":[{}]"#, spans.0.iter().map(text).collect::<Vec<_>>().join(","))
        };
        let hours: Vec<_> = DAYS.iter().zip(&self.days).map(list).collect();
        let outside = if self.refuses { "refuse" } else { "defer" };
        format!(r#"{{"hours":{{{}}},"outside":"{outside}","calendar":"c"}}"#, hours.join(","))
    }
}

/// Up to three hours of a day in order. If they begin late, the last may go over midnight, not into those of the next day.
fn spans(is_late: bool) -> impl Strategy<Value = Spans> {
    let first = if is_late { 20_000_u32 } else { 0 };
    let edges = prop::collection::btree_set(first..86_400, 0..6);
    (edges, prop::option::weighted(0.4, 1_u32..20_000)).prop_map(move |(edges, over)| {
        let edges: Vec<u32> = edges.into_iter().collect();
        let mut spans: Vec<_> = edges.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        if let (true, Some(over), Some(last)) = (is_late, over, spans.last_mut()) {
            last.1 = 86_400 + over;
        }
        Spans(spans)
    })
}

fn model() -> impl Strategy<Value = Model> {
    let days = any::<bool>().prop_flat_map(|is_late| prop::collection::vec(spans(is_late), 9));
    (days, prop::bool::weighted(0.2)).prop_map(|(days, refuses)| Model { days, refuses })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn windows_agree_with_going_through_the_seconds(
        models in prop::collection::vec(model(), 1..4),
        calendar in prop::collection::btree_map(0_i64..20, 7_usize..9, 0..8),
        second in 0_i64..7 * 86_400,
        ms in 0_i64..1000,
    ) {
        let mut objects = Objects::default();
        let day = |(day, kind): (&i64, &usize)| {
            format!(r#""{}":"{}""#, beijing(Timestamp(MONDAY + day * 86_400_000)), DAYS[*kind])
        };
        let days = calendar.iter().map(day).collect::<Vec<_>>().join(",");
        put(&mut objects, Kind::Calendar, "c", &format!(r#"{{"days":{{{days}}}}}"#));
        let mut taken = Vec::new();
        for (at, model) in models.iter().enumerate() {
            let name = id(&format!("w{at}"));
            // What has no hours at all is refused, and others test that.
            if let Ok(object) = Object::parse(Kind::Window, &name, model.json().as_bytes()) {
                objects.put(name, object);
                taken.push(model);
            }
        }
        let windows = compile(&objects).unwrap();
        let are_open = |second| taken.iter().all(|model| model.is_open(second, &calendar));
        let refuses = taken.iter().any(|model| model.refuses && !model.is_open(second, &calendar));
        let horizon = second + 14 * 86_400;
        let expected = if are_open(second) {
            None
        } else if refuses {
            Some(None)
        } else {
            Some((second..=horizon).find(|second| are_open(*second)).map(|second| Timestamp(MONDAY + second * 1000)))
        };
        let now = Timestamp(MONDAY + second * 1000 + ms);
        let found = windows.check(Service::Sms, Category::Notice, EVERYBODY, None, now);
        prop_assert_eq!(found.map(|outside| outside.until), expected);
    }
}
