"""What one role of a peer sent and got back, and whether that is what the gateway promises.

Knows no library: each peer tells it in plain values what its library made of the PDUs.
"""

import json
import os
import re
import sys
import time

RECEIPT = re.compile(
    r"id:(?P<id>\S+) sub:(?P<sub>\d{3}) dlvrd:(?P<dlvrd>\d{3}) submit date:(?P<submit>\d{10,12}) "
    r"done date:(?P<done>\d{10,12}) stat:(?P<stat>[A-Z]{7}) err:(?P<err>\S+) text:(?P<text>.*)",
    re.IGNORECASE | re.DOTALL,
)
MESSAGE_ID = re.compile(r"[0-9a-f]{16}")
ESME_RINVDSTADR = 0x0B
PATIENCE_SECONDS = 20


class Conversation:
    """One role of the plan."""

    def __init__(self, plan, role):
        self.role = role
        self.answered = plan["answered"]
        self.open_receipts = {}
        self.open_replies = {message["pseudonym"]: message["reply"] for message in role["messages"]}
        self.submitted = self.receipts = self.replies = 0
        self.refused_number = False
        self.problems = []
        self.early = []

    def accepted(self, message, message_id):
        """A submit was answered with ESME_ROK and this id."""
        self.submitted += 1
        if not MESSAGE_ID.fullmatch(message_id):
            self.problem(f"the message id is not 16 hexadecimal digits: {message_id!r}")
        self.open_receipts[message_id] = message
        early, self.early = self.early, []
        for receipt in early:
            self.receipt(*receipt)

    def refused(self, what, status):
        """A submit was answered with another status. `what` is a message or the plain number."""
        if what != self.role["number"]:
            self.problem(f"a submit was refused with 0x{status:x}")
        elif status != ESME_RINVDSTADR:
            self.problem(f"the plain number was refused with 0x{status:x}")
        else:
            self.refused_number = True

    def receipt(self, text, receipted_message_id=None):
        """A receipt came: its text, and the TLV's id if the library shows it."""
        fields = RECEIPT.fullmatch(text)
        if not fields:
            return self.problem(f"the receipt's text does not parse: {text!r}")
        if receipted_message_id not in (None, fields["id"]):
            self.problem("receipted_message_id and the text's id differ")
        if fields["stat"] != "DELIVRD":
            self.problem(f"the state is {fields['stat']}")
        if fields["id"] in self.open_receipts:
            del self.open_receipts[fields["id"]]
            self.receipts += 1
        elif self.submitted < len(self.role["messages"]):
            self.early.append((text, receipted_message_id))
        else:
            self.problem("a receipt for a message that has none outstanding")

    def reply(self, source, source_ton, destination, text):
        """A reply came."""
        expected = self.open_replies.pop(source, None)
        if expected is None:
            return self.problem(f"a reply from nobody: {source!r}")
        if source_ton not in (None, 5):
            self.problem(f"the reply's source_addr_ton is {source_ton}")
        if not destination.startswith(self.role["source"]):
            self.problem(f"the reply is to {destination!r}")
        if text != expected:
            self.problem(f"the reply says {text!r}")
        self.replies += 1

    def problem(self, words):
        self.problems.append(f"{self.role['system_id']}: {words}")

    def complete(self):
        """Nothing is outstanding, or it is clear already that something went wrong."""
        count = len(self.role["messages"])
        sent = self.submitted == count and self.refused_number
        heard = not self.answered or (self.receipts == count and self.replies == count)
        return bool(self.problems) or (sent and heard)


class Timer:
    """How long a role may take."""

    def __init__(self):
        self.end = time.monotonic() + PATIENCE_SECONDS

    def over(self):
        return time.monotonic() > self.end


def read_plan():
    with open(sys.argv[1], encoding="utf-8") as file:
        return json.load(file)


def finish(conversations):
    """Prints what `run` reads, and ends the process; without waiting for a library's threads."""
    problems = [problem for conversation in conversations for problem in conversation.problems]
    for conversation in conversations:
        if not conversation.complete():
            problems.append(
                f"{conversation.role['system_id']}: submitted {conversation.submitted}, "
                f"number refused {conversation.refused_number}, receipts {conversation.receipts}, "
                f"replies {conversation.replies} of {len(conversation.role['messages'])}"
            )
    for problem in problems:
        print(problem, file=sys.stderr)
    totals = [sum(getattr(c, name) for c in conversations) for name in ("submitted", "receipts", "replies")]
    print("submitted {}, receipts {}, replies {}".format(*totals), flush=True)
    sys.stderr.flush()
    os._exit(1 if problems else 0)


def tlvs(message):
    """The short form: tag and value."""
    return [
        (0x1500, message["edi"]),
        (0x1501, message["pseudonym"]),
        (0x1502, message["authorization_id"]),
        (0x1503, message["as_of"]),
        (0x1504, message["enterprise_id"]),
    ]


def coded(text):
    """Data coding and octets of a text: the default alphabet (equal to ASCII here) or UCS-2."""
    return (0, text.encode("ascii")) if text.isascii() else (8, text.encode("utf-16-be"))


def decoded(data_coding, octets):
    """The inverse."""
    return octets.decode("utf-16-be" if data_coding == 8 else "ascii")
