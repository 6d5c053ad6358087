"""Warnings of declarations that run in a call: with file, line and what to do instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.toolchains.python.declaration_checks import late_declarations
from wasmcp.toolchains.python.modules import reachable

LATER = "def later() -> int:\n    return 7\n"


def found(folder: Path, text: str) -> list[str]:
    """Return line, decorator and function of each warning of a module."""
    path = folder / "tools.py"
    path.write_text(text)
    lines = late_declarations(reachable(path, [folder], folder).values())
    assert all(line.startswith("warning: `tools.py`, line ") and "`@dynamic_tools`" in line for line in lines)
    return [line.removeprefix("warning: `tools.py`, line ").partition("`: it runs")[0] for line in lines]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"from wasmcp.guest import tool\n{LATER}@tool\ndef add() -> str:\n    tool(later)\n    return ''\n",
            ["6: `tool` inside `add"],
        ),
        (
            "import wasmcp.guest as w\n@w.prompt(title='x')\nasync def add():\n    @w.tool\n    def later(): ...\n",
            ["4: `tool` inside `add"],
        ),
        (
            "from wasmcp.guest import resource as r\n@r('a://b')\ndef add():\n  @r('c://d')\n  def later(): ...\n",
            ["4: `resource` inside `add"],
        ),
        (
            "from wasmcp.guest import cache_lists, Cache, tool\n@tool\ndef add():\n    cache_lists(Cache(5))\n",
            ["4: `cache_lists` inside `add"],
        ),
    ],
)
def test_declaration_in_a_call_is_named(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert found(tmp_path, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "from wasmcp.guest import tool\ndef register(name):\n    @tool(name=name)\n    def f(): ...\nregister('a')\n",
        f"from wasmcp.guest import tool, make_tool\n{LATER}@tool\ndef add():\n    make_tool(later)\n",
        f"from other import tool\nimport wasmcp\n{LATER}@tool\ndef add():\n    tool(later)\n",
    ],
)
def test_declaration_at_import_is_not_named(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == []
