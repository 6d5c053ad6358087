"""Guide of native wheels: its files are written, its commands run, and the modules called in a component."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import ziglang
from support.fastmcp_originals import environment_of
from support.projects import write_project

from wasmcp.errors import GuestTrapError
from wasmcp.host import Server, open_server
from wasmcp.project import ensure_built

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PAGE = (Path(__file__).parents[2] / "docs/guides/native-wheels.md").read_text("utf-8")
FILES = dict(re.findall(r"^`([\w./]+)`:\n\n```\w+\n(.*?)```$", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^```sh\n(.*?)```$", PAGE, re.MULTILINE | re.DOTALL)
(CAST_ERROR,) = re.findall(r"^```text\n(casts.c:.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
OPTION = " -Werror=cast-function-type-mismatch"
PYPROJECT = """\
[project]
name = "texts"
version = "1.0"

[tool.wasmcp.components.texts]
source = "src/texts/tools.py"
dependencies = ["spam", "shout", "casts"]

[tool.wasmcp.servers.default]
components = ["texts"]
"""
TOOLS = '''\
import casts
import shout
import spam
from wasmcp.guest import tool


@tool
def count(text: str, part: str) -> int:
    """Count a part of a text."""
    return spam.count(text, part)


@tool
def loud(text: str) -> str:
    """Return a text in capital letters."""
    return shout.shout(text)


@tool
def answer() -> int:
    """Return 42."""
    return casts.answer()
'''


def python_with_tools() -> Path:
    """Return the interpreter of an environment with the tools that the page installs, in its versions."""
    versions = dict(re.findall(r"(setuptools|ziglang|maturin)==([\d.]+)", PAGE))
    python = environment_of(f"maturin=={versions['maturin']}", f"setuptools=={versions['setuptools']}")
    (site,) = python.parents[1].glob("lib/python*/site-packages")
    if not (site / "ziglang").exists():  # 400 MB that are installed already
        (site / "ziglang").symlink_to(Path(ziglang.__file__).parent)
    return python


def run(command: str, folder: Path, python: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-euc", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def has_target() -> bool:
    rustup = shutil.which("rustup")
    if rustup is None:
        return False
    listed = subprocess.run([rustup, "target", "list", "--installed"], capture_output=True, text=True, check=False)
    return "wasm32-wasip2" in listed.stdout.split()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not has_target():
        pytest.skip("rustup has no target wasm32-wasip2")
    folder = tmp_path_factory.mktemp("wheels")
    write_project(folder, FILES)
    python = python_with_tools()
    commands = [one for one in COMMANDS if "install" not in one and "rustup" not in one and "wasmcp build" not in one]
    assert len(commands) == 4
    for command in commands:
        done = run(command, folder, python)
        assert done.returncode == 0, done.stdout + done.stderr
    for name in re.findall(r"The result is `(.*?)`", PAGE):
        assert (folder / name).is_file(), name
    return folder


@pytest.fixture(scope="module")
def unchecked(wheels: Path) -> subprocess.CompletedProcess[str]:
    """Build the module with a cast: first with the option, whose result is returned, then without it."""
    (command,) = (one for one in COMMANDS if "./spam" in one)
    command = command.replace("./spam", "./casts")
    for name in ("setup.py", "pyproject.toml"):
        text = (wheels / "spam" / name).read_text("utf-8").replace("spam", "casts")
        (wheels / "casts" / name).write_text(text, "utf-8")
    python = python_with_tools()
    checked = run(command, wheels, python)
    settings = wheels / "wasi/_sysconfigdata_wasi.py"
    settings.write_text(settings.read_text("utf-8").replace(OPTION, ""), "utf-8")
    shutil.rmtree(wheels / "wasi/__pycache__", ignore_errors=True)
    done = run(command, wheels, python)
    assert done.returncode == 0, done.stdout + done.stderr
    return checked


@pytest.fixture(scope="module")
def server(
    wheels: Path, unchecked: subprocess.CompletedProcess[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    files = {"pyproject.toml": PYPROJECT, "src/texts/__init__.py": "", "src/texts/tools.py": TOOLS}
    project = write_project(tmp_path_factory.mktemp("project"), files)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PIP_FIND_LINKS", str(wheels / "wheels"))
        built = ensure_built(project)
    with open_server(built, quick=True) as opened:
        yield opened


def test_modules_of_both_recipes_work_in_a_component(server: Server) -> None:
    assert server.call_tool("count", {"text": "banana", "part": "an"}).structured_content == {"result": 2}
    assert server.call_tool("loud", {"text": "straße"}).text == "STRASSE"


def test_exceptions_of_native_modules_are_tool_errors(server: Server) -> None:
    empty = server.call_tool("count", {"text": "banana", "part": ""})
    assert empty.is_error
    assert server.call_tool("loud", {"text": ""}).is_error
    assert server.call_tool("loud", {"text": "a"}).text == "A"


def test_cast_of_a_function_pointer_ends_the_build_at_its_line(unchecked: subprocess.CompletedProcess[str]) -> None:
    assert OPTION.strip() in FILES["wasi/_sysconfigdata_wasi.py"]
    assert unchecked.returncode != 0
    assert CAST_ERROR in unchecked.stdout + unchecked.stderr


def test_call_by_a_cast_pointer_ends_the_instance_and_not_the_server(server: Server) -> None:
    with pytest.raises(GuestTrapError):
        server.call_tool("answer", {})
    assert server.call_tool("loud", {"text": "a"}).text == "A"
