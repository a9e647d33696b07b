//! A message's way in, as types in order: [`Received`] -> [`Admitted`] -> [`Judged`] -> [`Resolved`] -> [`Cleared`], which alone
//! can be journalled. Cheap and anonymous checks come first; nothing is decrypted for a request that is refused
//! anyway. Fields are private: only `admit` makes an `Admitted`.

use std::sync::Arc;

use veilgate_admission::{Account, Registered, ShortForm, Tenant};
use veilgate_identity::{Asking, Contact, PinRecord};
use veilgate_names::{
    AccountKind, EnterpriseId, Extension, MessageId, ObjectId, Octets, PlatformId, Reason, Service,
    ServiceNumber, Timestamp,
};
use veilgate_policy::{ContactRecord, Permit, Screened, Taken, Verdict};
use veilgate_smpp::codec::{Address, CString, OctetString, Status, Tag, Tlvs};
use veilgate_smpp::pdu::{DataSm, SubmitSm};
use veilgate_smpp::side::North;
use veilgate_smpp::text::encoding::{DefaultAlphabet, encode_text};
use veilgate_smpp::text::udh::{Segment, UserDataHeader};

use crate::content::judge;
use crate::directory::{FlowRules, NumberRules};
use crate::flow::Gate;
use crate::live::{Body, ContentFacts, Moment};
use crate::multi::Member;
use crate::recipient::{Recipient, Short};
use crate::record::MessageRecord;
use crate::refusal::Refusal;
use crate::ruling::{Asked, Review, Ruled, first, person, text_for};
use crate::schedule::{Times, is_for_another_day};
use crate::segments::segment_of;
use crate::service::ServiceType;
use crate::split::segments_of;

/// The user data header indicator of `esm_class`.
const UDHI: u8 = Body::HEADER;

/// What a `submit_sm` or `data_sm` asks for, before anything is believed.
pub(crate) struct Received<'a> {
    recipient: Recipient,
    source: &'a str,
    registered_delivery: u8,
    times: Times,
    body: Body,
    /// `user_message_reference`.
    reference: Option<u16>,
    template: Option<ObjectId>,
    /// What goes into the template, JSON.
    params: Option<Box<str>>,
}

/// A message that its authorization covers and its account may send.
pub(crate) struct Admitted<'a> {
    received: Received<'a>,
    authorization: Arc<Registered>,
    number: NumberRules,
}

/// A message that the rules allow as far as nobody need be known for them.
pub(crate) struct Judged<'a> {
    admitted: Admitted<'a>,
    text: Option<String>,
    screened: Screened,
}

/// A message whose recipient is known and may be contacted.
pub(crate) struct Resolved<'a> {
    judged: Judged<'a>,
    contact: Contact,
}

/// A message that may be journalled.
pub(crate) struct Cleared {
    pub(crate) id: MessageId,
    pub(crate) ruled: Ruled,
    /// The person's contact, to be written with the message.
    pub(crate) counted: Option<ContactRecord>,
    pub(crate) authorization: Arc<Registered>,
    pub(crate) number: NumberRules,
    pub(crate) extension: Extension,
    pub(crate) contact: Contact,
    pub(crate) registered_delivery: u8,
    pub(crate) expires_at: Timestamp,
    pub(crate) scheduled_at: Option<Timestamp>,
    pub(crate) body: Body,
    pub(crate) facts: ContentFacts,
}

impl<'a> Received<'a> {
    /// Takes a `submit_sm` apart.
    pub(crate) fn submit(
        kind: AccountKind,
        pdu: &SubmitSm<'a, North>,
        rules: &FlowRules,
        at: Moment,
    ) -> Result<Self, Refusal> {
        if pdu.replace_if_present_flag != 0 {
            return Err(Refusal::field(Status::RINVREPFLAG));
        }
        if pdu.sm_default_msg_id != 0 {
            return Err(Refusal::field(Status::RINVDFTMSGID));
        }
        if pdu.priority_flag > 4 {
            return Err(Refusal::field(Status::RINVPRTFLG));
        }
        let (schedule, validity) = (pdu.schedule_delivery_time.as_bytes(), pdu.validity_period.as_bytes());
        let times = Times::read(schedule, validity, rules, at.wall)?;
        Ok(Self {
            recipient: Recipient::parse(kind, &pdu.destination, &pdu.tlvs)?,
            reference: pdu.tlvs.find(Tag::USER_MESSAGE_REFERENCE).and_then(|tlv| tlv.short()),
            template: template(&pdu.tlvs)?,
            params: params(&pdu.tlvs)?,
            source: source(&pdu.source)?,
            registered_delivery: registered_delivery(pdu.registered_delivery.0)?,
            times,
            body: Body {
                protocol_id: pdu.protocol_id,
                priority: pdu.priority_flag,
                service: service(pdu.service_type, rules)?,
                ..body(
                    pdu.esm_class.0,
                    pdu.data_coding,
                    pdu.message().map_err(Refusal::field)?,
                    &pdu.tlvs,
                    rules,
                )?
            },
        })
    }

