"""What a type checker sees: a decorated function is the function."""

from __future__ import annotations

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


@pytest.mark.slow
def test_mypy_understands_the_decorator(tmp_path):
    from mypy import api

    path = tmp_path / "snippet.py"
    path.write_text(SNIPPET, encoding="utf-8")
    output, _, _ = api.run(["--strict", "--no-error-summary", "--cache-dir", str(tmp_path / "cache"), str(path)])
    told = [line.partition("snippet.py:")[2].replace("builtins.", "") for line in output.splitlines()]
    assert [line for line in told if not line.startswith("16: note")] == EXPECTED
