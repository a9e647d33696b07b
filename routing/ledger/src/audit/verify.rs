//! The reading end of the chain: finds the first record that is not as it was written.

use std::fmt;
use std::io::{BufRead, ErrorKind};

use veilgate_notary::PublicKey;

use super::anchor::{Anchor, Position};
use super::chain::RecordLine;
use crate::lines::{self, Line};

/// What is known from elsewhere. The more is given, the more is found: a bare chain shows only edits that did not
/// write the rest anew.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expectation<'a> {
    /// The place before the first record: the genesis, or the end of the file before. Without it the file must begin
    /// with record 1.
    pub after: Option<Position>,
    /// The key of the checkpoints, and of the anchor.
    pub key: Option<&'a PublicKey>,
    /// With a key: at most so many records stand between two checkpoints.
    pub checkpoint_every: Option<u64>,
    /// A position noted elsewhere; with a key it must be signed.
    pub anchor: Option<&'a Anchor>,
}

/// What a true file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Records read.
    pub records: u64,
    /// Checkpoints among them whose signature was checked.
    pub checkpoints: u64,
    /// The last record; seq 0 if there is none.
    pub last: Option<Position>,
}

/// Where a file stops being true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct Broken {
    /// The line, from 1; for what is missing at the end, the line that should follow.
    pub line: u64,
    /// The record's number, as far as it can be told.
    pub seq: Option<u64>,
    /// How.
    pub kind: BrokenKind,
}

/// How a file stops being true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenKind {
    /// The file cannot be read.
    Read(ErrorKind),
    /// No audit record, or a torn one.
    Malformed,
    /// The record does not agree with its own hash.
    Edited,
    /// Records before this one are missing.
    Deleted,
    /// The record stood earlier, or twice, or was put in.
    OutOfOrder,
    /// The record before it is not the one it was written after.
    Unlinked,
    /// A checkpoint's signature is not the key's.
    BadCheckpoint,
    /// There should have been a checkpoint by now.
    NoCheckpoint,
    /// The anchor carries no signature, but a key to check it with was given.
    UnsignedAnchor,
    /// The anchor is not signed by the key.
    BadAnchor,
    /// The record is not the one that the anchor notes, or the anchor notes one before the file.
    NotAnchored,
    /// The file ends before the record that the anchor notes.
    Truncated,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            BrokenKind::UnsignedAnchor => {
                return f.write_str("the anchor is not signed; with a key only a signed anchor counts");
            }
            BrokenKind::BadAnchor => {
                return f.write_str("the anchor's signature is not this key's");
            }
            _ => write!(f, "line {}", self.line)?,
        }
        if let Some(seq) = self.seq {
            write!(f, ", record {seq}")?;
        }
        write!(f, ": {:?}", self.kind)
    }
}

/// Reads a whole chain (files of one chain can be read one behind the other) and checks it against what is expected.
///
/// # Errors
/// [`Broken`] names the first bad record.
//= ASCS A-7.6-3
pub fn verify(mut reader: impl BufRead, expectation: &Expectation<'_>) -> Result<Verified, Broken> {
    let mut walk = Walk::new(expectation)?;
    let mut line = Vec::new();
    loop {
        let read = lines::next(&mut reader, &mut line);
        let read = read.map_err(|error| walk.broken(None, BrokenKind::Read(error)))?;
        match read {
            Line::End => return walk.end(),
            Line::Torn => return Err(walk.broken(None, BrokenKind::Malformed)),
            Line::Whole => walk.step(&line)?,
        }
    }
}

struct Walk<'a> {
    expectation: &'a Expectation<'a>,
    line: u64,
    last: Option<Position>,
    checkpoints: u64,
    since_checkpoint: u64,
}

impl<'a> Walk<'a> {
    fn new(expectation: &'a Expectation<'a>) -> Result<Self, Broken> {
        let walk = Self { expectation, line: 1, last: None, checkpoints: 0, since_checkpoint: 0 };
        let Some(anchor) = expectation.anchor else { return Ok(walk) };
        let seq = Some(anchor.position.seq);
        if expectation.key.is_some() && anchor.signature.is_none() {
            return Err(walk.broken(seq, BrokenKind::UnsignedAnchor));
        }
        if expectation.key.is_some_and(|key| anchor.verify(key).is_err()) {
            return Err(walk.broken(seq, BrokenKind::BadAnchor));
        }
        match expectation.after {
            Some(after) if anchor.position.seq < after.seq => Err(walk.broken(seq, BrokenKind::NotAnchored)),
            Some(after) if anchor.position.seq == after.seq && anchor.position.hash != after.hash => {
                Err(walk.broken(seq, BrokenKind::NotAnchored))
            }
            _ => Ok(walk),
        }
    }

    fn step(&mut self, line: &[u8]) -> Result<(), Broken> {
        let record = RecordLine::read(line).ok_or(self.broken(None, BrokenKind::Malformed))?;
        let seq = record.fields.seq;
        let broken = |kind| Err(self.broken(Some(seq), kind));
        if !record.is_true() {
            return broken(BrokenKind::Edited);
        }
        let before = self.last.or(self.expectation.after);
        let expected = before.map_or(1, |before| before.seq.saturating_add(1));
        if seq != expected {
            return broken(if seq > expected { BrokenKind::Deleted } else { BrokenKind::OutOfOrder });
        }
        if before.is_some_and(|before| before.hash != record.previous) {
            return broken(BrokenKind::Unlinked);
        }
        self.checkpoint(&record)?;
        let position = Position { seq, hash: record.hash };
        if self.expectation.anchor.is_some_and(|a| a.position.seq == seq && a.position != position) {
            return Err(self.broken(Some(seq), BrokenKind::NotAnchored));
        }
        self.last = Some(position);
        self.line += 1;
        Ok(())
    }

    fn checkpoint(&mut self, record: &RecordLine<'_>) -> Result<(), Broken> {
        let Some(key) = self.expectation.key else { return Ok(()) };
        let seq = record.fields.seq;
        if !record.is_checkpoint() {
            self.since_checkpoint += 1;
            let late = self.expectation.checkpoint_every.is_some_and(|every| self.since_checkpoint > every);
            return if late { Err(self.broken(Some(seq), BrokenKind::NoCheckpoint)) } else { Ok(()) };
        }
        let before = Position { seq: seq.saturating_sub(1), hash: record.previous };
        let signed = record.signed(before);
        let good = signed.is_some_and(|(text, signature)| key.verify(text.as_bytes(), &signature).is_ok());
        if !good {
            return Err(self.broken(Some(seq), BrokenKind::BadCheckpoint));
        }
        self.checkpoints += 1;
        self.since_checkpoint = 0;
        Ok(())
    }

    fn end(self) -> Result<Verified, Broken> {
        let reached = self.last.or(self.expectation.after).map_or(0, |last| last.seq);
        if self.expectation.anchor.is_some_and(|anchor| anchor.position.seq > reached) {
            return Err(self.broken(Some(reached.saturating_add(1)), BrokenKind::Truncated));
        }
        Ok(Verified { records: self.line - 1, checkpoints: self.checkpoints, last: self.last })
    }

    fn broken(&self, seq: Option<u64>, kind: BrokenKind) -> Broken {
        Broken { line: self.line, seq, kind }
    }
}