    /// Takes a `data_sm` apart.
    pub(crate) fn data(
        kind: AccountKind,
        pdu: &DataSm<'a, North>,
        rules: &FlowRules,
        at: Moment,
    ) -> Result<Self, Refusal> {
        let too_long = |status| move |_| Refusal::field(status);
        let destination =
            Address::new(pdu.destination.ton, pdu.destination.npi, pdu.destination.digits.as_bytes())
                .map_err(too_long(Status::RINVDSTADR))?;
        let source_address = Address::new(pdu.source.ton, pdu.source.npi, pdu.source.digits.as_bytes())
            .map_err(too_long(Status::RINVSRCADR))?;
        let payload = pdu.tlvs.find(Tag::MESSAGE_PAYLOAD).ok_or(Refusal::field(Status::RMISSINGOPTPARAM))?;
        Ok(Self {
            recipient: Recipient::parse(kind, &destination, &pdu.tlvs)?,
            reference: pdu.tlvs.find(Tag::USER_MESSAGE_REFERENCE).and_then(|tlv| tlv.short()),
            template: template(&pdu.tlvs)?,
            params: params(&pdu.tlvs)?,
            source: source(&source_address)?,
            registered_delivery: registered_delivery(pdu.registered_delivery.0)?,
            times: Times::read(&[], &[], rules, at.wall)?,
            body: Body {
                service: service(pdu.service_type, rules)?,
                ..body(pdu.esm_class.0, pdu.data_coding, payload.value, &pdu.tlvs, rules)?
            },
        })
    }

    /// Whether it is one of several parts of a text. A text of one part loses what says so.
    pub(crate) fn is_part(&mut self) -> bool {
        let Some((_, segment, header)) = segment_of(&self.body) else { return false };
        if segment.total == 1 {
            self.body.text = Octets::from(self.body.text.get(header..).unwrap_or_default());
            (self.body.esm_class, self.body.segment) = (0, None);
        }
        segment.total > 1
    }

    /// The sender's own reference of a whole text, and 0.
    pub(crate) fn reference(&self) -> Option<(u16, u8)> {
        self.reference.map(|reference| (reference, 0))
    }

    /// Account, authorization, service number. Puts the authorization into `found`, whatever follows: one that came
    /// along is to be stored even if the message is refused.
    pub(crate) fn admit(
        self,
        account: &Account,
        gate: &Gate,
        at: Moment,
        found: &mut Option<Arc<Registered>>,
    ) -> Result<Admitted<'a>, Refusal> {
        if !account.is_active() {
            return Err(Reason::AccountSuspended.into());
        }
        let authorization = authorization(&self.recipient, account.tenant(), gate, at.wall)?;
        *found = Some(Arc::clone(&authorization));
        let enterprise = authorization.enterprise();
        let directory = gate.directory.load();
        if directory.is_suspended(enterprise) {
            return Err(Reason::AccountSuspended.into());
        }
        let fallback = account.config().default_service_number;
        let source = match &fallback {
            Some(number) if self.source.is_empty() => number.as_str(),
            _ => self.source,
        };
        let number = directory.number(source, enterprise)?.clone();
        self.check_covered(&authorization, number.number, gate, at.wall)?;
        if !is_for_another_day(self.times.scheduled_at, at.wall) {
            gate.registry.check_sms_left(&authorization, at.wall)?;
        }
        Ok(Admitted { received: self, authorization, number })
    }
}

impl Received<'_> {
    /// Whether the authorization covers the message now. What is agreed about hours of the day holds for when it is to
    /// leave; everything is asked again then.
    fn check_covered(
        &self,
        authorization: &Arc<Registered>,
        number: ServiceNumber,
        gate: &Gate,
        now: Timestamp,
    ) -> Result<(), Reason> {
        let check = |at| gate.registry.check(authorization, Service::Sms, Some(number), at);
        match (self.times.scheduled_at, check(now)) {
            (Some(leaves_at), Ok(()) | Err(Reason::WindowAuth)) => match check(leaves_at) {
                Err(Reason::WindowAuth) => Err(Reason::WindowAuth),
                _ => Ok(()),
            },
            (_, now) => now,
        }
    }
}

