//! The writing end of the chain. A line's hash covers every byte of the line before it, the previous hash included:
//! `{"seq":…,"time":"…","type":"…","user":"…","success":…,…,"prev":"<64 hex>","hash":"<64 hex>"}`.

use serde::Deserialize;
use veilgate_names::Timestamp;
use veilgate_notary::{KeyError, SecretKey, Signature};

use super::anchor::{Anchor, Position, signed_text};
use super::event::{Actor, AuditEvent, JsonLine};
use crate::beijing;
use crate::hash::Sm3Hash;

const BEFORE_HASH: &[u8] = b",\"hash\":\"";
const AFTER_HASH: &[u8] = b"\"}";

/// The audit file's last position, and what goes after it.
#[derive(Debug, Clone)]
pub struct Chain {
    head: Position,
    since_checkpoint: u64,
}

/// Why a chain cannot be taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// The last line is no audit record; a torn line must be cut off first.
    #[error("last line is no audit record")]
    Malformed,
    /// The last line does not agree with its own hash.
    #[error("last line was altered")]
    Altered,
}

impl Chain {
    /// A new chain. The genesis hash is the installation's own, so that one installation's file cannot stand for
    /// another's.
    #[must_use]
    pub fn new(genesis: Sm3Hash) -> Self {
        Self { head: Position::genesis(genesis), since_checkpoint: 0 }
    }

    /// Takes up a chain behind its last line (without line feed). A checkpoint is due at once.
    ///
    /// # Errors
    /// [`ResumeError`] if the line is not a whole and true record.
    pub fn resume(last_line: &[u8]) -> Result<Self, ResumeError> {
        let record = RecordLine::read(last_line).ok_or(ResumeError::Malformed)?;
        if !record.is_true() {
            return Err(ResumeError::Altered);
        }
        Ok(Self { head: Position { seq: record.fields.seq, hash: record.hash }, since_checkpoint: u64::MAX })
    }

    /// The last record's position.
    #[must_use]
    pub fn head(&self) -> Position {
        self.head
    }

    /// Whether so many records were written since the last checkpoint.
    #[must_use]
    pub fn checkpoint_due(&self, every: u64) -> bool {
        self.since_checkpoint >= every
    }

    /// Appends one record as a line and returns its position.
    pub fn append(
        &mut self,
        actor: &Actor,
        event: &AuditEvent,
        now: Timestamp,
        out: &mut Vec<u8>,
    ) -> Position {
        self.since_checkpoint = self.since_checkpoint.saturating_add(1);
        self.line(event.name(), actor, event.succeeded(), now, out, |line| event.write_fields(line))
    }

    /// Appends a checkpoint: a record that signs the position before it.
    ///
    /// # Errors
    /// As [`SecretKey::sign`]; nothing is appended then.
    pub fn checkpoint(
        &mut self,
        key: &SecretKey,
        now: Timestamp,
        out: &mut Vec<u8>,
    ) -> Result<Position, KeyError> {
        let text = signed_text(AuditEvent::CHECKPOINT, self.head, now);
        let signature = key.sign(text.as_bytes())?.to_base64();
        self.since_checkpoint = 0;
        let write = |line: &mut JsonLine<'_>| line.text("signature", &signature);
        Ok(self.line(AuditEvent::CHECKPOINT, &Actor::System, true, now, out, write))
    }

    /// A note of the head, to be kept where the audit file's keeper cannot reach it.
    ///
    /// # Errors
    /// As [`SecretKey::sign`].
    pub fn anchor(&self, now: Timestamp, key: Option<&SecretKey>) -> Result<Anchor, KeyError> {
        Anchor::new(self.head, now, key)
    }

    fn line(
        &mut self,
        name: &str,
        actor: &Actor,
        success: bool,
        now: Timestamp,
        out: &mut Vec<u8>,
        write_fields: impl FnOnce(&mut JsonLine<'_>),
    ) -> Position {
        let start = out.len();
        let seq = self.head.seq.saturating_add(1);
        let previous = self.head.hash;
        let mut line = JsonLine::begin(out);
        line.number("seq", seq);
        line.quoted("time", |out| beijing::push_time(out, now));
        line.text("type", name);
        actor.write(&mut line);
        line.flag("success", success);
        write_fields(&mut line);
        line.quoted("prev", |out| previous.write_hex(out));
        let hash = Sm3Hash::of(out.get(start..).unwrap_or_default());
        out.extend_from_slice(BEFORE_HASH);
        hash.write_hex(out);
        out.extend_from_slice(AFTER_HASH);
        out.push(b'\n');
        self.head = Position { seq, hash };
        self.head
    }
}

/// The end of a file whose writer may have died in the middle of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail<'a> {
    /// The last whole line without its line feed, if there is one.
    pub line: Option<&'a [u8]>,
    /// Octets behind it that are no whole line and must be cut off.
    pub torn: usize,
}

/// Finds the last whole line in the end of a file. Give it at least 8 KiB, or the whole file.
#[must_use]
pub fn last_whole_line(end: &[u8]) -> Tail<'_> {
    let Some(feed) = end.iter().rposition(|byte| *byte == b'\n') else {
        return Tail { line: None, torn: end.len() };
    };
    let (whole, rest) = end.split_at(feed);
    let line = whole.rsplit(|byte| *byte == b'\n').next();
    Tail { line, torn: rest.len().saturating_sub(1) }
}

/// A line taken apart, not yet believed.
pub(super) struct RecordLine<'a> {
    pub(super) fields: Fields<'a>,
    pub(super) previous: Sm3Hash,
    pub(super) hash: Sm3Hash,
    hashed: &'a [u8],
}

/// What the chain needs of a line; the event's own fields are the hash's matter.
#[derive(Deserialize)]
pub(super) struct Fields<'a> {
    pub(super) seq: u64,
    #[serde(borrow)]
    time: &'a str,
    #[serde(borrow, rename = "type")]
    name: &'a str,
    #[serde(borrow)]
    prev: &'a str,
    #[serde(borrow)]
    signature: Option<&'a str>,
}

impl<'a> RecordLine<'a> {
    /// `None` unless the line ends exactly as every record does and is JSON with the chain's fields.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_suffix(AFTER_HASH)?;
        let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(64)?)?;
        let hashed = rest.strip_suffix(BEFORE_HASH)?;
        let fields: Fields<'a> = serde_json::from_slice(line).ok()?;
        let previous = Sm3Hash::from_hex(fields.prev.as_bytes())?;
        Some(Self { fields, previous, hash: Sm3Hash::from_hex(hash)?, hashed })
    }

    /// Whether the line agrees with its own hash.
    pub(super) fn is_true(&self) -> bool {
        Sm3Hash::of(self.hashed) == self.hash
    }

    pub(super) fn is_checkpoint(&self) -> bool {
        self.fields.name == AuditEvent::CHECKPOINT
    }

    /// The signature of a checkpoint, with the text it must be over.
    pub(super) fn signed(&self, before: Position) -> Option<(String, Signature)> {
        let at = Timestamp::parse(self.fields.time).ok()?;
        let signature = Signature::from_base64(self.fields.signature?).ok()?;
        Some((signed_text(AuditEvent::CHECKPOINT, before, at), signature))
    }
}
