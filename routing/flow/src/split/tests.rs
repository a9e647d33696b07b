use std::collections::HashSet;

use veilgate_names::Reason;
use veilgate_smpp::text::encoding::{UCS2, encode_ucs2};
use veilgate_smpp::text::udh::UserDataHeader;

use super::*;
use crate::service::ServiceType;

fn body(data_coding: u8, text: Vec<u8>) -> Body {
    Body {
        data_coding,
        esm_class: 0,
        protocol_id: 3,
        priority: 1,
        text: Octets::from(text),
        segment: None,
        service: ServiceType::default(),
    }
}

fn chinese(count: usize) -> Body {
    let mut out = Vec::new();
    encode_ucs2(&"验".repeat(count), &mut out);
    body(UCS2, out)
}

fn plan(rule: LongRule, whole: &Body) -> Plan {
    let total = parts_of(whole, rule, DefaultAlphabet::Gsm7).unwrap();
    Plan { rule, alphabet: DefaultAlphabet::Gsm7, reference: 0x1A7, total }
}

#[test]
fn each_rule_has_its_parts() {
    let whole = chinese(71);
    let narrow = Plan { reference: 0xA7, ..plan(LongRule::Udh8, &whole) }.bodies(&whole);
    let (header, text) = UserDataHeader::parse(&narrow[1].text).unwrap();
    assert_eq!(header.segment, Some(Segment { reference: 0xA7, total: 2, number: 2 }));
    assert_eq!((narrow[0].text.len(), text.len(), narrow[0].esm_class), (6 + 134, 8, Body::HEADER));
    assert_eq!((narrow[1].protocol_id, narrow[1].priority, narrow[1].data_coding), (3, 1, UCS2));

    let wide = plan(LongRule::Udh16, &whole).bodies(&whole);
    assert_eq!(wide[0].text[..7], [6, 8, 4, 0x01, 0xA7, 2, 1]);
    assert_eq!([wide[0].text.len(), wide[1].text.len()], [7 + 132, 7 + 10]);

    let tlvs = plan(LongRule::Sar, &whole).bodies(&whole);
    assert_eq!([tlvs[0].segment, tlvs[1].segment], [Some((0x1A7, 2, 1)), Some((0x1A7, 2, 2))]);
    assert_eq!([&*tlvs[0].text, &*tlvs[1].text].concat(), *whole.text);
    assert_eq!(tlvs[0].esm_class, 0);
    assert_eq!(parts_of(&whole, LongRule::Payload, DefaultAlphabet::Gsm7), None);
}

#[test]
fn what_fits_into_one_message_is_not_cut() {
    assert_eq!(parts_of(&chinese(70), LongRule::Udh8, DefaultAlphabet::Gsm7), None);
    assert_eq!((segments_of(&chinese(70)), segments_of(&chinese(71)), segments_of(&chinese(135))), (1, 2, 3));
    let text = body(0, vec![b'a'; 160]);
    assert_eq!(parts_of(&text, LongRule::Udh8, DefaultAlphabet::Gsm7), None);
    assert_eq!(parts_of(&text, LongRule::Udh8, DefaultAlphabet::Latin1), Some(2));
    let own = Body { esm_class: Body::HEADER, ..chinese(100) };
    assert_eq!(parts_of(&own, LongRule::Udh8, DefaultAlphabet::Gsm7), None);
    let endless = body(0, vec![b'a'; 153 * 255 + 1]);
    assert_eq!(parts_of(&endless, LongRule::Udh8, DefaultAlphabet::Gsm7), None);
    assert!(Plan { total: 3, ..plan(LongRule::Udh8, &chinese(71)) }.bodies(&chinese(71)).is_empty());
}

#[test]
fn references_to_a_person_differ() {
    let mut references = References::default();
    let person = |octet| SubscriberKey([octet; 16]);
    let given: HashSet<u16> = (0..256).map(|_| references.next(LongRule::Udh8, 0, person(1), 7)).collect();
    assert_eq!(given.len(), 256);
    assert!(given.iter().all(|reference| *reference < 256));
    let wide: HashSet<u16> = (0..1000).map(|_| references.next(LongRule::Udh16, 0, person(2), 7)).collect();
    assert_eq!(wide.len(), 1000);
    let firsts = (0..20).map(|seed| References::default().next(LongRule::Udh8, 0, person(1), seed));
    assert!(firsts.collect::<HashSet<_>>().len() > 10, "a start does not begin where the last did");
}

#[test]
fn records_read_back() {
    let split = SplitRecord {
        channel: ChannelId::parse("smsc-1").unwrap(),
        plan: Plan { rule: LongRule::Sar, alphabet: DefaultAlphabet::Latin1, reference: 513, total: 9 },
        first: MessageId(1 << 40),
    };
    let mut octets = Vec::new();
    split.write(&mut octets);
    assert!(SplitRecord::is(&octets) && !PartEnd::is(&octets));
    assert_eq!(SplitRecord::read(&octets), Ok(split));
    for cut in 0..octets.len() {
        assert!(SplitRecord::read(&octets[..cut]).is_err(), "cut at {cut}");
    }
    let open = PartEnd {
        state: FinalState::Undeliverable,
        reason: Some(Reason::SmscUndelivered),
        error: 12,
        attempts: 3,
        by_receipt: true,
        billed: true,
        submitted_at: Some(Timestamp(5)),
        answered: None,
        done_at: Timestamp(7),
    };
    let answered = Some((Octets::from(&b"id-1"[..]), Timestamp(6)));
    for end in [PartEnd { answered, ..open.clone() }, PartEnd { reason: None, submitted_at: None, ..open }] {
        octets.clear();
        end.write(&mut octets);
        assert!(PartEnd::is(&octets));
        assert_eq!(PartEnd::read(&octets), Ok(end));
    }
}
