"""Way to run an ASGI application of a peer at its fastest settings."""

from __future__ import annotations

import os
import sys
from typing import Any


def serve(app: Any, port: int) -> None:
    """Serve an application on the loopback address, with the HTTP parser that PARSER names (`httptools` or `h11`)."""
    import uvicorn

    parser: Any = os.environ.get("PARSER", "httptools")
    loop: Any = "uvloop" if parser == "httptools" else "asyncio"
    uvicorn.run(app, port=port, http=parser, loop=loop, log_level="warning", access_log=False)


def wants_stdio() -> bool:
    """Return True if the command line names stdio."""
    return sys.argv[1] == "stdio"


def port() -> int:
    """Return the port of the command line."""
    return int(sys.argv[2])
