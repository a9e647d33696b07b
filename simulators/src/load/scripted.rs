//! Scripts played against a scripted sink, over real sockets.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::sink::{Running, Sink, SinkOptions};

async fn play_script(text: &str) -> (Report, Running) {
    let script = Script::parse(text).unwrap();
    let sink = script.sink().cloned().map(Arc::new);
    let sink = Sink::start(SinkOptions { script: sink, ..SinkOptions::default() }).await.unwrap();
    let base = LoadOptions::new(sink.address(), "base", "");
    let plan = script.plan(base.into(), Path::new("."), RecipientForm::Number).unwrap();
    (play(plan, |_| {}).await.unwrap(), sink)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_phases_and_mixes_are_played_and_told() {
    let script = r#"
        [run]
        receipts = true
        interval_seconds = 0.1
        [[phase]]
        seconds = 0.5
        rate = 400
        measured = false
        [[phase]]
        seconds = 1
        rate = [400, 1600]
        mix = "long"
        [[account]]
        system_id = "a"
        share = 3
        binds = 2
        [[account]]
        system_id = "b"
        [[mix]]
        name = "plain"
        message = [{ receipt_percent = 0 }]
        [[mix]]
        name = "long"
        message = [{ length = 400 }]
    "#;
    let (report, sink) = play_script(script).await;
    // 200 messages of one part, then 1,000 of three, of which a busy machine may not send all in time.
    assert_eq!(report.messages + report.unsent, 1_200, "{}", report.text());
    let long = (report.submitted - report.messages) / 2;
    assert!(
        report.is_clean() && sink.counters().submits == report.submitted && long > 500,
        "{}",
        report.text()
    );
    assert_eq!((report.full_trips, sink.counters().receipts), (long, long));
    let [first, second] = report.phases.as_slice() else { panic!("two phases") };
    assert!(!first.measured && second.measured && second.submitted > 1_500, "{second:?}");
    assert!(report.response.count < report.submitted, "the first phase does not count");
    let [a, b] = report.accounts.as_slice() else { panic!("two accounts") };
    assert!(a.accepted > 2 * b.accepted && a.accepted + b.accepted == report.accepted);
    assert_eq!(a.response.count + b.response.count, report.response.count);
    assert!(report.series.len() >= 3 && report.series.iter().any(|point| point.accept_rate > 0.0));
    let buckets: u64 = report.response_distribution.buckets.iter().map(|(_, count)| count).sum();
    assert_eq!(buckets, report.response.count);
    assert!(report.processes.iter().any(|process| process.name == "generator"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phase_ends_in_the_midst_of_long_messages() {
    let script = r#"
        [[phase]]
        name = "long"
        seconds = 0.3
        rate = "closed"
        mix = "long"
        [[phase]]
        name = "pause"
        seconds = 0.2
        rate = 0
        [[phase]]
        name = "short"
        seconds = 0.3
        rate = "closed"
        [[account]]
        system_id = "a"
        window = 2
        [[mix]]
        name = "short"
        message = [{}]
        [[mix]]
        name = "long"
        message = [{ length = 1000, split = "sar" }]
    "#;
    let (report, _sink) = play_script(script).await;
    assert!(report.submitted == report.accepted && report.submitted > report.messages, "{}", report.text());
    let submitted: Vec<u64> = report.phases.iter().map(|phase| phase.submitted).collect();
    let [long, _, short] = submitted.as_slice() else { panic!("three phases") };
    assert!(*long > 0 && *short > 0, "{submitted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sinks_script_refuses_delays_replies_and_repeats() {
    let script = r#"
        [run]
        count = 2000
        [[phase]]
        rate = "closed"
        [sink]
        receipts = "always"
        states = "DELIVRD=1,UNDELIV=1"
        duplicate_percent = 100
        receipt_delay_ms = [0, 20]
        [[sink.phase]]
        seconds = 3600
        delay_ms = { mean = 3, most = 50 }
        refuse = [{ status = 0x58, percent = 25 }]
        [[sink.reply]]
        percent = 10
        text = "thanks"
    "#;
    let (report, sink) = play_script(script).await;
    let (throttled, accepted) = (report.statuses["0x58"], report.accepted);
    assert_eq!(throttled + accepted, 2_000, "{}", report.text());
    assert!(throttled.abs_diff(500) < 120, "{throttled}");
    assert_eq!((report.full_trips, report.missing_receipts), (accepted, 0));
    assert!(report.receipts["UNDELIV"] > 400 && report.receipts["DELIVRD"] > 400, "{}", report.text());
    assert!(report.response.max_us >= 5_000, "{}", report.text());
    assert!(report.replies >= 60, "{}", report.text());
    assert_eq!((sink.counters().refused, sink.counters().submits), (throttled, accepted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_silence_and_absence_are_survived() {
    let script = r#"
        [run]
        receipts = true
        reconnect = true
        reconnect_seconds = 30
        response_timeout_seconds = 0.3
        drain_seconds = 1
        [[phase]]
        seconds = 2.5
        rate = 500
        [[phase]]
        seconds = 1
        rate = 500
        [sink]
        [[sink.phase]]
        seconds = 1
        disconnect_seconds = 0.3
        [[sink.phase]]
        seconds = 0.5
        silent = true
        [[sink.phase]]
        seconds = 0.5
        deaf = true
        [[sink.phase]]
        seconds = 0.5
        away = true
        [[sink.phase]]
        seconds = 3600
    "#;
    let (report, sink) = play_script(script).await;
    assert!(report.disconnects >= 3 && sink.counters().binds >= 4, "{}", report.text());
    assert!(report.unknown > 0 && report.accepted > 500, "{}", report.text());
    // Well again in the end: the last phase has nothing due that was not sent and answered.
    let last = report.phases.last().unwrap();
    assert!(last.accepted >= 400, "{last:?}");
}
