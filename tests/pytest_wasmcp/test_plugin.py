"""The plugin in runs of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.development_project import DEVELOPMENT_PROJECT, NOTES
from support.projects import write_project
from support.tested_server import IN_PROCESS

TEST = """
import pytest

def test_catalogue(wasmcp_server):
    assert [tool.name for tool in wasmcp_server.list_tools()] == ["add", "spin", "crash"]

def test_add(wasmcp_server):
    assert wasmcp_server.call_tool("add", {"a": 1, "b": 2}).structured_content == {"result": 3}

def test_request(wasmcp_server):
    assert wasmcp_server.request("server/discover")["supportedVersions"][0] == "2026-07-28"
"""


@pytest.fixture
def project(pytester: pytest.Pytester, zig_project: Path, zig_server: Path) -> pytest.Pytester:
    """The Zig project, already built, as the root of a test run."""
    for name in ("pyproject.toml", "zig/calc.zig", "src/zig_project/__init__.py"):
        target = pytester.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((zig_project / name).read_bytes())
    return pytester


def test_a_project_is_tested_without_any_set_up(project: pytest.Pytester) -> None:
    project.makepyfile(TEST)
    result = project.runpytest_subprocess()
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["wasmcp: 0.1.0, wasmtime 50.*, server: the project's own"])


def test_each_test_has_a_fresh_server(project: pytest.Pytester) -> None:
    project.makepyfile("""
        servers = []

        def test_one(wasmcp_server):
            servers.append(wasmcp_server)

        def test_two(wasmcp_server):
            assert wasmcp_server not in servers
            servers[0].close()
            assert wasmcp_server.list_tools()
        """)
    project.runpytest_subprocess().assert_outcomes(passed=2)


def test_a_file_by_command_line_ini_fixture_and_marker(pytester: pytest.Pytester, zig_server: Path) -> None:
    test = "def test_list(wasmcp_server):\n    assert wasmcp_server.list_tools()\n"
    pytester.makepyfile(test)
    pytester.runpytest_subprocess(f"--wasmcp-server={zig_server}").assert_outcomes(passed=1)
    pytester.runpytest_subprocess("-o", f"wasmcp_server={zig_server}").assert_outcomes(passed=1)
    pytester.makeconftest(f"""
        import pytest

        @pytest.fixture
        def wasmcp_target():
            return {str(zig_server)!r}
        """)
    pytester.runpytest_subprocess("--wasmcp-server=missing.wasm").assert_outcomes(passed=1)
    pytester.makepyfile(f"import pytest\npytestmark = pytest.mark.wasmcp({str(zig_server)!r})\n\n{test}")
    pytester.makeconftest("""
        import pytest

        @pytest.fixture
        def wasmcp_target():
            return "missing.wasm"
        """)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_no_server_names_the_four_ways(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_list(wasmcp_server): pass")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*no `pyproject.toml` with `[[]tool.wasmcp]`*", "*marker*", "*fixture*", "*command line*", "*ini*"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_failure_shows_the_wire_and_the_guests_stderr(project: pytest.Pytester) -> None:
    project.makepyfile("""
        def test_fails(wasmcp_server):
            assert wasmcp_server.call_tool("add", {"a": 1, "b": 2}).structured_content == {"result": 4}
        """)
    result = project.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*wasmcp wire: default.wasm*", '-> *"tools/call"*', '<- *"result":3*'])


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_failure_shows_the_wire_of_each_transport(project: pytest.Pytester, transport: str) -> None:
    project.makepyfile("""
        def test_fails(wasmcp_server):
            assert wasmcp_server.call_tool("add", {"a": 1, "b": 2}).structured_content == {"result": 4}
        """)
    result = project.runpytest_subprocess(f"--wasmcp-transport={transport}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*wasmcp wire: default.wasm*", '-> *"tools/call"*', '<- *"result":3*'])


def test_a_passing_test_shows_nothing(project: pytest.Pytester) -> None:
    project.makepyfile(TEST)
    project.runpytest_subprocess("-rA").stdout.no_fnmatch_line("*wasmcp wire*")


def test_a_trap_shows_its_backtrace(project: pytest.Pytester) -> None:
    project.makepyfile("""
        def test_traps(wasmcp_server):
            wasmcp_server.call_tool("crash", {})
        """)
    result = project.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*GuestTrapError*", "*wasmcp trap*", "* - calc: tools.tool.Glue.call*"])


def test_the_timeout_of_a_marker_ends_a_tool_that_never_does(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest
        from wasmcp.errors import GuestTimeoutError

        @pytest.mark.wasmcp(timeout=0.2)
        def test_spins(wasmcp_server):
            with pytest.raises(GuestTimeoutError):
                wasmcp_server.call_tool("spin", {})
            assert wasmcp_server.call_tool("add", {"a": 1, "b": 2}).structured_content == {"result": 3}
        """)
    project.runpytest_subprocess().assert_outcomes(passed=1)


