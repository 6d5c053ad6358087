"""Custom section in which a component declares facts that its type does not contain.

* A server handler can answer any request: a component that was composed of components with prompts declares that.
* Compilers import whole interfaces: a component whose code never logs declares that, so that its servers do not
  announce logging.
* The type of a component does not contain the extensions of MCP that it supports, nor the data files inside.

The section is called `wasmcp-declares`; its content is a JSON object with the known attributes of `Declares`.
Source: component-model, design/mvp/Binary.md (custom sections); Model Context Protocol 2026-07-28, basic, "_meta";
basic/versioning, "Extension Negotiation".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from wasmcp.component.custom_sections import custom_section, custom_sections
from wasmcp.errors import ComponentError
from wasmcp.revision_views import to_json_text

SECTION = "wasmcp-declares"

_LABEL = r"[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
EXTENSION = re.compile(rf"{_LABEL}(?:\.{_LABEL})*/(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)?")


@dataclass(frozen=True)
class DataFiles:
    """Data files inside a component.

    Attributes:
        count: Their number.
        size: Their total size in bytes, uncompressed.
    """

    count: int
    size: int

    def to_dict(self) -> dict[str, int]:
        """Return a JSON representation."""
        return {"count": self.count, "size": self.size}


@dataclass(frozen=True)
class Declares:
    """Declarations of a component.

    Attributes:
        offers: Names of the capabilities that its handler answers for: `tools`, `resources`, `prompts`, `completions`.
        uses: The functions of the resource `request` that its code can call, of those that servers announce (`log`,
            `notify-tools-changed`...); None: all that it imports.
        extensions: The extensions of MCP that it supports, by identifier; the values are settings, JSON objects.
        files: Its data files, or None.
    """

    offers: frozenset[str] = field(default=frozenset())
    uses: frozenset[str] | None = None
    extensions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: DataFiles | None = None

    def section(self) -> bytes:
        """Return the custom section, to append to the component; empty bytes if nothing is declared."""
        said: dict[str, Any] = {}
        if self.offers:
            said["offers"] = sorted(self.offers)
        if self.uses is not None:
            said["uses"] = sorted(self.uses)
        if self.extensions:
            said["extensions"] = {key: self.extensions[key] for key in sorted(self.extensions)}
        if self.files is not None:
            said["files"] = self.files.to_dict()
        if not said:
            return b""
        return custom_section(SECTION, to_json_text(said).encode())


def declares(data: bytes) -> Declares:
    """Return the declarations of a component, from its last section if it has several.

    Malformed sections and entries are ignored.
    """
    try:
        found = custom_sections(data, SECTION)
    except ComponentError:
        return Declares()
    return _read(found[-1]) if found else Declares()


def with_extensions(data: bytes, extensions: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Return a component that also declares these extensions, in addition to its other declarations."""
    said = declares(data)
    return data + replace(said, extensions={**said.extensions, **extensions}).section()


def _read(text: bytes) -> Declares:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return Declares()
    if not isinstance(said, dict):
        return Declares()
    extensions = said.get("extensions", {})
    good = isinstance(extensions, dict) and not any(map(extension_problem, extensions, extensions.values()))
    return Declares(
        offers=_texts(said.get("offers")) or frozenset(),
        uses=_texts(said.get("uses")),
        extensions=extensions if good else {},
        files=_files(said.get("files")),
    )


def _files(value: object) -> DataFiles | None:
    if not isinstance(value, dict):
        return None
    count, size = value.get("count"), value.get("size")
    if type(count) is int and type(size) is int and count >= 0 and size >= 0:
        return DataFiles(count, size)
    return None


def _texts(value: object) -> frozenset[str] | None:
    if not isinstance(value, list):
        return None
    return frozenset(each for each in value if isinstance(each, str))


def extension_problem(identifier: str, settings: object) -> str | None:
    """Return the problem of an extension, as the end of a sentence about it; None if it can be announced."""
    if not EXTENSION.fullmatch(identifier):
        return "is not an identifier of an extension: use a prefix of your own and a name, such as `com.example/name`"
    if not isinstance(settings, Mapping):
        return f"must have a table of settings, which may be empty, not {settings!r:.60}"
    try:
        json.dumps(settings, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return f"has settings that JSON cannot hold: {error}"
    return None
