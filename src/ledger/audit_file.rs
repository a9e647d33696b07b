//! The audit file on disk: append-only JSON lines in an SM3 chain, with checkpoints signed by the installation's key
//! and an anchor file beside it that a truncation cannot hide from.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use veilgate_ledger::{
    Actor, Anchor, AuditEvent, Chain, Expectation, Sm3Hash, Verified, last_whole_line, verify,
};
use veilgate_names::Timestamp;
use veilgate_notary::{PublicKey, SecretKey};

use super::AuditLine;

/// Records between checkpoints.
const CHECKPOINT_EVERY: u64 = 1000;
/// More than the longest line.
const TAIL: u64 = 64 * 1024;

/// The open audit file.
pub struct AuditFile {
    path: PathBuf,
    file: File,
    chain: Chain,
    key: SecretKey,
}

impl AuditFile {
    /// Opens or begins the file. A torn last line, which only a crash leaves, is cut off and that is recorded.
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
        let mut audit = Self { path: path.to_path_buf(), file, chain, key };
        if torn > 0 {
            audit.file.set_len(length - torn)?;
            audit.append(&[AuditLine {
                actor: Actor::System,
                event: AuditEvent::TailCut { octets: torn },
                at: now,
            }])?;
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
        for AuditLine { actor, event, at } in records {
            chain.append(actor, event, *at, &mut out);
            if chain.checkpoint_due(CHECKPOINT_EVERY) {
                chain.checkpoint(&self.key, *at, &mut out).map_err(io::Error::other)?;
            }
        }
        self.write(chain, &out)
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
        let anchor = self.chain.anchor(now, Some(&self.key)).map_err(io::Error::other)?;
        let path = anchor_file(&self.path);
        let fresh = path.with_extension("new");
        fs::write(&fresh, format!("{anchor}\n"))?;
        fs::rename(fresh, path)
    }

    fn write(&mut self, chain: Chain, out: &[u8]) -> io::Result<()> {
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(out).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.chain = chain;
                Ok(())
            }
            Err(error) => {
                self.file.set_len(before)?;
                Err(error)
            }
        }
    }
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