/// A text that came in parts, each of which was admitted: asked again, as one message.
pub(crate) fn admit_whole(
    record: MessageRecord,
    authorization: &Arc<Registered>,
    gate: &Gate,
    at: Moment,
) -> Result<Admitted<'static>, Refusal> {
    if record.expires_at <= at.wall {
        return Err(Reason::Expired.into());
    }
    let directory = gate.directory.load();
    if directory.is_suspended(authorization.enterprise()) {
        return Err(Reason::AccountSuspended.into());
    }
    let number = directory.number(record.service_number.as_str(), authorization.enterprise())?.clone();
    let received = Received {
        recipient: Recipient::Registered { id: record.authorization, device: None },
        source: "",
        registered_delivery: record.registered_delivery,
        times: Times { scheduled_at: record.scheduled_at, expires_at: record.expires_at },
        reference: None,
        template: record.ruled.decision.template.clone(),
        params: None,
        body: record.body,
    };
    received.check_covered(authorization, number.number, gate, at.wall)?;
    if !is_for_another_day(record.scheduled_at, at.wall) {
        gate.registry.check_sms_left(authorization, at.wall)?;
    }
    Ok(Admitted { received, authorization: Arc::clone(authorization), number })
}

impl<'a> Admitted<'a> {
    /// Whose share of the gateway it takes.
    pub(crate) fn enterprise(&self) -> &EnterpriseId {
        self.authorization.enterprise()
    }

    /// A part of a text, to be kept until all parts are there.
    pub(crate) fn part(self, account: &Account, at: Moment) -> (Arc<Registered>, NumberRules, MessageRecord) {
        let Self { received, authorization, number } = self;
        let record = MessageRecord {
            account: account.id().clone(),
            kind: account.kind(),
            authorization: authorization.id().clone(),
            service_number: number.number,
            extension: Extension::NONE,
            registered_delivery: received.registered_delivery,
            accepted_at: at.wall,
            expires_at: received.times.expires_at,
            scheduled_at: received.times.scheduled_at,
            body: received.body,
            member: Member::default(),
            // The text is judged when it is whole.
            ruled: Ruled::naming(received.template, at.wall),
            north: Vec::new(),
        };
        (authorization, number, record)
    }

    /// Asks the carrier's rules for which nobody need be known, now that the text is whole. A text that is empty is made of
    /// the template it names.
    pub(crate) fn screen(mut self, gate: &Gate, id: MessageId, at: Moment) -> Result<Judged<'a>, Refusal> {
        judge(&self.received.body)?;
        self.render(gate)?;
        let policy = gate.policy.policy();
        let asked = self.asked(text_for(&policy, &self.received.body, self.received.template.as_ref()));
        let occasion = first(id, self.received.times.scheduled_at, at);
        let screened = gate.policy.screen_by(policy, &asked.question(), occasion);
        let screened = screened.map_err(|refused| refused.reason)?;
        let text = asked.text;
        Ok(Judged { admitted: self, text, screened })
    }

    fn render(&mut self, gate: &Gate) -> Result<(), Refusal> {
        let Received { template: Some(template), params, body, .. } = &mut self.received else {
            return Ok(());
        };
        if body.text.is_empty() {
            let rendered = gate.policy.render(template, params.as_deref(), self.authorization.enterprise());
            let text = rendered.map_err(|refused| refused.reason)?;
            let mut octets = Vec::with_capacity(text.len());
            body.data_coding = encode_text(&text, DefaultAlphabet::Gsm7, &mut octets);
            body.text = Octets::from(octets);
        }
        Ok(())
    }

    fn asked(&self, text: Option<String>) -> Asked<'_> {
        let Received { body, template, params, .. } = &self.received;
        Asked {
            enterprise: self.authorization.enterprise(),
            number: self.number.number,
            text,
            template: template.as_ref(),
            params: params.as_deref(),
            segments: segments_of(body).into(),
        }
    }
}

impl<'a> Judged<'a> {
    /// Decrypts the device IDs and finds whom they meant on the day of consent, if that may be contacted now.
    /// `pin` gets what is to be stored with the message.
    pub(crate) fn resolve(
        self,
        gate: &Gate,
        at: Moment,
        pin: &mut Option<PinRecord>,
    ) -> Result<Resolved<'a>, Refusal> {
        let (contact, record) = resolve(&self.admitted.authorization, gate, at.wall)?;
        *pin = record;
        Ok(Resolved { judged: self, contact })
    }
}

