//! The way back (requirements.md section 4): whose a reply is, what becomes of late ones, how digits are given and
//! given back, and how long replies are put together.

use std::time::Duration;

use veilgate::admin::{Request, Response};
use veilgate_names::AuthorizationId;
use veilgate_simulators::esme::{Incoming, IncomingKind, Recipient, Submission};
use veilgate_simulators::message::{Address, Message, tag};
use veilgate_simulators::smsc::{Event, ReceiptOptions, ReceiptWhen, SmscOptions};

use crate::gateway::{Gateway, PATIENCE, Party, Person, Plan, RIVAL_NUMBER, SHOP_NUMBER};

/// UCS-2 big-endian octets.
pub(crate) fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// How a part says which part it is.
#[derive(Clone, Copy)]
enum How {
    Header8,
    Header16,
    Tlvs,
}

/// Part `number` of `total` under `reference`, in UCS-2.
fn part(how: How, reference: u16, total: u8, number: u8, text: &str) -> Message {
    let [high, low] = reference.to_be_bytes();
    let header = match how {
        How::Header8 => vec![5, 0, 3, low, total, number],
        How::Header16 => vec![6, 8, 4, high, low, total, number],
        How::Tlvs => Vec::new(),
    };
    let tlvs = match how {
        How::Tlvs => vec![
            (tag::SAR_REFERENCE, vec![high, low]),
            (tag::SAR_TOTAL, vec![total]),
            (tag::SAR_INDEX, vec![number]),
        ],
        How::Header8 | How::Header16 => Vec::new(),
    };
    let esm_class = if header.is_empty() { 0 } else { 0x40 };
    Message { esm_class, data_coding: 8, octets: [header, ucs2(text)].concat(), tlvs, ..Message::default() }
}

/// A handset sends a message through an SMSC; returns when the SMSC has its answer, and gives it.
pub(crate) async fn write(
    gateway: &Gateway,
    smsc: usize,
    from: &Person,
    to: &Address,
    message: Message,
) -> u32 {
    let answered = |gateway: &Gateway| {
        gateway.smsc(smsc).observed().iter().filter(|seen| seen.event == Event::DeliverResponse).count()
    };
    let before = answered(gateway);
    let source = Address { ton: 1, npi: 1, digits: from.international() };
    gateway.smsc(smsc).deliver("veilgate", Message { source, destination: to.clone(), ..message });
    let seen = gateway.smsc(smsc).wait(Event::DeliverResponse, before + 1, PATIENCE).await;
    assert!(seen.len() > before, "the SMSC is answered");
    seen[before].status.expect("a status")
}

/// The same for a short text in UCS-2.
pub(crate) async fn say(gateway: &Gateway, from: &Person, to: &Address, text: &str) {
    let message = Message { data_coding: 8, octets: ucs2(text), ..Message::default() };
    assert_eq!(write(gateway, 0, from, to, message).await, 0);
}

/// Sends to a person and gives the address that they can answer to.
pub(crate) async fn sent(gateway: &Gateway, account: &Party, person: &Person, text: &str) -> Address {
    account
        .accepted(&Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), text))
        .await;
    let find = |gateway: &Gateway| {
        let to = person.international();
        let submits = [0, 1].map(|place| gateway.smsc(place).submits()).into_iter().flatten();
        submits.into_iter().find(|seen| seen.destination == to && seen.text == text)
    };
    gateway.until("the SMSC has it", |gateway| find(gateway).is_some()).await;
    Address::guess(&find(gateway).unwrap().source)
}

/// Registers another authorization of a person: other id and pseudonym, the texts in its JSON replaced.
pub(crate) async fn register_again(
    gateway: &Gateway,
    person: &Person,
    suffix: &str,
    replace: &[(&str, &str)],
) -> Person {
    let path = gateway.folder().join("feed/authorizations.jsonl");
    let lines = std::fs::read_to_string(path).unwrap();
    let line = lines.lines().find(|line| line.contains(&person.authorization)).unwrap();
    let other = Person {
        authorization: format!("{}-{suffix}", person.authorization),
        pseudonym: format!("{}{suffix}", person.pseudonym),
        ..person.clone()
    };
    let mut line = line
        .replace(&person.authorization, &other.authorization)
        .replace(&person.pseudonym, &other.pseudonym);
    for (old, new) in replace {
        assert!(line.contains(old), "{old} in {line}");
        line = line.replace(old, new);
    }
    let answer =
        gateway.ops(Request::AuthorizationsImport { platform: None, path: None, lines: vec![line] }).await;
    assert!(
        matches!(&answer, Response::Imported { put: 1, refused, .. } if refused.is_empty()),
        "{answer:?}"
    );
    other
}

