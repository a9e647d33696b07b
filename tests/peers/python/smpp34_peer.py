#!/usr/bin/env python3
"""smpp34 (a Rust core under asyncio): transceivers, vendor TLVs through its Tlv class."""

import asyncio

import smpp34

from conversation import Conversation, Timer, coded, decoded, finish, read_plan, tlvs

RECEIPTED_MESSAGE_ID = 0x001E


async def main():
    plan = read_plan()
    finish([await play(plan, role) for role in plan["roles"]])


async def play(plan, role):
    conversation = Conversation(plan, role)
    client = smpp34.Client(plan["host"], plan["port"], role["system_id"], role["password"], bind_type="TRX")
    session = await client.connect()
    listener = asyncio.create_task(listen(session, conversation))
    for message in role["messages"]:
        await submit(session, conversation, role, message, role["tlvs"])
    await submit(session, conversation, role, role["number"], False)
    timer = Timer()
    while not conversation.complete() and not timer.over():
        await asyncio.sleep(0.1)
    if not await client.is_alive():
        conversation.problem("the session is not alive")
    listener.cancel()
    await session.unbind()
    await client.stop()
    return conversation


async def submit(session, conversation, role, what, by_tlvs):
    number = what == role["number"]
    data_coding, octets = coded("never" if number else what["text"])
    response = await session.submit_sm(
        "" if by_tlvs else what if number else what["pseudonym"],
        octets,
        source_addr=role["source"],
        dest_addr_ton=1 if number else 5,
        dest_addr_npi=1 if number else 0,
        data_coding=data_coding,
        registered_delivery=1,
        tlvs=[smpp34.Tlv(tag, value.encode()) for tag, value in tlvs(what)] if by_tlvs else [],
    )
    if response.is_success:
        conversation.accepted(what, response.message_id)
    else:
        conversation.refused(what, response.command_status)


async def listen(session, conversation):
    while not isinstance(event := await session.next(), smpp34.Disconnected):
        text = decoded(event.data_coding, bytes(event.short_message))
        if event.esm_class & 0x3C == 0x04:
            ids = [bytes(tlv.value) for tlv in event.tlvs if tlv.tag == RECEIPTED_MESSAGE_ID]
            conversation.receipt(text, ids[0].rstrip(b"\0").decode() if ids else None)
        else:
            conversation.reply(event.source_addr, event.source_addr_ton, event.destination_addr, text)


if __name__ == "__main__":
    asyncio.run(main())
