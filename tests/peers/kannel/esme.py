#!/usr/bin/env python3
"""Kannel as ESME: bearerbox binds to the gateway, smsbox takes messages by HTTP and hands receipts and replies back.

usage: esme.py PLAN FOLDER      FOLDER gets Kannel's configurations and logs
"""

import http.server
import os
import pathlib
import re
import string
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))
from conversation import Conversation, Timer, finish, read_plan  # noqa: E402

DELIVERED, SUBMIT_OK, SUBMIT_REFUSED = "1", "8", "16"
EVERY_KIND = "31"
CHARACTERS = string.digits + string.ascii_letters + "-_"

CORE = """
group = core
admin-port = {bearerbox_admin}
admin-password = example
admin-interface = 127.0.0.1
smsbox-port = {bearerbox_boxes}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
log-file = {folder}/bearerbox.log
log-level = 0
dlr-storage = internal

# The vendor TLVs that the gateway sends; Kannel warns of others.
group = smpp-tlv
name = veil_edi
tag = 0x1500
type = octetstring
length = 160

group = smpp-tlv
name = veil_authorization
tag = 0x1502
type = octetstring
length = 64

group = smpp-tlv
name = veil_reason
tag = 0x1508
type = octetstring
length = 4
"""

# No msg-id-type: with one Kannel reads ids as numbers, decimal or hexadecimal, and prints them in decimal.
LINK = """
group = smsc
smsc = smpp
smsc-id = veilgate
host = {host}
{way}
smsc-username = {system_id}
smsc-password = {password}
system-type = ""
interface-version = 34
enquire-link-interval = 1
reconnect-delay = 1
source-addr-ton = 0
source-addr-npi = 1
dest-addr-ton = 5
dest-addr-npi = 0
"""

BOX = """
group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
sendsms-chars = "{characters}"
log-file = {folder}/smsbox.log
log-level = 0

group = sendsms-user
username = example
password = example
max-messages = 10
concatenation = true

group = sms-service
keyword = default
catch-all = yes
max-messages = 0
get-url = "http://127.0.0.1:{callbacks}/reply?from=%p&to=%P&text=%b&charset=%C"
"""


def main():
    plan, folder = read_plan(), pathlib.Path(sys.argv[2])
    finish([play(plan, role, folder / role["kind"]) for role in plan["roles"]])


def play(plan, role, folder):
    folder.mkdir(parents=True)
    conversation = Conversation(plan, role)
    callbacks = listen(plan["ports"]["callbacks"], conversation)
    configuration = folder / "kannel.conf"
    port = plan["port"]
    ways = [f"port = {port}\ntransceiver-mode = true"]
    if role["bind"] == "pair":
        ways = [f"port = {port}", f"receive-port = {port}"]
    values = {**plan["ports"], **role, "host": plan["host"], "folder": folder, "characters": CHARACTERS}
    parts = [CORE.format(**values), *(LINK.format(**values, way=way) for way in ways), BOX.format(**values)]
    configuration.write_text("".join(parts))
    if role["kind"] == "notary":
        register(plan, role)
    boxes = []
    try:
        boxes.append(start("bearerbox", configuration, folder))
        wait(lambda: "online" in admin(plan), "bearerbox is not online")
        boxes.append(start("smsbox", configuration, folder))
        wait(lambda: "smsbox" in admin(plan), "smsbox is not connected")
        for index, message in enumerate(role["messages"]):
            send(plan, role, message["pseudonym"], message["text"], index)
        send(plan, role, role["number"], "never", "number")
        timer = Timer()
        while not (conversation.complete() and enquired(folder)) and not timer.over():
            time.sleep(0.1)
        if not enquired(folder):
            conversation.problem("enquire_link was not answered")
    except OSError as error:
        conversation.problem(f"Kannel: {error}")
    finally:
        for box in reversed(boxes):
            box.terminate()
        for box in reversed(boxes):
            box.wait(15)
        callbacks.shutdown()
        callbacks.server_close()
    check_log(conversation, folder)
    return conversation


