"""How far a build is: plain lines, and for people who watch a terminal the steps under way with the time they take."""

from __future__ import annotations

import os
import re
import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_BEGINS = re.compile(r"compiling component `([^`]+)` \((.+)\)")
_ENDS = re.compile(r"compiled component `([^`]+)`: .*")


class Steps(AbstractContextManager["Steps"]):
    """Told of each step of a build in a line; shows those under way while they last.

    Only plain lines where standard error is no terminal, where ``CI`` is set, and where rich is not installed.
    """

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Steps:  # noqa: PYI034 - `typing.Self` is newer than Python 3.10
        self._progress = _progress()
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, line: str) -> None:
        """Take a line; lines come from several threads."""
        if self._progress is None:
            click.echo(line, err=True)
            return
        begins, ends = _BEGINS.fullmatch(line), _ENDS.fullmatch(line)
        if begins is not None:
            self._tasks[begins[1]] = self._progress.add_task(begins[1], total=None, what=begins[2])
            return
        if ends is not None and ends[1] in self._tasks:
            self._progress.remove_task(self._tasks.pop(ends[1]))
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
