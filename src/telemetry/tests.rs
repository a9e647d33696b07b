use std::io::{self, Write};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use veilgate_config::{LogFormat, LogLevel};
use veilgate_names::{AccountId, ChannelId, FinalState, MessageId, Reason, Timestamp};

use super::events::{BindAccepted, BindRefused, ChannelDown, ReceiptOdd, ReloadRefused, Revoked, Stopped};
use super::words::{BindKind, BindRefusal, LinkEnd, ReceiptOddity, SubmitClass, UnattributedKind};
use super::{KeyName, Telemetry};

/// What was written so far.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn lines(&self) -> Vec<String> {
        let octets = self.0.lock().unwrap().clone();
        String::from_utf8(octets).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Write for Written {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn fixed() -> Timestamp {
    Timestamp(1_790_000_000_123)
}

fn telemetry(level: LogLevel, format: LogFormat) -> (Telemetry, Written) {
    let written = Written::default();
    (Telemetry::with_writer(level, format, fixed, written.clone()), written)
}

fn accepted() -> BindAccepted {
    BindAccepted {
        account: AccountId::parse("notary-1").unwrap(),
        peer: "192.0.2.1".parse().unwrap(),
        kind: BindKind::Transceiver,
        binds: 2,
    }
}

fn refused() -> BindRefused {
    BindRefused { account: None, peer: "192.0.2.1".parse().unwrap(), reason: BindRefusal::Password }
}

//= ASCS A-7.5-1
//= type=test
#[test]
fn a_line_has_time_level_file_line_and_message() {
    let (telemetry, written) = telemetry(LogLevel::Info, LogFormat::Json);
    let here = line!() + 1;
    accepted().emit(&telemetry);
    telemetry.close();
    let lines = written.lines();
    let expected = format!(
        "{{\"time\":\"2026-09-21T14:13:20.123Z\",\"level\":\"INFO\",\"file\":\"src/telemetry/tests.rs\",\
         \"line\":{here},\"message\":\"bind accepted\",\"event\":\"BindAccepted\",\"account\":\"notary-1\",\
         \"peer\":\"192.0.2.1\",\"kind\":\"transceiver\",\"binds\":2}}"
    );
    assert_eq!(lines, [expected]);
    assert!(serde_json::from_str::<Value>(&lines[0]).is_ok());
}

#[test]
fn a_text_line_has_the_same_fields() {
    let (telemetry, written) = telemetry(LogLevel::Info, LogFormat::Text);
    Stopped { clean: true, live_messages: 7 }.emit(&telemetry);
    telemetry.close();
    let line = written.lines().remove(0);
    assert!(line.starts_with("2026-09-21T14:13:20.123Z INFO  src/telemetry/tests.rs:"), "{line}");
    assert!(line.ends_with(" gateway stopped clean=true live_messages=7"), "{line}");
}

#[test]
fn absent_values_are_left_out_and_durations_are_milliseconds() {
    let (telemetry, written) = telemetry(LogLevel::Info, LogFormat::Json);
    let down = ChannelDown {
        channel: ChannelId::parse("smsc-1").unwrap(),
        bind: 0,
        reason: LinkEnd::Connect,
        status: None,
        unanswered: 0,
        retry_ms: Some(Duration::from_secs(2)),
    };
    down.emit(&telemetry);
    telemetry.close();
    let line: Value = serde_json::from_str(&written.lines()[0]).unwrap();
    assert_eq!(line["retry_ms"], 2000);
    assert_eq!(line["level"], "WARN");
    assert!(line.get("status").is_none());
}

#[test]
fn the_level_can_change_while_running_and_counting_goes_on() {
    let (telemetry, written) = telemetry(LogLevel::Warn, LogFormat::Json);
    let unknown = ReceiptOdd {
        channel: ChannelId::parse("smsc-1").unwrap(),
        kind: ReceiptOddity::Unreadable,
        message_id: Some(MessageId(0xab)),
    };
    accepted().emit(&telemetry);
    unknown.emit(&telemetry);
    telemetry.set_level(LogLevel::Debug);
    unknown.emit(&telemetry);
    telemetry.close();
    let lines = written.lines();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("\"message_id\":\"00000000000000ab\""), "{}", lines[0]);
    assert_eq!(telemetry.metrics.flow.receipts_odd.of(ReceiptOddity::Unreadable).get(), 2);
}

