"""Command that runs every benchmark, prints the table and writes it as JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from benchmarks import chain, commands, composing, guards, http, inprocess, languages, sizes, startup
from benchmarks.measure import Row
from wasmcp.project import ensure_built

HERE = Path(__file__).parent
RESULTS = HERE / "results"


def line(row: Row) -> str:
    """One row as text."""
    sign = ">" if row.higher_is_better else "<"
    target = "" if row.target is None else f"{sign} {row.target:,.6g} {'met' if row.met else 'MISSED'}"
    ratio = row.ratio
    peer = "" if ratio is None else f"{ratio:.1f} x better than {row.peer} ({row.peer_value:,.4g})"
    return f"{row.name:<52} {row.value:>10,.4g} {row.unit:<6} {target:<20} {peer}"


def main() -> None:
    """Build what is measured, measure, report."""
    project = HERE / "project"
    zig, python, hundred = (ensure_built(project, name) for name in ("zig", "python", "hundred"))
    suites: dict[str, Callable[[], list[Row]]] = {
        "sizes": lambda: sizes.rows(zig),
        "composing": lambda: composing.rows(project),
        "commands": lambda: commands.rows(project),
        "inprocess": lambda: inprocess.rows(zig, python, hundred),
        "chain": lambda: chain.rows(project),
        "guards": lambda: guards.rows(project),
        "startup": lambda: startup.rows(python),
        "http": lambda: http.rows(zig, python),
        "languages": languages.rows,
    }
    chosen = sys.argv[1:] or list(suites)
    if unknown := [name for name in chosen if name not in suites]:
        raise SystemExit(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(suites)}")
    rows = []
    for name in chosen:
        for row in suites[name]():
            rows.append(row)
            print(line(row), flush=True)
    RESULTS.mkdir(exist_ok=True)
    facts = {"python": platform.python_version(), "cores": os.cpu_count(), "machine": platform.machine()}
    measured = ("wasmcp", "wasmtime", "mcp", "uvicorn", "httptools", "uvloop", "componentize-py")
    versions = {name: version(name) for name in measured}
    report = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **facts,
        "versions": versions,
        "rows": [{**asdict(row), "ratio": row.ratio, "met": row.met} for row in rows],
    }
    path = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"written: {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