def register(plan, role):
    """smsbox wants a destination in every message, so somebody else sends the short form, without further ado."""
    for message in role["messages"]:
        command = [
            os.environ["VEILGATE_SIM"], "esme", "--address", f"{plan['host']}:{plan['port']}",
            "--system-id", role["system_id"], "--password", role["password"], "--source", role["source"],
            "--registered-delivery", "0", "--text", "registration",
            "--edi", message["edi"], "--pseudonym", message["pseudonym"], "--enterprise", message["enterprise_id"],
            "--authorization", message["authorization_id"], "--as-of", message["as_of"],
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def start(box, configuration, folder):
    output = (folder / f"{box}.output").open("wb")
    return subprocess.Popen([f"/usr/sbin/{box}", str(configuration)], stdout=output, stderr=output)


def admin(plan):
    try:
        url = f"http://127.0.0.1:{plan['ports']['bearerbox_admin']}/status.txt?password=example"
        return urllib.request.urlopen(url, timeout=2).read().decode("utf-8", "replace")
    except urllib.error.URLError:
        return ""


def wait(holds, words):
    timer = Timer()
    while not holds():
        if timer.over():
            raise OSError(words)
        time.sleep(0.1)


def send(plan, role, to, text, what):
    """Hands a message to smsbox. Receipts of every kind come back to the callback, with Kannel's %d in `kind`."""
    query = {
        "username": "example",
        "password": "example",
        "from": role["source"],
        "to": to,
        "text": text,
        "charset": "UTF-8",
        "coding": "0" if text.isascii() else "2",
        "dlr-mask": EVERY_KIND,
        "dlr-url": f"http://127.0.0.1:{plan['ports']['callbacks']}/receipt?what={what}&kind=%d&text=%A&id=%F",
    }
    url = f"http://127.0.0.1:{plan['ports']['sendsms']}/cgi-bin/sendsms?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        if answer.status not in (200, 202):
            raise OSError(f"smsbox answers {answer.status}")


def listen(port, conversation):
    """The HTTP server that smsbox calls."""
    lock = threading.Lock()

    class Callback(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            url = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True, encoding="latin-1"))
            with lock:
                if url.path == "/reply":
                    note_reply(conversation, query)
                else:
                    note_receipt(conversation, query)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Callback)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def note_reply(conversation, query):
    charset = {"UTF-16BE": "utf-16-be", "UTF-8": "utf-8"}.get(query["charset"], "utf-8")
    text = query["text"].encode("latin-1").decode(charset, "replace")
    conversation.reply(query["from"], None, query["to"], text)


def note_receipt(conversation, query):
    """Kannel reports three moments: taken by the SMSC (its response), refused by it, delivered."""
    role, what, kind = conversation.role, query["what"], query["kind"]
    message = role["number"] if what == "number" else role["messages"][int(what)]
    if kind == SUBMIT_OK:
        conversation.accepted(message, query["id"])
    elif kind == SUBMIT_REFUSED:
        # "NACK/0x0000000b/Invalid Destination Address"
        status = re.match(r"NACK/(0x[0-9a-f]+|\d+)/", query["text"])
        conversation.refused(message, int(status[1], 0) if status else -1)
    elif kind == DELIVERED:
        conversation.receipt(query["text"])
    else:
        conversation.problem(f"a receipt of kind {kind}")


def enquired(folder):
    log = folder / "bearerbox.log"
    return log.exists() and "type_name: enquire_link_resp" in log.read_text("utf-8", "replace")


def check_log(conversation, folder):
    """What Kannel itself finds wrong with the PDUs it gets."""
    log = (folder / "bearerbox.log").read_text("utf-8", "replace")
    if "type_name: unbind_resp" not in log:
        conversation.problem("unbind was not answered")
    for line in log.splitlines():
        if re.search(r"WARNING|ERROR|PANIC", line) and "SMPP" in line and "0x0000000b" not in line:
            conversation.problem(line.split("] ", 2)[-1])


if __name__ == "__main__":
    main()
