use std::path::Path;

use veilgate_config::{LogFormat, LogLevel};
use veilgate_ledger::CarrierName;
use veilgate_notary::SecretKey;

use super::*;

const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn key() -> SecretKey {
    SecretKey::from_bytes(&[7; 32]).unwrap()
}

fn writer(folder: &Path, written: Arc<Mutex<Vec<MessageId>>>) -> Writer<impl FnMut(&[MessageId]) + use<>> {
    let telemetry =
        Arc::new(Telemetry::with_writer(LogLevel::Info, LogFormat::Json, clock::wall, std::io::sink()));
    let config = LedgerConfig {
        cdr_dir: folder.join("cdr"),
        carrier: CarrierName::parse("test").unwrap(),
        rotate_every: Duration::from_secs(3600),
        rotate_octets: 1 << 30,
        keep: Duration::from_secs(8760 * 3600),
    };
    Writer {
        files: CdrFiles::open(config, &telemetry).unwrap(),
        audit: AuditFile::open(&folder.join("audit.log"), key(), clock::wall()).unwrap(),
        telemetry,
        written: move |ids: &[MessageId]| written.lock().extend_from_slice(ids),
        cdrs: Waiting::new(),
        records: Waiting::new(),
        began: clock::now(),
        purge_at: clock::mono(),
    }
}

/// Takes what waits, and tries to write it whether or not the time for that has come.
fn turn<W: FnMut(&[MessageId])>(writer: &mut Writer<W>, queue: &Queue) {
    let Lines { cdrs, audit, .. } = queue.next(Duration::ZERO);
    writer.cdrs.lines.extend(cdrs);
    writer.records.lines.extend(audit);
    writer.write_audit(queue);
    writer.write_cdrs(queue);
}

fn audit_text(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("audit.log")).unwrap()
}

fn verified(folder: &Path) -> u64 {
    verify_audit(&folder.join("audit.log"), Some(&key().public_key()), None).unwrap().records
}

#[test]
fn cdr_files_go_when_they_are_old_enough_and_the_audit_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let written = Arc::new(Mutex::default());
    let mut writer = writer(folder.path(), Arc::clone(&written));
    let sender = LedgerSender::new();
    let year = Duration::from_secs(366 * 24 * 3600);
    let mut names = Vec::new();
    for id in [1, 2] {
        sender.cdrs(vec![cdr_files::tests::cdr(id)]);
        turn(&mut writer, &sender.queue);
        writer.files.close_all().unwrap();
    }
    sender.cdrs(vec![cdr_files::tests::cdr(3)]);
    turn(&mut writer, &sender.queue);
    let cdr_dir = folder.path().join("cdr");
    for entry in std::fs::read_dir(&cdr_dir).unwrap() {
        names.push(entry.unwrap().path());
    }
    names.sort();
    assert_eq!(names.len(), 3);
    for old in [&names[0], &names[2]] {
        let file = std::fs::File::options().write(true).open(old).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_modified(modified - year).unwrap();
    }
    // The disk takes no audit record: nothing goes.
    writer.audit.refuse(true).unwrap();
    writer.purge_cdrs(&sender.queue, clock::now());
    assert!(names.iter().all(|name| name.exists()));
    writer.audit.refuse(false).unwrap();
    // A clock that jumped is not believed.
    let later = Moment { wall: clock::wall().plus(year), mono: clock::mono() };
    writer.purge_cdrs(&sender.queue, later);
    assert!(names.iter().all(|name| name.exists()));
    turn(&mut writer, &sender.queue);
    writer.purge_cdrs(&sender.queue, clock::now());
    let left: Vec<bool> = names.iter().map(|name| name.exists()).collect();
    assert_eq!(left, [false, true, true], "the old closed one; an open one stays, whatever its age");
    let audit = audit_text(folder.path());
    assert!(audit.contains("cdr_files_purged") && audit.contains("\"files\":1"), "{audit}");
    writer.purge_cdrs(&sender.queue, clock::now());
    assert_eq!(audit_text(folder.path()), audit, "once");
    writer.finish();
    verified(folder.path());
}

