"""Hosts of registries: normal form, origins, and loopback hosts."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

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
            raise ValueError("an address with a backslash or a control character")
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
