//! A person's rights: what is held about whoever has a number is told and erased, with two persons' consent and without
//! the number leaving the process.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use veilgate::admin::{Request, Response};
use veilgate_simulators::esme::{Recipient, Submission};
use veilgate_simulators::smsc::SmscOptions;

use crate::gateway::{Gateway, PASSWORD, Person, Plan, password_hash};

fn to(person: &Person, text: &str) -> Submission {
    Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), text)
}

fn plan() -> Plan {
    let hash = password_hash();
    Plan::new().registered().config(&format!("approvers = [{{ name = \"li\", password_hash = \"{hash}\" }}]"))
}

/// `veilgate subject …` as `actor`; number and password go through standard input.
async fn subject(gateway: &Gateway, actor: Option<&str>, arguments: &[&str], lines: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
    command.arg("--config").arg(gateway.config_path());
    if let Some(actor) = actor {
        command.args(["--actor", actor]);
    }
    command.arg("subject").args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let lines = lines.to_owned();
    let run = move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

const WHY: [&str; 6] = ["--cause", "request", "--case", "R-2026-17", "--approver", "li"];

/// What a request that must succeed tells.
async fn told(gateway: &Gateway, right: &str, number: &str) -> Value {
    let arguments = [&[right][..], &WHY].concat();
    let output = subject(gateway, Some("zhang"), &arguments, &format!("{number}\n{PASSWORD}\n")).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    gateway.note_north("subject", &output.stdout);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn ids(found: &Value) -> Vec<&str> {
    found["authorizations"].as_array().unwrap().iter().map(|held| held["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_told_what_is_held_about_them() {
    let mut gateway = plan().start().await;
    let person = gateway.person(0).clone();
    let mut shop = gateway.bind("shop").await;
    let id = shop.accepted(&to(&person, "hello")).await;
    shop.receipt().await;
    gateway.settled().await;
    gateway.halt().await;
    gateway.resume().await;
    for number in [person.number.clone(), format!("+{}", person.international())] {
        let found = told(&gateway, "report", &number).await;
        assert_eq!(found["known"], true);
        let expected: Vec<&str> = gateway
            .persons()
            .iter()
            .filter(|other| other.number == person.number)
            .map(|other| other.authorization.as_str())
            .collect();
        let mut held = ids(&found);
        held.sort_unstable();
        assert_eq!(held.len(), expected.len());
        assert!(expected.iter().all(|id| held.contains(id)), "{held:?} {expected:?}");
        let messages = found["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert_eq!((messages[0]["id"].as_str().unwrap(), &messages[0]["state"]), (&*id, &"DELIVRD".into()));
    }
    let nobody = told(&gateway, "report", "19900009999").await;
    assert_eq!((&nobody["known"], ids(&nobody).len()), (&false.into(), 0));
    gateway.halt().await;
    let audit = std::fs::read_to_string(gateway.config().audit_file()).unwrap();
    let records: Vec<&str> = audit.lines().filter(|line| line.contains("subject_reported")).collect();
    assert_eq!(records.len(), 3, "{audit}");
    for part in ["R-2026-17", "\"request\"", "\"li\"", "zhang"] {
        assert!(records.iter().all(|record| record.contains(part)), "{part}: {records:?}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_is_explained_without_naming_anybody() {
    let mut gateway = plan().start().await;
    let person = gateway.person(0).clone();
    let explain = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
        command.arg("--config").arg(gateway.config_path()).args(["--actor", "zhang", "identity", "explain"]);
        command.args(arguments).args(["--case", "C-7"]).output()
    };
    let complaint = ["--cause", "complaint"];
    let by_id = explain(&[&["--authorization", &person.authorization][..], &complaint].concat()).unwrap();
    let by_device =
        explain(&[&["--device", &person.device, "--as-of", &person.as_of][..], &complaint].concat()).unwrap();
    for output in [&by_id, &by_device] {
        let words = String::from_utf8(output.stdout.clone()).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(words.contains("k1") && words.contains("tenure"), "{words}");
        assert!(!words.contains(&person.device), "{words}");
        gateway.note_north("explain", words.as_bytes());
    }
    for arguments in [
        &["--authorization", "au-unknown", "--cause", "complaint"][..],
        &["--authorization", &person.authorization, "--cause", "curiosity"],
        &["--device", "edi1.k1.AAAA", "--as-of", "yesterday", "--cause", "complaint"],
        &["--device", "13800138000", "--as-of", "2026-03-01", "--cause", "complaint"],
    ] {
        let output = explain(arguments).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
    let nobody = explain(
        &[
            &["--device", "edi1.k9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "--as-of", "2026-03-01"][..],
            &complaint,
        ]
        .concat(),
    );
    assert!(nobody.unwrap().status.success(), "that it does not open is an answer, too");
    gateway.halt().await;
    let audit = std::fs::read_to_string(gateway.config().audit_file()).unwrap();
    let records: Vec<&str> = audit.lines().filter(|line| line.contains("identity_explained")).collect();
    assert_eq!(records.len(), 3, "{audit}");
    assert!(records[0].contains(&person.authorization) && records[0].contains("complaint"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_persons_are_needed() {
    let gateway = plan().start().await;
    let number = gateway.person(0).number.clone();
    let right = format!("{number}\n{PASSWORD}\n");
    let report = [&["report"][..], &WHY].concat();
    let with = |place: usize, value| {
        let mut arguments = report.clone();
        arguments[place] = value;
        arguments
    };
    let wrong = format!("{number}\nguess\n");
    let cases = [
        (None, report.clone(), &right, "--actor"),
        (Some("li"), report.clone(), &right, "approver"),
        (Some("zhang"), report.clone(), &wrong, "approver"),
        (Some("zhang"), with(6, "wang"), &right, "approver"),
        (Some("zhang"), with(2, "curiosity"), &right, "cause"),
        (Some("zhang"), with(4, "13800138000"), &right, "case"),
        (Some("zhang"), [&report[..], &["--as-of", "yesterday"]].concat(), &right, "as_of"),
    ];
    for (actor, arguments, lines, why) in cases {
        let output = subject(&gateway, actor, &arguments, lines).await;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        assert!(words.contains(why) && !words.contains(&number), "{arguments:?}: {words}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_ends_at_once_and_is_erased() {
    let throttling = SmscOptions { answers: vec!["throttle".parse().unwrap()], ..SmscOptions::default() };
    let mut gateway = plan().smsc(throttling).start().await;
    let (person, other) = (gateway.person(0).clone(), gateway.person(2).clone());
    assert_ne!(person.number, other.number);
    let mut shop = gateway.bind("shop").await;
    let waiting = shop.accepted(&to(&person, "never")).await;
    let found = told(&gateway, "delete", &person.number).await;
    let count = ids(&found).len();
    assert_eq!(found["erasing"], count);
    assert_eq!(shop.refused(&to(&person, "again")).await.0, 0x403);
    // A restart before anything is erased forgets nothing of it.
    gateway.restart().await;
    gateway.smsc(0).set_answers(Vec::new());
    shop = gateway.bind("shop").await;
    let receipt = shop.receipt().await;
    assert_eq!(receipt.message_id.as_deref(), Some(&*waiting), "the message under way has its one end");
    gateway.until("erased", |gateway| gateway.app().erasing() == 0).await;
    assert_eq!(ids(&told(&gateway, "report", &person.number).await).len(), 0);
    shop.refused(&to(&person, "still")).await;
    shop.accepted(&to(&other, "others are not concerned")).await;
    gateway.restart().await;
    assert_eq!(ids(&told(&gateway, "report", &person.number).await).len(), 0, "nor after a restart");
    let lines = std::fs::read_to_string(gateway.folder().join("feed/authorizations.jsonl")).unwrap();
    let lines =
        lines.lines().filter(|line| line.contains(&person.authorization)).map(str::to_owned).collect();
    let again = gateway.ops(Request::AuthorizationsImport { platform: None, path: None, lines }).await;
    let Response::Imported { put, refused, .. } = again else { panic!("{again:?}") };
    assert_eq!((put, refused.len()), (0, 1), "the notary cannot bring it back: {refused:?}");
    gateway.settled().await;
    gateway.halt().await;
    let audit = std::fs::read_to_string(gateway.config().audit_file()).unwrap();
    assert!(audit.contains("subject_deleted") && audit.contains("authorizations_erased"), "{audit}");
    gateway.stop().await;
}
