//! One north account: what it may do, its binds and its rate. Its settings change under whoever holds it.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use ipnet::IpNet;
use parking_lot::Mutex;
use veilgate_names::{AccountId, AccountKind, EnterpriseId, Monotonic, PlatformId, Reason, ServiceNumber};

use crate::accounts::BindRefusal;
use crate::guessing::{Guesses, GuessingAction, GuessingAlarm, GuessingPolicy};
use crate::password::PasswordHash;
use crate::rate::{BindLimiter, Limiter};

/// The configuration of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountConfig {
    /// Its name, which is its SMPP `system_id`.
    pub id: AccountId,
    /// Whom it acts for; this also says which kind of account it is.
    pub tenant: Tenant,
    /// Its password.
    pub password: PasswordHash,
    /// Networks it may come from; empty means any.
    pub allow_from: Vec<IpNet>,
    /// Binds it may have at once.
    pub max_binds: NonZeroU32,
    /// Requests it may have unanswered on one bind.
    pub window: NonZeroU32,
    /// Parts a second over all its binds; `None` is no limit.
    pub rate_per_second: Option<NonZeroU32>,
    /// Parts a second on one bind; `None` is no limit.
    pub rate_per_bind: Option<NonZeroU32>,
    /// The certificate it must show; `None` asks for none.
    pub certificate: Option<CertificateFingerprint>,
    /// Known but shut out.
    pub suspended: bool,
    /// How long a submit is known by its `user_message_reference`, so that a repetition of it is not sent; none: not at all.
    pub dedupe: Option<Duration>,
    /// The service number of messages that name none.
    pub default_service_number: Option<ServiceNumber>,
    /// When its failed look-ups count as guessing.
    pub guessing: GuessingPolicy,
}

/// Whom an account acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenant {
    /// A notary platform.
    Platform(PlatformId),
    /// An enterprise.
    Enterprise(EnterpriseId),
}

impl Tenant {
    /// The kind of account that goes with it.
    #[must_use]
    pub fn kind(&self) -> AccountKind {
        match self {
            Self::Platform(_) => AccountKind::Notary,
            Self::Enterprise(_) => AccountKind::Enterprise,
        }
    }
}

/// SHA-256 of a certificate in DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CertificateFingerprint(pub [u8; 32]);

impl CertificateFingerprint {
    /// Reads 64 hex digits; colons between octets, as OpenSSL prints them, are accepted. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut digits = text.bytes().filter(|byte| *byte != b':').map(|byte| char::from(byte).to_digit(16));
        let mut octets = [0; 32];
        for octet in &mut octets {
            let (high, low) = (digits.next()??, digits.next()??);
            *octet = u8::try_from(high << 4 | low).ok()?;
        }
        digits.next().is_none().then_some(Self(octets))
    }
}

/// An account in service. Sessions hold it; a reload changes it in place, and [`Self::is_active`] turns false under
/// them when it is suspended, frozen or removed.
pub struct Account {
    id: AccountId,
    tenant: Tenant,
    config: ArcSwap<AccountConfig>,
    removed: AtomicBool,
    frozen: AtomicBool,
    guesses: Mutex<Guesses>,
    binds: AtomicU32,
    limiter: ArcSwapOption<Limiter>,
    pub(crate) proven: Mutex<Option<[u8; 32]>>,
}

impl Account {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> &AccountId {
        &self.id
    }

    /// Whom it acts for; never changes (another tenant is another account).
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> AccountKind {
        self.tenant.kind()
    }

    /// What is configured now. Do not keep the guard over anything slow.
    #[must_use]
    pub fn config(&self) -> Guard<Arc<AccountConfig>> {
        self.config.load()
    }

