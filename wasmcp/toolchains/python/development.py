"""Development builds of Python components: the interpreter with dependencies, without the author's modules.

The component imports the packages named in the option ``dependencies`` and common modules of the standard library while
it is built, and contains all others compressed. An instance imports the author's modules, which it gets from the host
(`wasmcp.wasi`), when it answers its first request. So an edit needs no build, as long as dependencies,
grants, options and data files are the same.
"""

from __future__ import annotations

import json
import os
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wasmcp.app_pages import bundled, named_pages
from wasmcp.declaration_section import Declares
from wasmcp.errors import ToolchainError
from wasmcp.toolchains.base import ComponentSource, Inputs, Option
from wasmcp.toolchains.python import dependencies
from wasmcp.toolchains.python.code_checks import ZONES
from wasmcp.toolchains.python.modules import module_name, reachable, refusal, source_root
from wasmcp.toolchains.python.native_modules import normalised
from wasmcp.toolchains.python.staging import files_of, own_places, package_places, stage_application, staged_path
from wasmcp.toolchains.python.toolchain import (
    DEVELOPMENT,
    PythonToolchain,
    check_modules,
    componentize,
    configured_imports,
    counted,
    failure_of,
    folders_of,
    modules_of,
    own_inputs,
    problems_of,
    worlds_of,
)

_PACKAGES = "_wasmcp_packages"
_STANDARD = (
    "abc", "asyncio", "base64", "collections", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal",
    "email.message", "enum", "functools", "hashlib", "html", "importlib.resources", "inspect", "io", "itertools",
    "json", "logging", "math", "operator", "os", "pathlib", "random", "re", "secrets", "sqlite3", "statistics",
    "string", "textwrap", "time", "types", "typing", "urllib.parse", "uuid",
)  # fmt: skip
"""Modules of the standard library that are imported while the component is built."""


class PythonDevelopment:
    """The toolchain of development builds; see `wasmcp.toolchains.base.DevelopmentToolchain`."""

    name = PythonToolchain.name
    suffixes = PythonToolchain.suffixes
    extra = PythonToolchain.extra
    options: tuple[Option, ...] = PythonToolchain.options

    def inputs(self, source: ComponentSource) -> Inputs:
        """Return the guest library, the WIT and the data files: not the author's modules."""
        files = files_of(source)
        own_places(source, files, folders_of(source))
        whole = own_inputs(files)
        return replace(whole, facts={"development": source.name})

    def build(self, source: ComponentSource, output: Path, *, cache: Path, progress: Callable[[str], None]) -> None:
        """Build the component; see `wasmcp.toolchains.base.Toolchain`."""
        fetched = dependencies.install(source, cache, progress)
        progress(f"compiling the interpreter and the dependencies of component `{source.name}` with componentize-py")
        with tempfile.TemporaryDirectory(prefix="wasmcp-python-") as folder:
            stage = Path(folder)
            root = stage / "own"
            root.mkdir()
            first = root / f"{_PACKAGES}.py"
            first.write_text(_imports(source, fetched), encoding="utf-8")
            packages = replace(source, path=first, root=root)
            modules = reachable(first, [root], root, fetched=fetched)
            places = own_places(source, files_of(source), folders_of(source))
            if fetched is not None:
                places = {**package_places(source, fetched, _top_level(fetched)), **places}
            application = stage_application(
                packages, modules, stage, fetched=fetched, files=places, development=source.name
            )
            worlds = [*dict.fromkeys([*worlds_of(source, {}), "config-imports"]), DEVELOPMENT]
            partial = output.with_name(f".{output.name}.{os.getpid()}")
            output.parent.mkdir(parents=True, exist_ok=True)
            try:
                failure = componentize(source, worlds, stage, partial)
                if failure is not None:
                    raise failure_of(source, modules, application, failure)
                partial.write_bytes(partial.read_bytes() + Declares(files=counted(places)).section())
                partial.replace(output)
            finally:
                partial.unlink(missing_ok=True)

    def modules(self, source: ComponentSource, *, cache: Path, progress: Callable[[str], None]) -> str:
        """Return the modules of a component as its instances read them: see `wasmcp.guest.component.development`."""
        fetched = dependencies.install(source, cache, progress)
        modules = modules_of(source, fetched)
        check_modules(source, modules, fetched)
        own = [module for module in modules.values() if not module.fetched]
        document = {
            "module": module_name(source.path, source_root(source.path, source.root)),
            "imports": configured_imports(source),
            "modules": {
                module.name: {
                    "path": staged_path(module),
                    "label": module.label,
                    "package": module.path.name == "__init__.py",
                    "source": b64encode(_read(source, module.path, module.label)).decode("ascii"),
                }
                for module in own
            },
            "pages": _pages(source, [module.path for module in own]),
        }
        return json.dumps(document)

    def can_have_tasks(self, modules: str) -> bool:
        """Return False if no tool of these modules runs as a task: the word `task` is in none of them."""
        found = json.loads(modules)["modules"].values()
        return any(b"task" in b64decode(module["source"]) for module in found)

    def failure_of(self, source: ComponentSource, errors: Sequence[Mapping[str, Any]]) -> ToolchainError:
        """Return the error for the errors that an instance reports about these modules."""
        return refusal(source.label, problems_of(source, modules_of(source), errors))


def _pages(source: ComponentSource, paths: Sequence[Path]) -> dict[str, str]:
    """Return the pages of apps that modules name, by their path in the project.

    Raises:
        ToolchainError: A page has mistakes. A build checks the origins in it too.
    """
    found: dict[str, str] = {}
    problems: list[str] = []
    for page in named_pages(source.root, paths):
        made, mistakes = bundled(source.root, page)
        problems += mistakes
        if made is not None:
            found[page] = made.html
    if problems:
        raise refusal(source.label, [(problem, []) for problem in problems])
    return found


def _read(source: ComponentSource, path: Path, label: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"`{label}` cannot be read: {error.strerror}"
        raise ToolchainError(message, source=source.label, toolchain="python") from None


def _imports(source: ComponentSource, fetched: Path | None) -> str:
    """Return a module that imports what the component contains imported, as far as that works."""
    names = [*_STANDARD]
    if fetched is not None:
        wanted = {dependencies.name_of(requirement) for requirement in dependencies.requirements_of(source)}
        owners = {
            path.partition("/")[0]: normalised(owner) for path, owner in dependencies.packages_of(fetched).items()
        }
        names += [top for top in _top_level(fetched) if owners.get(top, owners.get(f"{top}.py")) in wanted]
        names += ["zoneinfo"] if any(one.name == ZONES for one in source.dependencies) else []
    return "".join(f"try:\n    import {name}\nexcept BaseException:\n    pass\n" for name in names)


def _top_level(fetched: Path) -> list[str]:
    """Return the names of the packages and modules in a folder of dependencies."""
    found = {path.stem if path.is_file() else path.name for path in fetched.iterdir() if _is_code(path)}
    return sorted(name for name in found if name.isidentifier())


def _is_code(path: Path) -> bool:
    return path.suffix == ".py" if path.is_file() else next(path.rglob("*.py"), None) is not None
