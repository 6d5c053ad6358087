"""Rate limits, logs of requests and metrics of `wasmcp serve` and of stdio servers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.nginx_servers import needs_nginx, nginx_location
from support.server_processes import WASMCP, free_port, post, served
from support.waiting import wait_until

from wasmcp.cli.serve import serve_command
from wasmcp.errors import HostError
from wasmcp.host import Limits, Rate, RateLimits, open_server
from wasmcp.host.configuration.declared import Configuration
from wasmcp.host.operations.metrics import Metrics
from wasmcp.host.operations.rate_limits import RateLimiter, refusal
from wasmcp.host.operations.request_records import (
    Identity,
    LogFile,
    Received,
    RequestRecord,
    access_line,
    audit_lines,
    decision,
    received,
)
from wasmcp.host.transports.asgi import App
from wasmcp.host.transports.asgi_middleware import Admission, Observation, network_of
from wasmcp.host.transports.stdio import StdioSession

CALL = Received("tools/call", "search", 1)
LIST = Received("tools/list", "", 2)
COMPLETE = Received("completion/complete", "greet", 3)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def limiter(clock: Clock, *texts: str, by: str | None = None) -> RateLimiter:
    return RateLimiter(RateLimits().with_options(texts, by), clock)


@pytest.fixture
def own_server(server_bytes: bytes, tmp_path: Path) -> Path:
    """A file of a server that a test can replace."""
    path = tmp_path / "server.wasm"
    path.write_bytes(server_bytes)
    return path


# Rates


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10/minute", Rate(10, 60.0)),
        (" 1 / second ", Rate(1, 1.0)),
        ("5/hour", Rate(5, 3600.0)),
        ("2/day", Rate(2, 86400.0)),
    ],
)
def test_rates(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate
    assert Rate.parse(str(rate)) == rate


@pytest.mark.parametrize("text", ["", "10", "0/minute", "-1/minute", "10/week", "1.5/second", "10/minutes", "x/minute"])
def test_texts_that_are_no_rates(text: str) -> None:
    with pytest.raises(ValueError, match="must be a rate such as `10/minute`"):
        Rate.parse(text)


@pytest.mark.parametrize("text", ["request=1/minute", "1/minute", "tool:=1/minute", "tools", "tools=often"])
def test_options_that_are_no_limits(text: str) -> None:
    with pytest.raises(ValueError, match="rate limit"):
        RateLimits().with_options([text])


def test_operator_replaces_single_limits() -> None:
    declared = RateLimits("session", {"requests": Rate(1, 1.0), "tools": Rate(2, 1.0)}, {"a": Rate(3, 1.0)})
    given = declared.with_options(["requests=9/minute", "tools=none", "tool:b=c=4/hour"])
    assert given == RateLimits("session", {"requests": Rate(9, 60.0)}, {"a": Rate(3, 1.0), "b=c": Rate(4, 3600.0)})
    assert not RateLimits().with_options(["requests=none"])


def test_limits_are_kept_in_the_manifest() -> None:
    limits = RateLimits("session", {"completions": Rate(1, 1.0)}, {"a": Rate(3, 60.0)})
    written = json.loads(json.dumps(Configuration(limits=limits).to_manifest()))
    assert written == {"limits": {"by": "session", "completions": "1/second", "tool": {"a": "3/minute"}}}
    assert Configuration.of_manifest(written).limits == limits
    assert Configuration().to_manifest() == {}
    for wrong in [{"by": "colour"}, {"tools": "often"}, {"tool": {"a": ""}}]:
        with pytest.raises(ValueError, match=r"must be"):
            Configuration.of_manifest({"limits": wrong})


# Counting


def test_requests_above_a_limit_wait_for_its_time() -> None:
    clock = Clock()
    limits = limiter(clock, "requests=3/minute")
    assert [limits.admit("a", [LIST]) is None for _ in range(4)] == [True, True, True, False]
    limited = limits.admit("a", [LIST])
    assert limited is not None
    assert (limited.rate, limited.retry_after) == (Rate(3, 60.0), 20)
    assert str(limited) == "Rate limit exceeded: at most 3 requests in 60 s; try again in 20 s"
    clock.now += 19.9
    assert limits.admit("a", [LIST]) is not None  # refused requests do not count
    clock.now += 0.2
    assert limits.admit("a", [LIST]) is None
    assert limits.admit("a", [LIST]) is not None
    assert limits.admit("b", [LIST]) is None  # another client
    clock.now += 3600
    assert [limits.admit("a", []) is None for _ in range(4)] == [True, True, True, False]


def test_each_kind_has_its_own_counter() -> None:
    limits = limiter(Clock(), "tools=2/minute", "completions=1/minute", "tool:search=1/minute")
    assert limits.admit("a", [CALL]) is None
    assert "calls of `search`" in str(limits.admit("a", [CALL]))
    other = Received("tools/call", "other", 1)
    assert limits.admit("a", [other]) is None
    assert "calls of tools" in str(limits.admit("a", [other]))
    assert limits.admit("a", [COMPLETE]) is None
    assert "completions" in str(limits.admit("a", [COMPLETE]))
    assert all(limits.admit("a", [LIST]) is None for _ in range(10))


def test_batch_counts_each_message_or_none() -> None:
    limits = limiter(Clock(), "tools=3/minute")
    assert limits.admit("a", [CALL] * 4) is not None
    assert limits.admit("a", [CALL] * 3) is None
    assert limits.admit("a", [CALL]) is not None


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30), st.integers(1, 3)), max_size=60),
)
def test_rate_is_never_exceeded(number: int, steps: list[tuple[str, float, int]]) -> None:
    clock = Clock()
    limits = limiter(clock, f"requests={number}/minute")
    admitted: list[tuple[str, float]] = []
    for client, pause, count in steps:
        clock.now += pause
        if limits.admit(client, [LIST] * count) is None:
            admitted += [(client, clock.now)] * count
    for client, begun in admitted:
        window = [time for one, time in admitted if one == client and begun <= time < begun + 60]
        assert len(window) < 2 * number + 1  # a full burst, and what is paid for meanwhile
    for client in "abc":
        times = [time for one, time in admitted if one == client]
        assert len(times) <= number + (clock.now - 1000) * number / 60 + 1e-6


def test_counters_are_bounded() -> None:
    clock = Clock()
    limits = limiter(clock, "requests=1/minute")
    for index in range(70_000):
        limits.admit(f"client {index}", [])
    assert len(limits._kinds["requests"]._paid) <= 65_536
    assert limits.admit("client 69999", []) is not None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff::2", "2001:db8:0:1::/64"),
        ("unknown", "unknown"),
    ],
)
def test_addresses_of_one_client(address: str, network: str) -> None:
    assert network_of(address) == network


# Messages


def test_last_of_duplicate_members_counts_as_in_the_server() -> None:
    text = b'{"method":"a","method":"tools/call","id":1,"params":{},"params":{"name":"x","name":"y"}}'
    assert received(text) == [Received("tools/call", "y", 1)]


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        (b"", []),
        (b"{", []),
        (b"[" * 100_000, []),
        (b"1", [Received()]),
        (b"[]", []),
        (b'[{"method":"ping","id":"a"},{"result":{}}]', [Received("ping", "", "a"), Received()]),
        (b'{"method":"resources/read","id":true,"params":{"uri":"a:b"}}', [Received("resources/read", "a:b")]),
        (b'{"method":"completion/complete","params":{"ref":{"name":"n"}}}', [Received("completion/complete", "n")]),
        (
            b'{"method":"tools/call","params":{"name":5,"arguments":{"a":1}}}',
            [Received("tools/call", "", None, {"a": 1})],
        ),
        (b'{"method":5}', [Received()]),
    ],
)
def test_messages_of_a_body(body: bytes, messages: list[Received]) -> None:
    assert received(body) == messages


# HTTP


def run_http(app: Any, *requests: tuple[bytes, dict[str, Any]]) -> list[tuple[int, dict[bytes, bytes], bytes]]:
    """Send requests to an ASGI application, one after the other."""

    async def one(body: bytes, scope: dict[str, Any]) -> tuple[int, dict[bytes, bytes], bytes]:
        sent: list[dict[str, Any]] = []

        async def take(message: Any) -> None:
            sent.append(message)

        bodies = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return bodies.pop() if bodies else await asyncio.Event().wait()

        whole = {"type": "http", "method": "POST", "path": "/mcp", "raw_path": b"/mcp", "headers": []}
        await app({**whole, "client": ("192.0.2.1", 5), **scope}, receive, take)
        return sent[0]["status"], dict(sent[0]["headers"]), b"".join(each.get("body", b"") for each in sent[1:])

    async def run() -> list[tuple[int, dict[bytes, bytes], bytes]]:
        return [await one(body, scope) for body, scope in requests]

    return asyncio.run(asyncio.wait_for(run(), 60))


def test_request_above_a_limit_does_not_reach_the_server(server_bytes: bytes) -> None:
    records: list[RequestRecord] = []
    body = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"search"}}'
    with open_server(server_bytes) as server:
        app = App(server, Admission(limiter(Clock(), "tool:search=1/minute"), server.sessions.is_alive))
        observed = Observation(app, [records.append])
        first, second, third, fourth = run_http(
            observed,
            (body, {}),
            (body, {"headers": [(b"user-agent", b"x")]}),
            (body, {"client": ("192.0.2.2", 5)}),
            (b"[" + body + b"]", {}),
        )
    assert (first[0], third[0]) == (200, 200)
    status, fields, answer = second
    assert (status, fields[b"retry-after"], fields[b"content-type"]) == (429, b"60", b"application/json")
    error = json.loads(answer)
    assert (error["id"], error["error"]["code"], error["error"]["data"]) == (7, -32000, {"retryAfter": 60})
    assert fourth[2].startswith(b"[{")
    assert [(one.status, decision(one), one.client) for one in records] == [
        (200, "allowed", "192.0.2.1"),
        (429, "limited", "192.0.2.1"),
        (200, "allowed", "192.0.2.2"),
        (429, "limited", "192.0.2.1"),
    ]
    assert records[1].agent == "x"
    assert records[1].sent == len(answer)


def test_only_health_checks_are_not_observed() -> None:
    records: list[RequestRecord] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    paths = ["/healthz", "/team/readyz", "/mcp/healthz", "/mcp"]
    run_http(Observation(app, [records.append], "/team"), *((b"", {"path": path, "raw_path": b""}) for path in paths))
    assert [record.path for record in records] == ["/mcp/healthz", "/mcp"]


def test_session_that_does_not_exist_is_no_client(server_bytes: bytes) -> None:
    with open_server(server_bytes) as server:
        app = App(server, Admission(limiter(Clock(), "requests=1/minute", by="session"), lambda one: one == "alive"))
        forged = [(b"x", {"headers": [(b"mcp-session-id", b"forged %d" % index)]}) for index in range(3)]
        alive = [(b"x", {"headers": [(b"mcp-session-id", b"alive")]})] * 2
        statuses = [status for status, _, _ in run_http(app, *forged, *alive)]
    assert statuses == [200, 429, 429, 200, 429]


# stdio


def test_stdio_requests_above_a_limit(server_bytes: bytes) -> None:
    answers: list[bytes] = []
    with open_server(server_bytes) as server:
        session = StdioSession(answers.append, Limits(), rates=RateLimits().with_options(["tools=1/day"]))
        session.ready(server)
        line = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search"}}'
        session.line(line)
        session.line(line)
        session.line(b'{"jsonrpc":"2.0","method":"tools/call"}')  # a notification has no answer
        session.drain()
    errors = [json.loads(answer)["error"] for answer in answers if b"error" in answer]
    assert [error["code"] for error in errors] == [-32000]
    assert "try again in" in errors[0]["message"]
    assert len(answers) == 3


def test_refusal_of_a_batch_has_an_error_for_each_request() -> None:
    limits = limiter(Clock(), "requests=1/day")
    limited = limits.admit("a", [LIST] * 2)
    assert limited is not None
    answer = json.loads(refusal([LIST, Received("x"), CALL], limited, is_batch=True) or b"")
    assert [each["id"] for each in answer] == [2, 1]
    assert refusal([Received("x")], limited) is None


# Logs


def test_access_line_cannot_be_forged() -> None:
    record = RequestRecord(0.0, "192.0.2.1", "GET", '/mcp" 200\n127.0.0.1', "1.1", 'a"b\x1b[31m é', status=404, sent=5)
    line = access_line(record)
    assert line == (
        '192.0.2.1 - - [01/Jan/1970:00:00:00 +0000] "GET /mcp\\x22 200\\n127.0.0.1 HTTP/1.1" 404 5 "-" '
        '"a\\x22b\\x1b[31m \\xe9" 0.000000'
    )


def test_audit_lines() -> None:
    messages = [Received("tools/call", "search", 1, {"q": "secret"}), Received()]
    record = RequestRecord(1.5, None, "POST", "/mcp", "1.1", session="s", status=200, seconds=0.25, messages=messages)
    first, second = [json.loads(line) for line in audit_lines(record, arguments=False)]
    assert first == {
        "time": "1970-01-01T00:00:01.500Z",
        "client": None,
        "identity": None,
        "session": first["session"],
        "method": "tools/call",
        "target": "search",
        "decision": "allowed",
        "status": 200,
        "duration_ms": 250.0,
    }
    assert re.fullmatch("[0-9a-f]{16}", first["session"])
    assert second["method"] == "HTTP POST"
    record.identity = Identity("https://issuer.test", "ann\n\x1b" + "x" * 100_000)
    identity = json.loads(audit_lines(record, arguments=False)[0])["identity"]
    assert (identity["issuer"], identity["subject"][:6]) == ("https://issuer.test", "ann\n\x1bx")
    assert len(identity["subject"]) == 2048
    assert json.loads(audit_lines(record, arguments=True)[0])["arguments"] == {"q": "secret"}
    record.messages = [Received("tools/call", "x", 1, {"q": "y" * 100_000})]
    assert json.loads(audit_lines(record, arguments=True)[0])["arguments"] == "100009 characters"


@pytest.mark.parametrize(
    ("status", "word"),
    [(200, "allowed"), (202, "allowed"), (401, "denied"), (403, "denied"), (404, "failed"), (499, "failed")],
)
def test_decisions(status: int, word: str) -> None:
    assert decision(RequestRecord(0, None, "POST", "/mcp", "1.1", status=status)) == word


def test_log_file_is_private_and_can_be_rotated(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = LogFile(path, str)
    assert path.stat().st_mode & 0o777 == 0o600
    log.write("one")
    log.reopen()
    path.rename(tmp_path / "old.log")
    log.reopen()
    log.write("two")
    log.close()
    log.write("three")
    assert ((tmp_path / "old.log").read_text(), path.read_text()) == ("one\n", "two\n")
    with pytest.raises(HostError, match="cannot be written"):
        LogFile(tmp_path / "missing" / "x.log", str)


def test_log_that_is_not_written_delays_nothing_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = LogFile(path, lambda dropped: f"{dropped} dropped")
    for _ in range(10_000):
        log.write("x" * 1000)  # 10 MB; the pipe has 64 KiB, and 4 MiB wait
    os.set_blocking(reading, True)
    text = b""
    reader = threading.Thread(target=log.close)
    while b"dropped" not in text:
        text += os.read(reading, 1 << 20)
    reader.start()
    os.close(reading)
    reader.join(30)
    assert re.search(rb"\n[0-9]+ dropped\n", text)


def test_lines_that_a_full_disk_cannot_take_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, room = tmp_path / "audit.log", tmp_path / "room"
    path.symlink_to("/dev/full")
    log = LogFile(path, lambda dropped: f"{dropped} dropped")
    for line in ("one", "two", "three"):
        log.write(line)
        log.reopen()  # waits until it was tried
    path.unlink()
    path.symlink_to(room)
    log.reopen()
    log.write("four")
    log.close()
    assert room.read_text() == "four\n14 dropped\n"
    wait_until(lambda: caplog.records)
    message = f"the log `{path}` cannot be written: No space left on device; what is dropped is counted"
    assert [record.getMessage() for record in caplog.records] == [message]


def test_line_that_was_written_in_part_ends_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    script = f"""
import pathlib, resource
from wasmcp.host.operations.request_records import LogFile

