"""Tables of the guides between two comments, which the command writes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
END = "<!-- end of figures -->\n"


def today() -> str:
    """Return the date."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def measured() -> str:
    """Return the date, and the load of the machine, which timings depend on."""
    cores = os.cpu_count() or 1
    return f"on {today()}, on {cores} cores with a load of {os.getloadavg()[0]:.0f}"


def begin(name: str) -> str:
    """Return the comment before a table."""
    return f"<!-- figures: written by `make figures NAMES={name}` -->\n"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [f"| {' | '.join(cells)} |\n".replace("|  |", "| |") for cells in (heads, *rows)]
    return "".join([lines[0], f"|{'---|' * len(heads)}\n", *lines[1:]])


def write(page: str, name: str, text: str) -> None:
    """Replace the text between the comments of a name."""
    path = GUIDES / page
    whole = path.read_text("utf-8")
    before, found, rest = whole.partition(begin(name))
    if not found or END not in rest:
        raise SystemExit(f"{page} has no place for the figures `{name}`")
    path.write_text(f"{before}{found}{text}{END}{rest.partition(END)[2]}", "utf-8")
