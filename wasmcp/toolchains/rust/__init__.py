"""Toolchain for Rust sources: `source = "rust/tools.rs"` or `source = "rust/tools/Cargo.toml"`.

``source = "rust/tools.rs"`` needs no `Cargo.toml`: the generated crate depends on the guest crate, serde, serde_json
and schemars, in locked versions. A source with a `Cargo.toml` above it, up to the project's folder, belongs to that
crate. The source can also be a `Cargo.toml`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.package_data import guest_directory, wit_directory
from wasmcp.toolchains.base import ComponentSource, Inputs, Option, own_files, relative_label
from wasmcp.toolchains.programs import Found, Program, find_program, run_compiler, version_in

LOCK = Path(__file__).resolve().parent / "component.lock"
"""The `Cargo.lock` of generated crates."""

_MODULE = re.compile(r"^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(?:r#)?([A-Za-z_][A-Za-z0-9_]*)\s*;", re.MULTILINE)
_PATH = re.compile(r'(?:#\s*\[\s*path\s*=\s*|\binclude(?:_str|_bytes)?!\s*\(\s*)"((?:[^"\\]|\\.)*)"')
# Build outputs: a crate in the project's root would depend on the server that is built from it.
_IGNORED = frozenset({"target", "node_modules", "__pycache__", "_wasmcp"})
_MANIFEST = """\
[package]
name = "component"
version = "0.0.0"
edition = "2021"

[lib]
path = {path}
crate-type = ["cdylib"]

[dependencies]
wasmcp-guest = {{ version = "0.1", path = {guest} }}
serde = {{ version = "1", features = ["derive"] }}
serde_json = "1"
schemars = "1"

[profile.release]
opt-level = "s"
lto = true
codegen-units = 1
# An overflow in a tool traps instead of returning a wrong result.
overflow-checks = true

[workspace]
"""


@dataclass(frozen=True)
class Crate:
    """Crate of a source.

    Attributes:
        source: The source.
        manifest: Its `Cargo.toml`; None for a single file.
    """

    source: ComponentSource
    manifest: Path | None

    @property
    def files(self) -> dict[str, Path]:
        """Files of the project that the component depends on, by label.

        Raises:
            ToolchainError: A `Cargo.toml` cannot be read.
        """
        root = self.source.root
        if self.manifest is None:
            return {relative_label(path, root): path for path in _reachable(self.source.path)}
        found: dict[str, Path] = {}
        above = [folder for folder in self.manifest.parents[1:] if folder.is_relative_to(root)]
        waiting = [self.manifest.parent, *(other for folder in above for other in self._inherited(folder))]
        seen: set[Path] = set()
        while waiting:
            folder = waiting.pop()
            if folder in seen:
                continue
            seen.add(folder)
            for path in _below(folder):
                if not path.is_relative_to(root / "dist"):  # wheels of the project
                    found[relative_label(path, root)] = path
            waiting.extend(_named(folder, _paths(self._table(folder))))
        for folder in above:
            # cargo and rustup search for these above a crate; those of the project are inputs.
            for name in ("Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml", "rust-toolchain"):
                if (folder / name).is_file():
                    found[relative_label(folder / name, root)] = folder / name
        return found

    def _table(self, folder: Path) -> dict[str, Any]:
        """Read a folder's `Cargo.toml`; return an empty table without one."""
        manifest = folder / "Cargo.toml"
        if not manifest.is_file():
            return {}
        try:
            return tomllib.loads(manifest.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            label = relative_label(manifest, self.source.root)
            raise ToolchainError(f"`{label}` cannot be read: {error}", source=label, toolchain="rust") from None

    def _inherited(self, folder: Path) -> Iterator[Path]:
        """Find the path dependencies of a workspace, which members inherit with `workspace = true`."""
        table = self._table(folder)
        workspace = table.get("workspace")
        dependencies = workspace.get("dependencies") if isinstance(workspace, dict) else None
        return _named(folder, _paths([dependencies, table.get("patch")]))


def crate_of(source: ComponentSource) -> Crate:
    """Find the crate of a source.

    Raises:
        ToolchainError: The file is missing, or it is a TOML file with another name.
    """
    path = source.path
    if not path.is_file():
        message = f"component `{source.name}`: `{source.label}` does not exist"
        raise ToolchainError(message, source=source.label, toolchain="rust")
    if path.suffix == ".toml":
        if path.name != "Cargo.toml":
            message = (
                f"component `{source.name}`: `{source.label}` is not a Rust source: name a `.rs` file or a `Cargo.toml`"
            )
            raise ToolchainError(message, source=source.label, toolchain="rust")
        return Crate(source, path)
    for folder in path.parents:
        if not folder.is_relative_to(source.root):
            break
        if (folder / "Cargo.toml").is_file():
            return Crate(source, folder / "Cargo.toml")
    return Crate(source, None)


def own_inputs() -> dict[str, Path]:
    """Return wasmcp's own files that affect the component, by label."""
    files = own_files("rust", guest_directory("rust"), [".rs", ".toml", ".wit"])
    files.update(own_files("toolchain", LOCK.parent, [".py", ".lock"]))
    files.update(own_files("wit", wit_directory(), [".wit"]))
    return files


def guest_crate(cache: Path) -> Path:
    """Return a folder in the cache with the guest crate and the WIT."""
    library = guest_directory("rust")
    parts = [*_below(library), *_below(wit_directory())]
    digest = hashlib.sha256()
    for path in parts:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    folder = cache / "guest" / digest.hexdigest()[:16]
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".guest.", dir=folder.parent))
        shutil.copytree(library, made, dirs_exist_ok=True)
        shutil.copytree(wit_directory(), made / "mcp", dirs_exist_ok=True)
        with suppress(OSError):  # another process was faster
            made.rename(folder)
        shutil.rmtree(made, ignore_errors=True)
    return folder


