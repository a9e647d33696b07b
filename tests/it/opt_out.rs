//! Refusals (requirements.md 3.7): read however they are written, in force at once, durable before the SMSC hears so, told
//! to the notary and to nobody else, confirmed once, and lifted by nothing but a newer authorization.

use veilgate_simulators::esme::{Recipient, Submission};
use veilgate_simulators::message::{Address, Message};
use veilgate_simulators::receipt::State;

use crate::gateway::{Gateway, Party, Person};
use crate::replies::{code, register_again, register_for_rival, say, sent, taken, two_smscs, ucs2, write};

const CONFIRMATION: &str = "您已退订，我们将不再向您发送短信。";

fn to(person: &Person, text: &str) -> Submission {
    Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), text)
}

/// What the SMSCs have been given for this person.
fn received(gateway: &Gateway, person: &Person) -> Vec<(String, String)> {
    let submits = [0, 1].map(|place| gateway.smsc(place).submits()).into_iter().flatten();
    let own = submits.filter(|seen| seen.destination == person.international());
    own.map(|seen| (seen.source, seen.text)).collect()
}

/// When a person's authorization begins, as its JSON says.
fn begun(gateway: &Gateway, person: &Person) -> String {
    let lines = std::fs::read_to_string(gateway.folder().join("feed/authorizations.jsonl")).unwrap();
    let line = lines.lines().find(|line| line.contains(&person.authorization)).unwrap();
    let field = line.split(',').find(|field| field.contains("\"not_before\"")).unwrap();
    field.trim_matches(['{', '}']).to_owned()
}

