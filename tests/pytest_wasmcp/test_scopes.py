"""Scopes of servers, and their options from marker, fixture, command line and ini file."""

from __future__ import annotations

import textwrap

import pytest

from pytest_wasmcp import fixtures, targets
from wasmcp.testing import outgoing_http, server

COUNT = """
def test_one(wasmcp_server):
    assert wasmcp_server.call_tool("count", {"key": "x"}).data == 1

def test_two(wasmcp_server):
    assert wasmcp_server.call_tool("count", {"key": "x"}).data == EXPECTED
"""


def write(pytester: pytest.Pytester, **files: str) -> None:
    pytester.makepyfile(**{name: textwrap.dedent(text) for name, text in files.items()})


@pytest.mark.parametrize(("scope", "second"), [("function", 1), ("module", 2), ("session", 2)])
def test_the_scope_of_a_server_is_an_option(world_tests: pytest.Pytester, scope: str, second: int) -> None:
    write(world_tests, test_count=COUNT.replace("EXPECTED", str(second)))
    world_tests.runpytest_subprocess(f"--wasmcp-server-scope={scope}").assert_outcomes(passed=2)
    world_tests.runpytest_subprocess("-o", f"wasmcp_server_scope={scope}").assert_outcomes(passed=2)


def test_a_class_and_a_session_share_a_server(world_tests: pytest.Pytester) -> None:
    code = """
        class TestOne:
            def test_one(self, wasmcp_server, wasmcp_session_server):
                assert wasmcp_server.call_tool("count", {"key": "x"}).data == 1
                assert wasmcp_session_server.call_tool("count", {"key": "x"}).data == 1

            def test_two(self, wasmcp_server, make_wasmcp_server):
                assert wasmcp_server.call_tool("count", {"key": "x"}).data == 2
                assert make_wasmcp_server().call_tool("count", {"key": "x"}).data == 1

        class TestTwo:
            def test_one(self, wasmcp_server, wasmcp_session_server):
                assert wasmcp_server.call_tool("count", {"key": "x"}).data == 1
                assert wasmcp_session_server.call_tool("count", {"key": "x"}).data == 2
    """
    write(world_tests, test_classes=code)
    world_tests.runpytest_subprocess("--wasmcp-server-scope=class").assert_outcomes(passed=3)


def test_an_override_of_a_narrower_scope_is_explained(world_tests: pytest.Pytester) -> None:
    override = """
        import pytest

        @pytest.fixture
        def wasmcp_env():
            return {"NAME": "Ada"}
    """
    test = """
        def test_env(wasmcp_server):
            assert wasmcp_server.call_tool("variable", {"name": "NAME"}).data == "Ada"
    """
    write(world_tests, conftest=override, test_env=test)
    world_tests.runpytest_subprocess().assert_outcomes(passed=1)
    result = world_tests.runpytest_subprocess("--wasmcp-server-scope=module")
    result.stderr.fnmatch_lines(['*`wasmcp_env` has the scope `function`*`wasmcp_server` has `module`*scope="module"*'])
    assert "ScopeMismatch" not in result.stdout.str() + result.stderr.str()
    write(world_tests, conftest=override.replace("fixture", 'fixture(scope="module")'))
    world_tests.runpytest_subprocess("--wasmcp-server-scope=module").assert_outcomes(passed=1)


def test_different_overrides_for_one_shared_server_are_refused(world_tests: pytest.Pytester) -> None:
    override = """
        import pytest

        @pytest.fixture(scope="session")
        def wasmcp_env():
            return {"NAME": "Ada"}
    """
    test = "def test_env(wasmcp_session_server):\n    pass\n"
    for folder in ("one", "two"):
        (world_tests.path / folder).mkdir()
        (world_tests.path / folder / f"test_{folder}.py").write_text(test)
    (world_tests.path / "one" / "conftest.py").write_text(textwrap.dedent(override))
    result = world_tests.runpytest_subprocess()
    result.stderr.fnmatch_lines(["*another fixture `wasmcp_env` holds elsewhere*"])


def test_a_marker_of_one_test_of_a_shared_server_is_refused(world_tests: pytest.Pytester) -> None:
    code = """
        import pytest

        @pytest.mark.wasmcp(env={"NAME": "Ada"})
        def test_env(wasmcp_server):
            assert wasmcp_server.call_tool("variable", {"name": "NAME"}).data == "Ada"
    """
    write(world_tests, test_env=code)
    world_tests.runpytest_subprocess().assert_outcomes(passed=1)
    result = world_tests.runpytest_subprocess("--wasmcp-server-scope=module")
    result.stderr.fnmatch_lines(["*test_env.py::test_env: @pytest.mark.wasmcp has no effect*scope `module`*"])
    whole = code.replace("@pytest.mark.wasmcp", "pytestmark = pytest.mark.wasmcp")
    write(world_tests, test_env=whole)
    world_tests.runpytest_subprocess("--wasmcp-server-scope=module").assert_outcomes(passed=1)


