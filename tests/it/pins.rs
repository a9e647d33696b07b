//! The history floor: whoever was found while the carrier's history reached the date of consent stays found when it
//! no longer does, and nobody else is (requirements.md 1.6, "History depth").

use std::fs;

use veilgate_simulators::esme::{Recipient, Submission};

use crate::gateway::{Gateway, Person, Plan};

fn to(person: &Person) -> Submission {
    Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), "hello")
}

/// The carrier cuts its history: no bindings are left, and the floor is behind the day of consent.
fn cut(gateway: &Gateway) {
    let feed = gateway.folder().join("feed");
    fs::write(feed.join("bindings.csv"), "id_type,id,msisdn,from,to,primary\n").unwrap();
    gateway.reconfigure("[identity]\nhistory_floor = \"2026-06-01\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_found_is_found_beyond_the_floor() {
    let mut gateway =
        Plan::new().registered().config("[identity]\nhistory_floor = \"2025-01-01\"").start().await;
    let shop = gateway.bind("shop").await;
    let (found, never_asked) = (gateway.person(0).clone(), gateway.person(2).clone());
    shop.accepted(&to(&found)).await;
    gateway.settled().await;
    let before = gateway.smsc(0).counters().submits;
    gateway.halt().await;
    cut(&gateway);
    gateway.resume().await;
    gateway.import_feed().await;
    let shop = gateway.bind("shop").await;
    let notary = gateway.bind("notary").await;
    shop.accepted(&to(&found)).await;
    gateway.until("the message leaves", |gateway| gateway.smsc(0).counters().submits == before + 1).await;
    assert_eq!(shop.refused(&to(&never_asked)).await, (0x406, "4000".to_owned()));
    assert_eq!(notary.refused(&to(&never_asked)).await, (0x408, "4003".to_owned()));
    gateway.settled().await;

    // The pin means a person, not a number: the next holder is not contacted.
    let tenures = gateway.folder().join("feed").join("tenures.csv");
    let text = fs::read_to_string(&tenures).unwrap();
    let handed_on = |line: &str| match line.contains(&found.number) {
        true => format!("+86{},somebody-else,2026-08-01,,own,active\n", found.number),
        false => format!("{line}\n"),
    };
    fs::write(&tenures, text.lines().map(handed_on).collect::<String>()).unwrap();
    gateway.import_feed().await;
    assert_eq!(notary.refused(&to(&found)).await, (0x408, "4003".to_owned()));
    gateway.settled().await;
    gateway.stop().await;
}
