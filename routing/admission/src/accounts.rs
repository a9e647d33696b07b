//! The directory of north accounts: who is it, may he come in, and how a new configuration takes hold without
//! anybody losing a bind.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hashbrown::{HashMap, HashSet};
use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::Mutex;
use sm3::Sm3;
use subtle::ConstantTimeEq as _;
use veilgate_names::{AccountId, Monotonic};

use crate::account::{Account, AccountConfig, CertificateFingerprint};
use crate::lockout::{LockoutPolicy, Lockouts};
use crate::password::MAX_PASSWORD;

/// Why a bind is refused. North, all but the first two are the same `ESME_RBINDFAIL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BindRefusal {
    /// There is no such account.
    #[error("unknown account")]
    InvalidSystemId,
    /// The password is not the account's.
    #[error("wrong password")]
    InvalidPassword,
    /// Not from this address, or not with this certificate.
    #[error("not allowed")]
    NotAllowed,
    /// The account is suspended, or frozen because somebody guessed with it.
    #[error("suspended or frozen")]
    Inactive,
    /// The account has as many binds as it may have.
    #[error("too many binds")]
    TooManyBinds,
    /// Too many failures of this account from this source: this one locks it.
    #[error("locked out now")]
    NowLockedOut,
    /// The source is locked out of this account since an earlier failure.
    #[error("locked out")]
    LockedOut,
}

/// Why a configuration of accounts is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountsError {
    /// Two accounts of one name.
    #[error("account {0} stands twice")]
    Twice(AccountId),
}

/// What a reload changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reloaded {
    /// New accounts.
    pub added: usize,
    /// Accounts with other settings than before.
    pub changed: usize,
    /// Accounts that are gone.
    pub removed: usize,
}

/// All accounts. Look-ups take no lock; a reload is seen by the next look-up.
pub struct Accounts {
    directory: ArcSwap<HashMap<String, Arc<Account>>>,
    reloading: Mutex<()>,
    /// Accounts shut out by [`Self::freeze`], also such as the configuration does not name at the moment.
    frozen: Mutex<HashSet<AccountId>>,
    lockouts: Lockouts,
    process_salt: [u8; 32],
}

impl Accounts {
    /// Takes the accounts of the configuration. `process_salt` is random and lives as long as the process; remembered
    /// passwords are keyed with it.
    ///
    /// # Errors
    /// [`AccountsError`] if a name stands twice.
    pub fn new(
        configs: Vec<AccountConfig>,
        policy: LockoutPolicy,
        process_salt: [u8; 32],
    ) -> Result<Self, AccountsError> {
        let accounts = Self {
            directory: ArcSwap::default(),
            reloading: Mutex::new(()),
            frozen: Mutex::default(),
            lockouts: Lockouts::new(policy),
            process_salt,
        };
        accounts.reload(configs)?;
        Ok(accounts)
    }

    /// The account of a name, suspended ones included.
    #[must_use]
    pub fn find(&self, system_id: &str) -> Option<Arc<Account>> {
        self.directory.load().get(system_id).cloned()
    }

