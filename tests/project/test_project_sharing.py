"""Projects of one repository that share code: a folder outside of the project, included in source distributions."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from support.projects import project_files, write_project

from wasmcp.errors import ToolchainError
from wasmcp.project import ensure_built, load, plan_components, resolve_components
from wasmcp.toolchains.base import carried_name, original_label

CARRIED = "_wasmcp_sources/up2/shared"
FILES = {
    f"packages/alpha/{name}": text
    for name, text in project_files(
        "alpha",
        {
            "src/alpha/tools.py": '''\
from wasmcp.guest import tool

from greetings.words import greeting


@tool
def greet(name: str) -> str:
    """Greet a person."""
    return f"{greeting()}, {name}!"
''',
        },
        """\
[build-system]
requires = ["hatchling", "wasmcp"]
build-backend = "hatchling.build"

[tool.hatch.build.hooks.wasmcp]

[tool.wasmcp.components.tools]
source = "src/alpha/tools.py"
python-path = ["../../shared"]

[tool.wasmcp.servers.default]
components = ["tools"]
""",
    ).items()
} | {
    "shared/greetings/__init__.py": "",
    "shared/greetings/words.py": 'def greeting() -> str:\n    return "Hello"\n',
    "shared/greetings/unused.py": "",
    ".git/HEAD": "ref: refs/heads/main\n",
}


@pytest.fixture
def alpha(tmp_path: Path) -> Path:
    """Return a project in a repository with a folder of code for several projects."""
    return write_project(tmp_path / "repository", FILES) / "packages" / "alpha"


def sdist(root: Path, target: Path) -> Path:
    """Build a source distribution and unpack it outside of the repository."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(next((root / "dist").glob("*.tar.gz"))) as archive:
        archive.extractall(target, filter="data")
    return next(target.iterdir())


def test_source_distribution_includes_used_shared_files(alpha: Path, tmp_path: Path) -> None:
    unpacked = sdist(alpha, tmp_path / "elsewhere")
    carried = {path.relative_to(unpacked).as_posix() for path in (unpacked / "_wasmcp_sources").rglob("*.py")}
    assert carried == {f"{CARRIED}/greetings/__init__.py", f"{CARRIED}/greetings/words.py"}


def test_a_component_is_the_same_from_the_repository_and_the_source_distribution(alpha: Path, tmp_path: Path) -> None:
    unpacked = sdist(alpha, tmp_path / "elsewhere")
    again = sdist(unpacked, tmp_path / "further")
    inputs = [
        plan_components(load(root), resolve_components(load(root)))["tools"].inputs for root in (alpha, unpacked, again)
    ]
    assert len(set(inputs)) == 1
    words = alpha.parent.parent / "shared" / "greetings" / "words.py"
    words.write_text(words.read_text().replace("Hello", "Moin"))
    assert plan_components(load(alpha), resolve_components(load(alpha)))["tools"].inputs != inputs[0]


@pytest.mark.slow
def test_a_tool_that_uses_shared_code(alpha: Path, tmp_path: Path) -> None:
    from wasmcp.host import open_server

    with open_server(ensure_built(alpha), quick=True, instances=1) as server:
        assert server.call_tool("greet", {"name": "Ada"}).structured_content == {"result": "Hello, Ada!"}
    steps: list[str] = []
    unpacked = sdist(alpha, tmp_path / "elsewhere")
    ensure_built(unpacked, progress=lambda event: steps.append(str(event)))
    assert not [step for step in steps if "compiling" in step]


LOCAL = 'dependencies = ["greetings-lib @ file:../../shared"]'
SHARED = {
    "shared/pyproject.toml": """\
[project]
name = "greetings_lib"
version = "1"
dependencies = ["words @ file:../words"]
""",
    "words/pyproject.toml": '[project]\nname = "words"\nversion = "1"\n',
    "words/src/words/__init__.py": 'HELLO = "Hello"\n',
    "shared/greetings/words.py": "from words import HELLO\n\n\ndef greeting() -> str:\n    return HELLO\n",
}


