// npm smpp as SMSC: answers submits, sends a receipt and the handset's reply. Ends with SIGTERM.
//
// usage: smsc.js PORT PLAN RECORD      RECORD gets a JSON line per submit, as the SMSC saw it
'use strict';

const fs = require('fs');
const smpp = require('smpp');

const [port, planFile, recordFile] = process.argv.slice(2);
const answers = JSON.parse(fs.readFileSync(planFile, 'utf8')).roles.flatMap((role) => role.messages);
const record = fs.createWriteStream(recordFile);
let lastId = 0x1a2b3c;

const server = smpp.createServer((session) => {
  session.on('error', () => session.destroy());
  for (const mode of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) {
    session.on(mode, (pdu) => {
      const known = pdu.system_id === 'veilgate' && pdu.password === 'secret';
      session.send(pdu.response({ system_id: 'npm-smsc', command_status: known ? 0 : smpp.ESME_RBINDFAIL }));
    });
  }
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => session.send(pdu.response(), () => session.close()));
  session.on('submit_sm', (pdu) => taken(session, pdu));
});

function taken(session, pdu) {
  const text = pdu.short_message.message;
  lastId += 1;
  // As many SMSCs do: hexadecimal in the response, decimal in the receipt.
  session.send(pdu.response({ message_id: lastId.toString(16).toUpperCase() }));
  record.write(`${JSON.stringify({ from: pdu.source_addr, to: pdu.destination_addr, text })}\n`);
  const back = {
    source_addr_ton: 1,
    source_addr_npi: 1,
    source_addr: pdu.destination_addr,
    destination_addr: pdu.source_addr,
  };
  const receipt =
    `id:${lastId} sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 ` +
    `text:${pdu.destination_addr}`;
  session.deliver_sm({ ...back, esm_class: 4, short_message: receipt }, () => {
    const answer = answers.find((each) => each.text === text);
    if (answer) session.deliver_sm({ ...back, short_message: answer.reply });
  });
}

server.listen(Number(port), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
