//! `kill -9` the moment after the SMSC was told "taken": a part of a long reply, the last part, a refusal.

use tokio::sync::mpsc;
use veilgate_simulators::esme::{Client, ConnectOptions, Incoming, Recipient, Submission};
use veilgate_simulators::message::Message;
use veilgate_simulators::smsc::{Event, ReceiptOptions, Running, Simulator, SmscOptions};

use super::*;
use crate::gateway::{Person, SEGMENT};
use crate::replies::{code, ucs2};
use crate::spellings::Scanner;

/// A handset's message through the SMSC; returns when that was told "taken".
async fn taken(smsc: &Running, from: &Person, to: &str, message: Message) {
    let before = smsc.wait(Event::DeliverResponse, 0, PATIENCE).await.len();
    let source = Address { ton: 1, npi: 1, digits: from.international() };
    smsc.deliver("veilgate", Message { source, destination: Address::guess(to), data_coding: 8, ..message });
    let answers = smsc.wait(Event::DeliverResponse, before + 1, PATIENCE).await;
    assert_eq!(answers[before].status, Some(0));
}

fn part(number: u8, text: &str) -> Message {
    let octets = [vec![5, 0, 3, 9, 2, number], ucs2(text)].concat();
    Message { esm_class: 0x40, octets, ..Message::default() }
}

async fn notary(north: SocketAddr) -> (Client, mpsc::Receiver<Incoming>) {
    Client::connect(ConnectOptions::new(north, "notary", PASSWORD)).await.unwrap()
}

/// The first thing the notary is told that is not what it may have been told already, and its client.
async fn told(north: SocketAddr, already: Option<&str>) -> (Client, Incoming) {
    let (client, mut incoming) = notary(north).await;
    loop {
        let next = tokio::time::timeout(PATIENCE, incoming.recv()).await;
        let next = next.expect("in time").expect("the bind stands");
        if already != Some(next.text.as_str()) {
            return (client, next);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_smsc_was_told_is_taken_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let feed = folder.path().join("feed");
    let edi_key = EDI_KEY.to_owned();
    let range = format!("{SEGMENT}8");
    generate(&FeedOptions {
        subscribers: 4,
        directory: feed.clone(),
        edi_key,
        range,
        ..FeedOptions::default()
    })
    .unwrap();
    let person = Person::read(&feed).remove(1);
    let receipts = ReceiptOptions { when: ReceiptWhen::None, ..ReceiptOptions::default() };
    let smsc = Simulator::start(SmscOptions { receipts, ..SmscOptions::default() }).await.unwrap();
    let [north, ops] = free_ports();
    let config = write_config(folder.path(), north, ops, smsc.address());
    let mut process = Process::start(&config, ops).await;
    let (bindings, tenures) = (feed.join("bindings.csv"), feed.join("tenures.csv"));
    let files = [bindings.to_str().unwrap(), tenures.to_str().unwrap()];
    process.command(&["identity", "import", "--bindings", files[0], "--tenures", files[1]]);

    let recipient = Recipient::short(
        &person.device,
        &person.pseudonym,
        &person.authorization,
        &person.as_of,
        &person.enterprise,
    );
    let message = Submission::new(SHOP_NUMBER, recipient, "Was it good?");
    let (client, _incoming) = notary(north).await;
    assert_eq!(client.submit(&message).await.unwrap()[0].status, 0);
    let number = smsc.wait(Event::Submit, 1, PATIENCE).await[0].source.clone();
    drop(client);

    let (head, tail) = person.number.split_at(5);
    taken(&smsc, &person, &number, part(1, &format!("我的号码是{head}"))).await;
    process.kill_and_restart().await;
    taken(&smsc, &person, &number, part(2, &format!("{tail}，谢谢"))).await;
    process.kill_and_restart().await;
    let (client, reply) = told(north, None).await;
    assert_eq!(reply.text, "我的号码是***，谢谢");
    drop(client);

    let refusal = Message { octets: ucs2("退订"), ..Message::default() };
    taken(&smsc, &person, &number, refusal).await;
    process.kill_and_restart().await;
    // The reply may come again, if the answer to it was lost with the bind.
    let (client, notice) = told(north, Some(&reply.text)).await;
    assert_eq!((notice.text.as_str(), code(&notice).as_deref()), ("退订", Some("5007")));
    let refused = client.submit(&message).await.unwrap().remove(0);
    assert_eq!((refused.status, refused.reason.as_deref()), (0x40F, Some("5007")));

    let config = process.stop();
    process_cdrs(&config);
    let scanner = Scanner::new(&[person.number.as_str()]);
    for file in crate::gateway::files_under(&folder.path().join("data")) {
        let found = scanner.scan(&file.display().to_string(), &fs::read(&file).unwrap());
        assert!(found.is_empty(), "{found:?}");
    }
    smsc.stop().await;
}
