"""Advice for tests of functions that cannot import a package of a component.

Such tests run in the environment of pytest, and the packages of a component are in the component.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_wasmcp.targets import Builds, folder_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MISSING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Add a section to the report of a module of tests that lacks a package of a component."""
    report = yield
    if report.failed and isinstance(collector, pytest.Module):
        missing = _MISSING.findall(str(report.longrepr))
        project = Builds().project(folder_of(collector)) if missing else None
        if project is not None and (advice := _advice(project, missing[-1].partition(".")[0])):
            report.sections.append(("wasmcp", advice))
    return report


def _advice(project: Path, module: str) -> str:
    """Return what to install for a module; the empty string if no component requires its package."""
    from wasmcp.migration.needs import DISTRIBUTIONS

    wanted = _joined(DISTRIBUTIONS.get(module, module))
    for component, requirements in _requirements(project):
        if wanted in {_joined(name[0]) for line in requirements if (name := _NAME.match(line))}:
            return (
                f"component `{component}` requires the package of `{module}`, and this environment does not have it. "
                "Tests of functions run in this environment: install the component's packages here as well, "
                f"for example with an extra of the project:\n  pip install {shlex.join(requirements)}"
            )
    return ""


def _requirements(project: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the requirements by name (PEP 508) of each component of a project."""
    import tomllib

    try:
        document: Any = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return
    components = document["tool"]["wasmcp"].get("components")
    for name, table in components.items() if isinstance(components, dict) else ():
        listed = table.get("dependencies") if isinstance(table, dict) else None
        lines = listed if isinstance(listed, list) else []
        yield name, [line for line in lines if isinstance(line, str) and _NAME.match(line) and " @ " not in line]


def _joined(name: str) -> str:
    return re.sub(r"[-_.\s]+", "", name).lower()
