"""Components of a project that use what grants give, built from source, and servers of them with any grants."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from support.compose_inputs import METADATA
from support.projects import project_files, write_project
from wasmcp.cli.group import commands
from wasmcp.compose import Catalogue, ComponentSpec, compose_server
from wasmcp.compose.grant_rules import read_grants
from wasmcp.host import Server, open_server
from wasmcp.project.build_steps import build_component
from wasmcp.project.config import load

Call = Callable[..., Any]
Built = tuple[bytes, Catalogue | None]


def built_component(folder: Path, source: str, text: str) -> Built:
    """Build a component with the grants of all families; return it and its catalogue."""
    project = f"""\
[tool.wasmcp.components.tools]
source = "{source}"
grants = ["http", "env", "kv", "fs", "sockets"]

[tool.wasmcp.servers.default]
components = ["tools"]
"""
    built = build_component(load(write_project(folder, project_files("granted", {source: text}, project))), "tools")
    return built.data, built.catalogue


@contextmanager
def running(path: Path, component: Built, grants: Mapping[str, Any], **options: Any) -> Iterator[Call]:
    """Write and open a server with these grants; the function returns a tool's result, or `error: ` and its text."""
    problems: list[str] = []
    families, rules = read_grants(grants, lambda *problem: problems.append(": ".join(problem)))
    assert problems == []
    compose_server([ComponentSpec("tools", *component, families, rules=rules)], METADATA).write(path)
    with open_server(path, instances=1, **options) as server:
        assert isinstance(server, Server)

        def call(name: str, /, **arguments: Any) -> Any:
            result = server.call_tool(name, arguments)
            if result.is_error:
                return f"error: {result.content[0]['text']}"
            content = result.structured_content or {}
            return content.get("result", content)

        yield call


def inspected(path: Path) -> Any:
    """Return what `wasmcp inspect` prints about the only component of a server."""
    shown = CliRunner().invoke(commands, ["inspect", str(path), "--no-boot", "--json"])
    (part,) = json.loads(shown.stdout)["components"]
    return part
