"""Snapshots of the surfaces of servers, in runs of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.tested_server import IN_PROCESS

from wasmcp.errors import SurfaceFileError
from wasmcp.host import open_server
from wasmcp.insight.server_diff import read_surface, surface_differences, surface_text, write_surface

TEST = "def test_surface(wasmcp_server, wasmcp_snapshot):\n    wasmcp_snapshot.check(wasmcp_server)\n"
UPDATE = "--wasmcp-snapshot-update"


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in this process; its handler of faults would end traps."""
    return pytester.runpytest_inprocess(*IN_PROCESS, *arguments)


@pytest.fixture
def surface(tested_server: Path) -> dict[str, Any]:
    with open_server(tested_server) as server:
        return server.surface()


def test_a_surface_has_lists_and_grants_in_sorted_order(surface: dict[str, Any]) -> None:
    assert list(surface) == ["tools", "resources", "templates", "prompts", "grants"]
    assert list(surface["tools"]) == ["average", "convert"]
    assert surface["tools"]["convert"]["outputSchema"]["required"] == ["degrees", "scale"]
    assert list(surface["templates"]) == ["temperatures://scales/{scale}"]
    assert surface["grants"] == {"temperatures": {}}


def test_the_same_surface_is_the_same_text(tested_server: Path, surface: dict[str, Any]) -> None:
    with open_server(tested_server.read_bytes()) as server:
        assert surface_text(server.surface()) == surface_text(surface)


def test_grants_and_their_rules_are_compared(surface: dict[str, Any]) -> None:
    old = {**surface, "grants": {"one": {"http": True, "kv": {"read": ["a"]}}}}
    new = {**surface, "grants": {"one": {"http": {"hosts": ["a.test"]}, "env": True}}}
    details = [detail for one in surface_differences(old, new) for detail in one.details]
    assert details[:2] == ["may use `env` now", "may not use `kv` any more"]
    assert any("may use only" in detail and "of `http` now" in detail for detail in details)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "is not JSON"), ("[]", "is not the surface of a server"), ('{"tools": {"a": 1}}', "`tools`, `resources`")],
)
def test_a_damaged_file_is_an_error(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "surface.json"
    path.write_text(text)
    with pytest.raises(SurfaceFileError, match=reason):
        read_surface(path)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path, surface: dict[str, Any]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SurfaceFileError, match="cannot be written"):
        write_surface(tmp_path / "file" / "surface.json", surface)


