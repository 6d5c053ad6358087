"""Resolution of a test's server: from a name or path to a file, built if necessary."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_wasmcp.settings import FOUR_WAYS, option


@dataclass(frozen=True)
class _Failure:
    """A build that failed: its message, and the test that reported it in full."""

    message: str
    test: str


@dataclass
class Builds:
    """Outcomes of the builds of one session, failures included, by project and server.

    A build runs once: its tests share the file, or fail with the same message.
    """

    _outcomes: dict[tuple[Path, str | None], Path | _Failure] = field(default_factory=dict)
    _projects: dict[Path, Path | None] = field(default_factory=dict)

    def project(self, directory: Path) -> Path | None:
        """Return the closest directory, upwards, whose ``pyproject.toml`` has a table ``[tool.wasmcp]``."""
        if directory not in self._projects:
            found = next((parent for parent in (directory, *directory.parents) if _has_servers(parent)), None)
            self._projects[directory] = found
        return self._projects[directory]

    def build(self, root: Path, name: str | None, test: str) -> Path:
        """Return the file of a project's server; fail the test if it does not build."""
        key = (root, name)
        if key not in self._outcomes:
            self._outcomes[key] = _build(root, name, test)
        outcome = self._outcomes[key]
        if isinstance(outcome, Path):
            return outcome
        if outcome.test == test:
            pytest.fail(outcome.message, pytrace=False)
        headline = outcome.message.partition("\n")[0]
        pytest.fail(
            f"{headline}\n(the build failed once in this run; {outcome.test} shows the full message)", pytrace=False
        )


def locate(node: pytest.Item, target: str | Path | None, builds: Builds) -> Path:
    """Return the file of a test's server: the given path, or the server of that name, built by the test's project.

    The project is the closest one above the test's file. A relative path of the command line starts from the
    directory that pytest was started in, one of the ini file from the root directory, any other from the project.

    Args:
        node: The test.
        target: A name or path from an argument, the marker or the fixture `wasmcp_target`; None for the command line
            and the ini file, and the project's only server after them.
        builds: The outcomes of this session.

    The test fails, without a traceback, if the file, the server or the project is not found, and if the build fails.
    """
    config = node.config
    project = builds.project(node.path.parent) or builds.project(config.rootpath)
    bases = [base for base in (project, config.rootpath) if base is not None]
    if target is None:
        target = option(config, "wasmcp_server")
        if target is not None and config.getoption("wasmcp_server"):
            bases = [config.invocation_params.dir]
    if target is not None and str(target).endswith(".wasm"):
        paths = dict.fromkeys(base / target for base in bases)
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            listed = " or ".join(f"`{path}`" for path in paths)
            pytest.fail(FOUR_WAYS.format(reason=f"file not found: {listed}."), pytrace=False)
        return path
    if project is None:
        reason = f"no `pyproject.toml` with `[tool.wasmcp]` in `{node.path.parent}` or a parent of it."
        pytest.fail(FOUR_WAYS.format(reason=reason), pytrace=False)
    return builds.build(project, None if target is None else str(target), node.nodeid)


def _has_servers(directory: Path) -> bool:
    """Check for a `pyproject.toml` with `[tool.wasmcp]`; one that is not TOML counts, for the build to report it."""
    try:
        document = tomllib.loads((directory / "pyproject.toml").read_text("utf-8"))
    except OSError:
        return False
    except ValueError:
        return True
    tool = document.get("tool")
    return isinstance(tool, dict) and "wasmcp" in tool


def _build(root: Path, name: str | None, test: str) -> Path | _Failure:
    from wasmcp.errors import WasmcpError
    from wasmcp.project import ensure_built

    try:
        return ensure_built(root, name)
    except WasmcpError as error:
        return _Failure(str(error), test)
