"""Modules of a Python component, analysed without execution: their imports, and the files that these find.

The analysis of one module has its imports, when they run, and values computed at import time. Imports with a computed
name (``importlib.import_module(name)``) are not found.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from wasmcp.errors import ToolchainError
from wasmcp.toolchains.base import relative_label

DEPENDENCIES = "dependencies"
"""First part of the labels of modules from packages."""

GUEST_PYTHON = (3, 14)
"""The Python version inside components made by componentize-py."""

_NEWER_SYNTAX = re.compile(
    r"^\s*type\s+\w+"  # 3.12: type aliases
    r"|\b(def|class)\s+\w+\s*\["  # 3.12: type parameters
    r"|\bexcept\s*\*"  # 3.11: exception groups
    r"|^\s*except\s+[\w.]+\s*,"  # 3.14: several exceptions without parentheses
    r"|\b[tT][rR]?[\"']"  # 3.14: template strings
)
_VARYING = re.compile(
    r"random\.(?!seed)[a-z]+|secrets\.\w+|uuid\.uuid[1467]|os\.(urandom|getenv|getpid)|tempfile\.\w+"
    r"|time\.((time|monotonic|perf_counter|process_time)(_ns)?|localtime|gmtime|ctime|strftime)"
    r"|datetime\.(datetime|date)\.(now|utcnow|today)"
)
_IMPORT_LINE = re.compile(
    r"^([ \t]*)(?:from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(?:\(([^)]*)\)|([^\n#;(]+))|import[ \t]+([^\n#;]+))",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Import:
    """Import statement of a module.

    Attributes:
        module: The absolute name that is imported.
        names: The names imported from it; each can be a submodule.
        line: The line of the statement.
        later: True if it runs when a function is called, not when the module is imported.
        optional: True if the module catches the failure of the import.
    """

    module: str
    names: tuple[str, ...]
    line: int
    later: bool
    optional: bool


@dataclass
class Module:
    """Module of the component: the author's, of a configured folder, or of a dependency.

    Attributes:
        name: The dotted name.
        path: The file.
        label: Its name in messages: relative to the project, or below ``dependencies/`` for a module of a package.
        own: True if it is in the source root, not in another folder of the search path.
        fetched: True if it belongs to a package among the component's dependencies.
        imports: Its import statements.
        frozen: Calls at import time whose values differ from run to run, with their lines. A component makes them
            only once, when it is built.
    """

    name: str
    path: Path
    label: str
    own: bool
    fetched: bool = False
    imports: list[Import] = field(default_factory=list)
    frozen: list[tuple[str, int]] = field(default_factory=list)


Problem = tuple[str, Sequence[str]]
"""A message with file, line and reason, and lines of detail."""


def refusal(label: str, problems: Sequence[Problem]) -> ToolchainError:
    """Return one error for all problems of a source.

    Args:
        label: The label of the source.
        problems: The problems, at least one.
    """
    if len(problems) == 1:
        message, lines = problems[0]
        return ToolchainError(message, source=label, toolchain="python", output="\n".join(lines))
    output = "\n".join(line for message, lines in problems for line in (message, *(f"  {more}" for more in lines)))
    return ToolchainError(f"`{label}` has {len(problems)} errors:", source=label, toolchain="python", output=output)


def read_module(module: Module) -> Problem | None:
    """Read the file of a module and set its `imports` and `frozen`.

    Returns:
        The problem, if the file cannot be read or is not valid Python; else None.
    """
    path, name, label = module.path, module.name, module.label
    try:
        data = path.read_bytes()
    except OSError as error:
        return f"`{label}` cannot be read: {error.strerror}", ()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    problem, imports, frozen = _analysed(data, label, package)
    module.imports, module.frozen = list(imports), list(frozen)
    return problem


@lru_cache(maxsize=4096)
def _analysed(
    data: bytes, label: str, package: str
) -> tuple[Problem | None, tuple[Import, ...], tuple[tuple[str, int], ...]]:
    """Return the problem, or None, the imports and the frozen calls of a module's source; a build needs them often."""
    try:
        tree = ast.parse(data, filename=label)
    except SyntaxError as error:
        if _may_be_newer(error):
            return None, tuple(_by_lines(data.decode("utf-8", "replace"), package)), ()
        where = f", line {error.lineno}" if error.lineno else ""  # NUL has no line
        return (f"`{label}`{where}: {error.msg}", _marked(error)), (), ()
    except (ValueError, RecursionError, MemoryError) as error:
        return (f"`{label}` is not Python: {error}", ()), (), ()
    visitor = _Visitor(package)
    visitor.visit(tree)
    return None, tuple(visitor.found), tuple(visitor.frozen)


