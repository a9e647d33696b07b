//! Numbers that come in from the south: the sender of a reply, the caller of a callback. A number goes in, a
//! `SubscriberKey` comes out, or nothing if it is nobody of ours.

use std::fmt;

use veilgate_names::{SubscriberKey, Timestamp};
use veilgate_smpp::side::SouthNumber;

use crate::mask::Torn;
use crate::resolve::Identity;
use crate::resolve::tenure::Tenure;
use crate::subscriber::{Contact, Msisdn, is_mainland};
use crate::vault::number_hash;

/// An own subscriber who wrote or called.
pub struct Known {
    pub(crate) number: Msisdn,
    subscriber: SubscriberKey,
}

impl Known {
    /// Who it is to the gateway's rules.
    #[must_use]
    pub fn subscriber(&self) -> SubscriberKey {
        self.subscriber
    }

    /// Replaces the sender's own number wherever it stands in `text`, however it is spelled: bare or with `86`, `+86`,
    /// `0086`, with any separators, in the digits of any script, enclosed or Chinese numerals, mixed. True if it was
    /// there.
    pub fn mask(&self, text: &mut String) -> bool {
        crate::mask::mask(&self.number, text)
    }

    /// [`Self::mask`] for a piece of a text: at an end where a part is missing also what may be the beginning or the
    /// rest of the number.
    pub fn mask_torn(&self, text: &mut String, torn: Torn) -> bool {
        crate::mask::mask_torn(&self.number, text, torn)
    }

    /// Whether octets hold the sender's own number in some reading, whatever they are said to be: as text, UTF-16,
    /// packed septets, BCD or swapped BCD.
    #[must_use]
    pub fn occurs_in(&self, octets: &[u8]) -> bool {
        crate::mask::occurs(&self.number, octets)
    }
}

impl Contact {
    /// The same person as one who wrote: for replies whose sender was read before a restart.
    #[must_use]
    pub fn as_writer(&self) -> Known {
        Known { number: self.number.clone(), subscriber: self.subscriber }
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known(***)")
    }
}

impl Identity {
    /// The own subscriber who has this number now; `None` if it is no number, nobody's, or another carrier's.
    #[must_use]
    pub fn subscriber_of(&self, number: SouthNumber<'_>, now: Timestamp) -> Option<Known> {
        let (ton, npi, digits) = number.expose_to_ingress();
        self.known(address(ton, npi, digits)?, now)
    }

    fn known(&self, number: Msisdn, now: Timestamp) -> Option<Known> {
        let vault = self.vault();
        let hash = number_hash(&number, self.keys().subscriber_key());
        let place = vault.find_number(&hash)?;
        let tenure = Tenure::own_now(vault.tenures_of(place), now)?;
        Some(Known { number, subscriber: tenure.subscriber(&hash, self.keys()) })
    }
}

/// Reads an SMPP source address (SMPP 3.4, 5.2.5 and 5.2.6). An international number is taken at its word, except
/// that a bare mainland number mislabelled as international, which many SMSCs send, is still a mainland one.
fn address(ton: u8, npi: u8, digits: &[u8]) -> Option<Msisdn> {
    const INTERNATIONAL: u8 = 1;
    const NATIONAL: u8 = 2;
    const ALPHANUMERIC: u8 = 5;
    if ton == ALPHANUMERIC || !matches!(npi, 0 | 1 | 8) {
        return None;
    }
    let plain = digits.first().is_some_and(|first| matches!(first, b'1'..=b'9'));
    match ton {
        INTERNATIONAL if plain && !is_mainland(digits) => Msisdn::international(digits),
        NATIONAL if plain && !digits.starts_with(b"86") => Msisdn::national(digits),
        _ => Msisdn::parse(digits),
    }
}

#[cfg(test)]
mod tests;
