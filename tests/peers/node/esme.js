// npm smpp as ESME: enterprise as transmitter and receiver, notary as transceiver with vendor TLVs.
'use strict';

const fs = require('fs');
const smpp = require('smpp');
const { Conversation, finish } = require('./conversation');

const PATIENCE_MS = 20000;
const TLVS = {
  edi: 0x1500,
  pseudonym: 0x1501,
  authorization_id: 0x1502,
  as_of: 0x1503,
  enterprise_id: 0x1504,
};

// The library sends and shows only TLVs that it was told of.
for (const [name, id] of Object.entries(TLVS)) smpp.addTLV(`veil_${name}`, { id, type: smpp.types.tlv.string });

async function main() {
  const plan = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
  const conversations = [];
  for (const role of plan.roles) conversations.push(await play(plan, role));
  finish(conversations);
}

async function play(plan, role) {
  const conversation = new Conversation(plan, role);
  const modes = role.bind === 'pair' ? ['bind_transmitter', 'bind_receiver'] : ['bind_transceiver'];
  const sessions = [];
  for (const mode of modes) sessions.push(await bind(plan, role, mode, conversation));
  const end = Date.now() + PATIENCE_MS;
  for (const message of role.messages) submit(sessions[0], conversation, role, message);
  sessions[0].submit_sm(
    { source_addr: role.source, dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: role.number, short_message: 'never' },
    (response) => (response.command_status ? conversation.refused(true, response.command_status) : conversation.accepted('')),
  );
  for (const session of sessions) {
    session.enquire_link({}, (response) => {
      if (response.command_status === 0) conversation.enquiries += 1;
    });
  }
  while (!conversation.complete() && Date.now() < end) await new Promise((resume) => setTimeout(resume, 100));
  for (const session of sessions) {
    await new Promise((resume) => session.unbind({}, resume));
    await new Promise((resume) => session.close(resume));
  }
  return conversation;
}

async function bind(plan, role, mode, conversation) {
  const session = smpp.connect({ host: plan.host, port: plan.port });
  session.on('error', (error) => conversation.problem(`the library reports ${error.code || error.message}`));
  await new Promise((resume) => session.once('connect', resume));
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('deliver_sm', (pdu) => {
    received(conversation, pdu);
    session.send(pdu.response());
  });
  const response = await new Promise((resume) => {
    session[mode]({ system_id: role.system_id, password: role.password, interface_version: 0x34 }, resume);
  });
  if (response.command_status) conversation.problem(`${mode} was refused with 0x${response.command_status.toString(16)}`);
  return session;
}

function submit(session, conversation, role, message) {
  const fields = {
    source_addr: role.source,
    dest_addr_ton: 5,
    dest_addr_npi: 0,
    destination_addr: role.tlvs ? '' : message.pseudonym,
    registered_delivery: 1,
    short_message: message.text,
  };
  if (role.tlvs) for (const name of Object.keys(TLVS)) fields[`veil_${name}`] = message[name];
  session.submit_sm(fields, (response) => {
    if (response.command_status) conversation.refused(false, response.command_status);
    else conversation.accepted(response.message_id);
  });
}

function received(conversation, pdu) {
  const text = pdu.short_message.message;
  if ((pdu.esm_class & 0x3c) === 0x04) conversation.receipt(text, pdu.receipted_message_id);
  else conversation.reply(pdu.source_addr, pdu.source_addr_ton, pdu.destination_addr, text);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
