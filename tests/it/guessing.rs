//! What an account can find out by asking: an enterprise cannot tell why somebody is not reached, and whoever tries
//! out recipients is shut out.

use veilgate::admin::{Request, Response};
use veilgate_names::{AccountId, AuthorizationId};
use veilgate_simulators::esme::{Incoming, Recipient, Submission};
use veilgate_simulators::receipt::State;
use veilgate_simulators::smsc::SmscOptions;

use crate::gateway::{self, Gateway, Plan};
use crate::smpp_raw::*;
use crate::smpp_stage::*;

/// Pseudonyms of one length for everybody who cannot be reached, each for another reason.
fn unreachable() -> Vec<Person> {
    let mut altered = edi("zxid", "dev-moved");
    let last = altered.pop().unwrap();
    altered.push(if last == 'A' { 'Q' } else { 'A' });
    let devices = [
        ("unknown", edi("zxid", "dev-unheard-of")),
        ("reassigned", edi("zxid", "dev-moved")),
        ("ported", edi("zxid", "dev-ported")),
        ("suspended", edi("zxid", "dev-suspended")),
        ("altered", altered),
        ("other key", edi("zxid", "dev-moved").replace("edi1.k1.", "edi1.k9.")),
        ("legacy", format!("edi0.k1.{}", "A".repeat(64))),
        ("no device", edi("imei", "123456789012345")),
    ];
    let person = |(index, (_, edi)): (usize, (&str, String))| Person {
        pseudonym: format!("nobody-{index:04}"),
        authorization: format!("au-none-{index:04}"),
        edi,
        number: String::new(),
    };
    devices.into_iter().enumerate().map(person).collect()
}

fn short_form(person: &Person) -> Message {
    Message::by_tlvs(
        "short form",
        &[
            (EDI, person.edi.as_bytes()),
            (PSEUDONYM, person.pseudonym.as_bytes()),
            (AUTHORIZATION_ID, person.authorization.as_bytes()),
            (AS_OF, b"20260301"),
            (ENTERPRISE, b"ent-1"),
        ],
    )
}

/// The octets of a response but its sequence number.
fn comparable(mut response: Pdu) -> Vec<u8> {
    response.sequence = 0;
    response.octets()
}

/// Interfaces 6, leaks 4: whatever keeps an enterprise from somebody, it reads the same octets, and each refusal takes
/// the same way: none waits for the disk.
#[tokio::test]
async fn an_enterprise_reads_the_same_octets_whoever_cannot_be_reached() {
    let stage = Stage::plain().await;
    let mut notary = stage.bound("notary").await;
    let mut shop = stage.bound("shop").await;
    let people = unreachable();
    let mut told = std::collections::BTreeSet::new();
    for person in &people {
        told.insert(notary.submit(&short_form(person)).await.reason());
    }
    assert!(told.len() >= 4, "the notary is told more: {told:?}");
    // No link is up: it waits, and what was registered before it is durable.
    shop.accepted(&Message::to(&stage.people[0].pseudonym, "reachable")).await;
    let commits = || stage.metric("veilgate_journal_commits_total", "");
    let before = commits();
    let mut responses = Vec::new();
    for person in &people {
        let by_address = Message::to(&person.pseudonym, "hello");
        let by_tlv = Message::by_tlvs("hello", &[(PSEUDONYM, person.pseudonym.as_bytes())]);
        let mut set = Vec::new();
        for message in [&by_address, &by_tlv] {
            set.push(comparable(shop.submit(message).await));
            set.push(comparable(shop.call(DATA_SM, message.data_body()).await));
        }
        responses.push(set);
    }
    assert!(responses.iter().all(|set| set == &responses[0]), "{responses:?}");
    assert_eq!(responses[0][0][8..12], 0x406_u32.to_be_bytes());
    assert!(commits() <= before, "a refusal waited for the disk");
    // Somebody else's pseudonym is as unknown as one that nobody has.
    let foreign = comparable(shop.submit(&Message::to("alias-of-ent-2", "hello")).await);
    let nobodys = comparable(shop.submit(&Message::to("alias-of-nobody", "hello")).await);
    assert_eq!(foreign, nobodys);
}

fn to(person: &gateway::Person, text: &str) -> Submission {
    Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), text)
}

/// A receipt's octets, with what must differ blotted out at its length.
fn blotted(receipt: &Incoming, person: &gateway::Person) -> String {
    let mut text = String::from_utf8_lossy(&receipt.octets[16..]).into_owned();
    let id = receipt.message_id.clone().unwrap();
    for own in [&id, &person.pseudonym] {
        text = text.replace(own.as_str(), &"#".repeat(own.len()));
    }
    let mut parts = text.split("date:");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        out.push_str("date:##########");
        out.push_str(&part[10..]);
    }
    out
}

