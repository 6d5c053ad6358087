"""Contents of the snapshot of a component, in instances of a real one, with packages from a local index."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.python_component import GuestComponent, result_of
from support.python_packages import wheel

from wasmcp.errors import ToolchainError
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.python.toolchain import PythonToolchain

TOOLS = """\
import os
import random
import secrets
import time
import uuid

import greet
from wasmcp.guest import tool

CHOSEN = random.Random(42)
GENERATOR = random.Random()
LATER = random.Random(1)
LATER.seed()
SYSTEM = random.SystemRandom()
STARTED = time.time()
DRAWN = random.random()
ENVIRONMENT = dict(os.environ)
SET = {"a", "b"}


@tool
def fresh() -> list[str]:
    return [
        str(GENERATOR.random()),
        str(LATER.random()),
        str(SYSTEM.random()),
        str(random.random()),
        str(random.Random().random()),
        str(uuid.uuid4()),
        str(uuid.uuid1()),
        secrets.token_hex(8),
        os.urandom(8).hex(),
        str(time.time()),
        str(time.perf_counter()),
    ]


@tool
def frozen() -> list[str]:
    return [str(CHOSEN.random()), str(STARTED), str(DRAWN), str(hash("abc")), str(list(SET))]


@tool
def finalized() -> list[str]:
    import weakref

    class Held:
        pass

    found = []
    held = Held()
    finalizer = weakref.finalize(held, found.append, "dropped")
    found.append(f"{type(finalizer) is weakref.finalize} {finalizer.alive}")
    del held
    return [*found, str(finalizer.alive)]


@tool
def environment() -> list[list[str]]:
    return [sorted(ENVIRONMENT), sorted(os.environ)]


@tool
def package() -> list[str]:
    return [greet.hello(), greet.VERSION, greet.DATA, greet.plugin("greet.loud"), greet.wait()]


@tool
def zone() -> str:
    import csv
    import io

    return ",".join(next(csv.reader(io.StringIO("a,b"))))
"""

GREET = {
    "greet/__init__.py": """\
import importlib
import importlib.metadata
from pathlib import Path

VERSION = importlib.metadata.version("greet")
DATA = (Path(__file__).parent / "words.txt").read_text()

try:
    import numpy
except ImportError:
    numpy = None


def hello():
    from greet.later import word
    import fractions

    return f"{word} {fractions.Fraction(1, 2)}"


def plugin(name):
    return importlib.import_module(name).NAME


def wait():
    import asyncio

    return asyncio.run(asyncio.sleep(0, "waited"))


def table():
    import pandas

    return pandas
""",
    "greet/later.py": "word = 'hello'\n",
    "greet/loud.py": "NAME = 'LOUD'\n",
    "greet/words.txt": "words",
}


def build(source: ComponentSource, output: Path, cache: Path) -> list[str]:
    lines: list[str] = []
    PythonToolchain().build(source, output, cache=cache, progress=lines.append)
    return lines


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[GuestComponent, list[str]]:
    root = tmp_path_factory.mktemp("frozen")
    (root / "index").mkdir()
    wheel(root / "index", "greet", "1.5", GREET)
    (root / "tools_.py").write_text(TOOLS, encoding="utf-8")
    source = ComponentSource(
        "shop", root / "tools_.py", root, options={"dependencies": ["greet"], "imports": ["greet.loud"]}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(root / "index"))
        patch.setenv("SECRET_OF_THE_BUILD", "hunter2")
        found = PythonToolchain().resolve(source, cache=root / "cache", progress=lambda _: None)
    lines = build(replace(source, dependencies=found, offline=True), root / "out.wasm", root / "cache")
    return GuestComponent(root / "out.wasm"), lines


def call(guest: GuestComponent, name: str) -> Any:
    result = result_of(guest.call_tool(name, "{}"))
    text = result.__dict__["structured-content"]
    assert text is not None, guest.stderr
    return json.loads(text)["result"]


@pytest.mark.slow
class TestInstances:
    def test_values_that_differ_by_instance(self, built):
        guest = built[0]
        guest.restart()
        first, again = call(guest, "fresh"), call(guest, "fresh")
        guest.restart()
        second = call(guest, "fresh")
        assert [a for a, b in zip(first, second, strict=True) if a == b] == []
        assert [a for a, b in zip(first, again, strict=True) if a == b] == []

    def test_values_of_the_snapshot(self, built):
        guest = built[0]
        guest.restart()
        first = call(guest, "frozen")
        guest.restart()
        assert call(guest, "frozen") == first

    def test_component_contains_no_path_of_the_machine(self, built):
        before, now = call(built[0], "environment")
        assert set(before) <= {"PYTHONHOME", "PYTHONPATH", "PYTHONUNBUFFERED"}
        assert now == []

    def test_finalizers_are_those_of_the_library(self, built):
        assert call(built[0], "finalized") == ["True True", "dropped", "False"]

    def test_packages(self, built):
        assert call(built[0], "package") == ["hello 1/2", "1.5", "words", "LOUD", "waited"]

    def test_warnings(self, built):
        once = "is called once, when the component is built, and its value is kept"
        place = "`dependencies/greet/__init__.py`, line 32"
        assert built[1][1:] == [
            f"warning: {place}: `pandas` is not in the component (ModuleNotFoundError: No module named 'pandas')",
            f"warning: `tools_.py`, line 15: `time.time` {once}",
            f"warning: `tools_.py`, line 16: `random.random` {once}",
            (
                "warning: `tools_.py`, line 17: `os.environ` is read when the component is built, where the "
                "environment is empty: read it inside a function"
            ),
        ]


@pytest.mark.slow
def test_open_files_are_refused(tmp_path):
    text = "from wasmcp.guest import tool\nFILE = open(__file__)\n@tool\ndef f() -> None: ...\n"
    (tmp_path / "tools_.py").write_text(text, encoding="utf-8")
    source = ComponentSource("shop", tmp_path / "tools_.py", tmp_path)
    with pytest.raises(ToolchainError) as caught:
        build(source, tmp_path / "out.wasm", tmp_path)
    message = "`tools_.py` leaves files open when it has been imported: `tools_.py`. A component has none: read what"
    assert str(caught.value).startswith(message)
