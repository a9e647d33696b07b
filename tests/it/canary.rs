//! The leak test.

use veilgate_simulators::esme::{Recipient, Submission};

use crate::gateway::{Plan, SHOP_NUMBER};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_a_receipt_and_nothing_else() {
    let mut gateway = Plan::new().start().await;
    let mut notary = gateway.bind("notary").await;
    let person = gateway.person(0).clone();
    let to =
        Recipient::short(&person.device, &person.pseudonym, &person.authorization, &person.as_of, "ent-1");
    let id = notary.accepted(&Submission::new(SHOP_NUMBER, to, "hello")).await;
    let receipt = notary.receipt().await;
    assert_eq!(receipt.message_id.as_deref(), Some(id.as_str()));
    assert_eq!(gateway.smsc(0).submits()[0].destination, person.international());
    gateway.restart().await;
    gateway.stop().await;
}
