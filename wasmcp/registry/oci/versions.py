"""Versions of packages, and the ranges that choose among them (Semantic Versioning 2.0.0; ranges as Cargo has them)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from wasmcp.errors import InvalidReferenceError

_NUMBER = r"(?:0|[1-9][0-9]{0,17})"
_VERSION = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z.-]+))?"
)
_PARTIAL = re.compile(rf"({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?")
_COMPARATOR = re.compile(r"(\^|~|>=|<=|>|<|=)?\s*(\S+)")


@functools.total_ordering
@dataclass(frozen=True)
class Version:
    """A semantic version; build metadata does not count for its order (section 10).

    Attributes:
        numbers: Major, minor, patch.
        prerelease: The identifiers after the hyphen.
        build: What follows the plus sign.
    """

    numbers: tuple[int, int, int]
    prerelease: tuple[str, ...] = ()
    build: str = ""

    @staticmethod
    def parse(text: str) -> Version | None:
        """Return the version that a text is, or None when it is none."""
        match = _VERSION.fullmatch(text)
        if match is None:
            return None
        identifiers = tuple(match[4].split(".")) if match[4] else ()
        if any(one.isdigit() and len(one) > 1 and one[0] == "0" for one in identifiers):
            return None
        return Version((int(match[1]), int(match[2]), int(match[3])), identifiers, match[5] or "")

    @staticmethod
    def of_tag(tag: str) -> Version | None:
        """Return the version that a tag names: tags cannot have a `+`, publishers write `_` for it."""
        return Version.parse(tag.replace("_", "+"))

    @property
    def tag(self) -> str:
        """The tag that names it."""
        return str(self).replace("+", "_")

    def __str__(self) -> str:
        text = ".".join(str(number) for number in self.numbers)
        text += f"-{'.'.join(self.prerelease)}" if self.prerelease else ""
        return text + (f"+{self.build}" if self.build else "")

    def _key(self) -> tuple[object, ...]:
        # Numbers sort below words, a release above its pre-releases (section 11).
        parts = tuple((0, int(one), "") if one.isdigit() else (1, 0, one) for one in self.prerelease)
        return self.numbers, not self.prerelease, parts

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()


@dataclass(frozen=True)
class _Bound:
    """Versions from `low` on (or above it), below `high` (or up to it)."""

    low: Version | None = None
    high: Version | None = None
    above: bool = False
    included: bool = False

    def contains(self, version: Version) -> bool:
        if self.low is not None and (version < self.low or (self.above and not self.low < version)):
            return False
        if self.high is None or version < self.high:
            return True
        return self.included and not self.high < version


@dataclass(frozen=True)
class Range:
    """Which versions will do.

    ``^1.2`` (up to the next that breaks), ``~1.2.3`` (up to the next minor), ``=1.2.3`` or ``1.2.3`` (that one),
    ``1`` or ``1.2`` (any that begins so), ``>=1, <2``, ``*`` or nothing (any). A pre-release will do only where the
    range names one of the same three numbers.

    Attributes:
        text: As written.
    """

    text: str
    _bounds: tuple[_Bound, ...] = ()
    _prereleases: frozenset[tuple[int, int, int]] = frozenset()

    @staticmethod
    def parse(text: str) -> Range:
        """Read a range.

        Raises:
            InvalidReferenceError: It is none.
        """
        bounds, prereleases = [], set()
        for part in (piece.strip() for piece in text.split(",")):
            if part in ("", "*"):
                continue
            match = _COMPARATOR.fullmatch(part)
            bound = None if match is None else _bound(match[1] or "", match[2])
            if bound is None:
                problem = f"`{part}` is no version and no range: write `1.2.3`, `^1.2`, `~1.2`, `>=1, <2` or `*`"
                raise InvalidReferenceError(problem)
            bounds.append(bound)
            prereleases |= {end.numbers for end in (bound.low, bound.high) if end is not None and end.prerelease}
        return Range(text, tuple(bounds), frozenset(prereleases))

    def contains(self, version: Version) -> bool:
        """Tell whether a version will do."""
        if version.prerelease and version.numbers not in self._prereleases:
            return False
        return all(bound.contains(version) for bound in self._bounds)

    def choose(self, versions: Iterable[Version]) -> list[Version]:
        """Return the versions that will do, the highest first."""
        return sorted((version for version in versions if self.contains(version)), reverse=True)


def _bound(operator: str, text: str) -> _Bound | None:
    whole = Version.parse(text)
    partial = _PARTIAL.fullmatch(text)
    if whole is None and partial is None:
        return None
    given = (
        whole.numbers if whole is not None else tuple(int(one) for one in partial.groups() if one) if partial else ()
    )
    low = whole or Version((*given, 0, 0, 0)[:3])  # type: ignore[arg-type]
    if operator == "^":
        # The first number that is not 0 must stay; where all that were given are 0, the last of them.
        place = next((index for index, number in enumerate(given) if number), len(given) - 1)
        return _Bound(low, _after(given, place))
    if operator == "~":
        return _Bound(low, _after(given, min(1, len(given) - 1)))
    if operator in ("", "="):
        return _Bound(low, low, included=True) if whole is not None else _Bound(low, _after(given, len(given) - 1))
    if operator == ">=":
        return _Bound(low)
    if operator == "<":
        return _Bound(high=low)
    end = low if whole is not None else _after(given, len(given) - 1)
    if operator == ">":
        return _Bound(end, above=whole is not None)
    return _Bound(high=end, included=whole is not None)


def _after(given: tuple[int, ...], place: int) -> Version:
    """Return the first version above all that agree with the given numbers up to a place; its own pre-releases too."""
    numbers = (*given[:place], given[place] + 1, 0, 0)[:3]
    return Version(numbers, ("0",))  # type: ignore[arg-type]