def _may_be_newer(error: SyntaxError) -> bool:
    """Return whether a syntax error can be newer syntax, valid in the component's Python."""
    if sys.version_info >= GUEST_PYTHON:
        return False
    return "f-string" in str(error.msg) or bool(_NEWER_SYNTAX.search(error.text or ""))


def _marked(error: SyntaxError) -> list[str]:
    """Return the source line of an error, and a line with a caret below its column."""
    text = (error.text or "").rstrip("\n")
    column = max((error.offset or 1) - 1, 0)
    blank = "".join("\t" if character == "\t" else " " for character in text[:column])
    return [text, f"{blank}^"] if text.strip() else []


def _by_lines(text: str, package: str) -> Iterator[Import]:
    """Find imports by regular expression: enough to find the files if this Python cannot parse the module."""
    for match in _IMPORT_LINE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        indent, dots, module, bracketed, names, modules = match.groups()
        if modules is not None:
            for item in modules.split(","):
                yield Import(item.split()[0] if item.split() else "", (), line, bool(indent), optional=True)
            continue
        base = _absolute(module, len(dots or ""), package)
        taken = tuple(item.split()[0] for item in re.sub(r"#.*", "", bracketed or names).split(",") if item.split())
        yield Import(base, taken, line, bool(indent), optional=True)


def _absolute(module: str | None, level: int, package: str) -> str:
    if level == 0:
        return module or ""
    parts = package.split(".") if package else []
    base = parts[: len(parts) - (level - 1)]
    return ".".join([*base, module] if module else base)


