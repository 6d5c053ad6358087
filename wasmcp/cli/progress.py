"""Progress of downloads on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from wasmcp.terminal import printable

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar


class Bar:
    """Progress bar of one download at a time on standard error; silent if that is not a terminal."""

    def __init__(self) -> None:
        self._bar: ProgressBar[int] | None = None
        self._title = ""
        self._done = 0
        if context := click.get_current_context(silent=True):
            context.call_on_close(self.close)  # a download that fails must not leave the cursor hidden

    def __call__(self, what: str, done: int, size: int) -> None:
        """Draw the bar: a title, the bytes received, and the bytes in total."""
        if not sys.stderr.isatty():
            return
        if self._bar is None or self._title != what or done < self._done:
            self.close()
            self._title, self._done = what, 0
            label = f"{printable(what)} ({size / 1024:,.0f} KB)"
            self._bar = click.progressbar(
                length=size, label=label, file=sys.stderr, show_eta=False, update_min_steps=max(1, size // 100)
            )
        self._bar.update(done - self._done)
        self._done = done
        if done >= size:
            self.close()

    def close(self) -> None:
        """End the line of an incomplete bar, and show the cursor again."""
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None


def say(text: str) -> None:
    """Print a progress message on standard error, with control characters escaped."""
    click.echo(printable(text, keep="\n\t"), err=True)
