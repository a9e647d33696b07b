//! Templates against rusmpp's reading of them.

use bytes::Bytes;

use super::super::recipients::{RecipientForm, Row};
use super::*;
use crate::message::Message;
use crate::wire::Frame;

fn kind(length: usize, wide: bool, split: Option<Split>) -> Kind {
    let prefix = "[V]".to_owned();
    Kind { weight: 1, prefix, length, wide, split, registered_delivery: 1, receipt_percent: 100.0 }
}

fn row() -> Row {
    Row {
        pseudonym: "Zk3v8QpR2s".into(),
        authorization_id: "au-1".into(),
        edi: "edi1.k1.x".into(),
        as_of: "2026-03-01".into(),
        enterprise: "ent-1".into(),
        number: String::new(),
    }
}

fn recipients(form: RecipientForm) -> Recipients {
    let mut recipients = Recipients::default();
    recipients.add(&row(), form).unwrap();
    recipients
}

/// Every submit_sm of message 123,456 as rusmpp reads it.
fn sent(kind: &Kind, recipients: &Recipients, receipt: bool) -> Vec<Message> {
    let template = Template::new(&Address::guess("10690001"), kind).unwrap();
    let one = |part| {
        let mut out = Vec::new();
        template.put(
            &mut out,
            part,
            Fill { sequence: 5, number: 123_456, receipt, recipients, turn: 123_456 },
        );
        let frame = Frame { id: 4, status: 0, sequence: 5, octets: Bytes::from(out) };
        Message::from_pdu(frame.command().unwrap().pdu().unwrap()).unwrap()
    };
    (0..template.parts()).map(one).collect()
}

#[test]
fn rusmpp_reads_what_the_template_makes() {
    let forms = [RecipientForm::Pseudonym, RecipientForm::Authorization, RecipientForm::Edi];
    for (form, wide) in forms.into_iter().flat_map(|form| [(form, false), (form, true)]) {
        let messages = sent(&kind(60, wide, None), &recipients(form), true);
        let [message] = messages.as_slice() else { panic!("one part") };
        let text = text::decode(&message.octets, message.data_coding);
        assert!(text.starts_with("[V]#000000123456 the quick") && text.chars().count() == 60, "{text}");
        let as_of = message.tlv(tag::AS_OF);
        assert_eq!(as_of, (form == RecipientForm::Edi).then_some(&b"20260301"[..]));
        assert_eq!(message.destination.ton, if form == RecipientForm::Pseudonym { 5 } else { 0 });
        assert_eq!(message.registered_delivery, 1);
    }
}

#[test]
fn long_texts_come_whole_out_of_their_parts() {
    let recipients = recipients(RecipientForm::Authorization);
    let splits = [Split::Udh, Split::Udh16, Split::Sar, Split::Payload];
    for (split, wide) in splits.into_iter().flat_map(|split| [(split, false), (split, true)]) {
        let messages = sent(&kind(400, wide, Some(split)), &recipients, true);
        let expected = match (split, wide) {
            (Split::Payload, _) => 1,
            (_, false) => 3,
            (_, true) => 6,
        };
        assert_eq!(messages.len(), expected, "{split:?}");
        let read: Vec<_> = messages.iter().map(crate::smsc::read).collect();
        let text: String = read.iter().map(|(text, _)| text.as_str()).collect();
        assert!(text.starts_with("[V]#000000123456 the") && text.chars().count() == 400, "{text}");
        for (index, (_, part)) in read.iter().enumerate().filter(|_| expected > 1) {
            let part = part.unwrap();
            let reference = if split == Split::Udh { 123_456 % 256 } else { 123_456 % 65_536 };
            assert_eq!((usize::from(part.total), usize::from(part.index)), (expected, index + 1));
            assert_eq!(u64::from(part.reference), reference);
        }
        let asks: Vec<_> = messages.iter().map(|message| message.registered_delivery).collect();
        assert!(asks.split_last().unwrap().1.iter().all(|asks| *asks == 0) && asks.ends_with(&[1]));
        assert!(messages.iter().all(|message| message.tlv(tag::AUTHORIZATION_ID).is_some()));
    }
}

#[test]
fn who_wants_no_receipt_asks_for_none() {
    let messages = sent(&kind(60, false, None), &recipients(RecipientForm::Edi), false);
    assert_eq!(messages[0].registered_delivery, 0);
}

#[test]
fn a_text_that_cannot_be_sent_is_refused() {
    let source = Address::guess("1069");
    let refused = |kind: &Kind| Template::new(&source, kind).is_err();
    assert!(refused(&kind(15, false, None)) && !refused(&kind(16, false, None)));
    assert!(refused(&kind(128, true, None)) && refused(&kind(255, false, None)));
    assert!(!refused(&kind(128, true, Some(Split::Sar))));
    assert!(
        refused(&kind(40_000, false, Some(Split::Udh))) && refused(&kind(40_000, true, Some(Split::Payload)))
    );
    let prefix = "p".repeat(200);
    assert!(refused(&Kind { prefix, ..kind(300, false, Some(Split::Udh)) }));
    let prefix = "汉".to_owned();
    assert!(refused(&Kind { prefix, ..kind(60, false, None) }));
}
