//! `kill -9` the moment after parts of a text were acknowledged: every part has one result, the same as its others, and
//! the person gets each part once at most.

use std::collections::{BTreeMap, BTreeSet};

use veilgate_simulators::esme::{BindMode, Client, ConnectOptions, Recipient, Submission};
use veilgate_simulators::receipt::State;
use veilgate_simulators::smsc::{ReceiptOptions, Running, Simulator, SmscOptions};

use super::*;
use crate::gateway::Person;

const TEXTS: u16 = 4;

fn text_of(reference: u16) -> String {
    let sign = char::from_u32(0x4E00 + u32::from(reference)).unwrap();
    sign.to_string().repeat(150)
}

/// Binds again and takes receipts until each of these messages has one.
async fn told(north: SocketAddr, ids: &BTreeSet<String>) -> BTreeMap<String, State> {
    let (_client, mut incoming) =
        Client::connect(ConnectOptions::new(north, "notary", PASSWORD)).await.unwrap();
    let mut states = BTreeMap::new();
    while !ids.iter().all(|id| states.contains_key(id)) {
        let next = tokio::time::timeout(PATIENCE, incoming.recv()).await;
        let receipt = next.expect("in time").expect("the bind stands");
        let (id, state) = (receipt.message_id.unwrap(), receipt.state.unwrap());
        let before = states.insert(id, state);
        assert!(before.is_none_or(|before| before == state), "two ends of one message");
    }
    states
}

/// Sends three parts in some order; the process is killed between them, or at the end, or both.
async fn send(process: &mut Process, north: SocketAddr, person: &Person, reference: u16) -> Vec<String> {
    let recipient = Recipient::short(
        &person.device,
        &person.pseudonym,
        &person.authorization,
        &person.as_of,
        &person.enterprise,
    );
    let submission = Submission { reference, ..Submission::new(SHOP_NUMBER, recipient, &text_of(reference)) };
    let messages = submission.messages().unwrap();
    assert_eq!(messages.len(), 3);
    let mut ids = Vec::new();
    for place in [1, 2, 0] {
        let mode = BindMode::Transmitter;
        let options = ConnectOptions { mode, ..ConnectOptions::new(north, "notary", PASSWORD) };
        let (client, _incoming) = Client::connect(options).await.unwrap();
        let response = client.send(&messages[place]).await.unwrap();
        assert_eq!(response.status, 0);
        ids.push(response.message_id.unwrap());
        if place == 0 || usize::from(reference % 3) == place {
            process.kill_and_restart().await;
        }
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parts_of_a_text_survive_kills_together() {
    let folder = tempfile::tempdir().unwrap();
    let feed = folder.path().join("feed");
    let edi_key = EDI_KEY.to_owned();
    generate(&FeedOptions { subscribers: 4, directory: feed.clone(), edi_key, ..FeedOptions::default() })
        .unwrap();
    let person = Person::read(&feed).remove(1);
    let receipts = ReceiptOptions { when: ReceiptWhen::Always, ..ReceiptOptions::default() };
    let smsc = Simulator::start(SmscOptions { receipts, ..SmscOptions::default() }).await.unwrap();
    let [north, ops] = free_ports();
    let config = write_config(folder.path(), north, ops, smsc.address());
    let mut process = Process::start(&config, ops).await;
    let (bindings, tenures) = (feed.join("bindings.csv"), feed.join("tenures.csv"));
    let files = [bindings.to_str().unwrap(), tenures.to_str().unwrap()];
    process.command(&["identity", "import", "--bindings", files[0], "--tenures", files[1]]);

    let mut texts = Vec::new();
    for reference in 0..TEXTS {
        texts.push(send(&mut process, north, &person, reference).await);
    }
    let ids = texts.iter().flatten().cloned().collect();
    let states = told(north, &ids).await;
    for (reference, ids) in (0..).zip(&texts) {
        let ends: BTreeSet<String> = ids.iter().map(|id| format!("{:?}", states[id])).collect();
        assert_eq!(ends.len(), 1, "one result for all parts: {ends:?}");
        assert_heard(&smsc, &text_of(reference), states[&ids[0]]);
    }
    let config = process.stop();
    assert_eq!(process_cdrs(&config), u64::from(TEXTS), "one CDR a text");
    smsc.stop().await;
}

/// No part came twice, and all did if the sender was told so.
fn assert_heard(smsc: &Running, text: &str, state: State) {
    let sign = text.chars().next().unwrap();
    let mut heard: Vec<_> = smsc.submits().into_iter().filter(|seen| seen.text.starts_with(sign)).collect();
    heard.sort_by_key(|seen| seen.part.map(|part| part.index));
    let indices: Vec<u8> = heard.iter().filter_map(|seen| Some(seen.part?.index)).collect();
    let mut once = indices.clone();
    once.dedup();
    assert_eq!(once, indices, "each part once");
    match state {
        State::Delivered => assert_eq!(heard.iter().map(|seen| &*seen.text).collect::<String>(), text),
        other => assert_eq!(format!("{other:?}"), "Unknown"),
    }
}
