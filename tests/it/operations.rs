//! The gateway as staff meet it: health, reload, revocation, imports, switching channels, stopping, verifying, and
//! the command line.

mod command_line;

use std::fs;
use std::time::Duration;

use veilgate::admin::{Request, Response};
use veilgate::ledger;
use veilgate_names::{AuthorizationId, ChannelId};
use veilgate_notary::PublicKey;
use veilgate_simulators::esme::{IncomingKind, Recipient, Submission};
use veilgate_simulators::receipt::State;
use veilgate_simulators::smsc::{Event, SmscOptions};

use crate::gateway::{
    Gateway, PATIENCE, Person, Plan, RIVAL_NUMBER, SHOP_NUMBER, files_under, password_hash,
};

fn to(person: &Person, text: &str) -> Submission {
    Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), text)
}

fn ids(persons: &[&Person]) -> Vec<AuthorizationId> {
    persons.iter().map(|person| AuthorizationId::parse(&person.authorization).unwrap()).collect()
}

fn channel(name: &str) -> ChannelId {
    ChannelId::parse(name).unwrap()
}

async fn revoke(gateway: &Gateway, persons: &[&Person]) -> (u64, u64, u64) {
    match gateway.ops(Request::Revoke { authorization_ids: ids(persons) }).await {
        Response::Revoked { revoked, unknown, stopped, .. } => (revoked, unknown, stopped),
        other => panic!("{other:?}"),
    }
}

async fn switch(gateway: &Gateway, name: &str, enabled: bool) {
    let channel = channel(name);
    let request =
        if enabled { Request::ChannelEnable { channel } } else { Request::ChannelDisable { channel } };
    assert_eq!(gateway.ops(request).await, Response::Switched { enabled });
}