log = LogFile(pathlib.Path({str(path)!r}), lambda dropped: f"{{dropped}} dropped")
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (25, most))
for letter in "abc":
    log.write(letter * 19)
    log.reopen()
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
log.write("d")
log.close()
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60)
    assert path.read_text() == f"{'a' * 19}\nbbbbb\nd\n35 dropped\n"


# The command


def test_serve_writes_logs_and_metrics(own_server: Path, tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    access, audit = tmp_path / "access.log", tmp_path / "audit.log"
    options = ["--access-log", str(access), "--audit-log", str(audit), "--metrics", str(metrics)]
    body = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"search"}}'
    with served(str(own_server), "--port", str(port), *options, "--rate-limit", "tool:search=2/hour") as process:
        assert [post(port, body).status for _ in range(3)] == [200, 200, 429]
        assert post(port, "x", "/healthz").status == 405
        access.rename(tmp_path / "access.1")
        process.signal(signal.SIGHUP)
        process.wait_for("was reloaded")
        assert post(port, "x").status == 200
        # The server lists no tools, so that no name gets a value of its own.
        expected = 'wasmcp_requests_total{decision="allowed",method="tools/call",target="other"} 2.0'
        wait_until(lambda: expected in scraped(metrics), lambda: scraped(metrics))
        text = scraped(metrics)
        assert 'wasmcp_requests_total{decision="limited",method="tools/call",target="other"} 1.0' in text
        assert 'wasmcp_request_duration_seconds_count{method="tools/call"} 3.0' in text
        assert 'wasmcp_http_responses_total{status="429"} 1.0' in text
        for gauge in ("connections", "instances", "waiting_calls", "sessions", "streams"):
            assert re.search(rf"^wasmcp_{gauge} [0-9.]+$", text, re.MULTILINE), text
        process.stop()
    assert [line.split()[8] for line in (tmp_path / "access.1").read_text().splitlines()] == ["200", "200", "429"]
    assert len(access.read_text().splitlines()) == 1
    decisions = [json.loads(line)["decision"] for line in audit.read_text().splitlines()]
    assert decisions == ["allowed", "allowed", "limited", "allowed"]


