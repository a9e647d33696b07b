//! Whose data it is: the look-ups behind a person's rights, who shows up with a number (C-8.3, B-4.2.3.3b).

use veilgate_names::{AsOf, EncryptedDeviceId, PlatformId, SubscriberKey, Timestamp};

use super::tenure::{Tenure, Window};
use super::{Identity, Lookup};
use crate::pins::PinKey;
use crate::subscriber::Msisdn;
use crate::vault::number_hash;

impl Identity {
    /// Who held this number (any spelling of interfaces.md, 1) at that time; `None` if it is no number, nobody's, or
    /// changed hands on that day. Former subscribers are found as long as the feed tells of them.
    #[must_use]
    pub fn holder_of(&self, number: &str, at: AsOf) -> Option<SubscriberKey> {
        let number = Msisdn::parse(number.trim().as_bytes())?;
        let vault = self.vault();
        let hash = number_hash(&number, self.keys().subscriber_key());
        let tenure = Tenure::as_of(vault.tenures_of(vault.find_number(&hash)?), Window::from(at)).ok()?;
        Some(tenure.subscriber(&hash, self.keys()))
    }

    /// Whether one of these device IDs, given by that platform, meant that person as of a date, whether or not they may be contacted now.
    #[must_use]
    pub fn means(
        &self,
        platform: &PlatformId,
        edis: &[EncryptedDeviceId],
        as_of: AsOf,
        who: SubscriberKey,
        now: Timestamp,
    ) -> bool {
        let vault = self.vault();
        let lookup = self.lookup(&vault, Some(platform), as_of, now);
        let found = edis.iter().any(|edi| lookup.subscriber(edi) == Some(who));
        let pinned = || {
            let pin = self.pins.find(PinKey::new(edis, as_of, self.keys().subscriber_key()));
            pin.is_some_and(|pin| pin.subscriber == who)
        };
        found || pinned()
    }
}

impl Lookup<'_> {
    fn subscriber(&self, edi: &EncryptedDeviceId) -> Option<SubscriberKey> {
        let held = self.edi(edi).ok()?;
        Some(held.tenure.subscriber(&self.vault.number(held.number)?.hash, self.keys))
    }
}

#[cfg(test)]
mod tests;