    /// All accounts, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Account>> {
        self.directory.load().values().cloned().collect()
    }

    /// Shuts an account out until [`Self::unfreeze`], over reloads too: its binds end, new ones are refused. Returns
    /// whether it was not frozen yet. Whoever calls it makes it last over a restart.
    pub fn freeze(&self, id: &AccountId) -> bool {
        let _no_reload = self.reloading.lock();
        let fresh = self.frozen.lock().insert(id.clone());
        if let Some(account) = self.find(id.as_str()) {
            account.set_frozen(true);
        }
        fresh
    }

    /// Lets an account in again, with nothing held against it. Returns whether it was frozen.
    pub fn unfreeze(&self, id: &AccountId) -> bool {
        let _no_reload = self.reloading.lock();
        let was = self.frozen.lock().remove(id);
        if let Some(account) = self.find(id.as_str()) {
            account.set_frozen(false);
        }
        was
    }

    /// Whether an account is frozen, known to the configuration or not.
    #[must_use]
    pub fn is_frozen(&self, id: &AccountId) -> bool {
        self.frozen.lock().contains(id)
    }

    /// Takes a new configuration as a whole or not at all. Accounts that stay keep their binds, and their rate's state
    /// unless the rate differs; removed ones and those whose tenant differs turn inactive under their holders.
    ///
    /// # Errors
    /// [`AccountsError`] if a name stands twice; nothing is changed then.
    pub fn reload(&self, configs: Vec<AccountConfig>) -> Result<Reloaded, AccountsError> {
        let _one_at_a_time = self.reloading.lock();
        if let Some(twice) = name_that_stands_twice(&configs) {
            return Err(AccountsError::Twice(twice));
        }
        let before = self.directory.load_full();
        let mut after = HashMap::with_capacity(configs.len());
        let mut reloaded = Reloaded::default();
        for config in configs {
            let name = config.id.as_str().to_owned();
            let account = match before.get(&name) {
                Some(held) if *held.tenant() == config.tenant => {
                    if **held.config() != config {
                        reloaded.changed += 1;
                        held.update(config);
                    }
                    Arc::clone(held)
                }
                _ => {
                    reloaded.added += 1;
                    let account = Account::new(config);
                    account.set_frozen(self.frozen.lock().contains(account.id()));
                    Arc::new(account)
                }
            };
            after.insert(name, account);
        }
        self.directory.store(Arc::new(after));
        let now = self.directory.load();
        for (name, held) in before.iter() {
            if !now.get(name).is_some_and(|account| Arc::ptr_eq(account, held)) {
                held.remove();
                reloaded.removed += 1;
            }
        }
        Ok(reloaded)
    }

    /// Decides whether a peer is an account. It takes tens of milliseconds (argon2) unless this password was right
    /// for this account before, so call it off the event loop and bound how many run at once. A refusal never comes
    /// quicker for a name that does not exist; a locked-out source is refused at once.
    ///
    /// # Errors
    /// [`BindRefusal`], except `TooManyBinds`, which [`Account::open_bind`] says.
    pub fn authenticate(
        &self,
        system_id: &str,
        password: &[u8],
        source: IpAddr,
        certificate: Option<&CertificateFingerprint>,
        now: Monotonic,
    ) -> Result<Arc<Account>, BindRefusal> {
        if self.lockouts.is_locked(system_id, source, now) {
            return Err(BindRefusal::LockedOut);
        }
        match self.identify(system_id, password, source) {
            Ok(account) => {
                let asked = account.config().certificate;
                if asked.is_some_and(|asked| certificate != Some(&asked)) {
                    return Err(BindRefusal::NotAllowed);
                }
                if !account.is_active() {
                    return Err(BindRefusal::Inactive);
                }
                self.lockouts.forgive(system_id, source);
                Ok(account)
            }
            Err(_) if self.lockouts.strike(system_id, source, now) => Err(BindRefusal::NowLockedOut),
            Err(refusal) => Err(refusal),
        }
    }

    /// Spends the same time whether the name exists, the source fits, or the password is wrong.
    fn identify(
        &self,
        system_id: &str,
        password: &[u8],
        source: IpAddr,
    ) -> Result<Arc<Account>, BindRefusal> {
        let Some(account) = self.find(system_id) else {
            self.spend_a_check(password);
            return Err(BindRefusal::InvalidSystemId);
        };
        if !account.may_come_from(source) {
            self.spend_a_check(password);
            return Err(BindRefusal::NotAllowed);
        }
        if self.is_proven(&account, password) { Ok(account) } else { Err(BindRefusal::InvalidPassword) }
    }

    /// The last password that was right for the account is recognised by a keyed digest of password and hash, so
    /// that many binds of one account don't cost an argon2 each; a changed hash is another digest.
    fn is_proven(&self, account: &Account, password: &[u8]) -> bool {
        let hash = account.config().password.clone();
        let digest = self.digest(hash.as_str().as_bytes(), password);
        let known = *account.proven.lock();
        if known.is_some_and(|known| digest.is_some_and(|digest| bool::from(known.ct_eq(&digest)))) {
            return true;
        }
        let right = hash.matches(password);
        if right {
            *account.proven.lock() = digest;
        }
        right
    }

    /// Checks against some account's hash, which has the cost of all the others, and ignores the outcome.
    fn spend_a_check(&self, password: &[u8]) {
        let some = self.directory.load().values().next().cloned();
        if let Some(account) = some {
            let hash = account.config().password.clone();
            std::hint::black_box(hash.matches(password));
        }
    }

    fn digest(&self, hash: &[u8], password: &[u8]) -> Option<[u8; 32]> {
        if password.len() > MAX_PASSWORD {
            return None;
        }
        let mut mac = Hmac::<Sm3>::new_from_slice(&self.process_salt).ok()?;
        mac.update(hash);
        mac.update(&[0]);
        mac.update(password);
        Some(mac.finalize().into_bytes().into())
    }
}

fn name_that_stands_twice(configs: &[AccountConfig]) -> Option<AccountId> {
    let mut names = HashSet::with_capacity(configs.len());
    configs.iter().find(|config| !names.insert(config.id.as_str())).map(|config| config.id.clone())
}

#[cfg(test)]
mod tests;
