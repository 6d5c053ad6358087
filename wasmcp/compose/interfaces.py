"""The names of the interfaces that a server is put together of, and what composition does with each.

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
TOOLS = _interface("tools")
RESOURCES = _interface("resources")
PROMPTS = _interface("prompts")
COMPLETIONS = _interface("completions")
KEY_VALUE_TYPES = _interface("key-value-types")
KEY_VALUE = _interface("key-value")
SESSIONS = _interface("sessions")
SESSION_BUCKETS = _interface("session-buckets")
SESSION_OWNER = _interface("session-owner")
CONFIG = _interface("config")

EXCHANGE = "wasmcp:embedding/exchange@0.1.0"

CAPABILITIES = {
    TOOLS: "tools-middleware",
    RESOURCES: "resources-middleware",
    PROMPTS: "prompts-middleware",
    COMPLETIONS: "completions-middleware",
}
"""What a component can offer, and the framework component that makes a link of the chain of it, in the order in which
the links of one component follow each other."""

ASKED = {TOOLS: "asked-tools-middleware"}
"""What takes the place of those of `CAPABILITIES` around a component that is asked what it offers."""

CAPABILITY_NAMES = {contract: contract.partition("/")[2].partition("@")[0] for contract in CAPABILITIES}
"""What MCP calls each of them in `ServerCapabilities`."""

DOORS = ("wasi:http/incoming-handler", "wasi:cli/run", "wasmcp:embedding/exchange")
"""What the server exports, all of it the transport's."""

ALWAYS = (
    *("wasi:io/error", "wasi:io/poll", "wasi:io/streams"),
    *("wasi:clocks/monotonic-clock", "wasi:clocks/wall-clock"),
    *("wasi:random/random", "wasi:random/insecure", "wasi:random/insecure-seed"),
    *("wasi:cli/stderr", "wasi:http/types"),
)
"""What every component gets from the host: these interfaces, and no other of their packages."""

STREAMS = (
    *("wasi:cli/stdin", "wasi:cli/stdout", "wasi:cli/stderr", "wasi:cli/exit"),
    *("wasi:cli/terminal-input", "wasi:cli/terminal-output"),
    *("wasi:cli/terminal-stdin", "wasi:cli/terminal-stdout", "wasi:cli/terminal-stderr"),
)
"""What a process has of its own. Components get stubs of it, and `stderr`; there is no grant of the rest."""

STRICT = "wasmcp/strict"
"""The member of a request's `_meta` that has a list fail when a component cannot list (framework/lib/lists.zig)."""

ENVIRONMENT = "wasi:cli/environment"
INSECURE_SEED = "wasi:random/insecure-seed@0.2.8"
STDOUT = "wasi:cli/stdout"
STDERR = "wasi:cli/stderr"

MIDDLEWARE = "middleware"
"""The grant of a place in the chain: to get requests that are not for what the component is known to offer. A component
needs it that exports `server-handler`, or that is asked at run time what it offers."""

GRANTS = {
    "env": ("wasi:cli/environment",),
    "fs": ("wasi:filesystem/",),
    "sockets": ("wasi:sockets/",),
    "http": ("wasi:http/outgoing-handler",),
    "kv": ("wasi:keyvalue/", KEY_VALUE.partition("@")[0]),
    "sessions": (SESSIONS.partition("@")[0],),
    MIDDLEWARE: (),
}
"""What a component gets when it is granted the family, WASI from the host and the rest from the framework; otherwise
stubs deny it. `middleware` is no interface: see `MIDDLEWARE`."""

GRANTED = {KEY_VALUE: "kv", SESSIONS: "sessions"}
"""What the framework has for components with a grant only."""


def is_among(interface: str, prefixes: tuple[str, ...]) -> bool:
    """Tell whether an interface, with or without its version, is one of those that `prefixes` name.

    A prefix that ends in `/` is a whole package.
    """
    bare = interface.partition("@")[0]
    return any(bare.startswith(prefix) if prefix.endswith("/") else bare == prefix for prefix in prefixes)
