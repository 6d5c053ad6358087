"""Sizes of components with libraries, and times from an edit to the list of tools."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from support.projects import write_project

from figures.tables import measured, table, today, write
from wasmcp.host import open_server
from wasmcp.project import ensure_built
from wasmcp.project.development import development_server

_PYPROJECT = """\
[project]
name = "sized"
version = "0.0.1"

[tool.wasmcp.components.sized]
source = "src/sized/tools.py"
grants = {grants}
dependencies = {dependencies}

[tool.wasmcp.servers.default]
components = ["sized"]
"""
_TOOL = '''\
"""Tools."""

{imports}from wasmcp.guest import tool


@tool
def add(a: int, b: int) -> int:
    return a + b
'''
_MORE = "\n\n@tool\ndef more{number}(a: int) -> int:\n    return a\n"
COMPONENTS = {
    "one tool": ("", "20.5"),
    "`pydantic` 2.14": ("pydantic>=2.14,<2.15", "34.1"),
    "`httpx` 0.28, with the grant `http`": ("httpx>=0.28,<0.29", "28.0"),
    "`openai` 3.57, with the grant `http`": ("openai>=3.57,<3.58", "81.7"),
}
"""Requirement, and the megabytes of the server before unneeded modules were left out."""


def _project(folder: Path, requirement: str) -> Path:
    module = requirement.partition(">")[0]
    files = {
        "pyproject.toml": _PYPROJECT.format(
            grants='["http"]' if module in {"httpx", "openai"} else "[]",
            dependencies=f'["{requirement}"]' if requirement else "[]",
        ),
        "src/sized/__init__.py": "",
        "src/sized/tools.py": _TOOL.format(imports=f"import {module}\n" if module else ""),
    }
    return write_project(folder, files)


def update_sizes() -> None:
    """Build a component with each library, and write the table of python-packages.md."""
    rows = []
    plain = 0.0
    for name, (requirement, before) in COMPONENTS.items():
        with TemporaryDirectory() as folder:
            megabytes = ensure_built(_project(Path(folder), requirement)).stat().st_size / 1e6
        plain = plain or megabytes
        rows.append([name, before, f"{megabytes:.1f}", f"{megabytes - plain:.1f}" if requirement else ""])
        print(" | ".join(rows[-1]), flush=True)
    text = table(("server with one component, in MB", "before", "now", "more than with one tool"), rows)
    write("python-packages.md", "sizes", f"{text}\nMeasured on {today()}.\n")


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _edited(source: Path, number: int, listed: Callable[[], int]) -> float:
    """Add a tool, and return the seconds until the list has it."""
    source.write_text(source.read_text("utf-8") + _MORE.format(number=number), "utf-8")
    begun = _processor_seconds()
    if listed() != number + 1:
        raise SystemExit("the tool is not in the list")
    return _processor_seconds() - begun


def update_edits() -> None:
    """Edit a component of one tool, and write the table of testing.md."""
    with TemporaryDirectory() as folder:
        root = _project(Path(folder), "")
        source = root / "src/sized/tools.py"
        sizes = [ensure_built(root).stat().st_size, development_server(root).path.stat().st_size]

        def released() -> int:
            with open_server(ensure_built(root), instances=1) as server:
                return len(server.list_tools())

        def developed() -> int:
            found = development_server(root)
            with open_server(found.path, instances=1, development=found.modules) as server:
                return len(server.list_tools())

        released(), developed()  # compile both
        slow = _edited(source, 1, released)
        fast = min(_edited(source, number, developed) for number in range(2, 7))
    rows = [
        ["from an edit that adds a tool to `tools/list`, in seconds of processor time", f"{slow:.0f}", f"{fast:.3f}"],
        ["size of the server", *(f"{size / 1e6:.1f} MB" for size in sizes)],
    ]
    for row in rows:
        print(" | ".join(row), flush=True)
    text = table(("a component with one tool", "release build", "development build"), rows)
    write("testing.md", "edits", f"{text}\nMeasured {measured()}.\n")
