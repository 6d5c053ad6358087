"""Equal behaviour of handlers in all languages: each case of the shared table, as one composed server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.handler_table import (
    FOLDER,
    TABLE,
    Network,
    cases,
    check_outcome,
    check_requests,
    check_steps,
    lookups,
    network,
)
from support.projects import project_files, write_project
from support.rust_crates import MISSING

from wasmcp.host import Server, open_server
from wasmcp.project import ensure_built

pytestmark = pytest.mark.slow

SOURCES = {"rust": "table.rs", "typescript": "table.ts", "python": "table.py", "zig": "table.zig"}
LANGUAGES = [
    pytest.param("rust", marks=pytest.mark.skipif(bool(MISSING), reason=MISSING)),
    "typescript",
    "python",
    "zig",
]


def _tables(language: str) -> str:
    return f"""
[tool.wasmcp.components.handlers]
source = "handlers/{SOURCES[language]}"
grants = ["http", "kv", "env"]

[tool.wasmcp.components.handlers.config]
greeting = "Hi"
retries = 5
tags = ["a", "b"]
wide = false

[tool.wasmcp.servers.default]
components = ["handlers"]
"""


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def server(language: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    source = (FOLDER / SOURCES[language]).read_text("utf-8")
    files = project_files("handlers", {f"handlers/{SOURCES[language]}": source}, _tables(language))
    path: Path = ensure_built(write_project(tmp_path_factory.mktemp(language), files))
    with open_server(path, env=TABLE["config"]["environment"]) as opened:
        yield opened


@pytest.fixture(scope="module")
def web() -> Iterator[Network]:
    with network() as found:
        yield found


def call(server: Server, name: str, case: Any) -> Any:
    result = server.call_tool(name, {"case": json.dumps(case)})
    assert not result.is_error, result.text
    return json.loads(result.text)


def test_http(server: Server, language: str, web: Network) -> None:
    for case in cases("http", language, fakes=False):
        given = web.start(case)
        check_outcome(call(server, f"{language}_http", given["request"]), given)
        check_requests(web.requests, given, language)


def test_kv(server: Server, language: str) -> None:
    for number, case in enumerate(cases("kv", language, fakes=False)):
        found = call(server, f"{language}_kv", {"bucket": f"case-{number}", "steps": case["steps"]})
        check_steps(found, case["steps"])


def test_config(server: Server, language: str) -> None:
    given = lookups(language)
    check_steps(call(server, f"{language}_config", given), given)


def test_a_page_is_kept(server: Server, language: str, web: Network) -> None:
    given = web.start({"url": "{a}/page", "routes": {"{a}/page": {"body": "a page"}}})
    result = server.call_tool(f"{language}_keep", {"url": given["url"]})
    assert json.loads(result.text) == {"kept": {"text": "a page", "greeting": "Hi"}, "count": 1}