def request_of(*messages: Received, status: int = 200) -> RequestRecord:
    return RequestRecord(0.0, None, "POST", "/mcp", "1.1", status=status, messages=messages)


def requests_in(metrics: Metrics) -> dict[tuple[str, str, str], float]:
    return {
        (sample.labels["method"], sample.labels["target"], sample.labels["decision"]): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "wasmcp_requests_total"
    }


def test_only_names_of_the_lists_get_values_of_their_own() -> None:
    readings = []

    def names() -> list[tuple[str, str]]:
        readings.append(1)
        return [("tools/call", "search"), ("prompts/get", "greet")]

    metrics = Metrics({}, names)
    calls = [Received("tools/call", f"unknown {number}", number) for number in range(2000)]
    for one in (CALL, CALL, Received("tools/call", "greet", 1), Received("prompts/get", "greet", 1), *calls):
        metrics.observe(request_of(one))
    assert readings == []  # the request path reads nothing
    metrics.refresh()
    metrics.observe(request_of(CALL))
    metrics.observe(request_of(Received("tools/call", "another", 1)))
    metrics.refresh()
    assert readings == [1]  # at most once a minute
    assert requests_in(metrics) == {
        ("tools/call", "search", "allowed"): 3.0,
        ("prompts/get", "greet", "allowed"): 1.0,
        ("tools/call", "other", "allowed"): 2001.0,
    }


