//! The registry of authorizations from outside: ending many, forgetting what has ended, daily limits, imports.

use std::fs;
use std::process::{Command, Output};

use veilgate::admin::{Request, Response};
use veilgate_names::{EnterpriseId, PlatformId, Timestamp};
use veilgate_simulators::esme::{Recipient, Submission};
use veilgate_simulators::receipt::State;
use veilgate_simulators::smsc::{Event, SmscOptions};
use veilgate_simulators::text::Split;

use crate::gateway::{Gateway, PATIENCE, Person, Plan, SHOP_NUMBER};

fn to(person: &Person, text: &str) -> Submission {
    Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), text)
}

/// The feed's authorizations, each changed.
fn authorizations(gateway: &Gateway, change: impl Fn(usize, &mut serde_json::Value)) -> Vec<String> {
    let path = gateway.folder().join("feed/authorizations.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let line = |(place, line): (usize, &str)| {
        let mut value = serde_json::from_str(line).unwrap();
        change(place, &mut value);
        value.to_string()
    };
    text.lines().enumerate().map(line).collect()
}

async fn import(gateway: &Gateway, lines: Vec<String>) -> Response {
    gateway.ops(Request::AuthorizationsImport { platform: None, path: None, lines }).await
}

async fn revoke_all(gateway: &Gateway, enterprise: &str) -> Response {
    gateway.ops(Request::RevokeEnterprise { enterprise: EnterpriseId::parse(enterprise).unwrap() }).await
}

fn audit(gateway: &Gateway) -> String {
    fs::read_to_string(gateway.config().audit_file()).unwrap()
}

/// A-6.1.1.6-1 for a whole enterprise: nothing leaves after the answer, over a restart too, and others go on.
#[tokio::test(flavor = "multi_thread")]
async fn an_enterprise_ends_at_once_and_for_good() {
    let throttling = SmscOptions { answers: vec!["throttle".parse().unwrap()], ..SmscOptions::default() };
    let mut gateway = Plan::new().registered().smsc(throttling).start().await;
    let mut shop = gateway.bind("shop").await;
    let mut rival = gateway.bind("rival").await;
    let mine: Vec<Person> =
        gateway.persons().iter().filter(|one| one.enterprise == "ent-1").cloned().collect();
    for person in &mine {
        shop.accepted(&to(person, "never")).await;
    }
    let kept = rival.accepted(&to(&gateway.person(1).clone(), "in the end")).await;
    gateway.smsc(0).wait(Event::Submit, 1, PATIENCE).await;
    let done = revoke_all(&gateway, "ent-1").await;
    let Response::Revoked { revoked: 5, already: 0, unknown: 0, stopped } = done else { panic!("{done:?}") };
    assert!(stopped <= 5, "{stopped}");
    let before = gateway.smsc(0).submits().len();
    gateway.smsc(0).set_answers(Vec::new());
    for _ in &mine {
        assert_eq!(shop.receipt().await.state, Some(State::Rejected));
    }
    let receipt = rival.receipt().await;
    assert_eq!((receipt.message_id.as_ref(), receipt.state), (Some(&kept), Some(State::Delivered)));
    let after = gateway.smsc(0).submits().split_off(before);
    assert!(
        after.iter().all(|seen| seen.source.starts_with(crate::gateway::RIVAL_NUMBER)),
        "one left afterwards"
    );
    let again = revoke_all(&gateway, "ent-1").await;
    assert!(matches!(again, Response::Revoked { revoked: 0, .. }), "{again:?}");
    assert!(matches!(revoke_all(&gateway, "ent-nobody").await, Response::Refused(_)));
    gateway.restart().await;
    let (shop, rival) = (gateway.bind("shop").await, gateway.bind("rival").await);
    assert_eq!(shop.refused(&to(&mine[0], "after a restart")).await, (0x403, "3003".to_owned()));
    rival.accepted(&to(&gateway.person(3).clone(), "still")).await;
    // The same consents cannot be put back; new ones count.
    let Response::Imported { put, refused, .. } = import(&gateway, authorizations(&gateway, |_, _| ())).await
    else {
        panic!()
    };
    assert_eq!((put, refused.len()), (5, 5), "{refused:?}");
    assert!(refused.iter().all(|(_, why)| why == "AUTH_REVOKED"), "{refused:?}");
    let renewed = authorizations(&gateway, |place, value| {
        value["authorization_id"] = format!("renewed-{place}").into();
    });
    let renewed = renewed.into_iter().step_by(2).collect();
    assert!(matches!(import(&gateway, renewed).await, Response::Imported { put: 5, .. }));
    shop.accepted(&to(&mine[0], "agreed anew")).await;
    gateway.settled().await;
    assert_eq!(audit(&gateway).matches("\"type\":\"enterprise_revoked\"").count(), 2);
    gateway.stop().await;
}

