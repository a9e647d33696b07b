//! A CSV line back into a record: for tools and tests.

use veilgate_names::{
    AccountId, AsOf, AuthorizationId, ChannelId, EncryptedDeviceId, EnterpriseId, Extension, FinalState,
    MessageId, ObjectId, Octets, PlatformId, Reason, ServiceNumber, Timestamp,
};

use super::file::CdrFault;
use super::{
    COLUMNS, Cdr, CdrKind, Charged, Coding, Decided, DeviceIdKind, NetworkName, NetworkText, NodeName,
    VERSION,
};
use crate::hash::{Sm3Hash, digit};

impl Cdr {
    /// Reads one CSV line, with or without its line feed.
    ///
    /// # Errors
    /// [`CdrFault`] names the column that is wrong.
    pub fn parse_line(line: &[u8]) -> Result<Self, CdrFault> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).buffer_capacity(512).from_reader(line);
        let mut record = csv::StringRecord::new();
        let one = reader.read_record(&mut record).map_err(|_| CdrFault::Csv)?;
        if !one || record.len() != COLUMNS.len() {
            return Err(CdrFault::Csv);
        }
        Fields(&record).cdr()
    }

    /// Reads only the id of a whole CSV line; `None` for header, trailer and what is no record.
    #[must_use]
    pub fn id_of_line(line: &[u8]) -> Option<MessageId> {
        let mut columns = Columns(Some(line));
        let version = columns.next()?;
        let id = std::str::from_utf8(columns.next()?).ok()?;
        (version == VERSION.as_bytes()).then(|| MessageId::parse(id).ok()).flatten()
    }
}

/// What a trailer needs of a record: its kind and segments. Of the rest only the number of columns is checked.
pub(super) fn outline(line: &[u8]) -> Result<(CdrKind, u16), CdrFault> {
    let (mut kind_of, mut segments, mut count) = (None, None, 0);
    for column in Columns(Some(line)) {
        match count {
            KIND => kind_of = std::str::from_utf8(column).ok().and_then(kind),
            SEGMENTS => segments = std::str::from_utf8(column).ok().and_then(|text| text.parse().ok()),
            _ => {}
        }
        count += 1;
    }
    if count != COLUMNS.len() {
        return Err(CdrFault::Csv);
    }
    Ok((kind_of.ok_or(CdrFault::Column("kind"))?, segments.ok_or(CdrFault::Column("segments"))?))
}

/// Where `kind` stands in a line.
const KIND: usize = 2;
/// Where `segments` stands in a line.
const SEGMENTS: usize = 15;

/// The columns of a line, quotes and all; much quicker than reading them.
struct Columns<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Columns<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0?;
        // A doubled quote closes and opens again, which is the same here.
        let mut quoted = false;
        let end = rest.iter().position(|byte| {
            quoted ^= *byte == b'"';
            *byte == b',' && !quoted
        });
        let (column, after) = match end {
            Some(end) => (rest.get(..end)?, rest.get(end + 1..)),
            None => (rest, None),
        };
        self.0 = after;
        Some(column)
    }
}

struct Fields<'a>(&'a csv::StringRecord);

