"""Trial of packages: components with them are built, and tools of the composed servers use them."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from support.projects import write_project
from support.web_server import web_server

from packages.uses import Package
from wasmcp.errors import CatalogueError, MissingToolchainError, NativeCodeError, ToolchainError
from wasmcp.host import open_server
from wasmcp.project import ensure_built
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.python.native_modules import advice_for, advice_for_module
from wasmcp.toolchains.python.toolchain import PythonToolchain

TOGETHER = 8
"""Number of packages in one component: a build costs more than what the packages add to it."""

_USE = '''\
"""Use of a package."""

{imports}


async def use(base: str):
{use}
'''
_COMPONENT = '''\
"""A tool that uses packages."""

import traceback

{imports}
from wasmcp.guest import tool

USES = {uses}


@tool
async def use(package: str, base: str) -> str:
    """Return the result of a use, or the exception."""
    try:
        return str(await USES[package].use(base))
    except Exception as error:
        traceback.print_exc()
        return f"{{type(error).__name__}}: {{error}}"
'''
_PYPROJECT = """\
[project]
name = "trial"
version = "0.0.1"

[tool.wasmcp.components.trial]
source = "src/trial/tools.py"
grants = ["http", "env", "fs"]
dependencies = {requirements}
build-from-source = {from_source}

[tool.wasmcp.servers.default]
components = ["trial"]
"""


@dataclass(frozen=True)
class Outcome:
    """Result of a trial.

    Attributes:
        name: The package's name.
        version: The version that was resolved; empty for one that cannot be resolved.
        state: `works`, `builds` (the use fails in a call) or `refused` (the build names the reason).
        reason: The message of the build or the call; empty for a package that works.
    """

    name: str
    version: str
    state: str
    reason: str = ""


def _resolved(package: Package, folder: Path) -> Outcome | str:
    """Return the version of a package, or why it is refused."""
    (folder / "tools.py").write_text("", "utf-8")
    options = {"dependencies": list(package.requirements), "build-from-source": list(package.from_source)}
    source = ComponentSource("trial", folder / "tools.py", folder, options=options)
    try:
        found = PythonToolchain().resolve(source, cache=folder, progress=lambda _: None)
    except MissingToolchainError:
        raise
    except NativeCodeError as error:
        natives = [f"`{name}` is native code: {advice_for(name)}" for name in error.packages]
        instead = advice_for_module(package.name)
        reason = f"{', '.join(f'`{name}`' for name in error.packages)} are native code; {instead}" if instead else ""
        reason = reason or "; ".join(natives)
        return Outcome(package.name, "", "refused", reason)
    except ToolchainError as error:
        return Outcome(package.name, "", "refused", str(error).splitlines()[0])
    return next(one.version for one in found if one.name == package.name)


def _build(packages: Sequence[tuple[Package, str]], folder: Path) -> Path:
    modules = {package.name: f"use_{package.name.replace('-', '_')}" for package, _ in packages}
    files = {
        f"src/trial/{modules[package.name]}.py": _USE.format(
            imports=package.imports, use=textwrap.indent(package.use, "    ")
        )
        for package, _ in packages
    }
    pinned = [f"{package.name}{package.extra}=={version}" for package, version in packages]
    requirements = [*pinned, *(one for package, _ in packages for one in package.requirements[1:])]
    from_source = sorted({name for package, _ in packages for name in package.from_source})
    files |= {
        "pyproject.toml": _PYPROJECT.format(requirements=json.dumps(requirements), from_source=json.dumps(from_source)),
        "src/trial/__init__.py": "",
        "src/trial/tools.py": _COMPONENT.format(
            imports="\n".join(f"from trial import {module}" for module in modules.values()),
            uses="{" + ", ".join(f"{name!r}: {module}" for name, module in modules.items()) + "}",
        ),
    }
    return ensure_built(write_project(folder, files))


def _tried(packages: Sequence[tuple[Package, str]]) -> Iterator[Outcome]:
    """Build packages together, apart if that fails, and use each."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        try:
            server = _build(packages, folder)
        except MissingToolchainError:
            raise
        except (ToolchainError, CatalogueError) as error:
            if len(packages) == 1:
                package, version = packages[0]
                reason = str(error).splitlines()[0].partition(": ")[2] or str(error).splitlines()[0]
                yield Outcome(package.name, version, "refused", reason)
                return
            middle = len(packages) // 2
            yield from _tried(packages[:middle])
            yield from _tried(packages[middle:])
            return
        (folder / "tmp").mkdir()
        directories = [(str(folder / "tmp"), "/tmp", True)]  # noqa: S108 - the path in the component
        with web_server() as base, open_server(server, directories=directories, quick=True) as opened:
            for package, version in packages:
                text = opened.call_tool("use", {"package": package.name, "base": base}).text
                if text == package.result:
                    yield Outcome(package.name, version, "works")
                else:
                    reason = re.sub(r"\b(localhost|127\.0\.0\.1):\d+", r"\1", text.splitlines()[0])  # ports differ
                    yield Outcome(package.name, version, "builds", reason)


def outcomes(packages: Sequence[Package]) -> Iterator[Outcome]:
    """Try packages, and yield the outcome of each."""
    waiting: list[tuple[Package, str]] = []
    for package in packages:
        with TemporaryDirectory() as folder:
            found = _resolved(package, Path(folder))
        if isinstance(found, Outcome):
            yield found
        else:
            waiting.append((package, found))
    for start in range(0, len(waiting), TOGETHER):
        yield from _tried(waiting[start : start + TOGETHER])
