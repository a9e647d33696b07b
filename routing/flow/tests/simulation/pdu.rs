//! PDUs as the simulated peers write and read them: octets by hand, so that a mistake of the codec is not mirrored.

pub(crate) const BIND_RECEIVER: u32 = 0x1;
pub(crate) const BIND_TRANSMITTER: u32 = 0x2;
pub(crate) const QUERY: u32 = 0x3;
pub(crate) const SUBMIT: u32 = 0x4;
pub(crate) const DELIVER: u32 = 0x5;
pub(crate) const UNBIND: u32 = 0x6;
pub(crate) const REPLACE: u32 = 0x7;
pub(crate) const CANCEL: u32 = 0x8;
pub(crate) const BIND_TRANSCEIVER: u32 = 0x9;
pub(crate) const ENQUIRE_LINK: u32 = 0x15;
pub(crate) const RESPONSE: u32 = 0x8000_0000;

pub(crate) const OK: u32 = 0;
pub(crate) const RSYSERR: u32 = 0x08;
pub(crate) const RMSGQFUL: u32 = 0x14;
pub(crate) const RSUBMITFAIL: u32 = 0x45;
pub(crate) const RTHROTTLED: u32 = 0x58;
pub(crate) const RX_T_APPN: u32 = 0x64;
pub(crate) const RX_P_APPN: u32 = 0x65;

/// One PDU as it came.
pub(crate) struct Pdu {
    pub(crate) command: u32,
    pub(crate) status: u32,
    pub(crate) sequence: u32,
    pub(crate) body: Vec<u8>,
}

/// The fields of a `submit_sm` or `deliver_sm` that the peers look at.
pub(crate) struct Message {
    pub(crate) source: String,
    pub(crate) destination: String,
    pub(crate) esm_class: u8,
    pub(crate) text: Vec<u8>,
}

/// Header and body.
pub(crate) fn pdu(command: u32, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 16).unwrap();
    let mut octets = Vec::with_capacity(body.len() + 16);
    for word in [length, command, status, sequence] {
        octets.extend_from_slice(&word.to_be_bytes());
    }
    octets.extend_from_slice(body);
    octets
}

/// Takes the next whole PDU off the input.
pub(crate) fn next(input: &mut Vec<u8>) -> Option<Pdu> {
    let word = |at: usize| Some(u32::from_be_bytes(input.get(at..at + 4)?.try_into().ok()?));
    let (length, command, status, sequence) = (word(0)?, word(4)?, word(8)?, word(12)?);
    let length = usize::try_from(length).unwrap();
    assert!((16..=70_000).contains(&length), "a PDU of {length} octets");
    let body = input.get(16..length)?.to_vec();
    input.drain(..length);
    Some(Pdu { command, status, sequence, body })
}

/// A bind request.
pub(crate) fn bind(command: u32, sequence: u32, name: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for text in [name, "secret", ""] {
        c_string(text.as_bytes(), &mut body);
    }
    body.extend_from_slice(&[0x34, 0, 0, 0]);
    pdu(command, OK, sequence, &body)
}

/// A `submit_sm` by pseudonym.
pub(crate) struct Submit<'a> {
    pub(crate) source: &'a str,
    pub(crate) pseudonym: &'a str,
    pub(crate) schedule: &'a str,
    pub(crate) validity: &'a str,
    pub(crate) registered_delivery: u8,
    pub(crate) text: &'a [u8],
}

impl Submit<'_> {
    pub(crate) fn encode(&self, sequence: u32) -> Vec<u8> {
        let mut body = vec![0, 0, 1];
        c_string(self.source.as_bytes(), &mut body);
        body.extend_from_slice(&[5, 0]);
        c_string(self.pseudonym.as_bytes(), &mut body);
        body.extend_from_slice(&[0, 0, 0]);
        c_string(self.schedule.as_bytes(), &mut body);
        c_string(self.validity.as_bytes(), &mut body);
        body.extend_from_slice(&[self.registered_delivery, 0, 0, 0, u8::try_from(self.text.len()).unwrap()]);
        body.extend_from_slice(self.text);
        pdu(SUBMIT, OK, sequence, &body)
    }
}

/// A `query_sm`, `cancel_sm` or `replace_sm`; only the last has a text.
pub(crate) fn ask(command: u32, sequence: u32, id: &str, source: &str, text: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    if command == CANCEL {
        body.push(0);
    }
    c_string(id.as_bytes(), &mut body);
    body.extend_from_slice(&[0, 1]);
    c_string(source.as_bytes(), &mut body);
    match command {
        CANCEL => body.extend_from_slice(&[0, 0, 0]),
        REPLACE => {
            body.extend_from_slice(&[0, 0, 1, 0, u8::try_from(text.len()).unwrap()]);
            body.extend_from_slice(text);
        }
        _ => {}
    }
    pdu(command, OK, sequence, &body)
}

/// The `message_state` of a `query_sm_resp`.
pub(crate) fn state_of(body: &[u8]) -> u8 {
    let mut rest = body;
    let _id = take_c_string(&mut rest);
    let _date = take_c_string(&mut rest);
    rest[0]
}

/// A `deliver_sm` as an SMSC sends it.
pub(crate) fn deliver(sequence: u32, source: &str, destination: &str, esm_class: u8, text: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 1, 1];
    c_string(source.as_bytes(), &mut body);
    body.extend_from_slice(&[0, 1]);
    c_string(destination.as_bytes(), &mut body);
    body.extend_from_slice(&[esm_class, 0, 0, 0, 0, 0, 0, 0, 0, u8::try_from(text.len()).unwrap()]);
    body.extend_from_slice(text);
    pdu(DELIVER, OK, sequence, &body)
}

/// A response whose body is one name or id.
pub(crate) fn named(command: u32, status: u32, sequence: u32, name: &str) -> Vec<u8> {
    let mut body = Vec::new();
    c_string(name.as_bytes(), &mut body);
    pdu(command | RESPONSE, status, sequence, &body)
}

/// The name or id that a response begins with.
pub(crate) fn name_of(body: &[u8]) -> String {
    let name = body.split(|octet| *octet == 0).next().unwrap_or_default();
    String::from_utf8(name.to_vec()).unwrap()
}

/// Reads a `submit_sm` or `deliver_sm`.
pub(crate) fn message(body: &[u8]) -> Message {
    let mut rest = body;
    let _service = take_c_string(&mut rest);
    rest = &rest[2..];
    let source = take_c_string(&mut rest);
    rest = &rest[2..];
    let destination = take_c_string(&mut rest);
    let esm_class = rest[0];
    rest = &rest[3..];
    let _schedule = take_c_string(&mut rest);
    let _validity = take_c_string(&mut rest);
    let length = usize::from(rest[4]);
    Message { source, destination, esm_class, text: rest[5..5 + length].to_vec() }
}

/// What a receipt's text says under a key.
pub(crate) fn field<'a>(text: &'a str, key: &str) -> &'a str {
    let rest = text.split_once(key).map_or("", |(_, rest)| rest);
    rest.split(' ').next().unwrap_or_default()
}

fn c_string(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(text);
    out.push(0);
}

fn take_c_string(rest: &mut &[u8]) -> String {
    let end = rest.iter().position(|octet| *octet == 0).unwrap();
    let text = String::from_utf8(rest[..end].to_vec()).unwrap();
    *rest = &rest[end + 1..];
    text
}
