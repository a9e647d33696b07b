//! `data_coding` and the alphabets it names (SMPP 3.4, 5.2.19; 3GPP TS 23.038, 4).

use super::{TextError, gsm7};

#[cfg(test)]
mod tests;

/// `data_coding` of UCS-2 text.
pub const UCS2: u8 = 8;

/// What `data_coding` 0 means on a link: the SMSC's default alphabet is a matter of agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DefaultAlphabet {
    /// GSM 7-bit, one septet an octet.
    #[default]
    Gsm7,
    /// ISO 8859-1.
    Latin1,
}

/// How the octets of a message are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// Whatever the link says: [`DefaultAlphabet`].
    Default,
    /// ASCII (IA5).
    Ascii,
    /// ISO 8859-1.
    Latin1,
    /// 8-bit data without a text.
    Binary,
    /// UTF-16 big-endian.
    Ucs2,
}

/// A parsed `data_coding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DataCoding {
    /// How to read the octets.
    pub alphabet: Alphabet,
    /// The message class, 0-3 (0 is shown at once and not stored), where one is given.
    pub class: Option<u8>,
}

impl DataCoding {
    /// Reads a `data_coding`: 0, 1, 2, 3, 4, 8, and the GSM groups with a message class, `0x10`-`0x1B` and
    /// `0xF0`-`0xF7`.
    ///
    /// # Errors
    /// [`TextError::UnsupportedCoding`] for every other value: GBK (15), JIS, Cyrillic, message waiting.
    pub fn parse(data_coding: u8) -> Result<Self, TextError> {
        let class = Some(data_coding & 0x03);
        let (alphabet, class) = match data_coding {
            0 => (Alphabet::Default, None),
            1 => (Alphabet::Ascii, None),
            2 | 4 => (Alphabet::Binary, None),
            3 => (Alphabet::Latin1, None),
            UCS2 => (Alphabet::Ucs2, None),
            0x10..=0x13 | 0xF0..=0xF3 => (Alphabet::Default, class),
            0x14..=0x17 | 0xF4..=0xF7 => (Alphabet::Binary, class),
            0x18..=0x1B => (Alphabet::Ucs2, class),
            _ => return Err(TextError::UnsupportedCoding),
        };
        Ok(Self { alphabet, class })
    }
}

/// The text of a message body (without its user data header).
///
/// # Errors
/// [`TextError::Binary`] for 8-bit data, [`TextError::UnsupportedCoding`], or what is wrong with the octets.
pub fn decode_text(data_coding: u8, bytes: &[u8], default: DefaultAlphabet) -> Result<String, TextError> {
    let mut out = String::with_capacity(bytes.len());
    decode_text_into(data_coding, bytes, default, &mut out)?;
    Ok(out)
}

/// [`decode_text`] appended to a buffer that is used again.
///
/// # Errors
/// As [`decode_text`].
pub fn decode_text_into(
    data_coding: u8,
    bytes: &[u8],
    default: DefaultAlphabet,
    out: &mut String,
) -> Result<(), TextError> {
    match (DataCoding::parse(data_coding)?.alphabet, default) {
        (Alphabet::Binary, _) => return Err(TextError::Binary),
        (Alphabet::Ucs2, _) => return decode_ucs2(bytes, out),
        (Alphabet::Default, DefaultAlphabet::Gsm7) => return gsm7::decode(bytes, out),
        (Alphabet::Ascii, _) if !bytes.is_ascii() => return Err(TextError::NotAscii),
        (Alphabet::Ascii | Alphabet::Latin1, _) | (Alphabet::Default, DefaultAlphabet::Latin1) => {
            decode_latin1(bytes, out);
        }
    }
    Ok(())
}

/// Appends the text in the cheapest coding that holds all of it, the link's default alphabet or UCS-2, and gives
/// the `data_coding`.
pub fn encode_text(text: &str, default: DefaultAlphabet, out: &mut Vec<u8>) -> u8 {
    let start = out.len();
    let fits = match default {
        DefaultAlphabet::Gsm7 => gsm7::encode(text, out),
        DefaultAlphabet::Latin1 => encode_latin1(text, out),
    };
    if fits.is_ok() {
        return 0;
    }
    out.truncate(start);
    encode_ucs2(text, out);
    UCS2
}

/// Appends the text of UTF-16 big-endian octets.
///
/// # Errors
/// [`TextError::NotUtf16`] for an odd number of octets or a surrogate without its partner.
pub fn decode_ucs2(bytes: &[u8], out: &mut String) -> Result<(), TextError> {
    let (units, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(TextError::NotUtf16);
    }
    for character in char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit))) {
        out.push(character.map_err(|_| TextError::NotUtf16)?);
    }
    Ok(())
}

/// Appends the text as UTF-16 big-endian octets.
pub fn encode_ucs2(text: &str, out: &mut Vec<u8>) {
    out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
}

/// Appends the text of ISO 8859-1 octets; every octet is a character.
pub fn decode_latin1(bytes: &[u8], out: &mut String) {
    out.extend(bytes.iter().map(|octet| char::from(*octet)));
}

/// Appends the text as ISO 8859-1 octets.
///
/// # Errors
/// [`TextError::NotEncodable`] for a character above U+00FF.
pub fn encode_latin1(text: &str, out: &mut Vec<u8>) -> Result<(), TextError> {
    for character in text.chars() {
        out.push(u8::try_from(character).map_err(|_| TextError::NotEncodable)?);
    }
    Ok(())
}
