"""The digest of an installed distribution: what its wheel brought, as its `RECORD` says.

Source: Python packaging, "Recording installed projects".
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

from wasmcp.storage.digest import of_value

# What the installer writes, not the wheel.
_OF_THE_INSTALLER = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


@dataclass(frozen=True)
class Installed:
    """An installed distribution.

    Attributes:
        version: Its version.
        tag: The first tag of the wheel that it was installed from: which files it brings depends on it.
        digest: Of the names and digests of the files that the wheel brought.
    """

    version: str
    tag: str
    digest: str


def installed(name: str) -> Installed | None:
    """Return what is installed of a distribution, or None when nothing is."""
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    wheel = (found.read_text("WHEEL") or "").splitlines()
    tag = next((line.partition(":")[2].strip() for line in wheel if line.lower().startswith("tag:")), "")
    files = sorted(
        (path.as_posix(), path.hash.value)
        for path in found.files or ()
        # Without digest: compiled by the installer. Outside of site-packages: scripts that name its interpreter.
        if path.hash is not None and path.name not in _OF_THE_INSTALLER and ".." not in path.parts
    )
    return Installed(found.version, tag, of_value(files))
