//! What can be wrong with a message, as JSON-RPC says it.

const std = @import("std");
const http = @import("http.zig");
const lib = @import("lib");
const revisions = @import("revisions.zig");
const Settings = @import("Settings.zig");

const Allocator = std.mem.Allocator;

/// Error codes. Specification: basic, "Error codes".
pub const code = struct {
    pub const parse_error = -32700;
    pub const invalid_request = -32600;
    pub const method_not_found = -32601;
    pub const invalid_params = -32602;
    pub const internal_error = -32603;
    pub const header_mismatch = -32020;
    pub const unsupported_version = -32022;
};

/// A JSON-RPC error. `data` is JSON.
pub const Fault = struct { code: i32, message: []const u8, data: ?[]const u8 = null };

pub const not_utf8: Fault = .{ .code = code.parse_error, .message = "Parse error: the message is not UTF-8" };
/// The fault of a message above the limit.
pub fn tooLarge(arena: Allocator) error{OutOfMemory}!Fault {
    var words: lib.Writer = .init(arena);
    try words.raw("Invalid request: the message is larger than ");
    try words.digits(Settings.current.max_body);
    try words.raw(" bytes");
    return .{ .code = code.invalid_request, .message = words.text() };
}

/// How many messages a batch may have: each could be answered by an error many times its length.
pub const batch_limit = 100;
pub const batch_too_long: Fault = .{
    .code = code.invalid_request,
    .message = std.fmt.comptimePrint("Invalid request: a batch of more than {d} messages", .{batch_limit}),
};
pub const alone: Fault = .{ .code = code.invalid_request, .message = "Invalid request: this message must not be part of a batch" };

/// The fault in a header that must say what the body says, if there is one.
pub fn mismatch(value: http.Mirror.Value, body: []const u8, header: []const u8, source: []const u8, arena: Allocator) ?Fault {
    const text = switch (value) {
        .absent => return mismatched(arena, header, " is missing", ""),
        .bad => return mismatched(arena, header, " is given twice, badly encoded, or holds characters that no header may", ""),
        .text => |text| text,
    };
    if (lib.bytes.equal(text, body)) return null;
    return mismatched(arena, header, " does not say what the body says: ", source);
}

fn mismatched(arena: Allocator, header: []const u8, words: []const u8, source: []const u8) Fault {
    const message = std.mem.concat(arena, u8, &.{ "Header mismatch: ", header, words, source }) catch "Header mismatch";
    return .{ .code = code.header_mismatch, .message = message };
}

/// The fault of a revision that is not served. Specification: basic/versioning, "Protocol Version Negotiation".
pub fn unsupported(arena: Allocator, version: []const u8) error{OutOfMemory}!Fault {
    var data: lib.Writer = .init(arena);
    try data.raw("{\"supported\":" ++ revisions.supported_json);
    try data.key("requested");
    try data.string(version);
    try data.raw("}");
    return .{ .code = code.unsupported_version, .message = "Unsupported protocol version", .data = data.text() };
}

/// Whether `MCP-Protocol-Version`, given or not, names a revision that cannot be served as 2026-07-28 is.
pub fn ofVersionHeader(arena: Allocator, value: http.Mirror.Value) error{OutOfMemory}!?Fault {
    return switch (value) {
        .absent => null,
        .bad => .{ .code = code.header_mismatch, .message = "Header mismatch: MCP-Protocol-Version is given twice or holds characters that no header may" },
        .text => |version| if (lib.bytes.equal(version, revisions.modern)) null else try unsupported(arena, version),
    };
}

/// The fault of a request that is neither of 2026-07-28, which names itself on each, nor begun with `initialize`.
pub const unversioned: Fault = .{
    .code = code.invalid_params,
    .message = "Invalid params: `params._meta` must have `io.modelcontextprotocol/protocolVersion` and " ++
        "`io.modelcontextprotocol/clientCapabilities` (revisions before " ++ revisions.modern ++ " begin with `initialize`)",
    .data = "{\"supported\":" ++ revisions.supported_json ++ "}",
};

/// The fault of `initialize` without a revision.
pub const no_version_asked: Fault = .{ .code = code.invalid_params, .message = "Invalid params: `params.protocolVersion` must be a string" };

/// The fault of `logging/setLevel` without a level that there is.
pub const no_level: Fault = .{
    .code = code.invalid_params,
    .message = "Invalid params: `params.level` must be one of debug, info, notice, warning, error, critical, alert, emergency",
};

/// The fault of a completion of what nobody has. Specification: server/utilities/completion, "Error Handling".
pub const unknown_reference: Fault = .{ .code = code.invalid_params, .message = "Invalid params: `params.ref` is of an unknown prompt or resource template" };

/// The fault of a subscription to a resource that is none.
pub const no_uri: Fault = .{ .code = code.invalid_params, .message = "Invalid params: `params.uri` must be a string" };

/// The fault of one subscription too many.
pub const too_many_uris: Fault = .{
    .code = code.invalid_params,
    .message = std.fmt.comptimePrint("Invalid params: more than {d} resources", .{@import("subscriptions.zig").uri_limit}),
};

/// The fault of a request for a stream by a client that takes none.
pub const no_stream: Fault = .{ .code = code.invalid_request, .message = "Invalid request: subscriptions/listen is answered by text/event-stream, which `Accept` must name" };

/// The fault of a response: 2026-07-28 has no requests of servers.
pub const unasked: Fault = .{ .code = code.invalid_request, .message = "Invalid request: a response was sent, but nothing was asked" };

/// The fault of `initialize` in 2026-07-28. Specification: basic/versioning, "Backward Compatibility".
pub const no_handshake: Fault = .{
    .code = code.method_not_found,
    .message = "Method not found: initialize (a request that names its revision in `_meta` needs none)",
    .data = "{\"supported\":" ++ revisions.supported_json ++ "}",
};
