#!/usr/bin/env python3
"""aiosmpplib: transceivers with its own correlation of receipts; vendor TLVs as optional_params."""

import asyncio

from aiosmpplib import (
    ESME,
    NPI,
    TON,
    AbstractHook,
    DeliverSm,
    EnquireLinkResp,
    OptionalParam,
    PhoneNumber,
    SmppCommandStatus,
    SubmitSm,
    SubmitSmResp,
    UnbindResp,
)

from conversation import Conversation, Timer, finish, read_plan, tlvs

RECEIPTED_MESSAGE_ID = 0x001E


class Listener(AbstractHook):
    """What the library reports. log_id is the index of the message, or the plain number."""

    def __init__(self, conversation):
        self.conversation = conversation
        self.enquiries = 0

    async def sending(self, smpp_message, pdu, client_id):
        pass

    async def send_error(self, smpp_message, error, client_id):
        self.conversation.problem(f"could not be sent: {type(error).__name__}")

    async def received(self, smpp_message, pdu, client_id):
        conversation = self.conversation
        if isinstance(smpp_message, DeliverSm):
            if smpp_message.is_receipt():
                self.receipt(smpp_message)
            else:
                source = smpp_message.source
                conversation.reply(
                    source.number, int(source.ton), smpp_message.destination.number, smpp_message.short_message
                )
        elif isinstance(smpp_message, SubmitSmResp):
            name, role = smpp_message.log_id, conversation.role
            what = role["number"] if name == "number" else role["messages"][int(name)]
            if smpp_message.command_status == SmppCommandStatus.ESME_ROK:
                conversation.accepted(what, smpp_message.message_id)
            else:
                conversation.refused(what, int(smpp_message.command_status))
        elif isinstance(smpp_message, EnquireLinkResp):
            self.enquiries += 1
        elif smpp_message is None:
            conversation.problem(f"the library could not read a PDU of {len(pdu)} octets")

    def receipt(self, deliver_sm):
        ids = [param.value for param in deliver_sm.optional_params or [] if param.tag == RECEIPTED_MESSAGE_ID]
        if deliver_sm.parse_receipt().get("stat") != "DELIVRD":
            self.conversation.problem("the library's own reading of the receipt has no DELIVRD")
        if deliver_sm.log_id == "":
            self.conversation.problem("the library's correlator did not know the receipt's id")
        self.conversation.receipt(deliver_sm.short_message, ids[0] if ids else None)


async def main():
    plan = read_plan()
    finish([await play(plan, role) for role in plan["roles"]])


async def play(plan, role):
    conversation = Conversation(plan, role)
    listener = Listener(conversation)
    esme = ESME(
        smsc_host=plan["host"],
        smsc_port=plan["port"],
        system_id=role["system_id"],
        password=role["password"],
        enquire_link_interval=0.5,
        hook=listener,
        log_level="ERROR",
    )
    running = asyncio.create_task(esme.start())
    for index, message in enumerate(role["messages"]):
        params = [OptionalParam(tag, value) for tag, value in tlvs(message)] if role["tlvs"] else []
        destination = PhoneNumber("" if role["tlvs"] else message["pseudonym"], TON.ALPHANUMERIC, NPI.UNKNOWN)
        await esme.broker.enqueue(submit(role, destination, message["text"], str(index), params))
    number = PhoneNumber(role["number"], TON.INTERNATIONAL, NPI.ISDN)
    await esme.broker.enqueue(submit(role, number, "never", "number", []))
    timer = Timer()
    # An enquire_link goes out when half a second was silent; the gateway's own come every two.
    while not (conversation.complete() and listener.enquiries) and not timer.over():
        await asyncio.sleep(0.1)
    if not listener.enquiries:
        conversation.problem("enquire_link was not answered")
    await esme.stop()
    await running
    return conversation


def submit(role, destination, text, log_id, params):
    return SubmitSm(
        short_message=text,
        source=PhoneNumber(role["source"], TON.UNKNOWN, NPI.ISDN),
        destination=destination,
        optional_params=params,
        log_id=log_id,
    )


if __name__ == "__main__":
    asyncio.run(main())