impl Resolved<'_> {
    /// Asks whether the person refused such messages, gives the message its reply address, and asks the rules about the
    /// person: lists, region, frequency, balance. What they put off leaves later.
    pub(crate) fn clear(
        self,
        gate: &Gate,
        id: MessageId,
        at: Moment,
        record: &mut Option<veilgate_identity::SlotRecord>,
    ) -> Result<Cleared, Refusal> {
        let Self { judged: Judged { admitted, text, screened }, contact } = self;
        let (number, authorization) = (&admitted.number, &admitted.authorization);
        if gate.opt_outs.block(contact.subscriber(), number.number, authorization) {
            return Err(Reason::OptOut.into());
        }
        let digits = number.extension_digits;
        let slots = &gate.slots;
        let allocated =
            slots.allocate(number.number, digits, contact.subscriber(), authorization.id(), at.wall);
        let allocated = allocated.map_err(|_| Reason::NoSlot)?;
        *record = allocated.record;
        let times = admitted.received.times;
        let asked = admitted.asked(text);
        let occasion = first(id, times.scheduled_at, at);
        let person = person(&contact, gate, screened.policy());
        let permit = gate.policy.clear(screened, &asked.question(), &person, occasion);
        let permit = permit.map_err(|refused| refused.reason)?;
        let facts = ContentFacts::of(&admitted.received.body);
        let scheduled_at = leaves_at(&permit, &times).inspect_err(|_| {
            let _ = gate.policy.give_back(&Taken {
                message: id,
                enterprise: admitted.authorization.enterprise(),
                subscriber: None,
                segments: facts.segments.into(),
                charge: permit.decision.charge.as_ref(),
                at: at.wall,
            });
        })?;
        let mut ruled = Ruled::new(&permit, Review::None, at.wall);
        ruled.may_leave_early &= times.scheduled_at.is_none();
        let counted = permit.contact;
        let Admitted { received, authorization, number } = admitted;
        Ok(Cleared {
            id,
            ruled,
            counted,
            authorization,
            number,
            extension: allocated.extension,
            contact,
            registered_delivery: received.registered_delivery,
            expires_at: times.expires_at,
            scheduled_at,
            facts,
            body: received.body,
        })
    }
}

/// When a message leaves that the rules allow or put off. One that waits for staff leaves when they say so, or never.
fn leaves_at(permit: &Permit, times: &Times) -> Result<Option<Timestamp>, Reason> {
    match permit.decision.verdict {
        Verdict::Defer(until) if until >= times.expires_at => Err(Reason::WindowCategory),
        Verdict::Defer(until) => Ok(Some(until)),
        Verdict::Hold => Ok(Some(times.expires_at)),
        Verdict::Allow | Verdict::Refuse(_) => Ok(times.scheduled_at),
    }
}

/// Whom an authorization means now; also asked again when a message has waited.
pub(crate) fn resolve(
    authorization: &Registered,
    gate: &Gate,
    now: Timestamp,
) -> Result<(Contact, Option<PinRecord>), Reason> {
    let asking = Asking {
        edis: authorization.devices(),
        platform: Some(authorization.platform()),
        mark: authorization.device_mark(),
    };
    let (as_of, until) = (authorization.as_of(), authorization.expires_at());
    gate.identity.resolve_pinning(asking, as_of, until, now)
}

pub(crate) fn authorization(
    recipient: &Recipient,
    tenant: &Tenant,
    gate: &Gate,
    now: Timestamp,
) -> Result<Arc<Registered>, Reason> {
    match (tenant, recipient) {
        (Tenant::Enterprise(enterprise), Recipient::Pseudonym(alias)) => {
            gate.registry.by_pseudonym(enterprise, alias, now).ok_or(Reason::AuthMissing)
        }
        (Tenant::Enterprise(_), _) => Err(Reason::NotPermitted),
        (Tenant::Platform(platform), Recipient::Pseudonym(alias)) => {
            gate.registry.by_platform_pseudonym(platform, alias, now).ok_or(Reason::AuthMissing)
        }
        (Tenant::Platform(platform), Recipient::Registered { id, device }) => {
            let held = gate.registry.by_id(id).filter(|held| held.platform() == platform);
            let held = held.ok_or(Reason::AuthMissing)?;
            match device {
                Some(device) if !held.devices().contains(device) => Err(Reason::AuthScope),
                _ => Ok(held),
            }
        }
        (Tenant::Platform(platform), Recipient::Whole(whole)) => {
            let directory = gate.directory.load();
            let profile = directory.platform(platform).ok_or(Reason::NotPermitted)?;
            gate.registry.register((**whole).clone(), platform, profile, now).map(|done| done.authorization)
        }
        (Tenant::Platform(platform), Recipient::Short(short)) => register_short(short, platform, gate, now),
    }
}

