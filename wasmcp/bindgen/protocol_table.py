"""The protocol table as source: in Zig, for the framework and Zig components, and for the guest libraries of others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from wasmcp import environment, protocol


def _strings(values: Iterable[str]) -> str:
    return "[_][]const u8{ " + ", ".join(f'"{value}"' for value in values) + " }"


def _struct(constants: Mapping[str, int | str]) -> str:
    lines = (
        f'    pub const {name} = "{value}";' if isinstance(value, str) else f"    pub const {name} = {value};"
        for name, value in constants.items()
    )
    return "\n".join(["struct {", *lines, "}"])


def _zig_texts() -> str:
    lines = []
    for name, text in protocol.CALL_ERRORS.items():
        parts = [json.dumps(part) for part in text.split("{}")]
        value = parts[0] if len(parts) == 1 else f".{{ {', '.join(parts)} }}"
        lines.append(f"    pub const {name} = {value};")
    return "\n".join(lines)


def zig() -> str:
    """Return the source of the module `protocol_table`."""
    revisions = "\n".join(f'    @"{revision}",' for revision in protocol.REVISIONS)
    return f"""\
//! Generated from wasmcp/protocol.py and wasmcp/environment.py.

/// Revisions that begin with `initialize`, the oldest first.
pub const handshake = {_strings(protocol.HANDSHAKE)};
/// Revision that is named on each request.
pub const latest = "{protocol.LATEST}";
/// Revision of an HTTP request without `MCP-Protocol-Version`.
pub const without_header = "{protocol.WITHOUT_HEADER}";
/// The only revision with JSON-RPC batches.
pub const with_batches = "{protocol.WITH_BATCHES}";

/// All revisions, the oldest first.
pub const Revision = enum {{
{revisions}

    pub const latest: Revision = .@"{protocol.LATEST}";

    /// Return the revision with this name; an unknown one counts as the latest.
    pub fn named(text: []const u8) Revision {{
        return @import("std").meta.stringToEnum(Revision, text) orelse Revision.latest;
    }}

    /// Return whether this revision has what came with `first`.
    pub fn since(self: Revision, first: Revision) bool {{
        return @backingInt(self) >= @backingInt(first);
    }}

    pub fn name(self: Revision) []const u8 {{
        return @tagName(self);
    }}
}};

/// Error codes.
pub const code = {_struct(protocol.CODES)};

/// Keys of `_meta`.
pub const meta = {_struct(protocol.META_KEYS)};

/// Client capability -> the method of the server's requests to the client that need it.
pub const client_requests = {_struct(protocol.CLIENT_REQUESTS)};

/// Identifier of the tasks extension.
pub const tasks = "{protocol.TASKS}";
/// Defaults of the members of the `_meta` of a tool that runs as a task.
pub const task_defaults = {_struct(protocol.TASK_DEFAULTS)};
/// Maximum of these members, in milliseconds.
pub const task_limit = {protocol.TASK_LIMIT};

/// Media type of the page of an app.
pub const app_mime_type = "{protocol.APP_MIME_TYPE}";

/// Limits of the interface `key-value` and of the values of sessions.
pub const key_value_limits = {_struct(protocol.KEY_VALUE_LIMITS)};

/// Texts of the errors of calls; those with values as their parts.
pub const call_errors = struct {{
{_zig_texts()}
}};

