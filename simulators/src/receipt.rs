//! Delivery receipts as text and TLVs: written by the SMSC, read by ESME and load generator.

use veilgate_names::Timestamp;

/// The final states a receipt can tell, with their `message_state` and text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// On its way (intermediate).
    Enroute,
    /// Delivered.
    Delivered,
    /// Validity ran out.
    Expired,
    /// Cancelled.
    Deleted,
    /// Cannot be delivered.
    Undeliverable,
    /// Accepted on behalf of the subscriber.
    Accepted,
    /// Unknown.
    Unknown,
    /// Rejected.
    Rejected,
}

/// Every state, in the order of `message_state`.
pub const STATES: [State; 8] = [
    State::Enroute,
    State::Delivered,
    State::Expired,
    State::Deleted,
    State::Undeliverable,
    State::Accepted,
    State::Unknown,
    State::Rejected,
];

impl State {
    /// The `message_state` octet.
    #[must_use]
    pub fn octet(self) -> u8 {
        match self {
            Self::Enroute => 1,
            Self::Delivered => 2,
            Self::Expired => 3,
            Self::Deleted => 4,
            Self::Undeliverable => 5,
            Self::Accepted => 6,
            Self::Unknown => 7,
            Self::Rejected => 8,
        }
    }

    /// The `stat:` text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Enroute => "ENROUTE",
            Self::Delivered => "DELIVRD",
            Self::Expired => "EXPIRED",
            Self::Deleted => "DELETED",
            Self::Undeliverable => "UNDELIV",
            Self::Accepted => "ACCEPTD",
            Self::Unknown => "UNKNOWN",
            Self::Rejected => "REJECTD",
        }
    }

    /// From the octet.
    #[must_use]
    pub fn from_octet(octet: u8) -> Option<Self> {
        STATES.into_iter().find(|state| state.octet() == octet)
    }

    /// From the `stat:` text, whatever its case.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        STATES.into_iter().find(|state| state.text().eq_ignore_ascii_case(text))
    }
}

/// Dates in receipt texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Dates {
    /// `YYMMDDhhmm`.
    #[default]
    #[value(name = "10")]
    Ten,
    /// `YYMMDDhhmmss`.
    #[value(name = "12")]
    Twelve,
}

/// What a receipt text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields<'a> {
    /// `id:`.
    pub id: &'a str,
    /// `submit date:`.
    pub submitted: Timestamp,
    /// `done date:`.
    pub done: Timestamp,
    /// `stat:`.
    pub state: State,
    /// `err:`.
    pub error: u16,
    /// `text:`.
    pub text: &'a str,
}

/// Writes a receipt text.
#[must_use]
pub fn write(fields: &Fields<'_>, dates: Dates) -> String {
    let delivered = u8::from(matches!(fields.state, State::Delivered));
    format!(
        "id:{} sub:001 dlvrd:{delivered:03} submit date:{} done date:{} stat:{} err:{:03} text:{}",
        fields.id,
        date(fields.submitted, dates),
        date(fields.done, dates),
        fields.state.text(),
        fields.error,
        fields.text
    )
}

/// Reads the id and state of a receipt text; names in any case.
#[must_use]
pub fn read(octets: &[u8]) -> (Option<&str>, Option<State>) {
    let id = field(octets, b"id:").and_then(|value| std::str::from_utf8(value).ok());
    let state = field(octets, b"stat:").and_then(|value| std::str::from_utf8(value).ok());
    (id, state.and_then(State::from_text))
}

fn field<'a>(octets: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let starts = |window: &[u8]| window.eq_ignore_ascii_case(name);
    let mut search = octets.windows(name.len()).enumerate();
    let (at, _) = search.find(|(at, window)| {
        let bounded =
            at.checked_sub(1).and_then(|before| octets.get(before)).is_none_or(|octet| *octet == b' ');
        bounded && starts(window)
    })?;
    let value = octets.get(at.checked_add(name.len())?..)?;
    let end = value.iter().position(|octet| *octet == b' ').unwrap_or(value.len());
    value.get(..end).filter(|value| !value.is_empty())
}

fn date(at: Timestamp, dates: Dates) -> String {
    let ten = at.receipt_date();
    let text = String::from_utf8_lossy(&ten);
    match dates {
        Dates::Ten => text.into_owned(),
        Dates::Twelve => format!("{text}{:02}", at.0.div_euclid(1000).rem_euclid(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for state in STATES {
            let at = Timestamp(1_772_323_205_000);
            let fields =
                Fields { id: "0A1b", submitted: at, done: at, state, error: 0, text: "id:no stat:no" };
            for (dates, expected) in [(Dates::Ten, "2603010000 "), (Dates::Twelve, "260301000005 ")] {
                let text = write(&fields, dates);
                assert!(text.contains(&format!("done date:{expected}")), "{text}");
                assert_eq!(read(text.as_bytes()), (Some("0A1b"), Some(state)));
            }
            assert_eq!(State::from_octet(state.octet()), Some(state));
        }
        assert_eq!(read(b"nothing here"), (None, None));
        assert_eq!(read(b"ID:7 STAT:undeliv"), (Some("7"), Some(State::Undeliverable)));
    }
}
