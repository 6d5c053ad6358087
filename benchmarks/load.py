"""A closed-loop HTTP/1.1 load generator: N keep-alive connections, one request in flight on each.

Run as its own process: ``python -m benchmarks.load PORT CONNECTIONS SECONDS``; prints requests per second.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

VERSION = "2026-07-28"


def request(port: int, number: int) -> bytes:
    """Return a tools/call of `add` in the latest revision."""
    body = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "tools/call",
            "params": {
                "name": "add",
                "arguments": {"a": number, "b": 2},
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": VERSION,
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        },
    ).encode()
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {VERSION}\r\n"
        f"Mcp-Method: tools/call\r\nMcp-Name: add\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, number: int) -> None:
    """Send one request and check its answer."""
    writer.write(request(port, number))
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
    )
    answer = json.loads(await reader.readexactly(length))
    if answer["result"]["structuredContent"]["result"] != number + 2:
        raise SystemExit(f"a wrong answer: {answer}")


async def connection(port: int, until: float, counter: list[int]) -> None:
    """One client: a request, its answer, the next."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        await one(reader, writer, port, counter[0])
        counter[0] += 1
    writer.close()


async def run(port: int, connections: int, seconds: float) -> float:
    """Return the requests per second over all connections."""
    warm = [0]
    await asyncio.gather(*(connection(port, time.perf_counter() + 0.5, warm) for _ in range(connections)))
    counter = [0]
    start = time.perf_counter()
    await asyncio.gather(*(connection(port, start + seconds, counter) for _ in range(connections)))
    return counter[0] / (time.perf_counter() - start)


if __name__ == "__main__":
    print(asyncio.run(run(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
