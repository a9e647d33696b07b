//! Replies that hold the writer's own number.

use veilgate_simulators::message::Message;
use veilgate_simulators::smsc::{Event, MobileOriginated};

use super::*;

/// Every spelling a handset, a signature or a careless SMSC produces: as text, in every coding and splitting; as
/// octets whose coding is not what `data_coding` says.
pub(super) async fn write_own_number(
    gateway: &Gateway,
    notary: &mut Party,
    shop: &mut Party,
    rival: &mut Party,
) {
    let mut expected = 0;
    for place in [0, 1, 2] {
        let person = gateway.person(place).clone();
        for (coding, split, text) in texts(&person.number) {
            let (source, destination) = addresses(gateway, &person);
            let message = MobileOriginated { system_id: None, source, destination, text, coding, split };
            assert!(gateway.smsc(0).write(&message));
            expected += 1;
        }
        for (data_coding, octets) in mislabelled(&person.number) {
            let (source, destination) = addresses(gateway, &person);
            let message = Message { source, destination, data_coding, octets, ..Message::default() };
            gateway.smsc(0).deliver("veilgate", message);
            expected += 1;
        }
    }
    let mut replies = 0;
    while replies < expected {
        let next = notary.next().await;
        replies += usize::from(next.kind == IncomingKind::Reply);
    }
    for account in [shop, rival] {
        while let Ok(Some(_)) =
            tokio::time::timeout(Duration::from_millis(200), account.incoming.recv()).await
        {}
    }
}

fn addresses(gateway: &Gateway, person: &Person) -> (Address, Address) {
    let of_person = |seen: &&veilgate_simulators::smsc::Observed| seen.destination == person.international();
    let submits: Vec<_> = [0, 1].into_iter().flat_map(|place| gateway.smsc(place).submits()).collect();
    let seen = submits.iter().find(of_person).expect("the person was written to");
    assert_eq!(seen.event, Event::Submit);
    (Address { ton: 1, npi: 1, digits: person.international() }, Address::guess(&seen.source))
}

fn texts(number: &str) -> Vec<(Coding, Split, String)> {
    let (a, b, c) = (&number[..3], &number[3..7], &number[7..]);
    let spelled = |digits: &str| {
        let digit = |c: char| digits.chars().nth(usize::try_from(c.to_digit(10).unwrap()).unwrap()).unwrap();
        number.chars().map(digit).collect::<String>()
    };
    let spaced = number.chars().map(String::from).collect::<Vec<_>>().join(" ");
    let mut texts: Vec<_> = [
        format!("Call {number}"),
        format!("+86{number} is mine"),
        format!("0086{number}"),
        format!("86 {a} {b} {c}"),
        format!("{a}-{b}-{c}"),
        format!("({a}) {b}.{c}"),
        format!("[{a}]{b}[{c}]"),
        spaced,
        spelled("０１２３４５６７８９"),
        spelled("〇一二三四五六七八九"),
        spelled("零壹贰叁肆伍陆柒捌玖"),
        format!("我的号码是{number}，谢谢"),
    ]
    .into_iter()
    .map(|text| (Coding::Auto, Split::Udh, text))
    .collect();
    let long = format!("{number} {}", "and so on ".repeat(20));
    for split in [Split::Udh, Split::Udh16, Split::Sar, Split::Payload] {
        for coding in [Coding::Gsm, Coding::Ucs2, Coding::Latin1] {
            texts.push((coding, split, long.clone()));
        }
    }
    texts
}

fn mislabelled(number: &str) -> Vec<(u8, Vec<u8>)> {
    let ascii = format!("tel: {number}").into_bytes();
    let wide: Vec<u8> = number.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut packed = vec![0_u8; 10];
    for (index, septet) in number.bytes().enumerate() {
        let shifted = u16::from(septet) << (index * 7 % 8);
        packed[index * 7 / 8] |= u8::try_from(shifted & 0xFF).unwrap();
        if let Some(next) = packed.get_mut(index * 7 / 8 + 1) {
            *next |= u8::try_from(shifted >> 8).unwrap();
        }
    }
    let nibbles: Vec<u8> =
        format!("{number}F").chars().map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap()).collect();
    let bcd = nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<_>>();
    let swapped = nibbles.chunks(2).map(|pair| pair[1] << 4 | pair[0]).collect::<Vec<_>>();
    let mut cases = Vec::new();
    for data_coding in [0, 1, 2, 3, 4, 8, 0x11, 0x15, 0x19, 0xF0, 0xF4, 15, 0xC8] {
        for octets in [&ascii, &wide, &packed, &bcd, &swapped] {
            cases.push((data_coding, octets.clone()));
        }
    }
    cases
}
