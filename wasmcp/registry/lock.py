"""``wasmcp.lock``: which remote components and which compilers a project builds with, by digest.

.. code-block:: toml

    version = 1

    [[component]]
    package = "acme:calc"              # or the place, for components that are named by `oci://`
    requirement = "^1.2"               # the range that was asked for
    version = "1.3.0"
    source = "oci://registry.example.com/acme/calc"
    manifest = "sha256:..."
    digest = "sha256:..."              # of the .wasm
    size = 18874368

    [[toolchain]]
    name = "componentize-py"
    version = "0.25.1"
    [toolchain.digests]                # of what was installed, by the tag of its wheel
    "cp310-abi3-manylinux_2_28_x86_64" = "sha256:..."
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wasmcp.errors import ConfigError
from wasmcp.project.cache import write_atomically
from wasmcp.registry.config import read_toml
from wasmcp.registry.references import DIGEST, Package, Place

NAME = "wasmcp.lock"
VERSION = 1
_HEAD = "# Written by `wasmcp lock`: commit it, so that everybody builds with the same components. Not to be edited.\n"


@dataclass(frozen=True)
class Pin:
    """A remote component, pinned.

    Attributes:
        package: `ns:name`, or the place that was asked for.
        requirement: The range or the tag that was asked for; the empty string for any.
        version: What it turned out to be: a version or a tag.
        source: The place, without tag and digest.
        manifest: The digest of its manifest.
        digest: The digest of the component.
        size: Its bytes.
    """

    package: str
    requirement: str
    version: str
    source: str
    manifest: str
    digest: str
    size: int


@dataclass(frozen=True)
class ToolchainPin:
    """A distribution that compiles components, pinned.

    Attributes:
        name: Its name.
        version: Its version.
        digests: Wheel tag -> digest of what such a wheel installs (see `wasmcp.registry.installed`).
    """

    name: str
    version: str
    digests: Mapping[str, str]


@dataclass(frozen=True)
class Lock:
    """The content of a ``wasmcp.lock``.

    Attributes:
        components: In the order of the file.
        toolchains: In the order of the file.
    """

    components: tuple[Pin, ...] = ()
    toolchains: tuple[ToolchainPin, ...] = field(default=())

    def pin(self, reference: Package | Place) -> Pin | None:
        """Return the pin of exactly this reference, with its range."""
        key = key_of(reference)
        return next((pin for pin in self.components if (pin.package, pin.requirement) == key), None)

    def toolchain(self, name: str) -> ToolchainPin | None:
        """Return the pin of a distribution."""
        return next((pin for pin in self.toolchains if pin.name == name), None)


def key_of(reference: Package | Place) -> tuple[str, str]:
    """Return under what a reference is pinned: what it names, and which version it asks for."""
    if isinstance(reference, Package):
        return reference.title, reference.range.text
    return f"oci://{reference.host}/{reference.repository}", reference.version


def read(root: Path) -> Lock:
    """Read the lock of a project; an empty one when there is none.

    Raises:
        ConfigError: It is not of this form.
    """
    if not (root / NAME).is_file():
        return Lock()
    document = read_toml(root / NAME)
    if document.get("version") != VERSION:
        problem = f"`version` must be {VERSION}, not {document.get('version')!r}: another wasmcp has written it"
        raise ConfigError([problem], path=NAME)
    mistakes: list[str] = []
    components = [_pin(*numbered, mistakes) for numbered in enumerate(_entries(document, "component", mistakes))]
    toolchains = [_tool(*numbered, mistakes) for numbered in enumerate(_entries(document, "toolchain", mistakes))]
    if mistakes:
        raise ConfigError([*mistakes, "delete the file and run `wasmcp lock`"], path=NAME)
    return Lock(tuple(pin for pin in components if pin), tuple(pin for pin in toolchains if pin))


def write(root: Path, lock: Lock) -> bool:
    """Write the lock of a project, whole or not at all; tell whether it has changed."""
    path = root / NAME
    text = render(lock)
    if path.is_file() and path.read_text("utf-8") == text:
        return False
    write_atomically(path, text.encode())
    return True


def render(lock: Lock) -> str:
    """Return the text of a lock; the same lock has the same text."""
    parts = [f"{_HEAD}version = {VERSION}\n"]
    for pin in sorted(lock.components, key=lambda pin: (pin.package, pin.requirement)):
        keys = ("package", "requirement", "version", "source", "manifest", "digest", "size")
        parts.append("[[component]]\n" + "".join(f"{key} = {_toml(getattr(pin, key))}\n" for key in keys))
    for tool in sorted(lock.toolchains, key=lambda tool: tool.name):
        lines = f"[[toolchain]]\nname = {_toml(tool.name)}\nversion = {_toml(tool.version)}\n[toolchain.digests]\n"
        parts.append(lines + "".join(f"{_toml(tag)} = {_toml(tool.digests[tag])}\n" for tag in sorted(tool.digests)))
    return "\n".join(parts)


def _toml(value: str | int) -> str:
    # JSON's strings are TOML's basic strings; only DEL, which JSON leaves as it is, must be escaped there.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _entries(document: Mapping[str, Any], key: str, mistakes: list[str]) -> Iterable[Mapping[str, Any]]:
    entries = document.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        mistakes.append(f"`{key}` must be an array of tables")
        return []
    return entries


def _pin(index: int, entry: Mapping[str, Any], mistakes: list[str]) -> Pin | None:
    texts = ("package", "requirement", "version", "source", "manifest", "digest")
    wrong = [key for key in texts if not isinstance(entry.get(key), str)]
    wrong += [key for key in ("manifest", "digest") if not DIGEST.fullmatch(str(entry.get(key)))]
    if type(entry.get("size")) is not int:
        wrong.append("size")
    if wrong:
        mistakes.append(
            f"`component[{index}]`: missing or wrong: {', '.join(f'`{key}`' for key in dict.fromkeys(wrong))}"
        )
        return None
    return Pin(**{key: entry[key] for key in (*texts, "size")})


def _tool(index: int, entry: Mapping[str, Any], mistakes: list[str]) -> ToolchainPin | None:
    digests = entry.get("digests", {})
    fine = isinstance(digests, dict) and all(DIGEST.fullmatch(str(value)) for value in digests.values())
    if not fine or not isinstance(entry.get("name"), str) or not isinstance(entry.get("version"), str):
        mistakes.append(f"`toolchain[{index}]`: `name`, `version` or `digests` is missing or wrong")
        return None
    return ToolchainPin(entry["name"], entry["version"], dict(digests))
