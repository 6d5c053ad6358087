"""Documents inside packages: licence files, and bills of materials of what is compiled into native modules.

The files come from strangers: what is too large is cut or left out, as is what is damaged, not text, or not identified
by a package URL. Source: PEP 639 (``.dist-info/licenses/``); before it, files at the top of ``.dist-info``; PEP 770
(``.dist-info/sboms/``); CycloneDX 1.x and SPDX 2.x as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from wasmcp.toolchains.base import BundledPart, Distribution
from wasmcp.toolchains.python.native_modules import information_of

_FOLDERS = ("licenses", "license_files")
_NAMED = re.compile(r"(licen[cs]e|copying|copyright|notice|authors)", re.IGNORECASE)
_MOST_BYTES = 256 << 10
_MOST_FILES = 200


def license_texts(fetched: Path, distributions: Iterable[Distribution]) -> dict[str, dict[str, str]]:
    """Return package URL -> name of the file -> text, for installed packages.

    Args:
        fetched: The folder of the packages.
        distributions: The packages.
    """
    found: dict[str, dict[str, str]] = {}
    for one in distributions:
        information = information_of(fetched, one)
        if information is not None:
            texts = dict(_texts(information))
            if texts:
                found[f"pkg:pypi/{one.name}@{one.version}"] = texts
    return found


def _texts(information: Path) -> Iterator[tuple[str, str]]:
    inside = [path for name in _FOLDERS for path in sorted((information / name).rglob("*"))]
    top = [path for path in sorted(information.iterdir()) if _NAMED.match(path.name)]
    for path in [path for path in (*inside, *top) if path.is_file()][:_MOST_FILES]:
        data = path.read_bytes()[:_MOST_BYTES]
        text = data.decode("utf-8", "replace")
        if "\0" not in text:
            yield path.relative_to(information).as_posix(), text.replace("\r\n", "\n")


_MOST_BYTES_OF_SBOM = 4 << 20
_MOST_PARTS = 5_000
_MOST_CHARACTERS = 300


def parts_of(information: Path) -> tuple[BundledPart, ...]:
    """Return the parts in the bills of materials of an installed package, sorted and without repetitions.

    Args:
        information: Its folder ``*.dist-info``.
    """
    found: dict[str, BundledPart] = {}
    for path in sorted((information / "sboms").rglob("*.json")):
        if not path.is_file() or path.stat().st_size > _MOST_BYTES_OF_SBOM:
            continue
        try:
            bom = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            continue
        for part in _parts(bom):
            found.setdefault(part.purl, part)
            if len(found) >= _MOST_PARTS:
                break
    return tuple(found[purl] for purl in sorted(found))


def _parts(bom: Any) -> Iterator[BundledPart]:
    for component in _items(bom, "components"):
        yield from _part(component.get("purl"), _cyclonedx_license(component))
    for package in _items(bom, "packages"):
        license_ = package.get("licenseConcluded") or package.get("licenseDeclared")
        for reference in _items(package, "externalRefs"):
            if reference.get("referenceType") == "purl":
                yield from _part(reference.get("referenceLocator"), license_)


def _items(value: Any, key: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _cyclonedx_license(component: dict[str, Any]) -> str:
    texts = []
    for entry in _items(component, "licenses"):
        inner = entry.get("license")
        named = (inner.get("id") or inner.get("name")) if isinstance(inner, dict) else None
        text = entry.get("expression") or named
        texts += [text] if isinstance(text, str) else []
    return texts[0] if len(texts) == 1 else " AND ".join(f"({text})" for text in texts)


def _part(purl: Any, license_: Any) -> Iterator[BundledPart]:
    if not isinstance(purl, str) or not purl.startswith("pkg:"):
        return
    bare = purl.partition("?")[0].partition("#")[0]  # qualifiers have paths of the machine that built the package
    known = license_ if isinstance(license_, str) and license_ not in {"NOASSERTION", "NONE"} else ""
    if "@" in bare and bare.isprintable() and known.isprintable() and len(bare) + len(known) <= _MOST_CHARACTERS:
        yield BundledPart(bare, known)
