//! What lies open of a message in the journal and is enough to know when it is due, when it expires and where it waits.
//! What counts is what the record says when it is opened.

use veilgate_names::{AuthorizationId, ServiceNumber, Timestamp};

use crate::ruling::Ruled;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Label {
    pub(crate) service_number: ServiceNumber,
    pub(crate) accepted_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) scheduled_at: Option<Timestamp>,
    /// Its authorization's [`tag_of`].
    pub(crate) tag: u32,
    /// What the carrier's rules said of it.
    pub(crate) ruled: Ruled,
}

/// In the tag of a parked message: the rules put it off, and it leaves earlier if they change.
pub(crate) const EARLY: u32 = 1 << 31;

/// The tag of a message where it is parked.
pub(crate) fn parked_tag(tag: u32, ruled: &Ruled) -> u32 {
    if ruled.may_leave_early { tag | EARLY } else { tag }
}

/// A short stand-in for an authorization's id, to sort out which messages a revocation may concern (31 bits of FNV-1a). Two may have
/// the same: whoever finds one looks at the message itself.
pub(crate) fn tag_of(id: &AuthorizationId) -> u32 {
    tag_of_octets(id.as_str().as_bytes())
}

/// The same, of an id that was not read.
pub(crate) fn tag_of_octets(id: &[u8]) -> u32 {
    !EARLY
        & id.iter().fold(0x811c_9dc5, |tag: u32, octet| (tag ^ u32::from(*octet)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_tags_of_their_own() {
        let tag = |text| tag_of(&AuthorizationId::parse(text).unwrap());
        assert_ne!(tag("au-1"), tag("au-2"));
        assert_eq!(tag("a"), 0x640c_292c);
    }
}
