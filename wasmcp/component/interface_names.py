"""Names of imports and exports, and compatibility of interface versions.

Source: component-model, design/mvp/Explainer.md, "Import and Export Definitions" (interface names, canonical versions);
semver.org 2.0.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_NUMBER = r"(0|[1-9][0-9]{0,9})"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?")
_INTERFACE = re.compile(r"([a-zA-Z0-9:-]+:[a-zA-Z0-9-]+)/([a-zA-Z0-9/-]+)(?:@(.+))?", re.ASCII)
_WORD = r"(?:[a-z][0-9a-z]*|[A-Z][0-9A-Z]*)"
_LABEL = rf"{_WORD}(?:-(?:[0-9a-z]+|[0-9A-Z]+))*"
_PLAIN = re.compile(rf"{_LABEL}|\[constructor\]{_LABEL}|\[(?:method|static)\]{_LABEL}\.{_LABEL}")
_PATH = re.compile(rf"{_LABEL}(?::{_LABEL})+(?:/{_LABEL})+")


@dataclass(frozen=True)
class Version:
    """Semantic version. `prerelease` and `build` are empty strings if absent."""

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    build: str = ""

    @property
    def track(self) -> str:
        """Part of the version that compatible versions have in common.

        The major version; below 1.0.0 also the minor version; below 0.1.0 all three. A pre-release is compatible only
        with itself.
        """
        if self.prerelease:
            return f"{self.major}.{self.minor}.{self.patch}-{self.prerelease}"
        if self.major:
            return f"{self.major}"
        return f"0.{self.minor}" if self.minor else f"0.0.{self.patch}"

    @property
    def precedence(self) -> tuple[int, int, int]:
        """Sort key of versions of one track."""
        return (self.major, self.minor, self.patch)


@dataclass(frozen=True)
class InterfaceName:
    """Parts of `namespace:package/interface@version`; `package` includes the namespace."""

    package: str
    interface: str
    version: Version | None

    @property
    def track(self) -> str:
        """Name with the version's track instead of the version."""
        base = f"{self.package}/{self.interface}"
        return base if self.version is None else f"{base}@{self.version.track}"


@lru_cache(maxsize=4096)
def parse(name: str) -> InterfaceName | None:
    """Return the parts of an interface's name; None for any other name (a plain name, a URL, an invalid version)."""
    match = _INTERFACE.fullmatch(name)
    if match is None:
        return None
    package, interface, version = match.groups()
    if version is None:
        return InterfaceName(package, interface, None)
    found = _VERSION.fullmatch(version)
    if found is None:
        return None
    major, minor, patch = (int(number) for number in found.groups()[:3])
    return InterfaceName(package, interface, Version(major, minor, patch, found[4] or "", found[5] or ""))


def track(name: str) -> str:
    """Return the part that names of compatible imports have in common: equal tracks can be one import."""
    parsed = parse(name)
    return name if parsed is None else parsed.track


def compatible(one: str, other: str) -> bool:
    """Return true if two names are the same, or name compatible versions of one interface."""
    return one == other or track(one) == track(other)


def newest(names: Iterable[str]) -> str:
    """Return the name with the highest version among compatible names; the first of equal ones.

    Raises:
        ValueError: `names` is empty.
    """
    best: str | None = None
    best_precedence = (-1, -1, -1)
    for name in names:
        parsed = parse(name)
        precedence = parsed.version.precedence if parsed and parsed.version else (0, 0, 0)
        if best is None or precedence > best_precedence:
            best, best_precedence = name, precedence
    if best is None:
        raise ValueError("no names")
    return best


def find(name: str, names: Iterable[str]) -> str | None:
    """Return the entry of `names` that equals `name`, else one that is compatible with it, else None.

    A `name` without a version matches any version of its interface.
    """
    candidates = list(names)
    if name in candidates:
        return name
    requested = parse(name)
    if requested is None:
        return None
    for candidate in candidates:
        parsed = parse(candidate)
        if parsed is None or (parsed.package, parsed.interface) != (requested.package, requested.interface):
            continue
        if requested.version is None or parsed.track == requested.track:
            return candidate
    return None


def is_valid(name: str) -> bool:
    """Return true if an import or export can have this name: a plain name, or an interface's."""
    if _PLAIN.fullmatch(name):
        return True
    path, at, version = name.partition("@")
    return _PATH.fullmatch(path) is not None and (not at or _VERSION.fullmatch(version) is not None)


def is_wasi_0_3(name: str) -> bool:
    """Return true for the name of an interface of WASI 0.3, which needs async types."""
    parsed = parse(name)
    if parsed is None or parsed.version is None or not parsed.package.startswith("wasi:"):
        return False
    return (parsed.version.major, parsed.version.minor) == (0, 3)
