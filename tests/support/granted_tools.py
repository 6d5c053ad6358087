"""Tools that use what grants give, from Python: files, variables, requests, values."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wasmcp.guest import NotGrantedError, ToolError, http, kv, tool


@contextmanager
def reported() -> Iterator[None]:
    """Make a denial the error of the tool."""
    try:
        yield
    except (NotGrantedError, OSError, http.HttpError) as error:
        raise ToolError(f"{type(error).__name__}: {error}") from error


@tool
def get(url: str) -> str:
    """Get a page, through redirects."""
    with reported():
        return http.get(url, timeout=5).text


@tool
def variables() -> dict[str, str]:
    """Read the environment."""
    return dict(os.environ)


@tool
def keep(bucket: str, key: str) -> str:
    """Set a value, and get it."""
    with reported():
        opened = kv.open(bucket)
        opened[key] = "kept"
        return opened.get(key, kind=str) or ""


@tool
def connect(host: str, port: int) -> str:
    """Open a socket."""
    with reported(), socket.create_connection((host, port), timeout=5):
        return "connected"


@tool
def read(path: str) -> str:
    """Read a file, or list a directory."""
    found = Path(path)
    with reported():
        return ",".join(sorted(one.name for one in found.iterdir())) if found.is_dir() else found.read_text()


@tool
def write(path: str) -> int:
    """Write a file."""
    with reported():
        return Path(path).write_text("written")


@tool
def moment() -> list[float]:
    """Sleep, and return the time of day, the time that passed, and a random number of the operating system."""
    begun = time.monotonic()
    time.sleep(3600)
    return [time.time(), time.monotonic() - begun, os.urandom(1)[0]]
