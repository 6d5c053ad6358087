"""Options of the HTTP server: addresses, TLS, proxies, paths, workers, logs."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path

ENDPOINT = "/mcp"
"""Path of the endpoint inside a server."""

HEALTH = "/healthz"
"""Path that answers 200 as long as the process handles requests."""

READY = "/readyz"
"""Path that answers 200 as long as requests can be processed, otherwise 503."""

WELL_KNOWN = "/.well-known/"
"""Prefix of the paths of metadata (RFC 8615)."""

_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)+")  # RFC 3986, section 3.3, without percent-encoding
_MOST_WORKERS = 256
_HOST = "127.0.0.1"
_PORT = 8000
_SOCKET_MODE = 0o600


@dataclass(frozen=True)
class HttpOptions:
    """Options of `wasmcp serve`, in addition to the server's own.

    Attributes:
        host: The address to listen on.
        port: The port to listen on; 0 for a free one.
        unix_socket: The path of a Unix domain socket to listen on, instead of address and port.
        socket_mode: The permissions of that socket.
        tls_certificate: The certificate and its chain in PEM; None for HTTP without TLS.
        tls_key: The private key in PEM; None if it is in the file of the certificate.
        trusted_proxies: Addresses and networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are used;
            `unix` for everything that arrives at a Unix domain socket.
        path: The path of the endpoint.
        root_path: A prefix of all paths that a proxy keeps; requests without it are served as well.
        workers: The number of processes that serve.
        watch: Reload the server when its file changes.
        access_log: A file to which a line is appended for each request, in the Combined Log Format.
        audit_log: A file to which a JSON object is appended for each message of a client.
        audit_arguments: Include the arguments of tools and prompts in the audit log.
        metrics: Host and port at which metrics are served for Prometheus, as `/metrics`; None for no metrics.
        traces: Export traces for OpenTelemetry; None to do so if variables `OTEL_*` enable it.

    Raises:
        ValueError: Options are invalid or contradict each other; the message names all of them.
    """

    host: str = _HOST
    port: int = _PORT
    unix_socket: Path | None = None
    socket_mode: int = _SOCKET_MODE
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: tuple[str, ...] = field(default=())
    path: str = ENDPOINT
    root_path: str = ""
    workers: int = 1
    watch: bool = False
    access_log: Path | None = None
    audit_log: Path | None = None
    audit_arguments: bool = False
    metrics: tuple[str, int] | None = None
    traces: bool | None = None

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))

    def _problems(self) -> list[str]:
        problems = []
        if not self.host:
            problems.append("the host must be an address or a name, not empty: `0.0.0.0` is every address")
        elif not _is_host(self.host):
            problems.append(
                f"the host must be an address or a name, without scheme, port and brackets, not `{self.host}`"
            )
        if not 0 <= self.port <= 65535:
            problems.append(f"the port must be from 0 to 65535, not {self.port}")
        if not 1 <= self.workers <= _MOST_WORKERS:
            problems.append(f"the number of workers must be from 1 to {_MOST_WORKERS}, not {self.workers}")
        if self.unix_socket is not None and (self.host, self.port) != (_HOST, _PORT):
            problems.append("a Unix socket is used instead of host and port: leave them out")
        if self.unix_socket is None and self.socket_mode != _SOCKET_MODE:
            problems.append("the mode of the socket needs a Unix socket")
        if not 0 < self.socket_mode <= 0o777:
            problems.append(f"the mode of the socket must be from 1 to 777 (octal), not {self.socket_mode:o}")
        if self.audit_arguments and self.audit_log is None:
            problems.append("arguments in the audit log need an audit log")
        if self.metrics is not None and not 0 <= self.metrics[1] <= 65535:
            problems.append(f"the port of the metrics must be from 0 to 65535, not {self.metrics[1]}")
        if self.tls_key is not None and self.tls_certificate is None:
            problems.append("a TLS key needs a TLS certificate")
        for name, path in (("path", self.path), ("root path", self.root_path)):
            if (path or name == "path") and not _is_path(path):
                problems.append(
                    f"the {name} must begin with `/`, end without it, and have no percent-encoding, query, `.` or "
                    f"`..`, not `{path}`"
                )
        if self.path in {HEALTH, READY}:
            problems.append(f"the path `{self.path}` is that of a health check")
        if self.path.startswith(WELL_KNOWN):
            problems.append(f"the path must not begin with `{WELL_KNOWN}`, where metadata is, as `{self.path}` does")
        log = self.audit_log
        if log is not None and log == self.access_log and (log.is_file() or not log.exists()):  # not a pipe or device
            problems.append(f"the access log and the audit log must be two files, not both `{self.audit_log}`")
        for proxy in self.trusted_proxies:
            try:
                if proxy != "unix":
                    ipaddress.ip_network(proxy)
            except ValueError:
                problems.append(
                    f"a trusted proxy must be an IP address, a network such as `10.0.0.0/8`, or `unix`, not `{proxy}`"
                )
        return problems


def _is_host(host: str) -> bool:
    if ":" not in host:
        return not {"/", "[", "]", " "} & set(host)
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _is_path(path: str) -> bool:
    return bool(_PATH.fullmatch(path)) and not {".", ".."} & set(path.split("/"))
