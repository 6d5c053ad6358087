"""Summary of a published run, in README.md and on the first page of the documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measure import Table

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "docs" / "index.md")
"""The files with a summary, each between the lines `BEGIN` and `END`."""
BEGIN = "<!-- Figures: written by `make bench` -->"
END = "<!-- End of the figures -->"

_OURS = {"wasmcp, Zig": "Zig", "wasmcp, Python": "Python"}
_PEERS = {
    "official SDK, low-level": "official SDK, low-level",
    "official SDK, `MCPServer`": "official SDK, MCPServer",
    "FastMCP": "FastMCP",
}
"""Heading -> the row of the server; for ours, the part after the name of the command."""


class _Line(NamedTuple):
    """A line of the summary: a column of a table.

    Attributes:
        words: The quantity.
        title: The title of the table.
        column: The name of the column.
        command: The command that runs our servers.
        shown: Returns the text of a figure.
    """

    words: str
    title: str
    column: str
    command: str
    shown: Callable[[float], str]


_LINES = (
    _Line("HTTP, 16 connections: requests/s", "HTTP: `add`, 16 connections", "requests/s", "serve", "{:,.0f}".format),
    _Line(
        "HTTP: processor time per request, in microseconds",
        "HTTP: `add`, 16 connections",
        "CPU per request",
        "serve",
        "{:,.0f}".format,
    ),
    _Line(
        "HTTP, arguments and results of 1 MB: median in ms",
        "HTTP: argument and result of 1 MB, 4 connections",
        "median",
        "serve",
        "{:.1f}".format,
    ),
    _Line(
        "stdio, one request at a time: requests/s",
        "stdio: `add`, one request in flight",
        "requests/s",
        "run",
        "{:,.0f}".format,
    ),
    _Line(
        "stdio, arguments and results of 1 MB: median in ms",
        "stdio: argument and result of 1 MB",
        "median",
        "run",
        "{:.1f}".format,
    ),
    _Line(
        "start to the first `tools/list`",
        "stdio: start of the process to the first response",
        "tools/list",
        "run",
        lambda milliseconds: f"{milliseconds / 1e3:.2f} s",
    ),
)


def summary(run: Mapping[str, Any], tables: Sequence[Table]) -> str:
    """Return the summary of a run.

    Args:
        run: The facts of the run; see `benchmarks.report.facts`.
        tables: Its tables.
    """
    by_title = {table.title: table for table in tables}

    def figure(line: _Line, server: str) -> float:
        table = by_title[line.title]
        return table.rows[server][list(table.columns).index(line.column)]

    heads = [f"measured on {run['when'].split()[0]}, tool `add`, {run['cores']} cores", *_OURS, *_PEERS]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for line in _LINES:
        servers = [*(f"wasmcp {line.command}, {name}" for name in _OURS.values()), *_PEERS.values()]
        lines.append(f"| {line.words} | {' | '.join(line.shown(figure(line, one)) for one in servers)} |")
    start = by_title[_LINES[-1].title]
    call = list(start.columns).index("tools/call")
    python, zig = (start.rows[f"wasmcp run, {name}, empty cache"][call] / 1e3 for name in ("Python", "Zig"))
    return (
        "\n".join(lines) + "\n\nOver HTTP the peers run in uvicorn with httptools and uvloop, their best settings. The "
        f"first call compiles a server\nthat is not in the cache: {python:.1f} s with a Python component, {zig:.1f} s "
        "with one in Zig.\n"
    )


def replaced(page: str, text: str) -> str:
    """Return a page with another summary.

    Raises:
        ValueError: The page has not exactly one pair of the lines `BEGIN` and `END`.
    """
    marked = re.compile(f"(?<={re.escape(BEGIN)}\n).*?(?={re.escape(END)}\n)", re.DOTALL)
    changed, count = marked.subn(lambda _: f"\n{text}\n", page)
    if count != 1:
        raise ValueError(f"expected the lines `{BEGIN}` and `{END}` once, found {count} pairs")
    return changed


def write(run: Mapping[str, Any], tables: Sequence[Table]) -> None:
    """Write the summary of a run into `PAGES`."""
    text = summary(run, tables)
    for page in PAGES:
        page.write_text(replaced(page.read_text("utf-8"), text), encoding="utf-8")
