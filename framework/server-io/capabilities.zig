//! Client capabilities that a server-to-client request needs. Specification: basic, "Per-request protocol fields";
//! client/elicitation, client/sampling, client/roots, "Capabilities".

const std = @import("std");
const lib = @import("lib");
const Revision = @import("revision.zig").Revision;

const json = lib.json;

/// The required capabilities.
pub const Needs = struct {
    form: bool = false,
    url: bool = false,
    sampling: bool = false,
    sampling_tools: bool = false,
    sampling_context: bool = false,
    roots: bool = false,

    /// Add the needs of one request. False: the protocol has no such server-to-client request.
    pub fn add(self: *Needs, method: []const u8, params: []const u8) bool {
        if (lib.bytes.equal(method, "elicitation/create")) {
            if (isUrl(params)) self.url = true else self.form = true;
        } else if (lib.bytes.equal(method, "sampling/createMessage")) {
            self.sampling = true;
            if (json.member(params, "tools") != null or json.member(params, "toolChoice") != null)
                self.sampling_tools = true;
            if (json.member(params, "includeContext")) |raw| if (raw[0] != '"' or !json.equals(raw, "none")) {
                self.sampling_context = true;
            };
        } else if (lib.bytes.equal(method, "roots/list")) {
            self.roots = true;
        } else return false;
        return true;
    }

    /// Return the needs that a client with these capabilities does not meet.
    pub fn without(self: Needs, capabilities: []const u8, revision: Revision) Needs {
        var left = self;
        if (objectIn(capabilities, "elicitation")) |elicitation| if (revision.since(.@"2025-06-18")) {
            // An empty object means forms, originally the only mode.
            const url = objectIn(elicitation, "url") != null;
            if (objectIn(elicitation, "form") != null or !url) left.form = false;
            if (url and revision.since(.@"2025-11-25")) left.url = false;
        };
        if (objectIn(capabilities, "sampling")) |sampling| {
            left.sampling = false;
            if (objectIn(sampling, "tools") != null and revision.since(.@"2025-11-25")) left.sampling_tools = false;
            // Earlier revisions have no capability for it.
            if (objectIn(sampling, "context") != null or !revision.since(.@"2025-11-25")) left.sampling_context = false;
        }
        if (objectIn(capabilities, "roots") != null) left.roots = false;
        return left;
    }

    pub fn none(self: Needs) bool {
        return std.meta.eql(self, .{});
    }

    /// Return the name of the first need, for example `elicitation.url`.
    pub fn first(self: Needs) []const u8 {
        if (self.form) return "elicitation";
        if (self.url) return "elicitation.url";
        if (self.sampling) return "sampling";
        if (self.sampling_tools) return "sampling.tools";
        return if (self.sampling_context) "sampling.context" else "roots";
    }

    /// Write the needs as a `ClientCapabilities` object.
    pub fn write(self: Needs, w: *lib.Writer) lib.Writer.Error!void {
        try w.open('{');
        if (self.form or self.url) {
            try w.key("elicitation");
            // Forms alone are written as the empty object.
            if (!self.url) try w.value("{}") else {
                try w.open('{');
                if (self.form) try member(w, "form");
                try member(w, "url");
                try w.close('}');
            }
        }
        if (self.sampling or self.sampling_tools or self.sampling_context) {
            try w.key("sampling");
            try w.open('{');
            if (self.sampling_tools) try member(w, "tools");
            if (self.sampling_context) try member(w, "context");
            try w.close('}');
        }
        if (self.roots) try member(w, "roots");
        try w.close('}');
    }
};

fn member(w: *lib.Writer, comptime name: []const u8) lib.Writer.Error!void {
    try w.key(name);
    try w.value("{}");
}

pub fn isUrl(params: []const u8) bool {
    const mode = json.member(params, "mode") orelse return false;
    return mode[0] == '"' and json.equals(mode, "url");
}

fn objectIn(object: []const u8, name: []const u8) ?[]const u8 {
    const value = json.member(object, name) orelse return null;
    return if (value[0] == '{') value else null;
}

const testing = std.testing;

fn expectLeft(
    expected: []const u8,
    method: []const u8,
    params: []const u8,
    capabilities: []const u8,
    revision: Revision,
) !void {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    var needs: Needs = .{};
    try testing.expect(needs.add(method, params));
    var w = lib.Writer.init(state.allocator());
    try needs.without(capabilities, revision).write(&w);
    try testing.expectEqualStrings(expected, w.text());
}

test "elicitation" {
    const method = "elicitation/create";
    try expectLeft("{}", method, "{}", "{\"elicitation\":{}}", Revision.latest);
    try expectLeft("{}", method, "{\"mode\":\"form\"}", "{\"elicitation\":{\"form\":{},\"url\":{}}}", Revision.latest);
    try expectLeft("{\"elicitation\":{}}", method, "{}", "{\"elicitation\":{\"url\":{}}}", Revision.latest);
    try expectLeft(
        "{\"elicitation\":{\"url\":{}}}",
        method,
        "{\"mode\":\"url\"}",
        "{\"elicitation\":{}}",
        Revision.latest,
    );
    try expectLeft(
        "{\"elicitation\":{\"url\":{}}}",
        method,
        "{\"mode\":\"url\"}",
        "{\"elicitation\":{\"url\":{}}}",
        .@"2025-06-18",
    );
    try expectLeft("{\"elicitation\":{}}", method, "{}", "{\"elicitation\":{}}", .@"2025-03-26");
    try expectLeft("{\"elicitation\":{}}", method, "{}", "{\"elicitation\":true}", Revision.latest);
}

test "sampling and roots" {
    try expectLeft("{}", "sampling/createMessage", "{}", "{\"sampling\":{}}", .@"2024-11-05");
    try expectLeft(
        "{\"sampling\":{\"tools\":{}}}",
        "sampling/createMessage",
        "{\"tools\":[]}",
        "{\"sampling\":{}}",
        Revision.latest,
    );
    try expectLeft(
        "{}",
        "sampling/createMessage",
        "{\"toolChoice\":{}}",
        "{\"sampling\":{\"tools\":{}}}",
        Revision.latest,
    );
    const context = "{\"includeContext\":\"thisServer\"}";
    const lacks = "{\"sampling\":{\"context\":{}}}";
    try expectLeft(lacks, "sampling/createMessage", context, "{\"sampling\":{}}", Revision.latest);
    try expectLeft("{}", "sampling/createMessage", context, "{\"sampling\":{}}", .@"2025-06-18");
    try expectLeft(
        "{}",
        "sampling/createMessage",
        "{\"includeContext\":\"none\"}",
        "{\"sampling\":{}}",
        Revision.latest,
    );
    try expectLeft("{\"roots\":{}}", "roots/list", "{}", "{}", .@"2024-11-05");
    var needs: Needs = .{};
    try testing.expect(!needs.add("ping", "{}"));
    try testing.expect(needs.none());
}
