//! The params of a request and their `_meta`: extraction and validation. Specification: basic, "_meta"; the schema's
//! `*RequestParams`.

const std = @import("std");
const json = @import("lib").json;
const envelope = @import("envelope.zig");

const Allocator = std.mem.Allocator;
const Level = envelope.Level;
const Request = envelope.Request;
const validId = envelope.validId;

pub const Params = struct {
    name: ?[]const u8 = null,
    uri: ?[]const u8 = null,
    arguments: ?[]const u8 = null,
    cursor: ?[]const u8 = null,
    inputResponses: ?[]const u8 = null,
    requestState: ?[]const u8 = null,
    ref: ?[]const u8 = null,
    taskId: ?[]const u8 = null,
    _meta: ?[]const u8 = null,
    inside: Meta = .{},

    pub fn member(self: *Params, name: []const u8, scanner: *json.Scanner) json.Error!void {
        if (json.equals(name, "_meta")) {
            self.inside = .{};
            self._meta = try descend(Meta, &self.inside, scanner);
        } else try keep(
            self,
            &.{ "name", "uri", "arguments", "cursor", "inputResponses", "requestState", "ref", "taskId" },
            name,
            scanner,
        );
    }

    /// Extract all values and validate those common to all revisions first; the first error becomes `r.fault`.
    pub fn fill(
        self: *const Params,
        arena: Allocator,
        r: *Request,
        params: ?[]const u8,
    ) (Allocator.Error || error{Fault})!void {
        if (params) |text| {
            if (text[0] != '{') return fault(r, "Invalid params: `params` must be an object");
            r.params = text;
        }
        // Extract all readable values first: a request with a fault still has its version and its target.
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
            // The completion middleware validates it.
            .@"completion/complete" => .{ referenced(self.ref), null },
            // The methods of the tasks extension are the only ones with this member.
            else => .{ self.taskId, null },
        };
        if (stringIn(target)) |raw| r.target = try json.decodeString(arena, raw);
        if (objectIn(self.arguments)) |text| r.arguments = text;
        if (stringIn(self.cursor)) |raw| r.cursor = try json.decodeString(arena, raw);
        if (objectIn(self.inputResponses)) |text| r.input_responses = text;
        if (stringIn(self.requestState)) |raw| r.request_state = try json.decodeString(arena, raw);

        if (self._meta != null and r.meta == null) return fault(r, "Invalid params: `params._meta` must be an object");
        if (expected) |words| if (r.target == null) return fault(r, words);
        switch (r.method) {
            .@"tools/call", .@"prompts/get" => if (given(self.arguments) and r.arguments == null)
                return fault(r, "Invalid params: `params.arguments` must be an object"),
            else => {},
        }
        if (r.method.isList() and given(self.cursor) and r.cursor == null)
            return fault(r, "Invalid params: `params.cursor` must be a string");
        if (meta.progressToken != null and r.progress_token == null) return fault(
            r,
            "Invalid params: `_meta.progressToken` must be a string or an integer",
        );
        if (meta.protocolVersion == null) return;
        try meta.judge(r);
        if (self.inputResponses != null and r.input_responses == null)
            return fault(r, "Invalid params: `params.inputResponses` must be an object");
        if (self.requestState != null and r.request_state == null)
            return fault(r, "Invalid params: `params.requestState` must be a string");
    }
};

