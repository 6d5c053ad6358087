"""Environments: the declared versions are one set, and the wheel works in a small slice of them."""

from __future__ import annotations

import datetime as dt
import warnings
from pathlib import Path

import pytest
import yaml

from environments.ceiling import DAYS, Check, ceiling, major
from environments.matrix import environments
from environments.supported import PROJECT, PYTHONS, ROOT, interpreters, oldest, requirement
from environments.trial import FRONT_ENDS, Environment, Trial
from wasmcp.project.scaffold import new_project

THERE = interpreters()
MISSING = [version for version in PYTHONS if version not in THERE]
if MISSING:
    warnings.warn(f"no interpreter on this machine for Python {', '.join(MISSING)}: NOT RUN", stacklevel=1)


def test_declared_versions_of_python_are_one_set(tmp_path: Path) -> None:
    minors = [int(version.partition(".")[2]) for version in PYTHONS]
    assert minors == list(range(11, max(minors) + 1))  # none left out between the oldest and the newest
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    root = new_project("demo", "python", output=tmp_path).root
    text = (root / "pyproject.toml").read_text("utf-8")
    assert f'requires-python = ">={PYTHONS[0]}"' in text
    assert requirement("hatchling") in text
    workflow = yaml.safe_load((root / ".github/workflows/ci.yml").read_text("utf-8"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python-version"] == list(PYTHONS)
    ruff = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'target-version = "py{PYTHONS[0].replace(".", "")}"' in ruff
    assert f'python_version = "{PYTHONS[0]}"' in ruff


def test_page_names_the_declared_versions() -> None:
    page = (ROOT / "docs/reference/supported-versions.md").read_text("utf-8")
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|")) for line in page.splitlines() if line[:2] == "| "
    ]
    first = {name: oldest(name).partition("==")[2] for name in ("hatchling", "pytest", "wasmtime")}
    assert rows[1:] == [
        ("Python", PYTHONS[0], PYTHONS[-1]),
        ("hatchling", first["hatchling"], "the newest"),
        ("pytest", first["pytest"], "the newest"),
        ("wasmtime", first["wasmtime"], str(ceiling() - 1)),
    ]


def test_older_versions_of_python_are_named_nowhere() -> None:
    named = [
        path.relative_to(ROOT).as_posix()
        for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("wasmcp/project/templates/**/*")]
        if path.is_file() and any(f"Python {old}" in path.read_text("utf-8") for old in ("3.8", "3.9", "3.10"))
    ]
    assert named == ["docs/reference/supported-versions.md"]  # which states the reason


def test_whole_choice_has_every_front_end_with_the_oldest_and_the_newest_versions() -> None:
    chosen = environments(("3.11", "3.12", "3.13"), small=False)
    for version in ("3.11", "3.13"):
        for front in FRONT_ENDS:
            pins = [one.pins for one in chosen if (one.python, one.front_end) == (version, front)]
            assert pins == [(), tuple(oldest(name) for name in ("hatchling", "pytest", "wasmtime"))]
    assert [one for one in chosen if one.python == "3.12"] == [Environment("3.12", "build")]


def test_range_of_wasmtime_ends_after_the_newest_version_that_was_tried() -> None:
    check = Check.read()
    assert ceiling() == major(check.newest) + 1
    assert major(oldest("wasmtime").partition("==")[2]) < ceiling()
    assert not check.due(check.checked + dt.timedelta(days=DAYS))
    assert check.due(check.checked + dt.timedelta(days=DAYS + 1))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("environment", environments(tuple(THERE), small=True), ids=str)
def test_wheel_works_in_a_slice_of_the_environments(
    environment: Environment, with_our_wheel: dict[str, str], tmp_path: Path
) -> None:
    wheels = Path(with_our_wheel["PIP_FIND_LINKS"].split()[0])
    versions = Trial(environment, THERE[environment.python], wheels, tmp_path).try_out().split()
    for pin, found in zip(environment.pins, versions, strict=False):
        assert found.startswith(pin.partition("==")[2])
