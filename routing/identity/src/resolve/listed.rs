//! How black and white lists know somebody.

use veilgate_names::{AsOf, ListKey, Reason, Timestamp};

use super::{Asking, Identity};
use crate::subscriber::Contact;

impl Identity {
    /// By the number, whoever holds it: the first 8 octets of an HMAC-SM3 of it, under a key of the ring that no rotation
    /// changes. It costs about a microsecond.
    #[must_use]
    pub fn list_key(&self, contact: &Contact) -> ListKey {
        contact.number.listed_as(self.keys().list_mac())
    }

    /// Whom device IDs mean, if they may be contacted now. Pins nobody.
    ///
    /// # Errors
    /// As [`Identity::resolve`].
    pub fn find(&self, asking: Asking<'_>, as_of: AsOf, now: Timestamp) -> Result<Contact, Reason> {
        self.answer(&self.vault(), asking, as_of, now).map(|(contact, _)| contact)
    }

    /// The key of whom device IDs mean, if they may be contacted now. Pins nobody.
    ///
    /// # Errors
    /// As [`Identity::resolve`].
    pub fn list_key_of(&self, asking: Asking<'_>, as_of: AsOf, now: Timestamp) -> Result<ListKey, Reason> {
        let (contact, _) = self.answer(&self.vault(), asking, as_of, now)?;
        Ok(self.list_key(&contact))
    }
}
