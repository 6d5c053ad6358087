"""How far a download is, for people who watch a terminal."""

from __future__ import annotations

import sys
import time

import click

from wasmcp.terminal import printable

_WIDTH = 28
_PAUSE = 0.1


class Bar:
    """Draws one line on standard error over and over; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._shown = 0.0

    def __call__(self, what: str, done: int, size: int) -> None:
        """Draw it: what is coming, how many bytes came, how many there are."""
        now = time.monotonic()
        if not sys.stderr.isatty() or (done < size and now - self._shown < _PAUSE):
            return
        self._shown = now
        share = done / size if size else 1.0
        bar = "#" * int(_WIDTH * share)
        text = f"\r{what} [{bar:<{_WIDTH}}] {share:4.0%} of {size / 1024:,.0f} KB"
        click.echo(text, err=True, nl=done >= size)


def say(text: str) -> None:
    """Print words about progress on standard error, so that words of others in them change nothing on a terminal."""
    click.echo(printable(text, keep="\n\t"), err=True)