/// The same person's authorization for the other enterprise.
pub(crate) async fn register_for_rival(gateway: &Gateway, person: &Person) -> Person {
    let replace = [("ent-1", "ent-2"), (SHOP_NUMBER, RIVAL_NUMBER)];
    let other = register_again(gateway, person, "r", &replace).await;
    Person { enterprise: "ent-2".to_owned(), ..other }
}

pub(crate) async fn revoke(gateway: &Gateway, person: &Person) {
    let authorization_ids = vec![AuthorizationId::parse(&person.authorization).unwrap()];
    gateway.ops(Request::Revoke { authorization_ids }).await;
}

/// Waits until an account has taken all that was for it.
pub(crate) async fn taken(gateway: &Gateway, account: &str) {
    let patience = veilgate::clock::mono().plus(PATIENCE);
    let pending = async || {
        let status = gateway.status().await;
        status.accounts.iter().find(|one| one.account == account).unwrap().pending_deliveries
    };
    while pending().await > 0 {
        assert!(veilgate::clock::mono() < patience, "{account} takes what is for it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What TLV 0x1508 says.
pub(crate) fn code(incoming: &Incoming) -> Option<String> {
    incoming.message.tlv_text(tag::REASON)
}

/// Nothing comes for this account any more: a marker sent afterwards is the next thing it sees.
async fn nothing_but(party: &mut Party, text: &str) {
    let next = party.next().await;
    assert_eq!((next.kind, next.text.as_str()), (IncomingKind::Reply, text));
}

/// Two SMSCs that send no receipts.
pub(crate) fn two_smscs() -> Plan {
    let silent = || SmscOptions {
        receipts: ReceiptOptions { when: ReceiptWhen::None, ..ReceiptOptions::default() },
        ..SmscOptions::default()
    };
    Plan::new().smsc(silent()).smsc(silent()).registered()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_reply_is_one_however_it_was_cut_and_whichever_way_its_parts_came() {
    let mut gateway = two_smscs().start().await;
    let (mut notary, mut shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let person = gateway.person(0).clone();
    let to = sent(&gateway, &shop, &person, "Was it good?").await;
    let (head, tail) = person.number.split_at(6);
    let texts = [
        format!("很好。请打电话 {head}"),
        format!(" {tail} 给我，{}", "谢谢".repeat(30)),
        "再见😀".to_owned(),
    ];
    let whole = format!("很好。请打电话 *** 给我，{}再见😀", "谢谢".repeat(30));
    for (reference, how) in [(3, How::Header8), (700, How::Header16), (9, How::Tlvs)] {
        for number in [3_u8, 1, 1, 2] {
            let smsc = usize::from(number % 2);
            let text = &texts[usize::from(number - 1)];
            assert_eq!(write(&gateway, smsc, &person, &to, part(how, reference, 3, number, text)).await, 0);
        }
        for party in [&mut notary, &mut shop] {
            let reply = party.next().await;
            assert_eq!((reply.kind, reply.text.as_str()), (IncomingKind::Reply, whole.as_str()));
            assert!(reply.part.is_none(), "it is whole");
            assert_eq!(reply.source, person.pseudonym);
        }
        // The SMSC missed an answer and sends a part again, after the text has left.
        assert_eq!(write(&gateway, 0, &person, &to, part(how, reference, 3, 2, &texts[1])).await, 0);
    }
    say(&gateway, &person, &to, "over").await;
    nothing_but(&mut notary, "over").await;
    nothing_but(&mut shop, "over").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_survive_a_restart_and_are_delivered_once() {
    let mut gateway = two_smscs().start().await;
    let shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let to = sent(&gateway, &shop, &person, "Was it good?").await;
    let (head, tail) = person.number.split_at(4);
    let (first, second) = (format!("我的号码是{head}"), format!("{tail}，请回电"));
    assert_eq!(write(&gateway, 0, &person, &to, part(How::Header8, 7, 2, 1, &first)).await, 0);
    drop(shop);
    gateway.restart().await;
    assert_eq!(write(&gateway, 1, &person, &to, part(How::Header8, 7, 2, 2, &second)).await, 0);
    let mut shop = gateway.bind("shop").await;
    let reply = shop.next().await;
    assert_eq!(reply.text, "我的号码是***，请回电");
    taken(&gateway, "shop").await;
    drop(shop);
    gateway.restart().await;
    let (mut shop, mut notary) = (gateway.bind("shop").await, gateway.bind("notary").await);
    nothing_but(&mut notary, "我的号码是***，请回电").await;
    say(&gateway, &person, &to, "over").await;
    nothing_but(&mut shop, "over").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_with_a_missing_part_is_delivered_as_far_as_it_came() {
    let plan = two_smscs().config("replies = { part_timeout = \"1s\" }");
    let mut gateway = plan.start().await;
    let (notary, mut shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let person = gateway.person(0).clone();
    let to = sent(&gateway, &shop, &person, "Was it good?").await;
    let first = format!("my number is {}", &person.number[..8]);
    for (number, text) in [(1, first.as_str()), (3, "is the end of it")] {
        assert_eq!(write(&gateway, 0, &person, &to, part(How::Header8, 7, 3, number, text)).await, 0);
    }
    let reply = shop.next().await;
    assert_eq!(reply.text, "my number is *** [...] is the end of it");
    drop(notary);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_would_be_too_long_are_refused_for_good() {
    let plan = two_smscs().config("replies = { max_octets = 280 }");
    let mut gateway = plan.start().await;
    let shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let to = sent(&gateway, &shop, &person, "Was it good?").await;
    let text = "x".repeat(67);
    let mut statuses = Vec::new();
    for number in 1..=3 {
        statuses.push(write(&gateway, 0, &person, &to, part(How::Header8, 7, 3, number, &text)).await);
    }
    assert_eq!(statuses, [0, 0, 0x65]);
    drop(shop);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_authorizations_of_one_person_are_told_apart() {
    let mut gateway = two_smscs().start().await;
    let (mut notary, mut shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let one = gateway.person(0).clone();
    let two = register_again(&gateway, &one, "b", &[]).await;
    let to_one = sent(&gateway, &shop, &one, "for the first").await;
    let to_two = sent(&gateway, &shop, &two, "for the second").await;
    assert_ne!(to_one.digits, to_two.digits, "extension digits");
    for (to, person) in [(&to_one, &one), (&to_two, &two)] {
        say(&gateway, &one, to, "hello").await;
        let reply = shop.next().await;
        assert_eq!((reply.source.as_str(), reply.text.as_str()), (person.pseudonym.as_str(), "hello"));
        assert_eq!(notary.next().await.authorization_id.as_ref(), Some(&person.authorization));
    }
    // Without digits it is the newest message's, inside this one enterprise.
    let base = Address::guess(one.service_number());
    say(&gateway, &one, &base, "no digits").await;
    assert_eq!(shop.next().await.source, two.pseudonym);
    sent(&gateway, &shop, &one, "the first again").await;
    say(&gateway, &one, &base, "no digits").await;
    assert_eq!(shop.next().await.source, one.pseudonym);
    // The other enterprise's number tells nothing of this one's.
    say(&gateway, &one, &Address::guess(RIVAL_NUMBER), "to the wrong one").await;
    assert_eq!(gateway.metric("veilgate_replies_unattributed_total{kind=\"no_slot\"}").await, Some(1.0));
    drop((notary, shop));
    // Slots are as durable as the messages: after a restart the same.
    gateway.restart().await;
    let mut shop = gateway.bind("shop").await;
    say(&gateway, &one, &to_two, "still there").await;
    assert_eq!(shop.next().await.source, two.pseudonym);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_without_a_sure_addressee_is_told_to_the_notary_without_its_text() {
    let mut gateway = two_smscs().config("replies = { tie_break = \"1ms\" }").start().await;
    let (mut notary, mut shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let one = gateway.person(0).clone();
    let two = register_again(&gateway, &one, "b", &[]).await;
    let to_one = sent(&gateway, &shop, &one, "for the first").await;
    sent(&gateway, &shop, &two, "for the second").await;
    say(&gateway, &one, &Address::guess(one.service_number()), "whom do I mean?").await;
    let told = notary.collect(2).await;
    let mut ids: Vec<_> = told.iter().map(|told| told.authorization_id.clone().unwrap()).collect();
    ids.sort();
    assert_eq!(ids, [one.authorization.clone(), two.authorization.clone()]);
    assert!(
        told.iter().all(|told| told.text.is_empty() && code(told).as_deref() == Some("3001")),
        "{told:?}"
    );
    // Once one of them has ended the other one is meant.
    revoke(&gateway, &two).await;
    say(&gateway, &one, &Address::guess(one.service_number()), "now it is clear").await;
    nothing_but(&mut shop, "now it is clear").await;
    assert_eq!(code(&notary.next().await), None);
    say(&gateway, &one, &to_one, "over").await;
    nothing_but(&mut shop, "over").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_replies_reach_the_notary_only_and_only_within_the_grace() {
    let mut gateway = two_smscs().config("flow = { reply_grace = \"2s\" }").start().await;
    let (mut notary, mut shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let (person, other) = (gateway.person(0).clone(), gateway.person(2).clone());
    let to = sent(&gateway, &shop, &person, "first").await;
    let to_other = sent(&gateway, &shop, &other, "second").await;
    revoke(&gateway, &person).await;
    say(&gateway, &person, &to, "late").await;
    let late = notary.next().await;
    assert_eq!((late.text.as_str(), code(&late).as_deref()), ("late", Some("3003")));
    let patience = veilgate::clock::mono().plus(PATIENCE);
    while gateway.metric("veilgate_replies_unattributed_total{kind=\"late\"}").await != Some(1.0) {
        assert!(veilgate::clock::mono() < patience, "the grace ends");
        say(&gateway, &person, &to, "too late").await;
    }
    say(&gateway, &other, &to_other, "over").await;
    nothing_but(&mut shop, "over").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn digits_are_given_again_after_grace_and_quarantine() {
    let mut gateway = two_smscs()
        .config("flow = { reply_grace = \"1ms\" }\nreplies = { quarantine = \"2s\" }")
        .config("[[service_numbers]]\nnumber = \"10690001\"\nextension_digits = 1")
        .start()
        .await;
    let shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let mut all = Vec::new();
    for n in 0..10 {
        let one = register_again(&gateway, &person, &format!("n{n}"), &[]).await;
        sent(&gateway, &shop, &one, &format!("hello {n}")).await;
        all.push(one);
    }
    let eleventh = register_again(&gateway, &person, "n10", &[]).await;
    let to = Recipient::pseudonym(&eleventh.pseudonym);
    let message = Submission::new(eleventh.service_number(), to, "one too many");
    assert_eq!(shop.refused(&message).await, (0x0A, "5011".to_owned()), "no digits are left");
    revoke(&gateway, &all[4]).await;
    assert_eq!(shop.refused(&message).await.1, "5011", "they rest");
    drop(shop);
    gateway.restart().await;
    let shop = gateway.bind("shop").await;
    let patience = veilgate::clock::mono().plus(PATIENCE);
    while shop.submit(&message).await[0].status != 0 {
        assert!(veilgate::clock::mono() < patience, "the quarantine ends");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_number_now_is_never_taken_for_who_had_it() {
    let mut gateway = two_smscs().start().await;
    let (mut notary, mut shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let (person, other) = (gateway.person(0).clone(), gateway.person(2).clone());
    let to = sent(&gateway, &shop, &person, "first").await;
    let to_other = sent(&gateway, &shop, &other, "second").await;
    // The number changes hands without a gap: 过户.
    let path = gateway.folder().join("feed/tenures.csv");
    let tenures = std::fs::read_to_string(&path).unwrap();
    let line = tenures.lines().find(|line| line.contains(&person.number)).unwrap();
    let fields: Vec<&str> = line.split(',').collect();
    let changed = format!(
        "{n},{h},{f},2026-11-01,own,active\n{n},somebody-else,2026-11-01,,own,active",
        n = fields[0],
        h = fields[1],
        f = fields[2]
    );
    std::fs::write(&path, tenures.replace(line, &changed)).unwrap();
    gateway.import_feed().await;
    for to in [to.clone(), Address::guess(person.service_number())] {
        say(&gateway, &person, &to, "who are you?").await;
    }
    let unattributed = async |kind: &str| {
        gateway.metric(&format!("veilgate_replies_unattributed_total{{kind=\"{kind}\"}}")).await
    };
    assert_eq!(unattributed("other_tenure").await, Some(1.0));
    assert_eq!(unattributed("no_slot").await, Some(1.0));
    // Another subscriber on the digits of the first: a forwarded text, a forgery.
    let forged = Address { digits: to.digits.clone(), ..to_other.clone() };
    if forged.digits != to_other.digits {
        say(&gateway, &other, &forged, "forged").await;
        assert_eq!(unattributed("other_tenure").await, Some(2.0));
    }
    // Ported out: what comes through the interconnect is nobody's of ours any more.
    let gone = gateway.person(4).clone();
    let tenures = std::fs::read_to_string(&path).unwrap();
    let line = tenures.lines().find(|line| line.contains(&gone.number)).unwrap().to_owned();
    std::fs::write(&path, tenures.replace(&line, &line.replace(",own,", ",out,"))).unwrap();
    gateway.import_feed().await;
    say(&gateway, &gone, &Address::guess(gone.service_number()), "hello").await;
    assert_eq!(unattributed("foreign").await, Some(1.0));
    // Nobody of ours, and a number of nobody.
    let stranger = Person { number: "13800138000".to_owned(), ..person.clone() };
    say(&gateway, &stranger, &to, "foreign").await;
    assert_eq!(unattributed("foreign").await, Some(2.0));
    say(&gateway, &other, &Address::guess("95588"), "unrouted").await;
    assert_eq!(unattributed("unrouted").await, Some(1.0));
    say(&gateway, &other, &to_other, "over").await;
    nothing_but(&mut notary, "over").await;
    nothing_but(&mut shop, "over").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_text_waits_for_an_account_that_fetches_nothing() {
    let plan = two_smscs().config("[[accounts]]\nsystem_id = \"shop\"\nmax_pending_deliveries = 1");
    let mut gateway = plan.start().await;
    let notary = gateway.bind("notary").await;
    let person = gateway.person(0).clone();
    let to = sent(&gateway, &notary, &person, "Was it good?").await;
    say(&gateway, &person, &to, "one is enough").await;
    for (number, text) in [(1, "in "), (2, "parts")] {
        assert_eq!(write(&gateway, 0, &person, &to, part(How::Tlvs, 7, 2, number, text)).await, 0);
    }
    let busy = Message { data_coding: 8, octets: ucs2("short"), ..Message::default() };
    assert_eq!(write(&gateway, 0, &person, &to, busy).await, 0x64, "the SMSC keeps it");
    drop(notary);
    gateway.restart().await;
    let mut shop = gateway.bind("shop").await;
    let mut texts: Vec<_> = shop.collect(3).await.into_iter().map(|reply| reply.text).collect();
    texts.sort();
    assert_eq!(texts, ["in parts", "one is enough", "short"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_at_two_enterprises_is_two_strangers() {
    let mut gateway = two_smscs().start().await;
    let (mut shop, mut rival) = (gateway.bind("shop").await, gateway.bind("rival").await);
    let at_shop = gateway.person(0).clone();
    let at_rival = register_for_rival(&gateway, &at_shop).await;
    let to_shop = sent(&gateway, &shop, &at_shop, "from the shop").await;
    let to_rival = sent(&gateway, &rival, &at_rival, "from its rival").await;
    for text in ["once", "twice"] {
        say(&gateway, &at_shop, &to_shop, &format!("{text} to the shop")).await;
        say(&gateway, &at_shop, &to_rival, &format!("{text} to the rival")).await;
        let (one, other) = (shop.next().await, rival.next().await);
        assert_eq!((one.source, one.text), (at_shop.pseudonym.clone(), format!("{text} to the shop")));
        assert_eq!((other.source, other.text), (at_rival.pseudonym.clone(), format!("{text} to the rival")));
    }
    // A part to each under one reference are parts of two texts.
    for to in [&to_shop, &to_rival] {
        for (number, text) in [(2, to.digits.as_str()), (1, "I wrote to ")] {
            assert_eq!(write(&gateway, 0, &at_shop, to, part(How::Header8, 7, 2, number, text)).await, 0);
        }
    }
    assert_eq!(shop.next().await.text, format!("I wrote to {}", to_shop.digits));
    assert_eq!(rival.next().await.text, format!("I wrote to {}", to_rival.digits));
    gateway.stop().await;
}
