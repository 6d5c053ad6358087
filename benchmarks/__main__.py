"""Command that runs the benchmarks, prints their figures, and writes them as JSON and as a page of docs/."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import (
    access,
    chain,
    commands,
    composing,
    faults,
    guards,
    http,
    inprocess,
    languages,
    memory,
    report,
    scale,
    sessions,
    sizes,
    startup,
    stdio,
    summary,
    testing,
    tokens,
)
from benchmarks.measure import Row, Table
from wasmcp.host.engine import compile_cache
from wasmcp.project import ensure_built

HERE = Path(__file__).parent


def main() -> None:
    """Build the servers, measure, and report. Arguments: the names of benchmarks; all by default."""
    run = report.facts()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # packages of pip have bytecode, so that ours has to have it, too
    project = HERE / "project"
    zig, python, hundred = (ensure_built(project, name) for name in ("zig", "python", "hundred"))
    for server in (zig, python, hundred):
        compile_cache.load(server).close()  # otherwise processes begin with code that was compiled quickly
    suites: dict[str, Callable[[], Sequence[Row | Table]]] = {
        "http": lambda: http.rows(zig, python),
        "stdio": lambda: stdio.rows(zig, python),
        "startup": lambda: startup.rows(zig, python),
        "memory": lambda: memory.rows(zig, python),
        "scale": lambda: scale.rows(project),
        "inprocess": lambda: inprocess.rows(zig, python, hundred),
        "sizes": lambda: sizes.rows(project),
        "chain": lambda: chain.rows(project),
        "guards": lambda: guards.rows(project),
        "access": lambda: access.rows(project),
        "tokens": lambda: tokens.rows(zig),
        "sessions": lambda: sessions.rows(zig),
        "composing": lambda: composing.rows(project),
        "commands": lambda: commands.rows(project),
        "languages": languages.rows,
        "testing": lambda: testing.rows(zig),
        "faults": lambda: faults.rows(zig, ensure_built(project, "storing")),
    }
    chosen = sys.argv[1:] or list(suites)
    if unknown := [name for name in chosen if name not in suites]:
        raise SystemExit(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(suites)}")
    found: list[Row | Table] = []
    for name in chosen:
        for one in suites[name]():
            found.append(one)
            print(report.line(one) if isinstance(one, Row) else f"\n{report.text(one)}\n", flush=True)
    print(f"written: {report.write(run, found).relative_to(HERE.parent)}")
    if len(chosen) < len(suites):
        return
    if run["load"] > report.QUIET:
        print(
            f"not published: the load average was {run['load']} before the start, and figures of a machine above "
            f"{report.QUIET} say little"
        )
        return
    report.publish(run, found)
    summary.write(run, [one for one in found if isinstance(one, Table)])
    for page in (report.PAGE, *summary.PAGES):
        print(f"written: {page.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