class _Visitor(ast.NodeVisitor):
    """Collector of the imports of a module, and of varying calls at import time."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.found: list[Import] = []
        self.frozen: list[tuple[str, int]] = []
        self._aliases: dict[str, str] = {}
        self._functions = 0
        self._guarded = 0

    def _add(self, node: ast.AST, module: str, names: tuple[str, ...] = ()) -> None:
        if module:
            line = getattr(node, "lineno", 0)
            self.found.append(Import(module, names, line, self._functions > 0, self._guarded > 0))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(node, alias.name)
            top = alias.name.partition(".")[0]
            self._aliases[alias.asname or top] = alias.name if alias.asname else top

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        names = tuple(alias.name for alias in node.names if alias.name != "*")
        base = _absolute(node.module, node.level, self.package)
        self._add(node, base, names)
        self._aliases.update({alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names})

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        first = node.args[0] if node.args else None
        if (
            called in {"import_module", "__import__"}
            and isinstance(first, ast.Constant)
            and isinstance(first.value, str)
            and not first.value.startswith(".")
        ):
            self._add(node, first.value)
        if not self._functions:
            first_part, _, rest = ast.unparse(node.func).partition(".")
            name = ".".join(filter(None, (self._aliases.get(first_part, first_part), rest)))
            if _VARYING.fullmatch(name):
                self.frozen.append((name, node.lineno))
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not self._functions and self._aliases.get(ast.unparse(node.value)) == "os" and node.attr == "environ":
            self.frozen.append(("os.environ", node.lineno))
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if not self._functions and self._aliases.get(node.id) == "os.environ":
            self.frozen.append(("os.environ", node.lineno))

    def _function(self, node: ast.AST) -> None:
        self._functions += 1
        guarded, self._guarded = self._guarded, 0  # a handler around a definition does not cover its calls
        self.generic_visit(node)
        self._guarded = guarded
        self._functions -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function  # noqa: N815

    def visit_If(self, node: ast.If) -> None:
        text = ast.unparse(node.test)
        if text in {"TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'"}:
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        caught = any(_catches_import_error(handler) for handler in node.handlers)
        self._guarded += caught
        # Imports in the handlers are the alternative: neither module is required.
        guarded: list[ast.AST] = [*node.body, *node.handlers, *node.orelse]
        for child in guarded:
            self.visit(child)
        self._guarded -= caught
        for statement in node.finalbody:
            self.visit(statement)


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {"" if kind is None else ast.unparse(kind) for kind in kinds}
    return bool(names & {"", "ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


_NEWER_MODULES = {
    "annotationlib",
    "compression",
    "tomllib",
}  # not in every Python that runs wasmcp


def source_root(path: Path, root: Path) -> Path:
    """Return the root folder of a source's dotted name: ``src/``, or the folder above its topmost package.

    Args:
        path: The source file.
        root: The project's folder.
    """
    layout = root / "src"
    if layout in path.parents:
        return layout
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    return folder


def module_name(path: Path, root: Path) -> str:
    """Return the dotted name of a file below a source root."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def reachable(
    source: Path, folders: Sequence[Path], root: Path, *, fetched: Path | None = None, imports: Sequence[str] = ()
) -> dict[str, Module]:
    """Return name -> module for all that a source can import from the given folders, itself included.

    Args:
        source: The source file, below the first folder.
        folders: The folders to search, in this order; the first is the source root.
        root: The project's folder, for messages.
        fetched: The folder of the packages among the component's dependencies; searched last.
        imports: Further modules to include, for imports by computed names.

    Raises:
        ToolchainError: Files cannot be read or are not valid Python; the message lists all of them.
    """
    first = module_name(source, folders[0])
    found: dict[str, Module] = {}
    waiting = [parent for name in (first, *imports) for parent in _with_parents(name)]
    seen = set(waiting)
    problems: list[Problem] = []
    while waiting:
        name = waiting.pop()
        located = _locate(name, folders)
        if located is not None:
            path, folder = located
            module = Module(name, path, relative_label(path, root), own=folder == folders[0])
        elif fetched is not None and not is_standard(name.partition(".")[0]) and (there := _locate(name, [fetched])):
            label = f"{DEPENDENCIES}/{there[0].relative_to(fetched).as_posix()}"
            module = Module(name, there[0], label, own=False, fetched=True)
        else:
            continue
        found[name] = module
        problem = read_module(module)
        if problem is not None:
            problems.append(problem)
        for statement in module.imports:
            names = [statement.module, *(f"{statement.module}.{item}" for item in statement.names)]
            for candidate in (parent for item in names for parent in _with_parents(item)):
                if candidate not in seen and not is_provided(candidate):
                    seen.add(candidate)
                    waiting.append(candidate)
    if problems:
        raise refusal(relative_label(source, root), sorted(problems, key=lambda problem: problem[0]))
    return dict(sorted(found.items()))


def is_provided(name: str) -> bool:
    """Return whether every component has a module: the guest library and the generated bindings."""
    return name.partition(".")[0] in {"wasmcp", "wit_world", "componentize_py_types", "componentize_py_runtime"}


def is_standard(name: str) -> bool:
    """Return whether a top-level module belongs to the standard library."""
    return name in sys.stdlib_module_names or name in _NEWER_MODULES


def is_host_side(statement: Import) -> bool:
    """Return whether a statement imports modules of wasmcp that components lack: all except the guest library."""
    name = statement.module
    if name.partition(".")[0] != "wasmcp":
        return False
    return not f"{name}.".startswith("wasmcp.guest.") and statement.names != ("guest",)


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[: count + 1]) for count in range(len(parts)))


def _locate(name: str, folders: Sequence[Path]) -> tuple[Path, Path] | None:
    for folder in folders:
        base = folder.joinpath(*name.split("."))
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if path.is_file():
                return path, folder
    return None
