use proptest::prelude::*;

use super::*;
use crate::codec::TlvList;

#[test]
fn both_widths_of_reference() {
    let (header, text) = UserDataHeader::parse(&[5, 0, 3, 0xAB, 2, 1, b'h', b'i']).unwrap();
    assert_eq!(header.segment, Some(Segment { reference: 0xAB, total: 2, number: 1 }));
    assert_eq!((header.others, text), (0, &b"hi"[..]));
    let (header, text) = UserDataHeader::parse(&[6, 8, 4, 0x12, 0x34, 3, 3]).unwrap();
    assert_eq!(header.segment, Some(Segment { reference: 0x1234, total: 3, number: 3 }));
    assert!(text.is_empty());
}

#[test]
fn other_elements_are_flagged() {
    let body = [11, 5, 4, 0x0B, 0x84, 0x23, 0xF0, 0, 3, 7, 2, 2, b'x'];
    let (header, text) = UserDataHeader::parse(&body).unwrap();
    assert_eq!((header.others, header.segment.unwrap().number, text), (1, 2, &b"x"[..]));
    assert_eq!(header.elements().map(|element| element.id).collect::<Vec<_>>(), [5, 0]);
    assert_eq!(
        format!("{header:?}"),
        "UserDataHeader(Some(Segment { reference: 7, total: 2, number: 2 }), 1 others)"
    );
    assert_eq!(format!("{:?}", header.elements().next().unwrap()), "Element(0x05, 4)");
}

#[test]
fn malformed_headers_are_refused() {
    for bad in [&[][..], &[1], &[5, 0, 3, 1, 2], &[3, 0, 3, 1], &[1, 0], &[2, 0, 3], &[4, 0, 2, 1, 1]] {
        assert_eq!(UserDataHeader::parse(bad).unwrap_err(), TextError::Header);
    }
    for bad in [[5, 0, 3, 1, 0, 0], [5, 0, 3, 1, 2, 0], [5, 0, 3, 1, 2, 3], [5, 0, 3, 1, 0, 1]] {
        assert_eq!(UserDataHeader::parse(&bad).unwrap_err(), TextError::Segment);
    }
    let twice = [10, 0, 3, 1, 2, 1, 0, 3, 1, 2, 2];
    assert_eq!(UserDataHeader::parse(&twice).unwrap_err(), TextError::MixedSegments);
}

#[test]
fn sar_is_all_or_nothing_and_never_beside_a_header() {
    let segment = Segment { reference: 9, total: 2, number: 1 };
    assert_eq!(Segment::from_sar(Some(9), Some(2), Some(1)), Ok(Some(segment)));
    assert_eq!(Segment::from_sar(None, None, None), Ok(None));
    assert_eq!(Segment::from_sar(Some(9), None, Some(1)), Err(TextError::Segment));
    assert_eq!(Segment::from_sar(Some(9), Some(2), Some(3)), Err(TextError::Segment));
    assert_eq!(Segment::only(Some(segment), Some(segment)), Err(TextError::MixedSegments));
    assert_eq!(Segment::only(None, Some(segment)), Ok(Some(segment)));
    assert_eq!(Segment::only(Some(segment), None), Ok(Some(segment)));
}

#[test]
fn sar_is_read_out_of_tlvs() {
    let mut tlvs = TlvList::new();
    assert_eq!(Segment::of(tlvs.view()), Ok(None));
    tlvs.push(Tag::SAR_MSG_REF_NUM, &[1]).unwrap();
    assert_eq!(Segment::of(tlvs.view()), Err(TextError::Segment));
    let mut tlvs = TlvList::new();
    tlvs.push(Tag::SAR_MSG_REF_NUM, &[1, 2]).unwrap();
    tlvs.push(Tag::SAR_TOTAL_SEGMENTS, &[3]).unwrap();
    assert_eq!(Segment::of(tlvs.view()), Err(TextError::Segment));
    tlvs.push(Tag::SAR_SEGMENT_SEQNUM, &[2]).unwrap();
    assert_eq!(Segment::of(tlvs.view()), Ok(Some(Segment { reference: 0x0102, total: 3, number: 2 })));
}

proptest! {
    #[test]
    fn segments_survive(reference: u16, total in 1u8.., seed: u8, text in prop::collection::vec(any::<u8>(), 0..150)) {
        let segment = Segment::new(reference, total, seed % total + 1).unwrap();
        let mut body = Vec::new();
        write(segment, &mut body);
        body.extend(&text);
        let (header, after) = UserDataHeader::parse(&body).unwrap();
        prop_assert_eq!((header.segment, header.others, after), (Some(segment), 0, &text[..]));
    }

    #[test]
    fn any_bytes_are_safe(body in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok((header, text)) = UserDataHeader::parse(&body) {
            let elements: usize = header.elements().map(|element| element.data.len() + 2).sum();
            prop_assert_eq!(1 + elements + text.len(), body.len());
        }
    }
}
