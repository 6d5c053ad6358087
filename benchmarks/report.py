"""Report of a run: lines for the terminal, JSON, and `docs/performance.md` with its plots."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, Table

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
QUIET = 0.5
"""Maximum load average before a run whose figures are published."""
MEASURED = ("wasmcp", "wasmtime", "mcp", "fastmcp", "uvicorn", "httptools", "uvloop", "componentize-py")
PLOTTED = 4
"""Minimum number of rows of a table with a plot."""


def number(figure: float) -> str:
    """Return a figure with four digits, or, above a thousand, as a whole number."""
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.4g}"


def line(row: Row) -> str:
    """Return one row as text."""
    sign = ">" if row.higher_is_better else "<"
    target = "" if row.target is None else f"{sign} {number(row.target)} {'met' if row.met else 'MISSED'}"
    return f"{row.name:<56} {number(row.value):>10} {row.unit:<6} {target:<22} {_against(row)}".rstrip()


def text(table: Table) -> str:
    """Return a table as text."""
    width = max(map(len, table.rows))
    names = [f"{name} ({unit})" if unit else name for name, unit in zip(table.columns, table.units, strict=True)]
    lines = [table.title, "  " + " " * width + "".join(f"{name:>{len(name) + 3}}" for name in names)]
    for name, figures in table.rows.items():
        cells = [f"{number(figure):>{len(head) + 3}}" for head, figure in zip(names, figures, strict=True)]
        lines.append(f"  {name:<{width}}{''.join(cells)}")
    return "\n".join(lines)


def facts() -> dict[str, Any]:
    """Return the machine, the versions, the time and the commit of a run, before it starts."""
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, check=False, capture_output=True, text=True, cwd=ROOT)
    return {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": commit.stdout.strip() or "unknown",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}",
        "load": round(os.getloadavg()[0], 2),
        "versions": {name: found for name in MEASURED if (found := _version(name))},
    }


def write(run: dict[str, Any], found: Sequence[Row | Table]) -> Path:
    """Write a run as JSON, and return the file."""
    rows = [{**asdict(one), "ratio": one.ratio, "met": one.met} for one in found if isinstance(one, Row)]
    tables = [asdict(one) for one in found if isinstance(one, Table)]
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps({**run, "rows": rows, "tables": tables}, indent=2) + "\n", encoding="utf-8")
    return path


def publish(run: dict[str, Any], found: Sequence[Row | Table]) -> None:
    """Write `docs/performance.md` and its plots."""
    versions = ",\n".join(f"{name} {number}" for name, number in run["versions"].items())
    introduction = (
        # Only a published run makes the page, so that no table of contents can name it.
        "---\norphan: true\n---\n\n# Performance\n\n"
        "Figures of wasmcp next to the official SDK for Python, FastMCP and an ASGI application without MCP, measured\n"
        "in one run by `make bench`. Each server runs at its fastest settings: uvicorn with httptools and uvloop,\n"
        "without sessions, with JSON responses. The load over HTTP comes from `wrk`. Rows of all servers are printed,\n"
        "also where another one is better, and missed goals are marked.\n\n"
        f"Measured on {run['when']} at commit `{run['commit']}`: {run['machine']}, {run['cores']} cores, Python\n"
        f"{run['python']}, load average {run['load']} before the start.\n\nVersions: {versions}.\n"
    )
    goals = [one for one in found if isinstance(one, Row)]
    lines = [f"| {one.name} | {number(one.value)} {one.unit} | {_goal(one)} | {_against(one)} |\n" for one in goals]
    head = "## Goals and figures\n\n| figure | measured | goal | compared with |\n|---|---|---|---|\n"
    parts = [introduction, head + "".join(lines)]
    for table in (one for one in found if isinstance(one, Table)):
        heads = [f"{name} ({unit})" if unit else name for name, unit in zip(table.columns, table.units, strict=True)]
        lines = [f"## {table.title}\n", f"| server | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
        for name, figures in table.rows.items():
            lines.append(f"| {name} | {' | '.join(map(number, figures))} |")
        if len(table.rows) >= PLOTTED:
            file = _plot(table)
            lines += ["", f"![{table.columns[0]} of each server](images/{file.name})"]
        parts.append("\n".join(lines) + "\n")
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def _goal(row: Row) -> str:
    if row.target is None:
        return ""
    sign = "≥" if row.higher_is_better else "≤"
    return f"{sign} {number(row.target)} {row.unit}: {'met' if row.met else '**missed**'}"


def _against(row: Row) -> str:
    if row.ratio is None or row.peer_value is None:
        return ""
    words = f"{row.ratio:.1f} x better" if row.ratio >= 1 else f"{1 / row.ratio:.1f} x worse"
    return f"{words} than {row.peer} ({number(row.peer_value)} {row.unit})"


def _plot(table: Table) -> Path:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "wasmcp"
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot as plt

    names = list(table.rows)[::-1]
    shown = range(min(2, len(table.columns)))
    figure, axes = plt.subplots(1, len(shown), figsize=(10, 0.4 * len(names) + 1), sharey=True, squeeze=False)
    for column, axis in zip(shown, axes[0], strict=True):
        values = [table.rows[name][column] for name in names]
        bars = axis.barh(names, values, color=["#5b4bb5" if "wasm" in name else "#9aa0a6" for name in names])
        axis.bar_label(bars, fmt=number, padding=3)
        unit = f" ({table.units[column]})" if table.units[column] else ""
        axis.set_title(f"{table.columns[column]}{unit}")
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.15)
    figure.tight_layout()
    IMAGES.mkdir(exist_ok=True)
    name = "".join(letter if letter.isalnum() else "-" for letter in table.title.lower()).strip("-")
    path = IMAGES / f"performance-{'-'.join(filter(None, name.split('-')))}.svg"
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return path


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return next((one.partition(":")[2].strip() for one in lines if one.startswith("model name")), platform.processor())
