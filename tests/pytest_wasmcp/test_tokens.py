"""Access tokens of tests: `wasmcp_issuer`, and `token=` of the marker, the fixture and the factory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.tested_server import IN_PROCESS
from support.tokens import compose, whoami_component

ARGUMENTS = ("-p", "no:cacheprovider", *IN_PROCESS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whoami")
    path = folder / "who.wasm"
    path.write_bytes(compose(whoami_component(folder), auth="required"))
    return path


@pytest.fixture
def pytest_of(pytester: pytest.Pytester, server: Path) -> pytest.Pytester:
    pytester.makeini(f"[pytest]\nwasmcp_server = {server}\n")
    return pytester


def test_tokens_of_the_marker_the_fixture_and_the_factory(pytest_of: pytest.Pytester) -> None:
    pytest_of.makepyfile("""
        import json

        import pytest

        from wasmcp.errors import AccessDeniedError, InvalidSettingError

        def subject(server):
            return server.call_tool("whoami").text.partition("|")[0]

        @pytest.mark.wasmcp(token=True)
        def test_true(wasmcp_server):
            assert subject(wasmcp_server) == "alice"
            assert [tool.name for tool in wasmcp_server.list_tools()] == ["whoami"]
            assert wasmcp_server.discover()["capabilities"] == {"tools": {}}

        @pytest.mark.wasmcp(token={"scopes": ["notes:read", "x"], "subject": "bob", "team": "red"})
        def test_arguments(wasmcp_server):
            text = wasmcp_server.call_tool("whoami").text
            assert text.startswith("bob notes:read x|http://127.0.0.1:")
            assert json.loads(text.split("|")[2])["team"] == "red"

        class TestFixture:
            @pytest.fixture
            def wasmcp_token(self, wasmcp_issuer):
                return wasmcp_issuer.token(subject="carol")

            def test_text(self, wasmcp_server):
                assert subject(wasmcp_server) == "carol"

            @pytest.mark.wasmcp(token={"subject": "dave"})
            def test_marker_comes_first(self, wasmcp_server):
                assert subject(wasmcp_server) == "dave"

        def test_factory(make_wasmcp_server, wasmcp_issuer):
            server = make_wasmcp_server(token=wasmcp_issuer.token(subject="erin"))
            assert subject(server) == "erin"
            assert subject(server.with_token(wasmcp_issuer.token(subject="bob"))) == "bob"
            assert server.http("GET", "/mcp").status != 401
            assert server.http("GET", "/mcp", {"authorization": "Bearer x"}).status == 401

        @pytest.mark.parametrize("token", [{"lifetime": -60}, {"audience": "https://other.test"}, {"iss": "x"}, "x"])
        def test_denied(make_wasmcp_server, token):
            server = make_wasmcp_server(token=token)
            with pytest.raises(AccessDeniedError) as denied:
                server.call_tool("whoami")
            assert (denied.value.status, denied.value.error) == (401, "invalid_token")
            assert denied.value.challenge.startswith("Bearer ")

        def test_scopes(make_wasmcp_server, wasmcp_issuer):
            settings = {**wasmcp_issuer.settings(), "JWT_REQUIRED_SCOPES": "admin"}
            server = make_wasmcp_server(token={"scopes": ["read"]}, settings=settings)
            with pytest.raises(AccessDeniedError, match="needed scopes: admin") as denied:
                server.list_tools()
            assert (denied.value.status, denied.value.scopes) == (403, ("admin",))
            assert denied.value.error == "insufficient_scope"
            assert server.with_token(wasmcp_issuer.token(scopes=["admin"])).list_tools()

        def test_without(make_wasmcp_server, wasmcp_issuer):
            server = make_wasmcp_server(settings=wasmcp_issuer.settings())
            assert server.http("POST", "/mcp").status == 401
            assert subject(server.with_token(wasmcp_issuer.token())) == "alice"
            assert subject(server) == "anonymous"  # stdio has no authorization

        @pytest.fixture(params=["asyncio", "trio"])
        def anyio_backend(request):
            return request.param

        @pytest.mark.anyio
        @pytest.mark.wasmcp(token=True)
        async def test_async(wasmcp_async_server, wasmcp_issuer):
            assert (await wasmcp_async_server.call_tool("whoami")).text.startswith("alice|")
            other = wasmcp_async_server.with_token(wasmcp_issuer.token(subject="bob"))
            assert (await other.call_tool("whoami")).text.startswith("bob|")
        """)
    result = pytest_of.runpytest_subprocess(*ARGUMENTS)
    result.assert_outcomes(passed=13)


def test_the_issuer_serves_a_process_over_http(pytest_of: pytest.Pytester, server: Path) -> None:
    pytest_of.makepyfile(f"""
        import contextlib, os, socket, subprocess, sys, time, urllib.error, urllib.request

        def status(url, token):
            headers = {{"authorization": f"Bearer {{token}}"}} if token else {{}}
            try:
                with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as response:
                    return response.status
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        def test_process(wasmcp_issuer):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            url = f"http://127.0.0.1:{{port}}/mcp"
            command = [sys.executable, "-m", "wasmcp", "serve", {str(server)!r}, "--port", str(port)]
            with subprocess.Popen(command, env={{**os.environ, **wasmcp_issuer.settings(url)}}) as process:
                try:
                    deadline = time.monotonic() + 60
                    while time.monotonic() < deadline:
                        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                            break
                        time.sleep(0.05)
                    assert status(url, None) == 401
                    assert status(url, wasmcp_issuer.token()) != 401
                    assert status(url, wasmcp_issuer.token(audience=url)) != 401
                    assert status(url, wasmcp_issuer.token(audience="https://other.test")) == 401
                finally:
                    process.terminate()
        """)
    pytest_of.runpytest_subprocess(*ARGUMENTS).assert_outcomes(passed=1)


@pytest.mark.parametrize("token", ["False", "1", "['a']"])
def test_a_wrong_token_of_a_marker_stops_the_run(pytest_of: pytest.Pytester, token: str) -> None:
    pytest_of.makepyfile(f"import pytest\n\n@pytest.mark.wasmcp(token={token})\ndef test_x(): pass\n")
    result = pytest_of.runpytest_subprocess(*ARGUMENTS)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*wasmcp(token=...) must be an access token, True, or the arguments*"])


def test_the_missing_extra_is_named(pytest_of: pytest.Pytester) -> None:
    pytest_of.makeconftest("import sys\nsys.modules['jwt'] = None\n")
    pytest_of.makepyfile("def test_x(wasmcp_issuer): pass\n")
    result = pytest_of.runpytest_subprocess(*ARGUMENTS)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['*`jwt` is not installed: `pip install "wasmcp?auth?"`'])


def test_the_plugin_does_not_import_the_libraries() -> None:
    code = "import sys, pytest_wasmcp.plugin; assert not {'jwt', 'cryptography', 'wasmcp.auth'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
