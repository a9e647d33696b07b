//! What a client was told of a message that waits holds over a kill: taken back, changed, sent to several, known again.

use std::net::SocketAddr;

use veilgate_simulators::feed::{FeedOptions, generate};
use veilgate_simulators::sink::{Sink, SinkOptions};

use super::{Process, free_ports, process_cdrs, write_config};
use crate::gateway::{EDI_KEY, PASSWORD, Person, SHOP_NUMBER};
use crate::smpp_raw::{
    AS_OF, AUTHORIZATION_ID, BIND_TRANSCEIVER, CANCEL_SM, EDI, ENTERPRISE, MESSAGE_STATE, Message, PSEUDONYM,
    Pdu, Peer, QUERY_SM, RECEIPTED_ID, REPLACE_SM, RESPONSE, SUBMIT_MULTI, Smsc,
};

async fn bound(north: SocketAddr) -> Peer {
    let mut peer = Peer::connect(north).await;
    assert_eq!(peer.bind(BIND_TRANSCEIVER, "notary", PASSWORD, 0x34).await.status, 0);
    peer
}

fn message(person: &Person, text: &str) -> Message {
    let fields =
        [&person.device, &person.pseudonym, &person.authorization, &person.as_of, &person.enterprise];
    let [device, pseudonym, authorization, as_of, enterprise] = fields.map(|field| field.as_bytes());
    let mut message = Message::by_tlvs(
        text,
        &[
            (EDI, device),
            (PSEUDONYM, pseudonym),
            (AUTHORIZATION_ID, authorization),
            (AS_OF, as_of),
            (ENTERPRISE, enterprise),
            (0x0204, &[0, 7]),
        ],
    );
    message.source.2 = SHOP_NUMBER.to_owned();
    message
}

async fn done(peer: &mut Peer, command: u32, body: String) -> String {
    let response = peer.call(command, body.into_bytes()).await;
    assert_eq!((response.id, response.status), (command | RESPONSE, 0), "{response:?}");
    response.text()
}

/// The link of the gateway that lives: those that were killed have left some.
async fn living(smsc: &Smsc) -> Peer {
    loop {
        let mut link = smsc.connection().await;
        let Some(bind) = link.read().await else { continue };
        let answer = Pdu::new(bind.id | RESPONSE, bind.sequence, b"smsc\0".to_vec());
        if link.try_write(&answer.octets()).await
            && let Some(first) = link.read().await
        {
            link.put_back(first);
            return link;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_was_told_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let feed = folder.path().join("feed");
    let edi_key = EDI_KEY.to_owned();
    generate(&FeedOptions { subscribers: 4, directory: feed.clone(), edi_key, ..FeedOptions::default() })
        .unwrap();
    let people = Person::read(&feed);
    let smsc = Smsc::listen().await;
    let [north, ops] = free_ports();
    let config = write_config(folder.path(), north, ops, smsc.address());
    let text = std::fs::read_to_string(&config).unwrap();
    // The number's only channel stays down, so that its messages wait; another makes the gateway ready.
    let other = Sink::start(SinkOptions::default()).await.unwrap();
    let text = text
        .replace("max_binds = 16", "max_binds = 16\ndedupe = \"24h\"")
        .replace("inbound_anchored = true", "inbound_anchored = true\nchannels = [\"sink\"]");
    let address = other.address();
    let text = format!(
        "{text}[[channels]]\nid = \"other\"\naddress = \"{address}\"\nsystem_id = \"veilgate\"\npassword = \"x\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut process = Process::start(&config, ops).await;
    let (bindings, tenures) = (feed.join("bindings.csv"), feed.join("tenures.csv"));
    let files = [bindings.to_str().unwrap(), tenures.to_str().unwrap()];
    process.command(&["identity", "import", "--bindings", files[0], "--tenures", files[1]]);

    let mut peer = bound(north).await;
    let recalled = peer.accepted(&message(&people[0], "never sent")).await;
    let changed = peer.accepted(&message(&people[1], "first thought")).await;
    let source = format!("\0\x01{SHOP_NUMBER}\0");
    done(&mut peer, CANCEL_SM, format!("\0{recalled}\0{source}\0\0\0")).await;
    done(&mut peer, REPLACE_SM, format!("{changed}\0{source}\0\0\x01\0\x0esecond thought")).await;
    let aliases = people[..2].iter().map(|person| format!("\x01\x05\0{}\0", person.pseudonym));
    let list = format!("\0{source}\x02{}\0\0\0\0\0\x01\0\0\0\x04both", aliases.collect::<String>());
    let both = done(&mut peer, SUBMIT_MULTI, list).await;
    process.kill_and_restart().await;

    let mut peer = bound(north).await;
    let receipt = peer.delivered().await;
    assert_eq!(receipt.tlv_text(RECEIPTED_ID).unwrap(), recalled);
    assert_eq!(receipt.tlv(MESSAGE_STATE).unwrap(), [4]);
    assert_eq!(peer.accepted(&message(&people[1], "first thought")).await, changed, "it is a repetition");
    done(&mut peer, QUERY_SM, format!("{both}\0{source}")).await;
    let mut link = living(&smsc).await;
    let mut texts = Vec::new();
    for smsc_id in ["1", "2", "3"] {
        let seen = link.took(smsc_id).await;
        texts.push(seen.text());
        link.receipt(&seen, smsc_id, "DELIVRD").await;
    }
    texts.sort();
    assert_eq!(texts, ["both", "both", "second thought"]);
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(peer.delivered().await.tlv_text(RECEIPTED_ID).unwrap());
    }
    told.sort();
    let mut expected = [changed, both.clone(), both];
    expected.sort();
    assert_eq!(told, expected);
    link.is_quiet().await;
    drop(peer);
    assert_eq!(process_cdrs(&process.stop()), 4, "one for each message");
}
