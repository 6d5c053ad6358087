"""wasmcp's ASGI application in uvicorn: ``python mounted.py SERVER http PORT``. Like for like with the peers."""

from __future__ import annotations

import sys

import running

from wasmcp.host import open_server
from wasmcp.host.transports.asgi import App

if __name__ == "__main__":
    path = sys.argv.pop(1)
    with open_server(path) as server:
        running.serve(App(server), running.port())
