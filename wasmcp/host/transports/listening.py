"""Sockets that `wasmcp serve` listens on: TCP addresses and Unix domain sockets, and TLS for them."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from wasmcp.errors import HostError

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

QUEUE = 2048
"""Maximum number of connections that wait in the kernel to be accepted."""

_WILDCARDS = {"0.0.0.0", "[::]"}  # noqa: S104 - nothing is bound here


def listen_tcp(host: str, port: int) -> socket.socket:
    """Listen on a TCP address.

    Args:
        host: The address or name; a text with a colon is an IPv6 address.
        port: The port; 0 for a free one.

    Raises:
        HostError: The address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio disables Nagle's algorithm only if the protocol is given; otherwise each response waits 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(QUEUE)
    except OSError as error:
        bound.close()
        raise HostError(f"cannot listen on `{host}` port {port}: {error.strerror or error}") from None
    return bound


def listen_unix(path: Path, mode: int) -> socket.socket:
    """Listen on a Unix domain socket. A socket that a process has left behind is replaced.

    Args:
        path: The path of the socket.
        mode: Its permissions; connecting needs the right to write.

    Raises:
        HostError: The socket cannot be made, another process listens on it, or the path is another file.
    """
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o777 & ~mode)  # the socket never has more permissions, not even for a moment
    try:
        _remove_stale(path)
        bound.bind(os.fspath(path))
        path.chmod(mode)
        bound.listen(QUEUE)
    except OSError as error:
        bound.close()
        raise HostError(f"cannot listen on the Unix socket `{path}`: {error.strerror or error}") from None
    except HostError:
        bound.close()
        raise
    finally:
        os.umask(mask)
    return bound


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise HostError(
            f"cannot listen on the Unix socket `{path}`: the path is another file; remove it or take another"
        )
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except OSError as error:
            if error.errno != errno.ECONNREFUSED:
                raise
            path.unlink()
            return
    raise HostError(f"cannot listen on the Unix socket `{path}`: another process listens on it")


def unlink_unix(path: Path, bound: socket.socket) -> None:
    """Remove a Unix domain socket, unless another process has replaced it."""
    with suppress(OSError):
        if os.fspath(path) == bound.getsockname() and stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()


def tls_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return the TLS settings of a server: TLS 1.2 and newer, HTTP/1.1 (RFC 9325, section 3.1).

    Args:
        certificate: The certificate and its chain, in PEM.
        key: The private key in PEM, without a password; None if it is in the file of the certificate.

    Raises:
        HostError: A file cannot be read, or certificate and key do not match.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load_certificate(context, certificate, key)
    return context


def load_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Read certificate and key into TLS settings: those of all later connections.

    Raises:
        HostError: A file cannot be read, or certificate and key do not match; the settings stay as they are.
    """
    import ssl

    def no_password() -> str:
        raise HostError(
            f"the TLS key in `{key or certificate}` has a password: store it without one (`openssl pkey -in KEY "
            "-out PLAIN`), readable by the server alone"
        )

    for path in (certificate, *([key] if key else [])):
        if not path.is_file():
            raise HostError(f"the TLS file `{path}` does not exist")
    try:
        # A separate context first: a certificate without its key would leave the settings incomplete.
        for target in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):
            target.load_cert_chain(certificate, key, no_password)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        names = f"`{certificate}`" + (f" and `{key}`" if key else "")
        raise HostError(
            f"the TLS files {names} cannot be used ({reason}): expected a certificate with its chain and the matching "
            "private key, in PEM"
        ) from None


def host_names(host: str) -> list[str]:
    """Return the host names that clients can use in addition to `localhost`.

    Args:
        host: The address to listen on; for a wildcard address the names of this machine are included.
    """
    # A zone (RFC 6874) is the interface to an address; clients omit it in `Host`.
    host = host.partition("%")[0].lower()
    shown = f"[{host}]" if ":" in host else host
    if shown not in _WILDCARDS:
        return [shown]
    own = socket.gethostname().lower()
    return [shown, own, f"{own}.local"] if own.replace("-", "").replace(".", "").isalnum() else [shown]
