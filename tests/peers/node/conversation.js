// What one role of a peer sent and got back, and whether that is what the gateway promises: conversation.py's twin.
'use strict';

const RECEIPT = /^id:(\S+) sub:\d{3} dlvrd:\d{3} submit date:\d{10,12} done date:\d{10,12} stat:([A-Z]{7}) err:\S+ text:/i;
const ESME_RINVDSTADR = 0x0b;

class Conversation {
  constructor(plan, role) {
    this.role = role;
    this.answered = plan.answered;
    this.openReceipts = new Set();
    this.openReplies = new Map(role.messages.map((message) => [message.pseudonym, message.reply]));
    this.submitted = this.receipts = this.replies = this.enquiries = 0;
    this.refusedNumber = false;
    this.problems = [];
    this.early = [];
  }

  accepted(messageId) {
    this.submitted += 1;
    if (!/^[0-9a-f]{16}$/.test(messageId)) this.problem(`the message id is not 16 hexadecimal digits: ${messageId}`);
    this.openReceipts.add(messageId);
    for (const receipt of this.early.splice(0)) this.receipt(...receipt);
  }

  refused(isNumber, status) {
    if (!isNumber) this.problem(`a submit was refused with 0x${status.toString(16)}`);
    else if (status !== ESME_RINVDSTADR) this.problem(`the plain number was refused with 0x${status.toString(16)}`);
    else this.refusedNumber = true;
  }

  receipt(text, receiptedMessageId) {
    const fields = RECEIPT.exec(text);
    if (!fields) return this.problem(`the receipt's text does not parse: ${JSON.stringify(text)}`);
    if (receiptedMessageId !== fields[1]) this.problem("receipted_message_id and the text's id differ");
    if (fields[2] !== 'DELIVRD') this.problem(`the state is ${fields[2]}`);
    if (this.openReceipts.delete(fields[1])) this.receipts += 1;
    else if (this.submitted < this.role.messages.length) this.early.push([text, receiptedMessageId]);
    else this.problem('a receipt for a message that has none outstanding');
  }

  reply(source, sourceTon, destination, text) {
    const expected = this.openReplies.get(source);
    if (!this.openReplies.delete(source)) return this.problem(`a reply from nobody: ${source}`);
    if (sourceTon !== 5) this.problem(`the reply's source_addr_ton is ${sourceTon}`);
    if (!destination.startsWith(this.role.source)) this.problem(`the reply is to ${destination}`);
    if (text !== expected) this.problem(`the reply says ${JSON.stringify(text)}`);
    this.replies += 1;
  }

  problem(words) {
    this.problems.push(`${this.role.system_id}: ${words}`);
  }

  complete() {
    const count = this.role.messages.length;
    const heard = !this.answered || (this.receipts === count && this.replies === count);
    return this.problems.length > 0 || (this.submitted === count && this.refusedNumber && this.enquiries > 0 && heard);
  }
}

// Prints what `run` reads and ends the process.
function finish(conversations) {
  const sum = (name) => conversations.reduce((total, each) => total + each[name], 0);
  for (const each of conversations) {
    if (!each.complete()) {
      each.problem(
        `submitted ${each.submitted}, number refused ${each.refusedNumber}, enquiries answered ${each.enquiries}, ` +
          `receipts ${each.receipts}, replies ${each.replies} of ${each.role.messages.length}`,
      );
    }
  }
  const problems = conversations.flatMap((each) => each.problems);
  for (const problem of problems) console.error(problem);
  console.log(`submitted ${sum('submitted')}, receipts ${sum('receipts')}, replies ${sum('replies')}`);
  process.exitCode = problems.length ? 1 : 0;
}

module.exports = { Conversation, finish };
