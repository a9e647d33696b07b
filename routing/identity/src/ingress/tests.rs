use super::*;
use crate::carrier::{NOW, TENURES, as_of, at, edi, identity, keys};

fn digits(ton: u8, npi: u8, text: &str) -> Option<String> {
    address(ton, npi, text.as_bytes())
        .map(|number| String::from_utf8(number.digits().as_bytes().to_vec()).unwrap())
}

#[test]
fn addresses_are_read_as_smscs_write_them() {
    let own = Some("8619900001234".to_owned());
    for (ton, npi, text) in [
        (1, 1, "8619900001234"),
        (1, 1, "+8619900001234"),
        (1, 1, "19900001234"),
        (1, 1, "008619900001234"),
        (2, 1, "19900001234"),
        (2, 8, "019900001234"),
        (2, 1, "8619900001234"),
        (0, 0, "19900001234"),
        (0, 0, "8619900001234"),
        (0, 1, "+8619900001234"),
        (4, 1, "19900001234"),
    ] {
        assert_eq!(digits(ton, npi, text), own, "{ton} {npi} {text}");
    }
    assert_eq!(
        digits(1, 1, "14155552671"),
        Some("8614155552671".to_owned()),
        "a bare mainland shape is mainland"
    );
    assert_eq!(digits(1, 1, "+14155552671"), Some("14155552671".to_owned()));
    assert_eq!(digits(1, 1, "447700900123"), Some("447700900123".to_owned()));
}

#[test]
fn what_is_no_number_is_nobody() {
    for (ton, npi, text) in [
        (5, 0, "19900001234"),
        (0, 6, "19900001234"),
        (0, 0, ""),
        (0, 0, "10690001"),
        (1, 1, "BANK"),
        (0, 0, "10086"),
    ] {
        assert_eq!(digits(ton, npi, text), None, "{ton} {npi} {text}");
    }
}

#[test]
fn a_sender_is_whoever_has_the_number_now() {
    let tenures = format!(
        "{TENURES}{}",
        concat!(
            "19900000001,h1,2023-01-01,,own,active\n",
            "19900000002,h2,2023-01-01,2025-01-01,own,active\n",
            "19900000002,h3,2025-02-01,,own,active\n",
            "19900000003,h4,2023-01-01,,out,active\n",
            "19900000004,h5,2023-01-01,2025-01-01,own,active\n",
            "19900000005,h6,2023-01-01,,own,active\n",
            "19900000005,h7,2025-01-01,,own,active\n",
            "19900000006,h8,2023-01-01,2025-11-01,own,active\n",
            "19900000006,h8,2025-11-01,,out,active\n",
        )
    );
    let bindings = "id_type,id,msisdn,from,to,primary\ncuid,a,19900000001,2024-01-01,,\n";
    let identity = identity(&keys(), bindings, &tenures);
    let known = |n: u8, when: &str| {
        identity
            .known(Msisdn::parse(format!("1990000000{n}").as_bytes()).unwrap(), at(when))
            .map(|k| k.subscriber())
    };
    let contact = identity.resolve(&[edi("cuid:a")], as_of("2025-05-01"), at(NOW)).unwrap();
    assert_eq!(known(1, NOW), Some(contact.subscriber()), "the same person both ways");
    assert!(known(2, "2024-06-01").is_some());
    assert!(known(2, "2025-01-15").is_none());
    assert_ne!(known(2, "2024-06-01"), known(2, NOW));
    assert_eq!([known(3, NOW), known(4, NOW), known(5, NOW), known(9, NOW)], [None; 4]);
    assert!(known(6, "2025-10-01").is_some());
    assert!(known(6, NOW).is_none());
}

#[test]
fn a_known_sender_prints_nothing() {
    let number = Msisdn::parse(b"19900001234").unwrap();
    let known = Known { number, subscriber: SubscriberKey([1; 16]) };
    assert_eq!(format!("{known:?}"), "Known(***)");
}
