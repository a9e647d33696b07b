use std::collections::{BTreeMap, BTreeSet};

use axum::http::HeaderValue;
use serde_json::Value;

use super::*;

/// Every reference in the document, wherever it stands.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn the_document_has_every_path_and_method_and_no_other() {
    let document = openapi::document();
    let described: BTreeMap<&str, BTreeSet<&str>> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, methods)| {
            (path.as_str(), methods.as_object().unwrap().keys().map(String::as_str).collect())
        })
        .collect();
    // What a method router allows shows in its Debug form only.
    let served: BTreeMap<&str, BTreeSet<&str>> = routes()
        .into_iter()
        .map(|(path, methods)| {
            let form = format!("{methods:?}");
            let all = ["get", "put", "post", "delete", "patch", "head", "options", "trace", "connect"];
            let is_served = |method: &&str| !form.contains(&format!(" {method}: None"));
            (path, all.into_iter().filter(is_served).collect())
        })
        .collect();
    assert_eq!(described, served);
}

#[test]
fn the_document_describes_every_kind_and_points_nowhere_else() {
    let document = openapi::document();
    for kind in Kind::ALL {
        let schema = &document["components"]["schemas"][kind.name()];
        assert!(schema.is_object(), "{}", kind.name());
    }
    assert!(document["components"]["schemas"]["tenants"]["properties"]["parent"].is_object());
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > Kind::ALL.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn preconditions_are_read_strictly() {
    let of = |given: &[(header::HeaderName, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(name, HeaderValue::from_static(value));
        }
        precondition(&headers).ok()
    };
    let (same, none) = (header::IF_MATCH, header::IF_NONE_MATCH);
    assert_eq!(of(&[]), Some(Precondition::None));
    assert_eq!(of(&[(same.clone(), "\"7\"")]), Some(Precondition::Version(7)));
    assert_eq!(of(&[(same.clone(), "*")]), Some(Precondition::Present));
    assert_eq!(of(&[(none.clone(), "*")]), Some(Precondition::Absent));
    for wrong in ["7", "\"+7\"", "W/\"7\"", "\"7\", \"8\"", "\"99999999999999999999\"", "\"\"", "", "\"x\""] {
        assert_eq!(of(&[(same.clone(), wrong)]), None, "{wrong}");
    }
    assert_eq!(of(&[(none.clone(), "\"7\"")]), None);
    assert_eq!(of(&[(same.clone(), "*"), (none, "*")]), None);
    assert_eq!(of(&[(same.clone(), "\"7\""), (same, "\"8\"")]), None);
}
