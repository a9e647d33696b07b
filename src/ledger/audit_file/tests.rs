use super::*;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn key() -> SecretKey {
    SecretKey::from_bytes(&[7; 32]).unwrap()
}

fn records(count: usize) -> Vec<AuditLine> {
    vec![AuditLine { actor: Actor::System, event: AuditEvent::Started, at: NOW }; count]
}

fn anchored(path: &Path) -> io::Result<Verified> {
    verify_audit(path, Some(&key().public_key()), Some(&anchor_file(path)))
}

/// Cuts so many records off the end, as somebody who does not have the key could.
fn cut(path: &Path, records: usize) {
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(path, lines[..lines.len() - records].concat()).unwrap();
}

#[test]
fn a_cut_end_shows_also_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let mut audit = AuditFile::open(&path, key(), NOW).unwrap();
    audit.append(&records(999)).unwrap();
    audit.keep_anchor(NOW).unwrap();
    assert!(!anchor_file(&path).exists());
    audit.append(&records(10)).unwrap();
    audit.keep_anchor(NOW).unwrap();
    drop(audit);
    assert_eq!(anchored(&path).unwrap().records, 1010);
    cut(&path, 5);
    let error = anchored(&path).unwrap_err().to_string();
    assert!(error.ends_with("line 1006, record 1006: Truncated"), "{error}");
}

#[test]
fn a_record_waits_ten_minutes_for_its_anchor_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let mut audit = AuditFile::open(&path, key(), NOW).unwrap();
    audit.append(&records(1)).unwrap();
    audit.keep_anchor(NOW.plus(Duration::from_secs(599))).unwrap();
    assert!(!anchor_file(&path).exists());
    let later = NOW.plus(Duration::from_secs(600));
    audit.keep_anchor(later).unwrap();
    let verified = anchored(&path).unwrap();
    assert_eq!((verified.records, verified.checkpoints), (2, 1));
    audit.keep_anchor(later.plus(Duration::from_secs(6000))).unwrap();
    assert_eq!(anchored(&path).unwrap().records, 2);
}

#[test]
fn an_end_that_was_cut_while_the_gateway_stood_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let mut audit = AuditFile::open(&path, key(), NOW).unwrap();
    audit.append(&records(5)).unwrap();
    audit.checkpoint(NOW).unwrap();
    drop(audit);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 6);
    AuditFile::open(&path, key(), NOW).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 6);
    cut(&path, 2);
    let mut audit = AuditFile::open(&path, key(), NOW).unwrap();
    audit.keep_anchor(NOW).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.lines()
            .nth(4)
            .unwrap()
            .contains("\"tail_missing\",\"user\":\"system\",\"success\":false,\"records\":2")
    );
    assert!(anchored(&path).is_ok());
}

#[test]
fn what_a_failed_write_left_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let mut audit = AuditFile::open(&path, key(), NOW).unwrap();
    audit.append(&records(2)).unwrap();
    audit.refuse(true).unwrap();
    assert!(audit.append(&records(1)).is_err() && audit.checkpoint(NOW).is_err());
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"seq\":3,").unwrap();
    audit.refuse(false).unwrap();
    audit.append(&records(1)).unwrap();
    audit.checkpoint(NOW).unwrap();
    assert_eq!(anchored(&path).unwrap().records, 4);
}

#[test]
fn an_unsigned_anchor_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let mut audit = AuditFile::open(&path, key(), NOW).unwrap();
    audit.append(&records(2)).unwrap();
    let unsigned = audit.chain.anchor(NOW, None).unwrap();
    fs::write(anchor_file(&path), unsigned.to_string()).unwrap();
    let error = anchored(&path).unwrap_err().to_string();
    assert!(error.contains("the anchor is not signed"), "{error}");
    assert!(verify_audit(&path, None, Some(&anchor_file(&path))).is_ok());
}
