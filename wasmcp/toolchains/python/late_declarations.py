"""Declarations in the author's code that run during a call, when the lists of the component are already recorded.

They are found in the source text; nothing runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from wasmcp.toolchains.python.module_ast import Module

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
        for line, name, handler in _found(module)
    ]


def _found(module: Module) -> list[tuple[int, str, str]]:
    try:
        tree = ast.parse(module.path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):  # for example newer than this Python
        return []
    visitor = _Visitor()
    visitor.visit(tree)
    return visitor.found


class _Visitor(ast.NodeVisitor):
    """Collector of declarations by the names under which a module has imported the decorators.

    Attributes:
        found: Line, decorator, and the function whose call runs it.
    """

    def __init__(self) -> None:
        self.found: list[tuple[int, str, str]] = []
        self._aliases: dict[str, str] = {}
        self._handler: str | None = None

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
