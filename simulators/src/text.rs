//! Texts: GSM 03.38 (unpacked), Latin-1 and UCS-2, and the three ways to split a long one.

/// The default alphabet of GSM 03.38, by septet; position 27 is the escape.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The extension table: septet after the escape, character.
const EXTENDED: [(u8, char); 10] = [
    (0x0A, '\u{0c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// How a text is put into octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Coding {
    /// GSM when the text allows it, else UCS-2.
    #[default]
    Auto,
    /// GSM 03.38 in one octet a septet, data_coding 0.
    Gsm,
    /// ISO 8859-1, data_coding 3.
    Latin1,
    /// UTF-16BE, data_coding 8.
    Ucs2,
}

/// How a long text is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// User data header with an 8-bit reference.
    #[default]
    Udh,
    /// User data header with a 16-bit reference.
    Udh16,
    /// `sar_*` TLVs.
    Sar,
    /// Whole in `message_payload`.
    Payload,
}

/// A text encoded, and perhaps split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// `data_coding`.
    pub data_coding: u8,
    /// Octets of each part, without any header; one part if the text fits one message.
    pub parts: Vec<Vec<u8>>,
}

/// Which part of a long message this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Part {
    /// Reference that the parts share.
    pub reference: u16,
    /// How many parts there are.
    pub total: u8,
    /// This one, from 1.
    pub index: u8,
}

/// Encodes `text`; splits it where one message cannot hold it, unless `whole`.
/// `None` if `coding` cannot express the text.
#[must_use]
pub fn encode(text: &str, coding: Coding, whole: bool) -> Option<Encoded> {
    let (data_coding, units) = match coding {
        Coding::Auto => match gsm_units(text) {
            Some(units) => (0, units),
            None => (8, ucs2_units(text)),
        },
        Coding::Gsm => (0, gsm_units(text)?),
        Coding::Latin1 => (3, latin1_units(text)?),
        Coding::Ucs2 => (8, ucs2_units(text)),
    };
    let (single, part) = match data_coding {
        0 => (160, 153),
        _ => (140, 134),
    };
    let octets: usize = units.iter().map(Vec::len).sum();
    if whole || octets <= single {
        return Some(Encoded { data_coding, parts: vec![units.concat()] });
    }
    Some(Encoded { data_coding, parts: pack(units, part) })
}

/// Reads octets by `data_coding`; what cannot be read becomes U+FFFD.
#[must_use]
pub fn decode(octets: &[u8], data_coding: u8) -> String {
    match data_coding {
        8 | 0x18..=0x1B => decode_ucs2(octets),
        3 => octets.iter().map(|octet| char::from(*octet)).collect(),
        1 | 2 | 4 => String::from_utf8_lossy(octets).into_owned(),
        _ => decode_gsm(octets),
    }
}

/// The user data header of one part.
#[must_use]
pub fn user_data_header(part: Part, wide: bool) -> Vec<u8> {
    let [high, low] = part.reference.to_be_bytes();
    if wide {
        vec![6, 8, 4, high, low, part.total, part.index]
    } else {
        vec![5, 0, 3, low, part.total, part.index]
    }
}

/// Takes the user data header off: the part it names, and the text's octets. Both are as found; a broken
/// header leaves the octets whole.
#[must_use]
pub fn strip_user_data_header(octets: &[u8]) -> (Option<Part>, &[u8]) {
    let Some((length, rest)) = octets.split_first() else { return (None, octets) };
    let Some((mut header, text)) = rest.split_at_checked(usize::from(*length)) else { return (None, octets) };
    let mut part = None;
    while let [kind, size, tail @ ..] = header {
        let Some((element, next)) = tail.split_at_checked(usize::from(*size)) else { break };
        part = match (kind, element) {
            (0, [reference, total, index]) => {
                Some(Part { reference: u16::from(*reference), total: *total, index: *index })
            }
            (8, [high, low, total, index]) => {
                Some(Part { reference: u16::from_be_bytes([*high, *low]), total: *total, index: *index })
            }
            _ => part,
        };
        header = next;
    }
    (part, text)
}

fn gsm_units(text: &str) -> Option<Vec<Vec<u8>>> {
    text.chars().map(gsm_unit).collect()
}

