//! What of a message is judged: its text, whole. Signatures, templates and words join [`judge`]; nothing that is only a
//! part of a text ever gets past it, so a word cannot hide between two parts.

use veilgate_names::Reason;

use crate::live::Body;

/// Whether a message may be sent for what it says. `body` is one message as it came, or all parts of a text put
/// together.
///
/// # Errors
/// `Schema` for what is no whole text.
pub(crate) fn judge(body: &Body) -> Result<(), Reason> {
    let is_part = body.has_header() || body.segment.is_some();
    if is_part { Err(Reason::Schema) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use veilgate_names::Octets;

    use super::*;

    #[test]
    fn a_part_is_no_content() {
        let text = Octets::from(&b"\x05\x00\x03\x01\x02\x01half"[..]);
        let body = Body {
            data_coding: 0,
            esm_class: 0,
            protocol_id: 0,
            priority: 0,
            text,
            segment: None,
            service: crate::service::ServiceType::default(),
        };
        assert_eq!(judge(&body), Ok(()));
        let by_header = Body { esm_class: Body::HEADER, ..body.clone() };
        assert_eq!(judge(&by_header), Err(Reason::Schema));
        let by_tlvs = Body { segment: Some((1, 2, 1)), ..body };
        assert_eq!(judge(&by_tlvs), Err(Reason::Schema));
    }
}
