#!/usr/bin/env python3
"""smpplib (synchronous): enterprise as transmitter and receiver, notary as transceiver with vendor TLVs."""

import select

import smpplib.client
import smpplib.command
import smpplib.consts
import smpplib.smpp

from conversation import Conversation, Timer, coded, decoded, finish, read_plan, tlvs

# smpplib knows the optional parameters of a command only by name and class, so the vendor's are added there.
VENDOR = {
    0x1500: "veil_edi",
    0x1501: "veil_pseudonym",
    0x1502: "veil_authorization",
    0x1503: "veil_as_of",
    0x1504: "veil_enterprise",
}


def main():
    for tag, name in VENDOR.items():
        smpplib.consts.OPTIONAL_PARAMS[name] = tag
        for command in (smpplib.command.SubmitSM, smpplib.command.DeliverSM):
            command.params[name] = smpplib.command.Param(type=smpplib.command.ostr)
    smpplib.command.SubmitSM.params_order += tuple(VENDOR.values())
    plan = read_plan()
    finish([play(plan, role) for role in plan["roles"]])


def play(plan, role):
    conversation = Conversation(plan, role)
    submits = {}
    transmitter = connect(plan, role, "bind_transceiver" if role["bind"] == "transceiver" else "bind_transmitter")
    clients = [transmitter]
    if role["bind"] == "pair":
        clients.append(connect(plan, role, "bind_receiver"))
    for client in clients:
        # The library calls the handler of sent messages after that of errors, for the same PDU.
        client.set_error_pdu_handler(lambda pdu: None)
        client.set_message_sent_handler(lambda pdu: answered(conversation, submits.pop(pdu.sequence), pdu))
        client.set_message_received_handler(lambda pdu: received(conversation, pdu))
    for message in role["messages"]:
        recipient = {VENDOR[tag]: value.encode() for tag, value in tlvs(message)} if role["tlvs"] else {}
        destination = "" if role["tlvs"] else message["pseudonym"]
        pdu = submit(transmitter, role, destination, message["text"], **recipient)
        submits[pdu.sequence] = message
    # Under ton 5 and under ton 1 alike a number is no pseudonym.
    pdu = submit(transmitter, role, role["number"], "never", dest_addr_ton=1, dest_addr_npi=1)
    submits[pdu.sequence] = role["number"]
    for client in clients:
        client.send_pdu(smpplib.smpp.make_pdu("enquire_link", client=client))
    timer = Timer()
    while not conversation.complete() and not timer.over():
        readable, _, _ = select.select([client._socket for client in clients], [], [], 0.2)
        for client in clients:
            if client._socket in readable:
                client.read_once()
    for client in clients:
        unbind(client)
    return conversation


def connect(plan, role, mode):
    client = smpplib.client.Client(plan["host"], plan["port"], timeout=5, allow_unknown_opt_params=True)
    client.connect()
    getattr(client, mode)(system_id=role["system_id"], password=role["password"])
    return client


def unbind(client):
    """Client.unbind takes whatever comes next for the answer, which may be the gateway's enquire_link."""
    client.send_pdu(smpplib.smpp.make_pdu("unbind", client=client))
    while client.read_pdu().command != "unbind_resp":
        pass
    client.disconnect()


def submit(client, role, destination, text, dest_addr_ton=5, dest_addr_npi=0, **recipient):
    data_coding, octets = coded(text)
    return client.send_message(
        source_addr_ton=0,
        source_addr_npi=1,
        source_addr=role["source"],
        dest_addr_ton=dest_addr_ton,
        dest_addr_npi=dest_addr_npi,
        destination_addr=destination,
        short_message=octets,
        data_coding=data_coding,
        registered_delivery=1,
        **recipient,
    )


def answered(conversation, what, pdu):
    if pdu.is_error():
        conversation.refused(what, pdu.status)
    else:
        conversation.accepted(what, pdu.message_id.decode())


def received(conversation, pdu):
    text = decoded(pdu.data_coding, pdu.short_message or b"")
    if pdu.esm_class & 0x3C == 0x04:
        receipted = pdu.receipted_message_id
        conversation.receipt(text, receipted.rstrip(b"\0").decode() if receipted else None)
    else:
        conversation.reply(pdu.source_addr.decode(), pdu.source_addr_ton, pdu.destination_addr.decode(), text)


if __name__ == "__main__":
    main()