@pytest.mark.parametrize("method", ["notifications/initialized", "tasks/get", "skills/list", "ping"])
def test_methods_of_the_protocol_and_its_extensions_are_named(method: str) -> None:
    metrics = Metrics({}, list)
    for one in (method, "made/up"):
        metrics.observe(request_of(Received(one)))
    assert requests_in(metrics) == {(method, "", "allowed"): 1.0, ("other", "", "allowed"): 1.0}


def test_names_are_other_while_the_server_cannot_list() -> None:
    def names() -> list[tuple[str, str]]:
        raise HostError("the server is closed")

    metrics = Metrics({}, names)
    metrics.observe(request_of(CALL))
    metrics.refresh()
    assert requests_in(metrics) == {("tools/call", "other", "allowed"): 1.0}


def test_metrics_of_workers_are_summed(own_server: Path) -> None:
    port, metrics = free_port(), free_port()
    options = ["--port", str(port), "--workers", "2", "--metrics", f"127.0.0.1:{metrics}"]
    with served(str(own_server), *options):
        for _ in range(20):
            assert post(port, '{"jsonrpc":"2.0","id":7,"method":"ping"}').status == 200
        expected = 'wasmcp_requests_total{decision="allowed",method="ping",target=""} 20.0'
        wait_until(lambda: expected in scraped(metrics), lambda: scraped(metrics))


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as response:
        return str(response.read().decode())