impl Fields<'_> {
    fn cdr(&self) -> Result<Cdr, CdrFault> {
        if self.text("ver") != VERSION {
            return Err(CdrFault::Column("ver"));
        }
        Ok(Cdr {
            id: self.must("cdr_id", |t| MessageId::parse(t).ok())?,
            kind: self.must("kind", kind)?,
            tenant: self.may("tenant", |t| EnterpriseId::parse(t).ok())?,
            platform: self.may("platform", |t| PlatformId::parse(t).ok())?,
            account: self.may("account", |t| AccountId::parse(t).ok())?,
            authorization: self.may("auth_id", |t| AuthorizationId::parse(t).ok())?,
            device_id_kind: self
                .may("id_type", |t| DeviceIdKind::ALL.into_iter().find(|kind| kind.name() == t))?,
            encrypted_device_id: self.may("enc_id", |t| EncryptedDeviceId::parse(t).ok())?,
            as_of: self.may("as_of", |t| AsOf::parse(t).ok())?,
            msisdn_sealed: self.may("msisdn_sealed", octets)?,
            service_number: self.may("code", |t| ServiceNumber::parse(t).ok())?,
            extension: Extension::parse(self.text("ext")).map_err(|_| CdrFault::Column("ext"))?,
            coding: self.must("coding", |t| Coding::ALL.into_iter().find(|coding| coding.name() == t))?,
            characters: self.must("chars", |t| t.parse().ok())?,
            segments: self.must("segments", |t| t.parse().ok())?,
            content_sm3: self.may("content_sm3", |t| Sm3Hash::from_hex(t.as_bytes()))?,
            channel: self.may("channel", |t| ChannelId::parse(t).ok())?,
            smsc_message_id: self.may("smsc_msg_id", network)?,
            accepted_at: self.must("t_accept", |t| Timestamp::parse(t).ok())?,
            submitted_at: self.may("t_submit", |t| Timestamp::parse(t).ok())?,
            responded_at: self.may("t_resp", |t| Timestamp::parse(t).ok())?,
            done_at: self.must("t_done", |t| Timestamp::parse(t).ok())?,
            raw_stat: self.may("raw_stat", network)?,
            state: self.must("state", state)?,
            reason: self.may("reason", reason_named)?,
            attempts: self.must("attempts", |t| t.parse().ok())?,
            billed: self.must("bill_flag", flag)?,
            node: self.must("node", |t| NodeName::parse(t).ok())?,
            decided: self.decided()?.map(Box::new),
        })
    }

    fn decided(&self) -> Result<Option<Decided>, CdrFault> {
        let Some(category) = self.may("category", |t| t.parse().ok())? else { return Ok(None) };
        let names = ["province", "city", "operator"].map(|column| self.text(column));
        let place = names.iter().any(|name| !name.is_empty()).then(|| names.map(NetworkName::new));
        Ok(Some(Decided {
            category,
            signature: self.may("signature_id", object)?,
            template: self.may("template_id", object)?,
            flagged: self.must("flagged", flag)?,
            place,
            policy: self.must("policy", |t| t.parse().ok())?,
            rule: self.may("rule", network)?,
            rule_object: self.may("rule_object", object)?,
            charge: match self.may("payer", object)? {
                None => None,
                Some(payer) => Some(Charged {
                    payer,
                    plan: self.must("price_plan", object)?,
                    amount: self.must("amount", |t| t.parse().ok())?,
                    reserved: self.must("reserved", |t| t.parse().ok())?,
                }),
            },
        }))
    }

    fn text(&self, column: &str) -> &str {
        let index = COLUMNS.iter().position(|name| *name == column);
        index.and_then(|index| self.0.get(index)).unwrap_or_default()
    }

    fn must<T>(&self, column: &'static str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, CdrFault> {
        read(self.text(column)).ok_or(CdrFault::Column(column))
    }

    fn may<T>(
        &self,
        column: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, CdrFault> {
        if self.text(column).is_empty() { Ok(None) } else { self.must(column, read).map(Some) }
    }
}

/// The state's column. A borrowed name, since the record is written on the hot path.
pub(super) fn state_name(state: FinalState) -> &'static str {
    match state {
        FinalState::Delivered => "DELIVERED",
        FinalState::Undeliverable => "UNDELIVERABLE",
        FinalState::Rejected => "REJECTED",
        FinalState::Expired => "EXPIRED",
        FinalState::Cancelled => "CANCELLED",
        FinalState::Unknown => "UNKNOWN",
    }
}

fn state(text: &str) -> Option<FinalState> {
    (0..=8).filter_map(FinalState::from_message_state).find(|state| state_name(*state) == text)
}

fn kind(text: &str) -> Option<CdrKind> {
    [CdrKind::MobileTerminated, CdrKind::MobileOriginated].into_iter().find(|kind| kind.name() == text)
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

fn network(text: &str) -> Option<NetworkText> {
    NetworkText::new(text.as_bytes()).filter(|kept| kept.as_str() == text)
}

fn object(text: &str) -> Option<ObjectId> {
    ObjectId::parse(text).ok()
}

fn octets(text: &str) -> Option<Octets> {
    let pairs = text.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect();
    bytes.map(Octets::from)
}

/// Lists every reason and fails to compile when one is missing.
macro_rules! reasons {
    ($($name:ident)*) => {
        pub(super) const REASONS: &[Reason] = &[$(Reason::$name),*];
        const _: fn(Reason) = |reason| match reason { $(Reason::$name)|* => () };
    };
}

reasons! {
    Schema BadTime BadAsofFuture Unsupported NotAPseudonym Unauthenticated NotPermitted Replay AuthMissing
    AuthUnconfirmed AuthExpired AuthRevoked AuthScope WindowAuth FreqAuth AuthInvalid NotFoundAsof NoTenureAsof
    AmbiguousDevice AmbiguousTenure NumberDisconnected Suspended OptOut
    BlackGlobal BlackRegulator BlackTenant BlackSignature BlackNumber DecryptFail KeyExpired NumberReassigned
    NumberRetakenSameHolder HistoryExpired PortedOut NotOurSubscriber AccountSuspended Balance Tps Quota
    WindowCategory WindowTenant WindowRegion FreqEnterprise FreqSignature FreqTemplate FreqCategory FreqAll Dup Region
    Signature Template Word CliForbidden Direction NoSlot Conc NoRoute SegmentsMissing SmscRejected SmscUndelivered Expired Cancelled OutcomeUnknown ReportMissing
    QueueFull Internal
}

/// The reason with this symbolic name.
#[must_use]
pub fn reason_named(text: &str) -> Option<Reason> {
    REASONS.iter().copied().find(|reason| reason.name() == text)
}
