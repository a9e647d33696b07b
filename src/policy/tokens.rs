//! The tokens of the ops API: read from a file that nobody else may read, compared without a hint of how much fits, and
//! sources that guess are not heard for a while.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use subtle::ConstantTimeEq;
use veilgate_ledger::{ActorName, Sm3Hash};
use veilgate_names::Monotonic;
use zeroize::Zeroizing;

/// The shortest token, octets.
const MIN_TOKEN: usize = 32;
/// The longest token, octets.
const MAX_TOKEN: usize = 256;
/// Tokens at most.
const MAX_TOKENS: usize = 100;
/// The longest token file, octets.
const MAX_FILE: u64 = 64 << 10;
/// Wrong tokens from one source until it is locked out.
const MAX_FAILURES: u32 = 10;
/// Within so long, and for so long.
const LOCKOUT: Duration = Duration::from_secs(60);
/// Sources that are remembered at most.
const MAX_SOURCES: usize = 1024;

/// Why a token file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others may read it.
    #[error("{}: others may read it; give it mode 0600", .0.display())]
    Open(PathBuf),
    /// A line is wrong.
    #[error("{}:{line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1; 0 for the file as a whole.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// See the module.
pub struct Tokens {
    known: ArcSwap<Vec<Token>>,
    failures: Mutex<FxHashMap<IpAddr, Failures>>,
}

struct Token {
    name: ActorName,
    /// The token itself is not kept.
    hash: Sm3Hash,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    /// When the first was, or the lock-out began.
    since: Monotonic,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Access {
    /// It may go on, under this name.
    Granted(ActorName),
    /// It had no token or a wrong one.
    Refused,
    /// As refused; and its source is locked out from now on.
    Locked,
    /// Its source is locked out; nothing was compared.
    LockedOut,
}

impl Tokens {
    /// Reads a token file: a name and a token on each line, a blank between them; empty lines and those that begin with
    /// `#` are passed over.
    ///
    /// # Errors
    /// [`TokenError`] names the line.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let known = ArcSwap::from_pointee(read(path)?);
        Ok(Self { known, failures: Mutex::default() })
    }

    /// Reads the file again; what was read before stays if it is wrong now.
    ///
    /// # Errors
    /// [`TokenError`] names the line.
    pub fn replace(&self, path: &Path) -> Result<(), TokenError> {
        self.known.store(read(path)?.into());
        Ok(())
    }

    /// Looks whether a request may go on.
    pub(super) fn access(&self, token: Option<&[u8]>, source: IpAddr, now: Monotonic) -> Access {
        if self.is_locked_out(source, now) {
            return Access::LockedOut;
        }
        let name = token.filter(|token| token.len() <= MAX_TOKEN).and_then(|token| self.name_of(token));
        match name {
            Some(name) => Access::Granted(name),
            None if self.has_failed(source, now) => Access::Locked,
            None => Access::Refused,
        }
    }

    /// Compares with all of them, whichever fits.
    fn name_of(&self, token: &[u8]) -> Option<ActorName> {
        let (hash, mut found) = (Sm3Hash::of(token), None);
        for known in self.known.load().iter() {
            if bool::from(known.hash.0.ct_eq(&hash.0)) {
                found = Some(known.name.clone());
            }
        }
        found
    }

    fn is_locked_out(&self, source: IpAddr, now: Monotonic) -> bool {
        let failures = self.failures.lock();
        let of_source = failures.get(&source);
        of_source.is_some_and(|of| of.count >= MAX_FAILURES && now.since(of.since) < LOCKOUT)
    }

    /// Counts a failure; true if the source is locked out by it.
    fn has_failed(&self, source: IpAddr, now: Monotonic) -> bool {
        let mut failures = self.failures.lock();
        if failures.len() >= MAX_SOURCES {
            failures.retain(|_, of| now.since(of.since) < LOCKOUT);
        }
        if failures.len() >= MAX_SOURCES && !failures.contains_key(&source) {
            return false;
        }
        let of_source = failures.entry(source).or_insert(Failures { count: 0, since: now });
        if now.since(of_source.since) >= LOCKOUT {
            *of_source = Failures { count: 0, since: now };
        }
        of_source.count = of_source.count.saturating_add(1);
        if of_source.count == MAX_FAILURES {
            of_source.since = now;
        }
        of_source.count >= MAX_FAILURES
    }
}

fn read(path: &Path) -> Result<Vec<Token>, TokenError> {
    let failed = |error| TokenError::File { path: path.to_path_buf(), error };
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if about.mode() & 0o077 != 0 {
        return Err(TokenError::Open(path.to_path_buf()));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_FILE).read_to_string(&mut text).map_err(failed)?;
    let wrong = |line, problem| TokenError::Line { path: path.to_path_buf(), line, problem };
    let mut tokens: Vec<Token> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let token = token(line).map_err(|problem| wrong(number, problem))?;
        if tokens.iter().any(|known| known.hash == token.hash || known.name == token.name) {
            return Err(wrong(number, "name or token is there already"));
        }
        tokens.push(token);
    }
    match tokens.len() {
        0 => Err(wrong(0, "no token in it")),
        count if count > MAX_TOKENS => Err(wrong(0, "more than 100 tokens")),
        _ => Ok(tokens),
    }
}

fn token(line: &str) -> Result<Token, &'static str> {
    let (name, token) = line.split_once(' ').ok_or("expected a name, a blank and a token")?;
    let name = ActorName::parse(name)
        .ok_or("expected a name of 1-32 letters, few digits and @._-, beginning with a letter")?;
    let token = token.trim();
    if token.len() < MIN_TOKEN
        || token.len() > MAX_TOKEN
        || !token.bytes().all(|octet| octet.is_ascii_graphic())
    {
        return Err("expected a token of 32-256 printable ASCII characters without blanks");
    }
    Ok(Token { name, hash: Sm3Hash::of(token.as_bytes()) })
}

#[cfg(test)]
mod tests;
