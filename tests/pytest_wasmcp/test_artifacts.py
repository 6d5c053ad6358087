"""Facts of the servers of failed tests, in runs of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.tested_server import IN_PROCESS

from pytest_wasmcp import report
from pytest_wasmcp.report import Messages, TestMessages, trap_of
from wasmcp.errors import GuestTrapError

FAILING = """
import pytest

pytestmark = pytest.mark.wasmcp({server!r})

def test_fails(wasmcp_server):
    wasmcp_server.call_tool("add", {{"a": 1, "b": 2}})
    assert 0

def test_passes(wasmcp_server):
    wasmcp_server.call_tool("add", {{"a": 1, "b": 2}})

def test_traps(wasmcp_server):
    try:
        wasmcp_server.call_tool("crash", {{}})
    except Exception as error:
        raise ValueError("no answer") from error
"""


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in this process; its handler of faults would end traps."""
    return pytester.runpytest_inprocess(*IN_PROCESS, *arguments)


@pytest.fixture
def failing(pytester: pytest.Pytester, zig_server: Path) -> pytest.Pytester:
    pytester.makepyfile(test_it=FAILING.format(server=str(zig_server)))
    return pytester


def test_a_failure_has_versions_and_digests(failing: pytest.Pytester) -> None:
    result = run(failing, "--junit-xml=junit.xml")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        ["*wasmcp server: default.wasm*", "digest: sha256:*", "wasmcp: 0.1.0", "wasmtime: 50.*", "limits: 60.0 s *"]
    )
    result.stdout.no_fnmatch_line("*wasmcp artifacts*")
    properties = (failing.path / "junit.xml").read_text()
    assert properties.count('name="wasmcp_server_digest" value="sha256:') == 2
    assert 'name="wasmcp_trap" value="wasm `unreachable` instruction executed"' in properties
    assert 'name="wasmcp_trap_component" value="calc"' in properties


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_files_of_failed_tests(failing: pytest.Pytester, workers: tuple[str, ...]) -> None:
    run(failing, "--wasmcp-artifacts=out/failures", *workers).assert_outcomes(passed=1, failed=2)
    folders = sorted((failing.path / "out" / "failures").iterdir())
    assert [folder.name.rpartition("-")[0] for folder in folders] == ["test_it.py-test_fails", "test_it.py-test_traps"]
    names = [path.name for path in sorted(folders[0].iterdir())]
    assert names == ["1-default.wasm.json", "1-default.wasm.stderr.txt", "1-default.wasm.wire.jsonl"]
    wire = [json.loads(line) for line in (folders[0] / names[2]).read_text().splitlines()]
    assert [one["direction"] for one in wire] == ["->", "<-"]
    assert json.loads(wire[1]["text"])["result"]["structuredContent"] == {"result": 3}
    assert json.loads((folders[0] / names[0]).read_text())["digest"].startswith("sha256:")
    trap = (folders[1] / "trap.txt").read_text()
    assert trap.startswith("component `calc`: wasm `unreachable` instruction executed")
    assert "calc: " in trap


def test_a_failure_after_the_test_has_files_and_keeps_the_trap(failing: pytest.Pytester) -> None:
    with (failing.path / "test_it.py").open("a") as file:
        file.write("\n@pytest.fixture(autouse=True)\ndef fails_at_the_end(wasmcp_server):\n    yield\n    assert 0\n")
    run(failing, "--wasmcp-artifacts=out", "-k", "traps or passes").assert_outcomes(passed=1, failed=1, errors=2)
    passes, traps = sorted((failing.path / "out").iterdir())
    assert "1-default.wasm.wire.jsonl" in [path.name for path in passes.iterdir()]
    assert "trap.txt" in [path.name for path in traps.iterdir()]


def test_files_of_an_ini_value_below_the_root_directory(failing: pytest.Pytester) -> None:
    failing.makeini("[pytest]\nwasmcp_artifacts = kept\n")
    run(failing, "-k", "fails").assert_outcomes(failed=1)
    assert len(list((failing.path / "kept").iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_named(failing: pytest.Pytester) -> None:
    (failing.path / "file").write_text("")
    result = run(failing, "--wasmcp-artifacts=file", "-k", "fails")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the files in `*file*` cannot be written: *"])


def test_escape_sequences_are_shown(failing: pytest.Pytester, server_file: Path) -> None:
    failing.makepyfile(
        test_it=f"""
        import pytest

        @pytest.mark.wasmcp({str(server_file)!r})
        def test_traps(wasmcp_server):
            wasmcp_server.send("!O \\x1b]0;title\\x07 \\u009b31m")
        """
    )
    result = run(failing, "--wasmcp-artifacts=out", "--junit-xml=junit.xml")
    result.assert_outcomes(failed=1)
    (folder,) = (failing.path / "out").iterdir()
    files = {path.name: path.read_text() for path in folder.iterdir()}
    assert "\\x1b]0;title" in files["1-server.wasm.stderr.txt"]
    for text in (*files.values(), result.stdout.str(), (failing.path / "junit.xml").read_text()):
        assert "\x1b]0" not in text
        assert "\x9b" not in text


def test_the_oldest_messages_are_left_out() -> None:
    messages = Messages(10)
    for text in ("12345678", "abcdefgh", "x"):
        messages.add("->", text)
    assert [json.loads(line) for line in messages.text().splitlines()] == [
        {"left_out": 1},
        {"direction": "->", "text": "abcdefgh"},
        {"direction": "->", "text": "x"},
    ]


def test_the_servers_of_a_test_share_a_limit() -> None:
    messages = TestMessages(10)
    for server, text in ((1, "1234"), (2, "ab"), (1, "5678"), (2, "c")):
        messages.add(server, "->", text)
    assert [json.loads(line) for line in messages.text(1).splitlines()] == [
        {"left_out": 1},
        {"direction": "->", "text": "5678"},
    ]
    assert [json.loads(line)["text"] for line in messages.text(2).splitlines()] == ["ab", "c"]
    assert messages.text(3) == ""


def test_a_run_has_a_limit(failing: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MOST_OF_RUN", 300)
    result = failing.runpytest_inprocess(*IN_PROCESS, "--wasmcp-artifacts=out", "-k", "fails")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*(without messages: those of this run are above 300 bytes)*"])
    (folder,) = (failing.path / "out").iterdir()
    assert {path.suffix for path in folder.iterdir()} == {".json", ".txt"}


def test_traps_are_found_in_causes_and_groups() -> None:
    trap = GuestTrapError("unreachable")
    cause = ValueError("outer")
    cause.__cause__ = ExceptionGroup("several", [KeyError("a"), trap])
    assert trap_of(cause) is trap
    assert trap_of(KeyError("a")) is None
    looped = ValueError("looped")
    looped.__context__ = looped
    assert trap_of(looped) is None
