//! Keys in service: the life of a device ID key, rotation of data keys and master key while traffic runs, and where
//! the master key may come from.

mod offboard;
mod process;
mod token;

use std::fs;
use std::path::{Path, PathBuf};

use veilgate::admin::{Request, Response};
use veilgate::keys::{EdiAllowance, KeyAnswer, KeyCommand};
use veilgate_names::KeyId;
use veilgate_simulators::esme::{Recipient, Submission};
use veilgate_simulators::feed::EdiMaker;
use veilgate_simulators::smsc::{Event, SmscOptions};

use crate::gateway::{Gateway, PATIENCE, Party, Person, Plan};

fn kid(name: &str) -> KeyId {
    KeyId::parse(name).unwrap()
}

fn any_platform() -> EdiAllowance {
    EdiAllowance { gcm: true, legacy: false, owner: None }
}

fn of_platform(name: &str) -> EdiAllowance {
    EdiAllowance { owner: Some(name.parse().unwrap()), ..any_platform() }
}

async fn keys(gateway: &Gateway, keys: KeyCommand) -> Result<KeyAnswer, String> {
    match gateway.ops(Request::Keys { keys }).await {
        Response::Keys { keys } => Ok(keys),
        Response::Refused(refusal) => Err(refusal.error),
        other => panic!("{other:?}"),
    }
}

async fn done(gateway: &Gateway, command: KeyCommand) {
    assert_eq!(keys(gateway, command).await, Ok(KeyAnswer::Done));
}

async fn rotate_data(gateway: &Gateway, class: &str, tenant: Option<&str>) -> u32 {
    let class = class.parse().unwrap();
    let tenant = tenant.map(|tenant| tenant.parse().unwrap());
    match keys(gateway, KeyCommand::RotateData { class, tenant }).await {
        Ok(KeyAnswer::Version(version)) => version,
        other => panic!("{other:?}"),
    }
}

/// The state of a device ID key, as `keys list` tells it.
async fn state(gateway: &Gateway, name: &str) -> Option<String> {
    let Ok(KeyAnswer::List { edi, .. }) = keys(gateway, KeyCommand::List {}).await else { panic!("a list") };
    edi.into_iter().find(|key| key.kid == name).map(|key| key.state)
}

/// A person's device under another key, as the notary would encrypt it.
fn encrypted(gateway: &Gateway, person: &Person, kid: &str, key: &Path) -> String {
    let key = fs::read_to_string(key).unwrap();
    let feed = fs::read_to_string(gateway.folder().join("feed/bindings.csv")).unwrap();
    let row = feed.lines().find(|row| row.contains(&person.number)).unwrap();
    let (kind, rest) = row.split_once(',').unwrap();
    let (id, _) = rest.split_once(',').unwrap();
    EdiMaker::new(kid, key.trim()).unwrap().make(kind, id, [3; 12]).unwrap()
}

/// A message to a person under a new authorization that names this device.
fn to_device(person: &Person, device: &str, authorization: &str) -> Submission {
    let recipient =
        Recipient::short(device, &person.pseudonym, authorization, &person.as_of, &person.enterprise);
    Submission::new(person.service_number(), recipient, "by key")
}

fn audit(gateway: &Gateway) -> String {
    fs::read_to_string(gateway.config().audit_file()).unwrap()
}

