//! What `strings` finds over the data folder while the gateway runs and after it stopped: no number (every test looks
//! for those), no device ID and no alias. Encrypted device IDs stand in CDRs as they came, as the standard asks.

use std::fs;

use aho_corasick::AhoCorasick;
use veilgate_simulators::esme::{Recipient, Submission};

use crate::gateway::{Gateway, Plan, files_under};

/// Files under the data folder in which one of these stands, with its place in the list.
fn found(gateway: &Gateway, secrets: &[String]) -> Vec<(String, usize)> {
    let search = AhoCorasick::builder().ascii_case_insensitive(true).build(secrets).unwrap();
    let mut found = Vec::new();
    for file in files_under(&gateway.folder().join("data")) {
        let octets = fs::read(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        found.extend(search.find_iter(&octets).map(|hit| (name.clone(), hit.pattern().as_usize())));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_folder_holds_no_device_id_and_no_alias() {
    let mut gateway =
        Plan::new().registered().config("[identity]\nhistory_floor = \"2025-01-01\"").start().await;
    let feed = fs::read_to_string(gateway.folder().join("feed/bindings.csv")).unwrap();
    let mut secrets: Vec<String> =
        feed.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned()).collect();
    assert_eq!(secrets.len(), 10);
    secrets.extend(gateway.persons().iter().map(|person| person.pseudonym.clone()));
    let shop = gateway.bind("shop").await;
    for person in [0, 2, 4] {
        let person = gateway.person(person).clone();
        let submission =
            Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), "a text");
        shop.accepted(&submission).await;
    }
    assert_eq!(found(&gateway, &secrets), [], "while it runs");
    gateway.settled().await;
    gateway.halt().await;
    assert_eq!(found(&gateway, &secrets), [], "after it stopped");
    let vault = fs::metadata(gateway.folder().join("data/vault")).unwrap();
    assert!(vault.len() > 1000, "there is a vault to look at");
    gateway.stop().await;
}