fn register_short(
    short: &Short,
    platform: &PlatformId,
    gate: &Gate,
    now: Timestamp,
) -> Result<Arc<Registered>, Reason> {
    let form = ShortForm {
        authorization_id: &short.id,
        enterprise_id: &short.enterprise,
        pseudonym: &short.pseudonym,
        device: &short.device,
        as_of: short.as_of,
    };
    let directory = gate.directory.load();
    let profile = directory.platform(platform).ok_or(Reason::NotPermitted)?;
    gate.registry.register_short(form, platform, profile, now).map(|done| done.authorization)
}

fn template(tlvs: &Tlvs<'_>) -> Result<Option<ObjectId>, Refusal> {
    let refused = Refusal::field(Status::RINVOPTPARAMVAL);
    let named = tlvs.find(Tag::TEMPLATE_ID).map(|tlv| tlv.value.as_bytes());
    let name = |octets| std::str::from_utf8(octets).ok().and_then(|name| ObjectId::parse(name).ok());
    named.map(|octets| name(octets).ok_or(refused)).transpose()
}

fn params(tlvs: &Tlvs<'_>) -> Result<Option<Box<str>>, Refusal> {
    let refused = Refusal::field(Status::RINVOPTPARAMVAL);
    let params = tlvs.find(Tag::PARAMS).map(|tlv| std::str::from_utf8(tlv.value.as_bytes()));
    params.transpose().map(|params| params.map(Box::from)).map_err(|_| refused)
}

fn source<'a>(address: &Address<'a>) -> Result<&'a str, Refusal> {
    std::str::from_utf8(address.digits.as_bytes()).map_err(|_| Refusal::field(Status::RINVSRCADR))
}

/// Bits 0-1 say which receipts, bits 2-3 which acknowledgements of the recipient's own, bit 4 whether notifications on
/// the way; the others are reserved (SMPP 3.4, 5.2.17).
pub(crate) fn registered_delivery(value: u8) -> Result<u8, Refusal> {
    if value & 0xe0 != 0 { Err(Refusal::field(Status::RINVREGDLVFLG)) } else { Ok(value) }
}

fn service(field: CString<'_, 5>, rules: &FlowRules) -> Result<ServiceType, Refusal> {
    let service = ServiceType::parse(field.as_bytes())
        .filter(|service| *service == ServiceType::default() || rules.service_types.contains(service));
    service.ok_or(Refusal::field(Status::RINVSERTYP))
}

fn body(
    esm_class: u8,
    data_coding: u8,
    message: OctetString<'_, 65_535>,
    tlvs: &Tlvs<'_>,
    rules: &FlowRules,
) -> Result<Body, Refusal> {
    let octets = message.as_bytes();
    if octets.len() > rules.max_text {
        return Err(Refusal::field(Status::RINVMSGLEN));
    }
    // Message type must be "default" and the reply path is ours to say (SMPP 3.4, 5.2.12).
    if esm_class & !(UDHI | 0x03) != 0 {
        return Err(Refusal::field(Status::RINVESMCLASS));
    }
    let header = if esm_class & UDHI == 0 { None } else { Some(concatenation(octets)?) };
    let sar = segment(tlvs)?;
    if header.is_some() && sar.is_some() {
        return Err(Refusal::field(Status::RINVOPTPARAMVAL));
    }
    Ok(Body {
        data_coding,
        esm_class: esm_class & UDHI,
        protocol_id: 0,
        priority: 0,
        text: Octets::from(octets),
        segment: sar.map(|segment| (segment.reference, segment.total, segment.number)),
        service: ServiceType::default(),
    })
}

/// A header may say which part this is and nothing else: ports, pictures and reply addresses do not pass
/// (leaks.md section 7).
fn concatenation(octets: &[u8]) -> Result<Segment, Refusal> {
    let refused = Refusal::field(Status::RINVESMCLASS);
    let (header, _) = UserDataHeader::parse(octets).map_err(|_| refused)?;
    if header.others != 0 {
        return Err(refused);
    }
    header.segment.ok_or(refused)
}

fn segment(tlvs: &Tlvs<'_>) -> Result<Option<Segment>, Refusal> {
    let short = tlvs.find(Tag::SAR_MSG_REF_NUM).and_then(|tlv| tlv.short());
    let octet = |tag| tlvs.find(tag).and_then(|tlv| tlv.octet());
    Segment::from_sar(short, octet(Tag::SAR_TOTAL_SEGMENTS), octet(Tag::SAR_SEGMENT_SEQNUM))
        .map_err(|_| Refusal::field(Status::RINVOPTPARAMVAL))
}