fn gsm_unit(character: char) -> Option<Vec<u8>> {
    if character != '\u{1b}'
        && let Some(septet) = BASIC.chars().position(|each| each == character)
    {
        return u8::try_from(septet).ok().map(|septet| vec![septet]);
    }
    EXTENDED.iter().find(|(_, each)| *each == character).map(|(septet, _)| vec![0x1B, *septet])
}

fn latin1_units(text: &str) -> Option<Vec<Vec<u8>>> {
    text.chars().map(|each| u8::try_from(u32::from(each)).ok().map(|octet| vec![octet])).collect()
}

fn ucs2_units(text: &str) -> Vec<Vec<u8>> {
    let unit = |each: char| {
        let mut room = [0u16; 2];
        each.encode_utf16(&mut room).iter().flat_map(|word| word.to_be_bytes()).collect()
    };
    text.chars().map(unit).collect()
}

/// Fills parts of at most `room` octets; a unit (an escape pair, a surrogate pair) is never cut.
fn pack(units: Vec<Vec<u8>>, room: usize) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut current = Vec::new();
    for unit in units {
        if current.len() + unit.len() > room {
            parts.push(std::mem::take(&mut current));
        }
        current.extend(unit);
    }
    if !current.is_empty() {
        parts.push(current);
    }
    parts
}

fn decode_ucs2(octets: &[u8]) -> String {
    let words = octets.chunks(2).map(|pair| match pair {
        [high, low] => u16::from_be_bytes([*high, *low]),
        _ => 0xFFFD,
    });
    char::decode_utf16(words).map(|each| each.unwrap_or('\u{FFFD}')).collect()
}

fn decode_gsm(octets: &[u8]) -> String {
    let table: Vec<char> = BASIC.chars().collect();
    let mut out = String::with_capacity(octets.len());
    let mut octets = octets.iter();
    while let Some(octet) = octets.next() {
        let character = if *octet == 0x1B {
            let septet = octets.next();
            EXTENDED.iter().find(|(each, _)| Some(each) == septet).map(|(_, character)| *character)
        } else {
            table.get(usize::from(*octet)).copied()
        };
        out.push(character.unwrap_or('\u{FFFD}'));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_survive_each_coding() {
        let cases = [
            ("Hello [world] € @£", Coding::Gsm, 0),
            ("您的验证码 1234 😀", Coding::Auto, 8),
            ("naïve façade", Coding::Latin1, 3),
            ("plain", Coding::Auto, 0),
        ];
        for (text, coding, data_coding) in cases {
            let encoded = encode(text, coding, false).unwrap();
            assert_eq!(encoded.data_coding, data_coding);
            assert_eq!(decode(&encoded.parts.concat(), data_coding), text);
        }
        assert!(encode("汉", Coding::Gsm, false).is_none());
        assert_eq!(BASIC.chars().count(), 128);
    }

    #[test]
    fn long_texts_split_without_cutting_a_character() {
        let text = "€".repeat(90);
        let encoded = encode(&text, Coding::Gsm, false).unwrap();
        assert_eq!(encoded.parts.len(), 2);
        assert!(encoded.parts.iter().all(|part| part.len() <= 153 && part.len() % 2 == 0));
        let text = "😀".repeat(40);
        let encoded = encode(&text, Coding::Auto, false).unwrap();
        assert_eq!(encoded.parts.iter().map(Vec::len).collect::<Vec<_>>(), [132, 28]);
        assert_eq!(encode(&text, Coding::Auto, true).unwrap().parts.len(), 1);
        assert_eq!(encode(&"汉".repeat(70), Coding::Auto, false).unwrap().parts.len(), 1);
        assert_eq!(encode(&"汉".repeat(71), Coding::Auto, false).unwrap().parts.len(), 2);
    }

    #[test]
    fn headers_round_trip_and_broken_ones_are_left_alone() {
        for wide in [false, true] {
            let part = Part { reference: 0x2A, total: 3, index: 2 };
            let mut octets = user_data_header(part, wide);
            octets.extend(b"rest");
            assert_eq!(strip_user_data_header(&octets), (Some(part), &b"rest"[..]));
        }
        assert_eq!(strip_user_data_header(&[200, 1]), (None, &[200u8, 1][..]));
        assert_eq!(strip_user_data_header(&[]), (None, &[][..]));
    }
}
