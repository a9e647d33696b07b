//! Who failed too often: counted per (account, source), so that a stranger cannot lock an account's owner out. The
//! map is bounded; at its bound the oldest count goes.

use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashMap};
use parking_lot::Mutex;
use veilgate_names::Monotonic;

/// When an (account, source) is locked, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutPolicy {
    /// So many failures lock it.
    pub failures: NonZeroU32,
    /// Failures further apart than this are not counted together.
    pub within: Duration,
    /// How long it stays locked.
    pub lock_for: Duration,
    /// How many (account, source) pairs are remembered.
    pub most: usize,
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        Self {
            failures: NonZeroU32::MIN.saturating_add(4),
            within: Duration::from_secs(600),
            lock_for: Duration::from_secs(900),
            most: 10_000,
        }
    }
}

pub(crate) struct Lockouts {
    policy: LockoutPolicy,
    hasher: DefaultHashBuilder,
    strikes: Mutex<HashMap<u64, Strikes>>,
}

#[derive(Clone, Copy)]
struct Strikes {
    count: u32,
    last: Monotonic,
}

impl Lockouts {
    pub(crate) fn new(policy: LockoutPolicy) -> Self {
        Self { policy, hasher: DefaultHashBuilder::default(), strikes: Mutex::default() }
    }

    pub(crate) fn is_locked(&self, system_id: &str, source: IpAddr, now: Monotonic) -> bool {
        let key = self.key(system_id, source);
        self.strikes.lock().get(&key).is_some_and(|strikes| self.locks(*strikes, now))
    }

    /// Counts a failure and returns whether it is now locked.
    pub(crate) fn strike(&self, system_id: &str, source: IpAddr, now: Monotonic) -> bool {
        let key = self.key(system_id, source);
        let mut strikes = self.strikes.lock();
        if strikes.len() >= self.policy.most && !strikes.contains_key(&key) {
            self.make_room(&mut strikes, now);
        }
        let entry = strikes.entry(key).or_insert(Strikes { count: 0, last: now });
        if self.is_over(*entry, now) {
            entry.count = 0;
        }
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
        self.locks(*entry, now)
    }

    pub(crate) fn forgive(&self, system_id: &str, source: IpAddr) {
        let key = self.key(system_id, source);
        self.strikes.lock().remove(&key);
    }

    fn locks(&self, strikes: Strikes, now: Monotonic) -> bool {
        strikes.count >= self.policy.failures.get() && now.since(strikes.last) < self.policy.lock_for
    }

    fn is_over(&self, strikes: Strikes, now: Monotonic) -> bool {
        let locked = strikes.count >= self.policy.failures.get();
        now.since(strikes.last) >= if locked { self.policy.lock_for } else { self.policy.within }
    }

    /// Drops what is over; if nothing is, the one that struck longest ago.
    fn make_room(&self, strikes: &mut HashMap<u64, Strikes>, now: Monotonic) {
        strikes.retain(|_, entry| !self.is_over(*entry, now));
        if strikes.len() >= self.policy.most
            && let Some(oldest) = strikes.iter().min_by_key(|(_, entry)| entry.last).map(|(key, _)| *key)
        {
            strikes.remove(&oldest);
        }
    }

    /// An IPv6 source counts by its /64, which one host can use up at will.
    fn key(&self, system_id: &str, source: IpAddr) -> u64 {
        let source = match source.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
            v4 @ IpAddr::V4(_) => v4,
        };
        self.hasher.hash_one((system_id, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn lockouts(most: usize) -> Lockouts {
        Lockouts::new(LockoutPolicy {
            failures: NonZeroU32::new(3).unwrap(),
            most,
            ..LockoutPolicy::default()
        })
    }

    fn source(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_third_failure_locks_this_source_only_and_for_a_while() {
        let (lockouts, here, there) = (lockouts(10), source("192.0.2.1"), source("192.0.2.2"));
        assert!(!lockouts.strike("a", here, Monotonic(0)));
        assert!(!lockouts.strike("a", here, Monotonic(SECOND)));
        assert!(lockouts.strike("a", here, Monotonic(2 * SECOND)));
        assert!(lockouts.is_locked("a", here, Monotonic(3 * SECOND)));
        assert!(lockouts.is_locked("a", source("::ffff:192.0.2.1"), Monotonic(3 * SECOND)));
        assert!(!lockouts.is_locked("a", there, Monotonic(3 * SECOND)));
        assert!(!lockouts.is_locked("b", here, Monotonic(3 * SECOND)));
        assert!(!lockouts.is_locked("a", here, Monotonic(902 * SECOND)));
        assert!(!lockouts.strike("a", here, Monotonic(902 * SECOND)));
    }

    #[test]
    fn success_and_time_forgive() {
        let (lockouts, here) = (lockouts(10), source("192.0.2.1"));
        for at in [0, 700, 1400, 2100] {
            assert!(!lockouts.strike("a", here, Monotonic(at * SECOND)));
        }
        lockouts.strike("a", here, Monotonic(2101 * SECOND));
        lockouts.forgive("a", here);
        assert!(!lockouts.strike("a", here, Monotonic(2102 * SECOND)));
    }

    #[test]
    fn an_ipv6_host_is_its_network() {
        let lockouts = lockouts(10);
        for host in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
            lockouts.strike("a", source(host), Monotonic(0));
        }
        assert!(lockouts.is_locked("a", source("2001:db8::4"), Monotonic(1)));
        assert!(!lockouts.is_locked("a", source("2001:db8:0:1::4"), Monotonic(1)));
    }

    #[test]
    fn the_map_is_bounded() {
        let lockouts = lockouts(100);
        for i in 0..1000_u32 {
            lockouts.strike("a", IpAddr::V4(i.into()), Monotonic(u64::from(i)));
        }
        assert_eq!(lockouts.strikes.lock().len(), 100);
    }
}
