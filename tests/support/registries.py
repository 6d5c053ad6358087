"""Registries for tests: Debian's `docker-registry` on loopback, and a proxy that spoils what it answers."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from support.compose_inputs import tools_component
from support.server_processes import free_port
from support.waiting import wait_until
from wasmcp.registry.names import namespace_policy
from wasmcp.registry.oci.blob_store import Store
from wasmcp.registry.oci.manifests import Resolver
from wasmcp.registry.oci.transfers import Pushed, push

PROGRAM = shutil.which("docker-registry")

if PROGRAM is None:
    warnings.warn(
        "`docker-registry` is not installed: the tests of registries are SKIPPED (make system-deps)", stacklevel=1
    )

needs_registry = pytest.mark.skipif(PROGRAM is None, reason="needs `docker-registry`: run `make system-deps`")


@contextlib.contextmanager
def docker_registry(
    folder: Path, *, users: dict[str, str] | None = None, tls: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """Run a registry; return its host.

    Args:
        folder: Folder of its data.
        users: Name -> password: it wants Basic authentication then.
        tls: The files of a certificate and its key.
    """
    folder.mkdir(parents=True, exist_ok=True)
    host = f"127.0.0.1:{free_port()}"
    lines = ["version: 0.1", "log: {level: error}", "storage:", f"  filesystem: {{rootdirectory: {folder / 'data'}}}"]
    lines += ["  delete: {enabled: true}", "http:", f"  addr: {host}"]
    if tls is not None:
        lines += ["  tls:", f"    certificate: {tls[0]}", f"    key: {tls[1]}"]
    if users is not None:
        bcrypt = pytest.importorskip("bcrypt")
        hashed = {name: bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode() for name, word in users.items()}
        (folder / "htpasswd").write_text("".join(f"{name}:{word}\n" for name, word in hashed.items()))
        lines += ["auth:", f"  htpasswd: {{realm: test, path: {folder / 'htpasswd'}}}"]
    (folder / "config.yml").write_text("\n".join(lines) + "\n")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(PROGRAM), "serve", str(folder / "config.yml")], stdout=log, stderr=log)
        try:
            _wait(host, process, folder / "log")
            yield host
        finally:
            process.terminate()
            process.wait(10)


def _wait(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"http://{host}/v2/", timeout=5)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    wait_until(answers, log.read_text)


Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Proxy:
    """Hands requests on to a registry; `spoil` may answer in its place.

    Attributes:
        host: Its address.
        spoil: Given the method, the path and the registry's answer, returns what is answered.
        guard: Given the method, the path and the header fields, returns what is answered in place of the registry.
        seen: The requests, as `METHOD path`.
        fields: The header fields of the requests.
    """

    host: str
    spoil: Callable[[str, str, Answer], Answer | None] = lambda _method, _path, answer: answer
    guard: Callable[[str, str, dict[str, str]], Answer | None] = lambda _method, _path, _fields: None
    seen: list[str] = field(default_factory=list)
    fields: list[dict[str, str]] = field(default_factory=list)

    def count(self, text: str) -> int:
        return sum(text in one for one in self.seen)


@contextlib.contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    """Run a proxy in front of a registry."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            state.seen.append(f"{self.command} {self.path}")
            state.fields.append(dict(self.headers))
            got = state.guard(self.command, self.path, dict(self.headers)) or self._upstream(body)
            spoiled = state.spoil(self.command, self.path, got)
            if spoiled is None:
                self.close_connection = True
                return
            status, headers, data = spoiled
            self.send_response(status)
            for key, value in headers.items():
                if key.lower() not in {"connection", "transfer-encoding", "date", "server"}:
                    self.send_header(key, value.replace(upstream, state.host))
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
                if len(data) < int(headers.get("Content-Length", len(data))):
                    self.close_connection = True

        def _upstream(self, body: bytes) -> Answer:
            fields = {key: value for key, value in self.headers.items() if key.lower() not in {"host", "connection"}}
            request = urllib.request.Request(f"http://{upstream}{self.path}", body or None, fields, method=self.command)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - always http
                    return answer.status, dict(answer.headers), answer.read()
            except urllib.error.HTTPError as error:
                return error.code, dict(error.headers), error.read()

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815 - the names that http.server requires

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Proxy(f"127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def namespaces(monkeypatch: pytest.MonkeyPatch, folder: Path, *, policy: str = "", **places: str) -> Path:
    """Give the user a cache and a configuration of their own in a folder, with these namespaces; return its file."""
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder / "docker"))
    for name in [name for name in os.environ if name.startswith("WASMCP_REGISTRY_")]:
        monkeypatch.delenv(name)
    path = folder / "config" / "wasmcp" / "wasmcp-python.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f'{name} = "{place}"\n' for name, place in places.items())
    path.write_text(f"[namespaces]\n{lines}{policy}")
    return path


def resolver() -> Resolver:
    return Resolver(namespace_policy.load(), Store())


def publish(folder: Path, *versions: str, name: str = "calc") -> dict[str, Pushed]:
    pushed = {}
    for version in versions:
        path = folder / f"{name}-{version}.wasm"
        path.write_bytes(tools_component(version, "add"))
        pushed[version] = push(path, f"acme:{name}@{version}", resolver())
    return pushed


def forget(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take another, empty cache."""
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(folder / "another-cache"))
