"""Uses of HTTP libraries, executed natively over the seams and in a component."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wasmcp.guest.fakes import NetworkTransport
from wasmcp.guest.http.responses import TRANSPORTS
from wasmcp.guest.network.seams import Seams


@contextmanager
def seams_over_network() -> Iterator[None]:
    """Apply the seams, and send what comes over them with sockets."""
    transport, seams = NetworkTransport(), Seams()
    TRANSPORTS.append(transport)
    seams.install()
    try:
        yield
    finally:
        seams.remove()
        TRANSPORTS.remove(transport)


def result_of(use: Any, *arguments: Any) -> Any:
    """Return the result of a use, as JSON would have it."""
    found = use(*arguments)
    return json.loads(json.dumps(asyncio.run(found) if inspect.iscoroutine(found) else found))


def fits(found: Any, expected: Any) -> bool:
    """Return true if a result is the expected one; an expected text can end with ``...``."""
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(fits, found, expected))
    if isinstance(expected, str) and expected.endswith("..."):
        return isinstance(found, str) and found.startswith(expected[:-3])
    return bool(found == expected)
