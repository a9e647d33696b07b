use std::time::Duration;

use veilgate_config::{LogFormat, LogLevel};
use veilgate_ledger::{CarrierName, Coding, NodeName, verify_cdr};
use veilgate_names::{Extension, FinalState};

use super::*;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn telemetry() -> Telemetry {
    Telemetry::with_writer(LogLevel::Info, LogFormat::Json, || NOW, io::sink())
}

fn config(folder: &Path) -> LedgerConfig {
    LedgerConfig {
        cdr_dir: folder.to_path_buf(),
        carrier: CarrierName::parse("test").unwrap(),
        rotate_every: Duration::from_secs(3600),
        keep: Duration::from_secs(8760 * 3600),
        rotate_octets: 1 << 30,
    }
}

pub(crate) fn cdr(id: u64) -> Arc<Cdr> {
    Arc::new(Cdr {
        id: MessageId(id),
        kind: CdrKind::MobileTerminated,
        tenant: None,
        platform: None,
        account: None,
        authorization: None,
        device_id_kind: None,
        encrypted_device_id: None,
        as_of: None,
        msisdn_sealed: None,
        service_number: None,
        extension: Extension::NONE,
        coding: Coding::Gsm7,
        characters: 1,
        segments: 2,
        content_sm3: None,
        channel: None,
        smsc_message_id: None,
        accepted_at: NOW,
        submitted_at: None,
        responded_at: None,
        done_at: NOW,
        raw_stat: None,
        state: FinalState::Delivered,
        reason: None,
        attempts: 1,
        billed: true,
        node: NodeName::parse("gw-1").unwrap(),
        decided: None,
    })
}

/// A folder with one file of three records, closed or left as by a process that died.
fn folder(closed: bool) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut files = CdrFiles::open(config(folder.path()), &telemetry()).unwrap();
    let (mut cdrs, mut written) = (vec![cdr(1), cdr(2), cdr(3)], Vec::new());
    files.append(&mut cdrs, &mut written, NOW).unwrap();
    assert_eq!((cdrs.len(), written.len()), (0, 3));
    if closed {
        files.close_all().unwrap();
    }
    let (_, path) = cdr_paths(folder.path()).unwrap().remove(0);
    (folder, path)
}

/// Opens the folder again and tells how many failures were reported.
fn failures_at_start(folder: &Path) -> u64 {
    let telemetry = telemetry();
    CdrFiles::open(config(folder), &telemetry).unwrap();
    telemetry.metrics.storage_failures.of(StorageUse::Cdr).get()
}

fn ids(folder: &Path) -> Vec<u64> {
    let mut ids: Vec<u64> = written_ids(folder, Timestamp(0)).unwrap().into_iter().map(|id| id.0).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn what_a_dead_process_left_open_is_closed() {
    for torn in ["", "1,0000000000000009,MT,", "TRAILER,3"] {
        let (folder, path) = folder(false);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(torn.as_bytes()).unwrap();
        assert_eq!(ids(folder.path()), [1, 2, 3]);
        assert_eq!(failures_at_start(folder.path()), 0);
        let summary = verify_cdr(BufReader::new(File::open(&path).unwrap())).unwrap();
        assert_eq!((summary.records, summary.segments), (3, 6));
        assert_eq!(ids(folder.path()), [1, 2, 3]);
    }
}

#[test]
fn a_file_whose_header_is_torn_becomes_an_empty_one() {
    let (folder, path) = folder(false);
    for left in [0, 10] {
        OpenOptions::new().write(true).open(&path).unwrap().set_len(left).unwrap();
        assert_eq!(failures_at_start(folder.path()), 0);
        assert_eq!(verify_cdr(BufReader::new(File::open(&path).unwrap())).unwrap().records, 0);
    }
}

#[test]
fn an_altered_closed_file_is_neither_touched_nor_in_the_way() {
    let (folder, path) = folder(true);
    let altered = fs::read_to_string(&path).unwrap().replace("DELIVERED", "NONSENSE");
    fs::write(&path, &altered).unwrap();
    assert_eq!(failures_at_start(folder.path()), 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), altered);
    assert_eq!(ids(folder.path()), [1, 2, 3]);
}

#[test]
fn a_damaged_open_file_is_set_apart() {
    let (folder, path) = folder(false);
    let text = fs::read_to_string(&path).unwrap().replacen("0000000000000002,MT,", "", 1);
    fs::write(&path, &text).unwrap();
    assert_eq!(failures_at_start(folder.path()), 1);
    let apart = PathBuf::from(format!("{}.damaged", path.display()));
    assert!(!path.exists());
    assert_eq!(fs::read_to_string(apart).unwrap(), text);
    assert_eq!(ids(folder.path()), [0_u64; 0]);
    assert_eq!(failures_at_start(folder.path()), 0);
}

#[test]
fn ids_of_files_that_were_not_written_to_since_are_not_read() {
    let (folder, _) = folder(true);
    assert_eq!(ids(folder.path()), [1, 2, 3]);
    assert!(written_ids(folder.path(), Timestamp(i64::MAX)).unwrap().is_empty());
}
