#!/usr/bin/env python3
"""Sets the scene of the foreign-peer tests: ports, the gateway's configuration, what each peer has to send.

usage: scene.py FOLDER FEED PASSWORD_HASH

FEED is the folder that `veilgate-sim feed` wrote. Every peer has a platform, an enterprise, a service number and
subscribers of its own, for replies go to the first account of a platform and of an enterprise. Only the
authorizations of the enterprise roles go into authorizations.jsonl; notaries register theirs with the message.
"""

import csv
import json
import pathlib
import socket
import sys

PASSWORD = "example"
# Kannel refuses a deliver_sm with an alphanumeric source_addr of more characters, as GSM does.
PSEUDONYM_LENGTH = 11
PLAIN_NUMBER = "13800138000"
LATIN = {"text": "hello from a foreign peer", "reply": "Yes please"}
CHINESE = {"text": "【测试】您好，来自外部的客户端", "reply": "好的，谢谢"}

# A role: kind, how it binds, whether it names its recipients by TLVs.
ENTERPRISE_PAIR = {"kind": "enterprise", "bind": "pair", "tlvs": False}
ENTERPRISE = {"kind": "enterprise", "bind": "transceiver", "tlvs": False}
NOTARY = {"kind": "notary", "bind": "transceiver", "tlvs": True}
NOTARY_BY_ADDRESS = {"kind": "notary", "bind": "pair", "tlvs": False}
# peer: its roles, the channel of its service number, whether the SMSC there sends receipts and replies.
PEERS = {
    "smpplib": ([ENTERPRISE_PAIR, NOTARY], "sim", True),
    "aiosmpplib": ([ENTERPRISE, NOTARY], "sim", True),
    "smpp34": ([ENTERPRISE, NOTARY], "sim", True),
    "npm-smpp": ([ENTERPRISE_PAIR, NOTARY], "sim", True),
    "rusmppc": ([ENTERPRISE_PAIR, NOTARY], "sim", True),
    "kannel": ([ENTERPRISE, NOTARY_BY_ADDRESS], "sim", True),
    "npm-smsc": ([ENTERPRISE], "npm", True),
    "kannel-smsc": ([ENTERPRISE], "kannel", False),
}
NUMBERS = {peer: f"1069000{index}" for index, peer in enumerate(PEERS, 1)}
CHANNELS = ["sim", "npm", "kannel"]
PORTS = [
    "north", "tap", "ops", "sim", "npm", "kannel",
    "bearerbox_admin", "bearerbox_boxes", "sendsms", "callbacks",
]


def main():
    folder, feed, password_hash = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    ports = free_ports(PORTS)
    recipients = iter(list(csv.DictReader((feed / "recipients.csv").open())))
    registered = {}
    for peer, (roles, _, answered) in PEERS.items():
        plan = {
            "host": "127.0.0.1",
            "port": ports["tap"],
            "ports": ports,
            "answered": answered,
            "roles": [play(peer, role, recipients, registered) for role in roles],
        }
        (folder / f"{peer}.json").write_text(json.dumps(plan, indent=1, ensure_ascii=False))
    lines = (feed / "authorizations.jsonl").read_text().splitlines()
    with (folder / "authorizations.jsonl").open("w") as file:
        for authorization in map(json.loads, lines):
            if peer := registered.get(authorization["authorization_id"]):
                authorization.update(
                    enterprise_id=enterprise(peer),
                    service_numbers=[NUMBERS[peer]],
                    pseudonym=authorization["pseudonym"][:PSEUDONYM_LENGTH],
                )
                file.write(json.dumps(authorization) + "\n")
    (folder / "veilgate.toml").write_text(configuration(ports, password_hash))
    (folder / "ports.sh").write_text("".join(f"port_{name}={port}\n" for name, port in ports.items()))


def play(peer, role, recipients, registered):
    """One role of a peer: an account, and a message in Latin and one in Chinese letters."""
    messages = []
    for words in (LATIN, CHINESE):
        recipient = next(recipients)
        if role["kind"] == "enterprise":
            registered[recipient["authorization_id"]] = peer
        messages.append({
            **words,
            "pseudonym": recipient["pseudonym"][:PSEUDONYM_LENGTH],
            "edi": recipient["edi"],
            "authorization_id": recipient["authorization_id"],
            "as_of": recipient["as_of"].replace("-", ""),
            "enterprise_id": enterprise(peer),
        })
    return {
        **role,
        "system_id": account(peer, role["kind"]),
        "password": PASSWORD,
        "source": NUMBERS[peer],
        "number": PLAIN_NUMBER,
        "messages": messages,
    }


def account(peer, kind):
    """At most 15 characters, as SMPP has it."""
    return f"{kind[0]}-{peer}"


def enterprise(peer):
    return f"of-{peer}"


def configuration(ports, password_hash):
    parts = [f"""data_dir = "data"

# Peers write to the same few people again and again.
[policy]
shipped_limits = false

[[edi_keys]]
kid = "k1"
key_file = "edi-k1.hex"

[north]
listen = "127.0.0.1:{ports['north']}"
enquire_interval = "2s"

[ops]
listen = "127.0.0.1:{ports['ops']}"
ready_channels = 1

[log]
level = "debug"
file = "veilgate.log"

# Imported authorizations belong to this platform; it has no account, so nobody waits for its copies.
[[platforms]]
id = "registrar"
proof = "optional"
"""]
    for peer, (roles, channel, _) in PEERS.items():
        parts.append(f"""
[[platforms]]
id = "{enterprise(peer)}"
proof = "optional"

[[enterprises]]
id = "{enterprise(peer)}"

[[service_numbers]]
number = "{NUMBERS[peer]}"
enterprise = "{enterprise(peer)}"
channels = ["{channel}"]
inbound_anchored = true
""")
        for role in roles:
            owner = "enterprise" if role["kind"] == "enterprise" else "platform"
            parts.append(f"""
[[accounts]]
system_id = "{account(peer, role['kind'])}"
kind = "{role['kind']}"
{owner} = "{enterprise(peer)}"
password_hash = "{password_hash}"
rate_per_second = 1000
""")
    for channel in CHANNELS:
        parts.append(f"""
[[channels]]
id = "{channel}"
address = "127.0.0.1:{ports[channel]}"
system_id = "veilgate"
password = "secret"
{KANNEL_BINDS if channel == "kannel" else ""}enquire_interval = "2s"
reconnect_min = "200ms"
reconnect_max = "1s"
""")
    return "".join(parts)


# Kannel's simulator knows no transceivers.
KANNEL_BINDS = 'binds = [{ mode = "transmitter" }, { mode = "receiver" }]\n'


def free_ports(names):
    """Ports that nobody listens on, all held at once so that none is handed out twice."""
    sockets = [socket.socket() for _ in names]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = {name: each.getsockname()[1] for name, each in zip(names, sockets)}
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    main()
