//! What two enterprises can learn from each other: nothing that reaches one equals anything that reaches the other,
//! for the same person (A-3.6-2, A-6.2.2.1-1).

use std::collections::BTreeSet;

use veilgate::admin::{Request, Response};
use veilgate_names::AuthorizationId;
use veilgate_simulators::esme::{Incoming, IncomingKind, Recipient, Submission};
use veilgate_simulators::message::Address;
use veilgate_simulators::receipt::State;
use veilgate_simulators::smsc::{MobileOriginated, ReceiptOptions, ReceiptWhen, SmscOptions};
use veilgate_simulators::text::{Coding, Split};

use crate::gateway::{Gateway, Party, Person, Plan, RIVAL_NUMBER, SHOP_NUMBER};

/// What may reach both: the gateway's name, words of a receipt, and what the person wrote to both.
const CONSTANT: [&str; 9] =
    ["veilgate", "submit", "dlvrd", "DELIVRD", "UNDELIV", "REJECTD", "EXPIRED", "Thanks", "number"];
const REPLY: &str = "Thanks, my number is";
/// A shorter run of letters and digits names nobody.
const SHORTEST: usize = 6;

/// One person as both enterprises know them.
struct Shared {
    of_shop: Person,
    of_rival: Person,
}

/// Registers what the same device agreed to with the second enterprise.
async fn shared(gateway: &Gateway, place: usize) -> Shared {
    let of_shop = gateway.person(place).clone();
    let path = gateway.folder().join("feed/authorizations.jsonl");
    let lines = std::fs::read_to_string(path).unwrap();
    let line = lines.lines().find(|line| line.contains(&of_shop.authorization)).unwrap();
    let mut second: serde_json::Value = serde_json::from_str(line).unwrap();
    let of_rival = Person {
        pseudonym: format!("Other{place}xQ7vT"),
        authorization: format!("consent-two-{place}"),
        enterprise: "ent-2".to_owned(),
        ..of_shop.clone()
    };
    assert_eq!(second["encrypted_device_ids"][0], of_shop.device, "the very same device ID");
    second["authorization_id"] = of_rival.authorization.clone().into();
    second["pseudonym"] = of_rival.pseudonym.clone().into();
    second["enterprise_id"] = "ent-2".into();
    second["service_numbers"] = serde_json::json!([RIVAL_NUMBER]);
    let lines = vec![second.to_string()];
    let response = gateway.ops(Request::AuthorizationsImport { platform: None, path: None, lines }).await;
    assert!(matches!(response, Response::Imported { put: 1, .. }), "{response:?}");
    Shared { of_shop, of_rival }
}

fn to(person: &Person, text: &str) -> Submission {
    Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), text)
}

/// The next that is a reply, or a receipt.
async fn next(party: &mut Party, kind: IncomingKind) -> Incoming {
    let next = party.next().await;
    assert_eq!(next.kind, kind, "{}", next.text);
    next
}

/// What the person answers to the number that the message came from.
fn answer(gateway: &Gateway, person: &Person) -> MobileOriginated {
    let submits = gateway.smsc(0).submits();
    let seen = submits.iter().rev().find(|seen| {
        seen.destination == person.international() && seen.source.starts_with(person.service_number())
    });
    MobileOriginated {
        system_id: None,
        source: Address { ton: 1, npi: 1, digits: person.international() },
        destination: Address::guess(&seen.expect("the person was written to").source),
        text: format!("{REPLY} {}", person.number),
        coding: Coding::Auto,
        split: Split::Udh,
    }
}

