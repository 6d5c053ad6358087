"""Import of a server for FastMCP or the official SDK into a new project."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import tomlkit

from wasmcp.errors import MigrationError, ScaffoldError
from wasmcp.migration.needs import NEVER, Constraint, Finding, Needs, dependencies_of, is_secret, narrowed, normalized
from wasmcp.migration.rewriting import Rewritten, Surroundings, rewrite, server_names
from wasmcp.migration.sources import Sources, dotted, read_sources
from wasmcp.project.scaffold import create_new
from wasmcp.project.template_files import Outline, check_component_name, check_project_name, project_files, title_of

FOLDER = "component"
"""The folder of the imported modules; the project's own package has the console script."""

_MAIN = "main"
_UNREAD_SUFFIXES = frozenset({".pyi", ".typed", ".c", ".h", ".pyx"})
_UNREAD_NAMES = frozenset({"README", "LICENSE", "LICENCE", "NOTICE", "CHANGELOG"})
_MOST_NAMES = 10
_ORDER = ("tools", "resources", "prompts")


@dataclass(frozen=True)
class _ImportedOutline(Outline):
    """A component whose sources are imported."""

    imported: str = ""
    capabilities: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The file to compile."""
        return self.imported

    @property
    def parts(self) -> tuple[str, ...]:
        """The capabilities that the server declares."""
        return self.capabilities

    def files(self) -> dict[str, str]:
        """Return no sources and tests of templates."""
        return {}


@dataclass
class Imported:
    """Result of an import.

    Attributes:
        root: The project's folder.
        name: The distribution's name.
        component: The key of the component.
        source: The file to compile, relative to the folder.
        capabilities: The capabilities that the server declares.
        dependencies: The component's requirements.
        left: Requirements of the distribution that the component does not need.
        needs: Grants and environment variables.
        apart: Copied modules that the component does not import, such as the program's own command line.
        findings: All findings in the imported modules, by file and line.
        code_lines: The number of lines with code in the imported modules.
        lost_lines: The number of those that were not carried.
    """

    root: Path
    name: str
    component: str
    source: str
    capabilities: tuple[str, ...]
    dependencies: list[str]
    left: list[str]
    needs: Needs
    apart: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    code_lines: int = 0
    lost_lines: int = 0

    @property
    def is_whole(self) -> bool:
        """True if every line was carried."""
        return not any(finding.kind == "not carried" for finding in self.findings)

    @property
    def share(self) -> float:
        """The share of the lines with code that were carried, from 0 to 1."""
        return 1 - self.lost_lines / self.code_lines if self.code_lines else 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "project": str(self.root),
            "name": self.name,
            "component": self.component,
            "source": self.source,
            "capabilities": list(self.capabilities),
            "dependencies": self.dependencies,
            "dependenciesLeftOut": self.left,
            "grants": self.needs.grants,
            "variables": {name: {"required": required} for name, required in self.needs.variables.items()},
            "notImported": self.apart,
            "lines": {
                "code": self.code_lines,
                "notCarried": self.lost_lines,
                "share": round(self.share, 4),
            },
            "findings": [finding.to_dict() for finding in self.findings],
        }


def import_fastmcp(source: str, *, name: str | None = None, output: Path | None = None) -> Imported:
    """Make a project of a server for FastMCP or the official SDK. Nothing of the server is executed.

    Args:
        source: See `wasmcp.migration.sources.read_sources`.
        name: The distribution's name; by default that of the server's distribution, its own name or its file's.
        output: The parent of the project's folder; the current folder if omitted.

    Raises:
        MigrationError: The server cannot be read, is not valid Python, or does not use the libraries.
        ScaffoldError: The name is invalid, or the folder exists and is not empty.
    """
    sources = read_sources(source)
    modules = _rewritten(sources)
    capabilities = tuple(one for one in _ORDER if any(one in module.capabilities for module in modules.values()))
    findings = [finding for module in modules.values() for finding in module.findings]
    if not capabilities:
        raise MigrationError(source, _nothing_declared(source, findings))
    if not any(finding.kind == "changed" for finding in findings):
        raise MigrationError(source, f"`{source}` imports neither `fastmcp` nor `mcp`: give the whole package")
    name = name or _default_name(sources, modules)
    package = check_project_name(name)
    component = _component_name(name)
    entry, extra, reached = _entry(modules, sources)
    needs = Needs()
    for path in reached:
        needs.add(modules[path].needs)
    wanted, left = dependencies_of(needs, sources.requirements)
    wanted, unused = narrowed(wanted, sources.constraints)
    findings = [finding for path in reached for finding in modules[path].findings]
    imported = _ImportedOutline(
        "python",
        capabilities[0] if len(capabilities) == 1 else "full",
        component,
        f"src/{package}",
        prefix=package,
        imported=f"{FOLDER}/{entry}",
        capabilities=capabilities,
    )
    findings += [
        Finding(one, 1, 1, "check", "is a symbolic link, and was not copied") for one in sorted(sources.skipped)
    ]
    findings += [*sources.findings, *_unused_constraints(unused)]
    files: dict[str, str | bytes] = dict(project_files(name, imported))
    title = next((module.server_name for module in modules.values() if module.server_name), None) or title_of(name)
    test = "tests/test_server.py"
    files[test] = str(files[test]).replace(f'"{title_of(name)}"', json.dumps(title, ensure_ascii=False))
    instructions = next((module.instructions for module in modules.values() if module.instructions), None)
    facts = _Facts(component, title, instructions, wanted, needs, _patterns(sources.data))
    files["pyproject.toml"] = _document(str(files["pyproject.toml"]), facts)
    for path, module in modules.items():
        files[f"{FOLDER}/{path}"] = module.text.encode(sources.encodings[path])
    files.update({f"{FOLDER}/{path}": data for path, data in sources.data.items()})
    files.update({f"{FOLDER}/{path}": text for path, text in extra.items()})
    files.update(dict.fromkeys(_package_markers(modules), ""))
    root = create_new(name, dict(sorted(files.items())), output=output)
    lost = {
        (finding.file, line)
        for finding in findings
        if finding.kind == "not carried"
        for line in range(finding.line, finding.last + 1)
        if line in modules[finding.file].code_lines
    }
    return Imported(
        root=root,
        name=name,
        component=component,
        source=imported.source,
        capabilities=capabilities,
        dependencies=wanted,
        left=left,
        needs=needs,
        findings=sorted(findings),
        apart=sorted(modules.keys() - reached),
        code_lines=sum(len(modules[path].code_lines) for path in reached),
        lost_lines=len(lost),
    )


def _unused_constraints(unused: Iterable[Constraint]) -> list[Finding]:
    """Return a finding for each file with constraints of packages that the component does not require itself."""
    by_file: dict[str, list[Constraint]] = {}
    for constraint in unused:
        if normalized(constraint.name) not in NEVER:
            by_file.setdefault(constraint.file, []).append(constraint)
    found = []
    for file, lines in by_file.items():
        names = [f"`{one.name}`" for one in lines]
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        listed = ", ".join(names[:_MOST_NAMES]) + more
        message = (
            f"constrains packages that the component does not require itself: {listed}; to apply such a version, "
            "add the package to `dependencies`"
        )
        found.append(Finding(file, lines[0].line, lines[0].line, "check", message))
    return found


def _rewritten(sources: Sources) -> dict[str, Rewritten]:
    problems = []
    servers: set[str] = set()
    for path, text in sources.modules.items():
        try:
            servers |= server_names(ast.parse(text, filename=path))
        except (SyntaxError, ValueError, RecursionError) as error:
            line = getattr(error, "lineno", None)
            problems.append(f"`{path}`{f', line {line}' if line else ''}: {getattr(error, 'msg', error)}")
    if problems:
        raise MigrationError(str(sources.root), "\n".join(problems))
    surroundings = Surroundings(servers, _own(sources))
    return {path: rewrite(dotted(path), path, text, surroundings) for path, text in sorted(sources.modules.items())}


def _own(sources: Sources) -> set[str]:
    return {path.partition("/")[0].removesuffix(".py") for path in sources.modules}


def _nothing_declared(source: str, findings: list[Finding]) -> str:
    message = f"`{source}` declares no tool, resource or prompt by `@mcp.tool`, `@mcp.resource` or `@mcp.prompt`"
    lost = [f"`{one.file}`, line {one.line}: {one.message}" for one in findings if one.kind == "not carried"]
    return "\n".join([message, *lost[:20]])


def _entry(modules: Mapping[str, Rewritten], sources: Sources) -> tuple[str, dict[str, str], set[str]]:
    """Return the file to compile, relative to the folder, files to add, and the files of the modules that it imports.

    It is the module that was given, or the one that makes the server, if it imports all modules that declare something;
    else a new module that imports all of them and calls the functions that make the server, unless a module calls them
    when it is imported.
    """
    paths = {module.name: path for path, module in modules.items()}
    declaring = {module.name for module in modules.values() if module.capabilities}
    making = {name for module in modules.values() for name in module.factories}
    callers = {one.name for one in modules.values() if one.called & making and not one.name.endswith("__main__")}
    called = {name for module in modules.values() if module.name in callers for name in module.called}
    factories = [(module.name, name) for module in modules.values() for name in module.factories if name not in called]
    if sources.entry:
        reached = _reached([modules[sources.entry].name], modules)
        if not any(module in reached for module, _ in factories):
            return sources.entry, {}, {paths[name] for name in reached}
    for path, module in modules.items():
        reached = _reached([module.name], modules)
        if module.makes_server and not factories and declaring <= reached:
            return path, {}, {paths[name] for name in reached}
    main = next(f"{_MAIN}{number or ''}.py" for number in range(100) if f"{_MAIN}{number or ''}" not in _own(sources))
    if sources.entry:
        declaring = (declaring & reached) | {modules[sources.entry].name}
        callers &= reached
        factories = [(module, name) for module, name in factories if module in reached]
    named = sorted(declaring | callers | {name for name, _ in factories})
    lines = ['"""The component: every module that declares something."""', ""]
    lines += [f"import {name}" for name in named]
    if factories:
        lines += ["", *(f"{module}.{name}()" for module, name in factories)]
    return main, {main: "\n".join(lines) + "\n"}, {paths[name] for name in _reached(named, modules)}


def _package_markers(modules: Iterable[str]) -> set[str]:
    """Return the files ``__init__.py`` that namespace packages lack: a component has regular packages only."""
    folders = {parent for path in modules for parent in PurePosixPath(path).parents if parent.name}
    return {f"{FOLDER}/{folder}/__init__.py" for folder in folders if f"{folder}/__init__.py" not in modules}


def _patterns(data: Iterable[str]) -> list[str]:
    """Return patterns of the option ``files`` for files that modules can read: by folder and suffix."""
    found = set()
    for path in map(PurePosixPath, data):
        if path.suffix in _UNREAD_SUFFIXES or path.stem.upper() in _UNREAD_NAMES:
            continue
        is_nested = len(path.parts) > 1 and path.suffix
        found.add(f"{FOLDER}/{path.parts[0]}/**/*{path.suffix}" if is_nested else f"{FOLDER}/{path}")
    return sorted(found)


def _reached(first: Iterable[str], modules: Mapping[str, Rewritten]) -> set[str]:
    """Return the names of the modules that some modules import, themselves and the packages around them included."""
    by_name = {module.name: module for module in modules.values()}
    found: set[str] = set()
    waiting = list(first)
    while waiting:
        name = waiting.pop()
        parts = name.split(".")
        waiting += [parent for count in range(1, len(parts)) if (parent := ".".join(parts[:count])) not in found]
        if name not in found and name in by_name:
            found.add(name)
            waiting += by_name[name].imports
    return found


def _default_name(sources: Sources, modules: Mapping[str, Rewritten]) -> str:
    own = next((module.server_name for module in modules.values() if module.server_name), None)
    first = next(iter(sources.modules)).partition("/")[0].removesuffix(".py")
    for candidate in (sources.distribution, own, first, f"{first}-server"):
        name = re.sub(r"[^a-z0-9]+", "-", (candidate or "").lower()).strip("-")[:64].strip("-")
        if name:
            try:
                check_project_name(name)
            except ScaffoldError:
                continue
            return name
    return first


def _component_name(name: str) -> str:
    component = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")
    try:
        check_component_name(component)
    except ScaffoldError:
        return "server"
    return component


@dataclass(frozen=True)
class _Facts:
    """Facts for `pyproject.toml`."""

    component: str
    title: str
    instructions: str | None
    wanted: list[str]
    needs: Needs
    data: list[str]


def _document(text: str, facts: _Facts) -> str:
    """Return `pyproject.toml` with the component's packages and grants, and what the server takes."""
    document: Any = tomlkit.parse(text)
    tables = document["tool"]["wasmcp"]
    table = tables["components"][facts.component]
    if facts.wanted:
        table["dependencies"] = tomlkit.item(facts.wanted).multiline(len(facts.wanted) > 3)
    if facts.data:
        table["files"] = tomlkit.item(facts.data).multiline(len(facts.data) > 3)
    grants = sorted(facts.needs.grants)
    if grants:
        table["grants"] = grants
    server = tables["servers"]["default"]
    server["title"] = facts.title
    if facts.instructions:
        server["instructions"] = facts.instructions
    if facts.needs.variables:
        variables = tomlkit.table()
        for name, required in sorted(facts.needs.variables.items()):
            keys = tomlkit.inline_table()
            if required:
                keys["required"] = True
            if is_secret(name):
                keys["secret"] = True
            variables[name] = keys
        variables.add(tomlkit.nl())
        server["env"] = variables
    document["tool"]["uv"]["cache-keys"].append({"file": f"{FOLDER}/**/*.py"})
    return tomlkit.dumps(document)
