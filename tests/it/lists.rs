//! Lists by command: numbers go in and never come out, entries outlive restarts, damage is named.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;

use flate2::write::GzEncoder;
use veilgate::admin::{
    ListChangeAsked, ListChanged, ListImportAsked, ListImportMode, ListState, Request, Response, Secret,
};
use veilgate::app::App;
use veilgate_names::{AuthorizationId, ObjectId};

use crate::gateway::{Gateway, Plan, files_under};

/// `veilgate --actor zhang lists …`; what `input` holds goes through standard input.
async fn lists(gateway: &Gateway, arguments: &[&str], input: &str) -> Output {
    gateway.command(&[&["lists"], arguments].concat(), input).await
}

fn words(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap()
}

/// A file outside of the data folder.
fn file(gateway: &Gateway, name: &str, octets: &[u8]) -> PathBuf {
    let path = gateway.folder().join(name);
    fs::write(&path, octets).unwrap();
    path
}

/// The numbers of these people as a CSV.
fn numbers(gateway: &Gateway, people: std::ops::Range<usize>) -> String {
    people.fold("msisdn\n".to_owned(), |csv, place| csv + &gateway.person(place).number + "\n")
}

async fn import(gateway: &Gateway, csv: &str, mode: ListImportMode, dry_run: bool) -> Response {
    let path = file(gateway, "list.csv", csv.as_bytes());
    let list = ObjectId::parse("dnc").unwrap();
    gateway.ops(Request::ListsImport(ListImportAsked { list, path, mode, dry_run, yes: true })).await
}

async fn change(
    gateway: &Gateway,
    put: bool,
    authorization: Option<&str>,
    numbers: Option<&str>,
) -> Response {
    let authorization = authorization.map(|id| AuthorizationId::parse(id).unwrap());
    let numbers = numbers.map(|numbers| Secret::new(numbers.to_owned()));
    let list = ObjectId::parse("dnc").unwrap();
    gateway
        .ops(Request::ListsChange(ListChangeAsked { list, put, authorization, numbers, expires: None }))
        .await
}

fn counts(response: Response) -> (u64, u64, u64) {
    let Response::ListChanged(ListChanged { added, removed, kept, .. }) = response else {
        panic!("{response:?}");
    };
    (added, removed, kept)
}

async fn states(gateway: &Gateway) -> Vec<ListState> {
    match gateway.ops(Request::ListsShow {}).await {
        Response::Lists { lists } => lists,
        other => panic!("{other:?}"),
    }
}

