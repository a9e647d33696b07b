//! A run written down: a TOML file with phases, accounts and mixes on top of what the command line says. All is checked
//! before anything is sent; everything is bounded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::expectation::{Expectation, Unexpected};
use super::plan::{self, Account, Pace, Phase, Plan};
use super::recipients::{RecipientForm, Recipients, RecipientsError};
use super::template::Kind;
use crate::message::Address;
use crate::sink::SinkScript;
use crate::text::{Coding, Split};

const MOST_ACCOUNTS: usize = 1_000;
const MOST_BINDS: usize = 4_096;
const MOST_WINDOW: usize = 100_000;
const MOST_PHASES: usize = 1_000;
const MOST_KINDS: usize = 100;
const MOST_RATE: f64 = 10_000_000.0;
const MOST_SECONDS: f64 = 30.0 * 86_400.0;

/// A script, read but not yet put to use.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    title: Option<String>,
    #[serde(default)]
    run: Run,
    #[serde(default, rename = "account")]
    accounts: Vec<AccountTable>,
    #[serde(default, rename = "phase")]
    phases: Vec<PhaseTable>,
    #[serde(default, rename = "mix")]
    mixes: Vec<MixTable>,
    #[serde(default)]
    expect: BTreeMap<String, f64>,
    sink: Option<SinkScript>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    receipts: Option<bool>,
    register: Option<bool>,
    count: Option<u64>,
    tick_ms: Option<u64>,
    drain_seconds: Option<f64>,
    response_timeout_seconds: Option<f64>,
    reconnect: Option<bool>,
    reconnect_seconds: Option<f64>,
    interval_seconds: Option<f64>,
    track_limit: Option<usize>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountTable {
    system_id: String,
    #[serde(default)]
    password: String,
    binds: Option<usize>,
    window: Option<usize>,
    #[serde(default = "one")]
    share: f64,
    source: Option<String>,
    /// Beside the script.
    recipients: Option<PathBuf>,
    form: Option<RecipientForm>,
    mix: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PhaseTable {
    name: Option<String>,
    seconds: Option<f64>,
    rate: Rate,
    #[serde(default = "yes")]
    measured: bool,
    mix: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Rate {
    Word(String),
    Steady(f64),
    Ramp([f64; 2]),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct MixTable {
    name: String,
    #[serde(rename = "message")]
    messages: Vec<MessageTable>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MessageTable {
    weight: u32,
    length: usize,
    coding: Coding,
    split: Split,
    prefix: String,
    registered_delivery: u8,
    receipt_percent: f64,
}

impl Default for MessageTable {
    fn default() -> Self {
        Self {
            weight: 1,
            length: 60,
            coding: Coding::Gsm,
            split: Split::Udh,
            prefix: String::new(),
            registered_delivery: 1,
            receipt_percent: 100.0,
        }
    }
}

/// A script that cannot be used; says where and why.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It cannot be read.
    #[error("script: {0}")]
    Io(#[from] std::io::Error),
    /// It is not TOML, or has a key or type it must not have.
    #[error("script: {0}")]
    Toml(String),
    /// A value is out of bounds.
    #[error("script: {0} must be {1}")]
    Bounds(String, &'static str),
    /// A mix is named that is not there, or is there twice.
    #[error("script: there must be one mix \"{0}\"")]
    Mix(String),
    /// A text of a mix cannot be sent.
    #[error("script: {0}: {1}")]
    Misfit(String, super::Misfit),
    /// A recipients file.
    #[error("script: account {0}: {1}")]
    Recipients(String, RecipientsError),
    /// An expectation.
    #[error("script: [expect]: {0}")]
    Expect(#[from] Unexpected),
    /// A part for the sink.
    #[error("script: [sink]: {0}")]
    Sink(String),
}

impl Script {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ScriptError::Io`], [`ScriptError::Toml`], [`ScriptError::Sink`].
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        Self::parse(&std::fs::read_to_string(path)?)
    }

    /// Reads TOML.
    ///
    /// # Errors
    /// [`ScriptError::Toml`], [`ScriptError::Sink`].
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let script: Self = toml::from_str(text).map_err(|error| ScriptError::Toml(error.to_string()))?;
        if let Some(sink) = &script.sink {
            sink.check().map_err(ScriptError::Sink)?;
        }
        Ok(script)
    }

    /// The sink's part.
    #[must_use]
    pub fn sink(&self) -> Option<&SinkScript> {
        self.sink.as_ref()
    }

    /// Are all recipients to be registered before the run?
    #[must_use]
    pub fn registers(&self) -> bool {
        self.run.register.unwrap_or(false)
    }

    /// What is asked of the run.
    ///
    /// # Errors
    /// An unknown name or a limit that is none.
    pub fn expectations(&self) -> Result<Vec<Expectation>, ScriptError> {
        let all = self.expect.iter().map(|(name, limit)| Expectation::new(name, *limit));
        all.collect::<Result<_, _>>().map_err(ScriptError::from)
    }

    /// The plan: `base` with all that the script says otherwise. Files are looked for in `folder`. `form` is the form of
    /// recipients where an account names none.
    ///
    /// # Errors
    /// [`ScriptError`].
    pub fn plan(&self, base: Plan, folder: &Path, form: RecipientForm) -> Result<Plan, ScriptError> {
        self.expectations()?;
        let mixes = self.named_mixes()?;
        let phases = self.phases(&mixes)?;
        let accounts = self.accounts(&base, &mixes, folder, form)?;
        for account in &accounts {
            let misfit = |error| ScriptError::Misfit(format!("mix of {}", account.system_id), error);
            plan::check(&account.source, &account.mix).map_err(misfit)?;
            for phase in &phases {
                let misfit = |error| ScriptError::Misfit(format!("phase {}", phase.name), error);
                plan::check(&account.source, phase.mix.as_deref().unwrap_or_default()).map_err(misfit)?;
            }
        }
        let plan = Plan { accounts, phases, ..base };
        self.run.apply(Plan { title: self.title.clone().unwrap_or(plan.title), ..plan })
    }

    fn named_mixes(&self) -> Result<BTreeMap<&str, Vec<Kind>>, ScriptError> {
        let mut mixes = BTreeMap::new();
        for mix in &self.mixes {
            let kinds =
                mix.messages.iter().map(|message| message.kind(&mix.name)).collect::<Result<_, _>>()?;
            within((1..=MOST_KINDS).contains(&mix.messages.len()), || {
                (format!("number of messages of mix {}", mix.name), "1 to 100")
            })?;
            if mixes.insert(mix.name.as_str(), kinds).is_some() {
                return Err(ScriptError::Mix(mix.name.clone()));
            }
        }
        Ok(mixes)
    }

    fn phases(&self, mixes: &BTreeMap<&str, Vec<Kind>>) -> Result<Vec<Phase>, ScriptError> {
        within((1..=MOST_PHASES).contains(&self.phases.len()), || {
            ("number of phases".to_owned(), "1 to 1000")
        })?;
        let mut phases = Vec::new();
        for (index, table) in (1..).zip(&self.phases) {
            let name = table.name.clone().unwrap_or_else(|| format!("phase {index}"));
            if table.seconds.is_none() {
                let ends = index == self.phases.len() && self.run.count.is_some() && !table.rate.is_ramp();
                within(ends, || {
                    (format!("seconds of {name}"), "given, unless count ends it and it is the last")
                })?;
            }
            let duration =
                table.seconds.map(|seconds| span(seconds, &format!("seconds of {name}"))).transpose()?;
            let mix = table.mix.as_ref().map(|mix| find(mixes, mix)).transpose()?;
            phases.push(Phase {
                pace: table.rate.pace(&name)?,
                name,
                duration,
                measured: table.measured,
                mix,
            });
        }
        Ok(phases)
    }

    fn accounts(
        &self,
        base: &Plan,
        mixes: &BTreeMap<&str, Vec<Kind>>,
        folder: &Path,
        form: RecipientForm,
    ) -> Result<Vec<Account>, ScriptError> {
        let first = self.mixes.first().and_then(|mix| mixes.get(mix.name.as_str()));
        let with_first = |account: &Account| Account {
            mix: first.cloned().unwrap_or_else(|| account.mix.clone()),
            ..account.clone()
        };
        let base: Vec<Account> = base.accounts.iter().map(with_first).collect();
        let Some(like) = base.first().filter(|_| !self.accounts.is_empty()) else { return Ok(base) };
        within(self.accounts.len() <= MOST_ACCOUNTS, || ("number of accounts".to_owned(), "at most 1000"))?;
        let mut files = Files { folder, known: Vec::new() };
        let accounts = self.accounts.iter().map(|table| table.account(like, mixes, &mut files, form));
        let accounts = accounts.collect::<Result<Vec<_>, _>>()?;
        let binds: usize = accounts.iter().map(|account| account.binds).sum();
        within(binds <= MOST_BINDS, || ("number of all binds".to_owned(), "at most 4096"))?;
        Ok(accounts)
    }
}

impl Run {
    fn apply(&self, plan: Plan) -> Result<Plan, ScriptError> {
        let or = |given: Option<f64>, name: &str, default: Duration| {
            given.map_or(Ok(default), |seconds| span(seconds, name))
        };
        Ok(Plan {
            receipts: self.receipts.unwrap_or(plan.receipts),
            count: self.count.or(plan.count),
            tick: self.tick_ms.map_or(plan.tick, Duration::from_millis),
            drain: or(self.drain_seconds, "drain_seconds", plan.drain)?,
            response_timeout: or(
                self.response_timeout_seconds,
                "response_timeout_seconds",
                plan.response_timeout,
            )?,
            reconnect: self.reconnect.unwrap_or(plan.reconnect),
            reconnect_for: or(self.reconnect_seconds, "reconnect_seconds", plan.reconnect_for)?,
            interval: or(self.interval_seconds, "interval_seconds", plan.interval)?,
            track_limit: self.track_limit.unwrap_or(plan.track_limit).min(1 << 30),
            ..plan
        })
    }
}

/// Recipients files, each read once.
struct Files<'a> {
    folder: &'a Path,
    known: Vec<(PathBuf, RecipientForm, Arc<Recipients>)>,
}

impl Files<'_> {
    fn read(&mut self, file: &Path, form: RecipientForm) -> Result<Arc<Recipients>, RecipientsError> {
        let path = self.folder.join(file);
        if let Some((_, _, known)) =
            self.known.iter().find(|(each, as_form, _)| *each == path && *as_form == form)
        {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(Recipients::read(&path, form)?);
        self.known.push((path, form, Arc::clone(&read)));
        Ok(read)
    }
}

impl AccountTable {
    /// This account; what it does not say is as with `like`.
    fn account(
        &self,
        like: &Account,
        mixes: &BTreeMap<&str, Vec<Kind>>,
        files: &mut Files<'_>,
        form: RecipientForm,
    ) -> Result<Account, ScriptError> {
        let name = &self.system_id;
        let (binds, window) = (self.binds.unwrap_or(like.binds), self.window.unwrap_or(like.window));
        within((1..=MOST_BINDS).contains(&binds), || (format!("binds of {name}"), "1 to 4096"))?;
        within((1..=MOST_WINDOW).contains(&window), || (format!("window of {name}"), "1 to 100000"))?;
        within(self.share > 0.0 && self.share <= 1e9, || (format!("share of {name}"), "above 0"))?;
        let recipients = match &self.recipients {
            None => Arc::clone(&like.recipients),
            Some(file) => files
                .read(file, self.form.unwrap_or(form))
                .map_err(|error| ScriptError::Recipients(name.clone(), error))?,
        };
        Ok(Account {
            system_id: name.clone(),
            password: self.password.clone(),
            binds,
            window,
            share: self.share,
            source: self.source.as_ref().map_or_else(|| like.source.clone(), |source| Address::guess(source)),
            recipients,
            mix: self.mix.as_ref().map_or_else(|| Ok(like.mix.clone()), |mix| find(mixes, mix))?,
        })
    }
}

impl Rate {
    fn is_ramp(&self) -> bool {
        matches!(self, Self::Ramp(_))
    }

    fn pace(&self, phase: &str) -> Result<Pace, ScriptError> {
        let (from, to) = match self {
            Self::Word(word) if word == "closed" => return Ok(Pace::Closed),
            Self::Word(_) => (f64::NAN, f64::NAN),
            Self::Steady(rate) => (*rate, *rate),
            Self::Ramp([from, to]) => (*from, *to),
        };
        let bounds = 0.0..=MOST_RATE;
        within(bounds.contains(&from) && bounds.contains(&to), || {
            (format!("rate of {phase}"), "\"closed\", a number or [from, to], 0 to 10000000")
        })?;
        Ok(Pace::Open { from, to })
    }
}

impl MessageTable {
    fn kind(&self, mix: &str) -> Result<Kind, ScriptError> {
        let coded = matches!(self.coding, Coding::Gsm | Coding::Ucs2);
        within(coded, || (format!("coding in mix {mix}"), "\"gsm\" or \"ucs2\""))?;
        within((0.0..=100.0).contains(&self.receipt_percent), || {
            (format!("receipt_percent in mix {mix}"), "0 to 100")
        })?;
        within((1..=1_000_000).contains(&self.weight), || (format!("weight in mix {mix}"), "1 to 1000000"))?;
        within(self.length <= 40_000, || (format!("length in mix {mix}"), "at most 40000"))?;
        Ok(Kind {
            weight: self.weight,
            prefix: self.prefix.clone(),
            length: self.length,
            wide: self.coding == Coding::Ucs2,
            split: Some(self.split),
            registered_delivery: self.registered_delivery,
            receipt_percent: self.receipt_percent,
        })
    }
}

fn find(mixes: &BTreeMap<&str, Vec<Kind>>, name: &str) -> Result<Vec<Kind>, ScriptError> {
    mixes.get(name).cloned().ok_or_else(|| ScriptError::Mix(name.to_owned()))
}

fn span(seconds: f64, name: &str) -> Result<Duration, ScriptError> {
    within((0.0..=MOST_SECONDS).contains(&seconds), || (name.to_owned(), "0 to 2592000"))?;
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn within(holds: bool, otherwise: impl FnOnce() -> (String, &'static str)) -> Result<(), ScriptError> {
    if holds {
        return Ok(());
    }
    let (what, bounds) = otherwise();
    Err(ScriptError::Bounds(what, bounds))
}

fn one() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests;
