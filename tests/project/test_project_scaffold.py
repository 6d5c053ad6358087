from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath

import pytest
import yaml

from wasmcp.errors import ScaffoldError
from wasmcp.project import load
from wasmcp.project.scaffold import new_project
from wasmcp.project.template_files import LANGUAGES, TEMPLATES

KINDS = [(language, template) for language in LANGUAGES for template in LANGUAGES[language].templates]


def tree(root: Path) -> dict[str, str]:
    """Return the files below a folder with their content."""
    return {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("language", "template"), KINDS)
def test_files_of_every_template(language: str, template: str, tmp_path: Path) -> None:
    made = new_project("my-server", language, template, output=tmp_path)
    assert made.root == tmp_path / "my-server"
    assert made.package == "my_server"
    files = tree(made.root)
    assert sorted(files) == sorted(made.files)
    assert {"pyproject.toml", "README.md", "LICENSE", ".gitignore", ".github/workflows/ci.yml"} <= files.keys()
    assert {"src/my_server/__init__.py", "src/my_server/server.py", "tests/test_server.py"} <= files.keys()
    assert made.outline.source in files
    for name, text in files.items():
        assert "@{" not in text, name
        assert text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
        assert not re.search(r"[ \t]$", text, re.MULTILINE), name
    project = load(made.root)
    assert project.name == "my-server"
    assert project.servers["default"].title == "My server"
    (component,) = project.components.values()
    assert (component.language, component.file) == (language, made.outline.source)
    assert [path.name for path in tmp_path.iterdir()] == ["my-server"]
    assert made.root.stat().st_mode & 0o777 == tmp_path.joinpath("my-server/src").stat().st_mode & 0o777