/// What happens to people while their messages wait shows in no octet of the receipt.
#[tokio::test(flavor = "multi_thread")]
async fn receipts_do_not_tell_what_became_of_the_person() {
    let throttling = SmscOptions { answers: vec!["throttle".parse().unwrap()], ..SmscOptions::default() };
    let plan = Plan::new().subscribers(12).registered().smsc(throttling);
    let plan = plan.config("flow = { throttle_backoff_min = \"100ms\", throttle_backoff_max = \"300ms\" }");
    let mut gateway = plan.start().await;
    let shop = gateway.bind("shop").await;
    let people: Vec<_> = [0, 2, 4, 6, 8, 10].map(|place| gateway.person(place).clone()).to_vec();
    let mut waiting = std::collections::HashMap::new();
    for person in &people {
        waiting.insert(shop.accepted(&to(person, "hello")).await, person.clone());
    }
    befall(&gateway, &people).await;
    // After a restart everybody is looked up again at once.
    gateway.restart().await;
    let mut shop = gateway.bind("shop").await;
    let mut receipts = Vec::new();
    for _ in 0..people.len() {
        let receipt = shop.receipt().await;
        assert_eq!(receipt.state, Some(State::Rejected), "{}", receipt.text);
        let person = waiting.remove(receipt.message_id.as_ref().unwrap()).expect("one receipt each");
        receipts.push(blotted(&receipt, &person));
    }
    assert!(receipts.iter().all(|receipt| receipt == &receipts[0]), "{receipts:#?}");
    gateway.stop().await;
}

/// Reassigned, ported, suspended, disconnected, device unknown, consent withdrawn.
async fn befall(gateway: &Gateway, people: &[gateway::Person]) {
    let feed = gateway.folder().join("feed");
    let read = |name: &str| std::fs::read_to_string(feed.join(name)).unwrap();
    let (tenures, bindings) = (read("tenures.csv"), read("bindings.csv"));
    let row = |rows: &str, number: &str| {
        let row = rows.lines().find(|row| row.contains(number)).unwrap();
        row.split(',').map(str::to_owned).collect::<Vec<_>>()
    };
    let mut changes = "msisdn,holder,from,to,network,status,op\n".to_owned();
    for (person, to, network, status) in [
        (&people[0], "2026-05-01", "own", "active"),
        (&people[1], "", "out", "active"),
        (&people[2], "", "own", "suspended"),
        (&people[3], "2026-05-01", "own", "active"),
    ] {
        let old = row(&tenures, &person.number);
        changes.push_str(&format!("{},{},{},{to},{network},{status},put\n", old[0], old[1], old[2]));
    }
    let number = row(&tenures, &people[0].number)[0].clone();
    changes.push_str(&format!("{number},somebody-else,2026-06-01,,own,active,put\n"));
    let mut devices = "id_type,id,msisdn,from,to,primary,op\n".to_owned();
    for row in bindings.lines().filter(|row| row.contains(&people[4].number)) {
        devices.push_str(&format!("{row},del\n"));
    }
    for (name, text) in [("changes-1.csv", changes), ("changes-2.csv", devices)] {
        let path = feed.join(name);
        std::fs::write(&path, text).unwrap();
        let response = gateway.ops(Request::IdentityChanges { path }).await;
        assert!(matches!(response, Response::Imported { .. }), "{name}: {response:?}");
    }
    let authorization_ids = vec![AuthorizationId::parse(&people[5].authorization).unwrap()];
    gateway.ops(Request::Revoke { authorization_ids }).await;
}

const TOUCHY: &str = "guessing = { failures = 30, share_percent = 20 }";

fn nobody(number: usize) -> Submission {
    Submission::new(gateway::SHOP_NUMBER, Recipient::pseudonym(&format!("made-up-{number}")), "hello?")
}

fn shop_id() -> AccountId {
    AccountId::parse("shop").unwrap()
}

/// Guesses until the account is frozen; gives how many it took.
async fn scan(party: &gateway::Party) -> usize {
    for guess in 0..1000 {
        let Ok(mut responses) = party.client.submit(&nobody(guess)).await else { return guess };
        let response = responses.remove(0);
        match response.reason.as_deref() {
            Some("3001") => {}
            Some("5001") => {
                assert_eq!(response.status, 0x040a);
                return guess;
            }
            _ => panic!("{response:?}"),
        }
    }
    panic!("a thousand guesses and nobody minds")
}

