"""Progress of downloads, builds and requests: plain lines; on terminals, bars, running steps and a line of status."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from wasmcp.terminal import printable

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar
    from rich.progress import Progress, TaskID

    from wasmcp.project.events import BuildEvent


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


class StatusLine:
    """Progress and messages on standard error; on a terminal, progress is one line that is replaced."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._shown = False

    def update(self, text: str) -> None:
        """Show the progress."""
        if not self._is_terminal:
            self.line(text)
            return
        sys.stderr.write(f"\r\x1b[2K{text}")
        sys.stderr.flush()
        self._shown = True

    def line(self, text: str) -> None:
        """Write a line."""
        self.clear()
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line of progress."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._shown = False


def say(text: str) -> None:
    """Print a progress message on standard error, with control characters escaped."""
    click.echo(printable(text, keep="\n\t"), err=True)


_LOGGER = logging.getLogger("wasmcp.build")


class _Notes(logging.Handler):
    """Logging handler that forwards records to the watcher of a build."""

    def __init__(self, write: Callable[[BuildEvent], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Forward a record."""
        from wasmcp.project.events import Note

        self._write(Note(record.getMessage()))


class Steps(AbstractContextManager["Steps"]):
    """Watcher of a build: prints a line per event, and shows running steps.

    Prints only plain lines if standard error is not a terminal, if ``CI`` is set, or without rich.

    Args:
        verbose: Also show the output of programs while components are built: records of the logger ``wasmcp.build``.
    """

    def __init__(self, *, verbose: bool = False) -> None:
        self._handler = _Notes(self) if verbose else None
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if self._handler is not None:
            _LOGGER.addHandler(self._handler)
            _LOGGER.setLevel(logging.INFO)
        self._progress = _progress()
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handler is not None:
            _LOGGER.removeHandler(self._handler)
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, event: BuildEvent) -> None:
        """Handle an event. Called from several threads."""
        from wasmcp.project.events import CompilationFailed, CompilationFinished, CompilationStarted

        line = printable(str(event))
        if self._progress is None:
            click.echo(line, err=True)
            return
        if isinstance(event, CompilationStarted):
            task = self._progress.add_task(printable(event.component), total=None, what=printable(event.source))
            self._tasks[event.component] = task
            return
        if isinstance(event, (CompilationFinished, CompilationFailed)) and event.component in self._tasks:
            self._progress.remove_task(self._tasks.pop(event.component))
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _progress() -> Progress | None:
    if not sys.stderr.isatty() or os.environ.get("CI"):
        return None
    try:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    except ImportError:
        return None
    columns = (
        SpinnerColumn(),
        TextColumn("compiling component `{task.description}` ({task.fields[what]})", markup=False),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
