"""ASGI application with one response for all requests, the bound of uvicorn: ``python asgi.py http PORT``."""

from __future__ import annotations

from typing import Any

import running

BODY = b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"result":3}}}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def app(_scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    running.serve(app, running.port())
