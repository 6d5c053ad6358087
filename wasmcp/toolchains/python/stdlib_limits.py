"""Limits of the standard library in a component: missing modules, and modules with weaker guarantees."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from wasmcp.toolchains.python.module_ast import Import, Module

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
"""Packages that speak a protocol of their own over sockets."""

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
