#!/usr/bin/env python3
"""Searches files for the canary numbers in every coding a leak could take.

usage: canary.py PREFIX FILE...      exit code 1 if a file has the prefix, 2 if there was nothing to search
"""

import base64
import pathlib
import sys


def main():
    prefix, files = sys.argv[1], [pathlib.Path(name) for name in sys.argv[2:]]
    octets = sum(file.stat().st_size for file in files)
    if not octets:
        print("canary: nothing to search", file=sys.stderr)
        return 2
    hits = 0
    for file in files:
        content = file.read_bytes()
        for coding, pattern in patterns(prefix):
            if pattern in content:
                print(f"canary: {file.name} has a number in {coding}", file=sys.stderr)
                hits += 1
    return 1 if hits else 0


def patterns(prefix):
    """The codings of the prefix, by name."""
    text = prefix.encode()
    yield "ASCII", text
    yield "UTF-16BE", prefix.encode("utf-16-be")
    yield "UTF-16LE", prefix.encode("utf-16-le")
    yield "hexadecimal ASCII", text.hex().encode()
    yield "hexadecimal UTF-16", prefix.encode("utf-16-be").hex().encode()
    # Before an odd digit stands half an octet of something else, which may be anything.
    aligned = [("", prefix)] + [(" at an odd digit", f"{other:x}{prefix}") for other in range(16)]
    for name, digits in aligned:
        whole = digits[: len(digits) // 2 * 2]
        swapped = "".join(high + low for low, high in zip(whole[::2], whole[1::2]))
        yield f"BCD{name}", bytes.fromhex(whole)
        yield f"swapped BCD{name}", bytes.fromhex(swapped)
        yield f"hexadecimal swapped BCD{name}", swapped.encode()
    for shift in range(8):
        bits = sum(ord(digit) << 7 * (shift + index) for index, digit in enumerate(prefix))
        # Octets that hold bits of the neighbours do not count.
        first, end = -(-7 * shift // 8), 7 * (shift + len(prefix)) // 8
        yield f"packed GSM at {shift}", bits.to_bytes(end + 1, "little")[first:end]
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + text)
        # The first and the last letters also hold bits of their neighbours.
        yield f"base64 at {shift}", encoded[(0, 2, 3)[shift] : len(encoded) - 4]


if __name__ == "__main__":
    sys.exit(main())
