//! The crate from outside: a feed goes in, a device ID becomes a destination in a `submit_sm` and nothing else, and the
//! sender of a reply becomes the same subscriber.

#![expect(clippy::unwrap_used, reason = "only tests run this")]

use std::sync::Arc;

use bytes::BytesMut;
use veilgate_identity::{
    AddressForm, Class, Config, Contact, Identity, KeyRing, SlotMatch, Slots, Vault, apply_changes, import,
};
use veilgate_names::{AsOf, AuthorizationId, KeyId, Reason, ServiceNumber, Timestamp};
use veilgate_smpp::codec::{Address, CString, EsmClass, OctetString, RegisteredDelivery, Time};
use veilgate_smpp::pdu::SouthSubmit;
use veilgate_smpp::side::{Side, South, SouthNumber};

mod feed;

const KEY: [u8; 16] = *b"notary's key k1.";

fn identity(subscribers: u32) -> Identity {
    let keys = Arc::new(KeyRing::generate(&[1; 32], &mut feed::entropy()).unwrap());
    keys.import_edi_key(&KeyId::parse("k1").unwrap(), KEY, false);
    let feed = feed::feed(subscribers);
    let vault = import(feed.bindings.as_bytes(), feed.tenures.as_bytes(), &keys).unwrap();
    Identity::new(keys, vault, Config::default())
}

fn now() -> Timestamp {
    Timestamp::parse("2026-03-02T10:00:00").unwrap()
}

fn contact(identity: &Identity, plain: &str) -> Result<Contact, Reason> {
    identity.resolve(&[feed::encrypt(KEY, [3; 12], plain)], AsOf::parse("2026-03-01").unwrap(), now())
}

fn sender(ton: u8, digits: &str) -> SouthNumber<'_> {
    South::source(Address::<20>::new(ton, 1, digits.as_bytes()).unwrap())
}

fn submit(contact: &Contact, form: AddressForm) -> Vec<u8> {
    let none = || CString::new(b"").unwrap();
    let mut pdu = BytesMut::new();
    SouthSubmit {
        service_type: none(),
        source: Address::new(0, 1, b"10690001").unwrap(),
        destination: &contact.smsc_address(form).unwrap(),
        esm_class: EsmClass(0),
        protocol_id: 0,
        priority_flag: 0,
        schedule_delivery_time: Time::new(b"").unwrap(),
        validity_period: Time::new(b"").unwrap(),
        registered_delivery: RegisteredDelivery(1),
        replace_if_present_flag: 0,
        data_coding: 0,
        short_message: OctetString::new(b"hi").unwrap(),
        message_payload: None,
        concatenation: None,
        user_message_reference: None,
        more_messages_to_send: None,
    }
    .encode(1, &mut pdu);
    pdu.to_vec()
}

fn holds(pdu: &[u8], needle: &[u8]) -> bool {
    pdu.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn there_and_back() {
    let identity = identity(20);
    let contact = contact(&identity, &format!("imsi:{}", feed::imsi(7))).unwrap();
    assert!(holds(&submit(&contact, AddressForm::International), b"\x01\x018619900000007\0"));
    assert!(holds(&submit(&contact, AddressForm::National), b"\x02\x0119900000007\0"));

    let slots = Slots::new(10);
    let service = ServiceNumber::parse("10690001").unwrap();
    let authorization = AuthorizationId::parse("au-7").unwrap();
    let slot = slots.allocate(service, 2, contact.subscriber(), &authorization, now()).unwrap();

    let known = identity.subscriber_of(sender(1, "8619900000007"), now()).unwrap();
    assert_eq!(known.subscriber(), contact.subscriber());
    assert_eq!(slots.find(service, slot.extension, known.subscriber()), SlotMatch::Found(authorization));
    let other = identity.subscriber_of(sender(2, "19900000008"), now()).unwrap();
    assert_eq!(slots.find(service, slot.extension, other.subscriber()), SlotMatch::OtherTenure);
    assert!(identity.subscriber_of(sender(1, "8619900000099"), now()).is_none());

    let mut text = String::from("call me at 199-0000-0007");
    assert!(known.mask(&mut text));
    assert_eq!(text, "call me at ***");
}

#[test]
fn a_number_in_a_record_opens_only_with_its_key() {
    let identity = identity(3);
    let contact = contact(&identity, &format!("oaid:{}", feed::oaid(1).to_uppercase())).unwrap();
    let sealer = identity.keys().sealer(Class::Number, None).unwrap();
    let sealed = contact.sealed_for_cdr(&sealer, [9; 12]);
    assert_eq!(sealer.open(b"msisdn", &sealed).unwrap(), b"8619900000001");
    let (other, changed) = identity.keys().ensure_sealer(Class::Text, None, &mut feed::entropy());
    assert!(changed && other.open(b"msisdn", &sealed).is_err());
    assert!(!format!("{contact:?} {sealed:?} {sealer:?} {identity:?}").contains("1990"));
}

#[test]
fn a_restart_knows_the_same_people() {
    let before = identity(10);
    let mut octets = Vec::new();
    before.vault().write_to(&mut octets, before.keys()).unwrap();
    let ring = before.keys().to_sealed_text().unwrap();
    let keys = Arc::new(KeyRing::from_sealed_text(&[1; 32], &ring).unwrap());
    let vault = Vault::read_from(&octets[..], &keys).unwrap();
    let after = Identity::new(keys, vault, Config::default());
    for n in 0..10 {
        let plain = format!("imsi:{}", feed::imsi(n));
        let subscriber = |identity: &Identity| contact(identity, &plain).unwrap().subscriber();
        assert_eq!(subscriber(&before), subscriber(&after));
    }
    for folder in [&octets[..], ring.as_bytes()] {
        assert!(!holds(folder, b"1990000000") && !holds(folder, &feed::imsi(1).into_bytes()));
    }
    assert_eq!(contact(&after, &format!("imsi:{}", feed::imsi(10))).err(), Some(Reason::NotFoundAsof));
}

#[test]
fn numbers_sealed_before_a_rotation_stay_readable() {
    let identity = identity(3);
    let vault_text = |identity: &Identity| {
        let mut octets = Vec::new();
        identity.vault().write_to(&mut octets, identity.keys()).unwrap();
        octets
    };
    let subscriber =
        |identity: &Identity, n| contact(identity, &format!("oaid:{}", feed::oaid(n))).unwrap().subscriber();
    let before = (subscriber(&identity, 1), vault_text(&identity));
    let mut draft = identity.keys().draft();
    assert_eq!(draft.rotate(Class::Number, None, &mut feed::entropy()), Ok(2));
    identity.keys().install(draft);
    assert_eq!(subscriber(&identity, 1), before.0);
    // A change seals new rows under the new version, and the old rows stay as they are.
    let changes = "op,msisdn,holder,from,to,network,status\nput,+8619900009999,h9,2020-01-01,,own,active\n";
    let changed = apply_changes(&identity.vault(), changes.as_bytes(), identity.keys()).unwrap();
    identity.replace(changed);
    assert_eq!(subscriber(&identity, 1), before.0);
    // So does a restart, on the old file and on the new.
    let ring = identity.keys().to_sealed_text().unwrap();
    let keys = Arc::new(KeyRing::from_sealed_text(&[1; 32], &ring).unwrap());
    for file in [before.1, vault_text(&identity)] {
        let after =
            Identity::new(Arc::clone(&keys), Vault::read_from(&file[..], &keys).unwrap(), Config::default());
        assert_eq!(subscriber(&after, 1), before.0);
    }
}
