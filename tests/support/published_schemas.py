"""Schemas and programs that others publish, in pinned versions; a test that cannot fetch them is skipped, loudly.

Those in Go modules are fetched through the module proxy with `go mod download`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import pytest

from support.npm_packages import installed, node

MCPB = "@anthropic-ai/mcpb@2.1.2"
REGISTRY = "github.com/modelcontextprotocol/registry@v1.8.9"


def _skip(reason: str) -> NoReturn:
    warnings.warn(f"a test with published schemas is skipped: {reason}", stacklevel=3)
    pytest.skip(reason)


@cache
def registry_module() -> Path | str:
    """Return the folder of the registry's Go module, or why it cannot be had."""
    go = shutil.which("go")
    if go is None:
        return "Go was not found"
    command = [go, "mod", "download", "-json", REGISTRY]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, cwd="/")
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return f"Go cannot download {REGISTRY}: {error}"
    return Path(found["Dir"]) if "Dir" in found else f"Go cannot download {REGISTRY}: {found.get('Error')}"


def registry_schemas() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schemas of `server.json` in the registry's module: 2025-12-11, and the draft of the next one."""
    folder = registry_module()
    if isinstance(folder, str):
        _skip(folder)
    released = folder / "internal/validators/schemas/2025-12-11.json"
    draft = folder / "docs/reference/server-json/draft/server.schema.json"
    return json.loads(released.read_text("utf-8")), json.loads(draft.read_text("utf-8"))


def bundle_schema() -> dict[str, Any]:
    """Return the schema of the manifest of an MCP bundle, version 0.4."""
    package = installed(MCPB) / "node_modules/@anthropic-ai/mcpb"
    schema: dict[str, Any] = json.loads((package / "dist/mcpb-manifest-v0.4.schema.json").read_text("utf-8"))
    return schema


def bundle_program(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program `mcpb`."""
    program = installed(MCPB) / "node_modules/@anthropic-ai/mcpb/dist/cli/cli.js"
    command = [node(), str(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


COMPOSE = "github.com/compose-spec/compose-go/v2@v2.16.2"


@lru_cache
def module(name: str) -> Path:
    """Return the folder of a module, `PATH@VERSION`. If it cannot be fetched, the test is skipped with a message."""
    go = shutil.which("go")
    reason = "go was not found"
    if go is not None:
        with TemporaryDirectory() as folder:
            command = [go, "mod", "download", "-json", name]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=240)
        found = json.loads(done.stdout or "{}")
        if "Dir" in found:
            return Path(found["Dir"])
        reason = found.get("Error") or done.stderr
    warnings.warn(f"a test with the Go module {name} is SKIPPED: {reason}", stacklevel=2)
    pytest.skip(f"{name}: {reason}")
