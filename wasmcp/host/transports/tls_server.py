"""TLS of `wasmcp serve`: certificates, and the socket whose handshakes are within the limits of connections.

An event loop that listens with TLS shows connections only after the handshake: clients that do not begin one would
hold any number of file descriptors, for a minute each. So the sockets are accepted here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wasmcp.errors import HostError
from wasmcp.host.transports.connections import BACKLOG, Handshake

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from wasmcp.host.transports.connections import Connections
    from wasmcp.host.transports.http_connection import HttpConnection

_PAUSE = 1.0  # seconds without accepting after an error, such as too many open files


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


class TlsServer:
    """Socket whose connections begin with a TLS handshake."""

    def __init__(
        self, bound: socket.socket, tls: ssl.SSLContext, bounds: Connections, connected: Callable[[], HttpConnection]
    ) -> None:
        """Accept connections, until `close` is called. Needs a running event loop.

        Args:
            bound: The socket to accept connections from.
            tls: The TLS settings.
            bounds: The limits of connections.
            connected: Function that returns the protocol of a connection after its handshake.
        """
        self._loop = asyncio.get_running_loop()
        self._bound = bound
        self._tls = tls
        self._bounds = bounds
        self._connected = connected
        self._handshakes: dict[asyncio.Task[None], Handshake] = {}
        self._is_closed = False
        bound.settimeout(0)
        self._accept_later()

    def close(self) -> None:
        """Accept no more connections, and end those whose handshake is not complete."""
        self._is_closed = True
        self._loop.remove_reader(self._bound)
        for handshake in self._handshakes.values():
            handshake.abort()

    async def wait_closed(self) -> None:
        """Wait until the handshakes have ended."""
        await asyncio.gather(*self._handshakes, return_exceptions=True)

    def _accept_later(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._bound, self._accept)

    def _accept(self) -> None:
        for _ in range(BACKLOG):
            try:
                accepted, _address = self._bound.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError:  # too many open files: the connections wait in the kernel
                self._loop.remove_reader(self._bound)
                self._loop.call_later(_PAUSE, self._accept_later)
                return
            accepted.settimeout(0)
            handshake = Handshake(self._loop, accepted)
            task = self._loop.create_task(self._run(handshake, accepted))
            self._handshakes[task] = handshake
            task.add_done_callback(self._handshakes.pop)
            self._bounds.made(handshake)

    async def _run(self, handshake: Handshake, accepted: socket.socket) -> None:
        def connected() -> HttpConnection:
            connection = self._connected()
            connection.handshake = handshake
            return connection

        try:
            await self._loop.connect_accepted_socket(connected, accepted, ssl=self._tls)
        except OSError:  # `ssl.SSLError` is one
            accepted.close()
        finally:
            self._bounds.lost(handshake)