fn audit(gateway: &Gateway) -> String {
    fs::read_to_string(gateway.config().audit_file()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_imported_looked_at_and_there_after_a_restart() {
    let mut gateway = Plan::new().start().await;
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(numbers(&gateway, 0..6).as_bytes()).unwrap();
    let path = file(&gateway, "list.csv.gz", &packed.finish().unwrap());
    let path = path.to_str().unwrap();
    let dry =
        lists(&gateway, &["import", "--list", "dnc", "--file", path, "--replace", "--dry-run"], "").await;
    assert!(words(&dry).contains("would be new 6, gone 0"), "{}", words(&dry));
    assert_eq!(states(&gateway).await, []);
    let done = lists(&gateway, &["import", "--list", "dnc", "--file", path, "--replace"], "").await;
    assert!(done.status.success() && words(&done).contains("new 6, gone 0"), "{}", words(&done));
    let smaller = file(&gateway, "less.csv", numbers(&gateway, 0..2).as_bytes());
    let smaller = ["import", "--list", "dnc", "--replace", "--file", smaller.to_str().unwrap()];
    let asks = lists(&gateway, &smaller, "").await;
    assert!(!asks.status.success() && words(&asks).contains("4 entries would go"), "{}", words(&asks));
    let before = states(&gateway).await;
    assert_eq!((before[0].list.as_str(), before[0].entries), ("dnc", 6));
    gateway.restart().await;
    assert_eq!(states(&gateway).await, before);
    let yes = lists(&gateway, &[&smaller[..], &["--yes"]].concat(), "").await;
    assert!(words(&yes).contains("new 0, gone 4, kept 2"), "{}", words(&yes));
    let shown = lists(&gateway, &["show"], "").await;
    assert!(words(&shown).starts_with("dnc: 2 entries, 0 single changes"), "{}", words(&shown));
    gateway.halt().await;
    let (audit, digest) = (audit(&gateway), &before[0].sm3);
    let record =
        audit.lines().find(|line| line.contains(r#""act":"replaced","added":0,"removed":4"#)).unwrap();
    assert!(record.contains(":zhang\"") && record.contains(&format!("\"before\":\"{digest}\"")), "{record}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_and_a_number_are_one_person() {
    let gateway = Plan::new().registered().start().await;
    let (one, two) = (gateway.person(0).clone(), gateway.person(1).clone());
    assert_eq!(counts(change(&gateway, true, Some(&one.authorization), None).await), (1, 0, 0));
    assert_eq!(counts(change(&gateway, true, None, Some(&format!("+86{}\n", one.number))).await), (0, 0, 0));
    let both = format!("{}\n{}\n", one.international(), two.number);
    let add = ["add", "--list", "dnc", "--number-file", "-", "--expires", "2099-01-01"];
    let added = lists(&gateway, &add, &both).await;
    assert!(words(&added).contains("new 1,"), "{}", words(&added));
    let told = import(&gateway, &numbers(&gateway, 0..3), ListImportMode::Remove, true).await;
    assert_eq!(counts(told), (0, 2, 0));
    let removed =
        lists(&gateway, &["remove", "--list", "dnc", "--authorization", &one.authorization], "").await;
    assert!(words(&removed).contains("gone 1"), "{}", words(&removed));
    assert_eq!(states(&gateway).await[0].entries, 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_whole_and_shows_no_number() {
    let mut gateway = Plan::new().registered().start().await;
    import(&gateway, &numbers(&gateway, 0..4), ListImportMode::Add, false).await;
    let before = states(&gateway).await;
    let csv = numbers(&gateway, 4..8) + &gateway.person(9).number + "x\n";
    let Response::Refused(refusal) = import(&gateway, &csv, ListImportMode::Add, false).await else {
        panic!()
    };
    assert_eq!(refusal.error, "line 6, column msisdn: not a number");
    let number = gateway.person(9).number.clone();
    let wrong = [
        change(&gateway, true, None, Some(&format!("{number} {number}"))).await,
        change(&gateway, true, None, Some("")).await,
        change(&gateway, true, None, None).await,
        change(&gateway, true, Some("nobody"), None).await,
        change(&gateway, true, Some(&gateway.person(0).authorization), Some(&number)).await,
    ];
    for response in wrong {
        assert!(matches!(response, Response::Refused(_)), "{response:?}");
    }
    let past =
        lists(&gateway, &["add", "--list", "dnc", "--number-file", "-", "--expires", "2020-01-01"], &number)
            .await;
    assert!(!past.status.success());
    let name = lists(&gateway, &["add", "--list", &number, "--number-file", "-"], &number).await;
    assert!(!name.status.success() && words(&name).contains("list: a number"), "{}", words(&name));
    assert_eq!(states(&gateway).await, before);
    gateway.halt().await;
    assert!(audit(&gateway).contains("list_refused"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_list_keeps_the_gateway_from_starting() {
    let mut gateway = Plan::new().start().await;
    import(&gateway, &numbers(&gateway, 0..4), ListImportMode::Add, false).await;
    gateway.halt().await;
    let path = gateway.folder().join("data/lists/dnc.vgl");
    let whole = fs::read(&path).unwrap();
    let start = async |octets: Option<&[u8]>| {
        match octets {
            Some(octets) => fs::write(&path, octets).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let started =
            App::start(gateway.config_path(), gateway.config(), Arc::clone(gateway.telemetry())).await;
        started.err().expect("a refusal").to_string()
    };
    let mut changed = whole.clone();
    changed[40] ^= 1;
    assert!(start(Some(&changed)).await.contains("dnc.vgl: the list is damaged"));
    assert!(start(Some(&whole[..whole.len() - 1])).await.contains("dnc.vgl: the list is damaged"));
    assert!(start(None).await.contains("dnc.vgl: the list is missing"));
    fs::write(&path, &whole).unwrap();
    gateway.resume().await;
    assert_eq!(states(&gateway).await[0].entries, 4);
    assert_eq!(files_under(&gateway.folder().join("data/lists")).len(), 2, "the list and the index");
    gateway.stop().await;
}
