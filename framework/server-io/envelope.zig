//! The JSON-RPC message around everything: read in one pass, kept as slices of the text that came.
//! Specification: basic, "Messages" and "_meta"; JSON-RPC 2.0.

const std = @import("std");
const json = @import("lib").json;

const Allocator = std.mem.Allocator;

/// The longest body that is read.
pub const max_body = 4 << 20;

pub const parse_error = -32700;
pub const invalid_request = -32600;
pub const invalid_params = -32602;

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

    /// Whether a complete result must say how long it may be cached. Specification: server/utilities/caching.
    pub fn isCacheable(self: Method) bool {
        return self.isList() or self == .@"server/discover" or self == .@"resources/read";
    }

    /// Whether the client may be asked for input first. Specification: basic/patterns/mrtr, "Supported Requests".
    pub fn mayAsk(self: Method) bool {
        return self == .@"tools/call" or self == .@"resources/read" or self == .@"prompts/get";
    }
};

/// A request. Texts are JSON as sent, except where "decoded" is said.
pub const Request = struct {
    /// A string or an integer, to be echoed.
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
    /// What is wrong with the params.
    fault: ?[]const u8 = null,
};

pub const Message = union(enum) {
    request: Request,
    notification: struct { method: []const u8, params: []const u8 },
    response,
    invalid: struct { code: i32, message: []const u8, id: ?[]const u8 = null },
};

/// Read a message. What is decoded or worded here lives in `arena`; all else are slices of `body`.
pub fn read(arena: Allocator, body: []const u8) Allocator.Error!Message {
    if (body.len > max_body) return invalid(invalid_request, std.fmt.comptimePrint("Invalid request: the message is larger than {d} bytes", .{max_body}));
    var parts: Parts = .{};
    var scanner = json.Scanner.init(body);
    parts.read(&scanner) catch |problem| return switch (problem) {
        error.TooDeep => invalid(invalid_request, std.fmt.comptimePrint("Invalid request: nested more than {d} levels deep", .{json.max_depth})),
        error.Syntax => invalid(parse_error, try std.fmt.allocPrint(arena, "Parse error: not JSON at byte {d}", .{scanner.at})),
    };
    return parts.judge(arena);
}

fn invalid(code: i32, message: []const u8) Message {
    return .{ .invalid = .{ .code = code, .message = message } };
}

