//! SMPP by hand for the tests: PDUs made of octets over sockets, knowing nothing of the gateway's own codec.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const PASSWORD: &str = "pass-123";
pub(crate) const SERVICE_NUMBER: &str = "10690001";

pub(crate) const GENERIC_NACK: u32 = 0x8000_0000;
pub(crate) const BIND_RECEIVER: u32 = 1;
pub(crate) const BIND_TRANSMITTER: u32 = 2;
pub(crate) const QUERY_SM: u32 = 3;
pub(crate) const SUBMIT_SM: u32 = 4;
pub(crate) const DELIVER_SM: u32 = 5;
pub(crate) const UNBIND: u32 = 6;
pub(crate) const REPLACE_SM: u32 = 7;
pub(crate) const CANCEL_SM: u32 = 8;
pub(crate) const BIND_TRANSCEIVER: u32 = 9;
pub(crate) const ENQUIRE_LINK: u32 = 0x15;
pub(crate) const SUBMIT_MULTI: u32 = 0x21;
pub(crate) const DATA_SM: u32 = 0x103;
/// Turns a request's command into its response's.
pub(crate) const RESPONSE: u32 = 0x8000_0000;

pub(crate) const EDI: u16 = 0x1500;
pub(crate) const PSEUDONYM: u16 = 0x1501;
pub(crate) const AUTHORIZATION_ID: u16 = 0x1502;
pub(crate) const AS_OF: u16 = 0x1503;
pub(crate) const ENTERPRISE: u16 = 0x1504;
pub(crate) const REASON: u16 = 0x1508;
pub(crate) const AUTHORIZATION: u16 = 0x150a;
pub(crate) const PAYLOAD: u16 = 0x0424;
pub(crate) const RECEIPTED_ID: u16 = 0x001e;
pub(crate) const MESSAGE_STATE: u16 = 0x0427;
pub(crate) const NETWORK_ERROR: u16 = 0x0423;

/// One PDU.
#[derive(Clone, PartialEq)]
pub(crate) struct Pdu {
    pub(crate) id: u32,
    pub(crate) status: u32,
    pub(crate) sequence: u32,
    pub(crate) body: Vec<u8>,
}

impl Pdu {
    pub(crate) fn new(id: u32, sequence: u32, body: Vec<u8>) -> Self {
        Self { id, status: 0, sequence, body }
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        let length = u32::try_from(self.body.len() + 16).unwrap();
        let head = [length, self.id, self.status, self.sequence].map(u32::to_be_bytes).concat();
        [head, self.body.clone()].concat()
    }

    /// The first C-octet string of the body: `message_id` of a response.
    pub(crate) fn text(&self) -> String {
        let end = self.body.iter().position(|octet| *octet == 0).unwrap_or(self.body.len());
        String::from_utf8(self.body[..end].to_vec()).unwrap()
    }

    /// TLV 0x1508 of a refusal, wherever the body begins.
    pub(crate) fn reason(&self) -> Option<String> {
        let tag = REASON.to_be_bytes();
        let at = self.body.windows(4).position(|window| window == [tag[0], tag[1], 0, 4])?;
        Some(String::from_utf8(self.body[at + 4..at + 8].to_vec()).unwrap())
    }
}

impl std::fmt::Debug for Pdu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = String::from_utf8_lossy(&self.body);
        write!(f, "Pdu({:#x} status {:#x} seq {:#x} {text:?})", self.id, self.status, self.sequence)
    }
}

/// The body of a `submit_sm` or `deliver_sm`.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) sequence: u32,
    pub(crate) service_type: Vec<u8>,
    pub(crate) source: (u8, u8, String),
    pub(crate) destination: (u8, u8, Vec<u8>),
    pub(crate) esm_class: u8,
    pub(crate) protocol_id: u8,
    pub(crate) priority: u8,
    pub(crate) schedule: String,
    pub(crate) validity: String,
    pub(crate) registered: u8,
    pub(crate) replace: u8,
    pub(crate) data_coding: u8,
    pub(crate) default_id: u8,
    /// `sm_length`, where it is not the length of the text.
    pub(crate) length: Option<u8>,
    pub(crate) text: Vec<u8>,
    pub(crate) tlvs: Vec<(u16, Vec<u8>)>,
}

