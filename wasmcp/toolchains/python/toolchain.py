"""Toolchain for Python components: source and dependencies, compiled with componentize-py.

The component contains the guest library, the source, and the modules that it imports from its source root, from the
folders of the ``python-path`` option and from the packages of the ``dependencies`` option, under their own dotted
names. Everything else comes from the interpreter inside (CPython 3.14 and its standard library).

A component has only the modules that are imported while it is built. Imports inside functions, and implicit imports of
the standard library, are therefore made during the build (`wasmcp.guest.component.preload`). The snapshot also contains
values computed at import time, random values and times included, and the seed of ``hash``.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from wasmcp import wasi
from wasmcp.component.custom_sections import license_section
from wasmcp.declaration_section import DataFiles, Declares
from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.package_data import wit_directory
from wasmcp.toolchains.base import (
    IMPORTED_GRANTS,
    PINS,
    ComponentSource,
    Distribution,
    Inputs,
    Option,
    folder_problem,
    is_outside,
    own_files,
    relative_label,
    shared_folder,
)
from wasmcp.toolchains.python import dependencies
from wasmcp.toolchains.python.code_checks import (
    ABSENT,
    HTTP_LIBRARIES,
    ZONES,
    import_of_zones,
    lost_guarantees,
    unavailable_uses,
    uses,
)
from wasmcp.toolchains.python.declaration_checks import invalid_signatures, late_declarations
from wasmcp.toolchains.python.dependencies import license_texts, local_projects
from wasmcp.toolchains.python.modules import (
    DEPENDENCIES,
    Module,
    Problem,
    is_host_side,
    is_provided,
    is_standard,
    module_name,
    reachable,
    refusal,
    source_root,
)
from wasmcp.toolchains.python.native_modules import SUFFIX, advice_for_module, extension_name
from wasmcp.toolchains.python.staging import (
    APPLICATION,
    DECLARED,
    GUEST,
    files_of,
    labels_of,
    own_places,
    package_places,
    stage_application,
)

_TIMEOUT = 600.0
_PACKAGE = "wasmcp:mcp-v20260728"
_MERGED = "wasmcp:merged/merged"

DEVELOPMENT = "wasmcp:development/development-imports@0.1.0"
"""World of development builds, in addition to the others."""


def componentize(source: ComponentSource, worlds: list[str], stage: Path, output: Path) -> str | None:
    """Run the compiler; return its output if it failed, else None."""
    script = "import sys; from componentize_py import script; sys.argv[0] = 'componentize-py'; sys.exit(script())"
    command = [sys.executable, "-c", script, "-q", "-d", str(wit_directory())]
    if DEVELOPMENT in worlds:
        command += ["-d", str(_development(stage))]
    if len(worlds) > 1:
        command += ["-d", str(_merged(worlds, stage)), "-w", _MERGED]
    else:
        command += ["-w", *worlds]
    if "http-imports" in worlds:  # both interfaces are named `types`: without this, both get longer names
        command += ["--import-interface-name", f"{_PACKAGE}/types@0.1.0=types"]
        command += ["--import-interface-name", "wasi:http/types@0.2.8=http_types"]
    command += ["componentize", APPLICATION, "-p", str(stage / "app"), "-o", str(output)]
    environment = {**os.environ, "VIRTUAL_ENV": str(stage / "environment")}
    try:
        done = subprocess.run(
            command,
            cwd=stage / "environment",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"`{source.label}`: the component was not built within {_TIMEOUT:.0f} s; does a module never end?"
        raise ToolchainError(message, source=source.label, toolchain="python") from None
    return None if done.returncode == 0 else done.stdout.decode("utf-8", "replace")


def _merged(worlds: list[str], stage: Path) -> Path:
    """Write a world that includes others: componentize-py cannot merge several worlds that have resources."""
    folder = stage / "world"
    folder.mkdir()
    names = [world if ":" in world else f"{_PACKAGE}/{world}@0.1.0" for world in worlds]
    included = "".join(f"  include {name};\n" for name in names)
    package, _, world = _MERGED.partition("/")
    (folder / "world.wit").write_text(f"package {package};\n\nworld {world} {{\n{included}}}\n", encoding="utf-8")
    return folder


def _development(stage: Path) -> Path:
    """Write the WIT of development builds, which is not among the interfaces of wasmcp."""
    folder = stage / "development"
    folder.mkdir()
    (folder / "development.wit").write_text(wasi.WIT, encoding="utf-8")
    return folder


def worlds_of(source: ComponentSource, modules: Mapping[str, Module]) -> list[str]:
    """Return the worlds to compile for.

    For declarations with decorators: `component`, the imports of the grants, and the configuration if it is imported.
    """
    if source.world not in DECLARED:
        return [source.world]
    imported = sorted(source.grants & IMPORTED_GRANTS)
    if any(_line_of(module, "config") for module in modules.values()):
        imported.append("config")
    return ["component", *(f"{name}-imports" for name in imported)]


def ungranted(source: ComponentSource, modules: Mapping[str, Module]) -> list[str]:
    """Return a warning for each import that needs a missing grant: of the guest library, or of an HTTP library."""
    warnings = [
        f'warning: `{module.label}`, line {line}: `wasmcp.guest.{grant}` needs `grants = ["{grant}"]` in '
        f"`[tool.wasmcp.components.{source.name}]`"
        for module in modules.values()
        for grant in sorted(IMPORTED_GRANTS - source.grants)
        if (line := _line_of(module, grant)) is not None
    ]
    if "http" in source.grants:
        return warnings
    return warnings + [
        f'warning: `{module.label}`, line {line}: `{name}` needs `grants = ["http"]` in '
        f"`[tool.wasmcp.components.{source.name}]`"
        for module in modules.values()
        if not module.fetched
        for name, line in _http_libraries(module).items()
    ]


def _http_libraries(module: Module) -> dict[str, int]:
    """Return the HTTP libraries that a module imports, with the first line of each."""
    found: dict[str, int] = {}
    for statement in module.imports:
        top = statement.module.partition(".")[0]
        names = {statement.module, *(f"{statement.module}.{name}" for name in statement.names)}
        for name in sorted({top} & HTTP_LIBRARIES) + sorted(names & {"http.client", "urllib.request"}):
            found.setdefault(name, statement.line)
    return found


def _line_of(module: Module, name: str) -> int | None:
    """Return the first line in which a module imports a submodule of the guest library, or None."""
    wanted = f"wasmcp.guest.{name}"
    lines = (
        statement.line
        for statement in module.imports
        if f"{statement.module}.".startswith(f"{wanted}.")
        or (statement.module == "wasmcp.guest" and name in statement.names)
    )
    return next(lines, None)


_LACKING = re.compile(rf"module '{APPLICATION}' has no attribute '(\w+)'")
_ONCE = "is called once, when the component is built, and its value is kept"
_SOCKET = "this import got an `OSError`, as without a network"
_ENVIRONMENT = "is read when the component is built, where the environment is empty: read it inside a function"


def failure_of(
    source: ComponentSource, modules: Mapping[str, Module], application: Path, output: str
) -> ToolchainError:
    """Return the error for a failure of the compiler, or of the author's modules while it imported them.

    Args:
        source: The source of the component.
        modules: All modules of the component.
        application: The folder that `wasmcp.toolchains.python.staging.stage_application` returned.
        output: The output of the compiler.
    """
    if "No module named 'componentize_py'" in output:
        message = f'`{source.label}` needs componentize-py: `pip install "wasmcp[python]"`'
        return MissingToolchainError(message, source=source.label, toolchain="python")
    report = report_of(application)
    labels = labels_of(modules.values())
    problems = problems_of(source, modules, report.get("errors", ()))
    missing = [f"{_place(item)}: `{item['module']}`: {item['problem']}" for item in report.get("missing", ())]
    if missing:
        problems.append((f"`{source.label}` imports modules later that are not in the component:", missing))
    if report.get("open"):
        names = ", ".join(f"`{labels.get(name, name)}`" for name in report["open"])
        message = (
            f"`{source.label}` leaves files open when it has been imported: {names}. A component has none: read what "
            "is needed and close the file (`with open(...)`), or keep the data in a module"
        )
        problems.append((message, []))
    if problems:
        return refusal(source.label, problems)
    output = output.partition("\nStack backtrace:")[0].rstrip()  # the compiler's own, not Python's
    lacking = _LACKING.search(output)
    if lacking is not None:
        message = (
            f"`{source.label}` has no `{lacking[1]}`: a component of the world `{source.world}` exports that "
            "interface, and a class of this name has its functions"
        )
        return ToolchainError(message, source=source.label, toolchain="python")
    for staged, label in labels.items():
        output = output.replace(staged, label)
    return ToolchainError(f"`{source.label}` was not compiled", source=source.label, toolchain="python", output=output)


def problems_of(
    source: ComponentSource, modules: Mapping[str, Module], errors: Iterable[Mapping[str, Any]]
) -> list[tuple[str, list[str]]]:
    """Return the problems for errors that `wasmcp.guest.component.error_reporting` describes."""
    return [_author_error(source, modules, error) for error in errors]


def _author_error(
    source: ComponentSource, modules: Mapping[str, Module], error: Mapping[str, Any]
) -> tuple[str, list[str]]:
    """Return the message for an exception in the author's modules, and its traceback."""
    labels = labels_of(modules.values())
    frames = [{**frame, "file": labels[frame["file"]]} for frame in error["frames"] if frame["file"] in labels]
    place = f"`{frames[-1]['file']}`, line {frames[-1]['line']}" if frames else f"`{source.label}`"
    message = f"{place}: {error['kind']}: {error['message']}"
    if error["kind"] in {"ImportError", "ModuleNotFoundError"}:
        message += f"; not every module of Python {error['python']} exists in WebAssembly"
        message += _advice_for(frames)
    if error["kind"] in {"FileNotFoundError", "NotADirectoryError", "PermissionError"}:
        message += "; a component has no files: keep the data in a module, or get it as an argument"
    if "no socket can be opened while a component is built" in error["message"]:
        message = f"{place}: {error['message'].partition('] ')[2]}"
    frozen = {(module.label, line): name for module in modules.values() for name, line in module.frozen}
    if any(frozen.get((frame["file"], frame["line"])) == "os.environ" for frame in frames):
        message += "; the environment is empty when a component is built: read it inside a function"
    if error["kind"] in {"LookupError", "DeclarationError"}:
        message = f"{place}: {error['message']}"
    lines = []
    for frame in frames:
        if frame["name"] or frame["text"]:
            lines.append(f"  {frame['file']}:{frame['line']}" + (f", in {frame['name']}" if frame["name"] else ""))
        if frame["text"]:
            lines.append(f"    {frame['text']}")
    return message, lines


