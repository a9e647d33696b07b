//! Numbers in CDRs become unreadable when their time is over.

use std::time::Duration;

use veilgate::admin::{Request, Response};
use veilgate::clock;
use veilgate::keys::{KeyAnswer, KeyCommand};
use veilgate::number_keys::Aged;
use veilgate_simulators::esme::{Recipient, Submission};

use crate::gateway::{Gateway, Plan};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The versions of the number key of `ent-1`, and which of them seals.
async fn versions(gateway: &Gateway) -> Vec<(u32, bool)> {
    let Response::Keys { keys: KeyAnswer::List { data, .. } } =
        gateway.ops(Request::Keys { keys: KeyCommand::List {} }).await
    else {
        panic!("no list")
    };
    let of_shop =
        data.into_iter().filter(|key| key.class == "number" && key.tenant.as_deref() == Some("ent-1"));
    let mut versions: Vec<_> = of_shop.map(|key| (key.version, key.seals)).collect();
    versions.sort_unstable();
    versions
}

#[tokio::test(flavor = "multi_thread")]
async fn number_keys_get_successors_and_go() {
    let mut gateway = Plan::new().registered().start().await;
    let person = gateway.person(0).clone();
    let message = Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), "sealed");
    let began = clock::wall();
    let after = |days: u32| began.plus(DAY * days);
    assert_eq!(versions(&gateway).await, [(1, true)]);
    for day in [0, 0, 29] {
        assert_eq!(gateway.app().age_number_keys(after(day)).await.unwrap(), Aged::default());
    }
    let mut shop = gateway.bind("shop").await;
    shop.accepted(&message).await;
    shop.receipt().await;
    let aged = gateway.app().age_number_keys(after(31)).await.unwrap();
    assert!(aged.rotated >= 1 && aged.destroyed == 0, "{aged:?}");
    assert_eq!(versions(&gateway).await, [(1, false), (2, true)]);
    gateway.restart().await;
    shop = gateway.bind("shop").await;
    shop.accepted(&message).await;
    shop.receipt().await;
    assert_eq!(
        gateway.app().age_number_keys(after(60)).await.unwrap(),
        Aged::default(),
        "not yet, over a restart"
    );
    gateway.app().age_number_keys(after(62)).await.unwrap();
    assert_eq!(versions(&gateway).await, [(1, false), (2, false), (3, true)]);
    assert_eq!(gateway.app().age_number_keys(after(31 + 182)).await.unwrap().destroyed, 0);
    let aged = gateway.app().age_number_keys(after(31 + 183)).await.unwrap();
    assert!(aged.destroyed >= 1, "{aged:?}");
    assert!(!versions(&gateway).await.contains(&(1, false)), "the first version is gone");
    assert!(versions(&gateway).await.contains(&(2, false)), "the second has its time");
    gateway.settled().await;
    gateway.halt().await;
    let audit = std::fs::read_to_string(gateway.config().audit_file()).unwrap();
    assert!(audit.contains("data_key_rotated") && audit.contains("data_key_destroyed"), "{audit}");
    gateway.stop().await;
}