fn throttling() -> SmscOptions {
    SmscOptions { answers: vec!["throttle".parse().unwrap()], ..SmscOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_metrics_answer() {
    let mut gateway = Plan::new().registered().start().await;
    assert_eq!(gateway.http("/healthz").await.0, 200);
    assert_eq!(gateway.http("/readyz").await.0, 200);
    let shop = gateway.bind("shop").await;
    shop.accepted(&to(gateway.person(0), "counted")).await;
    gateway.settled().await;
    let (status, metrics) = gateway.http("/metrics").await;
    assert_eq!(status, 200);
    assert!(metrics.contains("# TYPE") && metrics.contains("account=\"shop\""), "{metrics}");
    assert_eq!(gateway.metric("veilgate_authorizations").await, Some(10.0));
    assert_eq!(gateway.http("/nothing").await.0, 404);
    switch(&gateway, "smsc-1", false).await;
    gateway.until("no channel", |gateway| gateway.app().channels_up() == 0).await;
    assert_eq!(gateway.http("/readyz").await.0, 503, "not ready without a channel");
    assert_eq!(gateway.http("/healthz").await.0, 200, "but alive");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_adds_accounts_and_channels_and_keeps_binds() {
    let second = veilgate_simulators::smsc::Simulator::start(SmscOptions::default()).await.unwrap();
    let mut gateway = Plan::new().registered().start().await;
    let mut shop = gateway.bind("shop").await;
    shop.accepted(&to(gateway.person(0), "before")).await;
    shop.receipt().await;
    gateway.reconfigure(&format!(
        r#"
        [[accounts]]
        system_id = "shop-2"
        kind = "enterprise"
        enterprise = "ent-1"
        password_hash = "{}"
        [[channels]]
        id = "smsc-2"
        address = "{}"
        system_id = "veilgate"
        "#,
        password_hash(),
        second.address(),
    ));
    let response = gateway.ops(Request::Reload {}).await;
    assert_eq!(response, Response::Reloaded { accounts: 1, channels: 1, others: 0 });
    gateway.until("both channels", |gateway| gateway.app().channels_up() == 2).await;
    gateway.bind("shop-2").await;
    shop.accepted(&to(gateway.person(0), "after")).await;
    shop.receipt().await;
    assert!(!shop.client.is_closed(), "the bind stands all the time");
    switch(&gateway, "smsc-1", false).await;
    shop.accepted(&to(gateway.person(2), "through the new one")).await;
    shop.receipt().await;
    assert_eq!(second.wait(Event::Submit, 1, PATIENCE).await.last().unwrap().text, "through the new one");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_account_is_unbound_and_others_stay() {
    let mut gateway = Plan::new().registered().start().await;
    let (shop, mut rival) = (gateway.bind("shop").await, gateway.bind("rival").await);
    gateway.reconfigure("[[accounts]]\nsystem_id = \"shop\"\nsuspended = true");
    gateway.ops(Request::Reload {}).await;
    shop.closed().await;
    rival.accepted(&to(gateway.person(1), "still here")).await;
    rival.receipt().await;
    gateway.reconfigure("[[accounts]]\nsystem_id = \"shop\"\nsuspended = false");
    gateway.ops(Request::Reload {}).await;
    gateway.bind("shop").await.accepted(&to(gateway.person(0), "back again")).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_configuration_changes_nothing_and_is_named() {
    let mut gateway = Plan::new().registered().start().await;
    let mut shop = gateway.bind("shop").await;
    let good = fs::read_to_string(gateway.config_path()).unwrap();
    fs::write(gateway.config_path(), format!("colour = \"red\"\n{good}")).unwrap();
    let Response::Refused(refusal) = gateway.ops(Request::Reload {}).await else { panic!("reloaded") };
    let place = format!("{}:1", gateway.config_path().display());
    assert!(refusal.error.contains(&place) && refusal.error.contains("colour"), "{}", refusal.error);
    fs::write(gateway.config_path(), good.replace("data_dir = \"data\"", "data_dir = \"elsewhere\""))
        .unwrap();
    let Response::Refused(refusal) = gateway.ops(Request::Reload {}).await else { panic!("reloaded") };
    assert!(refusal.error.contains("restart") && refusal.error.contains("data_dir"), "{}", refusal.error);
    fs::write(gateway.config_path(), &good).unwrap();
    shop.accepted(&to(gateway.person(0), "as before")).await;
    shop.receipt().await;
    gateway
        .until("both are logged", |gateway| {
            gateway.log().contains("ReloadRefused") && gateway.log().contains("ReloadNeedsRestart")
        })
        .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_after_a_revocation_is_answered() {
    let mut gateway = Plan::new().registered().smsc(throttling()).start().await;
    let mut shop = gateway.bind("shop").await;
    let (gone, stays) = (gateway.person(0).clone(), gateway.person(2).clone());
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(shop.accepted(&to(&gone, "never")).await);
    }
    let kept = shop.accepted(&to(&stays, "in the end")).await;
    gateway.smsc(0).wait(Event::Submit, 1, PATIENCE).await;
    let (revoked, unknown, waiting) = revoke(&gateway, &[&gone]).await;
    assert_eq!((revoked, unknown), (1, 0));
    assert!(waiting <= 5, "those on the wire just then do not wait: {waiting}");
    let before = gateway.smsc(0).submits().len();
    gateway.smsc(0).set_answers(Vec::new());
    for _ in 0..6 {
        let receipt = shop.receipt().await;
        let id = receipt.message_id.clone().unwrap();
        let expected = if id == kept { State::Delivered } else { State::Rejected };
        assert!(id == kept || ids.contains(&id));
        assert_eq!(receipt.state, Some(expected), "{}", receipt.text);
    }
    let after = gateway.smsc(0).submits().split_off(before);
    assert!(after.iter().all(|seen| seen.destination != gone.international()), "one left afterwards");
    assert_eq!(shop.refused(&to(&gone, "again")).await, (0x403, "3003".to_owned()));
    gateway.restart().await;
    let shop = gateway.bind("shop").await;
    assert_eq!(shop.refused(&to(&gone, "after a restart")).await, (0x403, "3003".to_owned()));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authorizations_are_imported_line_by_line() {
    let mut gateway = Plan::new().start().await;
    let path = gateway.folder().join("feed/authorizations.jsonl");
    let mut lines: Vec<String> = fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
    lines.insert(1, "{\"authorization_id\":".to_owned());
    lines.insert(3, String::new());
    lines.insert(4, lines[0].replace("\"enterprise_id\":\"ent-1\"", "\"enterprise_id\":\"?\""));
    let Response::Imported { put, refused, .. } =
        gateway.ops(Request::AuthorizationsImport { platform: None, path: None, lines }).await
    else {
        panic!("refused")
    };
    let numbers: Vec<u64> = refused.iter().map(|(line, _)| *line).collect();
    assert_eq!((put, numbers), (10, vec![2, 5]), "{refused:?}");
    let shop = gateway.bind("shop").await;
    shop.accepted(&to(gateway.person(0), "covered")).await;
    gateway.restart().await;
    gateway.bind("shop").await.accepted(&to(gateway.person(2), "still covered")).await;
    let file = gateway.folder().join("nowhere.jsonl");
    let response = gateway
        .ops(Request::AuthorizationsImport { platform: None, path: Some(file), lines: Vec::new() })
        .await;
    assert!(matches!(response, Response::Refused(_)), "{response:?}");
    gateway.settled().await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_is_replaced_while_traffic_runs() {
    let mut gateway = Plan::new().registered().start().await;
    let shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let traffic = {
        let (client, person) = (std::sync::Arc::clone(&shop.client), person.clone());
        tokio::spawn(async move {
            for _ in 0..200 {
                let responses = client.submit(&to(&person, "running")).await.unwrap();
                assert_eq!(responses[0].status, 0);
            }
        })
    };
    for _ in 0..3 {
        gateway.import_feed().await;
    }
    traffic.await.unwrap();
    // The second subscriber's number goes to another holder: nobody may be contacted through it.
    let feed = gateway.folder().join("feed");
    let tenures = fs::read_to_string(feed.join("tenures.csv")).unwrap();
    let closed = "2023-06-01,2026-06-01,own,active";
    let other = gateway.person(2).clone();
    let changed: Vec<String> = tenures
        .lines()
        .map(|line| match line.contains(&other.number) {
            true => line.replace("2023-06-01,,own,active", closed),
            false => line.to_owned(),
        })
        .collect();
    let new_holder = format!("+86{},someone-else,2026-08-01,,own,active\n", other.number);
    fs::write(feed.join("tenures.csv"), format!("{}\n{new_holder}", changed.join("\n"))).unwrap();
    gateway.import_feed().await;
    assert_eq!(shop.refused(&to(&other, "to the wrong one")).await.1, "4000");
    shop.accepted(&to(&person, "unchanged")).await;
    fs::write(feed.join("tenures.csv"), "msisdn,holder\n").unwrap();
    let request =
        Request::IdentityImport { bindings: feed.join("bindings.csv"), tenures: feed.join("tenures.csv") };
    assert!(matches!(gateway.ops(request).await, Response::Refused(_)), "all or nothing");
    shop.accepted(&to(&person, "unchanged by the refused feed")).await;
    gateway.settled().await;
    gateway.restart().await;
    let shop = gateway.bind("shop").await;
    assert_eq!(shop.refused(&to(&other, "the vault is kept")).await.1, "4000");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_channels_queue_moves() {
    let mut gateway = Plan::new()
        .registered()
        .smsc(throttling())
        .smsc(SmscOptions::default())
        .config("[[channels]]\nid = \"smsc-2\"\nenabled = false")
        .start()
        .await;
    let mut shop = gateway.bind("shop").await;
    for _ in 0..10 {
        shop.accepted(&to(gateway.person(0), "moving")).await;
    }
    gateway.smsc(0).wait(Event::Submit, 1, PATIENCE).await;
    switch(&gateway, "smsc-2", true).await;
    switch(&gateway, "smsc-1", false).await;
    for receipt in shop.collect(10).await {
        assert_eq!(receipt.state, Some(State::Delivered), "{}", receipt.text);
    }
    assert_eq!(gateway.smsc(1).submits().len(), 10, "all of them went the other way");
    gateway.smsc(0).set_answers(Vec::new());
    switch(&gateway, "smsc-1", true).await;
    switch(&gateway, "smsc-2", false).await;
    shop.accepted(&to(gateway.person(0), "back")).await;
    shop.receipt().await;
    assert_eq!(gateway.smsc(0).submits().last().unwrap().text, "back");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_answers_everything_and_loses_nothing() {
    let mut gateway = Plan::new().registered().smsc(throttling()).start().await;
    let shop = gateway.bind("shop").await;
    let sender = {
        let (client, person) = (std::sync::Arc::clone(&shop.client), gateway.person(0).clone());
        tokio::spawn(async move {
            let mut accepted = Vec::new();
            loop {
                match client.submit(&to(&person, "until the end")).await {
                    Ok(responses) if responses[0].status == 0 => {
                        accepted.push(responses[0].message_id.clone().unwrap());
                    }
                    // Refused or unbound while it stops.
                    _ => return accepted,
                }
            }
        })
    };
    gateway.smsc(0).wait(Event::Submit, 5, PATIENCE).await;
    gateway.halt().await;
    shop.closed().await;
    let mut accepted = sender.await.unwrap();
    assert!(accepted.len() >= 5, "some were accepted: {}", accepted.len());
    gateway.smsc(0).set_answers(Vec::new());
    gateway.resume().await;
    let mut shop = gateway.bind("shop").await;
    let mut ended = Vec::new();
    while ended.len() < accepted.len() {
        let receipt = shop.receipt().await;
        assert_eq!(receipt.state, Some(State::Delivered), "{}", receipt.text);
        ended.push(receipt.message_id.unwrap());
    }
    accepted.sort();
    ended.sort();
    assert_eq!(accepted, ended, "each ended once");
    gateway.settled().await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_has_one_record_and_the_audit_chain_holds() {
    let mut gateway = Plan::new().registered().start().await;
    let (mut shop, rival) = (gateway.bind("shop").await, gateway.bind("rival").await);
    for _ in 0..7 {
        shop.accepted(&to(gateway.person(0), "for the record")).await;
        rival.accepted(&to(gateway.person(1), "for the record")).await;
    }
    shop.refused(&to(gateway.person(1), "not theirs")).await;
    let person = gateway.person(0).clone();
    let seen = gateway.smsc(0).wait(Event::Submit, 1, PATIENCE).await.remove(0);
    shop.collect(7).await;
    let reply = veilgate_simulators::smsc::MobileOriginated {
        system_id: None,
        source: veilgate_simulators::message::Address::guess(&format!("+{}", person.international())),
        destination: veilgate_simulators::message::Address::guess(&seen.source),
        text: "thanks".to_owned(),
        coding: veilgate_simulators::text::Coding::Auto,
        split: veilgate_simulators::text::Split::Udh,
    };
    assert!(gateway.smsc(0).write(&reply));
    assert_eq!(shop.next().await.kind, IncomingKind::Reply);
    gateway.settled().await;
    gateway.restart().await;
    gateway.halt().await;
    let config = gateway.config();
    let mut records = 0;
    for file in files_under(&config.cdr_dir()) {
        let reader = std::io::BufReader::new(fs::File::open(&file).unwrap());
        records += veilgate_ledger::verify_cdr(reader).unwrap().records;
    }
    assert_eq!(records, 15, "14 messages and a reply; a refusal has none");
    tamper(&config);
    gateway.stop().await;
}

/// The chain holds as it was written; a changed, a removed and a cut line are each found.
fn tamper(config: &veilgate_config::Config) {
    let audit = config.audit_file();
    let key = fs::read_to_string(veilgate::keys::audit_public_key_file(&config.audit_key_file())).unwrap();
    let key = PublicKey::parse(&key).unwrap();
    let anchor = ledger::anchor_file(&audit);
    let verify = || ledger::verify_audit(&audit, Some(&key), Some(&anchor));
    let whole = fs::read_to_string(&audit).unwrap();
    verify().unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let victim = lines.iter().position(|line| line.contains("shop")).expect("the bind is recorded");
    let changed = lines.iter().enumerate().map(|(place, line)| match place == victim {
        true => line.replace("shop", "shap"),
        false => (*line).to_owned(),
    });
    let changed = changed.collect::<Vec<_>>().join("\n") + "\n";
    let removed = [&lines[..victim], &lines[victim + 1..]].concat().join("\n") + "\n";
    let cut = lines[..lines.len() - 1].join("\n") + "\n";
    for tampered in [changed, removed, cut] {
        fs::write(&audit, tampered).unwrap();
        assert!(verify().is_err());
    }
    fs::write(&audit, &whole).unwrap();
    verify().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_numbers_of_enterprises_stay_theirs() {
    let mut gateway = Plan::new().registered().start().await;
    let shop = gateway.bind("shop").await;
    let mut submission = to(gateway.person(0), "from another's number");
    submission.source = veilgate_simulators::message::Address::guess(RIVAL_NUMBER);
    let (status, reason) = shop.refused(&submission).await;
    assert_eq!((status, reason.as_str()), (0x0A, "5011"));
    submission.source = veilgate_simulators::message::Address::guess(SHOP_NUMBER);
    shop.accepted(&submission).await;
    tokio::time::timeout(Duration::from_secs(20), gateway.settled()).await.unwrap();
    gateway.stop().await;
}