/// Issue 3, "Guessing": a scan trips an alarm and freezes the account; over a restart and a reload it stays frozen,
/// until staff let it in again. Others are not concerned.
#[tokio::test(flavor = "multi_thread")]
async fn a_scan_freezes_the_account_until_staff_let_it_in() {
    let mut gateway = Plan::new().registered().config(TOUCHY).start().await;
    let (shop, second) = (gateway.bind("shop").await, gateway.bind("shop").await);
    let rival = gateway.bind("rival").await;
    let waiting = shop.accepted(&to(&gateway.person(0).clone(), "before")).await;
    assert!(!waiting.is_empty());
    let guesses = scan(&shop).await;
    assert_eq!(guesses, 30, "the limit, not sooner");
    shop.closed().await;
    second.closed().await;
    assert!(gateway.metric("veilgate_guessing_alarms_total").await == Some(1.0));
    assert_eq!(gateway.metric("veilgate_account_frozen{account=\"shop\"").await, Some(1.0));
    assert!(gateway.log().contains("GuessingSuspected"));
    rival.accepted(&to(&gateway.person(1).clone(), "others go on")).await;
    is_out(&gateway).await;
    gateway.reconfigure("[[accounts]]\nsystem_id = \"shop\"\nmax_binds = 7");
    assert!(matches!(gateway.ops(Request::Reload {}).await, Response::Reloaded { .. }));
    is_out(&gateway).await;
    gateway.restart().await;
    is_out(&gateway).await;
    let status = gateway.status().await;
    let frozen: Vec<_> = status.accounts.iter().filter(|account| account.frozen).collect();
    assert_eq!((frozen.len(), frozen[0].account.as_str()), (1, "shop"));
    let unfrozen = gateway.ops(Request::AccountUnfreeze { account: shop_id() }).await;
    assert_eq!(unfrozen, Response::AccountSwitched { frozen: false, changed: true });
    gateway.bind("shop").await.accepted(&to(&gateway.person(0).clone(), "back")).await;
    gateway.restart().await;
    let shop = gateway.bind("shop").await;
    shop.accepted(&to(&gateway.person(0).clone(), "for good")).await;
    let audit = std::fs::read_to_string(gateway.config().audit_file()).unwrap();
    for record in ["guessing_suspected", "account_frozen", "account_unfrozen"] {
        assert_eq!(audit.matches(&format!("\"type\":\"{record}\"")).count(), 1, "{record}");
    }
    gateway.settled().await;
    gateway.stop().await;
}

async fn is_out(gateway: &Gateway) {
    let mut raw = gateway.connect_raw().await;
    let mut bind = Vec::new();
    veilgate_simulators::raw::put_bind(&mut bind, 1, ("shop", gateway::PASSWORD), 0x34);
    raw.write(&bind).await;
    let response = raw.read().await.expect("an answer");
    assert_eq!(response[8..12], 0x0d_u32.to_be_bytes(), "{response:?}");
}

/// Wrong recipients now and then are ordinary service, and malformed submits neither count nor cover guesses.
#[tokio::test(flavor = "multi_thread")]
async fn only_guesses_count_and_only_with_their_share() {
    let plan = Plan::new().registered().config("guessing = { failures = 10, share_percent = 50 }");
    let mut gateway = plan.start().await;
    let (shop, person) = (gateway.bind("shop").await, gateway.person(0).clone());
    for round in 0..30 {
        shop.accepted(&to(&person, "hello")).await;
        if round % 2 == 0 {
            assert_eq!(shop.refused(&nobody(round)).await.1, "3001");
        }
    }
    let mut malformed = to(&person, "hello");
    malformed.source.digits = "10699999".to_owned();
    for _ in 0..40 {
        assert_eq!(shop.refused(&malformed).await.1, "5011");
    }
    assert_eq!(gateway.metric("veilgate_guessing_alarms_total").await, Some(0.0));
    // 30 accepted, 15 guesses so far: with 16 more the guesses are the greater part.
    assert_eq!(scan(&shop).await, 16);
    gateway.settled().await;
    gateway.stop().await;
}

/// A policy may only tell staff, or leave an account alone; staff may freeze by hand.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_alarm_does_is_policy() {
    let plan = Plan::new().registered().config(TOUCHY);
    let plan = plan.config("[[accounts]]\nsystem_id = \"shop\"\nguessing = \"alarm\"");
    let mut gateway = plan.config("[[accounts]]\nsystem_id = \"rival\"\nguessing = \"off\"").start().await;
    let (shop, rival) = (gateway.bind("shop").await, gateway.bind("rival").await);
    for guess in 0..65 {
        assert_eq!(shop.refused(&nobody(guess)).await.1, "3001");
        assert_eq!(rival.refused(&nobody(guess)).await.1, "3001");
    }
    assert_eq!(gateway.metric("veilgate_guessing_alarms_total").await, Some(2.0));
    assert!(!shop.client.is_closed());
    let frozen = gateway.ops(Request::AccountFreeze { account: shop_id() }).await;
    assert_eq!(frozen, Response::AccountSwitched { frozen: true, changed: true });
    shop.closed().await;
    is_out(&gateway).await;
    let again = gateway.ops(Request::AccountFreeze { account: shop_id() }).await;
    assert_eq!(again, Response::AccountSwitched { frozen: true, changed: false });
    let nobody = AccountId::parse("nobody").unwrap();
    for request in
        [Request::AccountFreeze { account: nobody.clone() }, Request::AccountUnfreeze { account: nobody }]
    {
        assert!(matches!(gateway.ops(request).await, Response::Refused(_)));
    }
    gateway.stop().await;
}
