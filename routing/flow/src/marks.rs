//! Marks: that something is so since a time, under a name of its own. Few, small, and kept until they are taken back.

use veilgate_names::Timestamp;
use veilgate_store::{Space, Store, StoreError};

use crate::flow::Flow;
use crate::turn::Turn;

const VERSION: u8 = 1;
/// Records per page of a scan.
const PAGE: usize = 1024;

impl Flow {
    /// Writes down that `name` (1 to 200 octets, behind a prefix of its own kind) is so since `at`.
    pub fn put_mark(&self, name: &[u8], at: Timestamp, turn: &mut Turn) {
        let value: Vec<u8> = [VERSION].into_iter().chain(at.0.to_be_bytes()).collect();
        turn.put(Space::Meta, name, &value);
    }

    /// Takes a mark back.
    pub fn delete_mark(&self, name: &[u8], turn: &mut Turn) {
        turn.delete(Space::Meta, name);
    }
}

/// A name, and since when it is so.
pub type Mark = (Box<[u8]>, Timestamp);

/// The marks whose names begin with `prefix`: the rest of each name, and since when. A damaged time is long ago.
///
/// # Errors
/// [`StoreError`] if the store cannot be read.
pub fn marks(store: &dyn Store, prefix: &[u8]) -> Result<Vec<Mark>, StoreError> {
    let mut marks = Vec::new();
    let mut after: Option<Box<[u8]>> = Some(prefix.into());
    loop {
        let page = store.scan(Space::Meta, after.as_deref(), PAGE)?;
        for entry in &page.entries {
            let Some(name) = entry.key.strip_prefix(prefix) else { return Ok(marks) };
            let time = entry.value.split_first().and_then(|(_, time)| time.try_into().ok());
            marks.push((name.into(), Timestamp(time.map_or(0, i64::from_be_bytes))));
        }
        let Some(next) = page.next else { return Ok(marks) };
        after = Some(next);
    }
}
