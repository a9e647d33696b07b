//! What must hold for any hours, calendar and time.

use veilgate_names::{Category, EnterpriseId, Gazetteer, ObjectId, Service, Timestamp};
use veilgate_policy::{Kind, Object, Objects, Span, Tree, Windows};

/// Lines: a time in milliseconds, a calendar, and windows that may name it `c`. Each line is hours as well.
pub(crate) fn check(input: &[u8]) {
    let mut lines = input.split(|octet| *octet == b'\n');
    for text in lines.clone().filter_map(|line| std::str::from_utf8(line).ok()) {
        if let Ok(span) = text.parse::<Span>() {
            assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
    let time = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.parse().ok());
    let at = Timestamp(time.unwrap_or(1_790_000_000_000));
    let mut objects = Objects::default();
    let mut put = |kind, name: &str, json: &[u8]| {
        let id = ObjectId::parse(name).unwrap();
        if let Ok(object) = Object::parse(kind, &id, json) {
            objects.put(id, object);
        }
    };
    put(Kind::Calendar, "c", lines.next().unwrap_or_default());
    for (name, json) in ["w1", "w2", "w3"].into_iter().zip(lines) {
        put(Kind::Window, name, json);
    }
    let tree = Tree::compile(&objects).unwrap();
    let Ok(windows) = Windows::compile(&objects, &tree, &Gazetteer::default()) else { return };
    let enterprise = EnterpriseId::parse("e").unwrap();
    let ask = |at| windows.check(Service::Sms, Category::Marketing, tree.chain(&enterprise), None, at);
    if let Some(until) = ask(at).and_then(|outside| outside.until) {
        assert!(until > at, "it waits");
        assert_eq!(ask(until), None, "all are open then");
        assert!(ask(Timestamp(until.0 - 1)).is_some(), "and not before");
    }
}
