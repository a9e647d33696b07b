use std::num::NonZeroU32;
use std::time::Duration;

use veilgate_names::{EnterpriseId, PlatformId, Reason};

use super::*;
use crate::account::Tenant;
use crate::guessing::{GuessingAction, GuessingPolicy};
use crate::password::PasswordHash;

const NOW: Monotonic = Monotonic(1_000_000);

fn here() -> IpAddr {
    "192.0.2.1".parse().unwrap()
}

fn count(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap()
}

fn config(name: &str, password: &str) -> AccountConfig {
    AccountConfig {
        id: AccountId::parse(name).unwrap(),
        tenant: Tenant::Platform(PlatformId::parse("p1").unwrap()),
        password: PasswordHash::derive(password.as_bytes(), &[3; 16], 64, 1).unwrap(),
        allow_from: Vec::new(),
        max_binds: count(2),
        window: count(10),
        rate_per_second: None,
        rate_per_bind: None,
        certificate: None,
        suspended: false,
        dedupe: None,
        default_service_number: None,
        guessing: GuessingPolicy::default(),
    }
}

fn accounts(configs: Vec<AccountConfig>) -> Accounts {
    Accounts::new(configs, LockoutPolicy::default(), [9; 32]).unwrap()
}

fn enter(accounts: &Accounts, name: &str, password: &str) -> Result<Arc<Account>, BindRefusal> {
    accounts.authenticate(name, password.as_bytes(), here(), None, NOW)
}

#[test]
fn name_and_password_must_both_be_right() {
    let accounts = accounts(vec![config("a", "secret"), config("b", "other")]);
    assert_eq!(enter(&accounts, "a", "secret").unwrap().id().as_str(), "a");
    assert_eq!(enter(&accounts, "a", "other").unwrap_err(), BindRefusal::InvalidPassword);
    assert_eq!(enter(&accounts, "c", "secret").unwrap_err(), BindRefusal::InvalidSystemId);
    assert_eq!(enter(&accounts, "a", "secret").unwrap().id().as_str(), "a");
    assert_eq!(enter(&accounts, "a", &"s".repeat(1000)).unwrap_err(), BindRefusal::InvalidPassword);
}

#[test]
fn a_remembered_password_dies_with_its_hash() {
    let accounts = accounts(vec![config("a", "secret")]);
    enter(&accounts, "a", "secret").unwrap();
    assert!(accounts.find("a").unwrap().proven.lock().is_some());
    accounts.reload(vec![config("a", "changed")]).unwrap();
    assert_eq!(enter(&accounts, "a", "secret").unwrap_err(), BindRefusal::InvalidPassword);
    assert!(enter(&accounts, "a", "changed").is_ok());
}

