"""Types of decorated functions for type checkers: the decorated function keeps its type."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SNIPPET = """\
from wasmcp.guest import Context, Image, ToolResult, tool
from wasmcp.guest.testing import LocalContext

@tool
def plain(n: int, context: Context) -> str:
    return str(n)

@tool(title="Later", read_only=True)
async def later(n: int = 1) -> list[Image]:
    return []

reveal_type(plain)
reveal_type(later)
plain(1, LocalContext())
plain("1", LocalContext())
tool(titel="x")
"""

EXPECTED = [
    '12: note: Revealed type is "def (n: int, context: wasmcp.guest.context.Context) -> str"',
    '13: note: Revealed type is "def (n: int =) -> typing.Coroutine[Any, Any, list[wasmcp.guest.content.Image]]"',
    '15: error: Argument 1 to "plain" has incompatible type "str"; expected "int"  [arg-type]',
    (
        '16: error: Unexpected keyword argument "titel" for overloaded function "tool"; '
        'did you mean "title"?  [call-overload]'
    ),
]


MORE = """\
import asyncio
from dataclasses import dataclass
from wasmcp.guest import Context, completion, prompt, resource

@dataclass
class Seats:
    count: int

@resource("test://{id}")
def item(id: int) -> bytes:
    return b""

@prompt
async def ask(context: Context) -> str:
    both = await asyncio.gather(context.elicit("?", str), context.roots())
    reveal_type(both)
    return ""

@completion(item, "id")
def ids(value: str) -> list[str]:
    return []

def use(context: Context) -> None:
    reveal_type(context.elicit("?", Seats).data)
    reveal_type(context.elicit("?", {"type": "object"}).data)
    reveal_type(context.once("x", lambda: 5))
    context.sample("?")

reveal_type(item)
reveal_type(ids)
"""

MORE_EXPECTED = [
    (
        '16: note: Revealed type is "tuple[wasmcp.guest.client_requests.Elicited[str], '
        'wasmcp.guest.client_requests.Roots]"'
    ),
    '24: note: Revealed type is "snippet.Seats"',
    '25: note: Revealed type is "dict[str, Any]"',
    '26: note: Revealed type is "int"',
    '27: error: Missing named argument "max_tokens" for "sample" of "ClientRequestMethods"  [call-arg]',
    '29: note: Revealed type is "def (id: int) -> bytes"',
    '30: note: Revealed type is "def (value: str) -> list[str]"',
]


@pytest.mark.slow
@pytest.mark.parametrize(("code", "expected"), [(SNIPPET, EXPECTED), (MORE, MORE_EXPECTED)])
def test_mypy_understands_the_decorators(tmp_path, code, expected):
    from mypy import api

    path = tmp_path / "snippet.py"
    path.write_text(code, encoding="utf-8")
    output, _, _ = api.run(["--strict", "--no-error-summary", "--cache-dir", str(tmp_path / "cache"), str(path)])
    reported = [line.partition("snippet.py:")[2].replace("builtins.", "") for line in output.splitlines()]
    assert [
        line for line in reported if not line.startswith(("16: note: Poss", "16: note:     def", "27: note"))
    ] == expected


SAMPLES = [Path(__file__).with_name(name) for name in ("typed_sample.py", "typed_host_sample.py")]
each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)


def wrong_lines(sample: Path) -> list[int]:
    lines = sample.read_text(encoding="utf-8").splitlines()
    return [number for number, line in enumerate(lines, 1) if "# wrong" in line]


@pytest.mark.slow
@each_sample
def test_mypy_reports_exactly_the_errors(sample, tmp_path):
    from mypy import api

    output, _, _ = api.run(["--strict", "--no-error-summary", "--cache-dir", str(tmp_path), str(sample)])
    found = [int(line.split(":")[1]) for line in output.splitlines() if ": error:" in line]
    assert found == wrong_lines(sample), output


@pytest.mark.slow
@each_sample
def test_pyright_reports_exactly_the_errors(sample):
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(sample)]
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode not in (0, 1):
        pytest.skip(f"pyright, which comes from npm, does not start: {done.stderr[-200:]}")
    report = json.loads(done.stdout[done.stdout.index("{") :])
    errors = [item for item in report["generalDiagnostics"] if item["severity"] == "error"]
    assert [item["range"]["start"]["line"] + 1 for item in errors] == wrong_lines(sample), errors
