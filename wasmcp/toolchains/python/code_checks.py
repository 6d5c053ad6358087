"""Analysis of the source text of a component: server capabilities that it can use, and declarations that run too late.

componentize-py imports whole interfaces, so the component's type does not show which functions are called (``logging``,
``listChanged``). The source text does. Nothing is executed, and uncertain cases count as calls: a computed name
(``getattr(context, level)``) counts as all of them.

A declaration that runs during a call has no effect: the lists of the component are already recorded then.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterable

from wasmcp.toolchains.python.modules import Import, Module

_CHANGES = {
    "tools_changed": "notify-tools-changed",
    "prompts_changed": "notify-prompts-changed",
    "resources_changed": "notify-resources-changed",
    "resource_updated": "notify-resource-updated",
}
FUNCTIONS = {
    **dict.fromkeys(("log", "debug", "info", "warning", "error"), "log"),
    **_CHANGES,
    **{function.replace("-", "_"): function for function in _CHANGES.values()},
}
"""Methods of `wasmcp.guest.Context` and of the generated bindings -> the WIT functions that they call."""

_EVERYTHING = frozenset(FUNCTIONS.values())
_BY_TEXT = re.compile(rf"\.\s*({'|'.join(FUNCTIONS)})\b|\b(getattr)\b")
_LOGGER = re.compile(r"get_?logger$|Logger$", re.IGNORECASE)


def uses(modules: Collection[Module]) -> frozenset[str]:
    """Return the WIT functions of `request` behind announced capabilities that a component's code can call.

    Args:
        modules: All modules of the component. Those of its dependencies count only if they import wasmcp.
    """
    read = [each for each in modules if not each.fetched or any(_is_ours(name.module) for name in each.imports)]
    if not any(_brings_context(statement) for module in read for statement in module.imports):
        return frozenset()  # without a context, its methods cannot be called
    own = {module.name for module in modules if not module.fetched}
    return frozenset(function for module in read for function in _uses(module, own))


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in {"wasmcp", "wit_world"}


def _brings_context(statement: Import) -> bool:
    """Return whether an import can provide the class `Context`: by name, with its module, or with a star."""
    names = {"Context", "context", "guest"} & set(statement.names)
    return _is_ours(statement.module) and (not statement.names or bool(names))


def _uses(module: Module, own: Collection[str]) -> Iterable[str]:
    data = module.path.read_bytes()
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # of a newer Python than this one
        found = _BY_TEXT.findall(data.decode("utf-8", "replace"))
        return _EVERYTHING if any(computed for _, computed in found) else {FUNCTIONS[name] for name, _ in found}
    visitor = _CallVisitor(own)
    visitor.visit(tree)
    visitor.resolve()
    return visitor.found


class _CallVisitor(ast.NodeVisitor):
    """Collector of the methods called on values that can be a context.

    Attributes:
        found: WIT functions.
    """

    def __init__(self, own: Collection[str]) -> None:
        self.found: set[str] = set()
        self._own = own
        self._foreign: set[str] = set()  # names bound to values that are not ours
        self._reached: list[tuple[ast.expr, str | None, list[ast.arg]]] = []  # judged after all imports are known
        self._parameters: list[ast.arg] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name not in self._own and not _is_ours(alias.name):
                self._foreign.add(alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level == 0 and module not in self._own and not _is_ours(module):
            self._foreign.update(alias.asname or alias.name for alias in node.names)

    def visit_Assign(self, node: ast.Assign) -> None:
        if isinstance(node.value, ast.Call) and _LOGGER.search(ast.unparse(node.value.func)):
            self._foreign.update(target.id for target in node.targets if isinstance(target, ast.Name))
        self.generic_visit(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        before = self._parameters
        arguments = node.args
        extra = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
        self._parameters = [*before, *arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]
        self.generic_visit(node)
        self._parameters = before

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function  # noqa: N815

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in FUNCTIONS and isinstance(node.ctx, ast.Load):
            self._reached.append((node.value, node.attr, self._parameters))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) > 1:
            name = node.args[1].value if isinstance(node.args[1], ast.Constant) else None
            if name is None or name in FUNCTIONS:
                self._reached.append((node.args[0], name if isinstance(name, str) else None, self._parameters))
        self.generic_visit(node)

    def resolve(self) -> None:
        """Decide for each collected access whether it can be a method of a context."""
        for holder, name, parameters in self._reached:
            if not self._is_other(holder, parameters):
                self.found |= _EVERYTHING if name is None else {FUNCTIONS[name]}

    def _is_other(self, holder: ast.expr, parameters: list[ast.arg]) -> bool:
        """Return whether an expression is certainly not a context."""
        if isinstance(holder, ast.Name):
            for parameter in reversed(parameters):
                if parameter.arg == holder.id:
                    return self._is_other_type(parameter.annotation)
            return holder.id in self._foreign
        if isinstance(holder, ast.Call):
            return bool(_LOGGER.search(ast.unparse(holder.func)))
        if isinstance(holder, ast.Attribute):
            return "log" in holder.attr.lower() or self._is_other(holder.value, parameters)
        return isinstance(holder, (ast.Constant, ast.JoinedStr, ast.List, ast.Dict, ast.Set, ast.Tuple))

    def _is_other_type(self, annotation: ast.expr | None) -> bool:
        if annotation is None:
            return False
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            try:
                annotation = ast.parse(annotation.value, mode="eval").body
            except SyntaxError:
                return False
        names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
        known = self._foreign - {"Any", "Protocol", "TypeVar"} | set(dir(builtins)) - {"object"}
        return bool(names) and names <= known


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
    visitor = _DeclarationVisitor()
    visitor.visit(tree)
    return visitor.found


class _DeclarationVisitor(ast.NodeVisitor):
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
