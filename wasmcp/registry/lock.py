"""``wasmcp.lock``: the remote components, compilers and dependencies that a project builds with, by digest.

.. code-block:: toml

    version = 1

    [[component]]
    package = "acme:calc"              # or the place, for components named by `oci://`
    requirement = "^1.2"               # the requested range
    version = "1.3.0"
    source = "oci://registry.example.com/acme/calc"
    manifest = "sha256:..."
    digest = "sha256:..."              # of the .wasm
    size = 18874368

    [[toolchain]]
    name = "componentize-py"
    version = "0.25.1"
    [toolchain.digests]                # of the installed files, by the tag of the wheel
    "cp310-abi3-manylinux_2_28_x86_64" = "sha256:..."

    [[dependencies]]
    component = "weather"
    language = "python"
    requirements = ["jinja2>=3,<4"]    # the option `dependencies` of the component
    [[dependencies.distribution]]
    name = "jinja2"
    version = "3.1.6"
    file = "jinja2-3.1.6-py3-none-any.whl"
    digest = "sha256:..."
    license = "BSD-3-Clause"
    bundled = [                        # libraries inside, as its bill of materials lists them (PEP 770)
      ["pkg:cargo/ahash@0.8.12", "MIT OR Apache-2.0"],
    ]
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wasmcp.errors import ConfigError
from wasmcp.file_writing import write_atomically
from wasmcp.registry.names.aliases import read_toml
from wasmcp.registry.oci.references import DIGEST, Package, Place
from wasmcp.toolchains.base import BundledPart, Distribution

NAME = "wasmcp.lock"
VERSION = 1
_DISTRIBUTION = ("name", "version", "file", "digest", "license")
_HEAD = "# Written by `wasmcp lock`: commit it, so that all builds use the same components. Do not edit it.\n"


@dataclass(frozen=True)
class Pin:
    """Pin of a remote component.

    Attributes:
        package: `ns:name`, or the requested place.
        requirement: The requested range or tag; the empty string for any.
        version: The resolved version or tag.
        source: The place, without tag and digest.
        manifest: The digest of the manifest.
        digest: The digest of the component.
        size: The component's size in bytes.
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
    """Pin of a distribution that compiles components.

    Attributes:
        name: The distribution's name.
        version: The distribution's version.
        digests: The digest of the installed files by wheel tag (see `wasmcp.project.lock_entries`).
    """

    name: str
    version: str
    digests: Mapping[str, str]


@dataclass(frozen=True)
class Dependencies:
    """Pinned dependencies of a component of the project.

    Attributes:
        component: The component's name.
        language: The language of the packages.
        requirements: The requirements as configured.
        distributions: The resolved packages, with their transitive dependencies.
    """

    component: str
    language: str
    requirements: tuple[str, ...]
    distributions: tuple[Distribution, ...]


@dataclass(frozen=True)
class Lock:
    """Content of a ``wasmcp.lock``.

    Attributes:
        components: The pinned components, in the order of the file.
        toolchains: The pinned compilers, in the order of the file.
        dependencies: The pinned dependencies, in the order of the file.
    """

    components: tuple[Pin, ...] = ()
    toolchains: tuple[ToolchainPin, ...] = field(default=())
    dependencies: tuple[Dependencies, ...] = ()

    def pin(self, reference: Package | Place) -> Pin | None:
        """Return the pin of this reference, with the same range."""
        key = key_of(reference)
        return next((pin for pin in self.components if (pin.package, pin.requirement) == key), None)

    def toolchain(self, name: str) -> ToolchainPin | None:
        """Return the pin of a distribution."""
        return next((pin for pin in self.toolchains if pin.name == name), None)

    def dependencies_of(self, component: str, language: str, requirements: Sequence[str]) -> Dependencies | None:
        """Return the pinned dependencies of a component with exactly these requirements."""
        asked = (component, language, tuple(requirements))
        found = (one for one in self.dependencies if (one.component, one.language, one.requirements) == asked)
        return next(found, None)


def key_of(reference: Package | Place) -> tuple[str, str]:
    """Return the key of a reference in the lock: its package or place, and its range or tag."""
    if isinstance(reference, Package):
        return reference.title, reference.range.text
    return f"oci://{reference.host}/{reference.repository}", reference.version


def read(root: Path) -> Lock:
    """Read the lock of a project; an empty one if the file does not exist.

    Raises:
        ConfigError: The file is not a valid lock.
    """
    if not (root / NAME).is_file():
        return Lock()
    document = read_toml(root / NAME)
    if document.get("version") != VERSION:
        problem = (
            f"`version` must be {VERSION}, not {document.get('version')!r}: it was written by another version of wasmcp"
        )
        raise ConfigError([problem], path=NAME)
    mistakes: list[str] = []
    components = [_pin(*numbered, mistakes) for numbered in enumerate(_entries(document, "component", mistakes))]
    toolchains = [_tool(*numbered, mistakes) for numbered in enumerate(_entries(document, "toolchain", mistakes))]
    needed = [_needed(*numbered, mistakes) for numbered in enumerate(_entries(document, "dependencies", mistakes))]
    if mistakes:
        raise ConfigError([*mistakes, "delete the file and run `wasmcp lock`"], path=NAME)
    return Lock(
        tuple(pin for pin in components if pin),
        tuple(pin for pin in toolchains if pin),
        tuple(one for one in needed if one),
    )


