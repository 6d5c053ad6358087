"""Progress of downloads."""

from __future__ import annotations

import sys

import pytest

from wasmcp.cli.progress import Bar


def test_it_is_drawn_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar()
    bar("acme:calc", 10, 10)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar("acme:calc", 512, 2048)
    bar("acme:calc", 600, 2048)
    bar("acme:calc", 2048, 2048)
    first, second = capsys.readouterr().err.split("\r")[1:]
    assert first == "acme:calc [#######                     ]  25% of 2 KB"
    assert second == f"acme:calc [{'#' * 28}] 100% of 2 KB\n"
    bar("empty", 0, 0)
    assert "100%" in capsys.readouterr().err