def test_several_servers_in_one_test(project: pytest.Pytester, zig_server: Path) -> None:
    project.makepyfile(f"""
        def test_two(make_wasmcp_server):
            one, other = make_wasmcp_server(), make_wasmcp_server({str(zig_server)!r})
            assert [t.name for t in one.list_tools()] == [t.name for t in other.list_tools()]
        """)
    project.runpytest_subprocess().assert_outcomes(passed=1)


def test_coroutines(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import anyio
        import pytest

        @pytest.mark.anyio
        async def test_add(wasmcp_async_server):
            results = {}

            async def add(n):
                results[n] = (await wasmcp_async_server.call_tool("add", {"a": n, "b": 1})).structured_content

            async with anyio.create_task_group() as group:
                for n in range(8):
                    group.start_soon(add, n)
            assert results == {n: {"result": n + 1} for n in range(8)}

        @pytest.fixture
        def anyio_backend():
            return "asyncio"
        """)
    project.runpytest_subprocess().assert_outcomes(passed=1)


def test_under_xdist(project: pytest.Pytester) -> None:
    project.makepyfile(TEST)
    project.runpytest_subprocess("-n2").assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("servr='x'", "*has no argument `servr`; it has `server`*"),
        ("timeout=0", "*(timeout=...) must be seconds, above 0, got 0*"),
        ("timeout=float('nan')", "*(timeout=...) must be seconds, above 0, got nan*"),
        ("memory='much'", "*(memory=...) must be bytes, above 0, got 'much'*"),
        ("'a', 'b'", "*takes one positional argument, the server*"),
    ],
)
def test_a_wrong_marker_stops_the_run(pytester: pytest.Pytester, arguments: str, message: str) -> None:
    pytester.makepyfile(f"import pytest\n\n@pytest.mark.wasmcp({arguments})\ndef test_x(): pass\n")
    result = pytester.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


@pytest.mark.parametrize("text", ["soon", "nan", "inf", "1_0", "-1", "0"])
def test_a_wrong_setting_stops_the_run(pytester: pytest.Pytester, text: str) -> None:
    result = pytester.runpytest_inprocess(*IN_PROCESS, f"--wasmcp-timeout={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*`wasmcp_timeout` must be a number of seconds above 0, got '{text}'*"])


def test_collecting_does_not_import_wasmtime(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import sys\n\ndef test_lazy():\n    assert 'wasmtime' not in sys.modules\n")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_modules_without_assertions_are_not_rewritten(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import pytest; pytest.register_assert_rewrite('wasmcp', 'helper')")  # as pytest for a wheel
    pytester.makepyfile(helper="")
    pytester.makepyfile("""
        import helper
        import wasmcp.deploy.request
        import wasmcp.project.manifest

        def kind(module):
            return type(module.__spec__.loader).__name__

        def test_loaders():
            assert kind(helper) == "AssertionRewritingHook"
            assert kind(wasmcp.deploy.request) == kind(wasmcp.project.manifest) == "SourceFileLoader"
    """)
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=1)


def test_a_mistake_in_the_projects_configuration(project: pytest.Pytester) -> None:
    pyproject = project.path / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('["calc"]', '["clac"]'))
    project.makepyfile("def test_list(wasmcp_server): pass")
    result = project.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*`clac`*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_fakes_for_handlers_without_a_server(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from wasmcp.guest import config, http, kv, provider
        from wasmcp.guest.declarations.signature import provide

        class Shared:
            pass

        @provider
        def shared() -> Shared:
            return Shared()

        first = provide(Shared)

        def test_http(wasmcp_fake_http):
            wasmcp_fake_http.route("GET", "https://example.org/", text="x")
            assert http.get("https://example.org/").text == "x"

        def test_kv(wasmcp_fake_kv):
            kv.open("a")["b"] = 1
            assert wasmcp_fake_kv.bucket("a")["b"] == 1

        def test_kv_is_empty_again(wasmcp_fake_kv):
            assert list(kv.open("a")) == []

        def test_config(wasmcp_fake_config):
            wasmcp_fake_config["greeting"] = "Hello"
            assert config.get("greeting") == "Hello"

        def test_fresh(wasmcp_fresh_instance):
            assert provide(Shared) is not first

        def test_not_fresh():
            assert provide(Shared) is first
        """)
    pytester.runpytest_subprocess().assert_outcomes(passed=6)


