"""Changes of files, and `wasmcp dev` with a component in Zig."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.otlp_collector import collector
from support.projects import ZIG_PROJECT, write_project
from support.server_processes import WASMCP, Development

from wasmcp.playground import serving
from wasmcp.playground.serving import Builds, Version, changed, snapshot


def test_changes_of_files(tmp_path: Path) -> None:
    for name in ("a.py", "b.py", "node_modules/c.py", ".git/d", "x.pyc", "deep/e.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    before = snapshot([tmp_path])
    assert sorted(Path(path).name for path in before) == ["a.py", "b.py", "e.py"]
    (tmp_path / "a.py").write_text("22")
    (tmp_path / "b.py").unlink()
    (tmp_path / "deep/new.py").write_text("")
    (tmp_path / "node_modules/c.py").write_text("333")
    found = changed(before, snapshot([tmp_path]))
    assert [Path(path).name for path in found] == ["a.py", "b.py", "new.py"]


def test_virtual_environments_and_missing_folders_have_no_files(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    (tmp_path / "env" / "a.py").write_text("")
    assert snapshot([tmp_path, tmp_path / "missing"]) == {}


def test_unexpected_error_of_a_build_does_not_end_the_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions: list[Version] = []

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("not foreseen")

    monkeypatch.setattr(serving, "development_server", fail)
    monkeypatch.setattr(serving, "load", fail)

    def ended(version: Version) -> None:
        versions.append(version)
        builds.rebuild() if len(versions) == 1 else builds.stop()

    builds = Builds(tmp_path, None, on_start=print, on_version=ended, on_event=print)
    assert builds.first(lambda _: pytest.fail("a server was opened")) is None
    assert [version.error for version in versions] == ["internal error: RuntimeError: not foreseen"] * 2


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", ZIG_PROJECT)


@pytest.fixture
def development(root: Path) -> Iterator[Development]:
    with Development(root) as started:
        yield started


def post(url: str, message: dict[str, Any], session: str = "") -> tuple[dict[str, Any], str]:
    fields = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    fields |= {"Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25"} if session else {}
    request = urllib.request.Request(f"{url}mcp", json.dumps({"jsonrpc": "2.0", **message}).encode(), fields)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        body = response.read()
        return json.loads(body) if body else {}, response.headers.get("Mcp-Session-Id", "")


@pytest.mark.slow
def test_edits_are_served_errors_are_not_and_sessions_are_kept(root: Path, development: Development) -> None:
    url = development.url()
    client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    _, session = post(url, {"id": 1, "method": "initialize", "params": client})
    post(url, {"method": "notifications/initialized"}, session)
    source = root / "zig" / "calc.zig"
    before = source.read_text("utf-8")

    def descriptions() -> list[str]:
        found, _ = post(url, {"id": 2, "method": "tools/list"}, session)
        return [tool["description"] for tool in found["result"]["tools"]]

    assert descriptions()[0] == "Add two numbers."
    source.write_text(before.replace('"Add two numbers.",', '"Add two numbers." broken,'))
    development.wait_for("version 2 has errors: version 1 is still served")
    assert any("zig/calc.zig:" in line and "error: expected" in line for line in development.lines)
    assert descriptions()[0] == "Add two numbers."
    source.write_text(before.replace("Add two numbers.", "Add 2 numbers."))
    development.wait_for("version 3 is served")
    assert descriptions()[0] == "Add 2 numbers."
    os.kill(development.process.pid, signal.SIGHUP)
    development.wait_for("version 4 is served")
    development.process.send_signal(signal.SIGINT)
    assert development.process.wait(60) == 130


@pytest.mark.slow
def test_project_with_errors_is_served_when_it_is_mended(root: Path) -> None:
    project = root / "pyproject.toml"
    before = project.read_text("utf-8")
    project.write_text(before.replace('components = ["calc"]', 'components = ["cal"]'))
    with Development(root) as started:
        started.wait_for("version 1 has errors: nothing is served yet")
        assert any("did you mean `calc`?" in line for line in started.lines)
        project.write_text(before)
        assert started.url().startswith("http://127.0.0.1:")


def test_errors_of_the_command_are_messages(tmp_path: Path) -> None:
    done = subprocess.run(
        [*WASMCP, "dev", "--project", str(tmp_path / "none")], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    taken = subprocess.run(
        [*WASMCP, "dev", "--project", str(tmp_path), "--host", "192.0.2.1"], check=False, capture_output=True, text=True
    )
    assert taken.returncode == 1
    assert "cannot listen on `192.0.2.1`" in taken.stderr
    assert "Traceback" not in taken.stderr


def test_requests_are_traced(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    with collector() as found:
        with Development(root, {"OTEL_EXPORTER_OTLP_ENDPOINT": found.endpoint}) as development:
            params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
            post(development.url(), {"id": 1, "method": "initialize", "params": params})
        (span,) = found.named("initialize")
        assert span.resource["service.name"] == "zig-project"
        assert found.named("wasmcp.compile") or found.named("wasmcp.load")
