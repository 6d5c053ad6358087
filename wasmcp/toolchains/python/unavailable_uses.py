"""Uses of processes, sockets and HTTP libraries that cannot work in a component, found in the author's source text.

Imports with a limitation are in `wasmcp.toolchains.python.stdlib_limits`. Nothing is executed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator

from wasmcp.toolchains.python.module_ast import Module
from wasmcp.toolchains.python.stdlib_limits import HTTP_LIBRARIES, NO_PROCESSES, NO_SOCKETS

_PROCESSES = re.compile(
    r"os\.(system|popen|fork|forkpty|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?)|asyncio\.create_subprocess_(exec|shell)"
    r"|pty\.(fork|spawn)"
)
_SOCKETS = re.compile(
    r"socket\.(socket|create_connection|create_server|socketpair|fromfd|getaddrinfo|gethostby\w+|getnameinfo)"
)
_CONNECTIONS = re.compile(r"asyncio\.(open_connection|start_server|open_unix_connection|start_unix_server)")
_UNCHECKED = re.compile(r"ssl\._create_(unverified|stdlib)_context")
_CERTIFICATES = (
    "the host of a component makes its secure connections, and always checks certificates with its own authorities"
)
_PROXIES = "a component does not use proxies: its host decides the route of requests"
_KEYWORDS = {
    "verify": f"{_CERTIFICATES}: leave the argument out",
    "ssl": f"{_CERTIFICATES}: leave the argument out",
    "verify_ssl": f"{_CERTIFICATES}: leave the argument out",
    "cert": f"{_CERTIFICATES}, without client certificates: reach the server through a gateway that has one",
    "proxy": f"{_PROXIES}: leave the argument out",
    "proxies": f"{_PROXIES}: leave the argument out",
}
_WEB_SOCKETS = (
    "a component cannot open a WebSocket: use the server's interface over HTTP, for example server-sent events"
)


def unavailable_uses(modules: Iterable[Module], grants: Collection[str]) -> list[str]:
    """Return a warning for each use that cannot work, with its place and what to do instead.

    Args:
        modules: The modules of the component; those of its dependencies are left out.
        grants: The grants of the component.
    """
    return [
        f"warning: `{module.label}`, line {line}: `{name}`: {problem}"
        for module in modules
        if not module.fetched
        for line, name, problem in sorted(set(_uses(module, grants)))
    ]


def _uses(module: Module, grants: Collection[str]) -> Iterator[tuple[int, str, str]]:
    try:
        tree = ast.parse(module.path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):  # for example newer than this Python
        return
    tops = {statement.module.partition(".")[0] for statement in module.imports}
    visitor = _Visitor(uses_http=bool(tops & HTTP_LIBRARIES), has_sockets="sockets" in grants)
    visitor.visit(tree)
    yield from visitor.found


class _Visitor(ast.NodeVisitor):
    """Collector of calls by the names under which a module has imported functions.

    Attributes:
        found: Line, call or argument, and problem.
    """

    def __init__(self, *, uses_http: bool, has_sockets: bool) -> None:
        self.found: list[tuple[int, str, str]] = []
        self._uses_http = uses_http
        self._has_sockets = has_sockets
        self._aliases: dict[str, str] = {}
        self._functions = 0

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            self._aliases[alias.asname or top] = alias.name if alias.asname else top

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level == 0:
            self._aliases.update({one.asname or one.name: f"{node.module}.{one.name}" for one in node.names})

    def _function(self, node: ast.AST) -> None:
        self._functions += 1
        self.generic_visit(node)
        self._functions -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function  # noqa: N815

    def visit_Call(self, node: ast.Call) -> None:
        first, dot, rest = ast.unparse(node.func).partition(".")
        problem = self._problem(f"{self._aliases.get(first, first)}{dot}{rest}")
        if problem is not None:
            self.found.append((node.lineno, f"{first}{dot}{rest}", problem))
        if self._uses_http:
            self._arguments(node)
            if isinstance(node.func, ast.Attribute) and node.func.attr == "ws_connect":
                self.found.append((node.lineno, "ws_connect", _WEB_SOCKETS))
        self.generic_visit(node)

    def _problem(self, name: str) -> str | None:
        if _PROCESSES.fullmatch(name):
            return NO_PROCESSES
        if _CONNECTIONS.fullmatch(name):
            return NO_SOCKETS
        # At import time the interpreter itself reports sockets; see `wasmcp.guest.component.stdlib_guards`.
        if _SOCKETS.fullmatch(name) and self._functions and not self._has_sockets:
            return NO_SOCKETS
        return _KEYWORDS["verify"].partition(": leave")[0] if _UNCHECKED.fullmatch(name) else None

    def _arguments(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            value = keyword.value
            switched_off = isinstance(value, ast.Constant) and value.value is False
            given = not isinstance(value, ast.Constant) or value.value not in (None, False)
            if (keyword.arg in {"verify", "ssl", "verify_ssl"} and switched_off) or (
                keyword.arg in {"cert", "proxy", "proxies"} and given and not _is_empty(value)
            ):
                name = keyword.arg or ""
                self.found.append((value.lineno, f"{name}={ast.unparse(value)[:40]}", _KEYWORDS[name]))


def _is_empty(value: ast.expr) -> bool:
    return isinstance(value, ast.Dict) and not value.keys