def _packages(pytester: pytest.Pytester, zig_project: Path, *names: str) -> None:
    for name in names:
        for file in ("pyproject.toml", "zig/calc.zig", "src/zig_project/__init__.py"):
            target = pytester.path / "packages" / name / file
            target.parent.mkdir(parents=True, exist_ok=True)
            text = (zig_project / file).read_text()
            target.write_text(text.replace('name = "zig-project"', f'name = "{name}"'))
        test = pytester.path / "packages" / name / "tests" / f"test_{name}.py"
        test.parent.mkdir()
        test.write_text(f"""
def test_name(wasmcp_server):
    meta = wasmcp_server.request("server/discover")["_meta"]
    assert meta["io.modelcontextprotocol/serverInfo"]["name"] == "{name}"
""")


@pytest.mark.parametrize("root", ["", '[tool.uv.workspace]\nmembers = ["packages/*"]\n[tool.pytest.ini_options]\n'])
def test_each_test_file_has_the_server_of_its_project(
    pytester: pytest.Pytester, zig_project: Path, zig_server: Path, root: str
) -> None:
    _packages(pytester, zig_project, "alpha", "beta")
    if root:
        (pytester.path / "pyproject.toml").write_text(root)
    pytester.runpytest_subprocess("packages/alpha", "packages/beta").assert_outcomes(passed=2)


