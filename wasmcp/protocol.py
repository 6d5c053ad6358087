"""Table of the protocol: revisions of MCP, their lists, error codes and `_meta` keys. Data only.

The framework reads what `wasmcp.bindgen.protocol_table` generates from it. Source: Model Context Protocol, basic and
schemas of each revision; JSON-RPC 2.0, section 5.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions that begin with `initialize`, the oldest first."""

LATEST = "2026-07-28"
"""The revision that is named on each request."""

REVISIONS = (*HANDSHAKE, LATEST)
"""All revisions that a server supports, the oldest first. They sort as texts."""

WITHOUT_HEADER = "2025-03-26"
"""The revision of an HTTP request without `MCP-Protocol-Version`: the last one that did not have the header."""

WITH_BATCHES = "2025-03-26"
"""The only revision with JSON-RPC batches."""


class List(NamedTuple):
    """One list of a server.

    Attributes:
        kind: Its name in a catalogue.
        method: The request that returns it.
        capability: The server capability that it belongs to.
        member: The member of the result with the items.
        identity: The member of an item that no other item of the list has.
    """

    kind: str
    method: str
    capability: str
    member: str
    identity: str


LISTS = (
    List("tools", "tools/list", "tools", "tools", "name"),
    List("resources", "resources/list", "resources", "resources", "uri"),
    List("templates", "resources/templates/list", "resources", "resourceTemplates", "uriTemplate"),
    List("prompts", "prompts/list", "prompts", "prompts", "name"),
)
"""The lists of a server."""

IDENTITIES = {one.kind: one.identity for one in LISTS}
"""Kind of list -> the member that identifies an item."""

CODES = {
    "parse_error": -32700,
    "invalid_request": -32600,
    "method_not_found": -32601,
    "invalid_params": -32602,
    "internal_error": -32603,
    "resource_not_found": -32002,
    "header_mismatch": -32020,
    "missing_capability": -32021,
    "unsupported_version": -32022,
}
"""Error codes. `resource_not_found` is of the handshake revisions; the latest has `invalid_params` in its place."""

METHODS = (
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "subscriptions/listen",
)
"""Methods of the requests of clients, of all revisions."""

CLIENT_NOTIFICATIONS = (
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
)
"""Methods of the notifications of clients, of all revisions."""

META = "io.modelcontextprotocol/"
"""The prefix of the protocol's own keys of `_meta`."""

META_KEYS = {
    "protocol_version": f"{META}protocolVersion",
    "client_info": f"{META}clientInfo",
    "client_capabilities": f"{META}clientCapabilities",
    "server_info": f"{META}serverInfo",
    "subscription_id": f"{META}subscriptionId",
    "log_level": f"{META}logLevel",
    "front_matter": "io.modelcontextprotocol.skills/frontmatter",
    "task": "wasmcp/task",
    "page": "wasmcp/page",
}
"""Keys of `_meta`. `front_matter` marks a resource as the `SKILL.md` of a skill. Two are wasmcp's own: `task`, how
a tool runs as a task (see `TaskMode`), and `page`, the path of an app's page, which servers send to no client."""

CLIENT_REQUESTS = {
    "elicitation": "elicitation/create",
    "sampling": "sampling/createMessage",
    "roots": "roots/list",
}
"""Client capability -> the method of the server's requests to the client that need it."""

TASKS = f"{META}tasks"
"""Identifier of the tasks extension."""

ENDED_TASKS = ("completed", "failed", "cancelled")
"""Statuses of tasks that have ended."""

TaskMode = Literal["run", "steps"]
"""Way in which a tool runs as a task: `run`, the call continues after the response; `steps`, by its checkpoints."""

TASK_DEFAULTS = {"ttlMs": 3_600_000, "pollIntervalMs": 1_000}
"""Defaults of members of the `_meta` of a tool that runs as a task, in milliseconds."""

TASK_LIMIT = 365 * 24 * 3_600_000
"""Maximum of these members, in milliseconds: a year."""

TASK_METHODS = ("tasks/get", "tasks/update", "tasks/cancel")
"""Methods of the tasks extension."""