    /// Whether it may still be used: neither removed nor suspended nor frozen.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.removed.load(Ordering::Acquire) && !self.is_frozen() && !self.config.load().suspended
    }

    /// Whether it is shut out until staff let it in again.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Acquire)
    }

    /// Shuts it out, or lets it in again with nothing held against it. Returns whether that changed anything.
    /// [`Accounts::freeze`](crate::Accounts::freeze) keeps it over reloads.
    pub(crate) fn set_frozen(&self, frozen: bool) -> bool {
        self.guesses.lock().forget();
        self.frozen.swap(frozen, Ordering::AcqRel) != frozen
    }

    /// Counts a submit and whether it named nobody ([`is_guess`](crate::is_guess)). On an alarm whose action is
    /// `Freeze` the account is inactive when this returns; the caller makes that last
    /// ([`Accounts::freeze`](crate::Accounts::freeze) and a record).
    pub fn count_submit(&self, guess: bool, now: Monotonic) -> Option<GuessingAlarm> {
        let policy = self.config.load().guessing;
        if policy.action == GuessingAction::Off || self.is_frozen() {
            return None;
        }
        let (failures, submits) = self.guesses.lock().count(guess, &policy, now)?;
        let frozen = policy.action == GuessingAction::Freeze && self.set_frozen(true);
        Some(GuessingAlarm { failures, submits, frozen })
    }

    /// How many binds it has.
    #[must_use]
    pub fn binds(&self) -> u32 {
        self.binds.load(Ordering::Relaxed)
    }

    /// Takes one of its binds; dropping the ticket gives it back.
    ///
    /// # Errors
    /// [`BindRefusal::TooManyBinds`] if all are taken.
    pub fn open_bind(self: &Arc<Self>) -> Result<BindTicket, BindRefusal> {
        let most = self.config.load().max_binds.get();
        let next = |binds: u32| (binds < most).then(|| binds + 1);
        match self.binds.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next) {
            Ok(_) => Ok(BindTicket { account: Arc::clone(self), limiter: BindLimiter::default() }),
            Err(_) => Err(BindRefusal::TooManyBinds),
        }
    }

    /// Takes `parts` out of the account's rate.
    ///
    /// # Errors
    /// [`Reason::Tps`] if the rate is used up (nothing is taken then).
    pub fn check_rate(&self, now: Monotonic, parts: u32) -> Result<(), Reason> {
        self.limiter.load().as_ref().map_or(Ok(()), |limiter| limiter.check(now, parts))
    }

    pub(crate) fn new(config: AccountConfig) -> Self {
        Self {
            id: config.id.clone(),
            tenant: config.tenant.clone(),
            removed: AtomicBool::new(false),
            frozen: AtomicBool::new(false),
            guesses: Mutex::default(),
            binds: AtomicU32::new(0),
            limiter: ArcSwapOption::new(config.rate_per_second.map(|rate| Arc::new(Limiter::new(rate)))),
            proven: Mutex::new(None),
            config: ArcSwap::from_pointee(config),
        }
    }

    /// Takes new settings; the limiter starts anew only if the rate differs.
    pub(crate) fn update(&self, config: AccountConfig) {
        if config.rate_per_second != self.config.load().rate_per_second {
            self.limiter.store(config.rate_per_second.map(|rate| Arc::new(Limiter::new(rate))));
        }
        self.config.store(Arc::new(config));
    }

    pub(crate) fn remove(&self) {
        self.removed.store(true, Ordering::Release);
    }

    pub(crate) fn may_come_from(&self, source: IpAddr) -> bool {
        let (config, source) = (self.config.load(), source.to_canonical());
        config.allow_from.is_empty() || config.allow_from.iter().any(|network| network.contains(&source))
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("id", &self.id).finish_non_exhaustive()
    }
}

/// One live bind of an account, with the bind's own rate.
#[derive(Debug)]
pub struct BindTicket {
    account: Arc<Account>,
    limiter: BindLimiter,
}

impl BindTicket {
    /// The account it belongs to.
    #[must_use]
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Takes `parts` out of the bind's rate, then out of the account's.
    ///
    /// # Errors
    /// [`Reason::Tps`] if either is used up.
    pub fn check_rate(&mut self, now: Monotonic, parts: u32) -> Result<(), Reason> {
        let rate = self.account.config.load().rate_per_bind;
        self.limiter.check(rate, now, parts)?;
        self.account.check_rate(now, parts)
    }
}

impl Drop for BindTicket {
    fn drop(&mut self) {
        self.account.binds.fetch_sub(1, Ordering::AcqRel);
    }
}