def test_a_failed_test_of_a_shared_server_shows_its_own_messages(world_tests: pytest.Pytester) -> None:
    code = """
        def test_first(wasmcp_server):
            wasmcp_server.call_tool("count", {"key": "first"})

        def test_second(wasmcp_server):
            assert wasmcp_server.call_tool("count", {"key": "second"}).data == 0
    """
    write(world_tests, test_messages=code)
    result = world_tests.runpytest_subprocess("--wasmcp-server-scope=module")
    result.assert_outcomes(passed=1, failed=1)
    shown = result.stdout.str().partition("wasmcp wire")[2]
    assert '"key":"second"' in shown
    assert '"key":"first"' not in shown


def test_options_of_all_places_are_combined(world_tests: pytest.Pytester) -> None:
    code = """
        import pytest

        @pytest.fixture
        def wasmcp_env():
            return {"C": "fixture", "D": "fixture"}

        @pytest.mark.wasmcp(env={"D": "marker"}, instances=2)
        def test_env(wasmcp_server):
            found = [wasmcp_server.call_tool("variable", {"name": name}).data for name in "ABCD"]
            assert found == ["ini", "line", "fixture", "marker"]
            assert wasmcp_server.pool.size == 2
    """
    write(world_tests, test_env=code)
    with (world_tests.path / "tox.ini").open("a") as file:
        file.write("\nwasmcp_env =\n  A=ini\n  B=ini\n  C=ini\n")
    world_tests.runpytest_subprocess("--wasmcp-env=B=line", "--wasmcp-env=D=line").assert_outcomes(passed=1)


def test_stores_settings_and_transports_are_options(world_tests: pytest.Pytester) -> None:
    code = """
        import pytest
        from wasmcp.errors import InvalidSettingError

        def test_store(wasmcp_server):
            assert wasmcp_server.transport == "http"
            wasmcp_server.call_tool("count", {"key": "x"})

        @pytest.mark.wasmcp(transport="stdio", settings={"WASMCP_SESSION_ENABLED": "false"})
        def test_marker(wasmcp_server):
            assert wasmcp_server.transport == "stdio"
            assert wasmcp_server.call_tool("count", {"key": "x"}).data == 2

        def test_setting(make_wasmcp_server):
            with pytest.raises(InvalidSettingError, match="WASMCP_SESSION_TIME"):
                make_wasmcp_server(settings={"WASMCP_SESSION_TIME": "1"})
    """
    write(world_tests, test_all=code)
    given = (
        "--wasmcp-keyvalue=sqlite:values.db",
        "--wasmcp-transport=http",
        "--wasmcp-setting=WASMCP_SESSION_ENABLED=true",
    )
    world_tests.runpytest_subprocess(*given).assert_outcomes(passed=3)


def test_directories_are_options(world_tests: pytest.Pytester) -> None:
    (world_tests.path / "data").mkdir()
    code = """
        import os
        import pytest

        def test_line(wasmcp_server):
            assert wasmcp_server.pool.program.directories == ((os.path.abspath("data"), "/data", False),)

        @pytest.mark.wasmcp(directories=[("data", "/more", True), "data:/data"])
        def test_marker(wasmcp_server):
            found = {guest: writable for _, guest, writable in wasmcp_server.pool.program.directories}
            assert found == {"/data": True, "/more": True}
    """
    write(world_tests, test_all=code)
    world_tests.runpytest_subprocess("--wasmcp-directory=data:/data:ro").assert_outcomes(passed=2)


def test_all_invalid_options_are_named_at_once(world_tests: pytest.Pytester) -> None:
    given = (
        "--wasmcp-server-scope=test",
        "--wasmcp-transport=pipe",
        "--wasmcp-env=NAME",
        "--wasmcp-directory=missing",
        "--wasmcp-instances=0",
    )
    result = world_tests.runpytest_subprocess(*given)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    for line in ("*wasmcp_server_scope*`function`*'test'*", "*wasmcp_transport*'pipe'*", "*NAME=VALUE*'NAME'*"):
        result.stderr.fnmatch_lines([line])
    result.stderr.fnmatch_lines(["*missing` is not a directory*", "*wasmcp_instances*'0'*"])


def test_an_invalid_transport_of_a_marker_is_an_error_of_the_run(world_tests: pytest.Pytester) -> None:
    code = """
        import pytest

        @pytest.mark.wasmcp(transport="pipe")
        def test_one(wasmcp_server): pass
    """
    write(world_tests, test_one=code)
    world_tests.runpytest_subprocess().stderr.fnmatch_lines(
        ["*transport=...) must be `in-process`, `stdio` or `http`*"]
    )


def test_options_have_the_values_that_servers_under_test_accept() -> None:
    assert targets.TRANSPORTS == server.TRANSPORTS
    assert fixtures.MODES == outgoing_http.MODES