def made_crate(source: ComponentSource, guest: Path, cache: Path) -> Path:
    """Generate a crate for a single file; return its `Cargo.toml`."""
    folder = cache / "crates" / hashlib.sha256(str(source.path).encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "Cargo.toml"
    text = _MANIFEST.format(path=json.dumps(str(source.path)), guest=json.dumps(str(guest)))
    # Do not touch unchanged files: cargo compares modification times.
    if not manifest.is_file() or manifest.read_text("utf-8") != text:
        manifest.write_text(text, "utf-8")
    shutil.copyfile(LOCK, folder / "Cargo.lock")
    return manifest


def _below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name not in _IGNORED and (name == ".cargo" or not name.startswith("."))
        )
        found.extend(Path(base) / name for name in sorted(files))
    return found


def _named(folder: Path, paths: Iterable[str]) -> Iterator[Path]:
    """Find the crates among paths in the `Cargo.toml` of a folder."""
    for path in paths:
        other = Path(os.path.normpath(folder / path))
        if (other / "Cargo.toml").is_file():
            yield other


def _paths(value: Any) -> Iterator[str]:
    """Find the paths in a manifest: dependencies of all kinds, patches, members of a workspace."""
    if isinstance(value, dict):
        path = value.get("path")
        if isinstance(path, str):
            yield path
        members = value.get("members")
        if isinstance(members, list):
            yield from (member for member in members if isinstance(member, str) and "*" not in member)
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _paths(inner)


def _reachable(source: Path) -> list[Path]:
    """Return the file and the existing files of its modules and includes, transitively."""
    found: dict[Path, None] = {}
    waiting = [source]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        if path.suffix != ".rs":
            continue
        text = path.read_text("utf-8", "replace")
        # Submodules of the root and of a `mod.rs` are in the same folder, those of others in a folder of its name.
        folder = path.parent if path == source or path.name == "mod.rs" else path.with_suffix("")
        named = [folder / f"{name}.rs" for name in _MODULE.findall(text)]
        named += [folder / name / "mod.rs" for name in _MODULE.findall(text)]
        named += [path.parent / name for name in _PATH.findall(text)]
        waiting.extend(target for target in (Path(os.path.normpath(one)) for one in named) if target.is_file())
    return sorted(found)


TARGET = "wasm32-wasip2"
CARGO = Program(
    "cargo",
    "install Rust from https://rustup.rs, or name another cargo in `WASMCP_CARGO`",
    least=(1, 88),
    override="WASMCP_CARGO",
)
_TIMEOUT = 1800.0  # the first build compiles some fifty crates


