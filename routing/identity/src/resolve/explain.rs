//! Why device IDs mean somebody or nobody, for the carrier's staff. Facts are counted and dated, never named: no
//! number, no device ID, no holder, no key of a subscriber. Numbers are told apart by their place only.

use veilgate_names::{AsOf, EdiVersion, EncryptedDeviceId, PlatformId, Reason, Timestamp};

use super::tenure::{Tenure, Window, tenures};
use super::{Asking, Identity, Lookup};
use crate::keys::{EdiLookup, EdiRefusal};
use crate::pins::{Pin, PinKey};
use crate::vault::{Binding, Interval, NumberRef};

mod text;

/// The most bindings or tenures of one device told one by one.
const TOLD: usize = 20;

/// What was looked at, in order, and what came of it. `Display` writes one line a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What was looked at, in order.
    pub facts: Vec<Fact>,
    /// What [`Identity::resolve`] answers to the same question.
    pub outcome: Result<(), Reason>,
}

/// One thing that was looked at. Places begin at 1; times are those of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// What was asked: a day (or an instant), seen from now.
    Asked {
        /// The day or instant.
        as_of: AsOf,
        /// When it is asked.
        now: Timestamp,
    },
    /// The date is before the carrier's history begins; an earlier look-up was kept, or not.
    BeyondHistory {
        /// Where the history begins.
        floor: Timestamp,
        /// Whether it is kept whom these device IDs meant on that date.
        pinned: bool,
    },
    /// A device ID.
    Device {
        /// Which of how many.
        place: usize,
        /// Of how many.
        of: usize,
        /// Its form.
        version: EdiVersion,
        /// The id of its key, as it names it.
        kid: String,
        /// Whether it opens.
        opening: Opening,
    },
    /// How many bindings the device has.
    Bindings {
        /// In the whole history.
        known: usize,
        /// In force when asked about.
        in_force: usize,
        /// Ended at the midnight that begins the day asked about, which counts as that day.
        ended_that_day: usize,
        /// Different numbers among those two.
        numbers: usize,
    },
    /// A binding in force or just ended.
    Binding {
        /// Which of the device's numbers.
        number: usize,
        /// Since when.
        from: Timestamp,
        /// Until when; `None` if still open.
        to: Option<Timestamp>,
        /// Whether the feed marks it as the one to use.
        primary: bool,
    },
    /// How many tenures a number has.
    Tenures {
        /// Which of the device's numbers; 0 for the one that was kept.
        number: usize,
        /// In the whole history.
        known: usize,
        /// In force when asked about.
        in_force: usize,
        /// Ended at the midnight that begins the day asked about.
        ended_that_day: usize,
    },
    /// The tenure meant.
    Tenure {
        /// Since when.
        from: Timestamp,
        /// Until when; `None` if still open.
        to: Option<Timestamp>,
    },
    /// What has become of it.
    Today(Today),
    /// What follows for one device ID, before it is asked whether the tenure is still open.
    DeviceOutcome(Result<(), Reason>),
}

/// Whether a device ID opens. Only inside these are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It opens, and holds a device ID of this kind.
    Opens(&'static str),
    /// It names a key that the ring does not have.
    UnknownKey,
    /// It names a key that is no longer used.
    RetiredKey,
    /// It is of a form that its key's profile does not allow.
    FormNotAllowed,
    /// It names a key of another platform.
    OtherOwner,
    /// Its key does not open it, or what comes out is not a device ID.
    Fails,
}

/// What has become of a tenure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Today {
    /// Open, in the own network, active.
    Open,
    /// Open, but in another carrier's network.
    PortedOut,
    /// Open, but suspended.
    Suspended,
    /// Ended; somebody else holds the number.
    OtherHolder,
    /// Ended; after a gap the same holder has the number again.
    SameHolderAgain,
    /// Ended; nobody holds the number.
    Nobody,
}

impl Identity {
    /// Tells why [`Self::resolve`] answers as it does for a platform (`None`: whichever). Costs more than a look-up; nothing is pinned.
    #[must_use]
    pub fn explain(
        &self,
        platform: Option<&PlatformId>,
        edis: &[EncryptedDeviceId],
        as_of: AsOf,
        now: Timestamp,
    ) -> Explanation {
        let vault = self.vault.load();
        let lookup = self.lookup(&vault, platform, as_of, now);
        let mut facts = vec![Fact::Asked { as_of, now }];
        let beyond = self.config.history_floor.filter(|floor| as_of.start() < *floor);
        if let Some(floor) = beyond {
            let pin = self.pins.find(PinKey::new(edis, as_of, self.keys.subscriber_key()));
            facts.push(Fact::BeyondHistory { floor, pinned: pin.is_some() });
            if let Some(pin) = pin {
                lookup.tell_pinned(pin, &mut facts);
            }
        }
        for (place, edi) in (1..).zip(edis) {
            facts.push(lookup.opening(edi, place, edis.len()));
            if beyond.is_none() {
                lookup.tell_device(edi, &mut facts);
                facts.push(Fact::DeviceOutcome(lookup.edi(edi).map(drop)));
            }
        }
        let outcome = self.answer(&vault, Asking { edis, platform, mark: None }, as_of, now).map(drop);
        Explanation { facts, outcome }
    }
}

