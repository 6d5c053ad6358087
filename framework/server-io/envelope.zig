//! The JSON-RPC message of a request: parsed in one pass, kept as slices of its text. Specification: basic, "Messages"
//! and "_meta"; JSON-RPC 2.0.

const std = @import("std");
const lib = @import("lib");
const params_of = @import("params.zig");

const json = lib.json;

const Allocator = std.mem.Allocator;
const Params = params_of.Params;
const isString = params_of.isString;

/// The limit of a body, in bytes: `WASMCP_MAX_BODY`.
pub var max_body: usize = 4 << 20;

pub const parse_error = @import("protocol_table").code.parse_error;
pub const invalid_request = @import("protocol_table").code.invalid_request;
pub const invalid_params = @import("protocol_table").code.invalid_params;

/// RFC 5424 severities, in the order of the specification. Specification: schema `LoggingLevel`.
pub const Level = enum { debug, info, notice, warning, @"error", critical, alert, emergency };

pub const Method = enum {
    @"server/discover",
    @"tools/list",
    @"tools/call",
    @"resources/list",
    @"resources/templates/list",
    @"resources/read",
    @"prompts/list",
    @"prompts/get",
    @"completion/complete",
    @"subscriptions/listen",
    other,

    pub fn named(text: []const u8) Method {
        return std.meta.stringToEnum(Method, text) orelse .other;
    }

    pub fn isList(self: Method) bool {
        return switch (self) {
            .@"tools/list", .@"resources/list", .@"resources/templates/list", .@"prompts/list" => true,
            else => false,
        };
    }

    /// Return true if a complete result must have a cache hint. Specification: server/utilities/caching.
    pub fn isCacheable(self: Method) bool {
        return self.isList() or self == .@"server/discover" or self == .@"resources/read";
    }

    /// Return true if the method allows server-to-client requests. Specification: basic/patterns/mrtr, "Supported
    /// Requests".
    pub fn allowsInputRequests(self: Method) bool {
        return self == .@"tools/call" or self == .@"resources/read" or self == .@"prompts/get";
    }
};

/// A request. Texts are JSON as sent, unless marked as decoded.
pub const Request = struct {
    /// A string or an integer, copied into the response.
    id: []const u8,
    method: Method,
    /// Decoded.
    name: []const u8,
    params: []const u8 = "{}",
    /// Decoded.
    target: ?[]const u8 = null,
    arguments: ?[]const u8 = null,
    /// Decoded.
    cursor: ?[]const u8 = null,
    meta: ?[]const u8 = null,
    /// Decoded.
    version: ?[]const u8 = null,
    capabilities: []const u8 = "{}",
    progress_token: ?[]const u8 = null,
    log_level: ?Level = null,
    input_responses: ?[]const u8 = null,
    /// Decoded.
    request_state: ?[]const u8 = null,
    /// The error in the params.
    fault: ?[]const u8 = null,
};

pub const Message = union(enum) {
    request: Request,
    notification: struct { method: []const u8, params: []const u8 },
    /// The id, decoded, if it is a string.
    response: ?[]const u8,
    invalid: struct { code: i32, message: []const u8, id: ?[]const u8 = null },
};

/// Parse a message. Decoded values and error texts are allocated in `arena`; all others are slices of `body`.
pub fn read(arena: Allocator, body: []const u8) Allocator.Error!Message {
    if (body.len > max_body) return invalid(
        invalid_request,
        try numbered(arena, "Invalid request: the message is larger than ", max_body, " bytes"),
    );
    var parts: Parts = .{};
    var scanner = json.Scanner.init(body);
    parts.read(&scanner) catch |problem| return switch (problem) {
        error.TooDeep => invalid(
            invalid_request,
            std.fmt.comptimePrint("Invalid request: nested more than {d} levels deep", .{json.max_depth}),
        ),
        error.Syntax => invalid(parse_error, try numbered(arena, "Parse error: not JSON at byte ", scanner.at, "")),
    };
    return parts.judge(arena);
}

/// Return a text with a number.
fn numbered(arena: Allocator, before: []const u8, number: usize, after: []const u8) Allocator.Error![]const u8 {
    var words = lib.Writer.init(arena);
    try words.raw(before);
    try words.digits(number);
    try words.raw(after);
    return words.text();
}

fn invalid(code: i32, message: []const u8) Message {
    return .{ .invalid = .{ .code = code, .message = message } };
}