#[test]
fn address_and_certificate_are_asked_for() {
    let mut listed = config("a", "secret");
    listed.allow_from = vec!["192.0.2.0/28".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let shown = CertificateFingerprint([5; 32]);
    listed.certificate = Some(shown);
    let accounts = accounts(vec![listed]);
    let try_from = |source: &str, certificate: Option<&CertificateFingerprint>| {
        accounts.authenticate("a", b"secret", source.parse().unwrap(), certificate, NOW).map(|_| ())
    };
    assert_eq!(try_from("192.0.2.9", Some(&shown)), Ok(()));
    assert_eq!(try_from("::ffff:192.0.2.9", Some(&shown)), Ok(()));
    assert_eq!(try_from("2001:db8::1", Some(&shown)), Ok(()));
    assert_eq!(try_from("192.0.2.16", Some(&shown)), Err(BindRefusal::NotAllowed));
    assert_eq!(try_from("192.0.2.9", None), Err(BindRefusal::NotAllowed));
    assert_eq!(try_from("192.0.2.9", Some(&CertificateFingerprint([6; 32]))), Err(BindRefusal::NotAllowed));
}

#[test]
fn fingerprints_are_64_hex_digits() {
    let plain = "0f".repeat(32);
    let colons = ["0F"; 32].join(":");
    assert_eq!(CertificateFingerprint::parse(&plain), Some(CertificateFingerprint([0x0f; 32])));
    assert_eq!(CertificateFingerprint::parse(&colons), CertificateFingerprint::parse(&plain));
    for text in ["", "0f", &"0f".repeat(33), &"0g".repeat(32), &"0f0".repeat(21)] {
        assert_eq!(CertificateFingerprint::parse(text), None);
    }
}

#[test]
fn failures_lock_the_source_whether_or_not_the_name_exists() {
    let accounts = accounts(vec![config("a", "secret")]);
    for (name, refusal) in [("a", BindRefusal::InvalidPassword), ("nobody", BindRefusal::InvalidSystemId)] {
        for _ in 0..4 {
            assert_eq!(enter(&accounts, name, "wrong").unwrap_err(), refusal);
        }
        assert_eq!(enter(&accounts, name, "wrong").unwrap_err(), BindRefusal::NowLockedOut);
        assert_eq!(enter(&accounts, name, "secret").unwrap_err(), BindRefusal::LockedOut);
    }
    let elsewhere = "192.0.2.2".parse().unwrap();
    assert!(accounts.authenticate("a", b"secret", elsewhere, None, NOW).is_ok());
    let later = NOW.plus(Duration::from_secs(900));
    assert!(accounts.authenticate("a", b"secret", here(), None, later).is_ok());
}

#[test]
fn binds_are_counted_and_given_back() {
    let accounts = accounts(vec![config("a", "secret")]);
    let account = accounts.find("a").unwrap();
    let (first, _second) = (account.open_bind().unwrap(), account.open_bind().unwrap());
    assert_eq!(account.open_bind().unwrap_err(), BindRefusal::TooManyBinds);
    drop(first);
    assert_eq!(account.binds(), 1);
    assert!(account.open_bind().is_ok());
}

#[test]
fn a_reload_keeps_binds_and_the_state_of_an_unchanged_rate() {
    let mut limited = config("a", "secret");
    limited.rate_per_second = Some(count(10));
    let accounts = accounts(vec![limited.clone(), config("b", "secret")]);
    let account = accounts.find("a").unwrap();
    let mut ticket = account.open_bind().unwrap();
    assert_eq!(ticket.check_rate(NOW, 10), Ok(()));
    assert_eq!(ticket.check_rate(NOW, 1), Err(Reason::Tps));

    limited.max_binds = count(1);
    let done = accounts.reload(vec![limited.clone(), config("c", "secret")]).unwrap();
    assert_eq!(done, Reloaded { added: 1, changed: 1, removed: 1 });
    assert!(Arc::ptr_eq(&accounts.find("a").unwrap(), &account));
    assert_eq!(ticket.check_rate(NOW, 1), Err(Reason::Tps));
    assert_eq!(account.open_bind().unwrap_err(), BindRefusal::TooManyBinds);

    limited.rate_per_second = Some(count(20));
    limited.rate_per_bind = Some(count(5));
    accounts.reload(vec![limited.clone()]).unwrap();
    assert_eq!(ticket.check_rate(NOW, 5), Ok(()));
    assert_eq!(ticket.check_rate(NOW, 1), Err(Reason::Tps));
    assert_eq!(account.check_rate(NOW, 15), Ok(()));
    assert_eq!(accounts.reload(vec![limited]).unwrap(), Reloaded::default());
}

#[test]
fn suspended_and_removed_accounts_turn_inactive_under_their_holders() {
    let accounts = accounts(vec![config("a", "secret")]);
    let held = enter(&accounts, "a", "secret").unwrap();
    let mut suspended = config("a", "secret");
    suspended.suspended = true;
    accounts.reload(vec![suspended]).unwrap();
    assert!(!held.is_active());
    assert_eq!(enter(&accounts, "a", "secret").unwrap_err(), BindRefusal::Inactive);
    accounts.reload(vec![config("a", "secret")]).unwrap();
    assert!(held.is_active());
    accounts.reload(Vec::new()).unwrap();
    assert!(!held.is_active());
    accounts.reload(vec![config("a", "secret")]).unwrap();
    assert!(!held.is_active() && accounts.find("a").unwrap().is_active());
}

#[test]
fn another_tenant_is_another_account() {
    let accounts = accounts(vec![config("a", "secret")]);
    let held = accounts.find("a").unwrap();
    let mut moved = config("a", "secret");
    moved.tenant = Tenant::Enterprise(EnterpriseId::parse("ent-1").unwrap());
    accounts.reload(vec![moved]).unwrap();
    assert!(!held.is_active() && !Arc::ptr_eq(&held, &accounts.find("a").unwrap()));
}

#[test]
fn a_name_twice_changes_nothing() {
    let accounts = accounts(vec![config("a", "secret")]);
    let twice = accounts.reload(vec![config("b", "x"), config("b", "y")]);
    assert_eq!(twice, Err(AccountsError::Twice(AccountId::parse("b").unwrap())));
    assert!(accounts.find("a").unwrap().is_active() && accounts.find("b").is_none());
}

#[test]
fn a_frozen_account_stays_out_over_reloads_until_it_is_let_in() {
    let accounts = accounts(vec![config("a", "secret"), config("b", "other")]);
    let a = enter(&accounts, "a", "secret").unwrap();
    assert!(accounts.freeze(a.id()) && !accounts.freeze(a.id()));
    assert!(!a.is_active());
    assert_eq!(enter(&accounts, "a", "secret").unwrap_err(), BindRefusal::Inactive);
    assert!(enter(&accounts, "b", "other").is_ok());
    accounts.reload(vec![config("b", "other")]).unwrap();
    accounts.reload(vec![config("a", "new"), config("b", "other")]).unwrap();
    assert_eq!(enter(&accounts, "a", "new").unwrap_err(), BindRefusal::Inactive, "not by leaving the file");
    assert!(accounts.unfreeze(a.id()) && !accounts.unfreeze(a.id()));
    assert!(enter(&accounts, "a", "new").is_ok());
}

#[test]
fn a_scan_freezes_or_only_alarms_or_is_not_counted() {
    for (action, alarms, active) in
        [(GuessingAction::Freeze, 1, false), (GuessingAction::Alarm, 2, true), (GuessingAction::Off, 0, true)]
    {
        let mut config = config("a", "secret");
        config.guessing = GuessingPolicy { failures: count(5), action, ..GuessingPolicy::default() };
        let accounts = accounts(vec![config]);
        let account = accounts.find("a").unwrap();
        let raised: Vec<_> = (0..10).filter_map(|_| account.count_submit(true, NOW)).collect();
        assert_eq!((raised.len(), account.is_active()), (alarms, active));
        assert!(raised.iter().all(|alarm| alarm.failures == 5 && alarm.frozen != active));
    }
}
