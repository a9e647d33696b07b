#!/usr/bin/env python3
"""Sits between the peers and the gateway and keeps every octet that goes north, for the canary search.

usage: tap.py LISTEN_PORT GATEWAY_PORT FOLDER

Knows nothing of SMPP but where the bind names its account: files are called <system_id>-<n>.north.
"""

import asyncio
import itertools
import pathlib
import socket
import sys

NUMBERS = itertools.count(1)


async def main():
    listen_port, gateway_port, folder = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])

    async def serve(peer_reader, peer_writer):
        bind = await peer_reader.read(4096)
        if not bind:
            return peer_writer.close()
        gateway_reader, gateway_writer = await asyncio.open_connection("127.0.0.1", gateway_port)
        for writer in (peer_writer, gateway_writer):
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        gateway_writer.write(bind)
        name = bind[16:].split(b"\0")[0].decode("ascii", "replace") or "unnamed"
        with (folder / f"{name}-{next(NUMBERS)}.north").open("wb", buffering=0) as record:
            await asyncio.gather(
                carry(peer_reader, gateway_writer, None), carry(gateway_reader, peer_writer, record)
            )

    server = await asyncio.start_server(serve, "127.0.0.1", listen_port)
    async with server:
        await server.serve_forever()


async def carry(reader, writer, record):
    """Passes on what comes until the end, keeping it first if a record is given."""
    try:
        while octets := await reader.read(65536):
            if record:
                record.write(octets)
            writer.write(octets)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


if __name__ == "__main__":
    asyncio.run(main())
