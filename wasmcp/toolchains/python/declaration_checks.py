"""Analysis of declarations in the source text of a component: declarations that run in a call, and invalid signatures.

Nothing is executed. A declaration that runs during a call has no effect: its lists are recorded already. A
signature that cannot be declared is refused before the component is compiled.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from wasmcp.toolchains.python.modules import Module, Problem

_HANDLERS = frozenset({"tool", "resource", "skill", "prompt", "completion"})
_DECLARATIONS = _HANDLERS | {"dynamic_tools", "dynamic_resources", "dynamic_prompts", "provider", "cache_lists"}
_REASON = (
    "it runs in a call, when the lists are recorded, and raises `DeclarationError`. Declare it at the top of the "
    "module, in a dynamic component with `enabled=`, or make it for each request in a function with `@dynamic_tools`"
)


def late_declarations(modules: Iterable[Module]) -> list[str]:
    """Return a warning for each declaration inside the function of a tool, resource, prompt or completion."""
    return [
        f"warning: `{module.label}`, line {line}: `{name}` inside `{handler}`: {_REASON}"
        for module in modules
        if not module.fetched and any(statement.module.startswith("wasmcp") for statement in module.imports)
        for line, name, handler in _visited(module, _DeclarationVisitor()).found
    ]


_Visitor = TypeVar("_Visitor", bound=ast.NodeVisitor)


def _visited(module: Module, visitor: _Visitor) -> _Visitor:
    """Return a visitor that has seen a module; one that has seen nothing if the module cannot be parsed."""
    try:
        tree = ast.parse(module.path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):  # for example newer than this Python
        return visitor
    visitor.visit(tree)
    return visitor


class _DecoratorVisitor(ast.NodeVisitor):
    """Visitor that knows the names under which a module has imported the decorators."""

    def __init__(self) -> None:
        self._aliases: dict[str, str] = {}

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name.startswith("wasmcp."):
                self._aliases[alias.asname or "wasmcp"] = alias.name if alias.asname else "wasmcp"

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level == 0 and (node.module or "").partition(".")[0] == "wasmcp":
            self._aliases.update({one.asname or one.name: f"{node.module}.{one.name}" for one in node.names})

    def _declaration(self, node: ast.expr) -> str | None:
        """Return the decorator that an expression is or calls; None for another expression."""
        called = node.func if isinstance(node, ast.Call) else node
        first, dot, rest = ast.unparse(called).partition(".")
        package, _, name = f"{self._aliases.get(first, '')}{dot}{rest}".rpartition(".")
        return name if package == "wasmcp.guest" and name in _DECLARATIONS else None


class _DeclarationVisitor(_DecoratorVisitor):
    """Collector of declarations.

    Attributes:
        found: Line, decorator, and the function whose call runs it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str, str]] = []
        self._handler: str | None = None

    def visit_Call(self, node: ast.Call) -> None:
        name = self._declaration(node)
        if self._handler is not None and name is not None:
            self.found.append((node.lineno, name, self._handler))
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        names = [(decorator, self._declaration(decorator)) for decorator in node.decorator_list]
        for decorator, name in names:
            if name is not None and self._handler is not None and not isinstance(decorator, ast.Call):
                self.found.append((decorator.lineno, name, self._handler))
            self.visit(decorator)
        before = self._handler
        if before is None and any(name in _HANDLERS for _, name in names):
            self._handler = node.name
        for statement in node.body:
            self.visit(statement)
        self._handler = before

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815


def invalid_signatures(modules: Mapping[str, Module], first: str) -> list[Problem]:
    """Return a problem for each part of a declared function's signature that its text shows to be invalid.

    Only declarations that certainly run when the component is built are read: functions and classes at the top of a
    module or in a class, without decorators of other packages.

    Args:
        modules: The modules of the component, by name.
        first: The name of the module that the build imports.
    """
    return [
        (f"`{module.label}`, line {line}: {message}", ())
        for module in _imported(modules, first)
        for line, message in _visited(module, _SignatureVisitor()).found
    ]