const Meta = struct {
    progressToken: ?[]const u8 = null,
    protocolVersion: ?[]const u8 = null,
    clientCapabilities: ?[]const u8 = null,
    clientInfo: ?[]const u8 = null,
    logLevel: ?[]const u8 = null,

    pub fn member(self: *Meta, name: []const u8, scanner: *json.Scanner) json.Error!void {
        const prefix = "io.modelcontextprotocol/";
        try keepAs(self, &.{
            .{ "progressToken", "progressToken" },
            .{ "protocolVersion", prefix ++ "protocolVersion" },
            .{ "clientCapabilities", prefix ++ "clientCapabilities" },
            .{ "clientInfo", prefix ++ "clientInfo" },
            .{ "logLevel", prefix ++ "logLevel" },
        }, name, scanner);
    }

    /// Validate the members that 2026-07-28 requires. Specification: basic, "Per-request protocol fields".
    fn judge(self: *const Meta, r: *Request) error{Fault}!void {
        const prefix = "Invalid params: `_meta[\"io.modelcontextprotocol/";
        if (r.version == null) return fault(r, prefix ++ "protocolVersion\"]` must be a string");
        if (self.clientCapabilities == null) return fault(r, prefix ++ "clientCapabilities\"]` is missing");
        if (objectIn(self.clientCapabilities) == null) return fault(r, prefix ++
            "clientCapabilities\"]` must be an object");
        if (self.clientInfo != null and objectIn(self.clientInfo) == null)
            return fault(r, prefix ++ "clientInfo\"]` must be an object");
        const level = self.logLevel orelse return;
        if (isString(level)) for (std.meta.tags(Level)) |tag| {
            if (json.equals(level, @tagName(tag))) r.log_level = tag;
        };
        if (r.log_level == null) return fault(r, prefix ++
            "logLevel\"]` must be one of debug, info, notice, warning, error, critical, alert, emergency");
    }
};

/// Return the name or the URI in a `CompletionReference`.
fn referenced(reference: ?[]const u8) ?[]const u8 {
    const text = objectIn(reference) orelse return null;
    const kind = stringIn(json.member(text, "type")) orelse return null;
    return json.member(text, if (json.equals(kind, "ref/prompt")) "name" else "uri");
}

fn fault(r: *Request, words: []const u8) error{Fault} {
    r.fault = words;
    return error.Fault;
}

/// Read a value; if it is an object, pass each of its members on while scanning.
pub fn descend(comptime T: type, parts: *T, scanner: *json.Scanner) json.Error![]const u8 {
    if (try scanner.peek() != .object) return scanner.value();
    const start = scanner.at;
    var members = try scanner.members();
    while (try members.next()) |name| try parts.member(name, scanner);
    return scanner.text[start..scanner.at];
}

/// Read a value and keep it if its name is one of these.
pub fn keep(
    parts: anytype,
    comptime names: []const []const u8,
    name: []const u8,
    scanner: *json.Scanner,
) json.Error!void {
    comptime var pairs: [names.len][2][]const u8 = undefined;
    inline for (names, &pairs) |field, *pair| pair.* = .{ field, field };
    const all = pairs;
    try keepAs(parts, &all, name, scanner);
}

/// Do the same for fields whose names differ from the members: pairs of field and member.
fn keepAs(
    parts: anytype,
    comptime pairs: []const [2][]const u8,
    name: []const u8,
    scanner: *json.Scanner,
) json.Error!void {
    comptime var places: [pairs.len]Place = undefined;
    inline for (pairs, &places) |pair, *one| {
        one.* = .{ .name = pair[1], .offset = @offsetOf(@TypeOf(parts.*), pair[0]) };
    }
    const all = places;
    try place(@intFromPtr(parts), &all, name, scanner);
}

const Place = struct { name: []const u8, offset: usize };

// One loop for all members: unrolled comparisons with every name took a twentieth of this component's size.
fn place(fields: usize, places: []const Place, name: []const u8, scanner: *json.Scanner) json.Error!void {
    const text = try scanner.value();
    for (places) |each| {
        const field: *?[]const u8 = @ptrFromInt(fields + each.offset);
        if (json.equals(name, each.name)) field.* = text;
    }
}

/// Return true if a member is present. Some clients serialise absent values as null.
fn given(raw: ?[]const u8) bool {
    const text = raw orelse return false;
    return text[0] != 'n';
}

pub fn isString(raw: []const u8) bool {
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
