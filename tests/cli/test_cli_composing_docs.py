"""Pages about composing: their commands work, and the tests that they name exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.compose_inputs import dead_end, tools_component

from wasmcp.cli.group import commands
from wasmcp.host import open_server
from wasmcp.registry import Fetched, FetchOptions
from wasmcp.registry.oci import transfers

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs/guides/composing.md").read_text("utf-8")
TABLE = (ROOT / "docs/reference/rust-tool.md").read_text("utf-8")


def typed() -> list[list[str]]:
    """The commands of the guide, without the first one, which compiles."""
    lines = re.findall(r"^\$ wasmcp (.+)$", GUIDE, flags=re.MULTILINE)
    return [shlex.split(line) for line in lines if not line.startswith("build")]


def test_commands_of_the_guide_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dist").mkdir()
    for name, tool in (("text", "reverse"), ("calc", "add"), ("log", "log")):
        (tmp_path / "dist" / f"{name}.wasm").write_bytes(tools_component(name, tool))
    (tmp_path / "my-end.wasm").write_bytes(dead_end())

    def fetch(reference: str, _options: FetchOptions) -> Fetched:
        name = reference.partition(":")[2].partition("@")[0]
        return Fetched(tmp_path / "dist" / f"{name}.wasm", "sha256:00", reference)

    monkeypatch.setattr(transfers, "fetch", fetch)
    followed = typed()
    assert len(followed) > 8
    for command in followed:
        again = ["--force"] if command[:2] == ["compose", "server"] else []
        done = CliRunner().invoke(commands, [*command, *again])
        assert done.exit_code == 0, (command, done.output)
    for name, tools in {
        "combined.wasm": ["reverse", "add"],
        "config/wasmcp/composed/prod.wasm": ["reverse", "add"],
        "whole.wasm": ["reverse", "log", "add"],
        "server.wasm": ["reverse"],
    }.items():
        with open_server(tmp_path / name, instances=1, quick=True) as server:
            assert [tool.name for tool in server.list_tools()] == tools


def test_tests_named_in_tables_exist() -> None:
    rows = [line.split("|")[-2] for line in TABLE.partition("\n## ")[0].splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    for row in rows:
        found = re.fullmatch(r" `(tests/[a-z_/]+\.py)::(test_\w+)` ", row)
        assert found is not None, row
        assert f"def {found[2]}(" in (ROOT / found[1]).read_text("utf-8"), row
