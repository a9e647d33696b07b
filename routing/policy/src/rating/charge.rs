//! A charge as it lies with its message.

use veilgate_names::{ObjectId, Service};

use super::Billing;
use crate::decision::Charge;
use crate::record::{BadRecord, Reader, Writer};

const VERSION: u8 = 1;

impl Charge {
    /// The octets that lie in the message's record until it ends; at most 156.
    #[must_use]
    pub fn to_octets(&self) -> Box<[u8]> {
        let service = match self.service {
            Service::Sms => 0,
            Service::Voice => 1,
        };
        let terms = service << 8 | u64::from(self.billing.octet());
        let names = Writer::new(VERSION).name(self.payer.as_str()).name(self.plan.as_str());
        names.number(self.millis).number(u64::from(self.units)).number(terms).finish()
    }

    /// Reads back [`Self::to_octets`].
    ///
    /// # Errors
    /// [`BadRecord`] for anything else.
    pub fn from_octets(octets: &[u8]) -> Result<Self, BadRecord> {
        let mut reader = Reader::new(octets, VERSION)?;
        let mut name = || reader.name().and_then(|name| ObjectId::parse(name).map_err(|_| BadRecord));
        let (payer, plan) = (name()?, name()?);
        let millis = reader.number()?;
        let units = u32::try_from(reader.number()?).map_err(|_| BadRecord)?;
        let terms = reader.number()?;
        reader.finish()?;
        let service = match terms >> 8 {
            0 => Service::Sms,
            1 => Service::Voice,
            _ => return Err(BadRecord),
        };
        let billing = Billing::from_octet(u8::try_from(terms & 0xff).map_err(|_| BadRecord)?);
        Ok(Self { payer, plan, millis, service, units, billing })
    }
}
