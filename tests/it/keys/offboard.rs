//! The end of an enterprise: refused while it is served or busy, complete when forced, and nothing of it can be read
//! afterwards, not even out of an old journal.

use std::fs;
use std::path::Path;

use veilgate::admin::{Request, Response};
use veilgate_simulators::smsc::SmscOptions;

use super::{audit, to};
use crate::gateway::{Gateway, Plan, files_under};

async fn offboard(gateway: &Gateway, force: bool) -> Response {
    gateway.ops(Request::TenantOffboard { tenant: "ent-1".parse().unwrap(), force }).await
}

async fn refusal(gateway: &Gateway, force: bool) -> String {
    match offboard(gateway, force).await {
        Response::Refused(refusal) => refusal.error,
        other => panic!("{other:?}"),
    }
}

fn copy(from: &Path, to: &Path) {
    for file in files_under(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
}

/// What a start found, the first is 1: live messages and damaged records. The log is written by a thread of its own.
async fn opened(gateway: &Gateway, start: usize) -> (u64, u64) {
    let lines = |gateway: &Gateway| {
        let log = gateway.log();
        log.lines().filter(|line| line.contains("\"JournalOpened\"")).map(str::to_owned).collect::<Vec<_>>()
    };
    gateway.until("the start is logged", |gateway| lines(gateway).len() >= start).await;
    let event: serde_json::Value = serde_json::from_str(&lines(gateway)[start - 1]).unwrap();
    (event["live_messages"].as_u64().unwrap(), event["damaged"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enterprise_ends_with_its_keys() {
    let throttling = SmscOptions { answers: vec!["throttle".parse().unwrap()], ..SmscOptions::default() };
    let mut gateway = Plan::new().smsc(throttling).registered().start().await;
    let (shop, rival) = (gateway.bind("shop").await, gateway.bind("rival").await);
    for place in [0, 2, 4] {
        shop.accepted(&to(&gateway, place, "for the last time")).await;
    }
    rival.accepted(&to(&gateway, 1, "of another")).await;
    assert!(refusal(&gateway, true).await.contains("is served"));
    // What waits is kept as it is: suspended, and the channel off.
    let suspended =
        "[[channels]]\nid = \"smsc-1\"\nenabled = false\n[[enterprises]]\nid = \"ent-1\"\nsuspended = true";
    gateway.halt().await;
    let (journal, old) = (gateway.folder().join("data/journal"), gateway.folder().join("old-journal"));
    copy(&journal, &old);
    gateway.reconfigure(suspended);
    gateway.resume().await;
    assert_eq!(opened(&gateway, 2).await, (4, 0));
    assert!(refusal(&gateway, false).await.starts_with("3 messages and 0 deliveries"));
    let Response::Offboarded { keys, messages, records } = offboard(&gateway, true).await else { panic!() };
    // Three receipts, five authorizations, the use of three; the messages' own records went with their ends.
    assert_eq!((keys, messages, records), (4, 3, 11));
    assert!(refusal(&gateway, true).await.contains("no keys"));
    let status = gateway.status().await;
    assert_eq!(status.live_messages, 1, "the other enterprise's message waits on");
    assert!(status.accounts.iter().all(|account| account.pending_deliveries == 0), "{status:?}");
    gateway.halt().await;
    let cdrs = files_under(&gateway.config().cdr_dir())
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect::<String>();
    assert_eq!(cdrs.lines().filter(|line| line.contains("CANCELLED")).count(), 3, "{cdrs}");
    let audit = audit(&gateway);
    assert!(
        audit.contains("\"tenant_offboarded\"") && audit.contains("\"tenant_offboard_refused\""),
        "{audit}"
    );
    gateway.resume().await;
    assert_eq!(opened(&gateway, 3).await, (1, 0), "nothing of it is left, and nothing is damaged");
    // Its data out of an old journal stays shut: three messages, five authorizations, the use of three; the other's open.
    gateway.halt().await;
    fs::remove_dir_all(&journal).unwrap();
    copy(&old, &journal);
    gateway.resume().await;
    assert_eq!(opened(&gateway, 4).await, (1, 11));
    gateway.stop().await;
}
