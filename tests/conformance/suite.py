"""The official suite, `@modelcontextprotocol/conformance`, against a server on HTTP."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conformance.node import Node
from conformance.outcome import Outcome

ENTRY = ("@modelcontextprotocol/conformance", "dist/index.js")
REQUIREMENTS = ("2025-11-25", "2026-07-28")
"""The revisions that have a frozen set of required scenarios."""
SUITES = ("2025-06-18", "2025-11-25", "2026-07-28")
"""The revisions in which the suite can run all it has."""


def not_scored(node: Node, revision: str) -> set[str]:
    """Return the scenarios that a revision's set runs without scoring them."""
    listing = node.run(node.package(*ENTRY), "list", "--requirements", revision, check=True).stdout
    _, _, rest = listing.partition("never scored")
    return set(re.findall(r"- (\S+) \[server\]", rest))


def requirements(node: Node, entry_point: str, url: str, revision: str) -> Iterator[Outcome]:
    """Run the frozen set of a revision."""
    unscored = not_scored(node, revision)
    yield from _run(node, entry_point, url, revision, unscored, "--requirements", revision)


def everything(node: Node, entry_point: str, url: str, revision: str) -> Iterator[Outcome]:
    """Run the suite `all` in a revision."""
    yield from _run(node, entry_point, url, revision, None, "--suite", "all", "--spec-version", revision)


def scenario(node: Node, entry_point: str, url: str, revision: str, name: str) -> Iterator[Outcome]:
    """Run one scenario of an extension, which belongs to no revision, in this one."""
    yield from _run(node, entry_point, url, revision, None, "--scenario", name, "--spec-version", revision, "--force")


def _run(
    node: Node, entry_point: str, url: str, revision: str, unscored: set[str] | None, *options: str
) -> Iterator[Outcome]:
    with tempfile.TemporaryDirectory() as folder:
        done = node.run(node.package(*ENTRY), "server", "--url", url, "-o", folder, *options)
        results = sorted(Path(folder).glob("server-*/checks.json"))
        # A scenario in which the suite itself fails has no checks; only the suite's summary names it.
        announced = re.findall(r"^=== Running scenario: (\S+) ===$", done.stdout, re.MULTILINE)
        if not results or done.returncode not in (0, 1):
            raise RuntimeError(f"the suite did not run: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        seen = set()
        for path in results:
            scenario = re.sub(r"^server-|-\d{4}-\d\d-\d\dT[\d-]+Z$", "", path.parent.name)
            seen.add(scenario)
            checks = json.loads(path.read_text(encoding="utf-8"))
            failures = [check for check in checks if check["status"] == "FAILURE"]
            yield Outcome(
                entry_point,
                revision,
                scenario,
                sum(check["status"] == "SUCCESS" for check in checks),
                tuple(f"{check['id']}: {check.get('errorMessage', '')}" for check in failures),
                unscored is not None and scenario not in unscored,
            )
        for scenario in announced:
            if scenario not in seen:
                yield Outcome(
                    entry_point, revision, scenario, 0, ("it ended without checks",), scenario not in (unscored or ())
                )
