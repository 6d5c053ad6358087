"""References to components in a registry: ``ns:name@^1``, ``oci://host/repository:tag``, and exact forms of both.

Versions and ranges follow Semantic Versioning 2.0.0; ranges are written as in Cargo.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from wasmcp.errors import InvalidReferenceError
from wasmcp.registry.hosts import HOST, normal_host

_NUMBER = r"(?:0|[1-9][0-9]{0,17})"
_VERSION = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z.-]+))?"
)
_PARTIAL = re.compile(rf"({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?")
_COMPARATOR = re.compile(r"(\^|~|>=|<=|>|<|=)?\s*(\S+)")


@functools.total_ordering
@dataclass(frozen=True)
class Version:
    """Semantic version; build metadata does not affect its order (section 10).

    Attributes:
        numbers: The major, minor and patch number.
        prerelease: The identifiers after the hyphen.
        build: The build metadata after the plus sign.
    """

    numbers: tuple[int, int, int]
    prerelease: tuple[str, ...] = ()
    build: str = ""

    @staticmethod
    def parse(text: str) -> Version | None:
        """Parse a version; return None if the text is not a version."""
        match = _VERSION.fullmatch(text)
        if match is None:
            return None
        identifiers = tuple(match[4].split(".")) if match[4] else ()
        if any(one.isdigit() and len(one) > 1 and one[0] == "0" for one in identifiers):
            return None
        return Version((int(match[1]), int(match[2]), int(match[3])), identifiers, match[5] or "")

    @staticmethod
    def of_tag(tag: str) -> Version | None:
        """Parse the version in a tag: tags cannot contain `+`, so publishers write `_` for it."""
        return Version.parse(tag.replace("_", "+"))

    @property
    def tag(self) -> str:
        """The tag for this version."""
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
    """Interval of versions from `low` (inclusive or exclusive) to `high` (exclusive or inclusive)."""

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
    """Version range.

    ``^1.2`` (compatible versions), ``~1.2.3`` (same minor version), ``=1.2.3`` or ``1.2.3`` (exact), ``1`` or ``1.2``
    (prefix), ``>=1, <2``, ``*`` or nothing (any). A pre-release matches only if the range names one of the same
    three numbers.

    Attributes:
        text: The range as written.
    """

    text: str
    _bounds: tuple[_Bound, ...] = ()
    _prereleases: frozenset[tuple[int, int, int]] = frozenset()

    @staticmethod
    def parse(text: str) -> Range:
        """Parse a range.

        Raises:
            InvalidReferenceError: The text is not a range.
        """
        bounds, prereleases = [], set()
        for part in (piece.strip() for piece in text.split(",")):
            if part in ("", "*"):
                continue
            match = _COMPARATOR.fullmatch(part)
            bound = None if match is None else _bound(match[1] or "", match[2])
            if bound is None:
                problem = f"`{part}` is not a version or a range: write `1.2.3`, `^1.2`, `~1.2`, `>=1, <2` or `*`"
                raise InvalidReferenceError(problem)
            bounds.append(bound)
            prereleases |= {end.numbers for end in (bound.low, bound.high) if end is not None and end.prerelease}
        return Range(text, tuple(bounds), frozenset(prereleases))

    def contains(self, version: Version) -> bool:
        """Return if a version matches."""
        if version.prerelease and version.numbers not in self._prereleases:
            return False
        return all(bound.contains(version) for bound in self._bounds)

    def choose(self, versions: Iterable[Version]) -> list[Version]:
        """Return the matching versions, highest first."""
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
        # The first number that is not 0 is fixed; if all given numbers are 0, the last of them.
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
    """Return the lowest version, including pre-releases, above all that share the given numbers up to an index."""
    numbers = (*given[:place], given[place] + 1, 0, 0)[:3]
    return Version(numbers, ("0",))  # type: ignore[arg-type]


# WIT package names (component-model, WIT.md, "Package names"): words of lower-case letters, digits and hyphens.
_WORD = r"[a-z][0-9a-z]*(?:-[0-9a-z]+)*"
_PACKAGE = re.compile(rf"({_WORD}):({_WORD})(?:@(.*))?", re.DOTALL)
# OCI distribution 1.1, "Pulling manifests".
_REPOSITORY = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_OCI = re.compile(
    rf"oci://({HOST})/({_REPOSITORY})(?::([A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}))?(?:@(sha256:[0-9a-f]{{64}}))?"
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Package:
    """Package of a namespace, with a range of versions.

    Attributes:
        namespace: The part before the colon, which selects the registry.
        name: The part after the colon.
        range: The accepted versions.
    """

    namespace: str
    name: str
    range: Range

    def __str__(self) -> str:
        return f"{self.title}@{self.range.text}" if self.range.text else self.title

    @property
    def title(self) -> str:
        """The package name without versions."""
        return f"{self.namespace}:{self.name}"


@dataclass(frozen=True)
class Place:
    """Place in a registry.

    Attributes:
        host: The registry's host in normal form (`hosts.normal_host`), with an optional port.
        repository: The repository's path.
        tag: A tag, or None.
        digest: The digest of a manifest, or None.
    """

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        text = f"oci://{self.host}/{self.repository}"
        text += f":{self.tag}" if self.tag else ""
        return text + (f"@{self.digest}" if self.digest else "")

    @property
    def version(self) -> str:
        """The tag or digest to request: the digest, the tag, or `latest`."""
        return self.digest or self.tag or "latest"


def parse(reference: str) -> Package | Place:
    """Parse a reference.

    Raises:
        InvalidReferenceError: The reference is invalid.
    """
    if reference.startswith("oci://"):
        match = _OCI.fullmatch(reference)
        if match is None:
            problem = "not `oci://HOST/REPOSITORY` in lower case, with `:TAG`, `@sha256:DIGEST` or both after it"
            raise InvalidReferenceError(problem, reference=reference)
        try:
            return Place(normal_host(match[1]), match[2], match[3], match[4])
        except ValueError as error:
            raise InvalidReferenceError(f"not a valid host: {error}", reference=reference) from None
    match = _PACKAGE.fullmatch(reference)
    if match is None:
        raise InvalidReferenceError("not `NAMESPACE:NAME`, with `@VERSION` or a range after it", reference=reference)
    if match[3] is not None and not match[3].strip():
        raise InvalidReferenceError("the version after the `@` is missing", reference=reference)
    try:
        return Package(match[1], match[2], Range.parse((match[3] or "").strip()))
    except InvalidReferenceError as error:
        raise InvalidReferenceError(str(error), reference=reference) from None


def parse_place(reference: str) -> Place:
    """Parse an OCI reference.

    Raises:
        InvalidReferenceError: The reference is invalid.
    """
    place = parse(reference)
    if not isinstance(place, Place):
        raise InvalidReferenceError("an `oci://` reference is needed here", reference=reference)
    return place
