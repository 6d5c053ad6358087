"""Progress of downloads."""

from __future__ import annotations

import sys

import click
import pytest

from wasmcp.cli.progress import Bar


def test_nothing_is_drawn_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Bar()("acme:calc", 10, 10)
    assert capsys.readouterr().err == ""


def test_a_bar_is_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = Bar()
    for done in (512, 513, 1024, 2048):
        bar("acme:calc\x1b", done, 2048)
    drawn = click.unstyle(capsys.readouterr().err).split("\r")[1:]
    assert [line.split()[-1] for line in drawn] == ["25%", "50%", "100%"]
    assert drawn[0].startswith("acme:calc\\x1b (2 KB)  [#########---")
    assert drawn[-1].endswith("\n")


def test_each_download_has_its_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = Bar()
    bar("acme:one", 512, 2048)  # not finished
    bar("acme:two", 2048, 2048)
    bar("acme:two", 1024, 2048)  # once more
    bar.close()
    lines = click.unstyle(capsys.readouterr().err).split("\n")
    assert [line.strip().split(" ")[0] for line in lines[:-1]] == ["acme:one", "acme:two", "acme:two"]


def test_cursor_is_shown_again_after_a_failed_download(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    def fail() -> None:
        Bar()("acme:one", 512, 2048)
        raise OSError("lost")

    with pytest.raises(OSError, match="lost"):
        click.Command("pull", callback=fail).main([], standalone_mode=False)
    assert capsys.readouterr().err.endswith("\x1b[?25h\n")
