//! rusmppc (SMPP 5.0): enterprise as transmitter and receiver, notary as transceiver with vendor TLVs.
//!
//! usage: veilgate-peer-rusmppc PLAN

mod conversation;

use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conversation::{Conversation, Message, Plan, Role};
use futures_util::{Stream, StreamExt};
use rusmpp::pdus::{BindReceiver, BindTransceiver, BindTransmitter, DeliverSm, DeliverSmResp, SubmitSm};
use rusmpp::tlvs::{MessageSubmissionRequestTlvValue, TlvTag, TlvValue};
use rusmpp::types::{AnyOctetString, COctetString, OctetString};
use rusmpp::values::{DataCoding, EsmClass, MessageType, Npi, RegisteredDelivery, Ton};
use rusmpp::{Command, Pdu};
use rusmppc::{Client, ConnectionBuilder, Event};

type Failure = Box<dyn Error>;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Failure> {
    let file = std::env::args().nth(1).ok_or("usage: veilgate-peer-rusmppc PLAN")?;
    let plan: Plan = serde_json::from_slice(&std::fs::read(file)?)?;
    let mut conversations = Vec::new();
    for role in &plan.roles {
        conversations.push(play(&plan, role).await?);
    }
    Ok(conversation::finish(&conversations))
}

async fn play(plan: &Plan, role: &Role) -> Result<Conversation, Failure> {
    let conversation = Arc::new(Mutex::new(Conversation::new(role.clone(), plan.answered)));
    let clients = bind(plan, role, &conversation).await?;
    for message in &role.messages {
        let submit = submit_to_subscriber(role, message)?;
        submit_and_note(&clients[0], submit, &conversation, false).await?;
    }
    let mut number = base(role, "never")?;
    number.dest_addr_ton = Ton::International;
    number.dest_addr_npi = Npi::Isdn;
    number.destination_addr = role.number.parse()?;
    submit_and_note(&clients[0], number, &conversation, true).await?;
    for client in &clients {
        client.enquire_link().await?;
    }
    let _ = tokio::time::timeout(PATIENCE, async {
        while !conversation.lock().unwrap().complete() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    for client in &clients {
        client.unbind().await?;
        // Fails if the gateway was faster to close.
        let _ = client.close().await;
        client.closed().await;
    }
    Ok(conversation.lock().unwrap().clone())
}

async fn bind(
    plan: &Plan,
    role: &Role,
    conversation: &Arc<Mutex<Conversation>>,
) -> Result<Vec<Client>, Failure> {
    let system_id: COctetString<1, 16> = role.system_id.parse()?;
    let password: COctetString<1, 9> = role.password.parse()?;
    let first = connect(plan, conversation).await?;
    if role.bind != "pair" {
        first
            .bind_transceiver(BindTransceiver::builder().system_id(system_id).password(password).build())
            .await?;
        return Ok(vec![first]);
    }
    let second = connect(plan, conversation).await?;
    let bind = BindTransmitter::builder().system_id(system_id.clone()).password(password.clone());
    first.bind_transmitter(bind.build()).await?;
    second.bind_receiver(BindReceiver::builder().system_id(system_id).password(password).build()).await?;
    Ok(vec![first, second])
}

async fn connect(plan: &Plan, conversation: &Arc<Mutex<Conversation>>) -> Result<Client, Failure> {
    let url = format!("smpp://{}:{}", plan.host, plan.port);
    let (client, events) =
        ConnectionBuilder::new().response_timeout(Duration::from_secs(10)).connect(url).await?;
    tokio::spawn(listen(client.clone(), events, conversation.clone()));
    Ok(client)
}

async fn listen(
    client: Client,
    mut events: impl Stream<Item = Event> + Unpin,
    conversation: Arc<Mutex<Conversation>>,
) {
    while let Some(event) = events.next().await {
        match event {
            Event::Incoming(command) => {
                if let Some(Pdu::DeliverSm(pdu)) = command.pdu() {
                    note_delivery(&mut conversation.lock().unwrap(), pdu);
                    let _ = client.deliver_sm_resp(command.sequence_number(), DeliverSmResp::default()).await;
                }
            }
            // The gateway closes after the unbind; the library calls that an error.
            Event::Error(rusmppc::error::Error::ConnectionClosedByPeer)
                if conversation.lock().unwrap().complete() => {}
            Event::Error(error) => {
                conversation.lock().unwrap().problem(&format!("the library reports: {error}"))
            }
        }
    }
}

fn note_delivery(conversation: &mut Conversation, pdu: &DeliverSm) {
    let octets = pdu.short_message().as_ref();
    let text = match pdu.data_coding {
        DataCoding::Ucs2 => String::from_utf16_lossy(
            &octets
                .chunks(2)
                .map(|pair| u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]))
                .collect::<Vec<_>>(),
        ),
        _ => String::from_utf8_lossy(octets).into_owned(),
    };
    if pdu.esm_class.message_type == MessageType::ShortMessageContainsMCDeliveryReceipt {
        let receipted = pdu.tlvs().iter().find_map(|tlv| match tlv.value() {
            Some(TlvValue::ReceiptedMessageId(id)) => Some(id.as_str().to_owned()),
            _ => None,
        });
        conversation.receipt(&text, receipted.as_deref());
    } else {
        conversation.reply(
            pdu.source_addr.as_str(),
            pdu.source_addr_ton == Ton::Alphanumeric,
            pdu.destination_addr.as_str(),
            &text,
        );
    }
}

async fn submit_and_note(
    client: &Client,
    submit: SubmitSm,
    conversation: &Arc<Mutex<Conversation>>,
    number: bool,
) -> Result<(), Failure> {
    match client.submit_sm(submit).await {
        Ok(response) => conversation.lock().unwrap().accepted(response.message_id().as_str()),
        Err(rusmppc::error::Error::UnexpectedResponse { response }) => {
            conversation.lock().unwrap().refused(number, status(&response));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn status(response: &Command) -> u32 {
    response.status().into()
}

fn submit_to_subscriber(role: &Role, message: &Message) -> Result<SubmitSm, Failure> {
    let mut submit = base(role, &message.text)?;
    submit.dest_addr_ton = Ton::Alphanumeric;
    if role.tlvs {
        for (tag, value) in message.tlvs() {
            let (tag, value) = (TlvTag::Other(tag), AnyOctetString::from_slice(value.as_bytes()));
            submit.push_tlv(MessageSubmissionRequestTlvValue::Other { tag, value });
        }
    } else {
        submit.destination_addr = message.pseudonym.parse()?;
    }
    Ok(submit)
}

/// `EsmClass::default()` of rusmpp 0.4 is 0x08, an acknowledgement; a plain message has 0.
fn base(role: &Role, text: &str) -> Result<SubmitSm, Failure> {
    let (data_coding, octets) = if text.is_ascii() {
        (DataCoding::McSpecific, text.as_bytes().to_vec())
    } else {
        (DataCoding::Ucs2, text.encode_utf16().flat_map(u16::to_be_bytes).collect())
    };
    Ok(SubmitSm::builder()
        .source_addr(role.source.parse()?)
        .esm_class(EsmClass::from(0))
        .registered_delivery(RegisteredDelivery::request_all())
        .data_coding(data_coding)
        .short_message(OctetString::from_vec(octets)?)
        .build())
}