#[test]
fn one_kind_of_event_cannot_fill_the_disk() {
    static NOW: AtomicI64 = AtomicI64::new(1_790_000_000_000);
    let written = Written::default();
    let now = || Timestamp(NOW.load(Ordering::Relaxed));
    let telemetry = Telemetry::with_writer(LogLevel::Info, LogFormat::Json, now, written.clone());
    for _ in 0..200 {
        refused().emit(&telemetry);
    }
    accepted().emit(&telemetry);
    NOW.fetch_add(1000, Ordering::Relaxed);
    refused().emit(&telemetry);
    telemetry.close();
    assert_eq!(written.lines().len(), 50 + 1 + 1);
    assert_eq!(telemetry.metrics.log_lines_suppressed.get(), 150);
    assert_eq!(telemetry.metrics.north.binds_refused.of(BindRefusal::Password).get(), 201);
}

#[test]
fn nothing_but_our_events_is_written() {
    let (telemetry, written) = telemetry(LogLevel::Debug, LogFormat::Json);
    tracing::dispatcher::with_default(&telemetry.dispatch, || {
        tracing::error!("from a library");
        tracing::error!(target: "veilgate_smpp", "from a crate of ours");
    });
    tracing::error!(target: "veilgate", "outside an event");
    telemetry.close();
    assert_eq!(written.lines(), Vec::<String>::new());
}

#[test]
fn a_key_name_holds_no_other_text() {
    let (telemetry, written) = telemetry(LogLevel::Info, LogFormat::Json);
    for text in ["accounts[0].kind", "+8613800138000", "a13800138000", "two words", "", "键"] {
        ReloadRefused { key: KeyName::new(text), config_line: 3 }.emit(&telemetry);
    }
    telemetry.close();
    let keys: Vec<String> = written
        .lines()
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["key"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(keys, ["accounts[0].kind", "?", "?", "?", "?", "?"]);
}

#[test]
fn a_panic_is_its_place_and_nothing_else() {
    let (telemetry, written) = telemetry(LogLevel::Info, LogFormat::Json);
    let telemetry = Arc::new(telemetry);
    let previous = std::panic::take_hook();
    super::panic_hook(Arc::clone(&telemetry));
    let line = line!() + 1;
    let caught = std::panic::catch_unwind(|| panic!("payload with +8619900001234"));
    std::panic::set_hook(previous);
    assert!(caught.is_err());
    telemetry.close();
    // Another test's failure may have come through the hook in the meantime.
    let mine = written.lines().into_iter().find(|text| text.contains(&format!("\"source_line\":{line}")));
    let text = mine.expect("the panic's line");
    assert!(text.contains("\"source\":\"tests.rs\""), "{text}");
    assert!(!text.contains("payload") && !text.contains("1990000"), "{text}");
    assert!(telemetry.metrics.panics.get() >= 1);
}

#[test]
fn metrics_are_named_with_unit_and_help() {
    let (telemetry, _written) = telemetry(LogLevel::Info, LogFormat::Json);
    let metrics = &telemetry.metrics;
    let account = metrics.account(&AccountId::parse("notary-1").unwrap());
    account.submits.inc();
    account.refused(Reason::Tps);
    let again = metrics.account(&AccountId::parse("notary-1").unwrap());
    again.submits.inc();
    let channel = metrics.channel(&ChannelId::parse("smsc-1").unwrap());
    channel.responses.of(SubmitClass::Throttled).inc();
    channel.receipts.of(FinalState::Delivered).inc_by(3);
    channel.response_seconds.observe(0.004);
    metrics.flow.replies_unattributed.of(UnattributedKind::NoSlot).inc();
    metrics.journal.commit_seconds.observe(0.001);
    Revoked { count: 2, unknown: 1, stopped: 0, actor_uid: Some(0) }.emit(&telemetry);
    let text = metrics.encode().unwrap();
    for line in [
        "# HELP veilgate_submits Submits read.",
        "# TYPE veilgate_submits counter",
        "veilgate_submits_total{account=\"notary-1\"} 2",
        "veilgate_submits_refused_total{account=\"notary-1\",reason=\"TPS\"} 1",
        "veilgate_submits_rate_refused_total{account=\"notary-1\"} 1",
        "veilgate_channel_responses_total{channel=\"smsc-1\",class=\"throttled\"} 1",
        "veilgate_channel_receipts_total{channel=\"smsc-1\",state=\"delivered\"} 3",
        "# UNIT veilgate_channel_response_seconds seconds",
        "veilgate_replies_unattributed_total{kind=\"no_slot\"} 1",
        "veilgate_journal_commit_seconds_count 1",
        "veilgate_revocations_total 2",
        "veilgate_log_lines_lost_total 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(text.contains("veilgate_build_info{version="), "{text}");
    assert!(text.contains("veilgate_process_resident_memory_bytes "), "{text}");
    assert!(text.contains("veilgate_process_open_fds "), "{text}");
    let described = text.lines().filter(|line| line.starts_with("# HELP ")).count();
    assert_eq!(described, text.lines().filter(|line| line.starts_with("# TYPE ")).count());
}