fn veilgate(gateway: &Gateway, arguments: &[&str]) -> Output {
    let config = gateway.config_path().to_str().unwrap();
    Command::new(env!("CARGO_BIN_EXE_veilgate")).args(["--config", config]).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The commands themselves: ids from a file, twice; wrong usage changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn ids_are_revoked_from_a_file_and_again() {
    let gateway = Plan::new().subscribers(150).registered().start().await;
    let file = gateway.folder().join("ids.txt");
    let mut ids: Vec<String> = gateway.persons().iter().map(|person| person.authorization.clone()).collect();
    let all = ids.join("\r\n") + "\n\n";
    fs::write(&file, &all).unwrap();
    let file = file.to_str().unwrap();
    let revoke = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["authorizations", "revoke"].iter().chain(arguments).copied().collect();
        tokio::task::block_in_place(|| veilgate(&gateway, &arguments))
    };
    for (arguments, words) in [
        (&["--file", file, "--enterprise", "ent-1"][..], "cannot be used with"),
        (&[], "required"),
        (&["13800138000"], "a number where an alias belongs"),
        (&["--file", "/nowhere"], "/nowhere"),
        (&["--enterprise", "ent 1"], "enterprise"),
    ] {
        let output = revoke(arguments);
        assert!(!output.status.success() && said(&output).contains(words), "{}", said(&output));
    }
    assert_eq!(
        said(&revoke(&["--file", file])),
        "revoked 150, already revoked 0, unknown 0, messages stopped 0\n"
    );
    assert_eq!(
        said(&revoke(&["--file", file])),
        "revoked 0, already revoked 150, unknown 0, messages stopped 0\n"
    );
    ids.truncate(2);
    let two = revoke(&[&ids[0], &ids[1], "au-unheard-of"]);
    assert_eq!(said(&two), "revoked 0, already revoked 2, unknown 1, messages stopped 0\n");
    let audit = audit(&gateway);
    assert_eq!(audit.matches("\"type\":\"authorizations_revoked\"").count(), 2, "one for the many");
    assert_eq!(audit.matches("\"type\":\"authorization_revoked\"").count(), 2);
    gateway.stop().await;
}

/// Imports say for which notary where there are several, and one notary's are nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_one_notarys() {
    let two = "[[platforms]]\nid = \"notary-2\"\nproof = \"optional\"";
    let other = format!(
        "[[accounts]]\nsystem_id = \"second\"\nkind = \"notary\"\nplatform = \"notary-2\"\npassword_hash = \"{}\"",
        crate::gateway::password_hash()
    );
    let mut gateway = Plan::new().config(two).config(&other).start().await;
    let lines = authorizations(&gateway, |_, _| ());
    let import = |platform: Option<&str>| Request::AuthorizationsImport {
        platform: platform.map(|name| PlatformId::parse(name).unwrap()),
        path: None,
        lines: lines.clone(),
    };
    let refused = gateway.ops(import(None)).await;
    assert_eq!(refused, Response::refused("there are several platforms: say which (--platform)"));
    assert_eq!(gateway.ops(import(Some("notary-9"))).await, Response::refused("there is no such platform"));
    let done = gateway.ops(import(Some("notary-2"))).await;
    assert!(matches!(done, Response::Imported { put: 10, .. }), "{done:?}");
    let Response::Imported { put: 0, refused, .. } = gateway.ops(import(Some("notary-1"))).await else {
        panic!()
    };
    assert!(refused.iter().all(|(_, why)| why == "NOT_PERMITTED"), "{refused:?}");
    let by_id =
        Submission::new(SHOP_NUMBER, Recipient::authorization(&gateway.person(0).authorization), "hello");
    let (first, second) = (gateway.bind("notary").await, gateway.bind("second").await);
    assert_eq!(first.refused(&by_id).await, (0x401, "3001".to_owned()));
    second.accepted(&by_id).await;
    gateway.settled().await;
    gateway.stop().await;
}

