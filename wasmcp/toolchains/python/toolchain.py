"""Python source -> component, with componentize-py.

The component contains the guest library, the source, and the modules that it imports from its source root, from the
folders of the ``python-path`` option and from the packages of the ``dependencies`` option, under their own dotted
names. Everything else comes from the interpreter inside (CPython 3.14 and its standard library).

A component has only the modules that are imported while it is built. Imports inside functions, and implicit imports of
the standard library, are therefore made during the build (`wasmcp.guest.component.preload`). The snapshot also contains
values computed at import time, random values and times included, and the seed of ``hash``.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from wasmcp.component.custom_sections import license_section
from wasmcp.declaration_section import DataFiles, Declares
from wasmcp.errors import ToolchainError
from wasmcp.package_data import wit_directory
from wasmcp.toolchains.base import PINS, ComponentSource, Distribution, Inputs, Option, own_files, relative_label
from wasmcp.toolchains.python import dependencies
from wasmcp.toolchains.python.code_checks import late_declarations, uses
from wasmcp.toolchains.python.compiler import componentize, failure_of, printed_of, ungranted, warnings_of, worlds_of
from wasmcp.toolchains.python.data_files import files_of, own_places, package_places
from wasmcp.toolchains.python.dependencies import local_projects
from wasmcp.toolchains.python.modules import (
    Module,
    is_host_side,
    is_provided,
    is_standard,
    reachable,
    refusal,
    source_root,
)
from wasmcp.toolchains.python.native_modules import SUFFIX, extension_name
from wasmcp.toolchains.python.package_documents import license_texts
from wasmcp.toolchains.python.staging import GUEST, stage_application
from wasmcp.toolchains.python.stdlib_limits import ABSENT, ZONES, import_of_zones, lost_guarantees, unavailable_uses
from wasmcp.toolchains.shared_sources import folder_problem, is_outside, shared_folder

LOGGER = logging.getLogger("wasmcp.build")
"""Logger of the output that programs print during a build, at level INFO."""

_OWN = sorted(path for path in Path(__file__).resolve().parent.iterdir() if path.suffix in {".py", ".wat"})
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class PythonToolchain:
    """The toolchain for Python sources; see `wasmcp.toolchains.base.Toolchain`."""

    name = "python"
    suffixes = (".py",)
    extra = "python"
    options = (
        Option("python-path", "strings"),
        Option("dependencies", "strings"),
        Option("build-from-source", "strings"),
        Option("imports", "strings"),
        Option("files", "patterns"),
        Option("coerce", "boolean"),
        Option("schema-references", "boolean"),
    )

    def inputs(self, source: ComponentSource) -> Inputs:
        """Return the modules that the source can import, the guest library and the WIT."""
        dependencies.requirements_of(source)
        files = {module.label: module.path for module in modules_of(source).values()}
        for project in local_projects(source):
            files[relative_label(project.document, source.root)] = project.document
        own = files_of(source)
        own_places(source, own, folders_of(source))
        files.update(own)
        return own_inputs(files)

    def requirements(self, source: ComponentSource) -> list[str]:
        """Return the component's requirements from registries; see `wasmcp.toolchains.base.Resolver`."""
        found = dependencies.requirements_of(source)
        if any(dependencies.name_of(requirement) == ZONES for requirement in found):
            return found
        return found if import_of_zones(modules_of(source).values()) is None else [*found, ZONES]

    def resolve(
        self, source: ComponentSource, *, cache: Path, progress: Callable[[str], None]
    ) -> tuple[Distribution, ...]:
        """Resolve the component's ``dependencies``, and the data of `zoneinfo` where its modules or packages import it.

        See `wasmcp.toolchains.base.Resolver`.
        """
        added = self.requirements(source)[len(dependencies.requirements_of(source)) :]
        found = _resolved(source, added, cache, progress)
        if found and not any(one.name == ZONES for one in found):
            fetched = dependencies.install(replace(source, dependencies=found), cache, progress)
            if import_of_zones(modules_of(source, fetched).values()) is not None:
                found = _resolved(source, [ZONES], cache, progress)
        return found

    def build(self, source: ComponentSource, output: Path, *, cache: Path, progress: Callable[[str], None]) -> None:
        """Build the component; see `wasmcp.toolchains.base.Toolchain`."""
        fetched = dependencies.install(source, cache, progress)
        modules = modules_of(source, fetched)
        check_imports(source, modules, fetched)
        progress(f"compiling `{source.label}` with componentize-py")
        with tempfile.TemporaryDirectory(prefix="wasmcp-python-") as folder:
            stage = Path(folder)
            places = own_places(source, files_of(source), folders_of(source))
            if fetched is not None:
                packages = {module.name.partition(".")[0] for module in modules.values() if module.fetched}
                if import_of_zones(modules.values()) is not None:
                    packages.add(ZONES)
                places = {**package_places(source, fetched, packages), **places}
            application = stage_application(
                source, modules, stage, configured_imports(source), fetched=fetched, files=places
            )
            partial = output.with_name(f".{output.name}.{os.getpid()}")
            output.parent.mkdir(parents=True, exist_ok=True)
            try:
                failure = componentize(source, worlds_of(source, modules), stage, partial)
                for line in printed_of(application):
                    LOGGER.info("`%s` printed while it was imported: %s", source.label, line)
                if failure is not None:
                    raise failure_of(source, modules, application, failure)
                declares = Declares(uses=uses(modules.values()), files=counted(places)).section()
                texts = {} if fetched is None else license_texts(fetched, source.dependencies)
                partial.write_bytes(partial.read_bytes() + declares + license_section(texts))
                partial.replace(output)
            finally:
                partial.unlink(missing_ok=True)
            warnings = [*ungranted(source, modules), *warnings_of(modules, application)]
            warnings += lost_guarantees(modules.values())
            warnings += unavailable_uses(modules.values(), source.grants)
            warnings += late_declarations(modules.values())
            for line in warnings:
                progress(line)