/// Values as they stand in the text. Of duplicates the last.
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
                    self.params = try descend(Params, &self.inside, scanner);
                } else try keep(self, &.{ "jsonrpc", "id", "method", "result", "error" }, name, scanner);
            }
        } else _ = try scanner.value();
        try scanner.end();
    }

    fn judge(self: *const Parts, arena: Allocator) Allocator.Error!Message {
        if (self.kind == .array) return invalid(invalid_request, "Invalid request: batches are not part of this protocol");
        if (self.kind != .object) return invalid(invalid_request, "Invalid request: a message must be an object");
        const id = if (self.id) |raw| (if (validId(raw)) raw else null) else null;
        const wrong = self.mistake(id) orelse {
            const raw_method = self.method orelse return .response;
            const method = try json.decodeString(arena, raw_method);
            const sent = id orelse return .{ .notification = .{ .method = method, .params = self.params orelse "{}" } };
            return .{ .request = try self.request(arena, sent, method) };
        };
        return .{ .invalid = .{ .code = invalid_request, .message = wrong, .id = id } };
    }

    /// What makes it no JSON-RPC 2.0 message.
    fn mistake(self: *const Parts, id: ?[]const u8) ?[]const u8 {
        const version = self.jsonrpc orelse return "Invalid request: `jsonrpc` is missing";
        if (!isString(version) or !json.equals(version, "2.0")) return "Invalid request: `jsonrpc` must be \"2.0\"";
        if (self.method) |raw| {
            if (!isString(raw)) return "Invalid request: `method` must be a string";
        } else if (self.result == null and self.@"error" == null) return "Invalid request: `method` is missing";
        if (self.id != null and id == null) {
            // An error about an unreadable id has no id itself.
            if (self.method == null and self.@"error" != null and std.mem.eql(u8, self.id.?, "null")) return null;
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

const Params = struct {
    name: ?[]const u8 = null,
    uri: ?[]const u8 = null,
    arguments: ?[]const u8 = null,
    cursor: ?[]const u8 = null,
    inputResponses: ?[]const u8 = null,
    requestState: ?[]const u8 = null,
    _meta: ?[]const u8 = null,
    inside: Meta = .{},

    fn member(self: *Params, name: []const u8, scanner: *json.Scanner) json.Error!void {
        if (json.equals(name, "_meta")) {
            self.inside = .{};
            self._meta = try descend(Meta, &self.inside, scanner);
        } else try keep(self, &.{ "name", "uri", "arguments", "cursor", "inputResponses", "requestState" }, name, scanner);
    }

    /// Take everything over, first what is wrong in no revision; the first mistake becomes `r.fault`.
    fn fill(self: *const Params, arena: Allocator, r: *Request, params: ?[]const u8) (Allocator.Error || error{Fault})!void {
        if (params) |text| {
            if (text[0] != '{') return fault(r, "Invalid params: `params` must be an object");
            r.params = text;
        }
        // Everything readable is taken first: a request with a fault still has its version and its target.
        const meta = &self.inside;
        if (self._meta) |text| if (text[0] == '{') {
            r.meta = text;
        };
        if (stringIn(meta.protocolVersion)) |raw| r.version = try json.decodeString(arena, raw);
        if (objectIn(meta.clientCapabilities)) |text| r.capabilities = text;
        if (meta.progressToken) |raw| if (validId(raw)) {
            r.progress_token = raw;
        };
        const target: ?[]const u8, const expected: ?[]const u8 = switch (r.method) {
            .@"tools/call", .@"prompts/get" => .{ self.name, "Invalid params: `params.name` must be a string" },
            .@"resources/read" => .{ self.uri, "Invalid params: `params.uri` must be a string" },
            else => .{ null, null },
        };
        if (stringIn(target)) |raw| r.target = try json.decodeString(arena, raw);
        if (objectIn(self.arguments)) |text| r.arguments = text;
        if (stringIn(self.cursor)) |raw| r.cursor = try json.decodeString(arena, raw);
        if (objectIn(self.inputResponses)) |text| r.input_responses = text;
        if (stringIn(self.requestState)) |raw| r.request_state = try json.decodeString(arena, raw);

        if (self._meta != null and r.meta == null) return fault(r, "Invalid params: `params._meta` must be an object");
        if (expected) |words| if (r.target == null) return fault(r, words);
        switch (r.method) {
            .@"tools/call", .@"prompts/get" => if (self.arguments != null and r.arguments == null)
                return fault(r, "Invalid params: `params.arguments` must be an object"),
            else => {},
        }
        if (r.method.isList() and self.cursor != null and r.cursor == null) return fault(r, "Invalid params: `params.cursor` must be a string");
        if (meta.progressToken != null and r.progress_token == null) return fault(r, "Invalid params: `_meta.progressToken` must be a string or an integer");
        if (meta.protocolVersion == null) return;
        try meta.judge(r);
        if (self.inputResponses != null and r.input_responses == null) return fault(r, "Invalid params: `params.inputResponses` must be an object");
        if (self.requestState != null and r.request_state == null) return fault(r, "Invalid params: `params.requestState` must be a string");
    }
};

const Meta = struct {
    progressToken: ?[]const u8 = null,
    protocolVersion: ?[]const u8 = null,
    clientCapabilities: ?[]const u8 = null,
    clientInfo: ?[]const u8 = null,
    logLevel: ?[]const u8 = null,

    fn member(self: *Meta, name: []const u8, scanner: *json.Scanner) json.Error!void {
        const text = try scanner.value();
        if (json.equals(name, "progressToken")) {
            self.progressToken = text;
            return;
        }
        inline for (.{ "protocolVersion", "clientCapabilities", "clientInfo", "logLevel" }) |field| {
            if (json.equals(name, "io.modelcontextprotocol/" ++ field)) {
                @field(self, field) = text;
                return;
            }
        }
    }

    /// What every request of 2026-07-28 must have. Specification: basic, "Per-request protocol fields".
    fn judge(self: *const Meta, r: *Request) error{Fault}!void {
        const prefix = "Invalid params: `_meta[\"io.modelcontextprotocol/";
        if (r.version == null) return fault(r, prefix ++ "protocolVersion\"]` must be a string");
        if (self.clientCapabilities == null) return fault(r, prefix ++ "clientCapabilities\"]` is missing");
        if (objectIn(self.clientCapabilities) == null) return fault(r, prefix ++ "clientCapabilities\"]` must be an object");
        if (self.clientInfo != null and objectIn(self.clientInfo) == null) return fault(r, prefix ++ "clientInfo\"]` must be an object");
        const level = self.logLevel orelse return;
        if (isString(level)) inline for (std.meta.tags(Level)) |tag| if (json.equals(level, @tagName(tag))) {
            r.log_level = tag;
        };
        if (r.log_level == null) return fault(r, prefix ++ "logLevel\"]` must be one of debug, info, notice, warning, error, critical, alert, emergency");
    }
};

fn fault(r: *Request, words: []const u8) error{Fault} {
    r.fault = words;
    return error.Fault;
}

/// Read a value; when it is an object, hand its members on while they pass by.
fn descend(comptime T: type, parts: *T, scanner: *json.Scanner) json.Error![]const u8 {
    if (try scanner.peek() != .object) return scanner.value();
    const start = scanner.at;
    var members = try scanner.members();
    while (try members.next()) |name| try parts.member(name, scanner);
    return scanner.text[start..scanner.at];
}

/// Read a value and keep it when its name is one of these.
fn keep(parts: anytype, comptime names: []const []const u8, name: []const u8, scanner: *json.Scanner) json.Error!void {
    const text = try scanner.value();
    inline for (names) |field| {
        if (json.equals(name, field)) @field(parts, field) = text;
    }
}

fn isString(raw: []const u8) bool {
    return raw[0] == '"';
}

fn stringIn(raw: ?[]const u8) ?[]const u8 {
    const text = raw orelse return null;
    return if (text[0] == '"') text else null;
}

fn objectIn(raw: ?[]const u8) ?[]const u8 {
    const text = raw orelse return null;
    return if (text[0] == '{') text else null;
}

/// Request ids and progress tokens: a string, or a number written as an integer.
pub fn validId(raw: []const u8) bool {
    return switch (raw[0]) {
        '"' => true,
        '-', '0'...'9' => std.mem.findAny(u8, raw, ".eE") == null,
        else => false,
    };
}

/// Whether two ids are the same: `"\u0061"` and `"a"` are.
pub fn sameId(arena: Allocator, a: []const u8, b: []const u8) Allocator.Error!bool {
    if (std.mem.eql(u8, a, b)) return true;
    if (!isString(a) or !isString(b)) return false;
    return std.mem.eql(u8, try json.decodeString(arena, a), try json.decodeString(arena, b));
}

/// The request that a `notifications/cancelled` line takes back; null when the line is something else.
pub fn cancelledId(arena: Allocator, line: []const u8) Allocator.Error!?[]const u8 {
    const method = "notifications/cancelled";
    // Most lines are requests: look before parsing. An escaped spelling of the method is found too: it has a backslash.
    if (std.mem.find(u8, line, method) == null and std.mem.findScalar(u8, line, '\\') == null) return null;
    return switch (try read(arena, line)) {
        .notification => |n| if (std.mem.eql(u8, n.method, method)) json.member(n.params, "requestId") else null,
        else => null,
    };
}

test {
    _ = @import("envelope_test.zig");
}