@pytest.fixture
def depending(alpha: Path) -> Path:
    """Return a project that requires another one of its repository by folder, which requires a third one."""
    write_project(alpha.parent.parent, SHARED)
    text = (alpha / "pyproject.toml").read_text()
    (alpha / "pyproject.toml").write_text(text.replace('python-path = ["../../shared"]', LOCAL))
    return alpha


def test_source_distribution_includes_projects_required_by_folder(depending: Path, tmp_path: Path) -> None:
    unpacked = sdist(depending, tmp_path / "elsewhere")
    up = unpacked / "_wasmcp_sources" / "up2"
    carried = {path.relative_to(up).as_posix() for path in up.rglob("*") if path.is_file()}
    assert carried == {
        "shared/pyproject.toml",
        "shared/greetings/__init__.py",
        "shared/greetings/words.py",
        "words/pyproject.toml",
        "words/src/words/__init__.py",
    }
    here, there = (
        plan_components(load(root), resolve_components(load(root)))["tools"] for root in (depending, unpacked)
    )
    assert here.inputs == there.inputs
    assert not (depending / "wasmcp.lock").exists()  # nothing of a registry is needed


def test_requirements_of_a_project_in_a_folder_are_those_of_the_component(depending: Path) -> None:
    from wasmcp.project.lock_entries import project_requirements

    document = depending.parent.parent / "words" / "pyproject.toml"
    document.write_text(document.read_text() + 'dependencies = ["inflection>=0.5", "tomli-w"]\n')
    (asked,) = project_requirements(load(depending))
    assert asked.requirements == ("inflection>=0.5", "tomli-w")


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (None, "whose `pyproject.toml` cannot be read: No such file or directory"),
        ("", "whose `pyproject.toml` has no `.project.` with a name"),
        ('[project]\nname = "other"\n', "where the project is named `other`"),
        ('[project]\nname = "greetings-lib"\ndynamic = ["dependencies"]\n', "whose dependencies are dynamic"),
        ('[project]\nname = "greetings-lib"\ndependencies = 1\n', "are not a list of strings"),
        ('[project]\nname = "greetings-lib"\ndependencies = ["x @ file:../../../x"]\n', "which is not a folder"),
    ],
)
def test_invalid_project_folders(depending: Path, document: str | None, problem: str) -> None:
    path = depending.parent.parent / "shared" / "pyproject.toml"
    if document is None:
        path.unlink()
    else:
        path.write_text(document)
    with pytest.raises(ToolchainError, match=f"component `tools`: `dependencies` names .*{problem}"):
        plan_components(load(depending), resolve_components(load(depending)))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../../../outside", r"which is outside of the repository of the project"),
        ("../../link", r"which is outside of the repository of the project"),
        ("../../none", "which is not a folder"),
        ("/usr", "which is not a path relative to the project"),
        ("..\\\\shared", "which is not a path relative to the project, with forward slashes"),
    ],
)
def test_invalid_shared_folders(alpha: Path, tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "repository" / "link").symlink_to(tmp_path / "outside")
    text = (alpha / "pyproject.toml").read_text()
    (alpha / "pyproject.toml").write_text(text.replace("../../shared", name))
    with pytest.raises(ToolchainError, match=f"`python-path` names .*{problem}"):
        plan_components(load(alpha), resolve_components(load(alpha)))


def test_a_project_in_no_repository_shares_nothing(alpha: Path) -> None:
    (alpha.parent.parent / ".git" / "HEAD").unlink()
    (alpha.parent.parent / ".git").rmdir()
    with pytest.raises(ToolchainError, match="the project is in no repository that both could be in"):
        plan_components(load(alpha), resolve_components(load(alpha)))


@pytest.mark.parametrize(
    "label", ["../x.py", "../../shared/a/b.py", "../parent/x.py", "src/x.py", "_wasmcp_sources/x.py"]
)
def test_included_file_keeps_its_label(label: str) -> None:
    assert original_label(carried_name(label)) == label
