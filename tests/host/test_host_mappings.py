"""Memory mappings of the process: a pool does not exceed the limit of the system."""

from __future__ import annotations

import ctypes
import mmap
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.server_processes import free_port, served
from support.waiting import wait_until

from wasmcp.host import open_server
from wasmcp.host.engine import memory


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not list mappings")
def test_mappings_are_counted() -> None:
    bound = memory.allowed_mappings()
    assert bound is not None
    assert 10 < memory.used_mappings() < bound


@pytest.mark.parametrize(
    ("used", "booted", "starting", "expected"),
    [
        (1_000, 1, 0, True),
        (40_000, 1, 0, False),  # an instance can have 40,000
        (40_000, 10, 0, True),
        (40_000, 10, 3, True),
        (40_000, 10, 4, False),
        (59_500, 100, 0, False),
        (1_000, 0, 3, True),
    ],
)
def test_room_for_an_instance(
    monkeypatch: pytest.MonkeyPatch, used: int, booted: int, starting: int, expected: bool
) -> None:
    monkeypatch.setattr(memory, "used_mappings", lambda: used)
    monkeypatch.setattr(memory, "allowed_mappings", lambda: 65_530)
    assert memory.room_for(booted, starting) is expected
    monkeypatch.setattr(memory, "allowed_mappings", lambda: None)
    assert memory.room_for(booted, starting)


def test_calls_wait_if_no_more_instances_fit(zig_server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr(memory, "room_for", lambda *counts: bool(looked.append(len(counts))))
    with open_server(zig_server, instances=24) as server, ThreadPoolExecutor(24) as threads:
        found = list(threads.map(lambda _: server.request("tools/list", timeout=60)["tools"], range(48)))
    assert len(found) == 48
    assert all(found)
    assert len(looked) < 24  # not for each call that waits


LINUX = pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the system does not describe mappings")


@LINUX
def test_code_is_returned_and_changed_pages_are_kept(zig_server: Path, tmp_path: Path) -> None:
    library = ctypes.CDLL(None)
    library.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    addresses = []
    kept = []
    for name in ("changed.so", "same.so.1", "other"):
        path = tmp_path / name
        path.write_bytes(b"f" * mmap.PAGESIZE)
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
        if name == "changed.so":
            mapped[:4] = b"mine"
        address = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
        assert library.mprotect(address, mmap.PAGESIZE, mmap.PROT_READ) == 0
        addresses.append(address)
        kept.append(mapped)
    names = {Path(name.decode()).name for _, _, name in memory.unchanged()}
    assert {"same.so.1", "other"} <= names
    assert "changed.so" not in names
    with open_server(zig_server) as server:
        before = server.call_tool("add", {"a": 1, "b": 2}).structured_content
        memory.release_code()
        assert server.call_tool("add", {"a": 1, "b": 2}).structured_content == before
    assert [ctypes.string_at(address, 4) for address in addresses] == [b"mine", b"ffff", b"ffff"]
    assert all(kept)


@LINUX
def test_returned_code_is_not_resident() -> None:
    code = """
import re, ssl, wasmtime
from wasmcp.host.engine.memory import release_code
def resident():
    return int(re.search(r"RssFile:\\s+([0-9]+)", open("/proc/self/status").read())[1])
wasmtime.Module(wasmtime.Engine(), "(module)")
before = resident()
release_code()
print(before - resident())
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert int(found.stdout) > 1000


@LINUX
def test_server_returns_the_code_of_its_start(zig_server: Path) -> None:
    def kilobytes(name: str) -> int:
        found = re.search(rf"{name}:\s+([0-9]+)", Path(f"/proc/{process.process.pid}/status").read_text("ascii"))
        assert found is not None
        return int(found[1])

    with served(str(zig_server), "--port", str(free_port())) as process:
        wait_until(lambda: kilobytes("VmHWM") - kilobytes("VmRSS") > 4000, lambda: str(kilobytes("VmRSS")))