/// Environment variables.
pub const environment = struct {{
    /// Settings of a server; the last ones are only for the embedding host.
    pub const server = {_strings((*environment.SERVER, *environment.HOSTS))};
    /// Variables of programs on the same machine: a runtime can pass on its whole environment.
    pub const others = {_strings((*environment.TOOLS, *environment.TESTS, *environment.ELSEWHERE))};
    /// Settings of the Rust tool without counterpart.
    pub const unsupported = {_strings(environment.UNSUPPORTED)};
    /// Settings of authorization, which are among those of a server.
    pub const authorization = {_strings(environment.AUTHORIZATION)};
    pub const auth_mode = "{environment.AUTH_MODE}";
    pub const host_fetches = "{environment.HOST_FETCHES}";
}};
"""


def _guest_constants() -> dict[str, int | str | Sequence[str]]:
    """Return the facts that guest libraries use, by the name of their constant."""
    return {
        "LATEST": protocol.LATEST,
        **{name.upper(): code for name, code in protocol.CODES.items()},
        "TASK": protocol.META_KEYS["task"],
        "FRONT_MATTER": protocol.META_KEYS["front_matter"],
        "PAGE": protocol.META_KEYS["page"],
        "TASK_TTL_MS": protocol.TASK_DEFAULTS["ttlMs"],
        "TASK_POLL_INTERVAL_MS": protocol.TASK_DEFAULTS["pollIntervalMs"],
        "TASK_LIMIT_MS": protocol.TASK_LIMIT,
        "ELICITATION": protocol.CLIENT_REQUESTS["elicitation"],
        "SAMPLING": protocol.CLIENT_REQUESTS["sampling"],
        "ROOTS": protocol.CLIENT_REQUESTS["roots"],
        "APP_MIME_TYPE": protocol.APP_MIME_TYPE,
        "APP_PERMISSIONS": tuple(protocol.APP_PERMISSIONS),
        "APP_VISIBILITIES": protocol.APP_VISIBILITIES,
        **{f"KV_{name.upper()}": limit for name, limit in protocol.KEY_VALUE_LIMITS.items()},
    }


def typescript() -> str:
    """Return the source of the module `protocol.ts` of the guest library."""
    lines = ["/** Facts of the protocol. Generated from wasmcp/protocol.py. */", ""]
    for name, value in _guest_constants().items():
        text = f"{json.dumps(value)} as const" if isinstance(value, tuple) else json.dumps(value)
        lines.append(f"export const {name} = {text};")
    for name, text in protocol.CALL_ERRORS.items():
        first, *others = name.split("_")
        exported = first + "".join(map(str.capitalize, others))
        names = _parameters(text)
        if names:
            given = ", ".join(f"{one}: string | number" for one in names)
            filled = text.format(*(f"${{{one}}}" for one in names))
            lines.append(f"export function {exported}({given}): string {{\n  return `{filled}`;\n}}")
        else:
            lines.append(f"export const {name.upper()} = {json.dumps(text)};")
    return "\n".join([*lines, ""])


def _parameters(text: str) -> list[str]:
    """Return a name for each value of a text."""
    return list("ab"[: text.count("{}")])


def rust() -> str:
    """Return the source of the module `protocol` of the guest crate; tuples are its enumerations, written by hand."""
    lines = ["//! Facts of the protocol. Generated from wasmcp/protocol.py.", "#![allow(dead_code)]", ""]
    for name, value in _guest_constants().items():
        if isinstance(value, str):
            kind = "&str"
        elif isinstance(value, int):
            kind = "i32" if value < 0 else "usize" if name.startswith("KV_") else "u64"
        else:
            continue
        lines.append(f"pub(crate) const {name}: {kind} = {json.dumps(value)};")
    for name, text in sorted(protocol.CALL_ERRORS.items(), key=lambda item: "{}" in item[1]):
        names = _parameters(text)
        if names:
            given = ", ".join(f"{one}: impl std::fmt::Display" for one in names)
            filled = text.format(*(f"{{{one}}}" for one in names))
            lines += ["", f"pub(crate) fn {name}({given}) -> String {{", f"    format!({json.dumps(filled)})", "}"]
        else:
            lines.append(f"pub(crate) const {name.upper()}: &str = {json.dumps(text)};")
    return "\n".join([*lines, ""])


def python() -> str:
    """Return the source of the module `call_errors` of the guest library; `str.format` fills in the values."""
    head = '"""Texts of the errors of calls. Generated from wasmcp/protocol.py."""'
    lines = [f"{name.upper()} = {json.dumps(text)}" for name, text in protocol.CALL_ERRORS.items()]
    return "\n".join([head, "", "from __future__ import annotations", "", *lines, ""])


GUEST_SOURCES = {"typescript/protocol.ts": typescript, "rust/src/protocol.rs": rust}
"""Path in `guests/` of each generated source -> its generator."""

PYTHON_SOURCE = "wasmcp/guest/call_errors.py"
"""Path of the generated source of the guest library of Python, which is a part of this package."""
