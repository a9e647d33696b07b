#!/usr/bin/env python3
"""Kannel's SMSC simulator (test/drive_smpp) behind a peer's run: it lets the gateway bind as transmitter and receiver,
takes submits and sends two messages of its own from a number that is nobody's; no receipts, no replies.

usage: smsc.py PORT FOLDER COMMAND...

It is made to test a bearerbox and connects to its port for boxes too, always 13001; something has to listen there.
"""

import pathlib
import socket
import subprocess
import sys
import time

PATIENCE_SECONDS = 15
MESSAGES = "2"


def main():
    port, folder, command = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    folder.mkdir(parents=True)
    log = folder / "drive_smpp.log"
    with socket.create_server(("127.0.0.1", 13001)), log.open("wb") as output:
        program = ["/usr/lib/kannel/test/drive_smpp", "-v", "0", "-p", port, "-m", MESSAGES, "-c", "/dev/null"]
        simulator = subprocess.Popen(program, stdout=output, stderr=output)
        try:
            seen = all([wait(log, "bind_transmitter", 1), wait(log, "bind_receiver", 1)])
            code = subprocess.run(command, check=False).returncode
            seen &= all([wait(log, "submit_sm", 2), wait(log, "deliver_sm_resp", 1), wait(log, "enquire_link", 1)])
        finally:
            simulator.kill()
            simulator.wait()
    return code if seen else code or 1


def wait(log, pdu, count):
    """Whether the simulator handles so many PDUs of that type in time."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if log.read_text("utf-8", "replace").count(f"Handling SMPP PDU of type {pdu}\n") >= count:
            return True
        time.sleep(0.1)
    print(f"Kannel's simulator saw no {count} {pdu}", file=sys.stderr)
    return False


if __name__ == "__main__":
    sys.exit(main())
