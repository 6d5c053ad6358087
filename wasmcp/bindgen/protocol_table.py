"""The protocol table and the names of environment variables as Zig source, for the framework and for Zig components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wasmcp import environment, protocol


def _strings(values: Iterable[str]) -> str:
    return "[_][]const u8{ " + ", ".join(f'"{value}"' for value in values) + " }"


def _struct(constants: Mapping[str, int | str]) -> str:
    lines = (
        f'    pub const {name} = "{value}";' if isinstance(value, str) else f"    pub const {name} = {value};"
        for name, value in constants.items()
    )
    return "\n".join(["struct {", *lines, "}"])


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

/// Identifier of the tasks extension.
pub const tasks = "{protocol.TASKS}";
/// Defaults of the members of the `_meta` of a tool that runs as a task.
pub const task_defaults = {_struct(protocol.TASK_DEFAULTS)};

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