/// Runs of letters, digits, `_` and `-` that could be somebody's handle, wherever in the octets they stand.
fn handles(octets: &[u8]) -> BTreeSet<String> {
    let part = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-');
    octets
        .split(|octet| !part(octet))
        .filter(|run| run.len() >= SHORTEST)
        .map(|run| String::from_utf8(run.to_vec()).unwrap())
        .collect()
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|octet| octet.is_ascii_digit())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_enterprises_receive_nothing_equal_for_one_person() {
    let states = "DELIVRD=2,UNDELIV=1,REJECTD=1,EXPIRED=1".parse().unwrap();
    let receipts = ReceiptOptions { when: ReceiptWhen::Always, states, ..ReceiptOptions::default() };
    let smsc = SmscOptions { receipts, ..SmscOptions::default() };
    let mut gateway = Plan::new().registered().smsc(smsc).start().await;
    let mut shop = gateway.bind("shop").await;
    let mut rival = gateway.bind("rival").await;
    let mut people = Vec::new();
    for place in [0, 2, 4] {
        people.push(shared(&gateway, place).await);
    }
    for Shared { of_shop, of_rival } in &people {
        for round in 0..6 {
            // The same words at the same time, to the same device.
            shop.accepted(&to(of_shop, &format!("Good afternoon {round}"))).await;
            rival.accepted(&to(of_rival, &format!("Good afternoon {round}"))).await;
            next(&mut shop, IncomingKind::Receipt).await;
            next(&mut rival, IncomingKind::Receipt).await;
        }
        for (party, person) in [(&mut shop, of_shop), (&mut rival, of_rival)] {
            assert!(gateway.smsc(0).write(&answer(&gateway, person)));
            let reply = next(party, IncomingKind::Reply).await;
            assert_eq!(reply.source, person.pseudonym);
            assert_eq!(
                (reply.destination.as_str(), reply.text.as_str()),
                (person.service_number(), "Thanks, my number is ***")
            );
        }
        // One knows the other's handles and still reaches nobody.
        let foreign = Submission::new(SHOP_NUMBER, Recipient::pseudonym(&of_rival.pseudonym), "hello");
        assert_eq!(shop.refused(&foreign).await, (0x401, "3001".to_owned()));
    }
    // What ends for one says nothing to the other.
    let gone = AuthorizationId::parse(&people[0].of_shop.authorization).unwrap();
    gateway.ops(Request::Revoke { authorization_ids: vec![gone] }).await;
    assert_eq!(shop.refused(&to(&people[0].of_shop, "hello")).await, (0x403, "3003".to_owned()));
    rival.accepted(&to(&people[0].of_rival, "hello")).await;
    assert!(next(&mut rival, IncomingKind::Receipt).await.state != Some(State::Accepted));

    let (of_shop, of_rival) = (handles(&shop.client.captured()), handles(&rival.client.captured()));
    assert!(of_shop.len() > 20 && of_rival.len() > 20, "{of_shop:?} {of_rival:?}");
    let equal: Vec<_> = of_shop
        .intersection(&of_rival)
        .filter(|handle| !CONSTANT.contains(&handle.as_str()) && !is_date(handle))
        .collect();
    assert!(equal.is_empty(), "both were given: {equal:?}");
    for Shared { of_shop: person, of_rival: other } in &people {
        let secrets = [&person.authorization, &other.authorization, &person.device, &person.number];
        for seen in [&of_shop, &of_rival] {
            let told =
                seen.iter().any(|handle| secrets.iter().any(|secret| secret.contains(handle.as_str())));
            assert!(!told, "an enterprise was given what is the notary's");
        }
        assert!(of_shop.contains(&person.pseudonym) && of_rival.contains(&other.pseudonym));
        assert!(!of_shop.contains(&other.pseudonym) && !of_rival.contains(&person.pseudonym));
    }
    gateway.settled().await;
    gateway.stop().await;
}

/// The check itself finds a handle that both were given.
#[test]
fn an_equal_handle_would_be_found() {
    let (one, other) = (b"\0\x05Zk3v8QpR2s\0id:1a200a5e9d000000 sub", b"\x14\0x Zk3v8QpR2s\0");
    let equal: Vec<_> = handles(one).intersection(&handles(other)).cloned().collect();
    assert_eq!(equal, ["Zk3v8QpR2s"]);
}

/// A notary that gives two enterprises the same pseudonym is refused the second.
#[tokio::test(flavor = "multi_thread")]
async fn a_pseudonym_is_not_given_twice() {
    let mut gateway = Plan::new().registered().start().await;
    let notary = gateway.bind("notary").await;
    let (one, other) = (gateway.person(0).clone(), gateway.person(1).clone());
    let short = |pseudonym: &str, id: &str| {
        let recipient = Recipient::short(&one.device, pseudonym, id, &one.as_of, "ent-2");
        Submission::new(RIVAL_NUMBER, recipient, "hello")
    };
    assert_eq!(notary.refused(&short(&one.pseudonym, "consent-two")).await, (0xc4, "1001".to_owned()));
    notary.accepted(&short("Another-name", "consent-two")).await;
    let rival = gateway.bind("rival").await;
    rival.accepted(&to(&other, "hello")).await;
    gateway.settled().await;
    gateway.stop().await;
}
