from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.python.modules import Module, reachable
from wasmcp.toolchains.python.toolchain import ungranted, worlds_of


def given(
    folder: Path, text: str, *grants: str, world: str = "tools-component"
) -> tuple[ComponentSource, dict[str, Module]]:
    path = folder / "tools.py"
    path.write_text(text)
    source = ComponentSource("text", path, folder, world=world, grants=frozenset(grants))
    return source, reachable(path, [folder], folder)


@pytest.mark.parametrize(
    ("text", "grants", "worlds"),
    [
        ("from wasmcp.guest import tool", [], []),
        ("from wasmcp.guest import http, kv, tool", [], []),
        ("from wasmcp.guest import tool", ["env", "fs", "sockets"], []),
        (
            "from wasmcp.guest import tool",
            ["kv", "http", "sessions"],
            ["http-imports", "kv-imports", "sessions-imports"],
        ),
        ("from wasmcp.guest import config, tool", [], ["config-imports"]),
        ("def f():\n    import wasmcp.guest.config", ["http"], ["http-imports", "config-imports"]),
    ],
)
def test_component_imports_match_its_grants(tmp_path, text, grants, worlds):
    assert worlds_of(*given(tmp_path, text, *grants)) == ["component", *worlds]


def test_another_world_is_used_unchanged(tmp_path):
    assert worlds_of(*given(tmp_path, "from wasmcp.guest import config", "http", world="middleware")) == ["middleware"]


def test_missing_grants_are_warnings(tmp_path):
    text = "import json\nfrom wasmcp.guest import http, tool\nfrom wasmcp.guest.kv import open\n"
    assert ungranted(*given(tmp_path, text, "kv")) == [
        'warning: `tools.py`, line 2: `wasmcp.guest.http` needs `grants = ["http"]` in `[tool.wasmcp.components.text]`'
    ]
    assert ungranted(*given(tmp_path, text, "kv", "http")) == []
