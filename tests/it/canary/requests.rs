//! Requests about messages, messages to several and wishes for reports, with numbers wherever a client can put one.

use crate::gateway::{Gateway, RawParty};
use crate::smpp_raw::{
    CANCEL_SM, DELIVER_SM, Message, Pdu, QUERY_SM, REPLACE_SM, RESPONSE, SUBMIT_MULTI, SUBMIT_SM,
};

/// Sends a request and reads up to its response, taking what is delivered meanwhile.
async fn call(raw: &mut RawParty, id: u32, sequence: u32, body: Vec<u8>) -> Vec<u8> {
    raw.write(&Pdu::new(id, sequence, body).octets()).await;
    loop {
        let pdu = raw.read().await.expect("the session lives");
        let word = |at: usize| u32::from_be_bytes(pdu[at..at + 4].try_into().unwrap());
        if word(4) == DELIVER_SM {
            raw.write(&Pdu::new(DELIVER_SM | RESPONSE, word(12), vec![0]).octets()).await;
        } else if word(12) == sequence {
            return pdu;
        }
    }
}

pub(super) async fn ask_with_numbers(gateway: &Gateway) {
    let person = gateway.persons().iter().find(|person| person.enterprise == "ent-1").unwrap();
    let (alias, number, source) = (&person.pseudonym, person.international(), person.service_number());
    let mut raw = gateway.connect_raw().await;
    raw.bind("shop").await;
    let mut message = Message::to(alias, "every report there is");
    (message.registered, message.source.2) = (0x1d, source.to_owned());
    let response = call(&mut raw, SUBMIT_SM, 2, message.body()).await;
    let id = String::from_utf8(response[16..32].to_vec()).unwrap();
    let list = format!("\x01\x05\0{alias}\0\x01\x01\x01{number}\0\x01\x05\0{number}\0\x02{number}\0");
    let bodies = [
        (SUBMIT_MULTI, format!("\0\0\x01{source}\0\x04{list}\0\0\0\0\0\x1d\0\0\0\x02hi")),
        (QUERY_SM, format!("{id}\0\0\x01{source}\0")),
        (QUERY_SM, format!("{number}\0\x01\x01{number}\0")),
        (QUERY_SM, format!("{id}\0\x01\x01{number}\0")),
        (CANCEL_SM, format!("\0{number}\0\x01\x01{number}\0\x01\x01{number}\0")),
        (CANCEL_SM, format!("\0\0\0\x01{source}\0\x01\x01{number}\0")),
        (REPLACE_SM, format!("{number}\0\0\x01{source}\0\0\0\0\0\x0d{number}")),
        (0x111, format!("{number}\0")),
    ];
    for (sequence, (command, body)) in (3..).zip(bodies) {
        let response = call(&mut raw, command, sequence, body.into_bytes()).await;
        assert_eq!(response[4..8], (command | RESPONSE).to_be_bytes(), "{command:#x}");
    }
}
