"""App and skill of the everything server on the page of the official Inspector, in headless Chromium, in both eras."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.npm_packages import PLAYWRIGHT, chromium, installed, node
from support.server_processes import free_port, wasmcp_serve
from support.waiting import wait_until

from wasmcp.project import ensure_built

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TESTS = Path(__file__).parents[1]
EVERYTHING = TESTS.parent / "example-servers" / "everything"
INSPECTOR = "@modelcontextprotocol/inspector"
SCRIPT = TESTS / "support" / "inspector_page.mjs"
ERAS = {"legacy": "MCP 2025-11-25", "modern": "MCP 2026-07-28"}


@pytest.fixture(scope="module")
def browser() -> str:
    """Return the program of Chromium."""
    return chromium("the page of the Inspector is")


@contextmanager
def inspector(url: str, era: str, folder: Path) -> Iterator[str]:
    """Serve the page of the Inspector for a server until the block ends; its URL."""
    pinned = json.loads((TESTS / "conformance" / "package.json").read_text("utf-8"))["dependencies"][INSPECTOR]
    launcher = installed(f"{INSPECTOR}@{pinned}") / "node_modules" / INSPECTOR / "clients/launcher/build/index.js"
    port = free_port()
    ports = {"CLIENT_PORT": port, "MCP_SANDBOX_PORT": free_port(), "MCP_APP_ORIGIN_PORT": free_port()}
    environment = {
        **os.environ,
        **{name: str(value) for name, value in ports.items()},
        "HOME": str(folder),
        "MCP_STORAGE_DIR": str(folder / "storage"),
        "MCP_INSPECTOR_SECRET_STORE": "memory",
        "MCP_AUTO_OPEN_ENABLED": "false",
        "DANGEROUSLY_OMIT_AUTH": "true",
    }
    log = folder / "inspector.log"
    options = ["--web", "--server-url", url, "--transport", "http", "--protocol-era", era]
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen([node(), str(launcher), *options], env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            wait_until(lambda: process.poll() is not None or "is up and running" in log.read_text("utf-8"))
            assert process.poll() is None, log.read_text("utf-8")
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


@pytest.fixture(scope="module", params=list(ERAS))
def seen(request: pytest.FixtureRequest, browser: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the texts that the page showed."""
    copy = installed(PLAYWRIGHT) / SCRIPT.name
    copy.write_text(SCRIPT.read_text("utf-8"), "utf-8")
    folder = tmp_path_factory.mktemp("inspector")
    with (
        wasmcp_serve(ensure_built(EVERYTHING)) as port,
        inspector(f"http://127.0.0.1:{port}/mcp", request.param, folder) as url,
    ):
        command = [node(), str(copy), browser, url]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "era": request.param}


def test_page_has_no_errors(seen: dict[str, Any]) -> None:
    assert seen["errors"] == []
    assert seen["revision"] == ERAS[seen["era"]]


def test_app_shows_the_result_of_its_tool_and_calls_tools(seen: dict[str, Any]) -> None:
    assert seen["apps"] == "MCP Apps (2)"
    assert seen["days"] == ["Monday: 28 degrees", "Tuesday: 3 degrees", "Friday: 8 degrees"]
    assert "Monday" in seen["answer"]


def test_skill_is_listed_and_conforms(seen: dict[str, Any]) -> None:
    if seen["era"] == "legacy":
        assert seen["skill"] is None
        return
    assert "0 ERROR(S), 0 WARNING(S)" in seen["skill"]
    assert "skill://try-a-client/references/features.md" in seen["skill"]