@pytest.mark.parametrize(("language", "template"), KINDS)
def test_its_python_is_in_good_style(language: str, template: str, tmp_path: Path) -> None:
    root = new_project("my-server", language, template, output=tmp_path).root
    rules = ["--select", "ALL", "--ignore", "ANN401,COM812,CPY,D203,D213,D413,D103,EM101,INP001,PLR2004,S101,TRY003"]
    for command in (["ruff", "check", "--no-cache", *rules], ["ruff", "format", "--no-cache", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", *command, "."], cwd=root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_its_python_is_typed(tmp_path: Path) -> None:
    root = new_project("my-server", "python", "full", output=tmp_path).root
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull, "src", "tests"]
    done = subprocess.run(
        command, cwd=root, env={**os.environ, "MYPYPATH": "src"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_pyproject_is_one_of_hatchling(tmp_path: Path) -> None:
    from hatchling.metadata.core import ProjectMetadata
    from hatchling.plugin.manager import PluginManager

    root = new_project("My.server-2", "python", output=tmp_path).root
    metadata = ProjectMetadata(str(root), PluginManager())
    metadata.validate_fields()
    assert metadata.core.name == "my-server-2"
    assert metadata.core.license_expression == "MIT"
    assert list(metadata.core.scripts.items()) == [("My.server-2", "my_server_2.server:main")]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras == {"test": ["wasmcp[build,python,test]"]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_environments_have_the_compiler_and_the_plugin(language: str, tmp_path: Path) -> None:
    root = new_project("My.server-2", language, output=tmp_path).root
    document = tomllib.loads((root / "pyproject.toml").read_text())
    assert document["dependency-groups"] == {"dev": ["My.server-2[test]"]}  # `uv run` installs the group `dev`
    environments = document["tool"]["hatch"]["envs"]
    assert environments == {"default": {"features": ["test"]}, "hatch-test": {"features": ["test"]}}
    patterns = [item["file"] for item in document["tool"]["uv"]["cache-keys"]]
    (component,) = load(root).components.values()
    assert component.name == "my.server-2"
    assert any(PurePosixPath(component.file).match(pattern.replace("**/", "")) for pattern in patterns) or any(
        PurePosixPath(component.file).match(pattern) for pattern in patterns
    )


def test_its_makefile_names_the_component(tmp_path: Path) -> None:
    root = new_project("My.server-2", "zig", output=tmp_path).root
    lines = (root / "Makefile").read_text().splitlines()
    assert lines == [".PHONY: my.server-2.wasm", "my.server-2.wasm:", "\twasmcp build --components ."]


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_workflow(language: str, tmp_path: Path) -> None:
    root = new_project("my-server", language, output=tmp_path).root
    document = yaml.safe_load((root / ".github/workflows/ci.yml").read_text())
    assert set(document) == {"name", True, "permissions", "jobs"}  # `on` is a boolean of YAML 1.1
    assert document["permissions"] == {"contents": "read"}
    (job,) = document["jobs"].values()
    assert job["runs-on"] == "ubuntu-latest"
    for step in job["steps"]:
        assert ("uses" in step) != ("run" in step)
        assert set(step) <= {"name", "uses", "with", "run"}
        assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
    runs = [step["run"] for step in job["steps"] if "run" in step]
    if language == "rust":
        assert runs.pop(0) == "rustup target add wasm32-wasip2"
        assert "`rustup target add wasm32-wasip2`" in (root / "README.md").read_text()
    assert runs == ['python -m pip install build -e ".[test]"', "python -m pytest", "python -m build"]


def test_existing_files_are_kept(tmp_path: Path) -> None:
    root = tmp_path / "my-server"
    root.mkdir()
    (root / ".git").mkdir()
    new_project("my-server", "python", output=tmp_path)  # an empty folder, under version control
    (root / "README.md").write_text("mine")
    (root / "notes.txt").write_text("mine too")
    before = tree(root)
    with pytest.raises(ScaffoldError, match="already exists, and is not empty: `--force` overwrites files"):
        new_project("my-server", "python", output=tmp_path)
    assert tree(root) == before
    new_project("my-server", "python", output=tmp_path, force=True)
    assert (root / "README.md").read_text() != "mine"
    assert (root / "notes.txt").read_text() == "mine too"


def test_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("")
    with pytest.raises(ScaffoldError, match="already exists, and is not a folder"):
        new_project("one", "python", output=tmp_path)
    (tmp_path / "two").symlink_to(tmp_path / "nothing")
    with pytest.raises(ScaffoldError, match="is a broken link"):
        new_project("two", "python", output=tmp_path)
    (tmp_path / "three/README.md").mkdir(parents=True)
    with pytest.raises(ScaffoldError, match="are folders, and files of these names") as caught:
        new_project("three", "python", output=tmp_path, force=True)
    assert caught.value.files == ("README.md",)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "four").mkdir()
    (tmp_path / "four/src").symlink_to(elsewhere)
    with pytest.raises(ScaffoldError, match="leave the project through a link"):
        new_project("four", "python", output=tmp_path, force=True)
    assert list(elsewhere.iterdir()) == []
    with pytest.raises(ScaffoldError, match="Not a directory"):
        new_project("five", "python", output=tmp_path / "one/below")


def test_failure_removes_created_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, data: bytes) -> int:
        if path.name == "server.py":
            raise OSError(28, "No space left on device")
        return write(path, data)

    write = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(ScaffoldError, match="cannot be created: No space left on device"):
        new_project("my-server", "python", output=tmp_path / "a/b")
    assert list(tmp_path.iterdir()) == []


def test_failure_restores_replaced_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wasmcp.project import scaffold as files

    root = tmp_path / "my-server"
    (root / "src").mkdir(parents=True)
    (root / "README.md").write_text("mine")
    (root / "README.md").chmod(0o600)

    def fail(path: Path, data: bytes) -> None:
        if path.name == "test_server.py":
            raise OSError(28, "No space left on device")
        write(path, data)

    write = files.write_atomically
    monkeypatch.setattr(files, "write_atomically", fail)
    with pytest.raises(ScaffoldError, match="No space left on device"):
        new_project("my-server", "python", output=tmp_path, force=True)
    assert tree(root) == {"README.md": "mine"}
    assert (root / "README.md").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in root.iterdir() if path.is_dir()] == ["src"]
    assert list((root / "src").iterdir()) == []


def test_unknown_template(tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match=r"unknown language `pyhton`; did you mean `python`?"):
        new_project("x-server", "pyhton", output=tmp_path)
    with pytest.raises(ScaffoldError, match=r"unknown template `tool`; did you mean `tools`?"):
        new_project("x-server", "python", "tool", output=tmp_path)
    assert set(TEMPLATES) == set(LANGUAGES["python"].templates)
    assert list(tmp_path.iterdir()) == []
