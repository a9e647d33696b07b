//! Recipients of the load generator, encoded once and kept back to back.

use std::path::Path;

use crate::message::tag;
use crate::raw;

/// In which form recipients are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientForm {
    /// destination_addr, alphanumeric, or TLV `0x1501` beyond 20 characters.
    #[default]
    Pseudonym,
    /// TLV `0x1502`.
    Authorization,
    /// TLVs `0x1500` to `0x1504`.
    Edi,
    /// destination_addr as it stands, to a plain SMSC.
    Number,
}

/// One line of the recipients file; absent columns are empty.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct Row {
    /// Pseudonym.
    pub pseudonym: String,
    /// Authorization id.
    pub authorization_id: String,
    /// Encrypted device ID.
    pub edi: String,
    /// As-of date, `YYYY-MM-DD` or `YYYYMMDD`.
    pub as_of: String,
    /// Enterprise id.
    pub enterprise: String,
    /// Plain number.
    pub number: String,
}

/// A file of recipients that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipientsError {
    /// It cannot be read as CSV.
    #[error("recipients: {0}")]
    Csv(#[from] csv::Error),
    /// A line lacks a column that the form needs.
    #[error("recipients: line {0} lacks what the form needs")]
    Incomplete(usize),
    /// There is none.
    #[error("recipients: the file is empty")]
    Empty,
}

/// Recipients in wire form: for each the destination fields and the TLVs.
#[derive(Debug, Clone, Default)]
pub struct Recipients {
    octets: Vec<u8>,
    places: Vec<(u32, u32, u32)>,
}

impl Recipients {
    /// Reads a CSV file with a header line.
    ///
    /// # Errors
    /// [`RecipientsError`].
    pub fn read(path: &Path, form: RecipientForm) -> Result<Self, RecipientsError> {
        let mut reader = csv::Reader::from_path(path)?;
        let mut recipients = Self::default();
        for (index, row) in reader.deserialize().enumerate() {
            recipients.add(&row?, form).ok_or(RecipientsError::Incomplete(index + 2))?;
        }
        if recipients.places.is_empty() { Err(RecipientsError::Empty) } else { Ok(recipients) }
    }

    /// Plain consecutive numbers from `19900000000`.
    #[must_use]
    pub fn numbers(count: u64) -> Self {
        let mut recipients = Self::default();
        for index in 0..count.max(1) {
            let row = Row { number: (19_900_000_000 + index).to_string(), ..Row::default() };
            recipients.add(&row, RecipientForm::Number);
        }
        recipients
    }

    /// Adds one; `None` if it lacks what the form needs or the arena is full (4 GiB).
    pub fn add(&mut self, row: &Row, form: RecipientForm) -> Option<()> {
        let mut tlvs = Vec::new();
        let mut put = |tag: u16, value: &str| {
            let fits = !value.is_empty() && value.len() <= usize::from(u16::MAX);
            fits.then(|| raw::put_tlv(&mut tlvs, tag, value.as_bytes()))
        };
        let (ton, npi, address) = match form {
            RecipientForm::Pseudonym if row.pseudonym.len() <= 20 => (5, 0, row.pseudonym.as_str()),
            RecipientForm::Number => (1, 1, row.number.as_str()),
            _ => (0, 0, ""),
        };
        match form {
            RecipientForm::Pseudonym if address.is_empty() => put(tag::PSEUDONYM, &row.pseudonym)?,
            RecipientForm::Authorization => put(tag::AUTHORIZATION_ID, &row.authorization_id)?,
            RecipientForm::Edi => {
                put(tag::EDI, &row.edi)?;
                put(tag::PSEUDONYM, &row.pseudonym)?;
                put(tag::AUTHORIZATION_ID, &row.authorization_id)?;
                put(tag::AS_OF, &row.as_of.replace('-', ""))?;
                put(tag::ENTERPRISE_ID, &row.enterprise)?;
            }
            RecipientForm::Pseudonym => {}
            RecipientForm::Number if (1..=20).contains(&address.len()) => {}
            RecipientForm::Number => return None,
        }
        let start = u32::try_from(self.octets.len()).ok()?;
        self.octets.extend_from_slice(&[ton, npi]);
        self.octets.extend_from_slice(address.as_bytes());
        self.octets.push(0);
        let middle = u32::try_from(self.octets.len()).ok()?;
        self.octets.extend_from_slice(&tlvs);
        self.places.push((start, middle, u32::try_from(self.octets.len()).ok()?));
        Some(())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Destination fields and TLVs of the recipient of message `number`; they take turns.
    pub(super) fn of(&self, number: u64) -> (&[u8], &[u8]) {
        let count = u64::try_from(self.places.len()).unwrap_or(1).max(1);
        let index = usize::try_from(number % count).unwrap_or(0);
        let (start, middle, end) = self.places.get(index).copied().unwrap_or_default();
        (self.slice(start, middle), self.slice(middle, end))
    }

    /// How often the recipient of message `number` had its turn before.
    pub(super) fn round(&self, number: u64) -> u64 {
        number / u64::try_from(self.places.len()).unwrap_or(1).max(1)
    }

    fn slice(&self, from: u32, to: u32) -> &[u8] {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        self.octets.get(from..usize::try_from(to).unwrap_or(0)).unwrap_or_default()
    }
}
