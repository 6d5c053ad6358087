from __future__ import annotations

import ast
import shutil
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import wasmcp
from wasmcp.errors import LockDriftError, ToolchainError
from wasmcp.file_writing import write_atomically
from wasmcp.project import manifest
from wasmcp.project.build_plan import (
    SERVER_CODE,
    Plan,
    ResolvedComponent,
    plan,
    plan_component,
    plan_components,
    resolve,
    resolve_component,
    resolve_components,
)
from wasmcp.project.config import load
from wasmcp.registry.lock import Pin
from wasmcp.storage import digest_of_file
from wasmcp.toolchains.base import ComponentSource, Inputs

PYPROJECT = """\
[project]
name = "demo"
version = "1.0"
[tool.wasmcp.components.one]
path = "vendor/one.wasm"
[tool.wasmcp.components.two]
path = "vendor/two.wasm"
grants = ["http"]
[tool.wasmcp.components.unused]
path = "vendor/two.wasm"
[tool.wasmcp.servers.default]
components = ["one", "two"]
[tool.wasmcp.servers.small]
components = ["two"]
"""


@pytest.fixture(autouse=True)
def framework(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return a framework that needs no compiler."""
    found = {"transport": "sha256:00"}
    monkeypatch.setattr("wasmcp.project.build_plan.digests_of_framework", lambda: found)
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "demo"
    for name, text in {
        "pyproject.toml": PYPROJECT,
        "src/demo/__init__.py": "",
        "vendor/one.wasm": "one",
        "vendor/two.wasm": "two",
        "zig/calc.zig": "// zig",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def inputs(planned: Plan) -> dict[str, str]:
    return {key: step.inputs for key, step in planned.servers.items()}


def test_only_what_a_server_needs_is_planned(root: Path) -> None:
    planned = plan(resolve(load(root)))
    assert list(planned.components(planned.servers)) == ["one", "two"]
    assert list(planned.components(["small"])) == ["two"]
    assert list(plan_components(load(root), resolve_components(load(root)))) == ["one", "two"]


def test_plan_does_not_depend_on_the_location(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "some" / "where" / "else"
    shutil.copytree(root, elsewhere)
    assert inputs(plan(resolve(load(root)))) == inputs(plan(resolve(load(elsewhere))))


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        (lambda root: (root / "vendor/one.wasm").write_text("ONE"), {"default"}),
        (lambda root: (root / "vendor/two.wasm").write_text("TWO"), {"default", "small"}),
        (lambda root: (root / "src/demo/__init__.py").write_text("x = 1"), set()),
        (lambda root: rewrite(root, '["http"]', "[]"), {"default", "small"}),
        (lambda root: rewrite(root, '"1.0"', '"1.1"'), {"default", "small"}),
        (lambda root: rewrite(root, '["one", "two"]', '["two", "one"]'), {"default"}),
        (lambda root: rewrite(root, '= ["two"]', '= ["two"]\ntitle = "Small"'), {"small"}),
        (lambda root: rewrite(root, "[tool.wasmcp.components.unused]", "# \n[tool.wasmcp.components.other]"), set()),
    ],
)
def test_inputs_of_a_server(root: Path, edit: object, changed: set[str]) -> None:
    before = inputs(plan(resolve(load(root))))
    edit(root)  # type: ignore[operator]
    after = inputs(plan(resolve(load(root))))
    assert {key for key in before if before[key] != after[key]} == changed


def rewrite(root: Path, old: str, new: str) -> None:
    path = root / "pyproject.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_all_code_that_decides_a_server_is_an_input() -> None:
    package = Path(wasmcp.__file__).parent
    # Modules that the result does not depend on: messages of errors, caches, compilers, the host that boots components,
    # the writing of files, the names of console scripts.
    moving = ("errors", "storage.py", "registry", "toolchains", "host/engine", "host/__init__.py", "__init__.py")
    moving += ("host/operations/request_records.py", "host/transports/console_scripts.py", "terminal.py")
    moving += ("file_writing.py",)

    def covered(path: str, parts: tuple[str, ...]) -> bool:
        return any(path == part or path.startswith(f"{part}/") for part in parts)

    def module(name: str) -> str | None:
        path = package.parent / name.replace(".", "/")
        found = next((one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()), None)
        return None if found is None else found.relative_to(package).as_posix()

    files = [
        f
        for part in SERVER_CODE
        for f in ([package / part] if part.endswith(".py") else (package / part).rglob("*.py"))
    ]
    imported = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wasmcp"):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            imported |= {found for name in names if (found := module(name or ""))}
    assert {"protocol.py", "environment.py", "host/operations/rate_limits.py"} <= imported
    assert {path for path in imported if not covered(path, (*SERVER_CODE, *moving))} == set()


def test_the_framework_is_an_input(root: Path, framework: dict[str, str]) -> None:
    before = inputs(plan(resolve(load(root))))
    framework["transport"] = "sha256:01"
    assert all(before[key] != value for key, value in inputs(plan(resolve(load(root)))).items())


class Fake:
    """Toolchain with inputs chosen by a test."""

    name = "zig"
    suffixes = (".zig",)
    extra = "zig"
    options = ()
    extra_files: dict[str, str] = {}  # noqa: RUF012
    pins: dict[str, str] = {}  # noqa: RUF012

    def inputs(self, source: ComponentSource) -> Inputs:
        extra = {label: source.root / label for label in self.extra_files}
        return Inputs({source.label: source.path, **extra}, self.pins)


def test_a_compiled_component(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasmcp.project.model.toolchain", lambda _: Fake())
    config = replace(load(root).components["one"], file="zig/calc.zig", language="zig")
    seen = [plan_component(load(root), resolve_component(load(root), config)).inputs]
    (root / "zig/calc.zig").write_text("// changed")
    seen.append(plan_component(load(root), resolve_component(load(root), config)).inputs)
    monkeypatch.setattr(Fake, "pins", {"ziglang": "1"})
    seen.append(plan_component(load(root), resolve_component(load(root), config)).inputs)
    monkeypatch.setattr(Fake, "extra_files", {"vendor/one.wasm": ""})
    step = plan_component(load(root), resolve_component(load(root), config))
    seen.append(step.inputs)
    config = replace(config, options={"optimize": "ReleaseFast"})
    seen.append(plan_component(load(root), resolve_component(load(root), config)).inputs)
    assert len(set(seen)) == 5
    assert [path.relative_to(root).as_posix() for path in step.files] == ["vendor/one.wasm", "zig/calc.zig"]
    assert (
        plan_component(
            load(root), resolve_component(load(root), replace(config, name="renamed", grants=frozenset({"env"})))
        ).inputs
        == seen[-1]
    )
    assert (
        plan_component(load(root), resolve_component(load(root), replace(config, grants=frozenset({"http"})))).inputs
        not in seen
    )


def test_locked_build(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "pyproject.toml").write_text(PYPROJECT.replace('path = "vendor/one.wasm"', 'source = "zig/calc.zig"'))
    for off in ("", "0", "false", "False"):
        monkeypatch.setenv("WASMCP_LOCKED", off)
        assert set(plan_components(load(root), resolve_components(load(root)))) == {"one", "two"}
    monkeypatch.setenv("WASMCP_LOCKED", "1")
    with pytest.raises(LockDriftError, match="the compiler `ziglang` is not in it"):
        plan_components(load(root), resolve_components(load(root)))


def test_inputs_outside_the_project_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root.parent / "outside.zig").write_text("")
    monkeypatch.setattr(Fake, "extra_files", {"../outside.zig": ""})
    monkeypatch.setattr("wasmcp.project.model.toolchain", lambda _: Fake())
    config = replace(load(root).components["one"], file="zig/calc.zig", language="zig")
    with pytest.raises(ToolchainError, match=r"needs `\.\./outside\.zig`, outside the project"):
        plan_component(load(root), resolve_component(load(root), config))


def record(planned: Plan) -> None:
    for step in planned.servers.values():
        write_atomically(step.output, step.config.key.encode())
    entries = {
        key: {"inputs": step.inputs, "digest": digest_of_file(step.output)} for key, step in planned.servers.items()
    }
    manifest.write(planned.project.manifest, entries)


def test_up_to_date_server(root: Path) -> None:
    planned = plan(resolve(load(root)))
    assert manifest.stale(planned) == ["default", "small"]
    record(planned)
    assert manifest.stale(planned) == []
    (root / "vendor/one.wasm").write_text("changed")
    assert manifest.stale(plan(resolve(load(root)))) == ["default"]


def test_changed_or_deleted_file_is_out_of_date(root: Path) -> None:
    planned = plan(resolve(load(root)))
    record(planned)
    planned.servers["default"].output.write_bytes(b"edited")
    planned.servers["small"].output.unlink()
    assert manifest.stale(planned) == ["default", "small"]


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2, "servers": {}}', '{"format": 1, "servers": 3}', "\x00"])
def test_invalid_manifest_is_ignored(root: Path, text: str) -> None:
    planned = plan(resolve(load(root)))
    record(planned)
    planned.project.manifest.write_text(text)
    assert manifest.read(planned.project.manifest) == {}
    assert manifest.stale(planned) == ["default", "small"]


def test_the_versions_of_the_wit() -> None:
    versions = manifest.wit_versions()
    assert versions["wasmcp:mcp-v20260728"] == "0.1.0"
    assert any(name.startswith("wasi:") for name in versions)


def test_planning_uses_no_network_and_no_registry_and_writes_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolution = resolve(load(root))
    before = {path: path.stat() for path in root.rglob("*")}

    def fail(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a plan is a function of its resolution")

    with monkeypatch.context() as patched:
        patched.setattr(socket, "socket", fail)
        for name in [name for name in sys.modules if name.startswith("wasmcp.registry")]:
            patched.setitem(sys.modules, name, None)  # its import fails
        first, second = plan(resolution), plan(resolution)
    assert first == second
    assert {path: path.stat() for path in root.rglob("*")} == before


def test_planning_takes_packages_from_the_resolution(root: Path) -> None:
    pin = Pin("acme:one", "^1", "1.2.0", "host/acme/one", "sha256:" + "1" * 64, "sha256:" + "2" * 64, 8)
    config = replace(load(root).components["one"], package="acme:one@^1")
    step = plan_component(load(root), ResolvedComponent(config, pin=pin, lock=root / "wasmcp.lock"))
    assert (step.pin, step.files) == (pin, (root / "wasmcp.lock",))
    moved = ResolvedComponent(config, pin=replace(pin, digest="sha256:" + "3" * 64), lock=root / "wasmcp.lock")
    assert plan_component(load(root), moved).inputs != step.inputs