/// Requirements 1.6: what has ended is forgotten after its time, on disk too, and that is written down.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_is_forgotten() {
    let quick = "registry = { keep_expired = \"3s\" }\n\
                 flow = { max_schedule = \"1s\", default_validity = \"1s\", max_validity = \"1s\", report_timeout = \"1s\", reply_grace = \"1s\" }";
    let mut gateway = Plan::new().config(quick).start().await;
    let now = veilgate::clock::wall();
    let hour = std::time::Duration::from_secs(3600);
    let text = |at: Timestamp| serde_json::Value::from(at.to_string());
    let lines = authorizations(&gateway, |place, value| {
        value["not_before"] = text(now.minus(2 * hour));
        value["expires_at"] = text(if place < 7 { now.minus(hour) } else { now.plus(hour) });
        value["limits"] = serde_json::json!({"sms_per_day": 5});
    });
    assert!(matches!(import(&gateway, lines.clone()).await, Response::Imported { put: 10, .. }));
    let forgotten = |gateway: &Gateway| gateway.log().contains("\"event\":\"Purged\"");
    gateway.until("the ended ones are forgotten", forgotten).await;
    assert_eq!(gateway.status().await.authorizations, 3);
    gateway.until("an audit record", |gateway| audit(gateway).contains("authorizations_purged")).await;
    gateway.restart().await;
    assert_eq!(gateway.status().await.authorizations, 3, "not in the journal either");
    let (shop, rival) = (gateway.bind("shop").await, gateway.bind("rival").await);
    assert_eq!(shop.refused(&to(&gateway.person(0).clone(), "hello")).await, (0x401, "3001".to_owned()));
    rival.accepted(&to(&gateway.person(9).clone(), "hello")).await;
    gateway.settled().await;
    gateway.stop().await;
}

/// A-6.1.1.1-1: the user's own limit, whoever sends, in parts or whole, before and after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_daily_limit_holds() {
    let mut gateway = Plan::new().start().await;
    let lines = authorizations(&gateway, |_, value| value["limits"] = serde_json::json!({"sms_per_day": 2}));
    assert!(matches!(import(&gateway, lines.clone()).await, Response::Imported { put: 10, .. }));
    let (shop, notary) = (gateway.bind("shop").await, gateway.bind("notary").await);
    let (one, other) = (gateway.person(0).clone(), gateway.person(2).clone());
    let by_id = Submission::new(SHOP_NUMBER, Recipient::authorization(&one.authorization), "from the notary");
    let mut long = to(&one, &"a long message ".repeat(30));
    long.split = Split::Udh;
    let parts = shop.submit(&long).await;
    assert!(parts.len() >= 3 && parts.iter().all(|part| part.status == 0), "{parts:?}");
    notary.accepted(&by_id).await;
    for _ in 0..2 {
        assert_eq!(shop.refused(&to(&one, "too many")).await, (0x404, "3004".to_owned()));
        assert_eq!(notary.refused(&by_id).await, (0x404, "3004".to_owned()));
        // Other content under the same id is no new allowance, nor is a restart.
        let wider = authorizations(&gateway, |_, value| {
            value["limits"] = serde_json::json!({"sms_per_day": 2, "window": "00:00-24:00"});
        });
        assert!(matches!(import(&gateway, wider).await, Response::Imported { put: 10, .. }));
    }
    shop.accepted(&to(&other, "somebody else")).await;
    gateway.settled().await;
    gateway.restart().await;
    let shop = gateway.bind("shop").await;
    assert_eq!(shop.refused(&to(&one, "too many")).await, (0x404, "3004".to_owned()));
    shop.accepted(&to(&other, "the second")).await;
    assert_eq!(shop.refused(&to(&other, "the third")).await, (0x404, "3004".to_owned()));
    gateway.settled().await;
    gateway.stop().await;
}

/// An authorization named like a phone number is none: it would stand in journal, CDRs and audit file.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_names_no_authorization() {
    let mut gateway = Plan::new().start().await;
    let number = gateway.person(0).number.clone();
    let lines = authorizations(&gateway, |place, value| {
        if place == 0 {
            value["authorization_id"] = format!("+86{number}").into();
        }
    });
    let Response::Imported { put: 9, refused, .. } = import(&gateway, lines).await else { panic!() };
    assert_eq!(refused.len(), 1);
    assert!(!refused[0].1.contains(&number), "{refused:?}");
    let notary = gateway.bind("notary").await;
    let person = gateway.person(0);
    let short = Recipient::short(&person.device, &person.pseudonym, &number, &person.as_of, "ent-1");
    for recipient in [short, Recipient::authorization(&number)] {
        let refused = notary.refused(&Submission::new(SHOP_NUMBER, recipient, "hello")).await;
        assert_eq!(refused, (0x0b, "1003".to_owned()));
    }
    gateway.stop().await;
}
