"""Hosts of registries, and references to components: ``ns:name@^1``, ``oci://host/repository:tag``, and exact forms.

Versions and ranges follow Semantic Versioning 2.0.0; ranges are written as in Cargo. Hosts have a normal form, and
credentials are bound to the origin of an address.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from wasmcp.errors import InvalidReferenceError

HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,9})?"
"""A host with an optional port (OCI distribution 1.1, RFC 3986 section 3.2.2)."""

DOCKER_HUB = "docker.io"
"""The name of Docker Hub in references."""

DOCKER_HUB_API = "registry-1.docker.io"
"""The host of Docker Hub's registry API."""

_DOCKER_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", DOCKER_HUB_API, "registry.hub.docker.com"})
DEFAULT_PORTS = {"http": 80, "https": 443}
"""The default port by scheme."""

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+?)\.?(?::([0-9]{1,9}))?")
_NUMERIC = re.compile(r"(?:[0-9]+|0[xX][0-9A-Fa-f]*)")


@dataclass(frozen=True)
class Origin:
    """Origin of an address (RFC 6454, section 4); credentials are bound to one.

    Attributes:
        scheme: `http` or `https`.
        host: The host in lower case, without port.
        port: The port, explicit or default.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Return the origin of an address.

        Raises:
            ValueError: The address is not `http` or `https`, has no host, or has a user name or a password.
        """
        if "\\" in url or not url.isprintable():  # parsers disagree about these
            raise ValueError("the address has a backslash or a control character")
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        if scheme not in DEFAULT_PORTS:
            raise ValueError("not an `http` or `https` address")
        if "@" in parts.netloc:
            raise ValueError("an address with a user name or a password")
        match = _AUTHORITY.fullmatch(parts.netloc)
        if match is None:
            raise ValueError("not an address of a host")
        # A final dot makes a name absolute: without it the resolver can return another host.
        name = parts.netloc.rpartition(":")[0] if match[2] else parts.netloc
        return cls(scheme, name.lower(), _port(match[2]) or DEFAULT_PORTS[scheme])

    @property
    def authority(self) -> str:
        """The host, with the port unless it is the scheme's default."""
        return self.host if self.port == DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def normal_host(host: str) -> str:
    """Return the host of a registry in normal form, with its port.

    The result is in lower case, with IP addresses in their shortest form and ports without leading zeros; the port of
    `https` is omitted, and each name of Docker Hub becomes `docker.io`.

    Raises:
        ValueError: The text is not a host, or a number that resolvers read in different ways (`127.1`, `0x7f000001`).
    """
    name, port = _split(host)
    if name in _DOCKER_HUB_NAMES and port in (None, 443):
        return DOCKER_HUB
    if port is None or (port == 443 and not is_loopback(name)):
        return name
    return f"{name}:{port}"


def same_place(host: str) -> str:
    """Return one text for all spellings of a host that can be the same registry, for comparisons in policies.

    In addition to `normal_host`, each name of this machine becomes `localhost`, and its default ports are equal,
    because a registry on this machine can be with or without TLS.

    Raises:
        ValueError: See `normal_host`.
    """
    normal = normal_host(host)
    name, port = _split(normal)
    here = is_loopback(name) or name.endswith(".localhost") or name in ("0.0.0.0", "[::]")  # noqa: S104 - nothing is bound
    if not here:
        return normal
    return "localhost" if port in (None, 80, 443) else f"localhost:{port}"


def host_and_port(host: str, default: int) -> tuple[str, int]:
    """Return the name of a host in normal form, and its port.

    Args:
        host: The host, with an optional port.
        default: The port to return if the host has none.

    Raises:
        ValueError: See `normal_host`.
    """
    name, port = _split(normal_host(host))
    return name, port or default


def api_host(host: str) -> str:
    """Return the host that serves a registry: the registry itself, except for Docker Hub."""
    return DOCKER_HUB_API if host == DOCKER_HUB else host


def is_loopback(host: str) -> bool:
    """Return if a host (with or without port) is a loopback host: only those can be used without TLS."""
    try:
        name, _ = _split(host)
    except ValueError:
        return False
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _split(host: str) -> tuple[str, int | None]:
    """Return the name in normal form, and the port."""
    match = _AUTHORITY.fullmatch(host)
    if match is None:
        raise ValueError(f"`{host}` is not a host")
    name = match[1].lower()
    try:
        if name.startswith("["):
            address = ipaddress.IPv6Address(name.strip("[]"))
            name = str(address.ipv4_mapped or f"[{address.compressed}]")
        elif _NUMERIC.fullmatch(name.rpartition(".")[2]):
            name = str(ipaddress.IPv4Address(name))
    except ValueError:
        raise ValueError(f"`{name}` is not a host: neither a name nor an IP address in full") from None
    return name, _port(match[2])


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not 0 < int(text) < 1 << 16:
        raise ValueError(f"`{text}` is not a port")
    return int(text)


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
