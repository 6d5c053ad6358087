"""Licence files of packages. Source: PEP 639 (``.dist-info/licenses/``); before it, files at the top of ``.dist-info``.

The files come from strangers: what is too large is cut, and what is not text is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from wasmcp.toolchains.base import Distribution
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
