"""The standard library inside a component: what has lost a guarantee, what is absent, time zones and sockets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.python_component import GuestComponent, result_of
from support.python_packages import wheel

from wasmcp.errors import ToolchainError
from wasmcp.guest.component import compressed_modules
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.python import toolchain as python_module
from wasmcp.toolchains.python.code_checks import LOST, lost_guarantees
from wasmcp.toolchains.python.toolchain import PythonToolchain

# A zone of one hour east of UTC. Source: RFC 8536, version 1.
ZONE = "TZif" + "\0" * 16 + "".join("\0\0\0" + chr(count) for count in (0, 0, 0, 0, 1, 4)) + "\0\0\x0e\x10\0\0XST\0"

TOOLS = """\
import sqlite3
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

import mmap
import probing
from wasmcp.guest import tool


@tool
def zones() -> list[str]:
    found = [datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Here")).isoformat(), *sorted(available_timezones())]
    try:
        ZoneInfo("No/Where")
    except KeyError as error:
        found.append(str(error))
    return found


@tool
def database(name: str, uri: bool = False) -> str:
    try:
        return str(sqlite3.connect(name, uri=uri).execute("select 1").fetchall())
    except sqlite3.Error as error:
        return type(error).__name__


@tool
def sockets() -> list[str]:
    found = [str(probing.HAS_IPV6)]
    for url in ("http://localhost:1/", "http://127.0.0.1:1/"):
        try:
            urllib.request.urlopen(url, timeout=1)
        except Exception as error:
            found.append(type(error).__name__)
    return found


@tool
def thread() -> str:
    try:
        return str(ThreadPoolExecutor().submit(print))
    except RuntimeError as error:
        return str(error)


@tool
def absent(name: str) -> str:
    try:
        return str(__import__(name, fromlist=["x"]))
    except ImportError as error:
        return str(error)


@tool
def shim() -> int:
    return mmap.SHIM
"""

PROBING = """\
import socket

try:
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
    HAS_IPV6 = True
except OSError:
    HAS_IPV6 = False
"""


def source(root: Path, text: str, **options: Any) -> ComponentSource:
    (root / "tools_.py").write_text(text, encoding="utf-8")
    return ComponentSource("shop", root / "tools_.py", root, options=options)


def check(found: ComponentSource) -> None:
    python_module.check_modules(found, python_module.modules_of(found), None)


class TestWarnings:
    @pytest.mark.parametrize("name", sorted(LOST))
    def test_module_with_a_weaker_guarantee_causes_a_warning(self, tmp_path, name):
        found = source(tmp_path, f"x = 1\nimport {name}\n")
        assert lost_guarantees(python_module.modules_of(found).values()) == [
            f"warning: `tools_.py`, line 2: `{name}`: {LOST[name]}"
        ]

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("from threading import Lock, local\n", []),
            ("from threading import Lock, Thread\n", ["threading"]),
            ("from concurrent import futures\n", ["concurrent.futures"]),
            ("from concurrent.futures import Future\n", []),
            ("from subprocess import CalledProcessError\n", []),
            ("def f():\n    import subprocess\nimport subprocess\n", ["subprocess"]),
            ("import multiprocessing.pool\n", ["multiprocessing"]),
            ("import json\n", []),
        ],
    )
    def test_names_without_a_warning(self, tmp_path, text, names):
        found = lost_guarantees(python_module.modules_of(source(tmp_path, text)).values())
        assert [line.split("`")[3] for line in found] == names

    def test_module_of_the_project_with_the_name_of_a_package(self, tmp_path):
        (tmp_path / "redis.py").write_text("x = 1\n")
        assert lost_guarantees(python_module.modules_of(source(tmp_path, "import redis\n")).values()) == []


class TestZones:
    @pytest.mark.parametrize(
        "text",
        [
            "from zoneinfo import ZoneInfo\n",
            "def f():\n    import zoneinfo\n",
            "try:\n    import zoneinfo\nexcept ImportError:\n    zoneinfo = None\n",
        ],
    )
    def test_their_data_is_required_where_they_are_imported(self, tmp_path, text):
        found = source(tmp_path, text)
        assert PythonToolchain().requirements(found) == ["tzdata"]
        check(found)

    @pytest.mark.parametrize(
        ("text", "dependencies", "expected"),
        [
            ("x = 1\n", [], []),
            ("x = 1\n", ["inflection"], ["inflection"]),
            ("import zoneinfo\n", ["inflection"], ["inflection", "tzdata"]),
            ("import zoneinfo\n", ["TZdata>=2026"], ["TZdata>=2026"]),
        ],
    )
    def test_requirements_are_added_once(self, tmp_path, text, dependencies, expected):
        assert PythonToolchain().requirements(source(tmp_path, text, dependencies=dependencies)) == expected

    def test_data_for_a_package_is_resolved_with_it(self, tmp_path, monkeypatch):
        index = tmp_path / "index"
        index.mkdir()
        wheel(index, "tzdata", "2026.1", {"tzdata/__init__.py": "", "tzdata/zoneinfo/Europe/Here": ZONE})
        wheel(index, "calendars", "1", {"calendars/__init__.py": "def f():\n    import zoneinfo\n"})
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(index))
        found = source(tmp_path, "import calendars\n", dependencies=["calendars"])
        resolved = PythonToolchain().resolve(found, cache=tmp_path / "cache", progress=lambda _: None)
        assert [(one.name, one.version) for one in resolved] == [("calendars", "1"), ("tzdata", "2026.1")]
        unused = source(tmp_path, "x = 1\n", dependencies=["calendars"])
        resolved = PythonToolchain().resolve(unused, cache=tmp_path / "cache", progress=lambda _: None)
        assert [one.name for one in resolved] == ["calendars"]

    def test_missing_data_has_a_reason(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
        with pytest.raises(ToolchainError) as caught:
            PythonToolchain().resolve(source(tmp_path, "import zoneinfo\n"), cache=tmp_path, progress=lambda _: None)
        assert str(caught.value).splitlines()[0] == (
            "component `shop`: a module imports `zoneinfo`, whose data is in the package `tzdata`, and that cannot be "
            "resolved:"
        )


def test_module_can_have_the_name_of_an_absent_one(tmp_path):
    (tmp_path / "mmap.py").write_text("SHIM = 1\n")
    check(source(tmp_path, "import mmap\n"))
    (tmp_path / "json.py").write_text("SHIM = 1\n")
    with pytest.raises(ToolchainError, match=r"`json\.py` would be hidden by the `json` of the standard library"):
        check(source(tmp_path, "import json\n"))


def test_imports_in_functions_of_the_standard_library_are_found_by_their_absolute_names():
    code = compile(
        "def f():\n"
        "    from .thread import Pool\n"
        "    from .. import sibling\n"
        "    from importlib import resources\n"
        "    from . import *\n"
        "    import plain.inner\n".replace("    from . import *\n", ""),
        "m.py",
        "exec",
    )
    [function] = compressed_modules._functions(code)
    assert list(compressed_modules._imported(function, "one.two", submodules=True)) == [
        "one.two.thread",
        "one.two.thread.Pool",
        "one",
        "one.sibling",
        "importlib",
        "importlib.resources",
        "plain.inner",
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[GuestComponent, list[str]]:
    root = tmp_path_factory.mktemp("library")
    (root / "index").mkdir()
    files = {"tzdata/__init__.py": "", "tzdata/zoneinfo/__init__.py": "", "tzdata/zoneinfo/Europe/Here": ZONE}
    wheel(root / "index", "tzdata", "2026.1", {**files, "tzdata/zoneinfo/tzdata.zi": "# not a zone"})
    (root / "mmap.py").write_text("SHIM = 7\n", encoding="utf-8")
    (root / "probing.py").write_text(PROBING, encoding="utf-8")
    found = source(root, TOOLS)
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(root / "index"))
        toolchain = PythonToolchain()
        locked = replace(found, dependencies=toolchain.resolve(found, cache=root / "cache", progress=lambda _: None))
        toolchain.build(locked, root / "out.wasm", cache=root / "cache", progress=lines.append)
    return GuestComponent(root / "out.wasm"), lines


def call(guest: GuestComponent, name: str, /, **arguments: Any) -> Any:
    result = result_of(guest.call_tool(name, json.dumps(arguments)))
    text = result.__dict__["structured-content"]
    assert text is not None, guest.stderr
    return json.loads(text)["result"]


@pytest.mark.slow
class TestInComponents:
    def test_time_zones_of_tzdata(self, built):
        zones = ["2026-07-01T12:00:00+01:00", "Europe/Here", "'No time zone found with key No/Where'"]
        assert call(built[0], "zones") == zones

    def test_sqlite_opens_no_file_for_writing(self, built):
        assert call(built[0], "database", name=":memory:") == "[(1,)]"
        assert call(built[0], "database", name="x.db") == "NotSupportedError"
        assert call(built[0], "database", name="file:/x.db?mode=ro", uri=True) == "NotSupportedError"
        assert call(built[0], "database", name="file:/x.db?immutable=1", uri=True) == "OperationalError"

    def test_a_module_that_tried_a_socket_does_not_break_later_ones(self, built):
        assert call(built[0], "sockets") == ["False", "NotGrantedError", "NotGrantedError"]
        assert call(built[0], "sockets") == ["False", "NotGrantedError", "NotGrantedError"]

    def test_imports_that_the_standard_library_makes_relatively(self, built):
        assert call(built[0], "thread") == "can't start new thread"

    def test_missing_submodule_has_a_reason(self, built):
        assert call(built[0], "absent", name="concurrent.futures.process").startswith(
            "`concurrent.futures.process` is not in the component, which has only modules of the standard "
        )

    def test_a_shim_of_an_absent_module(self, built):
        assert call(built[0], "shim") == 7

    def test_warnings(self, built):
        socket = (
            "no socket can be opened while a component is built: this import got an `OSError`, as without a network"
        )
        http = '`urllib.request` needs `grants = ["http"]` in `[tool.wasmcp.components.shop]`'
        assert built[1][1:] == [
            f"warning: `tools_.py`, line 2: {http}",
            f"warning: `probing.py`, line 4: {socket}",
            f"warning: `tools_.py`, line 1: `sqlite3`: {LOST['sqlite3']}",
            f"warning: `tools_.py`, line 3: `concurrent.futures`: {LOST['concurrent.futures']}",
        ]
