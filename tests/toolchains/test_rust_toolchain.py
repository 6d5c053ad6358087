"""Inputs of Rust components, and errors of their builds."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.toolchains import toolchain_for
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.programs import version_of
from wasmcp.toolchains.rust import RustToolchain


def component(folder: Path, files: dict[str, str], source: str = "rust/tools.rs") -> ComponentSource:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return ComponentSource("tools", folder / source, folder, "component")


def project_files(source: ComponentSource) -> set[str]:
    return {label for label in RustToolchain().inputs(source).files if not label.startswith("wasmcp:")}


@pytest.mark.parametrize("name", ["tools.rs", "Cargo.toml"])
def test_toolchain_is_registered(name: str) -> None:
    assert isinstance(toolchain_for(Path(name)), RustToolchain)


def test_a_file_of_its_own_is_an_input_with_its_modules(tmp_path: Path) -> None:
    files = {
        "rust/tools.rs": 'mod words;\npub mod deep;\n#[path = "odd/name.rs"]\nmod odd;\n// mod gone;\nmod absent;\n',
        "rust/words.rs": 'const T: &str = include_str!("t.txt");\nmod inner;\n',
        "rust/words/inner.rs": "",
        "rust/deep/mod.rs": "mod below;\n",
        "rust/deep/below.rs": "",
        "rust/odd/name.rs": "",
        "rust/t.txt": "",
        "rust/unused.rs": "",
    }
    source = component(tmp_path, files)
    assert project_files(source) == set(files) - {"rust/unused.rs"}


def test_a_crate_is_an_input_as_a_whole(tmp_path: Path) -> None:
    files = {
        "Cargo.toml": '[workspace]\nmembers = ["rust/*"]\n',
        "Cargo.lock": "",
        "rust/tools/Cargo.toml": '[package]\nname = "tools"\n[dependencies]\nshared = { path = "../shared" }\n',
        "rust/tools/src/lib.rs": "",
        "rust/tools/src/data.bin": "",
        "rust/tools/build.rs": "",
        "rust/shared/Cargo.toml": '[package]\nname = "shared"\n[dependencies]\ntools = { path = "../tools" }\n',
        "rust/shared/src/lib.rs": "",
    }
    others = {"rust/other/Cargo.toml": "", "rust/tools/target/debug/x": "", "README.md": ""}
    for name in ("rust/tools/src/lib.rs", "rust/tools/Cargo.toml"):
        assert project_files(component(tmp_path, {**files, **others}, name)) == set(files)


def test_path_dependencies_of_a_workspace_are_inputs(tmp_path: Path) -> None:
    files = {
        "Cargo.toml": """\
[workspace]
members = ["rust/tools", "rust/other"]
[workspace.dependencies]
shared = { path = "rust/shared" }
[patch.crates-io]
wide = { path = "rust/wide" }
""",
        "rust/tools/Cargo.toml": '[package]\nname = "tools"\n[dependencies]\nshared.workspace = true\nwide = "1"\n',
        "rust/tools/src/lib.rs": "",
        "rust/shared/Cargo.toml": '[package]\nname = "shared"\n',
        "rust/shared/src/lib.rs": "",
        "rust/wide/Cargo.toml": '[package]\nname = "wide"\n',
    }
    others = {"rust/other/Cargo.toml": '[package]\nname = "other"\n'}
    assert project_files(component(tmp_path, {**files, **others}, "rust/tools/src/lib.rs")) == set(files)


def test_build_outputs_are_not_inputs_of_a_crate_in_the_root(tmp_path: Path) -> None:
    files = {
        "Cargo.toml": '[package]\nname = "tools"\n',
        ".cargo/config.toml": "",
        "src/lib.rs": "",
        "build/build.rs": "",
    }
    built = [
        "shop/_wasmcp/default.wasm",
        "dist/shop.whl",
        "target/x",
        ".pytest_cache/x",
        ".venv/x",
        "src/__pycache__/x",
    ]
    assert project_files(component(tmp_path, {**files, **dict.fromkeys(built, "")}, "Cargo.toml")) == set(files)


def test_guest_crate_is_an_input(tmp_path: Path) -> None:
    found = RustToolchain().inputs(component(tmp_path, {"rust/tools.rs": ""}))
    own = {
        "wasmcp:rust/src/lib.rs",
        "wasmcp:rust/Cargo.toml",
        "wasmcp:toolchain/component.lock",
        "wasmcp:wit/types.wit",
    }
    assert own <= set(found.files)
    assert all(path.is_file() for path in found.files.values())


def test_inputs_need_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", lambda *_args, **_options: pytest.fail("a compiler was run"))
    assert RustToolchain().inputs(component(tmp_path, {"rust/tools.rs": ""})).files


def test_missing_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"component `tools`: `rust/tools\.rs` does not exist"):
        RustToolchain().inputs(component(tmp_path, {}))


def test_toml_file_of_another_name_is_refused(tmp_path: Path) -> None:
    source = component(tmp_path, {"rust/tools.toml": ""}, "rust/tools.toml")
    with pytest.raises(ToolchainError, match=r"`rust/tools\.toml` is not a Rust source: name a `\.rs` file"):
        RustToolchain().inputs(source)


def test_invalid_manifest_is_refused(tmp_path: Path) -> None:
    source = component(tmp_path, {"rust/Cargo.toml": "[package", "rust/src/lib.rs": ""}, "rust/src/lib.rs")
    with pytest.raises(ToolchainError, match=r"`rust/Cargo\.toml` cannot be read"):
        RustToolchain().inputs(source)


def fake(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def build(source: ComponentSource, tmp_path: Path) -> None:
    RustToolchain().build(source, tmp_path / "out.wasm", cache=tmp_path, progress=lambda _line: None)


def test_missing_cargo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("WASMCP_CARGO", raising=False)
    with pytest.raises(
        MissingToolchainError, match=r"`cargo`, which is not installed: install Rust from https://rustup\.rs"
    ):
        build(component(tmp_path, {"rust/tools.rs": ""}), tmp_path)


def test_cargo_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version_of.cache_clear()
    monkeypatch.setenv("WASMCP_CARGO", str(fake(tmp_path, "cargo", "echo 'cargo 1.60.0 (x)'")))
    with pytest.raises(MissingToolchainError, match=r"`cargo`, 1\.88 or newer, and 1\.60\.0 is installed"):
        build(component(tmp_path, {"rust/tools.rs": ""}), tmp_path)


def test_missing_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version_of.cache_clear()
    monkeypatch.setenv("WASMCP_CARGO", str(fake(tmp_path, "cargo", "echo 'cargo 1.95.0 (x)'")))
    monkeypatch.setenv("RUSTC", str(fake(tmp_path, "rustc", f"echo {tmp_path}")))
    with pytest.raises(
        MissingToolchainError, match=r"`wasm32-wasip2`, which is not installed: `rustup target add wasm32"
    ):
        build(component(tmp_path, {"rust/tools.rs": ""}), tmp_path)
