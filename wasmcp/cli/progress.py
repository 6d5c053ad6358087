"""Progress of downloads on a terminal."""

from __future__ import annotations

import sys
import time

import click

from wasmcp.terminal import printable

_WIDTH = 28
_PAUSE = 0.1


class Bar:
    """Progress bar on one line of standard error; silent if that is not a terminal."""

    def __init__(self) -> None:
        self._shown = 0.0

    def __call__(self, what: str, done: int, size: int) -> None:
        """Draw the bar: a title, the bytes received, and the bytes in total."""
        now = time.monotonic()
        if not sys.stderr.isatty() or (done < size and now - self._shown < _PAUSE):
            return
        self._shown = now
        share = done / size if size else 1.0
        bar = "#" * int(_WIDTH * share)
        text = f"\r{what} [{bar:<{_WIDTH}}] {share:4.0%} of {size / 1024:,.0f} KB"
        click.echo(text, err=True, nl=done >= size)


def say(text: str) -> None:
    """Print a progress message on standard error, with control characters escaped."""
    click.echo(printable(text, keep="\n\t"), err=True)