impl Message {
    /// To a pseudonym, with a receipt.
    pub(crate) fn to(pseudonym: &str, text: &str) -> Self {
        Self {
            sequence: 0,
            service_type: Vec::new(),
            source: (0, 1, SERVICE_NUMBER.to_owned()),
            destination: (5, 0, pseudonym.as_bytes().to_vec()),
            esm_class: 0,
            protocol_id: 0,
            priority: 0,
            schedule: String::new(),
            validity: String::new(),
            registered: 1,
            replace: 0,
            data_coding: 0,
            default_id: 0,
            length: None,
            text: text.as_bytes().to_vec(),
            tlvs: Vec::new(),
        }
    }

    /// To nobody but whom the TLVs name.
    pub(crate) fn by_tlvs(text: &str, tlvs: &[(u16, &[u8])]) -> Self {
        let mut message = Self::to("", text);
        message.destination = (0, 0, Vec::new());
        message.tlvs = tlvs.iter().map(|(tag, value)| (*tag, value.to_vec())).collect();
        message
    }

    /// From a subscriber's number to a service number.
    pub(crate) fn from_subscriber(number: &str, dialled: &str, text: &str) -> Self {
        let mut message = Self::to("", text);
        message.source = (1, 1, number.to_owned());
        message.destination = (0, 1, dialled.as_bytes().to_vec());
        message.registered = 0;
        message
    }

    pub(crate) fn with(mut self, tag: u16, value: &[u8]) -> Self {
        self.tlvs.push((tag, value.to_vec()));
        self
    }

    pub(crate) fn tlv(&self, tag: u16) -> Option<&[u8]> {
        self.tlvs.iter().find(|(found, _)| *found == tag).map(|(_, value)| &value[..])
    }

    /// A TLV's value as text, without its NUL.
    pub(crate) fn tlv_text(&self, tag: u16) -> Option<String> {
        let value = self.tlv(tag)?;
        Some(String::from_utf8(value.strip_suffix(&[0]).unwrap_or(value).to_vec()).unwrap())
    }

    pub(crate) fn destination(&self) -> String {
        String::from_utf8(self.destination.2.clone()).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.text.clone()).unwrap()
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = self.service_type.clone();
        body.push(0);
        body.extend([self.source.0, self.source.1]);
        body.extend(self.source.2.as_bytes());
        body.extend([0, self.destination.0, self.destination.1]);
        body.extend(&self.destination.2);
        body.extend([0, self.esm_class, self.protocol_id, self.priority]);
        for time in [&self.schedule, &self.validity] {
            body.extend(time.as_bytes());
            body.push(0);
        }
        body.extend([self.registered, self.replace, self.data_coding, self.default_id]);
        body.push(self.length.unwrap_or(u8::try_from(self.text.len()).unwrap_or(255)));
        body.extend(&self.text);
        body.extend(tlvs(&self.tlvs));
        body
    }

    /// The body of a `data_sm` with the text as payload.
    pub(crate) fn data_body(&self) -> Vec<u8> {
        let mut body = vec![0, self.source.0, self.source.1];
        body.extend(self.source.2.as_bytes());
        body.extend([0, self.destination.0, self.destination.1]);
        body.extend(&self.destination.2);
        body.extend([0, self.esm_class, self.registered, self.data_coding]);
        if !self.text.is_empty() {
            body.extend(tlvs(&[(PAYLOAD, self.text.clone())]));
        }
        body.extend(tlvs(&self.tlvs));
        body
    }

    pub(crate) fn read(pdu: &Pdu) -> Self {
        let mut rest = Rest(&pdu.body);
        let mut message = Self {
            sequence: pdu.sequence,
            service_type: rest.string(),
            source: (rest.octet(), rest.octet(), String::from_utf8(rest.string()).unwrap()),
            destination: (rest.octet(), rest.octet(), rest.string()),
            esm_class: rest.octet(),
            protocol_id: rest.octet(),
            priority: rest.octet(),
            schedule: String::from_utf8(rest.string()).unwrap(),
            validity: String::from_utf8(rest.string()).unwrap(),
            registered: rest.octet(),
            replace: rest.octet(),
            data_coding: rest.octet(),
            default_id: rest.octet(),
            length: None,
            text: Vec::new(),
            tlvs: Vec::new(),
        };
        let length = usize::from(rest.octet());
        message.text = rest.take(length);
        while !rest.0.is_empty() {
            let tag = u16::from_be_bytes([rest.octet(), rest.octet()]);
            let length = usize::from(u16::from_be_bytes([rest.octet(), rest.octet()]));
            message.tlvs.push((tag, rest.take(length)));
        }
        message
    }
}

