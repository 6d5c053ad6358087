"""Names of the interfaces of a server's components, and the framework components for each.

Source: wit/ (package `wasmcp:mcp-v20260728`, `wasmcp:embedding`), and WASI 0.2.
"""

from __future__ import annotations

PACKAGE = "wasmcp:mcp-v20260728"
VERSION = "0.1.0"


def _interface(name: str) -> str:
    return f"{PACKAGE}/{name}@{VERSION}"


TYPES = _interface("types")
MESSAGES = _interface("messages")
WIRE = _interface("wire")
SERVER_HANDLER = _interface("server-handler")
SERVER_METADATA = _interface("server-metadata")
CATALOGUE_DATA = _interface("catalogue-data")
DISPATCH = _interface("dispatch")
SKILLS_DATA = _interface("skills-data")
APPS_DATA = _interface("apps-data")
TASK_TOOLS = _interface("task-tools")
TOOLS = _interface("tools")
RESOURCES = _interface("resources")
PROMPTS = _interface("prompts")
COMPLETIONS = _interface("completions")
KEY_VALUE_TYPES = _interface("key-value-types")
KEY_VALUE = _interface("key-value")
SESSIONS = _interface("sessions")
SESSION_BUCKETS = _interface("session-buckets")
SESSION_OWNER = _interface("session-owner")
SESSION_STATES = _interface("session-states")
CONFIG = _interface("config")
HTTP_RULES = _interface("http-rules")
ENV_RULES = _interface("env-rules")
KV_RULES = _interface("kv-rules")
FS_RULES = _interface("fs-rules")
ACCESS = _interface("access")
ACCESS_RULES = _interface("access-rules")
AUTHORIZER = _interface("authorizer")
AUTHORIZER_OPTIONS = _interface("authorizer-options")
ISSUER_DOCUMENTS = _interface("issuer-documents")

EXCHANGE = "wasmcp:embedding/exchange@0.1.0"
EMBEDDED_TASKS = "wasmcp:embedding/tasks@0.1.0"

CAPABILITIES = {
    TOOLS: "tools-middleware",
    RESOURCES: "resources-middleware",
    PROMPTS: "prompts-middleware",
    COMPLETIONS: "completions-middleware",
}
"""Capabilities in the order of their middlewares in the chain, with the middleware (a framework component) of each."""

DYNAMIC_MIDDLEWARES = {TOOLS: "dynamic-tools-middleware"}
"""Middlewares that replace those of `CAPABILITIES` around a dynamic component."""

CAPABILITY_NAMES = {contract: contract.partition("/")[2].partition("@")[0] for contract in CAPABILITIES}
"""Name of each capability in `ServerCapabilities` of MCP."""

ENTRY_POINTS = ("wasi:http/incoming-handler", "wasi:cli/run", "wasmcp:embedding/exchange")
"""Exports of every server, all of them exports of the transport."""

ALWAYS = (
    *("wasi:io/error", "wasi:io/poll", "wasi:io/streams"),
    *("wasi:clocks/monotonic-clock", "wasi:clocks/wall-clock"),
    *("wasi:random/random", "wasi:random/insecure", "wasi:random/insecure-seed"),
    *("wasi:cli/stderr", "wasi:http/types"),
)
"""Interfaces that every component gets from the host. Other interfaces of their packages are not included."""

STREAMS = (
    *("wasi:cli/stdin", "wasi:cli/stdout", "wasi:cli/stderr", "wasi:cli/exit"),
    *("wasi:cli/terminal-input", "wasi:cli/terminal-output"),
    *("wasi:cli/terminal-stdin", "wasi:cli/terminal-stdout", "wasi:cli/terminal-stderr"),
)
"""Standard streams and exit of a process. Components get stubs of them, except `stderr`; no grant includes them."""

STRICT = "wasmcp/strict"
"""Member of a request's `_meta` that makes a list fail if a component cannot list (framework/lib/lists.zig)."""

ENVIRONMENT = "wasi:cli/environment"
INSECURE_SEED = "wasi:random/insecure-seed@0.2.8"
STDOUT = "wasi:cli/stdout"
STDERR = "wasi:cli/stderr"

APPS = "apps"
"""Grant of what the apps of a component can need of hosts: origins of other servers, and permissions of browsers."""

MIDDLEWARE = "middleware"
"""Grant of a place in the chain: to receive requests for entries outside the component's catalogue.

A component needs it that exports `server-handler`, or that is dynamic.
"""

GRANTS = {
    "env": ("wasi:cli/environment",),
    "fs": ("wasi:filesystem/",),
    "sockets": ("wasi:sockets/",),
    "http": ("wasi:http/outgoing-handler",),
    "kv": ("wasi:keyvalue/", KEY_VALUE.partition("@")[0]),
    "sessions": (SESSIONS.partition("@")[0],),
    APPS: (),
    MIDDLEWARE: (),
}
"""Interfaces of each family of grants: WASI from the host, the others from the framework. Stubs deny them otherwise.

`apps` and `middleware` have no interfaces: see `APPS` and `MIDDLEWARE`.
"""

GRANTED = {KEY_VALUE: "kv", SESSIONS: "sessions"}
"""Interfaces of the framework that require a grant."""


def is_among(interface: str, prefixes: tuple[str, ...]) -> bool:
    """Return true if `prefixes` contain an interface, which is named with or without its version.

    A prefix that ends in `/` is a whole package.
    """
    bare = interface.partition("@")[0]
    return any(bare.startswith(prefix) if prefix.endswith("/") else bare == prefix for prefix in prefixes)
