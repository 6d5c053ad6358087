"""Table of packages in docs/guides/what-runs.md: one line for each package, in alphabetical order."""

from __future__ import annotations

import json
from pathlib import Path

from packages.trial import Outcome
from packages.uses import PACKAGES

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "what-runs.md"
BEGIN, END = "<!-- packages: written by `make packages` -->\n", "<!-- end of packages -->\n"
HEAD = "| package | public servers with it | in a component | |\n|---|---|---|---|\n"


def line(outcome: Outcome) -> str:
    """Return a package's line of the table."""
    package = next(one for one in PACKAGES if one.name == outcome.name)
    notes = []
    if package.from_source:
        notes.append(f"`build-from-source = {json.dumps(list(package.from_source))}`")
    if package.needs_tmp:
        notes.append("with a folder as `/tmp`")
    if outcome.reason:
        notes.append(outcome.reason.replace("|", "\\|").replace("\n", " "))
    version = f" {outcome.version}" if outcome.version else ""
    return f"| `{outcome.name}`{version} | {', '.join(package.servers)} | {outcome.state} | {'; '.join(notes)} |\n"


def lines(page: str) -> dict[str, str]:
    """Return package -> its line in the text of the page."""
    table = page.partition(BEGIN)[2].partition(END)[0].removeprefix(HEAD)
    return {text.split("`")[1]: text for text in table.splitlines(keepends=True) if text.startswith("| `")}


def state(text: str) -> str:
    """Return the state in a line of the table."""
    return text.split(" | ")[2]


def updated(page: str, outcomes: list[Outcome]) -> str:
    """Return the text of the page with the lines of these outcomes; packages that were removed are left out."""
    found = lines(page) | {outcome.name: line(outcome) for outcome in outcomes}
    kept = [found[package.name] for package in PACKAGES if package.name in found]
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + HEAD + "".join(kept) + END + rest.partition(END)[2]