async fn refused(notary: &Party, submission: &Submission) -> (u32, String) {
    notary.refused(submission).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_id_key_is_made_followed_retired_and_destroyed() {
    let mut gateway = Plan::new().start().await;
    let notary = gateway.bind("notary").await;
    let export = |name: &str| gateway.folder().join(name);
    let (second, third) = (export("k2.hex"), export("k3.hex"));
    let person = gateway.person(0).clone();
    done(
        &gateway,
        KeyCommand::Generate { kid: kid("k2"), allowance: any_platform(), export: second.clone() },
    )
    .await;
    assert_eq!(mode(&second), 0o600);
    let under = |name: &str, key: &PathBuf, id: &str| {
        to_device(&person, &encrypted(&gateway, &person, name, key), id)
    };
    let by_second = under("k2", &second, "au-k2");
    notary.accepted(&by_second).await;
    // The successor is active, the old key goes on opening.
    done(&gateway, KeyCommand::Rotate { kid: kid("k2"), new_kid: kid("k3"), export: third.clone() }).await;
    assert_eq!(state(&gateway, "k2").await.as_deref(), Some("decrypt-only"));
    assert_eq!(state(&gateway, "k3").await.as_deref(), Some("active"));
    notary.accepted(&by_second).await;
    notary.accepted(&under("k3", &third, "au-k3")).await;
    // A retired key's device IDs look like any that does not decrypt.
    let garbage = to_device(&person, "edi1.k3.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "au-bad");
    let unknown = under("k9", &third, "au-unknown");
    let as_garbage = refused(&notary, &garbage).await;
    assert_eq!(as_garbage.1, "4001");
    done(&gateway, KeyCommand::Retire { kid: kid("k2") }).await;
    assert_eq!(refused(&notary, &by_second).await, as_garbage);
    assert_eq!(refused(&notary, &unknown).await, as_garbage);
    done(&gateway, KeyCommand::Destroy { kid: kid("k2") }).await;
    assert_eq!(refused(&notary, &by_second).await, as_garbage);
    // What must not be done is refused and changes nothing.
    for wrong in [
        KeyCommand::Destroy { kid: kid("k3") },
        KeyCommand::Retire { kid: kid("k2") },
        KeyCommand::Retire { kid: kid("k7") },
        KeyCommand::Import { kid: kid("k2"), allowance: any_platform(), file: second.clone() },
        KeyCommand::Import { kid: kid("k4"), allowance: any_platform(), file: export("missing") },
        KeyCommand::Generate { kid: kid("k4"), allowance: any_platform(), export: second.clone() },
        KeyCommand::Generate { kid: kid("13800138000"), allowance: any_platform(), export: export("n") },
        KeyCommand::Rotate { kid: kid("k7"), new_kid: kid("k8"), export: export("k8.hex") },
    ] {
        assert!(keys(&gateway, wrong.clone()).await.is_err(), "{wrong:?}");
    }
    assert!(
        !export("k8.hex").exists() && !export("n").exists(),
        "a key that was not taken is not left there"
    );
    gateway.restart().await;
    let notary = gateway.bind("notary").await;
    assert_eq!(state(&gateway, "k2").await.as_deref(), Some("destroyed"));
    assert_eq!(refused(&notary, &by_second).await, as_garbage);
    gateway.settled().await;
    gateway.halt().await;
    let audit = audit(&gateway);
    for event in
        ["edi_key_generated", "edi_key_rotated", "edi_key_retired", "edi_key_destroyed", "key_change_refused"]
    {
        let of_operator = |line: &str| line.contains(event) && line.contains("\"user\":\"operator:");
        assert!(audit.lines().any(of_operator), "{event}: {audit}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_only_its_owners_device_ids_and_only_its_forms() {
    let plan = Plan::new().config("[[platforms]]\nid = \"notary-2\"\nproof = \"optional\"");
    let mut gateway = plan.start().await;
    let notary = gateway.bind("notary").await;
    let person = gateway.person(0).clone();
    let file = |name: &str| gateway.folder().join(format!("{name}.hex"));
    let generate =
        |name: &str, allowance| KeyCommand::Generate { kid: kid(name), allowance, export: file(name) };
    done(&gateway, generate("own", of_platform("notary-1"))).await;
    done(&gateway, generate("foreign", of_platform("notary-2"))).await;
    let legacy_only = EdiAllowance { gcm: false, legacy: true, owner: None };
    done(&gateway, generate("old", legacy_only)).await;
    let nobody = keys(&gateway, generate("nobody", of_platform("notary-9"))).await;
    assert!(nobody.is_err() && !file("nobody").exists(), "an owner must be known: {nobody:?}");
    let submission = |name: &str| {
        to_device(&person, &encrypted(&gateway, &person, name, &file(name)), &format!("au-{name}"))
    };
    notary.accepted(&submission("own")).await;
    let garbage = to_device(&person, "edi1.own.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "au-bad");
    let as_garbage = notary.refused(&garbage).await;
    assert_eq!(notary.refused(&submission("foreign")).await, as_garbage);
    assert_eq!(notary.refused(&submission("old")).await, as_garbage);
    gateway.settled().await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_does_not_bring_a_key_back() {
    let mut gateway = Plan::new().start().await;
    done(&gateway, KeyCommand::Retire { kid: kid("k1") }).await;
    gateway.restart().await;
    assert_eq!(state(&gateway, "k1").await.as_deref(), Some("retired"));
    done(&gateway, KeyCommand::Destroy { kid: kid("k1") }).await;
    gateway.restart().await;
    assert_eq!(state(&gateway, "k1").await.as_deref(), Some("destroyed"));
    gateway.stop().await;
}

/// Messages and receipts wait under old keys while all keys are rotated again and again and new ones come; restarts
/// read all of them.
#[tokio::test(flavor = "multi_thread")]
async fn all_keys_rotate_while_traffic_runs() {
    let throttling = SmscOptions { answers: vec!["throttle".parse().unwrap()], ..SmscOptions::default() };
    let plan = Plan::new().smsc(throttling).smsc(SmscOptions::default()).registered();
    let mut gateway = plan.config("[[channels]]\nid = \"smsc-2\"\nenabled = false").start().await;
    let mut texts = Vec::new();
    for round in 2..=4_u32 {
        let shop = gateway.bind("shop").await;
        for place in [0, 2, 4] {
            let text = format!("round {round} to {place}");
            shop.accepted(&to(&gateway, place, &text)).await;
            texts.push(text);
        }
        rotate_everything(&gateway, round).await;
        let text = format!("after rotation {round}");
        shop.accepted(&to(&gateway, 6, &text)).await;
        texts.push(text);
        if round != 3 {
            gateway.restart().await;
        }
    }
    // Now they go out, while nobody is there to take the receipts; these wait under one version more.
    gateway.reconfigure(
        "[[channels]]\nid = \"smsc-1\"\nenabled = false\n[[channels]]\nid = \"smsc-2\"\nenabled = true",
    );
    gateway.ops(Request::Reload {}).await;
    gateway.settled().await;
    let seen = gateway.smsc(1).wait(Event::Submit, texts.len(), PATIENCE).await;
    let mut arrived: Vec<_> = seen.iter().map(|seen| seen.text.clone()).collect();
    arrived.sort();
    texts.sort();
    assert_eq!(arrived, texts);
    rotate_everything(&gateway, 5).await;
    gateway.restart().await;
    let mut shop = gateway.bind("shop").await;
    assert_eq!(shop.collect(texts.len()).await.len(), texts.len());
    shop.accepted(&to(&gateway, 8, "after all")).await;
    shop.receipt().await;
    gateway.halt().await;
    let audit = audit(&gateway);
    assert_eq!(audit.matches("\"data_key_rotated\"").count(), 24, "{audit}");
    assert_eq!(audit.matches("\"master_key_rotated\"").count(), 4, "{audit}");
    gateway.stop().await;
}

fn to(gateway: &Gateway, place: usize, text: &str) -> Submission {
    let person = gateway.person(place);
    Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), text)
}

async fn rotate_everything(gateway: &Gateway, version: u32) {
    for (class, tenant) in [
        ("text", Some("ent-1")),
        ("alias", Some("ent-1")),
        ("number", Some("ent-1")),
        ("registry", Some("ent-1")),
        ("registry", None),
        ("number", None),
    ] {
        assert_eq!(rotate_data(gateway, class, tenant).await, version);
    }
    done(gateway, KeyCommand::RotateMaster { new_file: None, new_label: None }).await;
}

fn mode(path: &Path) -> u32 {
    std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap()) & 0o777
}
