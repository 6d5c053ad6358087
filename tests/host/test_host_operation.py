"""Operation of `wasmcp serve`: paths, health checks, TLS, Unix sockets, proxies, reloads and workers."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support import entry_points
from support.certificates import certificate
from support.minimal_servers import WAT
from support.server_processes import WASMCP, Process, free_port, post, send, served
from support.waiting import wait_until
from wasmtime import wat2wasm

from wasmcp.errors import ArtifactError, GuestTrapError, HostError
from wasmcp.host import HttpOptions, HttpResponse, open_server
from wasmcp.host.bindings.messages import HttpRequest
from wasmcp.host.scheduling.call import Call
from wasmcp.host.scheduling.pool import Pool
from wasmcp.host.transports import listener
from wasmcp.host.transports.asgi_middleware import Endpoint, ProxiedClients
from wasmcp.host.transports.tls_server import tls_context

ONE = WAT.read_text("utf-8").replace("5000000000", "1500000000")  # `!W` waits 1.5 s
TWO = ONE.replace('"content-type: application/json\\0d\\0a"', f'"{"x-version: two":30}\\0d\\0a"')
assert ONE != TWO
KEYVALUE = """(import "wasi:keyvalue/store@0.2.0-draft2" (instance
  (export "bucket" (type (sub resource)))))"""


@pytest.fixture
def server_file(tmp_path: Path) -> Path:
    path = tmp_path / "server.wasm"
    path.write_bytes(wat2wasm(ONE))
    return path


def replace(path: Path, text: str) -> None:
    scratch = path.with_suffix(".new")
    scratch.write_bytes(wat2wasm(text) if text.startswith(";;") else text.encode())
    scratch.replace(path)


# Paths and health checks


def request(app: Any, path: str, method: str = "GET", **scope: Any) -> tuple[int, bytes]:
    sent: list[dict[str, Any]] = []

    async def take(message: Any) -> None:
        sent.append(message)

    whole = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "headers": [], **scope}
    asyncio.run(app(whole, None, take))
    return sent[0]["status"], sent[1]["body"]


async def echo(scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    client = scope.get("client")
    await send({"type": "http.response.body", "body": json.dumps([scope["path"], client and client[0]]).encode()})


@pytest.mark.parametrize(
    ("path", "root", "requested", "inside"),
    [
        ("/mcp", "", "/mcp", "/mcp"),
        ("/mcp", "", "/mcp/math", "/mcp/math"),
        ("/mcp", "", "/other", "/other"),  # the server answers 404
        ("/api/v1/tools", "", "/api/v1/tools", "/mcp"),
        ("/api/v1/tools", "", "/api/v1/tools/math", "/mcp/math"),
        ("/api", "", "/.well-known/oauth-protected-resource/api", "/.well-known/oauth-protected-resource/mcp"),
        ("/api", "", "/mcp", None),
        ("/api", "", "/apix", None),
        ("/api", "", "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource"),
        ("/mcp", "/team", "/team/mcp", "/mcp"),
        ("/mcp", "/team", "/mcp", "/mcp"),
        ("/mcp", "/team", "/teamx/mcp", None),
        ("/mcp", "/team", "/team", None),
        ("/x", "/team", "/team/x/y", "/mcp/y"),
        ("/x", "/team", "/team/team/x", None),
    ],
)
def test_paths_are_mapped_to_those_of_the_server(path: str, root: str, requested: str, inside: str | None) -> None:
    app = Endpoint(echo, lambda: None, path=path, root_path=root)
    status, body = request(app, requested)
    if inside is None:
        assert (status, body) == (404, f"Not found: the endpoint is {path}\n".encode())
    else:
        assert (status, json.loads(body)[0]) == (200, inside)


@pytest.mark.parametrize("root", ["", "/team"])
def test_health_checks(root: str) -> None:
    problems: list[str] = []
    app = Endpoint(echo, lambda: problems[0] if problems else None, root_path=root)
    for check in ("/healthz", "/readyz", f"{root}/readyz"):
        assert request(app, check) == (200, b"ok\n")
    problems.append("the server is shutting down")
    assert request(app, "/healthz") == (200, b"ok\n")
    assert request(app, "/readyz") == (503, b"not ready: the server is shutting down\n")
    assert request(app, "/readyz", "POST")[0] == 405


@pytest.mark.parametrize(
    ("peer", "fields", "client"),
    [
        ("10.0.0.7", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.7", ["1.2.3.4, 203.0.113.9, 10.1.1.1"], "203.0.113.9"),  # what is before can be forged
        ("10.0.0.7", ["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.7", ["10.1.1.1"], "10.1.1.1"),
        ("10.0.0.7", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.7", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.7", ["1.2.3.4, unknown"], "10.0.0.7"),
        ("10.0.0.7", ["1.2.3.4, unknown, 10.1.1.1"], "10.1.1.1"),
        ("10.0.0.7", [""], "10.0.0.7"),
        ("10.0.0.7", [], "10.0.0.7"),
        ("::ffff:10.0.0.7", ["203.0.113.9"], "203.0.113.9"),
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),  # not a trusted proxy
        (None, ["203.0.113.9"], None),
    ],
)
def test_only_trusted_proxies_name_clients(peer: str | None, fields: list[str], client: str | None) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in fields]
    app = ProxiedClients(echo, ["10.0.0.0/8"])
    _, body = request(app, "/mcp", headers=headers, client=None if peer is None else (peer, 1))
    assert json.loads(body)[1] == client


def test_unix_socket_can_be_trusted() -> None:
    app = ProxiedClients(echo, ["unix"])
    _, body = request(app, "/mcp", headers=[(b"x-forwarded-for", b"203.0.113.9")], client=None)
    assert json.loads(body)[1] == "203.0.113.9"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path": "mcp"}, "the path must begin with `/`"),
        ({"path": "/a/../b"}, "the path must begin with `/`"),
        ({"path": "/a%2fb"}, "the path must begin with `/`"),
        ({"path": "/"}, "the path must begin with `/`"),
        ({"root_path": "/a/"}, "the root path must begin with `/`"),
        ({"path": "/healthz"}, "is that of a health check"),
        ({"trusted_proxies": ("10.0.0.0/8", "proxy.example")}, "not `proxy.example`"),
        ({"workers": 0}, "the number of workers must be from 1 to 256, not 0"),
        ({"host": ""}, "the host must be an address or a name, not empty"),
        *(({"host": host}, f"brackets, not `{host}`") for host in ("[::1]", "http://a", "127.0.0.1:80", "a b")),
        ({"path": "/.well-known/mcp"}, "must not begin with `/.well-known/`"),
        ({"access_log": Path("x"), "audit_log": Path("x")}, "must be two files, not both `x`"),
        ({"unix_socket": Path("x"), "port": 80}, "a Unix socket is used instead of host and port"),
        ({"socket_mode": 0o660}, "the mode of the socket needs a Unix socket"),
        ({"tls_key": Path("key.pem")}, "a TLS key needs a TLS certificate"),
        ({"socket_mode": 0o1777}, "must be from 1 to 777 (octal), not 1777"),
    ],
)
def test_invalid_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        HttpOptions(**options)
    assert words in str(caught.value)


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_both_logs_can_be_one_device(device: str) -> None:
    assert HttpOptions(access_log=Path(device), audit_log=Path(device)).audit_log == Path(device)


def test_all_invalid_options_are_named_by_the_command(server_file: Path) -> None:
    command = [*WASMCP, "serve", str(server_file), "--path", "x", "--trusted-proxy", "y", "--workers", "0"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert all(words in result.stderr for words in ("the path must", "a trusted proxy must", "workers must"))


def test_limit_of_a_tool_that_is_not_listed_is_a_warning(zig_server: Path) -> None:
    limits = ["--rate-limit", "tool:add=9/minute", "--rate-limit", "tool:ad=9/minute"]
    with served(str(zig_server), "--port", str(free_port()), *limits) as process:
        warnings = [line for line in process.lines if "the rate limit of the tool" in line]
        assert len(warnings) == 1
        assert "the tool `ad` has no effect" in warnings[0]


def test_memory_that_is_too_small_for_the_settings_ends_the_start(zig_server: Path) -> None:
    command = [*WASMCP, "serve", str(zig_server), "--port", "0", "--memory", "1"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: the server exceeded its memory limit of 1048576 bytes")


# Unix sockets and TLS


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(str(self._path))


def test_unix_socket(server_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "mcp.sock"
    with served(str(server_file), "--unix", str(path), "--unix-mode", "660", "--path", "/x") as process:
        assert path.stat().st_mode & 0o777 == 0o660
        assert send(UnixConnection(path), "hello", "/x").read() == b"hello"
        with pytest.raises(HostError, match="another process listens on it"):
            listener.listen_unix(path, 0o600)
        process.stop()
    assert not path.exists()


def test_server_on_a_unix_socket(zig_server: Path, tmp_path: Path) -> None:
    path = tmp_path / "mcp.sock"
    with served(str(zig_server), "--unix", str(path)):
        accepted, refused = UnixConnection(path), UnixConnection(path)
        body, fields = entry_points.text_of(entry_points.CALL), entry_points.mirrored(entry_points.CALL)
        accepted.request("POST", "/mcp", body, fields)
        response = accepted.getresponse()
        assert (response.status, json.loads(response.read())["result"]["structuredContent"]) == (200, {"result": 3})
        refused.request("POST", "/mcp", body, {**fields, "Host": "evil.test"})
        assert refused.getresponse().status == 403


def test_unix_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "mcp.sock"
    listener.listen_unix(path, 0o600).close()
    assert path.exists()
    listener.listen_unix(path, 0o600).close()
    path.unlink()
    path.write_text("a file")
    with pytest.raises(HostError, match="the path is another file"):
        listener.listen_unix(path, 0o600)
    assert path.read_text() == "a file"


def common_name(port: int, trusted: Path) -> str:
    context = ssl.create_default_context(cafile=str(trusted))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        subject: Any = secure.getpeercert()
    return str(subject["subject"][0][0][1])


def test_tls_and_the_reload_of_its_certificate(server_file: Path, tmp_path: Path) -> None:
    first, first_key = certificate(tmp_path, "first")
    second, second_key = certificate(tmp_path, "second")
    port = free_port()
    options = ["--port", str(port), "--tls-cert", str(first), "--tls-key", str(first_key)]
    with served(str(server_file), *options) as process:
        process.wait_for(f"https://127.0.0.1:{port}/mcp")
        context = ssl.create_default_context(cafile=str(first))
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)
        assert send(connection, "hello").read() == b"hello"
        assert common_name(port, first) == "first"
        old = first.read_bytes()
        second.replace(first)
        process.signal(signal.SIGHUP)
        process.wait_for("was not reloaded")  # the key does not match
        (tmp_path / "old.crt").write_bytes(old)
        assert common_name(port, tmp_path / "old.crt") == "first"
        second_key.replace(first_key)
        process.signal(signal.SIGHUP)
        process.wait_for("was reloaded")
        assert common_name(port, first) == "second"


def test_tls_files_that_cannot_be_used(tmp_path: Path) -> None:
    first, first_key = certificate(tmp_path, "first")
    _, other_key = certificate(tmp_path, "other")
    _, secret_key = certificate(tmp_path, "secret", password=b"p")
    (tmp_path / "not.pem").write_text("text")
    for files, words in [
        ((first, other_key), "mismatch"),
        ((first, secret_key), "has a password"),
        ((first, None), "expected a certificate with its chain and the matching private key"),
        ((tmp_path / "not.pem", first_key), "cannot be used"),
        ((tmp_path / "missing.pem", first_key), "does not exist"),
    ]:
        with pytest.raises(HostError) as caught:
            tls_context(*files)
        assert words.lower() in str(caught.value).lower()


# Reloads


@pytest.mark.parametrize("way", ["signal", "watch"])
def test_reload_keeps_the_requests_in_progress(server_file: Path, way: str) -> None:
    port = free_port()
    options = ["--watch"] if way == "watch" else []
    with served(str(server_file), "--port", str(port), *options) as process:
        assert post(port).getheader("x-version") is None
        answers: list[tuple[bytes, str | None]] = []

        def slow() -> None:
            response = post(port, "!W")
            answers.append((response.read(), response.getheader("x-version")))

        thread = threading.Thread(target=slow)
        thread.start()
        time.sleep(0.3)
        replace(server_file, TWO)
        if way == "signal":
            process.signal(signal.SIGHUP)
        process.wait_for("was reloaded")
        assert post(port).getheader("x-version") == "two"
        thread.join(60)
        assert answers == [(b"!W", None)]  # by the version that it was sent to


@pytest.fixture
def slow_server(tmp_path: Path) -> Path:
    """A server whose `!W` takes 7 s."""
    path = tmp_path / "slow.wasm"
    path.write_bytes(wat2wasm(WAT.read_text("utf-8").replace("5000000000", "7000000000")))
    return path


def call_in_progress(port: int, found: list[bytes]) -> threading.Thread:
    """Send a request that takes 7 s; its body, or nothing if the connection ends without one."""
    assert post(port).read() == b"hello"  # a worker accepts connections

    def call() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            found.append(post(port, "!W").read())

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(1)
    return thread


@pytest.mark.parametrize("workers", ["1", "2"])
def test_requests_in_progress_end_before_the_process(slow_server: Path, workers: str) -> None:
    port, found = free_port(), list[bytes]()
    with served(str(slow_server), "--port", str(port), "--workers", workers) as process:
        thread = call_in_progress(port, found)
        assert process.stop() in {0, -signal.SIGTERM}
        thread.join(60)
    assert found == [b"!W"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_another_interrupt_ends_the_requests_in_progress(slow_server: Path, workers: str) -> None:
    port, found = free_port(), list[bytes]()
    with served(str(slow_server), "--port", str(port), "--workers", workers) as process:
        thread = call_in_progress(port, found)
        process.signal(signal.SIGINT)
        time.sleep(0.5)
        process.signal(signal.SIGINT)
        process.process.wait(60)
        thread.join(60)
    assert found != [b"!W"]


def test_server_that_cannot_be_loaded_does_not_replace_the_old_one(server_file: Path) -> None:
    port = free_port()
    with served(str(server_file), "--port", str(port)) as process:
        replace(server_file, "not a component")
        process.signal(signal.SIGHUP)
        process.wait_for("was not reloaded, the previous version is still served")
        assert post(port).read() == b"hello"
        replace(server_file, TWO)
        process.signal(signal.SIGHUP)
        process.wait_for("was reloaded")
        assert post(port).getheader("x-version") == "two"


def test_reload_in_process(tmp_path: Path) -> None:
    with open_server(bytes(wat2wasm(ONE))) as server:
        session = server.sessions
        assert server.http("POST", "/mcp", body="x").header("x-version") is None
        for _ in range(3):
            server.reload(bytes(wat2wasm(TWO)))
        assert server.http("POST", "/mcp", body="x").header("x-version") == "two"
        assert server.sessions is session
        for bad, error in [(b"", ArtifactError), (bytes(wat2wasm("(component)")), ArtifactError)]:
            with pytest.raises(error):
                server.reload(bad)
        with pytest.raises(ArtifactError):
            server.reload(tmp_path / "missing.wasm")
        assert server.http("POST", "/mcp", body="x").header("x-version") == "two"
        with pytest.raises(GuestTrapError):
            server.http("POST", "/mcp", body="!T")
    with pytest.raises(HostError):
        server.reload(bytes(wat2wasm(ONE)))


def test_many_reloads_do_not_pile_up_old_versions() -> None:
    """Check that reloads wait, while calls in progress keep old versions."""
    with open_server(bytes(wat2wasm(ONE))) as server:
        threads = []
        for _ in range(5):
            thread = threading.Thread(target=server.http, args=("POST", "/mcp"), kwargs={"body": "!W"})
            thread.start()
            threads.append(thread)
            wait_until(lambda: any(worker.call is not None for worker in server.pool._workers))
            server.reload(bytes(wat2wasm(TWO)))
            assert len(server._draining) <= 3
        for thread in threads:
            thread.join(60)
        wait_until(lambda: not server._draining)


def test_waiting_and_later_calls_are_passed_on_to_the_version_that_replaces_theirs() -> None:
    answers: list[HttpResponse] = []
    with open_server(bytes(wat2wasm(ONE)), instances=1) as server:
        old = server.pool
        running = threading.Thread(target=lambda: answers.append(server.http("POST", "/mcp", body="!W")))
        running.start()
        wait_until(lambda: any(worker.call is not None for worker in old._workers))
        waiting = threading.Thread(target=lambda: answers.append(server.http("POST", "/mcp", body="waits")))
        waiting.start()
        wait_until(lambda: old.waiting_calls == 1)
        server.reload(bytes(wat2wasm(TWO)))
        waiting.join(60)
        running.join(60)
        assert [answer.header("x-version") for answer in answers] == ["two", None]
        wait_until(lambda: not server._draining)
        ended = threading.Event()
        late = Call(HttpRequest(b"POST", b"/mcp", b"", b"late"), 60, lambda _call: ended.set())
        old.submit(late)  # by a thread that has read `server.pool` before the reload
        assert ended.wait(60)
        assert late.error is None
        assert b"x-version: two" in late.result[1]


def test_call_that_is_about_to_run_ends_in_the_version_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, released, next_call = threading.Event(), threading.Event(), Pool.next_call

    def pausing(self: Pool, worker: Any) -> Call | None:
        call = next_call(self, worker)
        if call is not None and self is old:
            taken.set()
            assert released.wait(60)
        return call

    monkeypatch.setattr(Pool, "next_call", pausing)
    answers: list[HttpResponse] = []
    with open_server(bytes(wat2wasm(ONE))) as server:
        old = server.pool
        running = threading.Thread(target=lambda: answers.append(server.http("POST", "/mcp", body="x")))
        running.start()
        assert taken.wait(60)
        server.reload(bytes(wat2wasm(TWO)))
        (draining,) = server._draining.values()
        draining.join(0.2)
        released.set()
        running.join(60)
        draining.join(60)
        assert [answer.header("x-version") for answer in answers] == [None]


def test_unusable_file_of_any_kind_does_not_end_reloads(server_file: Path) -> None:
    port = free_port()
    with served(str(server_file), "--port", str(port)) as process:
        assert post(port).read() == b"hello"
        server_file.unlink()
        server_file.mkdir()
        process.signal(signal.SIGHUP)
        process.wait_for("was not reloaded, the previous version is still served")
        server_file.rmdir()
        server_file.write_bytes(wat2wasm(TWO))
        process.signal(signal.SIGHUP)
        process.wait_for("was reloaded")


# Workers


def test_workers_share_the_socket_and_are_restarted(server_file: Path) -> None:
    port = free_port()
    with served(str(server_file), "--port", str(port), "--workers", "2") as process:
        assert post(port).read() == b"hello"
        wait_until(lambda: len(workers_of(process)) == 2)
        victim = workers_of(process)[0]
        os.kill(victim, signal.SIGKILL)
        process.wait_for("a worker has ended (signal 9); another is started")
        wait_until(lambda: len(set(workers_of(process)) - {victim}) == 2)
        assert post(port).read() == b"hello"
        replace(server_file, TWO)
        process.signal(signal.SIGHUP)
        wait_until(lambda: all(post(port).getheader("x-version") == "two" for _ in range(8)))
        workers = workers_of(process)
        process.stop()
        wait_until(lambda: not any(is_running(pid) for pid in workers))


def test_reload_does_not_end_workers_that_start(server_file: Path) -> None:
    port = free_port()
    with served(str(server_file), "--port", str(port), "--workers", "2") as process:
        ends = time.monotonic() + 60
        while not any("was reloaded" in line for line in process.lines):  # the workers take longer to start
            assert time.monotonic() < ends
            process.signal(signal.SIGHUP)
            time.sleep(0.02)
        assert post(port).read() == b"hello"
        assert not any("a worker has ended" in line for line in process.lines)


def test_several_workers_need_shared_storage(tmp_path: Path) -> None:
    keeping = tmp_path / "keeping.wasm"
    keeping.write_bytes(wat2wasm(ONE.replace("(component\n", f"(component\n{KEYVALUE}\n", 1)))
    command = [*WASMCP, "serve", str(keeping), "--port", "0", "--workers", "2"]
    for options, variables, words in [
        ([], {}, "several workers would each keep their own values in memory"),
        (
            ["--keyvalue", f"sqlite:{tmp_path / 'values'}"],
            {"WASMCP_SESSION_ENABLED": "true"},
            "needs one worker, whose memory has the sessions",
        ),
    ]:
        environment = {**os.environ, **variables}
        result = subprocess.run(
            [*command, *options], capture_output=True, text=True, timeout=120, check=False, env=environment
        )
        assert result.returncode == 1
        assert words in " ".join(result.stderr.split())


def test_workers_end_with_their_parent(server_file: Path) -> None:
    with served(str(server_file), "--port", str(free_port()), "--workers", "2") as process:
        wait_until(lambda: len(workers_of(process)) == 2)
        workers = workers_of(process)
        process.process.kill()
        wait_until(lambda: not any(is_running(pid) for pid in workers))
        assert [pid for pid in workers if is_running(pid)] == []


def workers_of(process: Process) -> list[int]:
    """Return the process identifiers of the workers; without the resource tracker of multiprocessing."""
    children = Path(f"/proc/{process.process.pid}/task/{process.process.pid}/children")
    found = [int(pid) for pid in children.read_text().split()]
    return [pid for pid in found if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text() and is_running(pid)]


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