def own_inputs(files: Mapping[str, Path]) -> Inputs:
    """Return files of the project together with those of wasmcp that every component depends on."""
    found = {**files, **own_files("guest", GUEST, [".py"]), **own_files("wit", wit_directory(), [".wit"])}
    found.update({f"wasmcp:toolchains/{path.name}": path for path in _OWN})
    shared = frozenset(label for label in found if is_outside(label))
    return Inputs(found, {"componentize-py": PINS["componentize-py"]}, shared)


def counted(places: Mapping[str, Path]) -> DataFiles | None:
    """Return the number and size of data files; None without any."""
    return DataFiles(len(places), sum(path.stat().st_size for path in places.values())) if places else None


def _resolved(
    source: ComponentSource, added: list[str], cache: Path, progress: Callable[[str], None]
) -> tuple[Distribution, ...]:
    """Return the resolved packages; an error about the added one names the reason for it."""
    try:
        return dependencies.resolve(source, cache, progress, added)
    except ToolchainError as error:
        if not added or f"`{ZONES}`" not in str(error):
            raise
        message = (
            f"component `{source.name}`: a module imports `zoneinfo`, whose data is in the package `{ZONES}`, and that "
            "cannot be resolved:"
        )
        raise ToolchainError(message, source=source.label, toolchain="python", output=str(error)) from None


def folders_of(source: ComponentSource) -> list[Path]:
    """Return the folders that a source imports its modules from; the first is its source root."""
    configured = source.options.get("python-path", [])
    names = [str(item) for item in configured] if isinstance(configured, list) else []
    wrong = [f"`{name}`, {problem}" for name in names if (problem := folder_problem(source.root, name)) is not None]
    if wrong:
        message = f"component `{source.name}`: `python-path` names {'; '.join(wrong)}"
        raise ToolchainError(message, source=source.label, toolchain="python")
    folders = [Path(os.path.normpath(shared_folder(source.root, name))) for name in names]
    local = [Path(os.path.normpath(project.code)) for project in local_projects(source)]
    return [source_root(source.path, source.root), *folders, *local]


def modules_of(source: ComponentSource, fetched: Path | None = None) -> dict[str, Module]:
    """Return the modules that a source can import, by name; see `wasmcp.toolchains.python.modules.reachable`."""
    return reachable(source.path, folders_of(source), source.root, fetched=fetched, imports=configured_imports(source))


def configured_imports(source: ComponentSource) -> list[str]:
    """Return the option ``imports``: modules imported by computed names, such as plug-ins."""
    configured = source.options.get("imports", [])
    names = [str(item) for item in configured] if isinstance(configured, list) else []
    wrong = [name for name in names if not _MODULE.fullmatch(name)]
    if wrong:
        listed = ", ".join(f"`{name}`" for name in wrong)
        problem = (
            "which is not a dotted name of a module" if len(wrong) == 1 else "which are not dotted names of modules"
        )
        message = f"component `{source.name}`: `imports` names {listed}, {problem}"
        raise ToolchainError(message, source=source.label, toolchain="python")
    return names


def check_imports(source: ComponentSource, modules: Mapping[str, Module], fetched: Path | None) -> None:
    """Reject imports that are certainly not in the component, before the compiler, which takes much longer."""
    native = set() if fetched is None else {extension_name(path) for path in fetched.glob(f"*{SUFFIX}")}
    problems: list[tuple[str, list[str]]] = []
    for module in modules.values():
        if module.fetched:
            continue  # optional imports of packages depend on conditions at run time
        if (
            "." not in module.name
            and (is_provided(module.name) or is_standard(module.name))
            and module.name not in ABSENT
        ):
            owner = "wasmcp" if is_provided(module.name) else "the standard library"
            message = f"`{module.label}` would be hidden by the `{module.name}` of {owner}: give it another name"
            problems.append((message, []))
        for statement in module.imports:
            name = statement.module
            top = name.partition(".")[0]
            if statement.later or statement.optional or name in modules or top in modules or top in native:
                continue
            host_side = is_host_side(statement)
            if not host_side and (is_provided(name) or is_standard(top) or _is_folder(name, source)):
                continue
            advice = (
                "of wasmcp only `wasmcp.guest` is there; import the rest in a module that the source does not import"
                if host_side
                else "name its package in `dependencies`, or put it into the project and name its folder in "
                "`python-path`"
            )
            place = f"`{module.label}`, line {statement.line}"
            problems.append((f"{place}: `{name}` is not in the component: {advice}", []))
    if problems:
        raise refusal(source.label, problems)


def _is_folder(name: str, source: ComponentSource) -> bool:
    """Return whether a name is a package without ``__init__.py`` (PEP 420)."""
    return any(folder.joinpath(*name.split(".")).is_dir() for folder in folders_of(source))
