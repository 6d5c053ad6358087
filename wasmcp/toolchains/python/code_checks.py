"""Analysis of the source text of a component: its capabilities, and limits of the standard library.

Uses of processes, sockets, key derivations and HTTP libraries that cannot work are found in the author's source text;
nothing runs.

componentize-py imports whole interfaces, so the component's type does not show which functions are called (``logging``,
``listChanged``). The source text does. Nothing is executed, and uncertain cases count as calls: a computed name
(``getattr(context, level)``) counts as all of them.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from wasmcp.toolchains.python.modules import Import, Module

ABSENT = frozenset(
    {"fcntl", "grp", "mmap", "msvcrt", "nt", "pwd", "readline", "resource", "syslog", "termios", "winreg", "winsound"}
)
"""Modules missing from the standard library of components. An author's module can have such a name."""

HTTP_LIBRARIES = frozenset({"aiohttp", "httpcore", "httpcore2", "httpx", "httpx2", "requests", "urllib3"})
"""Packages that send requests over the component's HTTP client; see `wasmcp.guest.network.seams`."""

NO_PROCESSES = (
    "no process can be started in a component: use a package in Python that does the same, or a server outside that "
    "runs the program, over HTTP"
)
NO_SOCKETS = (
    "a component has no sockets: use the server's interface over HTTP, with `wasmcp.guest.http` or another HTTP "
    "library, and the grant `http`"
)
_NO_THREADS = (
    "no thread can be started in a component: `start()` raises `RuntimeError`. Call the function itself, or write "
    "coroutines that wait together (`asyncio.gather`)"
)
_NO_EXECUTORS = (
    "no thread and no process can be started in a component: `submit()` raises an error. Call the functions "
    "themselves, or write coroutines that wait together (`asyncio.gather`)"
)
_NO_SERVERS = "a component cannot accept connections: its tools, resources and prompts are called by its host"
_NO_LOCKS = "nothing locks its files in a component: where several programs or instances write one, data is lost"

_OVER_SOCKETS = (
    "aiomysql", "asyncpg", "asyncssh", "dns", "httplib2", "ldap3", "motor", "paramiko", "pika", "psycopg", "psycopg2",
    "pycurl", "pymongo", "pymysql", "redis", "websocket", "websockets",
)  # fmt: skip
"""Packages with a protocol of their own over sockets."""

LOST: Mapping[str, str] = {
    "_thread": _NO_THREADS,
    "atexit": "its functions are not called in a component: an instance is dropped, it does not exit",
    "concurrent.futures": _NO_EXECUTORS,
    "dbm": _NO_LOCKS,
    "multiprocessing": NO_PROCESSES,
    "ftplib": NO_SOCKETS,
    "http.server": _NO_SERVERS,
    "imaplib": NO_SOCKETS,
    "poplib": NO_SOCKETS,
    "shelve": _NO_LOCKS,
    "signal": "no signal arrives in a component",
    "sqlite3": (
        "SQLite cannot lock files in a component: only `:memory:` and files that nothing writes "
        "(`file:NAME?immutable=1`) are opened"
    ),
    "smtplib": NO_SOCKETS,
    "socketserver": _NO_SERVERS,
    "subprocess": NO_PROCESSES,
    "threading": _NO_THREADS,
    "wsgiref": _NO_SERVERS,
    "xmlrpc.server": _NO_SERVERS,
    **dict.fromkeys(_OVER_SOCKETS, NO_SOCKETS),
}
"""Module that exists but lacks a guarantee -> the limitation."""

_HARMLESS: Mapping[str, frozenset[str]] = {
    "concurrent.futures": frozenset({"CancelledError", "Future", "TimeoutError"}),
    "signal": frozenset({"Signals"}),
    "smtplib": frozenset({"SMTPException"}),
    "sqlite3": frozenset({"DatabaseError", "Error", "IntegrityError", "OperationalError", "Row"}),
    "subprocess": frozenset({"CalledProcessError", "CompletedProcess", "SubprocessError", "TimeoutExpired"}),
    "threading": frozenset(
        {"BoundedSemaphore", "Condition", "Event", "Lock", "RLock", "Semaphore", "current_thread", "get_ident", "local"}
    ),
}
"""Names of those modules that work without limitation."""


def lost_guarantees(modules: Collection[Module]) -> list[str]:
    """Return a warning for each import of a module with a limitation in the author's code."""
    own = {module.name for module in modules if not module.fetched}
    return [
        f"warning: `{module.label}`, line {line}: `{name}`: {LOST[name]}"
        for module in modules
        if not module.fetched
        for name, line in _first_lines(module.imports)
        if name not in own
    ]


def _first_lines(imports: Iterable[Import]) -> Iterator[tuple[str, int]]:
    seen: set[str] = set()
    for statement in imports:
        whole = [f"{statement.module}.{name}" for name in statement.names]
        for candidate in (statement.module, statement.module.partition(".")[0], *whole):
            if candidate in LOST and candidate not in seen and not _is_harmless(candidate, statement):
                seen.add(candidate)
                yield candidate, statement.line


def harmless_names(module: str) -> frozenset[str]:
    """Return the names of a module of `LOST` that work without limitation."""
    return _HARMLESS.get(module, frozenset())


def _is_harmless(name: str, statement: Import) -> bool:
    return statement.module == name and bool(statement.names) and set(statement.names) <= harmless_names(name)


ZONES = "tzdata"
"""Package with the data of `zoneinfo`; required by each component that can import `zoneinfo`."""


def import_of_zones(modules: Iterable[Module]) -> tuple[Module, Import] | None:
    """Return the first import of `zoneinfo`, and its module; None without one."""
    found = (
        (module, statement)
        for module in modules
        for statement in module.imports
        if statement.module.partition(".")[0] == "zoneinfo"
    )
    return next(found, None)


_PROCESSES = re.compile(
    r"os\.(system|popen|fork|forkpty|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?)|asyncio\.create_subprocess_(exec|shell)"
    r"|pty\.(fork|spawn)"
)
_SOCKETS = re.compile(
    r"socket\.(socket|create_connection|create_server|socketpair|fromfd|getaddrinfo|gethostby\w+|getnameinfo)"
)
_CONNECTIONS = re.compile(r"asyncio\.(open_connection|start_server|open_unix_connection|start_unix_server)")
_KEY_DERIVATIONS = re.compile(r"hashlib\.(pbkdf2_hmac|scrypt)")
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
_NO_KEY_DERIVATIONS = (
    "a component has no OpenSSL, and no such function: derive keys in a component in Rust or Zig, or by a loop over "
    "`hmac.digest` (PBKDF2)"
)
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
        if _KEY_DERIVATIONS.fullmatch(name):
            return _NO_KEY_DERIVATIONS
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
    return frozenset(function for module in read for function in _functions_used(module, own))


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in {"wasmcp", "wit_world"}


def _brings_context(statement: Import) -> bool:
    """Return whether an import can provide the class `Context`: by name, with its module, or with a star."""
    names = {"Context", "context", "guest"} & set(statement.names)
    return _is_ours(statement.module) and (not statement.names or bool(names))


def _functions_used(module: Module, own: Collection[str]) -> Iterable[str]:
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
