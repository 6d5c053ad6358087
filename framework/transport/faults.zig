//! JSON-RPC errors of the transport.

const std = @import("std");
const http = @import("http.zig");
const lib = @import("lib");
const revisions = @import("revisions.zig");
const Settings = @import("Settings.zig");

const Allocator = std.mem.Allocator;

/// Error codes. Specification: basic, "Error codes".
pub const code = @import("protocol_table").code;

/// A JSON-RPC error. `data` is JSON.
pub const Fault = struct { code: i32, message: []const u8, data: ?[]const u8 = null };

pub const not_utf8: Fault = .{ .code = code.parse_error, .message = "Parse error: the message is not UTF-8" };
/// Return the error for a message above the size limit.
pub fn tooLarge(arena: Allocator) error{OutOfMemory}!Fault {
    var words: lib.Writer = .init(arena);
    try words.raw("Invalid request: the message is larger than ");
    try words.digits(Settings.current.max_body);
    try words.raw(" bytes");
    return .{ .code = code.invalid_request, .message = words.text() };
}

/// Limit on the messages of a batch: each could be answered by an error many times its length.
pub const batch_limit = 100;
pub const batch_too_long: Fault = .{
    .code = code.invalid_request,
    .message = std.fmt.comptimePrint("Invalid request: a batch of more than {d} messages", .{batch_limit}),
};
pub const alone: Fault = .{
    .code = code.invalid_request,
    .message = "Invalid request: this message must not be part of a batch",
};

/// Return the error of a header that must repeat a value of the body, or null if it does.
pub fn mismatch(
    value: http.Mirror.Value,
    body: []const u8,
    header: []const u8,
    source: []const u8,
    arena: Allocator,
) ?Fault {
    const text = switch (value) {
        .absent => return mismatched(arena, header, " is missing", ""),
        .bad => return mismatched(
            arena,
            header,
            " is repeated, badly encoded or invalid",
            "",
        ),
        .text => |text| text,
    };
    if (lib.bytes.equal(text, body)) return null;
    return mismatched(arena, header, " differs from the body: ", source);
}

fn mismatched(arena: Allocator, header: []const u8, words: []const u8, source: []const u8) Fault {
    const message = std.mem.concat(arena, u8, &.{ "Header mismatch: ", header, words, source }) catch "Header mismatch";
    return .{ .code = code.header_mismatch, .message = message };
}

/// Return the error for an unsupported revision. Specification: basic/versioning, "Protocol Version Negotiation".
pub fn unsupported(arena: Allocator, version: []const u8) error{OutOfMemory}!Fault {
    var data: lib.Writer = .init(arena);
    try data.raw("{\"supported\":" ++ revisions.supported_json);
    try data.key("requested");
    try data.string(version);
    try data.raw("}");
    return .{ .code = code.unsupported_version, .message = "Unsupported protocol version", .data = data.text() };
}

/// Return the error of `MCP-Protocol-Version`, missing or not, if it does not name a revision that is served
/// statelessly.
pub fn ofVersionHeader(arena: Allocator, value: http.Mirror.Value) error{OutOfMemory}!?Fault {
    return switch (value) {
        .absent => null,
        .bad => .{
            .code = code.header_mismatch,
            .message = "Header mismatch: MCP-Protocol-Version is repeated or invalid",
        },
        .text => |version| if (lib.bytes.equal(version, revisions.modern)) null else try unsupported(arena, version),
    };
}

/// Error for a request without a revision: 2026-07-28 names it on each request, and earlier revisions begin with
/// `initialize`.
pub const unversioned: Fault = .{
    .code = code.invalid_params,
    .message = "Invalid params: `params._meta` must have `io.modelcontextprotocol/protocolVersion` and " ++
        "`io.modelcontextprotocol/clientCapabilities` (revisions before " ++
        revisions.modern ++ " begin with `initialize`)",
    .data = "{\"supported\":" ++ revisions.supported_json ++ "}",
};

/// Error for `initialize` without a revision.
pub const no_protocol_version: Fault = .{
    .code = code.invalid_params,
    .message = "Invalid params: `params.protocolVersion` must be a string",
};

/// Error for `logging/setLevel` without a valid level.
pub const no_level: Fault = .{
    .code = code.invalid_params,
    .message = "Invalid params: `params.level` must be one of debug, " ++
        "info, notice, warning, error, critical, alert, emergency",
};

/// Error for a completion of an unknown reference. Specification: server/utilities/completion, "Error Handling".
pub const unknown_reference: Fault = .{
    .code = code.invalid_params,
    .message = "Invalid params: `params.ref` is of an unknown prompt or resource template",
};

/// Error for a subscription without a URI.
pub const no_uri: Fault = .{ .code = code.invalid_params, .message = "Invalid params: `params.uri` must be a string" };

/// Error for a subscription above the limit.
pub const too_many_uris: Fault = .{
    .code = code.invalid_params,
    .message = std.fmt.comptimePrint("Invalid params: more than {d} resources", .{
        @import("subscriptions.zig").uri_limit,
    }),
};

/// Error for a stream request by a client that does not accept event streams.
pub const no_stream: Fault = .{
    .code = code.invalid_request,
    .message = "Invalid request: `Accept` must name text/event-stream",
};

/// Error for a response sent in 2026-07-28, which has no server-to-client requests.
pub const unexpected_response: Fault = .{
    .code = code.invalid_request,
    .message = "Invalid request: a response without a pending request",
};

/// Error for `initialize` in 2026-07-28. Specification: basic/versioning, "Backward Compatibility".
pub const no_handshake: Fault = .{
    .code = code.method_not_found,
    .message = "Method not found: initialize (requests name their revision in `_meta`)",
    .data = "{\"supported\":" ++ revisions.supported_json ++ "}",
};