def _advice_for(frames: Sequence[Mapping[str, Any]]) -> str:
    """Return the advice for the packages through which an import failed, as the end of a message."""
    files = [PurePosixPath(frame["file"]) for frame in frames]
    modules = dict.fromkeys(file.parts[1].removesuffix(".py") for file in files if file.parts[0] == DEPENDENCIES)
    return "".join(f". `{module}`: {advice}" for module in modules if (advice := advice_for_module(module)))


def report_of(application: Path) -> dict[str, Any]:
    """Return the report of `wasmcp.guest.component.preload`; empty if it cannot be read."""
    from wasmcp.guest.component.preload import REPORT

    try:
        found = json.loads((application / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def printed_of(application: Path) -> list[str]:
    """Return the lines that modules printed during import, escaped for a terminal."""
    from wasmcp.terminal import printable

    return [printable(line) for line in str(report_of(application).get("printed", "")).splitlines()]


def _place(item: Mapping[str, Any]) -> str:
    return f"`{item['file']}`, line {item['line']}" if item["line"] else f"`{item['file']}`"


def warnings_of(modules: Mapping[str, Module], application: Path) -> list[str]:
    """Return a warning for each piece of code that probably was not intended."""
    lines = [
        f"warning: {_place(item)}: `{item['module']}` is not in the component ({item['problem']})"
        for item in report_of(application).get("optional", [])
        if item["told"]
    ]
    labels = labels_of(modules.values())
    lines += [
        f"warning: `{labels[item['file']]}`, line {item['line']}: {item['message']}"
        for item in report_of(application).get("warnings", ())
        if item["file"] in labels
    ]
    lines += [
        f"warning: `{labels[file]}`, line {line}: no socket can be opened while a component is built: {_SOCKET}"
        for file, line in report_of(application).get("sockets", ())
        if file in labels
    ]
    for module in modules.values():
        for name, line in dict.fromkeys(module.frozen):
            what = _ENVIRONMENT if name.startswith(("os.environ", "os.getenv")) else _ONCE
            lines.append(f"warning: `{module.label}`, line {line}: `{name}` {what}")
    return lines


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
        check_modules(source, modules, fetched)
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


def check_modules(source: ComponentSource, modules: Mapping[str, Module], fetched: Path | None) -> None:
    """Reject what certainly fails, before the compiler, which takes much longer: imports and signatures.

    Raises:
        ToolchainError: An import is not in the component, or a function cannot be declared; the error names all.
    """
    problems = _missing_imports(source, modules, fetched)
    if source.world in DECLARED:
        root = source_root(source.path, source.root)
        problems += invalid_signatures(modules, module_name(source.path, root))
    if problems:
        raise refusal(source.label, problems)


def _missing_imports(source: ComponentSource, modules: Mapping[str, Module], fetched: Path | None) -> list[Problem]:
    """Return a problem for each import that is certainly not in the component."""
    native = set() if fetched is None else {extension_name(path) for path in fetched.glob(f"*{SUFFIX}")}
    problems: list[Problem] = []
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
                "a component contains only `wasmcp.guest` of wasmcp: import the rest in a module that the source does "
                "not import"
                if host_side
                else "name its package in `dependencies`, or put it into the project and name its folder in "
                "`python-path`"
            )
            place = f"`{module.label}`, line {statement.line}"
            problems.append((f"{place}: `{name}` is not in the component: {advice}", []))
    return problems


def _is_folder(name: str, source: ComponentSource) -> bool:
    """Return whether a name is a package without ``__init__.py`` (PEP 420)."""
    return any(folder.joinpath(*name.split(".")).is_dir() for folder in folders_of(source))