/// Values as raw JSON. Of duplicate members the last counts.
const Parts = struct {
    kind: json.Kind = .null,
    jsonrpc: ?[]const u8 = null,
    id: ?[]const u8 = null,
    method: ?[]const u8 = null,
    result: ?[]const u8 = null,
    @"error": ?[]const u8 = null,
    params: ?[]const u8 = null,
    inside: Params = .{},

    fn read(self: *Parts, scanner: *json.Scanner) json.Error!void {
        self.kind = try scanner.peek();
        if (self.kind == .object) {
            var members = try scanner.members();
            while (try members.next()) |name| {
                if (json.equals(name, "params")) {
                    self.inside = .{};
                    self.params = try params_of.descend(Params, &self.inside, scanner);
                } else try params_of.keep(self, &.{ "jsonrpc", "id", "method", "result", "error" }, name, scanner);
            }
        } else _ = try scanner.value();
        try scanner.end();
    }

    fn judge(self: *const Parts, arena: Allocator) Allocator.Error!Message {
        if (self.kind == .array) return invalid(
            invalid_request,
            "Invalid request: batches are not part of this protocol",
        );
        if (self.kind != .object) return invalid(invalid_request, "Invalid request: a message must be an object");
        const id = if (self.id) |raw| (if (validId(raw)) raw else null) else null;
        const wrong = self.mistake(id) orelse {
            const raw_method = self.method orelse {
                const raw = id orelse return .{ .response = null };
                return .{ .response = if (isString(raw)) try json.decodeString(arena, raw) else null };
            };
            const method = try json.decodeString(arena, raw_method);
            const sent = id orelse return .{ .notification = .{ .method = method, .params = self.params orelse "{}" } };
            return .{ .request = try self.request(arena, sent, method) };
        };
        return .{ .invalid = .{ .code = invalid_request, .message = wrong, .id = id } };
    }

    /// Return the reason why it is not a JSON-RPC 2.0 message.
    fn mistake(self: *const Parts, id: ?[]const u8) ?[]const u8 {
        const version = self.jsonrpc orelse return "Invalid request: `jsonrpc` is missing";
        if (!isString(version) or !json.equals(version, "2.0")) return "Invalid request: `jsonrpc` must be \"2.0\"";
        if (self.method) |raw| {
            if (!isString(raw)) return "Invalid request: `method` must be a string";
        } else if (self.result == null and self.@"error" == null) return "Invalid request: `method` is missing";
        if (self.id != null and id == null) {
            // An error about an unreadable id has the id null.
            if (self.method == null and self.@"error" != null and lib.bytes.equal(self.id.?, "null")) return null;
            return "Invalid request: `id` must be a string or an integer";
        }
        return null;
    }

    fn request(self: *const Parts, arena: Allocator, id: []const u8, name: []const u8) Allocator.Error!Request {
        var r: Request = .{ .id = id, .method = .named(name), .name = name };
        self.inside.fill(arena, &r, self.params) catch |problem| switch (problem) {
            error.OutOfMemory => |e| return e,
            error.Fault => {},
        };
        return r;
    }
};

/// Return true for a valid request id or progress token: a string, or a number written as an integer.
pub fn validId(raw: []const u8) bool {
    return switch (raw[0]) {
        '"' => true,
        '-', '0'...'9' => std.mem.findAny(u8, raw, ".eE") == null,
        else => false,
    };
}

/// Return true if two ids are equal after decoding: `"\u0061"` and `"a"` are.
pub fn sameId(arena: Allocator, a: []const u8, b: []const u8) Allocator.Error!bool {
    if (lib.bytes.equal(a, b)) return true;
    if (!isString(a) or !isString(b)) return false;
    return lib.bytes.equal(try json.decodeString(arena, a), try json.decodeString(arena, b));
}

/// Return the id of the request that a `notifications/cancelled` line cancels; null for any other line.
pub fn cancelledId(arena: Allocator, line: []const u8) Allocator.Error!?[]const u8 {
    const method = "notifications/cancelled";
    // Most lines are requests: search before parsing. An escaped spelling of the method contains a backslash.
    if (!lib.bytes.contains(line, method) and lib.bytes.position(line, '\\') == null) return null;
    return switch (try read(arena, line)) {
        .notification => |n| if (lib.bytes.equal(n.method, method)) json.member(n.params, "requestId") else null,
        else => null,
    };
}

test {
    _ = @import("envelope_test.zig");
}
