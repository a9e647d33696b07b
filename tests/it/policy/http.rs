//! Objects one by one over HTTP.

use super::{Ask, agent, audited, ops, with_api};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const A: &str = "/v1/objects/tenants/a";

#[tokio::test(flavor = "multi_thread")]
async fn an_object_lives_through_its_versions() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    let created = Ask::new("PUT", A).body(&agent(1)).of(at).await;
    assert_eq!((created.status, created.etag()), (201, Some("\"1\"")), "{created:?}");
    let found = Ask::new("GET", A).of(at).await;
    assert_eq!((found.status, found.etag()), (200, Some("\"1\"")));
    let shown = found.json();
    assert_eq!((&shown["by"], &shown["version"]), (&"console".into(), &1.into()));
    assert_eq!(shown["object"]["rate_per_second"], 1);
    let unasked = Ask::new("PUT", A).body(&agent(2)).of(at).await;
    assert_eq!(unasked.status, 428, "who did not say what is there meets something");
    for (wrong, status) in [("\"2\"", 412), ("2", 400)] {
        let answer = Ask::new("PUT", A).headers(&[("If-Match", wrong)]).body(&agent(2)).of(at).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let answer = Ask::new("PUT", A).headers(&[("If-None-Match", "*")]).body(&agent(2)).of(at).await;
    assert_eq!(answer.status, 412);
    let changed = Ask::new("PUT", A).headers(&[("If-Match", "\"1\"")]).body(&agent(2)).of(at).await;
    assert_eq!((changed.status, changed.etag()), (200, Some("\"2\"")), "{changed:?}");
    let difference = &changed.json()["differences"][0];
    assert_eq!(
        (&difference["effect"], &difference["fields"][0]),
        (&"changed".into(), &"rate_per_second".into())
    );
    let same = Ask::new("PUT", A).headers(&[("If-Match", "\"2\"")]).body(&agent(2)).of(at).await;
    assert_eq!((same.status, same.etag(), &same.json()["unchanged"]), (200, Some("\"2\""), &1.into()));
    gateway.restart().await;
    let at = ops(&gateway);
    assert_eq!(Ask::new("GET", A).of(at).await.json()["object"]["rate_per_second"], 2);
    assert_eq!(Ask::new("DELETE", A).of(at).await.status, 428);
    assert_eq!(Ask::new("DELETE", A).headers(&[("If-Match", "\"1\"")]).of(at).await.status, 412);
    assert_eq!(Ask::new("DELETE", A).headers(&[("If-Match", "\"2\"")]).of(at).await.status, 200);
    assert_eq!(Ask::new("GET", A).of(at).await.status, 404);
    assert_eq!(Ask::new("DELETE", A).headers(&[("If-Match", "*")]).of(at).await.status, 412);
    let history = Ask::new("GET", "/v1/objects/tenants/a/history").of(at).await.json();
    let versions: Vec<u64> =
        history["history"].as_array().unwrap().iter().map(|one| one["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, [3, 2, 1]);
    assert!(history["history"][0].get("digest").is_none());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_stand_in_the_audit_file_without_content() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    Ask::new("PUT", A).body(&agent(7_654_321 / 100)).of(at).await;
    Ask::new("PUT", A).headers(&[("If-Match", "*")]).body(&agent(3)).of(at).await;
    Ask::new("PUT", A).headers(&[("If-Match", "\"9\"")]).body(&agent(4)).of(at).await;
    Ask::new("PUT", A).headers(&[("If-Match", "\"2\"")]).body("{\"level\":\"duke\"}").of(at).await;
    Ask::new("DELETE", A).headers(&[("If-Match", "\"2\"")]).of(at).await;
    assert_eq!(gateway.metric("veilgate_policy_version").await, Some(3.0));
    assert_eq!(gateway.metric("veilgate_policy_changes_total").await, Some(3.0));
    assert_eq!(gateway.metric("veilgate_policy_changes_refused_total").await, Some(2.0));
    assert!(gateway.metric("veilgate_policy_changed_seconds").await > Some(1.7e9));
    gateway.halt().await;
    let records = audited(&gateway, &["object_put", "object_removed", "objects_refused"]);
    let types: Vec<&str> = records.iter().map(|record| record["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["object_put", "object_put", "objects_refused", "objects_refused", "object_removed"]);
    for record in &records {
        assert_eq!((&record["user"], &record["kind"]), (&"token:console".into(), &"tenants".into()));
        assert_eq!(
            (&record["object"], record["success"] == true),
            (&"a".into(), record["type"] != "objects_refused")
        );
    }
    assert_eq!(records[0]["after"], records[1]["before"]);
    assert_eq!(records[1]["after"], records[4]["before"]);
    assert_eq!(records[0]["after"].as_str().unwrap().len(), 64);
    let told = gateway.log() + &format!("{records:?}");
    assert!(told.contains("PolicyChanged") && told.contains("PolicyRefused"));
    assert!(!told.contains("76543") && !told.contains("duke"), "no content");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_at_once_exactly_one_fits_a_version() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    Ask::new("PUT", A).body(&agent(1)).of(at).await;
    for version in 1..4_u32 {
        let tasks: Vec<_> = (0..16)
            .map(|n| {
                let (tag, body) = (format!("\"{version}\""), agent(100 * version + n));
                tokio::spawn(async move {
                    Ask::new("PUT", A).headers(&[("If-Match", &tag)]).body(&body).of(at).await.status
                })
            })
            .collect();
        let mut statuses = Vec::new();
        for task in tasks {
            statuses.push(task.await.unwrap());
        }
        statuses.sort_unstable();
        let mut expected = vec![412; 16];
        expected[0] = 200;
        assert_eq!(statuses, expected);
    }
    assert_eq!(Ask::new("GET", A).of(at).await.etag(), Some("\"4\""));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_named_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    let long = format!(r#"{{"level":"{}"}}"#, "x".repeat(1 << 20));
    for (method, path, body, status, field) in [
        ("PUT", "/v1/objects/colours/a", "{}", 404, ""),
        ("GET", "/v1/objects/colours", "", 404, ""),
        ("PUT", "/v1/objects/tenants/13800138000", "{}", 422, "id"),
        ("PUT", A, "", 422, ""),
        ("PUT", A, "[1]", 422, ""),
        ("PUT", A, r#"{"level":"agent","parent":"carrier","colour":1}"#, 422, "colour"),
        (
            "PUT",
            A,
            r#"{"level":"agent","parent":"carrier","rate_per_second":"many"}"#,
            422,
            "rate_per_second",
        ),
        ("PUT", A, r#"{"level":"agent","parent":"nobody"}"#, 422, "parent"),
        ("PUT", A, &long, 413, ""),
        ("GET", "/v1/objects/tenants?limit=0", "", 400, ""),
        ("GET", "/v1/objects/tenants?colour=1", "", 400, ""),
        ("POST", "/v1/objects/import?mode=guess", "", 400, ""),
    ] {
        let answer = Ask::new(method, path).body(body).of(at).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        let wrong = answer.json();
        assert!(wrong["error"].is_string() && wrong["field"].as_str().unwrap_or("") == field, "{answer:?}");
        assert!(!answer.body.contains("many") && !answer.body.contains("138"), "{answer:?}");
    }
    assert_eq!(Ask::new("PATCH", A).of(at).await.status, 405);
    assert_eq!(Ask::new("GET", "/v1/colours").of(at).await.status, 404);
    let kinds = Ask::new("GET", "/v1/kinds").of(at).await.json();
    assert_eq!(kinds["policy"], 0, "nothing was changed");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_cut_off_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    let whole = agent(1);
    let octets = Ask::new("PUT", A).body(&whole).octets();
    for cut in [20, octets.len() - whole.len(), octets.len() - 1] {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(&octets.as_bytes()[..cut]).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "cut at {cut}");
    }
    assert_eq!(Ask::new("GET", A).of(at).await.status, 404);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_name_cannot_be_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    let distributor = r#"{"level":"distributor","parent":"carrier"}"#;
    Ask::new("PUT", "/v1/objects/tenants/north").body(distributor).of(at).await;
    let below = agent(1).replace("carrier", "north");
    assert_eq!(Ask::new("PUT", A).body(&below).of(at).await.status, 201);
    let refused = Ask::new("DELETE", "/v1/objects/tenants/north").headers(&[("If-Match", "*")]).of(at).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!((&refused.json()["id"], &refused.json()["field"]), (&"a".into(), &"parent".into()));
    assert_eq!(Ask::new("GET", "/v1/objects/tenants/north").of(at).await.status, 200);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_listed_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    for name in ["c", "a", "b", "d", "e"] {
        Ask::new("PUT", &format!("/v1/objects/tenants/{name}")).body(&agent(1)).of(at).await;
    }
    let (mut after, mut names) = (String::new(), Vec::new());
    loop {
        let page = Ask::new("GET", &format!("/v1/objects/tenants?limit=2{after}")).of(at).await.json();
        let objects = page["objects"].as_array().unwrap();
        assert!(objects.len() <= 2);
        names.extend(objects.iter().map(|object| object["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_that_is_described_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    Ask::new("PUT", A).body(&agent(1)).of(at).await;
    let document = Ask::new("GET", "/v1/openapi.json").of(at).await.json();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{kind}", "tenants").replace("{id}", "a");
        for method in methods.as_object().unwrap().keys() {
            let answer = Ask::new(&method.to_uppercase(), &path).of(at).await;
            assert!(!matches!(answer.status, 404 | 405), "{method} {path}: {answer:?}");
        }
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_goes_on_while_objects_change() {
    use veilgate_simulators::esme::{Recipient, Submission};
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    let mut shop = gateway.bind("shop").await;
    // Four each: a person is not contacted without end by default.
    let persons = [0, 2, 4, 6, 8].map(|place| gateway.person(place).clone());
    let changing = tokio::spawn(async move {
        for n in 0..20 {
            let path = format!("/v1/objects/tenants/t{n}");
            assert_eq!(Ask::new("PUT", &path).body(&agent(1)).of(at).await.status, 201);
        }
    });
    for n in 0..20 {
        let person = &persons[n % 5];
        let text = format!("text {n}");
        shop.accepted(&Submission::new(
            person.service_number(),
            Recipient::pseudonym(&person.pseudonym),
            &text,
        ))
        .await;
    }
    changing.await.unwrap();
    for _ in 0..20 {
        shop.receipt().await;
    }
    assert!(!shop.client.is_closed());
    gateway.stop().await;
}
