//! Which UTF-16 units a reader sees as one character, as far as a cut between two parts would show: some handsets show
//! the parts before all have come.

/// The longest run that is kept together; a longer one (no language has any) may be cut.
const LONGEST: usize = 16;

/// The octets of the character at the start of a text, with all that belongs to it; 0 for an empty text.
pub(super) fn octets(text: &[u8]) -> usize {
    let first = character(text, 0);
    let mut end = first.octets;
    let mut joined = false;
    let mut flag = first.is_flag_half();
    while end < LONGEST * 2 {
        let next = character(text, end);
        let belongs = joined || next.extends() || (flag && next.is_flag_half());
        if next.octets == 0 || !belongs || end + next.octets > LONGEST * 2 {
            break;
        }
        joined = next.code == ZERO_WIDTH_JOINER;
        flag = false;
        end += next.octets;
    }
    end
}

const ZERO_WIDTH_JOINER: u32 = 0x200D;

/// A code point, or whatever stands there, and its octets.
struct Character {
    code: u32,
    octets: usize,
}

fn character(text: &[u8], at: usize) -> Character {
    let unit = |at: usize| {
        let octets = text.get(at..)?.first_chunk::<2>()?;
        Some(u32::from(u16::from_be_bytes(*octets)))
    };
    match (unit(at), unit(at + 2)) {
        (Some(high @ 0xD800..=0xDBFF), Some(low @ 0xDC00..=0xDFFF)) => {
            Character { code: 0x1_0000 + ((high & 0x3FF) << 10 | low & 0x3FF), octets: 4 }
        }
        (Some(code), _) => Character { code, octets: 2 },
        (None, _) => Character { code: 0, octets: text.len().saturating_sub(at) },
    }
}

impl Character {
    /// Whether it is shown as part of the character in front.
    fn extends(&self) -> bool {
        matches!(
            self.code,
            0x0300..=0x036F
                | 0x0483..=0x0489
                | 0x0591..=0x05BD
                | 0x0610..=0x061A
                | 0x064B..=0x065F
                | 0x0900..=0x0903
                | 0x093A..=0x094F
                | 0x0E31
                | 0x0E34..=0x0E3A
                | 0x0E47..=0x0E4E
                | 0x0F71..=0x0F84
                | 0x1AB0..=0x1AFF
                | 0x1DC0..=0x1DFF
                | ZERO_WIDTH_JOINER
                | 0x20D0..=0x20FF
                | 0x302A..=0x302F
                | 0x3099..=0x309A
                | 0xFE00..=0xFE0F
                | 0xFE20..=0xFE2F
                | 0x1_F3FB..=0x1_F3FF
                | 0xE_0020..=0xE_007F
                | 0xE_0100..=0xE_01EF
        )
    }

    /// One of the two letters that a flag is written with.
    fn is_flag_half(&self) -> bool {
        matches!(self.code, 0x1_F1E6..=0x1_F1FF)
    }
}