def test_wrong_options_are_named(own_server: Path) -> None:
    for options, words in [
        (["--rate-limit", "tools=often"], "the rate limit `tools` must be a rate such as `10/minute`"),
        (["--metrics", "x"], "--metrics must be PORT or HOST:PORT, not `x`"),
        (["--audit-arguments"], "arguments in the audit log need an audit log"),
        (["--instances", "0"], "--instances must be above 0, not 0"),
    ]:
        command = [*WASMCP, "serve", str(own_server), *options]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 2
        assert words in " ".join(result.stderr.split())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_log_that_cannot_be_written_stops_the_start(own_server: Path, tmp_path: Path, workers: str) -> None:
    socket = tmp_path / "mcp.sock"
    log = str(tmp_path / "missing" / "x.log")
    command = [*WASMCP, "serve", str(own_server), "--unix", str(socket), "--access-log", log, "--workers", workers]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "cannot be written: No such file or directory" in " ".join(result.stderr.split())
    assert not socket.exists()


def test_limits_by_session_need_sessions_of_one_process(own_server: Path) -> None:
    limits = ["--rate-limit", "requests=1/second", "--rate-limit-by", "session"]
    command = [*WASMCP, "serve", str(own_server), "--port", "0", *limits, "--workers", "2"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "give `--rate-limit-by address`" in " ".join(result.stderr.split())


def test_metrics_need_no_directory_of_another_program(own_server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/nonexistent")
    port, metrics = free_port(), free_port()
    with served(str(own_server), "--port", str(port), "--metrics", str(metrics)):
        assert post(port).status == 200
        assert "wasmcp_connections" in scraped(metrics)


def test_metrics_host_that_is_not_a_name_stops_the_start(own_server: Path) -> None:
    command = [*WASMCP, "serve", str(own_server), "--port", "0", "--metrics", "a..b:9090"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "cannot serve metrics on `a..b` port 9090" in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_metrics_address_in_use_stops_the_start(own_server: Path, tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        path = tmp_path / "mcp.sock"
        metrics = str(taken.getsockname()[1])
        for workers in ("1", "2"):
            options = ["--unix", str(path), "--metrics", metrics, "--workers", workers]
            command = [*WASMCP, "serve", str(own_server), *options]
            result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert result.returncode == 1
            assert "cannot serve metrics on `127.0.0.1` port" in " ".join(result.stderr.split())
            assert not path.exists()


GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "production.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_examples_of_the_guide() -> None:
    for code in blocks("python"):
        exec(compile(code, "production.md", "exec"), {"__name__": "guide"})  # noqa: S102 - our own documentation
    declared = tomllib.loads(blocks("toml")[0])["tool"]["wasmcp"]["servers"]["default"]["limits"]
    assert RateLimits.of_manifest(declared).to_manifest() == declared
    for example in blocks("json"):
        json.loads(example)
    options = {name for option in serve_command.params for name in option.opts}
    used = set(re.findall(r"(--[a-z-]+)", "".join(line for line in blocks("sh") if "wasmcp serve" in line)))
    assert used <= options
    assert len(used) > 10


def test_options_of_the_guide_are_accepted(own_server: Path, tmp_path: Path) -> None:
    """Check the commands that need no address of others: each is started with a free port."""
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("wasmcp serve")]
    started = 0
    for line in commands:
        if "--port" in line or "--unix" in line or "--tls" in line:
            continue
        arguments = [str(own_server) if part == "server.wasm" else part for part in shlex.split(line)[2:]]
        arguments = [str(free_port()) if part == "127.0.0.1:9090" else part for part in arguments]
        arguments = [str(tmp_path / part) if part.endswith((".log", ".jsonl")) else part for part in arguments]
        port = free_port()
        with served(*arguments, "--port", str(port)):
            assert post(port).read() == b"hello"
        started += 1
    assert started >= 5


@needs_nginx
def test_nginx_of_the_guide(own_server: Path, tmp_path: Path) -> None:
    """Check the block for nginx: prefix, Unix socket, and the address of the client in the log."""
    path, log = tmp_path / "mcp.sock", tmp_path / "access.log"
    options = ["--unix", str(path), "--root-path", "/team", "--trusted-proxy", "unix", "--access-log", str(log)]
    location = blocks("nginx")[0].replace("/run/mcp.sock", str(path))
    with served(str(own_server), *options) as process, nginx_location(tmp_path / "nginx", location) as port:
        assert post(port, "hello", "/team/mcp").read() == b"hello"
        assert post(port, "!H", "/team/mcp").read() == b"data: 1\n\ndata: 2\n\n"  # streamed
        process.stop()
    lines = log.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["127.0.0.1", "127.0.0.1"]
    assert all('"POST /team/mcp HTTP/1.1" 200' in line for line in lines)
