from __future__ import annotations

import sys
from pathlib import Path

import pytest

from wasmcp.errors import ConfigError
from wasmcp.project.config import Project
from wasmcp.project.model import version_of


def project(root: Path, name: str = "demo", version: str | None = None) -> Project:
    return Project(root, name, version, "src/demo", {}, {})


def test_a_static_version(tmp_path: Path) -> None:
    assert version_of(project(tmp_path, version="1.2")) == "1.2"


def test_dynamic_version_comes_from_hatchling(tmp_path: Path) -> None:
    (tmp_path / "about.py").write_text('__version__ = "3.4"\n')
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "demo"\ndynamic = ["version"]\n[tool.hatch.version]\npath = "about.py"\n'
    )
    assert version_of(project(tmp_path)) == "3.4"
    (tmp_path / "about.py").unlink()
    with pytest.raises(
        ConfigError, match=r"is dynamic and cannot be computed .*about\.py.*, and `demo` is not installed"
    ):
        version_of(project(tmp_path))


def test_the_installed_version_where_the_source_of_versions_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling", "hatch-no-such-plugin>=1", "pytest"]\n'
        '[project]\nname = "pytest"\ndynamic = ["version"]\n[tool.hatch.version]\nsource = "no-such-plugin"\n'
    )
    assert version_of(project(tmp_path, "pytest")) == pytest.__version__
    with pytest.raises(ConfigError) as caught:
        version_of(project(tmp_path, "no-such-distribution"))
    (problem,) = caught.value.problems
    assert problem == (
        "`project.version` is dynamic and cannot be computed (Unknown version source: no-such-plugin), and "
        "`no-such-distribution` is not installed: install it (`pip install -e .`), or `hatch-no-such-plugin`"
    )


def test_without_hatchling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hatchling.metadata.core", None)
    assert version_of(project(tmp_path, "pytest")) == pytest.__version__
    with pytest.raises(ConfigError, match=r"`hatchling\.metadata\.core` is not installed.*or hatchling"):
        version_of(project(tmp_path, "no-such-distribution"))
