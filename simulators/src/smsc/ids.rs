//! Message ids as SMSCs make them: the response may spell an id otherwise than the receipt does.

use crate::random::Random;

/// How message ids look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum IdFormat {
    /// Lower-case hexadecimal in response and receipt.
    #[default]
    Hex,
    /// Decimal in response and receipt.
    Decimal,
    /// Upper-case hexadecimal in the response, decimal in the receipt.
    HexResponseDecimalReceipt,
    /// A UUID in both.
    Uuid,
    /// Ten digits with leading zeros in the response, none in the receipt.
    ZeroPadded,
}

/// One message's id in its two spellings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id {
    /// In submit_sm_resp, and for query_sm and cancel_sm.
    pub response: String,
    /// In the receipt.
    pub receipt: String,
}

impl IdFormat {
    /// Spells the message number `number`.
    pub fn spell(self, number: u64, random: &mut Random) -> Id {
        match self {
            Self::Hex => same(format!("{number:x}")),
            Self::Decimal => same(number.to_string()),
            Self::HexResponseDecimalReceipt => {
                Id { response: format!("{number:X}"), receipt: number.to_string() }
            }
            Self::Uuid => same(uuid(random)),
            Self::ZeroPadded => Id { response: format!("{number:010}"), receipt: number.to_string() },
        }
    }
}

fn same(text: String) -> Id {
    Id { response: text.clone(), receipt: text }
}

fn uuid(random: &mut Random) -> String {
    let (high, low) = (random.draw(), random.draw());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFF,
        0x8000 | ((low >> 48) & 0x3FFF),
        low & 0xFFFF_FFFF_FFFF
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let mut random = Random::new(1);
        let mut spell = |format: IdFormat| format.spell(0xABC, &mut random);
        assert_eq!(spell(IdFormat::Hex), same("abc".into()));
        assert_eq!(spell(IdFormat::Decimal), same("2748".into()));
        let mixed = spell(IdFormat::HexResponseDecimalReceipt);
        assert_eq!((mixed.response.as_str(), mixed.receipt.as_str()), ("ABC", "2748"));
        let padded = spell(IdFormat::ZeroPadded);
        assert_eq!((padded.response.as_str(), padded.receipt.as_str()), ("0000002748", "2748"));
        assert_eq!(spell(IdFormat::Uuid).response.len(), 36);
    }
}