def test_a_test_compares_with_its_snapshot(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile(TEST)
    missing = run(in_tested_project)
    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines(["*no snapshot `wasmcp_snapshots/*surface.json`*--wasmcp-snapshot-update*"])
    written = run(in_tested_project, UPDATE)
    written.assert_outcomes(passed=1)
    written.stdout.fnmatch_lines(["wrote wasmcp_snapshots/*.json: new"])
    unchanged = run(in_tested_project, UPDATE)
    unchanged.assert_outcomes(passed=1)
    unchanged.stdout.fnmatch_lines(["unchanged wasmcp_snapshots/*.json"])
    unchanged.stdout.no_fnmatch_line("wrote *")
    run(in_tested_project).assert_outcomes(passed=1)


def test_the_snapshots_of_selected_tests_are_written(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile(TEST.replace("test_surface", "test_one") + TEST.replace("test_surface", "test_two"))
    run(in_tested_project, "--wasmcp-snapshot", UPDATE, "-k", "test_one").assert_outcomes(passed=1, deselected=2)
    folder = in_tested_project.path / "wasmcp_snapshots"
    (one,) = folder.iterdir()
    assert ".test_one." in one.name
    run(in_tested_project, "--wasmcp-snapshot", UPDATE).assert_outcomes(passed=3)
    for path in (*folder.iterdir(), in_tested_project.path / "wasmcp-surface.json"):
        path.write_text(path.read_text().replace("Average temperatures", "Mean of temperatures"))
    run(in_tested_project, "--wasmcp-snapshot", UPDATE, "-k", "test_two").assert_outcomes(passed=1, deselected=2)
    run(in_tested_project, "--wasmcp-snapshot").assert_outcomes(passed=1, failed=2)
    run(in_tested_project, "--wasmcp-snapshot", UPDATE, "-k", "test_surface").assert_outcomes(passed=1, deselected=2)
    run(in_tested_project, "--wasmcp-snapshot").assert_outcomes(passed=2, failed=1)


def test_an_update_without_a_snapshot_says_so(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile("def test_other():\n    pass\n\ndef test_wrong():\n    assert False\n")
    alone = run(in_tested_project, UPDATE, "-k", "other")
    alone.stdout.fnmatch_lines(["wrote nothing: the selected tests have no snapshot; `--wasmcp-snapshot` adds one"])
    selected = run(in_tested_project, "--wasmcp-snapshot", UPDATE, "-k", "other")
    selected.assert_outcomes(passed=1, deselected=2)
    selected.stdout.fnmatch_lines(["wrote nothing: *, and `wasmcp-snapshot::test_surface` is not one of them"])
    run(in_tested_project, UPDATE).stdout.no_fnmatch_line("wrote nothing*")
    run(in_tested_project, "-k", "other").stdout.no_fnmatch_line("*wasmcp snapshots*")


def test_differences_are_reported_as_those_of_diff(in_tested_project: pytest.Pytester) -> None:
    run(in_tested_project, "--wasmcp-snapshot", UPDATE).assert_outcomes(passed=1)
    path = in_tested_project.path / "wasmcp-surface.json"
    known = json.loads(path.read_text())
    known["tools"]["convert"]["inputSchema"]["required"] = ["degrees"]
    known["tools"]["gone\x1b[31m"] = known["tools"]["average"]
    del known["prompts"]["explain"]
    path.write_text(json.dumps(known))
    result = run(in_tested_project, "--wasmcp-snapshot")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*differs from its snapshot `wasmcp-surface.json`*",
            "*~ tool `convert`  breaking",
            "*needs `from` now",
            "*- tool `gone\\x1b[[]31m`  breaking",
            "*+ prompt `explain`",
            "*3 differences, 2 breaking",
            "*To accept it, run pytest with `--wasmcp-snapshot-update`*",
        ]
    )
    accepted = run(in_tested_project, "--wasmcp-snapshot", UPDATE)
    accepted.assert_outcomes(passed=1)
    accepted.stdout.fnmatch_lines(["wrote wasmcp-surface.json: 3 differences, 2 breaking"])
    run(in_tested_project, "--wasmcp-snapshot").assert_outcomes(passed=1)


def test_the_added_test_uses_fixtures_and_workers(in_tested_project: pytest.Pytester, zig_server: Path) -> None:
    in_tested_project.makeconftest(f"""
        import pytest

        @pytest.fixture
        def wasmcp_target():
            return {str(zig_server)!r}
        """)
    in_tested_project.makepyfile("def test_other():\n    pass\n")
    options = ("--wasmcp-snapshot", "-o", "wasmcp_snapshot_file=kept/surface.json", "-n", "2")
    written = run(in_tested_project, *options, UPDATE)
    written.assert_outcomes(passed=2)
    written.stdout.fnmatch_lines(["wrote kept/surface.json: new"])
    assert next(iter(json.loads((in_tested_project.path / "kept/surface.json").read_text())["tools"])) == "add"
    run(in_tested_project, *options).assert_outcomes(passed=2)


def test_syrupy_compares_surfaces(in_tested_project: pytest.Pytester) -> None:
    in_tested_project.makepyfile(
        "def test_surface(wasmcp_server, snapshot):\n    assert wasmcp_server.surface() == snapshot\n"
    )
    run(in_tested_project, "--snapshot-update").assert_outcomes(passed=1)
    run(in_tested_project).assert_outcomes(passed=1)
    (kept,) = in_tested_project.path.glob("__snapshots__/*.ambr")
    kept.write_text(kept.read_text().replace("Average temperatures", "Mean of temperatures"))
    changed = run(in_tested_project)
    changed.assert_outcomes(failed=1)
    changed.stdout.fnmatch_lines(["*Average temperatures of one scale*"])
