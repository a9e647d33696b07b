//! The load generator against the sink and the rule-driven SMSC, over real sockets.

use std::time::Duration;

use super::*;
use crate::sink::{Sink, SinkOptions};
use crate::smsc::{Simulator, SmscOptions};

fn quiet(_: &Progress) {}

async fn sink(options: SinkOptions) -> crate::sink::Running {
    Sink::start(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_of_closed_loop_loses_nothing() {
    let sink = sink(SinkOptions::default()).await;
    let mut options = LoadOptions::new(sink.address(), "load", "secret");
    options.binds = 2;
    options.duration = Some(Duration::from_millis(1_500));
    let report = run(options, quiet).await.unwrap();
    assert!(report.is_clean(), "{}", report.text());
    assert!(report.accepted > 0, "{}", report.text());
    assert_eq!(report.full_trips, report.accepted);
    assert_eq!(report.receipts["DELIVRD"], report.accepted);
    let counters = sink.counters();
    assert_eq!((counters.submits, counters.delivered), (report.accepted, report.accepted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_keeps_its_rate() {
    let sink = sink(SinkOptions { receipt_delay: Duration::from_millis(30), ..SinkOptions::default() }).await;
    let mut options = LoadOptions::new(sink.address(), "load", "");
    (options.rate, options.count, options.duration) = (2_000.0, Some(1_000), None);
    options.binds = 3;
    let report = run(options, quiet).await.unwrap();
    assert_eq!((report.accepted, report.full_trips), (1_000, 1_000));
    assert!(!report.series.is_empty() && report.processes.iter().all(|process| !process.gone));
    assert!((0.45..15.0).contains(&report.seconds), "{}", report.seconds);
    assert!(report.receipt.p50_us >= 30_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_and_repeats_are_counted_and_silence_is_unknown() {
    let mut options = SmscOptions {
        answers: vec![
            "throttle; every=10; limit=10".parse().unwrap(),
            "drop; every=50; limit=1".parse().unwrap(),
        ],
        replies: vec!["TD; every=100; limit=2".parse().unwrap()],
        ..SmscOptions::default()
    };
    options.receipts.duplicate_percent = 100.0;
    options.receipts.intermediate = true;
    let smsc = Simulator::start(options).await.unwrap();
    let mut options = LoadOptions::new(smsc.address(), "load", "");
    (options.count, options.duration, options.window) = (Some(500), None, 50);
    options.response_timeout = Duration::from_millis(300);
    let report = run(options, quiet).await.unwrap();
    assert_eq!((report.submitted, report.unknown, report.statuses["0x58"]), (500, 1, 10));
    assert_eq!((report.accepted, report.full_trips, report.missing_receipts), (489, 489, 0));
    assert!(report.duplicate_receipts >= 400 && report.replies == 2 && !report.is_clean());
    assert_eq!(report.notifications, 489);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_logs_of_both_ends_agree_over_a_reconnect() {
    let directory = tempfile::tempdir().unwrap();
    let (ack, seen) = (directory.path().join("ack"), directory.path().join("seen"));
    let first = sink(SinkOptions { log: Some(seen.clone()), ..SinkOptions::default() }).await;
    let address = first.address();
    let mut options = LoadOptions::new(address, "load", "");
    (options.count, options.duration, options.rate) = (Some(2_000), None, 4_000.0);
    (options.reconnect, options.ack_log) = (true, Some(ack.clone()));
    options.drain = Duration::from_millis(300);
    let running = tokio::spawn(run(options, quiet));
    while first.counters().submits < 500 {
        tokio::task::yield_now().await;
    }
    first.stop().await;
    let again =
        SinkOptions { listen: address, log: Some(seen.clone()), first_id: 1 << 40, ..SinkOptions::default() };
    let _second = sink(again).await;
    let report = running.await.unwrap().unwrap();
    assert_eq!(report.disconnects, 1);
    assert_eq!(report.accepted + report.unknown, 2_000);
    let seen = std::fs::read_to_string(seen).unwrap();
    let seen: std::collections::HashMap<u64, &str> = seen
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .map(|words| (words[2].parse().unwrap(), words[1]))
        .collect();
    let ack = std::fs::read_to_string(ack).unwrap();
    let acknowledged: Vec<&str> = ack.lines().filter(|line| line.starts_with("A ")).collect();
    assert_eq!(acknowledged.len() as u64, report.accepted);
    for line in acknowledged {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(seen[&words[1].parse().unwrap()], words[2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_of_transmitters_wait_for_a_receiver() {
    use crate::esme::{BindMode, Client, ConnectOptions, Recipient, Submission};
    let sink = sink(SinkOptions { decimal: true, ..SinkOptions::default() }).await;
    let mut connect = ConnectOptions::new(sink.address(), "esme", "");
    connect.mode = BindMode::Transmitter;
    let (sender, _none) = Client::connect(connect.clone()).await.unwrap();
    let submission = Submission::new("1069", Recipient::raw("+8619900000001"), "hello");
    let id = sender.submit(&submission).await.unwrap().remove(0).message_id;
    connect.mode = BindMode::Receiver;
    let (_receiver, mut incoming) = Client::connect(connect).await.unwrap();
    let receipt = tokio::time::timeout(Duration::from_secs(5), incoming.recv()).await.unwrap().unwrap();
    assert_eq!((receipt.message_id, receipt.source.as_str()), (id, "8619900000001"));
}

#[tokio::test]
async fn a_refused_bind_is_an_error() {
    let options = SmscOptions { accounts: vec![("a".into(), "b".into())], ..SmscOptions::default() };
    let smsc = Simulator::start(options).await.unwrap();
    let outcome = run(LoadOptions::new(smsc.address(), "load", ""), quiet).await;
    assert!(matches!(outcome, Err(LoadError::Refused(0x0F))));
    let outcome = run(LoadOptions::new(smsc.address(), "a name that is too long", ""), quiet).await;
    assert!(matches!(outcome, Err(LoadError::Credentials)));
}