impl Lookup<'_> {
    fn opening(&self, edi: &EncryptedDeviceId, place: usize, of: usize) -> Fact {
        let opening = match (self.device(edi), self.keys.edi_key(edi, self.platform)) {
            (Ok(device), _) => Opening::Opens(device.kind().name()),
            (Err(_), EdiLookup::Open(_)) => Opening::Fails,
            (Err(_), EdiLookup::Refused { why, .. }) => match why {
                EdiRefusal::Unknown => Opening::UnknownKey,
                EdiRefusal::Retired => Opening::RetiredKey,
                EdiRefusal::Form => Opening::FormNotAllowed,
                EdiRefusal::Owner => Opening::OtherOwner,
            },
        };
        Fact::Device { place, of, version: edi.version(), kid: edi.kid().to_owned(), opening }
    }

    fn tell_device(&self, edi: &EncryptedDeviceId, facts: &mut Vec<Fact>) {
        let Ok(device) = self.device(edi) else { return };
        let all = self.vault.bindings_of(&device.index(self.keys.index_key()));
        let concerned: Vec<&Binding> =
            all.iter().filter(|binding| self.window.concerns(binding.interval)).collect();
        let mut numbers: Vec<NumberRef> = concerned.iter().map(|binding| binding.number()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let in_force = concerned.iter().filter(|binding| self.window.overlaps(binding.interval)).count();
        facts.push(Fact::Bindings {
            known: all.len(),
            in_force,
            ended_that_day: concerned.len() - in_force,
            numbers: numbers.len(),
        });
        for binding in concerned.iter().take(TOLD) {
            let number = numbers.iter().position(|number| *number == binding.number()).unwrap_or(0) + 1;
            let (from, to) = times(binding.interval);
            facts.push(Fact::Binding { number, from, to, primary: binding.primary() });
        }
        for (place, number) in (1..).zip(&numbers).take(TOLD) {
            self.tell_number(place, *number, facts);
        }
    }

    fn tell_number(&self, place: usize, number: NumberRef, facts: &mut Vec<Fact>) {
        let all = self.vault.tenures_of(number);
        let concerned = || tenures(all).filter(|tenure| self.window.concerns(tenure.interval()));
        let in_force = || tenures(all).filter(|tenure| self.window.overlaps(tenure.interval()));
        facts.push(Fact::Tenures {
            number: place,
            known: tenures(all).count(),
            in_force: in_force().count(),
            ended_that_day: concerned().count() - in_force().count(),
        });
        for tenure in in_force().take(TOLD) {
            self.tell_tenure(&tenure, facts);
        }
    }

    fn tell_tenure(&self, tenure: &Tenure<'_>, facts: &mut Vec<Fact>) {
        let (from, to) = times(tenure.interval());
        facts.push(Fact::Tenure { from, to });
        facts.push(Fact::Today(match tenure.still_contactable(self.now) {
            Ok(()) => Today::Open,
            Err(Reason::PortedOut) => Today::PortedOut,
            Err(Reason::Suspended) => Today::Suspended,
            Err(Reason::NumberReassigned) => Today::OtherHolder,
            Err(Reason::NumberRetakenSameHolder) => Today::SameHolderAgain,
            Err(_) => Today::Nobody,
        }));
    }

    fn tell_pinned(&self, pin: Pin, facts: &mut Vec<Fact>) {
        let Some(number) = self.vault.find_number(&pin.number) else {
            facts.push(Fact::Tenures { number: 0, known: 0, in_force: 0, ended_that_day: 0 });
            return;
        };
        let all = self.vault.tenures_of(number);
        let open = tenures(all).filter(|tenure| Window::from(self.now).overlaps(tenure.interval())).count();
        facts.push(Fact::Tenures {
            number: 0,
            known: tenures(all).count(),
            in_force: open,
            ended_that_day: 0,
        });
        let is_pinned = |tenure: &Tenure<'_>| tenure.subscriber(&pin.number, self.keys) == pin.subscriber;
        match tenures(all).find(is_pinned) {
            Some(tenure) => self.tell_tenure(&tenure, facts),
            None if open > 0 => facts.push(Fact::Today(Today::OtherHolder)),
            None => facts.push(Fact::Today(Today::Nobody)),
        }
    }
}

fn times(interval: Interval) -> (Timestamp, Option<Timestamp>) {
    let to = (interval.to != Interval::OPEN).then(|| Timestamp(interval.end_ms()));
    (Timestamp(interval.start_ms()), to)
}

#[cfg(test)]
mod tests;
