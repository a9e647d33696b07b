//! `kill -9` of the real binary: what was counted, charged and reserved is as before.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use veilgate_simulators::esme::{Client, ConnectOptions, Recipient, Submission};
use veilgate_simulators::feed::{FeedOptions, generate};
use veilgate_simulators::sink::{Running, Sink, SinkOptions};
use veilgate_simulators::smsc::ReceiptWhen;

use super::lines;
use super::windows::opening;
use crate::gateway::{EDI_KEY, PASSWORD, PATIENCE, Person, SHOP_NUMBER};
use crate::kill::{Process, free_ports, write_config};

/// Two messages a day for anybody, and a credit for three.
fn objects() -> String {
    let payment = json!({"postpaid": {"credit": 3 * 45}});
    let tenant =
        json!({"level": "enterprise", "parent": "carrier", "price_plan": "base", "payment": payment});
    let limit = json!({"per": "all", "windows": [{"calendar": "day", "most": 2}]});
    lines(&[
        ("price-plans", "base", json!({"sms": {"default": 45}})),
        ("tenants", "ent-1", tenant),
        ("frequency-limits", "all-senders", limit),
    ])
}

fn to(person: &Person, text: &str) -> Submission {
    let Person { device, pseudonym, authorization, as_of, enterprise, .. } = person;
    let recipient = Recipient::short(device, pseudonym, authorization, as_of, enterprise);
    Submission::new(SHOP_NUMBER, recipient, text)
}

/// The status of each of some messages, sent one by one through a bind of its own.
async fn statuses(north: SocketAddr, messages: &[(&Person, &str)]) -> Vec<u32> {
    let options = ConnectOptions::new(north, "notary", PASSWORD);
    // What comes in is taken and answered until the end.
    let (client, _incoming) = Client::connect(options).await.unwrap();
    let mut statuses = Vec::new();
    for (person, text) in messages {
        statuses.push(client.submit(&to(person, text)).await.unwrap()[0].status);
    }
    statuses
}

fn make_feed(folder: &Path) -> Vec<Person> {
    let (edi_key, directory) = (EDI_KEY.to_owned(), folder.join("feed"));
    generate(&FeedOptions { subscribers: 5, directory, edi_key, ..FeedOptions::default() }).unwrap();
    Person::read(&folder.join("feed"))
}

/// A gateway with the objects, and what it needs.
struct Scene {
    folder: tempfile::TempDir,
    persons: Vec<Person>,
    sink: Running,
    north: SocketAddr,
    process: Process,
}

impl Scene {
    async fn set(objects: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let persons = make_feed(folder.path());
        let options = SinkOptions { receipts: ReceiptWhen::Always, ..SinkOptions::default() };
        let sink = Sink::start(options).await.unwrap();
        let [north, ops] = free_ports();
        let config = write_config(folder.path(), north, ops, sink.address());
        let process = Process::start(&config, ops).await;
        let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (bindings, tenures) = (file("feed/bindings.csv"), file("feed/tenures.csv"));
        process.command(&["identity", "import", "--bindings", &bindings, "--tenures", &tenures]);
        fs::write(file("objects.jsonl"), objects).unwrap();
        process.command(&["policy", "import", &file("objects.jsonl")]);
        // And money for a fourth.
        process.command(&["balance", "pay-in", "ent-1", "45", "--reference", "r1"]);
        Self { folder, persons, sink, north, process }
    }

    /// Waits until so many messages have gone out and ended.
    async fn ended(&self, count: u64) {
        let ended = async {
            while self.sink.counters().delivered < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("all went out");
        assert_eq!(self.sink.counters().submits, count);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_and_charges_outlive_a_kill() {
    let mut scene = Scene::set(&objects()).await;
    let persons = scene.persons.clone();
    let [one, two, three, ..] = &persons[..] else { panic!() };
    let heard = statuses(scene.north, &[(one, "1"), (one, "2"), (one, "3"), (two, "4")]).await;
    assert_eq!(heard, [0, 0, 0x40C, 0]);
    // What was under way in the kill would be nobody's to pay.
    scene.ended(3).await;
    scene.process.kill_and_restart().await;
    let heard = statuses(scene.north, &[(one, "5"), (two, "6"), (two, "7"), (three, "8")]).await;
    assert_eq!(heard, [0x40C, 0, 0x40C, 0x40B], "contacts and balance are as before");
    scene.ended(4).await;
    scene.process.kill_and_restart().await;
    let heard = statuses(scene.north, &[(one, "9"), (two, "10"), (three, "11")]).await;
    assert_eq!(heard, [0x40C, 0x40C, 0x40B], "and once more");
    let shown = scene.process.command(&["balance", "show"]);
    assert!(shown.contains("available 0, paid in 45, charged 180, reserved 0, credit 135"), "{shown}");
    scene.process.stop();
    drop(scene.folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_reserved_for_messages_that_wait_outlives_a_kill() {
    let (_, window) = opening(Duration::from_secs(7200), "defer", json!({}));
    let mut scene = Scene::set(&(objects() + &lines(&[("windows", "later", window)]))).await;
    let persons = scene.persons.clone();
    let [one, two, three, four, five, ..] = &persons[..] else { panic!() };
    let all = [(one, "1"), (two, "2"), (three, "3"), (four, "4"), (five, "5")];
    assert_eq!(statuses(scene.north, &all).await, [0, 0, 0, 0, 0x40B]);
    for _ in 0..2 {
        scene.process.kill_and_restart().await;
        assert_eq!(statuses(scene.north, &[(five, "6")]).await, [0x40B], "four are reserved");
    }
    assert_eq!(scene.sink.counters().submits, 0);
    scene.process.stop();
}