class RustToolchain:
    """The toolchain for Rust sources; see `wasmcp.toolchains.base.Toolchain`."""

    name = "rust"
    suffixes = (".rs", ".toml")
    extra = "rust"
    options = (Option("files", instead='include each file, `include_str!("data.json")`'),)

    def inputs(self, source: ComponentSource) -> Inputs:
        """Return the source's crate, or the file with its modules, the guest crate and the WIT.

        The compiler's version is not an input: a crate can pin it in `rust-toolchain.toml`.
        """
        return Inputs({**crate_of(source).files, **own_inputs()}, {})

    def built_with(self, source: ComponentSource) -> Mapping[str, str]:
        """Return the compilers that would build this source, for the manifest.

        Raises:
            MissingToolchainError: cargo is not installed.
        """
        return {"cargo": self._cargo(source).version, "target": TARGET}

    def build(self, source: ComponentSource, output: Path, *, cache: Path, progress: Callable[[str], None]) -> None:
        """Build the component; see `wasmcp.toolchains.base.Toolchain`."""
        from filelock import FileLock

        crate = crate_of(source)
        cargo = self._cargo(source)
        self._require_target(source, crate.manifest)
        guest = guest_crate(cache)
        manifest = crate.manifest or made_crate(source, guest, cache)
        command: list[str | Path] = [cargo.path, "rustc", "--lib", "--crate-type", "cdylib", "--release"]
        command += ["--target", TARGET, "--manifest-path", manifest, "--message-format", "json-render-diagnostics"]
        command += ["--config", 'profile.release.strip="debuginfo"']  # function names are removed after the compiler
        if (manifest.parent / "Cargo.lock").is_file():
            command.append("--locked")
        if source.offline:
            command.append("--offline")
        if crate.manifest is not None:
            command += ["--config", f"patch.crates-io.wasmcp-guest.path={json.dumps(str(guest))}"]
        # A component must not contain paths of this machine: builds are reproducible, and components are published.
        home = os.environ.get("CARGO_HOME") or str(Path.home() / ".cargo")
        flags = [f"--remap-path-prefix={home}=cargo", f"--remap-path-prefix={cache}=wasmcp"]
        command += ["--config", f"target.{TARGET}.rustflags={json.dumps(flags)}"]
        command += ["--", f"--remap-path-prefix={source.root}=."]
        progress(f"compiling `{source.label}` with cargo {cargo.version}")
        # All components share a target folder: common crates are compiled once. Artifacts are named by crate only.
        with FileLock(cache / "target.lock"):
            status, words = run_compiler(
                command,
                source,
                self.name,
                folder=source.root,
                environment={"CARGO_TARGET_DIR": str(cache / "target"), "CARGO_TERM_COLOR": "never"},
                timeout=_TIMEOUT,
            )
            built = _artifact(words) if status == 0 else None
            if built is not None:
                _check_export(source, crate)
                temporary = output.with_name(f".{output.name}.{os.getpid()}")
                try:
                    shutil.copyfile(built, temporary)
                    temporary.replace(output)
                finally:
                    temporary.unlink(missing_ok=True)
        if built is None:
            raise ToolchainError(
                f"component `{source.name}` (`{source.label}`) does not compile:\n{_readable(words, source)}",
                source=source.label,
                toolchain=self.name,
            )

    def _cargo(self, source: ComponentSource) -> Found:
        return find_program(CARGO, source, self.name)

    def _require_target(self, source: ComponentSource, manifest: Path | None) -> None:
        rustc = Program("rustc", CARGO.advice, override="RUSTC")
        found = find_program(rustc, source, self.name)
        # Run in the crate's folder: its `rust-toolchain.toml` can select another compiler, with other targets.
        folder = manifest.parent if manifest is not None else source.root
        status, words = run_compiler([found.path, "--print", "sysroot"], source, self.name, folder=folder)
        if status != 0 or not holds_target(words):
            raise MissingToolchainError(
                f"component `{source.name}` (`{source.label}`) is built for the target `{TARGET}`, which is not "
                f"installed: `rustup target add {TARGET}`",
                source=source.label,
                toolchain=self.name,
            )


def holds_target(sysroot: str) -> bool:
    """Return whether the folder that `rustc --print sysroot` prints contains the target."""
    return (Path(sysroot.strip()) / "lib" / "rustlib" / TARGET).is_dir()


def _check_export(source: ComponentSource, crate: Crate) -> None:
    """Reject a single file that compiles but exports nothing; a crate with a `Cargo.toml` is not checked."""
    modules = [path for path in crate.files.values() if path.suffix == ".rs"]
    if crate.manifest is None and not any("component!" in path.read_text("utf-8", "replace") for path in modules):
        message = f"`{source.label}` declares no component: add `wasmcp_guest::component!(...)` with a `Component`"
        raise ToolchainError(message, source=source.label, toolchain="rust")


def _artifact(words: str) -> Path | None:
    """Return the component among cargo's artifacts: the last one, because dependencies are built first."""
    made: Path | None = None
    for line in words.splitlines():
        if line.startswith('{"reason":"compiler-artifact"'):
            for name in json.loads(line)["filenames"]:
                if name.endswith(".wasm"):
                    made = Path(name)
    return made


def _readable(words: str, source: ComponentSource) -> str:
    """Return cargo's output without JSON messages, progress lines and the path of the project."""
    lines = [
        line for line in words.splitlines() if not line.startswith('{"') and not line.lstrip().startswith("Compiling ")
    ]
    return "\n".join(lines).replace(f"{source.root}{os.sep}", "").strip()


@dataclass(frozen=True)
class Need:
    """Prerequisite of Rust components.

    Attributes:
        name: Its name.
        found: Its version, or the problem.
        advice: Instruction to fix the problem; empty without one.
    """

    name: str
    found: str
    advice: str = ""


def needs() -> Iterator[Need]:
    """Check the compiler, then its target."""
    cargo = os.environ.get(CARGO.override) or shutil.which("cargo")
    output = _output(cargo, *CARGO.version_arguments)
    if output is None:
        yield Need("cargo", f"`{cargo}` does not start" if cargo else "not installed", CARGO.advice)
        return
    number = version_in(output)
    if not CARGO.takes(number):
        least = ".".join(map(str, CARGO.least))
        yield Need("cargo", f"{number or 'one without a version'} is installed, {least} is needed", CARGO.advice)
        return
    yield Need("cargo", number)
    root = _output(os.environ.get("RUSTC") or shutil.which("rustc"), "--print", "sysroot")
    if root is not None and holds_target(root):
        yield Need(TARGET, "installed")
    else:
        yield Need(TARGET, "not installed", f"`rustup target add {TARGET}`")


def _output(program: str | None, *arguments: str) -> str | None:
    """Return the output of a program; None if it is not installed or fails."""
    if program is None:
        return None
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
