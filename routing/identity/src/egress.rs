//! The only doors a number leaves by: each writes it into a sink that only its encoder can read.

use veilgate_names::{Octets, Reason};
use veilgate_smpp::pdu::SmscAddress;

use crate::cipher::Sealer;
use crate::subscriber::Contact;

/// How an SMSC wants numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressForm {
    /// Type of number 1, `86…`.
    #[default]
    International,
    /// Type of number 2, without the country code; other countries' numbers stay international.
    National,
}

impl Contact {
    /// The number as destination of a `submit_sm` (SMPP 3.4, 5.2.5 to 5.2.7).
    ///
    /// # Errors
    /// [`Reason::Internal`] if the sink refuses it, which no number does.
    pub fn smsc_address(&self, form: AddressForm) -> Result<SmscAddress, Reason> {
        const INTERNATIONAL: u8 = 1;
        const NATIONAL: u8 = 2;
        const E164: u8 = 1;
        let digits = self.number.digits();
        let (ton, digits) = match (form, digits.as_bytes().strip_prefix(b"86")) {
            (AddressForm::National, Some(national)) => (NATIONAL, national),
            _ => (INTERNATIONAL, digits.as_bytes()),
        };
        SmscAddress::write(ton, E164, digits).map_err(|_| Reason::Internal)
    }

    /// The number for a CDR or journal: `86…` under the given key, with associated data `msisdn`. The caller never
    /// gives a nonce twice.
    #[must_use]
    pub fn sealed_for_cdr(&self, sealer: &Sealer, nonce: [u8; 12]) -> Octets {
        let mut out = Vec::with_capacity(48);
        sealer.seal(nonce, b"msisdn", self.number.digits().as_bytes(), &mut out);
        Octets::from(out)
    }
}