def _imported(modules: Mapping[str, Module], first: str) -> list[Module]:
    """Return the author's modules that are certainly imported when a module is."""
    waiting, seen = [first], {first}
    while waiting:
        module = modules.get(waiting.pop())
        for statement in () if module is None else module.imports:
            if statement.later or statement.optional:
                continue
            for name in (statement.module, *(f"{statement.module}.{each}" for each in statement.names)):
                parts = name.split(".")
                found = {".".join(parts[: count + 1]) for count in range(len(parts))} - seen
                seen |= found
                waiting += found
    return [module for name, module in modules.items() if name in seen and not module.fetched]


_KINDS = {
    **{name: name for name in (*_HANDLERS, "provider")},
    **{f"dynamic_{kind}s": f"source of {kind}s" for kind in ("tool", "resource", "prompt")},
}
"""Decorator -> the kind of its declaration in messages."""


class _SignatureVisitor(_DecoratorVisitor):
    """Collector of signatures that cannot be declared. It does not enter functions and conditional code.

    Attributes:
        found: Line and message.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self._class = ""

    def _skip(self, node: ast.AST) -> None:
        """Visit nothing below a node."""

    visit_If = visit_Try = visit_For = visit_While = visit_Match = _skip  # noqa: N815

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._aliases.pop(ast.unparse(target), None)  # the name is that of something else from here on

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._declared(node)
        before, outer = dict(self._aliases), self._class
        self._class = f"{outer}{node.name}."
        for statement in node.body:
            self.visit(statement)
        self._aliases, self._class = before, outer
        self._aliases.pop(node.name, None)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._declared(node)
        self._aliases.pop(node.name, None)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def _declared(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        decorators = [(decorator, self._declaration(decorator)) for decorator in node.decorator_list]
        if any(name not in _KINDS for _, name in decorators):
            return  # another decorator can change the signature
        for decorator, name in decorators:
            given = {keyword.arg for keyword in decorator.keywords} if isinstance(decorator, ast.Call) else set()
            for line, place, reason in _problems(node, str(name), open_ended=bool(given & {"input_schema", None})):
                subject = f"{_KINDS[str(name)]} `{self._class}{node.name}`"
                self.found.append((line, f"{subject}, {place}: {reason}" if place else f"{subject}: {reason}"))


def _problems(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, decorator: str, *, open_ended: bool
) -> Iterator[tuple[int, str, str]]:
    """Yield line, place and reason of each problem of a signature; see `wasmcp.guest.declarations.signature`."""
    from wasmcp.guest.declarations import rules  # slow: only builds need it

    kind = _KINDS[decorator]
    is_provider = decorator == "provider"
    if isinstance(node, ast.ClassDef) or _yields(node):
        yield node.lineno, "", rules.NOT_PLAIN.format("the object" if is_provider else "its result", kind)
        return
    if is_provider and node.returns is None:
        yield node.lineno, "", rules.NOT_OWN.format(None)
    arguments = node.args
    defaults = len(arguments.defaults)
    positional = [*arguments.posonlyargs, *arguments.args]
    required = {id(one) for one in positional[: len(positional) - defaults]}
    required |= {
        id(one) for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not default
    }
    starred = {id(one): stars for one, stars in ((arguments.vararg, "*"), (arguments.kwarg, "**")) if one is not None}
    for one in (*positional, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg):
        if one is None or (one is arguments.kwarg and open_ended):
            continue
        place = f"parameter `{one.arg}`"
        if is_provider:
            if one.annotation is None and (id(one) in required or id(one) in starred):
                yield one.lineno, place, rules.NOT_PROVIDED
        elif id(one) in starred:
            yield one.lineno, place, rules.STARRED.format(f"{starred[id(one)]}{one.arg}")
        elif one.annotation is None:
            yield one.lineno, place, rules.UNTYPED.format(kind)


def _yields(node: ast.AST) -> bool:
    """Return True if a function is a generator."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)) and _yields(child):
            return True
    return False
