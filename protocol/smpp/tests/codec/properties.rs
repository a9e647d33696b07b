//! Decode, then encode: the same octets. Cut anywhere: a refusal, never a panic or a look past the end.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use veilgate_smpp::codec::{CommandId, split};
use veilgate_smpp::pdu::Pdu;
use veilgate_smpp::side::{North, South};

use crate::wire::{ALL, Alphabet, any_pdu, body, pdu};

const MAX: u32 = 70_000;

/// Decodes a whole PDU and encodes it again.
fn again(input: &[u8]) -> Option<BytesMut> {
    let frame = split(input, MAX).unwrap().unwrap();
    let decoded = Pdu::<North>::decode(frame).ok()?;
    let mut out = BytesMut::new();
    decoded.encode(frame.header.command_status, frame.header.sequence_number, &mut out);
    Some(out)
}

#[test]
fn every_pdu_round_trips() {
    for id in ALL {
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 64,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let strategy = (body(id, Alphabet::Any), any::<u32>());
        runner
            .run(&strategy, |(body, sequence)| {
                let input = pdu(id, 0, sequence, &body);
                let out = again(&input);
                prop_assert_eq!(out.as_deref(), Some(input.as_slice()), "{:?}", id);
                Ok(())
            })
            .unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_sides_take_canonical_input(input in any_pdu(Alphabet::Any)) {
        let frame = split(&input, MAX).unwrap().unwrap();
        prop_assert!(Pdu::<North>::decode(frame).is_ok());
        prop_assert!(Pdu::<South>::decode(frame).is_ok());
    }

    #[test]
    fn a_cut_pdu_is_refused_or_shorter(input in any_pdu(Alphabet::Any)) {
        for end in 16..input.len() {
            let mut cut = input[..end].to_vec();
            cut[..4].copy_from_slice(&u32::try_from(end).unwrap().to_be_bytes());
            let expected = again(&cut);
            if let Some(out) = &expected {
                prop_assert_eq!(&out[..], &cut[..]);
            }
            // What stands behind the PDU must not matter.
            cut.extend_from_slice(&input[end..]);
            prop_assert_eq!(again(&cut), expected);
            let frame = split(&cut, MAX).unwrap().unwrap();
            prop_assert_eq!(frame.length(), end);
            let _ = Pdu::<South>::decode(frame);
        }
    }

    #[test]
    fn anything_is_decoded_losslessly_or_refused(
        id in prop_oneof![proptest::sample::select(ALL.to_vec()), any::<u32>().prop_map(CommandId)],
        body in vec(prop_oneof![3 => Just(0u8), 2 => 0..8u8, 1 => any::<u8>()], 0..120),
    ) {
        let input = pdu(id, 0, 7, &body);
        if let Some(out) = again(&input) {
            prop_assert_eq!(&out[..], &input[..]);
        }
    }

    #[test]
    fn a_flipped_octet_never_panics(
        input in any_pdu(Alphabet::Any), at in any::<prop::sample::Index>(), octet in any::<u8>(),
    ) {
        let mut input = input;
        let at = at.index(input.len());
        input[at] = octet;
        if let Ok(Some(frame)) = split(&input, MAX) {
            let _ = format!("{:?}", Pdu::<South>::decode(frame));
            if let Ok(decoded) = Pdu::<North>::decode(frame) {
                let mut out = BytesMut::new();
                decoded.encode(frame.header.command_status, frame.header.sequence_number, &mut out);
                prop_assert_eq!(&out[16..], frame.body);
            }
        }
    }

    #[test]
    fn a_stream_is_cut_where_its_lengths_say(
        inputs in vec(any_pdu(Alphabet::Any), 1..5), held_back in any::<prop::sample::Index>(),
    ) {
        let stream = inputs.concat();
        let mut rest = stream.as_slice();
        for input in &inputs {
            prop_assert_eq!(split(&rest[..held_back.index(input.len())], MAX), Ok(None));
            let frame = split(rest, MAX).unwrap().unwrap();
            prop_assert_eq!(frame.length(), input.len());
            prop_assert_eq!(frame.body, &input[16..]);
            rest = &rest[frame.length()..];
        }
        prop_assert_eq!(split(rest, MAX), Ok(None));
    }

    #[test]
    fn split_takes_any_octets(input in vec(any::<u8>(), 0..64), max in any::<u32>()) {
        let _ = split(&input, max);
    }
}
