"""A replacement of the framework component `authorization`, at each HTTP entry point."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.entry_points import HTTP_ENTRY_POINTS, http_entry_point, mirrored, request
from support.tokens import compose, whoami_component

from wasmcp.cli.group import commands
from wasmcp.compose.access import Access, Condition, Policy, Rule, Selector
from wasmcp.package_data import wit_directory
from wasmcp.toolchains.zig import build_component

SOURCE = Path(__file__).parent / "chain" / "keyed.zig"
WORLD = "package wasmcp:mcp-v20260728@0.1.0;\n\nworld keyed {\n  export authorizer;\n}\n"
CALL = request("tools/call", {"name": "whoami", "arguments": {}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keyed")
    wit = Path(shutil.copytree(wit_directory(), path / "wit"))
    (wit / "keyed.wit").write_text(WORLD)
    build_component(SOURCE, wit, "keyed", path / "keyed.wasm")
    (path / "whoami.wasm").write_bytes(whoami_component(path))
    return path


@pytest.fixture(scope="module", params=HTTP_ENTRY_POINTS)
def entry(request: pytest.FixtureRequest, folder: Path) -> Iterator[Any]:
    server = folder / "server.wasm"
    policy = Policy((Rule(Selector(tools=("whoami",)), None, None, Condition(("all",))),))
    framework = {"authorization": folder / "keyed.wasm"}
    server.write_bytes(
        compose((folder / "whoami.wasm").read_bytes(), framework=framework, access=Access({}, policy), auth="required")
    )
    with http_entry_point(request.param, server) as opened:
        yield opened


def answer(entry: Any, key: str | None, message: Any = CALL) -> Any:
    head = mirrored(message) | ({} if key is None else {"x-api-key": key})
    return entry.http("POST", "/mcp", head, json.dumps(message))


def test_its_responses_are_sent_unchanged(entry: Any) -> None:
    for key in (None, "", "Secret", "secret2"):
        response = answer(entry, key)
        assert (response.status, response.body, response.headers["x-needs"]) == (401, b"a key is needed", "key")
        assert "www-authenticate" not in response.headers


def test_its_identity_reaches_components_and_the_policy(entry: Any) -> None:
    allowed = answer(entry, "secret")
    assert allowed.status == 200, allowed.body
    assert allowed.message["result"]["content"][0]["text"].startswith("service all|")
    denied = answer(entry, "secret", request("tools/call", {"name": "other", "arguments": {}}))
    assert (denied.status, denied.body) == (403, b"not with this key")


def test_the_command_line_replaces_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    grant = ("--grant", "whoami=middleware", "--dynamic", "whoami")
    override = ("--override", "authorization=./keyed.wasm", "-o", "other.wasm")
    done = CliRunner().invoke(commands, ["compose", "server", "whoami.wasm", *grant, *override])
    assert done.exit_code == 0, done.output
    with http_entry_point("wasmcp serve", folder / "other.wasm") as served:
        assert answer(served, None).status == 401
        assert answer(served, "secret").status == 200