def write(root: Path, lock: Lock) -> bool:
    """Write the lock of a project atomically, and return if it has changed."""
    path = root / NAME
    text = render(lock)
    if path.is_file() and path.read_text("utf-8") == text:
        return False
    write_atomically(path, text.encode())
    return True


def render(lock: Lock) -> str:
    """Return the lock as TOML, in a deterministic form."""
    parts = [f"{_HEAD}version = {VERSION}\n"]
    for pin in sorted(lock.components, key=lambda pin: (pin.package, pin.requirement)):
        keys = ("package", "requirement", "version", "source", "manifest", "digest", "size")
        parts.append("[[component]]\n" + "".join(f"{key} = {_toml(getattr(pin, key))}\n" for key in keys))
    for tool in sorted(lock.toolchains, key=lambda tool: tool.name):
        lines = f"[[toolchain]]\nname = {_toml(tool.name)}\nversion = {_toml(tool.version)}\n[toolchain.digests]\n"
        parts.append(lines + "".join(f"{_toml(tag)} = {_toml(tool.digests[tag])}\n" for tag in sorted(tool.digests)))
    for needed in sorted(lock.dependencies, key=lambda one: one.component):
        listed = ", ".join(map(_toml, needed.requirements))
        lines = f"[[dependencies]]\ncomponent = {_toml(needed.component)}\nlanguage = {_toml(needed.language)}\n"
        parts.append(f"{lines}requirements = [{listed}]\n" + "".join(map(_rendered, needed.distributions)))
    return "\n".join(parts)


def _rendered(distribution: Distribution) -> str:
    keys = "".join(f"{key} = {_toml(getattr(distribution, key))}\n" for key in _DISTRIBUTION)
    parts = "".join(f"  [{_toml(part.purl)}, {_toml(part.license)}],\n" for part in distribution.bundled)
    return f"[[dependencies.distribution]]\n{keys}" + (f"bundled = [\n{parts}]\n" if parts else "")


def _toml(value: str | int) -> str:
    # JSON strings are TOML basic strings, except for DEL, which JSON does not escape and TOML must.
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
            f"`component[{index}]`: missing or invalid: {', '.join(f'`{key}`' for key in dict.fromkeys(wrong))}"
        )
        return None
    return Pin(**{key: entry[key] for key in (*texts, "size")})


def _tool(index: int, entry: Mapping[str, Any], mistakes: list[str]) -> ToolchainPin | None:
    digests = entry.get("digests", {})
    fine = isinstance(digests, dict) and all(DIGEST.fullmatch(str(value)) for value in digests.values())
    if not fine or not isinstance(entry.get("name"), str) or not isinstance(entry.get("version"), str):
        mistakes.append(f"`toolchain[{index}]`: `name`, `version` or `digests` is missing or invalid")
        return None
    return ToolchainPin(entry["name"], entry["version"], dict(digests))


def _needed(index: int, entry: Mapping[str, Any], mistakes: list[str]) -> Dependencies | None:
    requirements, found = entry.get("requirements"), entry.get("distribution", [])
    fine = (
        all(isinstance(entry.get(key), str) for key in ("component", "language"))
        and isinstance(requirements, list)
        and all(isinstance(one, str) for one in requirements)
        and isinstance(found, list)
        and all(isinstance(one, dict) and _is_distribution(one) for one in found)
    )
    if not fine or not isinstance(requirements, list):
        mistakes.append(f"`dependencies[{index}]`: a member is missing or invalid")
        return None
    distributions = tuple(
        Distribution(
            **{key: one[key] for key in _DISTRIBUTION},
            bundled=tuple(BundledPart(*part) for part in one.get("bundled", ())),
        )
        for one in found
    )
    return Dependencies(entry["component"], entry["language"], tuple(requirements), distributions)


def _is_distribution(entry: Mapping[str, Any]) -> bool:
    texts = all(isinstance(entry.get(key), str) for key in _DISTRIBUTION)
    return texts and DIGEST.fullmatch(entry["digest"]) is not None and _are_parts(entry.get("bundled", []))


def _are_parts(value: object) -> bool:
    """Return whether a value is a list of pairs of texts: package URL and licence."""
    return isinstance(value, list) and all(
        isinstance(part, list) and len(part) == 2 and all(isinstance(text, str) for text in part) for part in value
    )
