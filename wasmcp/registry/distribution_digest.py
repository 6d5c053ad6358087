"""Digest of the files that the wheel of an installed distribution contained, from its `RECORD`.

Source: Python packaging, "Recording installed projects".
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

from wasmcp.storage.digest import of_value

# Written by the installer, not part of the wheel.
_OF_THE_INSTALLER = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


@dataclass(frozen=True)
class Installed:
    """Installed distribution.

    Attributes:
        version: The distribution's version.
        tag: The first tag of its wheel; wheels for different platforms contain different files.
        digest: The digest of the names and digests of the wheel's files.
    """

    version: str
    tag: str
    digest: str


def installed(name: str) -> Installed | None:
    """Return the installed distribution of a name, or None."""
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    wheel = (found.read_text("WHEEL") or "").splitlines()
    tag = next((line.partition(":")[2].strip() for line in wheel if line.lower().startswith("tag:")), "")
    files = sorted(
        (path.as_posix(), path.hash.value)
        for path in found.files or ()
        # Files without a digest are compiled by the installer; those outside of site-packages name the interpreter.
        if path.hash is not None and path.name not in _OF_THE_INSTALLER and ".." not in path.parts
    )
    return Installed(found.version, tag, of_value(files))
