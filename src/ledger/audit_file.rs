//! The audit file on disk: append-only JSON lines in an SM3 chain, with checkpoints signed by the installation's key
//! and an anchor file beside it that a truncation cannot hide from.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use veilgate_ledger::{
    Actor, Anchor, AuditEvent, Chain, Expectation, Sm3Hash, Verified, last_whole_line, verify,
};
use veilgate_names::Timestamp;
use veilgate_notary::{PublicKey, SecretKey};

use super::AuditLine;

/// Records between checkpoints.
const CHECKPOINT_EVERY: u64 = 1000;
/// The longest that a record waits for checkpoint and anchor.
const ANCHOR_EVERY: Duration = Duration::from_secs(600);
/// More than the longest line.
const TAIL: u64 = 64 * 1024;

/// The open audit file.
pub struct AuditFile {
    path: PathBuf,
    file: File,
    /// Octets that are whole; what a failed write left behind them is cut off before the next.
    length: u64,
    chain: Chain,
    key: SecretKey,
    anchored: Anchored,
}

/// How far the anchor file has come.
#[derive(Clone, Copy)]
struct Anchored {
    seq: u64,
    at: Timestamp,
    /// A checkpoint was written since.
    due: bool,
}

impl AuditFile {
    /// Opens or begins the file. A torn last line, which only a crash leaves, is cut off and that is recorded; so is
    /// an end that does not reach the anchor, before a new anchor takes its place.
    ///
    /// # Errors
    /// [`io::Error`] as the disk gives it; `InvalidData` if the last line is not a true record.
    pub fn open(path: &Path, key: SecretKey, now: Timestamp) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        let tail = last_whole_line(&end);
        let torn = u64::try_from(tail.torn).unwrap_or(0);
        let chain = match tail.line {
            Some(line) => Chain::resume(line).map_err(|error| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
            })?,
            None => Chain::new(genesis(&key)),
        };
        let anchored = Anchored { seq: chain.head().seq, at: now, due: false };
        let missing = missing(path, &chain, &key);
        let length = length - torn;
        let mut audit = Self { path: path.to_path_buf(), file, length, chain, key, anchored };
        let cut = (torn > 0).then_some(AuditEvent::TailCut { octets: torn });
        let missing = missing.map(|records| AuditEvent::TailMissing { records });
        let found: Vec<AuditLine> = [cut, missing]
            .into_iter()
            .flatten()
            .map(|event| AuditLine { actor: Actor::System, event, at: now })
            .collect();
        if !found.is_empty() {
            audit.append(&found)?;
        }
        Ok(audit)
    }

    /// Appends records and syncs; a checkpoint joins them when one is due.
    ///
    /// # Errors
    /// [`io::Error`] as the disk gives it; nothing is appended then.
    pub fn append(&mut self, records: &[AuditLine]) -> io::Result<()> {
        let mut chain = self.chain.clone();
        let mut out = Vec::with_capacity(records.len() * 256);
        let mut checked = false;
        for AuditLine { actor, event, at } in records {
            chain.append(actor, event, *at, &mut out);
            if chain.checkpoint_due(CHECKPOINT_EVERY) {
                chain.checkpoint(&self.key, *at, &mut out).map_err(io::Error::other)?;
                checked = true;
            }
        }
        self.write(chain, &out)?;
        self.anchored.due |= checked;
        Ok(())
    }

    /// Writes the anchor file if a checkpoint was written since, and both if records have waited for ten minutes:
    /// after a crash, too, it shows where the file ended.
    ///
    /// # Errors
    /// [`io::Error`] as the disk gives it; the records themselves are safe.
    pub fn keep_anchor(&mut self, now: Timestamp) -> io::Result<()> {
        if self.anchored.due {
            return self.anchor(now);
        }
        if self.chain.head().seq == self.anchored.seq {
            self.anchored.at = now;
            return Ok(());
        }
        if now.since(self.anchored.at) < ANCHOR_EVERY { Ok(()) } else { self.checkpoint(now) }
    }

    /// Signs the present end and notes it in the anchor file.
    ///
    /// # Errors
    /// [`io::Error`] as the disk gives it.
    pub fn checkpoint(&mut self, now: Timestamp) -> io::Result<()> {
        let mut chain = self.chain.clone();
        let mut out = Vec::new();
        chain.checkpoint(&self.key, now, &mut out).map_err(io::Error::other)?;
        self.write(chain, &out)?;
        self.anchored.due = true;
        self.anchor(now)
    }

    fn anchor(&mut self, now: Timestamp) -> io::Result<()> {
        let anchor = self.chain.anchor(now, Some(&self.key)).map_err(io::Error::other)?;
        let path = anchor_file(&self.path);
        let fresh = path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(format!("{anchor}\n").as_bytes())?;
        file.sync_data()?;
        fs::rename(fresh, path)?;
        self.anchored = Anchored { seq: anchor.position.seq, at: now, due: false };
        Ok(())
    }

    /// From now on the disk takes nothing, or takes it again.
    #[cfg(test)]
    pub(super) fn refuse(&mut self, refuse: bool) -> io::Result<()> {
        self.file = OpenOptions::new().read(true).append(!refuse).open(&self.path)?;
        Ok(())
    }

    fn write(&mut self, chain: Chain, out: &[u8]) -> io::Result<()> {
        if self.file.metadata()?.len() > self.length {
            self.file.set_len(self.length)?;
        }
        self.file.write_all(out).and_then(|()| self.file.sync_data())?;
        self.length += u64::try_from(out.len()).unwrap_or(0);
        self.chain = chain;
        Ok(())
    }
}

/// How many records the anchor beside the file notes that the file does not have; `None` if it has them, or if there
/// is no anchor of ours to tell.
fn missing(audit: &Path, chain: &Chain, key: &SecretKey) -> Option<u64> {
    let text = fs::read_to_string(anchor_file(audit)).ok()?;
    let anchor = Anchor::parse(text.trim_end()).ok()?;
    anchor.verify(&key.public_key()).ok()?;
    let head = chain.head();
    let gone = anchor.position.seq.checked_sub(head.seq)?;
    (anchor.position != head).then_some(gone)
}

/// The anchor file beside an audit file.
#[must_use]
pub fn anchor_file(audit: &Path) -> PathBuf {
    let mut name = audit.as_os_str().to_owned();
    name.push(".anchor");
    PathBuf::from(name)
}

/// Verifies an audit file, with the key and anchor if there are any.
///
/// # Errors
/// [`io::Error`] if a file cannot be read; `InvalidData` with the first bad line and what is wrong with it.
pub fn verify_audit(audit: &Path, key: Option<&PublicKey>, anchor: Option<&Path>) -> io::Result<Verified> {
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let anchor = match anchor {
        None => None,
        Some(path) => {
            let text = fs::read_to_string(path)?;
            Some(
                Anchor::parse(text.trim_end())
                    .map_err(|error| invalid(format!("{}: {error}", path.display())))?,
            )
        }
    };
    let expectation = Expectation { after: None, key, checkpoint_every: None, anchor: anchor.as_ref() };
    verify(BufReader::new(File::open(audit)?), &expectation)
        .map_err(|broken| invalid(format!("{}: {broken}", audit.display())))
}

/// The installation's own beginning: the hash of its public key.
fn genesis(key: &SecretKey) -> Sm3Hash {
    Sm3Hash::of(key.public_key().to_hex().as_bytes())
}

#[cfg(test)]
mod tests;
