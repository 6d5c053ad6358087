"""`source = "rust/tools.rs"` or `source = "rust/tools/Cargo.toml"`: tools written in Rust."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.toolchains.base import ComponentSource, Inputs, Option
from wasmcp.toolchains.programs import Found, Program, find_program, run_compiler, version_in
from wasmcp.toolchains.rust.crate import Crate, crate_of, guest_crate, made_crate, own_inputs

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