def test_a_relative_path_of_the_command_line_starts_from_the_current_directory(
    pytester: pytest.Pytester, zig_server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeini("[pytest]\n")
    below = pytester.mkdir("below")
    (below / "near.wasm").write_bytes(zig_server.read_bytes())
    (below / "test_near.py").write_text("def test_list(wasmcp_server):\n    assert wasmcp_server.list_tools()\n")
    monkeypatch.chdir(below)
    pytester.runpytest_subprocess("--wasmcp-server=near.wasm").assert_outcomes(passed=1)
    result = pytester.runpytest_subprocess("-o", "wasmcp_server=near.wasm")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*file not found: `{pytester.path}/near.wasm`*"])


def test_a_failed_build_runs_once_and_is_shown_once(project: pytest.Pytester) -> None:
    source = project.path / "zig" / "calc.zig"
    source.write_text(source.read_text() + '\ncomptime { @compileError("my mistake"); }\n')
    project.makepyfile("""
        import pytest

        @pytest.mark.parametrize("number", range(5))
        def test_list(wasmcp_server, number): pass
        """)
    result = project.runpytest_subprocess("-p", "no:randomly", "-rN")  # in CI the summary repeats messages whole
    result.assert_outcomes(errors=5)
    assert result.stdout.str().count("error: my mistake") == 1
    assert result.stdout.str().count("the build failed once in this run; test_a_failed_build") == 4
    result.stdout.no_fnmatch_line("*During handling*")


def test_tests_keep_no_file_descriptors(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import os

        import pytest

        counts = []

        @pytest.mark.parametrize("number", range(40))
        def test_add(wasmcp_server, number):
            wasmcp_server.call_tool("add", {"a": 1, "b": 2})
            counts.append(len(os.listdir("/proc/self/fd")))

        def test_counts():  # a descriptor that is closed a little later is not kept
            assert min(counts[-10:]) <= max(counts[:6])
        """)
    project.runpytest_subprocess().assert_outcomes(passed=41)


@pytest.mark.slow
def test_development_builds(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(pytester.path, DEVELOPMENT_PROJECT)
    test = pytester.makepyfile(
        "def test_note(wasmcp_server): assert wasmcp_server.call_tool('note', {'text': 'x'}).text == 'noted: x'"
    )
    result = pytester.runpytest_subprocess("--wasmcp-fast")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["wasmcp: *, server: the project's own (development builds)"])
    assert not (pytester.path / "src/edited/_wasmcp").exists()

    module = pytester.path / "src/edited/notes.py"
    module.write_text(NOTES.replace("noted", "written"), "utf-8")
    test.write_text(
        "def test_note(wasmcp_server): assert 'written' in wasmcp_server.call_tool('note', {'text': 'x'}).text"
    )
    monkeypatch.setenv("WASMCP_FAST", "1")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
    monkeypatch.delenv("WASMCP_FAST")

    module.write_text(NOTES.replace("text: str", "text: complex"), "utf-8")
    result = pytester.runpytest_subprocess("-o", "wasmcp_fast=true")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*`src/edited/notes.py`, line 6: tool `note`, parameter `text`: `complex` has no *"])


def test_development_builds_exclude_skipped_builds(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASMCP_SKIP_BUILD", "1")
    result = pytester.runpytest_subprocess("--wasmcp-fast")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*`WASMCP_SKIP_BUILD` forbids builds*"])


def test_environment_overrides_the_ini_file(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASMCP_FAST", "0")
    project.makepyfile("def test_list(wasmcp_server): assert wasmcp_server.list_tools()")
    result = project.runpytest_subprocess("-o", "wasmcp_fast=true")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["wasmcp: *, server: the project's own"])


def test_tests_of_functions_run_first_and_can_be_selected(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        @pytest.fixture
        def tools(wasmcp_server):
            return wasmcp_server.list_tools()

        def test_server(tools): assert tools

        def test_function(): assert 1 + 1 == 2
    """)
    both = ["test_*::test_server PASSED*", "test_*::test_function PASSED*"]
    project.runpytest_subprocess("-v").stdout.fnmatch_lines(both)
    first = project.runpytest_subprocess("-v", "--strict-markers", "-o", "wasmcp_functions_first=true")
    first.stdout.fnmatch_lines(both[::-1])
    selected = project.runpytest_subprocess("-m", "not wasmcp_server")
    selected.assert_outcomes(passed=1, deselected=1)


COMPONENT_WITH_PACKAGES = """
[tool.wasmcp.components.shop]
source = "shop.py"
dependencies = ["PyYAML>=6", "wasmcp-absent-package[all]>=1,<2; python_version > '3'", "own @ file:own"]

[tool.wasmcp.servers.default]
components = ["shop"]
"""


def test_package_of_a_component_that_tests_of_functions_lack_is_named(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, {"pyproject.toml": COMPONENT_WITH_PACKAGES})
    pytester.makepyfile(shop="import wasmcp_absent_package.part", test_shop="import shop")
    result = pytester.runpytest_inprocess(*IN_PROCESS)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "E   ModuleNotFoundError: No module named 'wasmcp_absent_package'",
            "component `shop` requires the package of `wasmcp_absent_package`, and this environment does not have it.*",
            "  pip install 'PyYAML>=6' 'wasmcp-absent-package?all?>=1,<2; python_version > '*",
        ]
    )


def test_other_modules_that_are_missing_are_left_to_pytest(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, {"pyproject.toml": COMPONENT_WITH_PACKAGES})
    pytester.makepyfile(test_shop="import wasmcp_other_package")
    result = pytester.runpytest_inprocess(*IN_PROCESS)
    result.assert_outcomes(errors=1)
    result.stdout.no_fnmatch_line("*component `shop`*")


def test_runs_within_this_process_keep_the_handlers_of_signals() -> None:
    tests = Path(__file__).parents[1]
    calls = [
        f"{path.relative_to(tests)}: {call}"
        for path in sorted(tests.rglob("test_*.py"))
        for call in re.findall(r"\.runpytest_inprocess\(([^)]*)", path.read_text("utf-8"))
    ]
    assert len(calls) > 5
    assert [call for call in calls if not re.search(r"\*(IN_PROCESS|ARGUMENTS|options)\b", call)] == []