fn tlvs(list: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (tag, value) in list {
        out.extend(tag.to_be_bytes());
        out.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        out.extend(value);
    }
    out
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn octet(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let (head, tail) = self.0.split_at(count);
        self.0 = tail;
        head.to_vec()
    }

    fn string(&mut self) -> Vec<u8> {
        let end = self.0.iter().position(|octet| *octet == 0).unwrap();
        let text = self.take(end);
        self.take(1);
        text
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One end of a connection, driven by the test.
pub(crate) struct Peer {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    aside: VecDeque<Pdu>,
    next: u32,
}

impl Peer {
    pub(crate) fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { stream: Box::new(stream), input: Vec::new(), aside: VecDeque::new(), next: 1 }
    }

    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    pub(crate) async fn write(&mut self, octets: &[u8]) {
        tokio::time::timeout(PATIENCE, self.stream.write_all(octets)).await.unwrap().unwrap();
    }

    /// Closes the half that is written to.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Writes what may meet a closed connection.
    pub(crate) async fn try_write(&mut self, octets: &[u8]) -> bool {
        tokio::time::timeout(PATIENCE, self.stream.write_all(octets)).await.unwrap().is_ok()
    }

    pub(crate) async fn send(&mut self, id: u32, body: Vec<u8>) -> u32 {
        let sequence = self.next;
        self.next += 1;
        self.write(&Pdu::new(id, sequence, body).octets()).await;
        sequence
    }

    /// Answers a request.
    pub(crate) async fn answer(&mut self, id: u32, sequence: u32, status: u32, body: &[u8]) {
        let pdu = Pdu { id: id | RESPONSE, status, sequence, body: body.to_vec() };
        self.write(&pdu.octets()).await;
    }

    /// The next PDU; none when the connection ended.
    pub(crate) async fn read(&mut self) -> Option<Pdu> {
        if let Some(pdu) = self.aside.pop_front() {
            return Some(pdu);
        }
        self.off_the_wire().await
    }

    /// The next PDU that has not been read yet.
    pub(crate) async fn off_the_wire(&mut self) -> Option<Pdu> {
        loop {
            if let Some(pdu) = self.whole() {
                return Some(pdu);
            }
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.input)).await;
            match read.expect("nothing came in time") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    fn whole(&mut self) -> Option<Pdu> {
        let word =
            |at: usize| self.input.get(at..at + 4).map(|word| u32::from_be_bytes(word.try_into().unwrap()));
        let length = usize::try_from(word(0)?).unwrap();
        if self.input.len() < length {
            return None;
        }
        let pdu = Pdu {
            id: word(4)?,
            status: word(8)?,
            sequence: word(12)?,
            body: self.input[16..length].to_vec(),
        };
        self.input.drain(..length);
        Some(pdu)
    }

    /// The next PDU of this command; others are put aside.
    pub(crate) async fn take(&mut self, id: u32) -> Pdu {
        self.find(|pdu| pdu.id == id).await
    }

    async fn find(&mut self, wanted: impl Fn(&Pdu) -> bool) -> Pdu {
        if let Some(at) = self.aside.iter().position(&wanted) {
            return self.aside.remove(at).unwrap();
        }
        loop {
            let pdu = self.off_the_wire().await.expect("the connection ended");
            if wanted(&pdu) {
                return pdu;
            }
            self.aside.push_back(pdu);
        }
    }

    /// Undoes a read.
    pub(crate) fn put_back(&mut self, pdu: Pdu) {
        self.aside.push_front(pdu);
    }

    /// The response to a request, or the nack.
    pub(crate) async fn response(&mut self, sequence: u32) -> Pdu {
        self.find(|pdu| pdu.id & RESPONSE != 0 && pdu.sequence == sequence).await
    }

    pub(crate) async fn call(&mut self, id: u32, body: Vec<u8>) -> Pdu {
        let sequence = self.send(id, body).await;
        self.response(sequence).await
    }

    pub(crate) async fn submit(&mut self, message: &Message) -> Pdu {
        self.call(SUBMIT_SM, message.body()).await
    }

    /// Submits what must be taken; returns its id.
    pub(crate) async fn accepted(&mut self, message: &Message) -> String {
        let response = self.submit(message).await;
        assert_eq!(response.status, 0, "{response:?} to {message:?}");
        assert_eq!(response.id, SUBMIT_SM | RESPONSE);
        response.text()
    }

    /// Submits what must be refused, with this status and reason.
    pub(crate) async fn refused(&mut self, message: &Message, status: u32, reason: &str) {
        let response = self.submit(message).await;
        assert_eq!(response.status, status, "{response:?} to {message:?}");
        assert_eq!(response.reason().as_deref(), Some(reason), "{response:?} to {message:?}");
    }

    pub(crate) async fn bind(&mut self, mode: u32, account: &str, password: &str, version: u8) -> Pdu {
        self.call(mode, bind_body(account, password, version)).await
    }

    /// The next message of the other side, not answered yet.
    pub(crate) async fn incoming(&mut self, id: u32) -> Message {
        let pdu = self.take(id).await;
        Message::read(&pdu)
    }

    /// The next `deliver_sm`, answered.
    pub(crate) async fn delivered(&mut self) -> Message {
        let message = self.incoming(DELIVER_SM).await;
        self.answer(DELIVER_SM, message.sequence, 0, &[0]).await;
        message
    }

    /// The next `submit_sm`, taken under this id.
    pub(crate) async fn took(&mut self, id: &str) -> Message {
        let message = self.incoming(SUBMIT_SM).await;
        self.answer(SUBMIT_SM, message.sequence, 0, format!("{id}\0").as_bytes()).await;
        message
    }

    /// Sends the customary receipt; the gateway's answer must be ESME_ROK.
    pub(crate) async fn receipt(&mut self, about: &Message, id: &str, stat: &str) {
        let receipt = receipt(about, id, stat);
        let response = self.call(DELIVER_SM, receipt.body()).await;
        assert_eq!((response.id, response.status), (DELIVER_SM | RESPONSE, 0), "{response:?}");
    }

    /// Every message of this command that has come so far.
    pub(crate) async fn waiting(&mut self, id: u32) -> Vec<Message> {
        self.call(ENQUIRE_LINK, Vec::new()).await;
        let (wanted, others) = self.aside.drain(..).partition(|pdu| pdu.id == id);
        self.aside = others;
        let wanted: VecDeque<Pdu> = wanted;
        wanted.iter().map(Message::read).collect()
    }

    /// The session lives and has nothing else to say.
    pub(crate) async fn is_quiet(&mut self) {
        let response = self.call(ENQUIRE_LINK, Vec::new()).await;
        assert_eq!((response.id, response.status), (ENQUIRE_LINK | RESPONSE, 0));
        assert!(self.aside.is_empty(), "unexpected {:?}", self.aside);
    }

    /// Says that nothing more comes, and lets the connection go when the other side has.
    pub(crate) async fn close(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Reads whatever comes until the other side closes.
    pub(crate) async fn raw_end(&mut self) {
        let mut octets = Vec::new();
        let _ =
            tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut octets)).await.expect("stays open");
    }

    /// Reads until the other side closes; what it said before.
    pub(crate) async fn until_closed(&mut self) -> Vec<Pdu> {
        let mut said = Vec::new();
        while let Some(pdu) = self.read().await {
            said.push(pdu);
        }
        said
    }
}