SKILL_METHODS = ("skills/list", "resources/directory/read")
"""Methods of the skills extension."""

MIRRORED = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    **dict.fromkeys(TASK_METHODS, "taskId"),
}
"""Method -> the parameter that the header field `Mcp-Name` mirrors (2026-07-28, basic/transports; tasks extension)."""

_FIRST, _TITLES, _ICONS = "2024-11-05", "2025-06-18", "2025-11-25"
_NAMED = {"name": _FIRST, "description": _FIRST, "title": _TITLES, "_meta": _TITLES, "icons": _ICONS}
_CONTENT = {"mimeType": _FIRST, "annotations": _FIRST}

ITEM_SINCE = {
    "tools": {**_NAMED, "inputSchema": _FIRST, "annotations": "2025-03-26", "outputSchema": _TITLES},
    "resources": {**_NAMED, **_CONTENT, "uri": _FIRST, "size": _FIRST},
    "templates": {**_NAMED, **_CONTENT, "uriTemplate": _FIRST},
    "prompts": {**_NAMED, "arguments": _FIRST},
}
"""Kind of list -> member of an item -> the first revision that has it. Others came with the latest."""

ARGUMENT_SINCE = {"name": _FIRST, "description": _FIRST, "required": _FIRST, "title": _TITLES}
"""Member of a prompt's argument -> the first revision that has it."""

ANNOTATIONS_SINCE = {"audience": _FIRST, "priority": _FIRST, "lastModified": _TITLES}
"""Member of the annotations of content -> the first revision that has it."""

IMPLEMENTATION_SINCE = {"name": _FIRST, "version": _FIRST, "title": _TITLES}
"""Member of `Implementation` -> the first revision that has it."""

CAPABILITY_SINCE = {"extensions": LATEST, "completions": "2025-03-26"}
"""Server capability -> the first revision that has it; others are in all."""

APP_MIME_TYPE = "text/html;profile=mcp-app"
"""Media type of the page of an app."""

APP_VISIBILITIES = ("model", "app")
"""Callers of a tool that `_meta.ui.visibility` can name."""

APP_DOMAINS: Mapping[str, str] = {
    "connectDomains": "connect",
    "resourceDomains": "resource",
    "frameDomains": "frame",
    "baseUriDomains": "base-uri",
}
"""Members of `csp` of an app, with the beginning of the rules that grant them."""

APP_PERMISSIONS: Mapping[str, str] = {
    "camera": "camera",
    "microphone": "microphone",
    "geolocation": "geolocation",
    "clipboardWrite": "clipboard-write",
}
"""Members of `permissions` of an app, with the rules that grant them: the features of Permissions Policy."""

CALL_ERRORS = {
    "invalid_tool": "Invalid arguments for tool {}: {}",
    "invalid_prompt": "Invalid arguments for prompt {}: {}",
    "failed_tool": "Error executing tool {}",
    "failed_prompt": "Error getting prompt {}",
    "mismatch": "expected {}, got {}",
    "one_of": "one of {}",
    "object": "expected an object",
    "missing": "required, but missing",
    "unexpected": "unexpected",
    "only": "unexpected; expected only {}",
    "nothing": "unexpected; expected nothing",
    "more": "and more",
    "at_least": "at least",
    "at_most": "at most",
    "more_than": "more than",
    "less_than": "less than",
    "multiple_of": "a multiple of",
    "match_of": "a match of {}",
    "twice": "expected no item twice",
    "characters": "characters",
    "items": "items",
    "members": "members",
}
"""Texts of the errors of calls, and of the problems of arguments in them, in all guest languages. `{}` is a value."""

KEY_VALUE_LIMITS = {
    "name_bytes": 512,
    "key_bytes": 1024,
    "session_key_bytes": 256,
    "value_bytes": 2 << 20,
    "batch_keys": 1000,
    "batch_bytes": 2 << 20,
    "page_keys": 1000,
}
"""Limits of the interface `key-value` and of the values of sessions: names of buckets, keys, stored values, operations
on many keys, and pages of keys. Source: wit/key-value.wit."""
