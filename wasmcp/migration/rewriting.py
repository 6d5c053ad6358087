"""Analysis of one module of a server for FastMCP or the official SDK, and its text with other imports.

Nothing is executed: the module is parsed, and only import statements of the two libraries are replaced.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from wasmcp.migration.names import (
    ADDERS,
    CONTEXT_METHODS,
    DECORATOR_ARGUMENTS,
    DECORATORS,
    IGNORED_ARGUMENTS,
    LIBRARIES,
    LOW_LEVEL,
    REPLACED,
    REPLACEMENT,
    SERVER_ARGUMENTS,
    SERVER_METHODS,
    SERVERS,
    advice_for,
    has_counterpart,
    imported_names,
)
from wasmcp.migration.needs import Finding, Kind, Needs
from wasmcp.toolchains.python.code_checks import ABSENT, LOST, NO_PROCESSES, harmless_names

_IN_PLACE = "a component has no threads: the function runs in place, and other tasks wait meanwhile"
_CALLS = {
    "asyncio.create_subprocess_exec": NO_PROCESSES,
    "asyncio.create_subprocess_shell": NO_PROCESSES,
    "os.system": NO_PROCESSES,
    "os.popen": NO_PROCESSES,
}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PARTIAL = frozenset({"atexit", "signal", "sqlite3", "dbm", "shelve"})
"""Modules of `LOST` that are of use nevertheless."""


@dataclass
class Rewritten:
    """A module after its analysis.

    Attributes:
        name: The dotted name.
        text: The new text.
        findings: The findings, in the order of the lines.
        code_lines: The lines with code: neither blank, nor comments, nor docstrings.
        capabilities: The capabilities that it declares: ``tools``, ``resources``, ``prompts``.
        imports: The absolute names of the modules that it imports.
        called: The last names of the functions that it calls when it is imported.
        needs: Its packages, grants and environment variables.
        makes_server: True if it makes the server when it is imported.
        factories: Functions without required parameters that make the server and return it.
        server_name: The constant name of the server.
        instructions: The constant instructions of the server.
    """

    name: str
    text: str
    findings: list[Finding] = field(default_factory=list)
    code_lines: frozenset[int] = frozenset()
    capabilities: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    needs: Needs = field(default_factory=Needs)
    makes_server: bool = False
    factories: list[str] = field(default_factory=list)
    server_name: str | None = None
    instructions: str | None = None


@dataclass
class Surroundings:
    """Facts of all modules of a server.

    Attributes:
        servers: The names of `server_names` of all modules.
        own: The top-level modules of the server.
    """

    servers: set[str]
    own: set[str]


def server_names(tree: ast.AST) -> set[str]:
    """Return the names of variables and attributes that hold a `FastMCP` object, and of parameters of that type."""
    found = set()
    for node in ast.walk(tree):
        targets: Sequence[ast.expr] = ()
        if isinstance(node, ast.Assign) and _makes_server(node.value):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign) and node.value is not None and _makes_server(node.value):
            targets = (node.target,)
        elif isinstance(node, ast.arg) and node.annotation is not None and _last(node.annotation) in SERVERS:
            found.add(node.arg)
        for target in targets:
            found.add(_last(target))
    return found - {""}


def rewrite(name: str, label: str, text: str, surroundings: Surroundings) -> Rewritten:
    """Return a module with its imports replaced.

    Args:
        name: The dotted name of the module; that of a package for its ``__init__``.
        label: The file's name in findings.
        text: The text.
        surroundings: Facts of all modules.

    Raises:
        SyntaxError: The text is not valid Python.
    """
    tree = ast.parse(text, filename=label)
    visitor = _Visitor(label, surroundings)
    visitor.visit(tree)
    made = Rewritten(name, _edited(text, visitor.edits), sorted(set(visitor.findings)))
    made.code_lines = frozenset(_code_lines(text, tree))
    made.capabilities = visitor.capabilities
    made.imports = imported_names(tree, name, is_package=label.endswith("__init__.py"))
    made.called = visitor.called
    made.needs = visitor.needs
    made.makes_server = visitor.makes_server
    made.factories = visitor.factories
    made.server_name = visitor.server_name
    made.instructions = visitor.instructions
    return made


class _Visitor(ast.NodeVisitor):
    """Collector of replacements, findings and needs."""

    def __init__(self, label: str, surroundings: Surroundings) -> None:
        self.findings: list[Finding] = []
        self.edits: list[tuple[ast.stmt, list[str]]] = []
        self.capabilities: set[str] = set()
        self.called: set[str] = set()
        self.makes_server = False
        self.factories: list[str] = []
        self.server_name: str | None = None
        self.instructions: str | None = None
        self._label = label
        self._servers = surroundings.servers
        self._own = surroundings.own
        self.needs = Needs()
        self._optional = 0
        self._statements: list[ast.stmt] = []
        self._functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
        self._aliases: dict[str, str] = {}
        self._replaced: dict[str, str] = {}
        self._contexts: set[str] = set()
        self._low_level: set[str] = set()
        self._guarded = 0
        self._programs = 0

    # Statements, their lines, and where they are.

    def visit(self, node: ast.AST) -> None:
        """Visit a node, with its statement on the stack."""
        if isinstance(node, ast.stmt):
            self._statements.append(node)
            super().visit(node)
            self._statements.pop()
        else:
            super().visit(node)

    def _find(self, kind: Kind, message: str, node: ast.stmt | None = None) -> None:
        if node is None:
            node = self._statements[-1]
            first, last = _head(node)
        else:
            first, last = _first_line(node), node.end_lineno or node.lineno
        self.findings.append(Finding(self._label, first, last, kind, message))

    @property
    def _place(self) -> str:
        return f"{self._label}:{self._statements[-1].lineno}" if self._statements else self._label

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Visit a function; a decorator that is refused takes the whole function with it."""
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """Visit a function; see `visit_FunctionDef`."""
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if not isinstance(called, ast.Attribute):
                continue
            owner = _last(called.value)
            if owner in self._low_level:
                self._find("not carried", f"`@{owner}.{called.attr}` of the low-level server: {LOW_LEVEL}", node)
                return
            if owner in self._servers and called.attr in SERVER_METHODS:
                reason = f"`@{owner}.{called.attr}`: {SERVER_METHODS[called.attr]}"
                self._find("not carried", reason, node)
                return
            if owner in self._servers and called.attr in DECORATORS:
                self.capabilities.add(DECORATORS[called.attr])
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        contexts = {one.arg for one in arguments if one.annotation is not None and _names_context(one.annotation)}
        outer, self._contexts = self._contexts, self._contexts | contexts
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._functions.append(node)
        for child in (node.args, *node.body):
            self.visit(child)
        self._functions.pop()
        self._contexts = outer

    def visit_If(self, node: ast.If) -> None:
        """Visit a condition; names of the libraries that are for type checkers only need no counterpart."""
        is_typing = _last(node.test) == "TYPE_CHECKING"
        is_program = ast.unparse(node.test) == "__name__ == '__main__'"
        self.visit(node.test)
        self._guarded += is_typing
        self._programs += is_program
        for child in node.body:
            self.visit(child)
        self._programs -= is_program
        self._guarded -= is_typing
        for child in node.orelse:
            self.visit(child)

    def visit_Try(self, node: ast.Try) -> None:
        """Visit ``try``; an import whose failure is caught is of an optional package."""
        caught = {_last(name) for handler in node.handlers for name in _caught(handler)}
        is_optional = bool(caught & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
        self._optional += is_optional
        for child in node.body:
            self.visit(child)
        self._optional -= is_optional
        for later in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(later)

    # Imports.

    def visit_Import(self, node: ast.Import) -> None:
        """Visit ``import a.b as c``."""
        kept: list[str] = []
        replaced: list[str] = []
        for alias in node.names:
            top = alias.name.partition(".")[0]
            bound = alias.asname or top
            self._aliases[bound] = alias.name if alias.asname else top
            if top not in LIBRARIES:
                self._imported(alias.name)
                kept.append(_written(alias))
            elif alias.name in REPLACED and (alias.asname or "." not in alias.name):
                self._replaced[bound] = alias.name
                replaced.append(f"import {REPLACEMENT} as {bound}")
            else:
                kept.append(_written(alias))
                if not self._guarded:
                    self._find("not carried", f"`import {alias.name}`: {advice_for(alias.name, '')}")
        if replaced:
            self.edits.append((node, [*([f"import {', '.join(kept)}"] if kept else []), *replaced]))
            self._find("changed", replaced[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Visit ``from a import b``."""
        module = node.module or ""
        top = module.partition(".")[0]
        for alias in node.names:
            self._aliases[alias.asname or alias.name] = f"{module}.{alias.name}"
        if node.level or top not in LIBRARIES:
            if not node.level and module != "__future__":
                self._imported(module, [alias.name for alias in node.names])
            return
        self._library(node, module)

    def _library(self, node: ast.ImportFrom, module: str) -> None:
        taken: list[str] = []
        modules: list[str] = []
        left: list[str] = []
        for alias in node.names:
            bound = alias.asname or alias.name
            if module in REPLACED and has_counterpart(module, alias.name):
                taken.append(_written(alias))
            elif f"{module}.{alias.name}" in REPLACED:
                self._replaced[bound] = f"{module}.{alias.name}"
                modules.append(f"import {REPLACEMENT} as {bound}")
            else:
                left.append(_written(alias))
                if self._guarded:
                    continue
                if alias.name == "Server":
                    self._low_level.add(bound)
                advice = advice_for(module, alias.name)
                self._find("not carried", f"`{alias.name}` of `{module}`: {advice}")
        statements = [f"from {REPLACEMENT} import {', '.join(taken)}"] if taken else []
        statements += modules
        if statements:
            kept = [f"from {module} import {', '.join(left)}"] if left else []
            self.edits.append((node, [*statements, *kept]))
            self._find("changed", statements[0])

    def _imported(self, module: str, names: Sequence[str] = ()) -> None:
        top = module.partition(".")[0]
        if top in self._own or top == "wasmcp":
            return
        for whole in (module, *(f"{module}.{name}" for name in names)):
            self.needs.imported(whole, self._place)
        if top not in sys.stdlib_module_names:
            if not self._guarded:
                (self.needs.optional if self._optional else self.needs.modules).add(top)
            return
        if self._guarded:
            return
        for whole in (module, top, *(f"{module}.{name}" for name in names)):
            if whole in LOST and not (names and set(names) <= harmless_names(whole)):
                if whole in _PARTIAL:
                    self._find("check", f"`{whole}`: {LOST[whole]}")
                elif names:
                    self._find("not carried", f"`{whole}`: {LOST[whole]}")
                break
        if top in ABSENT:
            self._find("not carried", f"`{top}` is not in the standard library of a component")

    # Uses.

    def visit_Assign(self, node: ast.Assign) -> None:
        """Visit an assignment; a low-level server is remembered by its name."""
        if isinstance(node.value, ast.Call) and _last(node.value.func) in self._low_level:
            self._low_level.update(_last(target) for target in node.targets)
            self._find("not carried", f"the low-level `Server`: {LOW_LEVEL}")
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Visit an attribute: a name of a replaced module, or of a module that a component has with limits."""
        owner = node.value
        library = self._replaced.get(owner.id) if isinstance(owner, ast.Name) else None
        if library is not None and not has_counterpart(library, node.attr) and not self._guarded:
            self._find("not carried", f"`{ast.unparse(node)}`: {advice_for(library, node.attr)}")
        dotted = self._dotted(node)
        module, _, name = dotted.rpartition(".")
        is_limited = module in LOST and module not in _PARTIAL and name not in harmless_names(module)
        if is_limited and self._root(node) in self._aliases:
            self._find("not carried", f"`{dotted}`: {LOST[module]}")
        if dotted == "os.environ" and not self._functions:
            self._find("not carried", _AT_IMPORT)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """Visit a name that was imported from a module with limits."""
        if self._aliases.get(node.id) == "os.environ" and not self._functions:
            self._find("not carried", _AT_IMPORT)
        module, _, name = self._aliases.get(node.id, "").rpartition(".")
        if module in LOST and module not in _PARTIAL and name not in harmless_names(module):
            self._find("not carried", f"`{node.id}`: {LOST[module]}")

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """Visit ``os.environ["NAME"]``."""
        if self._dotted(node.value) == "os.environ" and isinstance(node.slice, ast.Constant):
            self.needs.variable(str(node.slice.value), self._place, required=True)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Visit a call."""
        if not self._functions and not self._programs:
            self.called.add(_last(node.func))
        dotted = self._dotted(node.func)
        self.needs.called(dotted, self._place)
        if dotted in _CALLS:
            self._find("not carried", f"`{dotted}`: {_CALLS[dotted]}")
        elif dotted in ("os.getenv", "os.environ.get"):
            self._variable(node, dotted)
        elif dotted in ("asyncio.to_thread", "anyio.to_thread.run_sync") or dotted.endswith(".run_in_executor"):
            self._find("check", f"`{dotted}`: {_IN_PLACE}")
        elif dotted.endswith("load_dotenv") and not self._functions:
            self._find("check", "`load_dotenv` runs when the server is built: `--env-file` is not read by components")
        if _makes_server(node):
            self._server(node)
        elif isinstance(node.func, ast.Attribute):
            self._method(node, node.func)
        self.generic_visit(node)

    def _variable(self, node: ast.Call, dotted: str) -> None:
        if node.args and isinstance(node.args[0], ast.Constant):
            self.needs.variable(str(node.args[0].value), self._place, required=False)
        if dotted == "os.getenv" and not self._functions:
            self._find("not carried", _AT_IMPORT)

    def _server(self, node: ast.Call) -> None:
        if self._functions:
            function = self._functions[0]
            required = len(function.args.args) - len(function.args.defaults)
            plain = isinstance(function, ast.FunctionDef) and len(self._functions) == 1 and not required
            if plain and isinstance(self._statements[0], ast.FunctionDef) and _returns(function):
                self.factories.append(function.name)
            else:
                reason = f"the server is made inside `{function.name}`: make it when the module is imported"
                self._find("not carried", reason)
        else:
            self.makes_server = True
        given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        name = node.args[0] if node.args else given.get("name")
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            self.server_name = self.server_name or name.value
        instructions = given.get("instructions")
        if isinstance(instructions, ast.Constant) and isinstance(instructions.value, str):
            self.instructions = self.instructions or instructions.value
        for argument, value in given.items():
            if argument in SERVER_ARGUMENTS and not _is_empty(value):
                self._find("not carried", f"`FastMCP({argument}=...)`: {SERVER_ARGUMENTS[argument]}")
            elif argument in IGNORED_ARGUMENTS:
                self._find("check", f"`FastMCP({argument}=...)` has no effect: {IGNORED_ARGUMENTS[argument]}")

    def _method(self, node: ast.Call, function: ast.Attribute) -> None:
        owner = _last(function.value)
        if owner in self._contexts and function.attr in CONTEXT_METHODS:
            self._find("not carried", f"`{owner}.{function.attr}`: {CONTEXT_METHODS[function.attr]}")
        if owner not in self._servers and owner not in SERVERS:
            return
        if function.attr in SERVER_METHODS:
            self._find("not carried", f"`{owner}.{function.attr}`: {SERVER_METHODS[function.attr]}")
        elif function.attr in ADDERS:
            self.capabilities.add(ADDERS[function.attr])
        elif function.attr in DECORATORS:
            self.capabilities.add(DECORATORS[function.attr])
            uri = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
            if function.attr == "resource" and isinstance(uri, str) and not _SCHEME.match(uri):
                self._find("not carried", f"`{uri}`: a URI begins with a scheme, such as `notes://`")
            for keyword in node.keywords:
                if keyword.arg is not None and keyword.arg in DECORATOR_ARGUMENTS and not _is_empty(keyword.value):
                    reason = DECORATOR_ARGUMENTS[keyword.arg]
                    self._find("not carried", f"`{function.attr}({keyword.arg}=...)`: {reason}")

    @staticmethod
    def _root(node: ast.expr) -> str:
        while isinstance(node, ast.Attribute):
            node = node.value
        return node.id if isinstance(node, ast.Name) else ""

    def _dotted(self, node: ast.expr) -> str:
        """Return the dotted name of an expression, with imported names in full; the last name of another one."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            parts.append(self._aliases.get(node.id, node.id))
        elif parts:
            parts.append("")
        return ".".join(reversed(parts))


_AT_IMPORT = (
    "the environment is read when the module is imported, which is when the server is built: read it in a function"
)


def _makes_server(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and _last(node.func) in SERVERS


def _returns(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(function))


def _caught(handler: ast.ExceptHandler) -> list[ast.expr]:
    """Return the exceptions that a handler catches."""
    if isinstance(handler.type, ast.Tuple):
        return handler.type.elts
    return [ast.Name("BaseException") if handler.type is None else handler.type]


def _is_empty(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return not value.value
    return isinstance(value, (ast.List, ast.Tuple)) and not value.elts


def _last(node: ast.expr) -> str:
    """Return the last name of an expression: ``b`` of ``a.b``, of ``a.b[c]`` and of ``b``."""
    if isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.rpartition(".")[2]
    return node.id if isinstance(node, ast.Name) else ""


def _names_context(annotation: ast.expr) -> bool:
    return any(_last(node) == "Context" for node in ast.walk(annotation) if isinstance(node, ast.expr))


def _written(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _head(node: ast.stmt) -> tuple[int, int]:
    """Return the lines of a statement; of one with a body, those of its head."""
    body = getattr(node, "body", None)
    first = _first_line(node)
    if isinstance(body, list) and body:
        return first, max(first, body[0].lineno - 1)
    return first, node.end_lineno or node.lineno


def _edited(text: str, edits: list[tuple[ast.stmt, list[str]]]) -> str:
    """Return a text with statements replaced. Columns of the parser count bytes of UTF-8."""
    lines = [line.encode() for line in text.split("\n")]
    for node, statements in sorted(edits, key=lambda edit: -edit[0].lineno):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        before, after = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
        is_alone = not before.strip() and not after.lstrip().startswith(b";")
        between = f"\n{before.decode()}" if is_alone else "; "
        lines[first : last + 1] = [before + between.join(statements).encode() + after]
    return b"\n".join(lines).decode()


def _code_lines(text: str, tree: ast.Module) -> Iterator[int]:
    """Yield the lines with code."""
    documented: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body:
            first = node.body[0]
            if ast.get_docstring(node, clean=False) is not None:
                documented.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in layout:
            yield from (line for line in range(token.start[0], token.end[0] + 1) if line not in documented)
