//! What must hold for any octets in a file of a list: as CSV of numbers, and as entries on disk.

use std::sync::OnceLock;

use veilgate_identity::{KeyRing, ListReader};
use veilgate_names::Timestamp;
use veilgate_policy::{EntryEnd, EntrySet, ImportMode, ListImport, ListRows};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn keys() -> &'static KeyRing {
    static KEYS: OnceLock<KeyRing> = OnceLock::new();
    KEYS.get_or_init(|| KeyRing::generate(&[1; 32], &mut |octets: &mut [u8]| octets.fill(7)).unwrap())
}

/// What is read is written and read again the same; an import on top of itself changes nothing.
pub(crate) fn check(input: &[u8]) {
    if let Ok(entries) = EntrySet::read_bulk(input) {
        same(&entries);
    }
    if let Ok(entries) = EntrySet::default().read_overlay(input) {
        same(&entries);
        let _ = entries.folded(NOW).len();
    }
    let Some(rows) = rows(input) else { return };
    let entries = ListImport::new(rows, ImportMode::Replace).apply(&EntrySet::default(), NOW);
    same(&entries);
    let again = ListImport::new(rows_of(input), ImportMode::Add).counts(&entries, NOW);
    assert_eq!((again.added, again.removed, again.moved), (0, 0, 0));
}

fn same(entries: &EntrySet) {
    let (mut bulk, mut overlay) = (Vec::new(), Vec::new());
    entries.write_bulk(&mut bulk).unwrap();
    entries.write_overlay(&mut overlay).unwrap();
    let again = EntrySet::read_bulk(&bulk[..]).unwrap().read_overlay(&overlay[..]).unwrap();
    assert_eq!(again.len(), entries.len());
    let mut octets = Vec::new();
    again.write_bulk(&mut octets).unwrap();
    assert_eq!(octets, bulk);
}

fn rows_of(input: &[u8]) -> ListRows {
    rows(input).unwrap()
}

fn rows(input: &[u8]) -> Option<ListRows> {
    let mut reader = ListReader::open(input, keys()).ok()?;
    let mut rows = ListRows::new(NOW);
    while let Some(row) = reader.next_row().ok()? {
        rows.push(row.key, row.expires.map_or(EntryEnd::NEVER, EntryEnd::at)).ok()?;
    }
    Some(rows)
}
