"""Progress of builds: plain lines, and on terminals the running steps with their durations."""

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
    from rich.progress import Progress, TaskID

    from wasmcp.project.events import BuildEvent

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
