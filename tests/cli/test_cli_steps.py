"""Progress of builds."""

from __future__ import annotations

import logging
import sys

import pytest

from wasmcp.cli.progress import Steps
from wasmcp.project.events import (
    CompilationFailed,
    CompilationFinished,
    CompilationStarted,
    Note,
    ServerComposed,
)

EVENTS = [
    CompilationStarted("calc", "zig/calc.zig"),
    CompilationStarted("text", "src/[x]/text.py"),
    Note("warning: `src/[x]/text.py`, line 1: `time.time` is called once"),
    CompilationFinished("calc", 69_632, 1.04),
    CompilationFailed("text", 9.0),
    ServerComposed("default", "out.wasm", 20_480_000, 0.25),
]
LINES = [
    "compiling component `calc` (zig/calc.zig)",
    "compiling component `text` (src/[x]/text.py)",
    "warning: `src/[x]/text.py`, line 1: `time.time` is called once",
    "compiled component `calc`: 68 KB, 1.0 s",
    "component `text` does not compile (9.0 s)",
    "composed server `default`: out.wasm, 20,000 KB, 0.2 s",
]


def told(capsys: pytest.CaptureFixture[str]) -> str:
    with Steps() as steps:
        for event in EVENTS:
            steps(event)
    return capsys.readouterr().err


def test_plain_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys).splitlines() == LINES


def test_plain_lines_in_ci(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("CI", "true")
    assert told(capsys).splitlines() == LINES


def test_running_steps_are_shown_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with Steps() as steps:
        for event in EVENTS[:3]:
            steps(event)
        assert steps._progress is not None
        assert [task.fields["what"] for task in steps._progress.tasks] == ["zig/calc.zig", "src/[x]/text.py"]
        for event in EVENTS[3:]:
            steps(event)
        assert steps._progress.tasks == []
    shown = capsys.readouterr().err
    assert all(line in shown for line in LINES[2:])


def test_display_ends_after_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.delenv("CI", raising=False)
    steps = Steps()
    with pytest.raises(ZeroDivisionError), steps:
        1 / 0  # noqa: B018 - any error will do
    assert steps._progress is not None
    assert not steps._progress.live.is_started


def test_plain_lines_without_rich(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert told(capsys).splitlines() == LINES


def test_names_and_messages_are_escaped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.delenv("CI", raising=False)
    with Steps() as steps:
        steps(CompilationStarted("calc", "zig/calc.zig"))
        steps(Note("compiled component `calc`: 68 KB, 1.0 s"))
        steps(Note("compiling component `x` (y)\x1b[2J"))
        assert steps._progress is not None
        assert [task.description for task in steps._progress.tasks] == ["calc"]
    shown = capsys.readouterr().err
    assert "compiling component `x` (y)\\x1b[2J" in shown


def test_output_of_modules_is_shown_with_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("wasmcp.build")
    for verbose in (True, False):
        with Steps(verbose=verbose):
            logger.info("`%s` printed while it was imported: %s", "tools.py", "hello")
    assert capsys.readouterr().err == "`tools.py` printed while it was imported: hello\n"
    assert logger.handlers == []
