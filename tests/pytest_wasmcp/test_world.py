"""World around a server under test: outgoing HTTP, clock, random numbers, stored values, the client's answers."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest


@pytest.fixture
def local_url() -> Iterator[str]:
    """The URL of an HTTP server that counts its requests."""
    count = 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal count
            count += 1
            self.rfile.read(int(self.headers.get("content-length", 0)))
            body = json.dumps({"count": count, "path": self.path.partition("?")[0]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("set-cookie", "session=secret")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815 - the name is that of the base class

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def run(pytester: pytest.Pytester, code: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(textwrap.dedent(code))
    return pytester.runpytest_subprocess(*arguments)


def test_rules_answer_the_requests_of_a_server(world_tests: pytest.Pytester) -> None:
    code = """
        import pytest
        from wasmcp.guest.testing import Answer

        @pytest.mark.parametrize("wasmcp_transport", ["in-process", "stdio", "http"])
        def test_rule(wasmcp_server, wasmcp_http):
            wasmcp_http.route("GET", "https://api.example.org/weather", json={"summary": "sunny"}, status=203)
            found = wasmcp_server.call_tool("fetch", {"url": "https://api.example.org/weather?city=Berlin"}).data
            assert found == {"status": 203, "body": '{"summary": "sunny"}'}
            sent = wasmcp_http.requests[0]
            assert (sent.method, sent.url) == ("GET", "https://api.example.org/weather?city=Berlin")
            assert sent.headers["authorization"] == "Bearer secret"
            assert "host" not in sent.headers

        def test_function_sees_the_body(wasmcp_server, wasmcp_http):
            wasmcp_http.route("POST", "http://a.example/*", lambda sent: Answer(201, body=[b"got ", sent.body.upper()]))
            given = {"url": "http://a.example/notes", "method": "post", "body": "milk"}
            assert wasmcp_server.call_tool("fetch", given).data == {"status": 201, "body": "got MILK"}
            assert wasmcp_http.requests[0].body == b"milk"

        def test_error(wasmcp_server, wasmcp_http):
            wasmcp_http.route("*", "http://a.example/*", error="connection-refused")
            assert wasmcp_server.call_tool("fetch", {"url": "http://a.example/"}).data["body"] == "ConnectionRefused"

        def test_rules_of_other_tests_are_gone(wasmcp_server, wasmcp_http):
            assert wasmcp_http.requests == []
            assert wasmcp_server.call_tool("fetch", {"url": "http://a.example/"}).data["body"] == "Failed"
            assert list(wasmcp_http.refused) == ["GET http://a.example/"]
    """
    run(world_tests, code).assert_outcomes(passed=6)


def test_requests_are_refused_by_default_and_a_failure_names_them(world_tests: pytest.Pytester, local_url: str) -> None:
    code = f"""
        def test_refused(wasmcp_server):
            assert wasmcp_server.call_tool("fetch", {{"url": "{local_url}/x"}}).data["status"] == 200
    """
    result = run(world_tests, code)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*wasmcp refused HTTP requests*", f"GET {local_url}/x", "rules: none", "*wasmcp_http*"]
    )
    run(world_tests, code, "--wasmcp-network").assert_outcomes(passed=1)
    run(world_tests, code, "-o", "wasmcp_network=true").assert_outcomes(passed=1)


def test_single_hosts_are_allowed(world_tests: pytest.Pytester, local_url: str) -> None:
    code = f"""
        def test_allowed(wasmcp_server, wasmcp_http):
            wasmcp_http.allow("{local_url}/*")
            assert wasmcp_server.call_tool("fetch", {{"url": "{local_url}/x"}}).data["status"] == 200
            assert wasmcp_server.call_tool("fetch", {{"url": "http://b.example/"}}).data["body"] == "Failed"
    """
    run(world_tests, code).assert_outcomes(passed=1)


def test_urls_of_rules_are_absolute(world_tests: pytest.Pytester) -> None:
    code = """
        import pytest

        @pytest.mark.parametrize(
            "url", ["api.example.org/x", "/x", "ftp://a.example/", "http://", "http://a b/", "GET", "a*", "ftp://a.example/*"]
        )
        def test_rule(wasmcp_http, url):
            for name, arguments in {"allow": [url], "route": ["GET", url], "record": ["r", url]}.items():
                with pytest.raises(ValueError, match="expected an absolute URL, or a prefix") as refused:
                    getattr(wasmcp_http, name)(*arguments)
                assert f"not `{url}`" in str(refused.value)

        def test_url_in_another_form(wasmcp_server, wasmcp_http):
            wasmcp_http.route("GET", "http://A.example", text="root")
            wasmcp_http.route("GET", "http*", text="other")
            wasmcp_http.route("GET", "http://a.example:80/é?q=ü", text="encoded")
            def fetched(url):
                return wasmcp_server.call_tool("fetch", {"url": url}).data["body"]
            assert fetched("http://a.example/%C3%A9?q=%C3%BC") == "encoded"
            assert fetched("https://b.example/x") == "other"
    """
    run(world_tests, code).assert_outcomes(passed=9)


def test_a_request_without_a_rule_names_the_reason(world_tests: pytest.Pytester) -> None:
    code = """
        from wasmcp.testing.outgoing_http import OutgoingHttp

        def test_reason(wasmcp_http):
            failed = wasmcp_http.decide("GET", "http://a.example/")
            assert failed.code == "internal-error"
            assert "no rule for the request: add one with `route`" in failed.reason
    """
    run(world_tests, code).assert_outcomes(passed=1)


def test_an_exception_of_a_rule_fails_the_test(world_tests: pytest.Pytester) -> None:
    code = """
        def test_rule(wasmcp_server, wasmcp_http):
            wasmcp_http.route("GET", "http://a.example/", lambda sent: 1 / 0)
            wasmcp_server.call_tool("fetch", {"url": "http://a.example/"})
    """
    result = run(world_tests, code)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ZeroDivisionError*"])


def test_exchanges_are_recorded_and_replayed(world_tests: pytest.Pytester, local_url: str) -> None:
    code = f"""
        def test_recorded(wasmcp_server, wasmcp_http):
            wasmcp_http.record("recordings/count.json", hide=("key",))
            first = wasmcp_server.call_tool("fetch", {{"url": "{local_url}/a?key=secret"}}).data
            second = wasmcp_server.call_tool("fetch", {{"url": "{local_url}/a?key=secret"}}).data
            assert ['"count": 1' in first["body"], '"count": 2' in second["body"]] == [True, True]
    """
    run(world_tests, code).assert_outcomes(passed=1)
    file = world_tests.path / "recordings" / "count.json"
    written = file.read_text("utf-8")
    assert len(json.loads(written)["exchanges"]) == 2
    assert "secret" not in written
    assert f"{local_url}/a?key=HIDDEN" in written
    run(world_tests, code).assert_outcomes(passed=1)  # the server would count on
    run(world_tests, code, "--wasmcp-http-record=none").assert_outcomes(passed=1)
    assert file.read_text("utf-8") == written
    run(world_tests, code, "--wasmcp-http-record=all").assert_outcomes(failed=1)
    file.unlink()
    missing = run(world_tests, code, "--wasmcp-http-record=none")
    missing.stdout.fnmatch_lines(["*count.json` does not exist*"])


def test_a_recording_that_is_not_one_is_named(world_tests: pytest.Pytester) -> None:
    (world_tests.path / "bad.json").write_text('{"version": 1, "exchanges": [{}]}')
    code = """
        def test_recorded(wasmcp_http):
            wasmcp_http.record("bad.json")
    """
    run(world_tests, code).stdout.fnmatch_lines(["*bad.json` is not a recording of this version*"])


def test_the_clock_is_set_frozen_and_moved(world_tests: pytest.Pytester) -> None:
    code = """
        import pytest

        @pytest.mark.parametrize("wasmcp_transport", ["in-process", "stdio", "http"])
        def test_clock(wasmcp_server, wasmcp_clock):
            wasmcp_clock.freeze("2026-01-02T03:04:05Z")
            assert wasmcp_server.call_tool("now").data == 1767323045000
            wasmcp_clock.advance(60)
            assert wasmcp_server.call_tool("now").data == 1767323105000
            before = wasmcp_server.call_tool("elapsed").data
            assert wasmcp_server.call_tool("sleep", {"milliseconds": 30}).data == 30
            assert wasmcp_server.call_tool("elapsed").data == before + 30
            assert wasmcp_server.call_tool("now").data == 1767323105030
            wasmcp_clock.move_to(0)
            assert wasmcp_server.call_tool("now").data == 0

        def test_skip_waits(wasmcp_server, wasmcp_clock):
            wasmcp_clock.freeze(waits=False)
            assert wasmcp_server.call_tool("sleep", {"milliseconds": 3_600_000}).data == 3_600_000

        def test_random(make_wasmcp_server, wasmcp_clock):
            drawn = []
            for seed in (1, 1, 2):
                wasmcp_clock.seed(seed)
                drawn.append(make_wasmcp_server().call_tool("draw").data)
            assert drawn[0] == drawn[1] != drawn[2]

        def test_real_again(wasmcp_server):
            assert wasmcp_server.call_tool("now").data > 1_700_000_000_000
    """
    run(world_tests, code).assert_outcomes(passed=6)


def test_stored_values_are_preset_and_inspected(world_tests: pytest.Pytester) -> None:
    code = """
        import pytest

        def test_values(wasmcp_server):
            values = wasmcp_server.keyvalue
            values.bucket()["visits"] = 41
            assert wasmcp_server.call_tool("count", {"key": "visits"}).data == 42
            wasmcp_server.call_tool("keep", {"bucket": "notes", "key": "milk", "text": "two"})
            assert values.bucket("notes")["milk"] == "two"
            assert values.values() == {"visits": 42}
            for value in (True, 2**63, -1, b"\\x00", {"a": [1, None]}, 1.5, ""):
                values.bucket("all")["x"] = value
                assert values.bucket("all")["x"] == value
            assert values.bucket().increment("visits") == 43
            assert values.bucket().compare_and_swap("visits", 43, 1)

        @pytest.mark.wasmcp(keyvalue="sqlite:values.db")
        def test_marker(wasmcp_server):
            wasmcp_server.call_tool("count", {"key": "x"})

        def test_ini(make_wasmcp_server):
            assert make_wasmcp_server(keyvalue="sqlite:values.db").call_tool("count", {"key": "x"}).data == 2
    """
    run(world_tests, code).assert_outcomes(passed=3)


def test_answers_progress_and_logs_are_the_same_over_each_transport(world_tests: pytest.Pytester) -> None:
    code = """
        import pytest
        from wasmcp.errors import ToolError, UnansweredInputError
        from wasmcp.guest.testing import accept, decline
        from wasmcp.host import LogMessage, Progress

        @pytest.mark.parametrize("wasmcp_transport", ["in-process", "stdio", "http"])
        def test_all(wasmcp_server):
            assert wasmcp_server.call_tool("greet", answers=[accept(name="Ada")]).data == "Hello Ada"
            wasmcp_server.answers = lambda request: decline()
            assert wasmcp_server.call_tool("greet").data == "Hello"
            wasmcp_server.answers = []
            with pytest.raises(UnansweredInputError):
                wasmcp_server.call_tool("greet")
            result = wasmcp_server.call_tool("report")
            assert result.progress == [Progress(1, 2, "half")]
            assert result.logs == [LogMessage("info", "read 3 rows")]
            wasmcp_server.call_tool("fail").assert_tool_error(match="NoSuchNote")
            with pytest.raises(ToolError):
                wasmcp_server.call_tool("fail").data
    """
    run(world_tests, code).assert_outcomes(passed=3)


def test_a_client_with_a_token_has_the_answers_progress_and_logs_of_the_server(world_tests: pytest.Pytester) -> None:
    code = """
        from wasmcp.guest.testing import accept
        from wasmcp.host import LogMessage, Progress

        def test_all(wasmcp_server):
            wasmcp_server.answers = lambda request: accept(name="Ada")
            client = wasmcp_server.with_token("any")
            assert client.call_tool("greet").data == "Hello Ada"
            result = client.call_tool("report")
            assert result.progress == [Progress(1, 2, "half")]
            assert result.logs == [LogMessage("info", "read 3 rows")]
    """
    run(world_tests, code).assert_outcomes(passed=1)


def test_the_result_of_a_failed_assertion_is_short(world_tests: pytest.Pytester) -> None:
    code = """
        def test_no_error(wasmcp_server):
            assert not wasmcp_server.call_tool("fail").is_error
    """
    result = run(world_tests, code)
    result.stdout.fnmatch_lines(["*where True = ToolResult(error='NoSuchNote').is_error"])


def test_a_server_without_stored_values_names_the_grant(pytester: pytest.Pytester, zig_server: Path) -> None:
    pytester.makeini(f"[pytest]\nwasmcp_server = {zig_server}\n")
    code = """
        def test_values(wasmcp_server):
            wasmcp_server.keyvalue
    """
    run(pytester, code).stdout.fnmatch_lines(["*no component of it has the grant `kv`*"])