/// Both kinds of account are refused, each with the code of its kind.
async fn is_refused(notary: &Party, shop: &Party, person: &Person) {
    assert_eq!(shop.refused(&to(person, "again")).await, (0x406, "4000".to_owned()));
    assert_eq!(notary.refused(&to(person, "again")).await, (0x40F, "5007".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_ends_it_until_something_newer_is_agreed() {
    let plan = two_smscs().config(&format!("opt_out = {{ confirmation = \"{CONFIRMATION}\" }}"));
    let mut gateway = plan.start().await;
    let (mut notary, mut shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let (person, other) = (gateway.person(0).clone(), gateway.person(2).clone());
    let number = sent(&gateway, &shop, &person, "Was it good?").await;
    let number_of_other = sent(&gateway, &shop, &other, "And yours?").await;
    let two = register_again(&gateway, &person, "b", &[]).await;

    say(&gateway, &person, &number, &format!(" 退 订! {} ", person.number)).await;
    is_refused(&notary, &shop, &person).await;
    is_refused(&notary, &shop, &two).await;
    let told = notary.next().await;
    assert_eq!(
        (told.text.as_str(), code(&told).as_deref()),
        ("退订", Some("5007")),
        "the word, not the text"
    );
    assert_eq!(told.authorization_id.as_deref(), Some(person.authorization.as_str()));
    assert_eq!(
        (told.source.as_str(), told.destination.as_str()),
        (person.pseudonym.as_str(), person.service_number())
    );
    gateway.until("it is confirmed", |gateway| received(gateway, &person).len() == 2).await;
    assert_eq!(received(&gateway, &person)[1], (number.digits.clone(), CONFIRMATION.to_owned()));
    assert_eq!(gateway.metric("veilgate_opt_outs_total").await, Some(1.0));

    // Once more changes nothing, and nobody hears of it.
    say(&gateway, &person, &number, "TD").await;
    say(&gateway, &person, &Address::guess(person.service_number()), "ｔｄ。").await;
    say(&gateway, &other, &number_of_other, "Fine, thanks").await;
    assert_eq!(notary.next().await.text, "Fine, thanks");
    assert_eq!(shop.next().await.text, "Fine, thanks", "the enterprise has not heard of the refusal");
    assert_eq!(received(&gateway, &person).len(), 2, "one confirmation");
    shop.accepted(&to(&other, "to the other one")).await;

    taken(&gateway, "notary").await;
    drop((notary, shop));
    gateway.restart().await;
    let (mut notary, shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    is_refused(&notary, &shop, &person).await;

    // An authorization from before the refusal is none, whenever it comes; one that begins after it is.
    let older = register_again(&gateway, &person, "c", &[]).await;
    is_refused(&notary, &shop, &older).await;
    let now = veilgate::clock::now().wall.to_string();
    let begins = format!("\"not_before\":\"{now}\"");
    let newer = register_again(&gateway, &person, "d", &[(&begun(&gateway, &person), &begins)]).await;
    let number = sent(&gateway, &shop, &newer, "Welcome back").await;
    is_refused(&notary, &shop, &person).await;
    say(&gateway, &person, &number, "T").await;
    assert_eq!(code(&notary.next().await).as_deref(), Some("5007"));
    is_refused(&notary, &shop, &newer).await;
    assert_eq!(received(&gateway, &person).len(), 3, "confirmed once a day");
    gateway.halt().await;
    let audit = std::fs::read_to_string(gateway.folder().join("data/audit.log")).unwrap();
    assert!(audit.contains("\"type\":\"opted_out\""), "{audit}");
    gateway.resume().await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_stops_what_waits() {
    let mut gateway = two_smscs().config("flow = { throttle_backoff_min = \"50ms\" }").start().await;
    let mut shop = gateway.bind("shop").await;
    let person = gateway.person(0).clone();
    let number = sent(&gateway, &shop, &person, "first").await;
    for place in [0, 1] {
        gateway.smsc(place).set_answers(vec!["throttle; match=second".parse().unwrap()]);
    }
    let waiting = Submission { registered_delivery: 1, ..to(&person, "second") };
    let id = shop.accepted(&waiting).await;
    say(&gateway, &person, &number, "STOP").await;
    for place in [0, 1] {
        gateway.smsc(place).set_answers(Vec::new());
    }
    let receipt = shop.receipt().await;
    assert_eq!((receipt.message_id.as_deref(), receipt.state), (Some(id.as_str()), Some(State::Rejected)));
    let through =
        |seen: &veilgate_simulators::smsc::Observed| seen.text == "second" && seen.status == Some(0);
    let submits = [0, 1].map(|place| gateway.smsc(place).submits()).into_iter().flatten();
    assert_eq!(submits.filter(through).count(), 0, "it never reached the person");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_needs_no_conversation_and_no_single_message() {
    let mut gateway = two_smscs().start().await;
    let (mut notary, shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let (person, other) = (gateway.person(0).clone(), gateway.person(2).clone());
    // Nobody ever wrote to this person: there is nobody to tell, but it holds.
    say(&gateway, &person, &Address::guess(person.service_number()), "Stop.").await;
    is_refused(&notary, &shop, &person).await;
    // In two parts.
    let number = sent(&gateway, &shop, &other, "hello").await;
    for (index, text) in [(2_u8, "再发短信给我了"), (1, "退订！请不要")] {
        let octets = [vec![5, 0, 3, 9, 2, index], ucs2(text)].concat();
        let message = Message { esm_class: 0x40, data_coding: 8, octets, ..Message::default() };
        assert_eq!(write(&gateway, 0, &other, &number, message).await, 0);
    }
    let told = notary.next().await;
    assert_eq!((told.text.as_str(), code(&told).as_deref()), ("退订", Some("5007")));
    is_refused(&notary, &shop, &other).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_to_one_enterprise_or_to_one_of_its_numbers() {
    let more = "[[service_numbers]]\nnumber = \"10690003\"\nenterprise = \"ent-1\"\ninbound_anchored = true";
    let plan =
        two_smscs().config(more).config("opt_out = { scope = \"service_number\", words = [\"NO MORE\"] }");
    let mut gateway = plan.start().await;
    let (shop, rival) = (gateway.bind("shop").await, gateway.bind("rival").await);
    let person = gateway.person(0).clone();
    let person =
        register_again(&gateway, &person, "w", &[("\"10690001\"", "\"10690001\",\"10690003\"")]).await;
    let at_rival = register_for_rival(&gateway, gateway.person(0)).await;
    let number = sent(&gateway, &shop, &person, "hello").await;
    say(&gateway, &person, &number, "TD").await;
    shop.accepted(&to(&person, "TD is no word here")).await;
    say(&gateway, &person, &number, "no more!").await;
    assert_eq!(shop.refused(&to(&person, "again")).await.1, "4000");
    let recipient = Recipient::pseudonym(&person.pseudonym);
    shop.accepted(&Submission::new("10690003", recipient, "from another number")).await;
    rival.accepted(&to(&at_rival, "from another enterprise")).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_finds_the_journal_full_holds_and_is_told_later() {
    let plan = two_smscs()
        // Full before it is low: its segments never take all of this.
        .config("journal = { capacity_bytes = 1050000, segment_bytes = 65536 }")
        .config("space = { journal_percent = 100 }")
        .config("flow = { throttle_backoff_min = \"2s\" }");
    let mut gateway = plan.start().await;
    let (notary, shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    let (person, other) = (gateway.person(0).clone(), gateway.person(2).clone());
    let number = sent(&gateway, &shop, &person, "first").await;
    for place in [0, 1] {
        gateway.smsc(place).set_answers(vec!["throttle; match=fill".parse().unwrap()]);
    }
    for length in [1500, 100, 1] {
        let split = veilgate_simulators::text::Split::Payload;
        let message = Submission { split, ..to(&other, &format!("fill{}", "x".repeat(length))) };
        let mut sent = 0;
        while shop.submit(&message).await[0].status == 0 {
            sent += 1;
            assert!(sent < 5000, "the journal fills up");
        }
    }
    let refusal = Message { data_coding: 8, octets: ucs2("退订"), ..Message::default() };
    assert_eq!(write(&gateway, 0, &person, &number, refusal.clone()).await, 0x64, "the SMSC keeps it");
    is_refused(&notary, &shop, &person).await;
    drop((notary, shop));
    gateway.halt().await;
    gateway.reconfigure("journal = { capacity_bytes = 67108864 }");
    gateway.resume().await;
    assert_eq!(write(&gateway, 0, &person, &number, refusal).await, 0);
    let (mut notary, shop) = (gateway.bind("notary").await, gateway.bind("shop").await);
    assert_eq!(code(&notary.next().await).as_deref(), Some("5007"));
    is_refused(&notary, &shop, &person).await;
    gateway.stop().await;
}
