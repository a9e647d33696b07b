//! Many objects at once.

use super::{Ask, agent, audited, ops, with_api};

const IMPORT: &str = "/v1/objects/import";

fn line(id: &str, rate: u32) -> String {
    format!(r#"{{"kind":"tenants","id":"{id}","object":{}}}"#, agent(rate))
}

fn lines(ids: &[&str], rate: u32) -> String {
    ids.iter().map(|id| line(id, rate)).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_what_would_be_different_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    let first = Ask::new("POST", IMPORT).body(&lines(&["a", "b", "c"], 1)).of(at).await;
    assert_eq!((first.status, &first.json()["added"]), (200, &3.into()), "{first:?}");
    let second = [line("a", 1), line("b", 2), line("d", 1)].join("\n");
    let dry =
        Ask::new("POST", "/v1/objects/import?dry_run=true&mode=replace").body(&second).of(at).await.json();
    let effects: Vec<String> = dry["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["effect"].as_str().unwrap(), one["id"].as_str().unwrap()))
        .collect();
    assert_eq!(effects, ["changed b", "added d", "removed c"]);
    assert_eq!((&dry["unchanged"], &dry["policy"], &dry["dry_run"]), (&1.into(), &1.into(), &true.into()));
    assert_eq!(Ask::new("GET", "/v1/objects/tenants/c").of(at).await.status, 200);
    let unsure = Ask::new("POST", "/v1/objects/import?mode=replace").body(&second).of(at).await;
    assert_eq!(unsure.status, 428, "replacing needs the policy that the dry run told");
    let late = Ask::new("POST", "/v1/objects/import?mode=replace").headers(&[("If-Match", "\"0\"")]);
    assert_eq!(late.body(&second).of(at).await.status, 412);
    let sure = Ask::new("POST", "/v1/objects/import?mode=replace").headers(&[("If-Match", "\"1\"")]);
    let done = sure.body(&second).of(at).await;
    assert_eq!((done.status, &done.json()["policy"]), (200, &2.into()), "{done:?}");
    assert_eq!(Ask::new("GET", "/v1/objects/tenants/c").of(at).await.status, 404);
    gateway.restart().await;
    let kinds = Ask::new("GET", "/v1/kinds").of(ops(&gateway)).await.json();
    assert_eq!((&kinds["policy"], &kinds["kinds"][0]["objects"]), (&2.into(), &3.into()));
    gateway.halt().await;
    assert_eq!(
        audited(&gateway, &["object_put", "object_removed"]).len(),
        6,
        "one record an object and change"
    );
    assert_eq!(audited(&gateway, &["objects_imported"]).len(), 2, "and none for a dry run");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_mistakes_of_a_file_are_told_and_nothing_of_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    let file = [line("a", 1), line("b", 0), "nonsense".to_owned(), line("a", 2), line("c", 1)].join("\n");
    let answer = Ask::new("POST", IMPORT).body(&file).of(at).await;
    assert_eq!(answer.status, 422);
    let wrong = answer.json();
    let told: Vec<u64> =
        wrong["mistakes"].as_array().unwrap().iter().map(|one| one["line"].as_u64().unwrap()).collect();
    assert_eq!(
        (told, &wrong["field"], &wrong["id"]),
        (vec![2, 3, 4], &"rate_per_second".into(), &"b".into())
    );
    let orphan = line("a", 1) + "\n" + &line("b", 1).replace("carrier", "nobody");
    let answer = Ask::new("POST", IMPORT).body(&orphan).of(at).await;
    assert_eq!(
        (answer.status, &answer.json()["line"]),
        (422, &2.into()),
        "the policy's mistakes have lines too"
    );
    let versions = line("a", 1).replace("\"object\"", "\"version\":3,\"object\"");
    assert_eq!(Ask::new("POST", IMPORT).body(&versions).of(at).await.status, 412);
    assert_eq!(Ask::new("GET", "/v1/kinds").of(at).await.json()["policy"], 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csv_is_read_by_the_schema_of_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = with_api(folder.path()).await;
    let at = ops(&gateway);
    let csv: &[(&str, &str)] = &[("Content-Type", "text/csv; charset=utf-8")];
    let file = "id,level,parent,rate_per_second\na,agent,carrier,5\nb,enterprise,a,\n";
    assert_eq!(Ask::new("POST", IMPORT).headers(csv).body(file).of(at).await.status, 422, "which kind?");
    let path = "/v1/objects/import?kind=tenants";
    let done = Ask::new("POST", path).headers(csv).body(file).of(at).await;
    assert_eq!((done.status, &done.json()["added"]), (200, &2.into()), "{done:?}");
    let wrong = Ask::new("POST", path).headers(csv).body(&file.replace(",5", ",five")).of(at).await;
    assert_eq!((wrong.status, &wrong.json()["line"]), (422, &2.into()), "{wrong:?}");
    let other = Ask::new("POST", path).headers(&[("Content-Type", "image/png")]).body(file).of(at).await;
    assert_eq!(other.status, 415);
    gateway.stop().await;
}