/// The customary receipt about a submit.
pub(crate) fn receipt(about: &Message, id: &str, stat: &str) -> Message {
    let delivered = u8::from(stat == "DELIVRD");
    let text = format!(
        "id:{id} sub:001 dlvrd:00{delivered} submit date:2611220102 done date:2611220103 stat:{stat} err:000 text:Secret"
    );
    let mut receipt = Message::from_subscriber(&about.destination(), &about.source.2, &text);
    receipt.esm_class = 4;
    receipt
}

pub(crate) fn bind_body(account: &str, password: &str, version: u8) -> Vec<u8> {
    let mut body = format!("{account}\0{password}\0\0").into_bytes();
    body.extend([version, 0, 0, 0]);
    body
}

/// An SMSC without a mind of its own.
pub(crate) struct Smsc {
    listener: TcpListener,
}

impl Smsc {
    pub(crate) async fn listen() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// The gateway's next connection, before its bind is read.
    pub(crate) async fn connection(&self) -> Peer {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await;
        let (stream, _) = accepted.expect("the gateway does not connect").unwrap();
        stream.set_nodelay(true).unwrap();
        Peer::over(stream)
    }

    /// The gateway's next bind, accepted; when it is dropped the connection is reset.
    pub(crate) async fn link_to_reset(&self) -> Peer {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await;
        let (stream, _) = accepted.expect("the gateway does not connect").unwrap();
        stream.set_zero_linger().unwrap();
        Self::bound(Peer::over(stream)).await
    }

    /// The gateway's next bind, accepted.
    pub(crate) async fn link(&self) -> Peer {
        Self::bound(self.connection().await).await
    }

    async fn bound(mut link: Peer) -> Peer {
        let bind = link.read().await.unwrap();
        link.answer(bind.id, bind.sequence, 0, b"smsc\0").await;
        link
    }
}
