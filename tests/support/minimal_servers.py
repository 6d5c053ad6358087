"""The smallest servers there are: one written by hand, with every way to misbehave, and an empty cache for them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from wasmtime import wat2wasm

from wasmcp.host import Limits, Server, open_server

LIMITS = Limits(timeout=0.4, memory=16 << 20, response=1 << 20, cancel_grace=0.1)


WAT = Path(__file__).parents[1] / "host" / "server.wat"


@pytest.fixture(scope="session")
def server_bytes() -> bytes:
    """The server of `server.wat`."""
    return bytes(wat2wasm(WAT.read_text("utf-8")))


@pytest.fixture(scope="session")
def server_file(server_bytes: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file, old enough for the index of the cache to trust its times."""
    path = tmp_path_factory.mktemp("server") / "server.wasm"
    path.write_bytes(server_bytes)
    time.sleep(0.05)
    return path


@pytest.fixture
def open_it(server_file: Path) -> Iterator[Callable[..., Server]]:
    """Opens that server, and closes it afterwards."""
    with ExitStack() as stack:

        def open_it(**options: object) -> Server:
            options.setdefault("limits", LIMITS)
            return stack.enter_context(open_server(server_file, **options))

        yield open_it


@pytest.fixture
def server(open_it: Callable[..., Server]) -> Server:
    """That server, opened with short limits and two instances."""
    return open_it(instances=2)


@pytest.fixture
def no_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loggers without handlers, as in a program that does not configure `logging`: pytest's do not count."""
    monkeypatch.setattr(logging.Logger, "hasHandlers", lambda _logger: False)


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test alone, empty at first."""
    path = tmp_path / "cache"
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(path))
    return path