#[test]
fn audit_records_wait_for_the_disk_and_cdrs_do_not_wait_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let written = Arc::new(Mutex::default());
    let mut writer = writer(folder.path(), Arc::clone(&written));
    let sender = LedgerSender::new();
    writer.audit.refuse(true).unwrap();
    sender.audit(Actor::System, AuditEvent::Started);
    sender.cdrs(vec![cdr_files::tests::cdr(1), cdr_files::tests::cdr(2)]);
    turn(&mut writer, &sender.queue);
    assert_eq!(*written.lock(), [MessageId(1), MessageId(2)]);
    assert!(writer.records.retry_at.is_some() && writer.cdrs.retry_at.is_none());
    assert!(writer.patience() <= RETRY);
    sender.audit(Actor::System, AuditEvent::Draining);
    turn(&mut writer, &sender.queue);
    assert_eq!(sender.queue.state.lock().audit_pending, 2);
    assert_eq!(audit_text(folder.path()), "");
    writer.audit.refuse(false).unwrap();
    turn(&mut writer, &sender.queue);
    assert_eq!(sender.queue.state.lock().audit_pending, 0);
    assert!(writer.records.retry_at.is_none());
    let text = audit_text(folder.path());
    assert!(text.lines().next().unwrap().contains("started"));
    assert!(text.lines().nth(1).unwrap().contains("draining"));
    assert_eq!(verified(folder.path()), 2);
}

#[test]
fn beyond_the_bound_records_are_counted_and_the_count_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path(), Arc::default());
    let sender = LedgerSender::new();
    for _ in 0..3 {
        sender.bind_refused(None, SOURCE, RefusedBind::WrongPassword);
    }
    assert!(!sender.is_backlogged());
    // As if the disk had failed for long.
    sender.queue.state.lock().audit_pending += MAX_AUDIT - 3;
    assert!(sender.is_backlogged());
    for _ in 0..5 {
        sender.bind_refused(None, SOURCE, RefusedBind::WrongPassword);
    }
    sender.account_locked(None, SOURCE);
    sender.audit(Actor::System, AuditEvent::Draining);
    sender.queue.state.lock().audit_pending += MAX_AUDIT - 1;
    sender.audit(Actor::System, AuditEvent::Stopped);
    sender.queue.state.lock().audit_pending -= 2 * MAX_AUDIT - 4;
    turn(&mut writer, &sender.queue);
    assert!(!sender.is_backlogged());
    assert_eq!(sender.queue.state.lock().audit_pending, 0);
    let text = audit_text(folder.path());
    let last = text.lines().last().unwrap();
    assert!(
        last.contains("\"records_omitted\"") && last.contains("\"refused_binds\":6,\"others\":1"),
        "{last}"
    );
    assert_eq!(verified(folder.path()), 5);
}

#[test]
fn the_thread_writes_what_it_was_given_before_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let sender = LedgerSender::new();
    let Writer { files, audit, telemetry, .. } = writer(folder.path(), Arc::default());
    let written = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&written);
    let thread = start(&sender, files, audit, telemetry, move |ids| *counted.lock() += ids.len()).unwrap();
    sender.cdrs(vec![cdr_files::tests::cdr(1)]);
    sender.unbound(&AccountId::parse("a").unwrap(), SOURCE);
    sender.close();
    thread.join().unwrap();
    assert_eq!(*written.lock(), 1);
    let anchor = anchor_file(&folder.path().join("audit.log"));
    let verified = verify_audit(&folder.path().join("audit.log"), Some(&key().public_key()), Some(&anchor));
    assert_eq!(verified.unwrap().records, 2);
    assert!(audit_text(folder.path()).contains("\"type\":\"unbound\",\"user\":\"account:a\""));
}
