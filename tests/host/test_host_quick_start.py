"""Quick starts: code that is compiled quickly first, and replaced by better code."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from support.minimal_servers import WAT
from support.server_processes import free_port, post, served
from support.waiting import wait_until
from wasmtime import wat2wasm

from wasmcp.component.binary_format import uleb128
from wasmcp.errors import GuestTimeoutError
from wasmcp.host import Limits, open_server
from wasmcp.host.engine import compile_cache
from wasmcp.host.engine.engine import engine, machine

pytestmark = pytest.mark.usefixtures("empty_cache")

SIZE = 3 << 20


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A server that is large because of a custom section, and is compiled fast."""
    payload = b"\x03pad" + bytes(SIZE)
    path = tmp_path / "server.wasm"
    path.write_bytes(wat2wasm(WAT.read_text("utf-8")) + b"\0" + uleb128(len(payload)) + payload)
    return path


def compiled(cache: Path) -> int:
    return len(list(cache.rglob("*.cwasm")))


def test_code_is_replaced_when_it_is_compiled_better(large: Path, empty_cache: Path) -> None:
    begun: list[str] = []
    with open_server(large, quick_start=True, on_compile=lambda: begun.append("compile")) as server:
        first = server.pool
        assert server.send("one") == "one"
        wait_until(lambda: server.pool is not first)
        assert compiled(empty_cache) == 2
        assert server.send("two") == "two"
        assert server.state == ".."  # of the client, not of the instance
    with open_server(large, quick_start=True, on_compile=lambda: begun.append("compile")) as server:
        second = server.pool
        assert server.send("three") == "three"
        assert server.pool is second
    assert begun == ["compile"]
    assert compiled(empty_cache) == 2


@pytest.mark.parametrize("options", [{"instances": 1}, {"quick_start": False}])
def test_code_stays_where_memory_must_not_be_lost(large: Path, empty_cache: Path, options: dict[str, Any]) -> None:
    with open_server(large, **{"quick_start": True, **options}) as server:
        assert server.send("one") == "one"
    assert compiled(empty_cache) == 1


def test_version_that_was_loaded_meanwhile_stays(
    large: Path, monkeypatch: pytest.MonkeyPatch, empty_cache: Path
) -> None:
    proceed, done = threading.Event(), threading.Event()
    hold_optimise(monkeypatch, proceed, done)
    with open_server(large, quick_start=True) as server:
        large.write_bytes(large.read_bytes() + b"\0\x02\x01x")  # another version
        server.reload(large)
        newest = server.pool
        proceed.set()
        assert done.wait(60)
        assert server.pool is newest
        assert server.send("one") == "one"
    assert compiled(empty_cache) >= 2


def test_server_that_is_closed_meanwhile(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proceed, done = threading.Event(), threading.Event()
    hold_optimise(monkeypatch, proceed, done)
    with open_server(large, quick_start=True) as server:
        pool = server.pool
    proceed.set()
    assert done.wait(60)
    assert server.pool is pool


def hold_optimise(monkeypatch: pytest.MonkeyPatch, proceed: threading.Event, done: threading.Event) -> None:
    """Let the thread that compiles better wait in front of its compilation."""
    load: Callable[..., Any] = compile_cache.load

    def held(*arguments: Any, **options: Any) -> Any:
        is_thread = threading.current_thread().name == "wasmcp-optimise"
        if is_thread:
            assert proceed.wait(60)
            threading.Thread(target=watch, args=(threading.current_thread(),)).start()
        return load(*arguments, **options)

    def watch(thread: threading.Thread) -> None:
        thread.join(60)
        done.set()

    monkeypatch.setattr(compile_cache, "load", held)


def test_serve_starts_quickly(large: Path, empty_cache: Path) -> None:
    port = free_port()
    with served(str(large), "--port", str(port)):
        assert post(port).read() == b"hello"
        wait_until(lambda: compiled(empty_cache) == 2)
        assert post(port).read() == b"hello"


def test_error_of_a_file_is_that_of_the_compilation(tmp_path: Path) -> None:
    from wasmcp.errors import ArtifactError

    bad = tmp_path / "bad.wasm"
    bad.write_bytes(b"x" * SIZE)
    for path in (bad, tmp_path / "missing.wasm"):
        with pytest.raises(ArtifactError):
            open_server(path, quick_start=True)


@pytest.mark.parametrize("value", ["1", "TRUE"])
def test_all_servers_are_compiled_quickly(
    large: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("WASMCP_QUICK", value)
    begun: list[str] = []
    with open_server(large, quick_start=True, on_compile=lambda: begun.append("compile")) as server:
        assert server.pool.program.engine is engine(quick=True)
        pool = server.pool
        with open_server(large, quick=True, on_compile=lambda: begun.append("again")) as other:
            assert other.pool.program.engine is engine(quick=True)
        monkeypatch.delenv("WASMCP_QUICK")
        time.sleep(0.05)
        assert server.pool is pool  # it is not replaced
    assert [path.name.split("effects", 1)[1].split("-")[1] for path in empty_cache.rglob("*.cwasm")] == ["quick"]
    assert begun == ["compile"]
    with open_server(large, on_compile=lambda: begun.append("optimised")) as server:
        assert server.pool.program.engine is engine()
    assert begun == ["compile", "optimised"]


TAIL_CALL = "(core module (func $one (result i32) i32.const 1) (func (result i32) return_call $one))"
"""A module that Winch refuses."""


def test_server_that_the_quick_compiler_refuses_is_compiled_by_the_other(tmp_path: Path, empty_cache: Path) -> None:
    path = tmp_path / "server.wasm"
    begun: list[str] = []
    built: list[tuple[str, Exception | None]] = []
    payload = b"\x03pad" + bytes(SIZE)
    head, _, end = WAT.read_text("utf-8").rstrip().rpartition(")")
    path.write_bytes(wat2wasm(f"{head}{TAIL_CALL}{end})") + b"\0" + uleb128(len(payload)) + payload)
    with open_server(
        path,
        quick_start=True,
        on_compile=lambda: begun.append("compile"),
        on_built=lambda kind, _seconds, error: built.append((kind, error)),
    ) as server:
        pool = server.pool
        assert server.send("one") == "one"
        assert server.pool is pool
        assert pool.program.engine is engine()
    assert begun == ["compile"]
    assert built == [("compile", None)]
    assert compiled(empty_cache) == 1
    with open_server(path.read_bytes(), quick=True) as server:
        assert server.send("two") == "two"


@pytest.mark.skipif(machine() != "x86_64", reason="Winch compiles for x86-64")
def test_quick_code_is_that_of_winch(large: Path, empty_cache: Path) -> None:
    compile_cache.load(large, quick=True).close()
    assert [path.name.split("effects-", 1)[1].split("-")[0] for path in empty_cache.rglob("*.cwasm")] == ["baseline"]
    with pytest.raises(wasmtime.WasmtimeError, match="tail calls"):
        wasmtime.Module(engine(quick=True), f"{TAIL_CALL.replace('core ', '')}")


@pytest.mark.parametrize("quick", [True, False])
def test_calls_end_at_their_deadlines_with_both_kinds_of_code(zig_server: Path, quick: bool) -> None:
    with (
        open_server(zig_server, quick=quick, limits=Limits(timeout=0.2)) as server,
        pytest.raises(GuestTimeoutError),
    ):
        server.call_tool("spin", {})
