//! Results of `server/discover` and `initialize`.

const std = @import("std");
const lib = @import("lib");
const revisions = @import("revisions.zig");
const subscriptions = @import("subscriptions.zig");

/// Time for which a client can cache the result of `server/discover`, in milliseconds: the result is part of the
/// artifact.
const ttl_ms = "3600000";

/// Metadata baked in at composition. JSON texts, except the instructions.
pub const Metadata = struct {
    implementation: []const u8,
    instructions: ?[]const u8,
    capabilities: []const u8,
};

/// Return the `DiscoverResult`. `delivers`: whether change notifications can be delivered. Specification:
/// server/discover.
pub fn discover(allocator: std.mem.Allocator, metadata: Metadata, delivers: bool) error{OutOfMemory}![]const u8 {
    var out: lib.Writer = .init(allocator);
    try out.raw(
        "{\"resultType\":\"complete\",\"supportedVersions\":" ++ revisions.supported_json ++ ",\"capabilities\":",
    );
    try only(&out, metadata.capabilities, revisions.modern, capabilitySince, delivers);
    try instructions(&out, metadata);
    try out.raw(
        ",\"ttlMs\":" ++ ttl_ms ++ ",\"cacheScope\":\"public\",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":",
    );
    try out.raw(metadata.implementation);
    try out.raw("}}");
    return out.text();
}

/// Return the `InitializeResult` of a handshake revision. Specification: 2025-11-25, basic/lifecycle.
pub fn initialize(
    allocator: std.mem.Allocator,
    metadata: Metadata,
    revision: []const u8,
    delivers: bool,
) error{OutOfMemory}![]const u8 {
    var out: lib.Writer = .init(allocator);
    try out.raw("{\"protocolVersion\":\"");
    try out.raw(revision);
    try out.raw("\",\"capabilities\":");
    try only(&out, metadata.capabilities, revision, capabilitySince, delivers);
    try out.raw(",\"serverInfo\":");
    try only(&out, metadata.implementation, revision, implementationSince, true);
    try instructions(&out, metadata);
    try out.raw("}");
    return out.text();
}

fn instructions(out: *lib.Writer, metadata: Metadata) !void {
    const text = metadata.instructions orelse return;
    try out.key("instructions");
    try out.string(text);
}

/// Write the members of an object that the revision defines; without change notifications if they cannot be delivered.
fn only(
    out: *lib.Writer,
    object: []const u8,
    revision: []const u8,
    first: fn (name: []const u8) []const u8,
    delivers: bool,
) !void {
    var scanner: lib.json.Scanner = .init(object);
    try out.open('{');
    var members = scanner.members() catch return out.close('}');
    while (members.next() catch null) |name| {
        const value = scanner.value() catch break;
        const plain = name[1 .. name.len - 1];
        if (!revisions.since(revision, first(plain))) continue;
        try out.value(name);
        try out.raw(":");
        // The members of these capabilities are about change notifications only (`listChanged`, `subscribe`).
        const about_changes =
            lib.bytes.equal(plain, "tools") or lib.bytes.equal(plain, "prompts") or lib.bytes.equal(plain, "resources");
        try out.raw(if (about_changes and !delivers) "{}" else value);
    }
    try out.close('}');
}

/// Return the first revision whose `ServerCapabilities` has the member.
fn capabilitySince(name: []const u8) []const u8 {
    if (lib.bytes.equal(name, "extensions")) return revisions.modern;
    if (lib.bytes.equal(name, "completions")) return "2025-03-26";
    return revisions.handshake[0];
}

/// Return the first revision whose `Implementation` has the member.
fn implementationSince(name: []const u8) []const u8 {
    if (lib.bytes.equal(name, "name") or lib.bytes.equal(name, "version")) return revisions.handshake[0];
    if (lib.bytes.equal(name, "title")) return "2025-06-18";
    return "2025-11-25";
}

/// Cache of the results: each is assembled at first use and kept as long as the instance.
pub const Texts = struct {
    allocator: std.mem.Allocator,
    /// Capabilities in place of those in the metadata: those under one path of the endpoint.
    capabilities: ?[]const u8 = null,
    discovered: [2]?[]const u8 = @splat(null),
    initialized: [revisions.handshake.len][2]?[]const u8 = @splat(@splat(null)),
    offering: std.EnumArray(Capability, ?bool) = .initFill(null),
    offered: ?subscriptions.Offers = null,

    /// Return the text of `discover`. `source.metadata()` is read the first time.
    pub fn discovery(texts: *Texts, source: anytype, delivers: bool) error{OutOfMemory}![]const u8 {
        const slot = &texts.discovered[@intFromBool(delivers)];
        if (slot.* == null) slot.* = try discover(texts.allocator, texts.metadata(source), delivers);
        return slot.*.?;
    }

    /// Return the text of `initialize` for one of `revisions.handshake`.
    pub fn initialization(
        texts: *Texts,
        source: anytype,
        revision: []const u8,
        delivers: bool,
    ) error{OutOfMemory}![]const u8 {
        const slot = for (revisions.handshake, &texts.initialized) |name, *slots| {
            if (lib.bytes.equal(name, revision)) break &slots[@intFromBool(delivers)];
        } else unreachable;
        if (slot.* == null) slot.* = try initialize(texts.allocator, texts.metadata(source), revision, delivers);
        return slot.*.?;
    }

    pub const Capability = enum { logging, completions };

    /// Return whether the server has a capability.
    pub fn has(texts: *Texts, source: anytype, capability: Capability) bool {
        const known = texts.offering.getPtr(capability);
        if (known.* == null)
            known.* = lib.json.member(texts.metadata(source).capabilities, @tagName(capability)) != null;
        return known.*.?;
    }

    /// Return the change notifications that the server can send.
    pub fn offers(texts: *Texts, source: anytype) subscriptions.Offers {
        if (texts.offered == null) texts.offered = .of(texts.metadata(source).capabilities);
        return texts.offered.?;
    }

    fn metadata(texts: *const Texts, source: anytype) Metadata {
        var found: Metadata = source.metadata();
        if (texts.capabilities) |own| found.capabilities = own;
        return found;
    }
};

const testing = std.testing;

const sample: Metadata = .{
    .implementation = "{\"name\":\"demo\",\"version\":\"1.0\",\"title\":\"A, " ++
        "\\\"demo\\\"\",\"websiteUrl\":\"https://example.com\"}",
    .instructions = "Say \"please\"\n",
    .capabilities = "{\"tools\":{},\"completions\":{},\"extensions\":{\"a/b\":{}}}",
};

test "discovery" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    try testing.expectEqualStrings(
        "{\"resultType\":\"complete\",\"supportedVersions\":[\"2026-07-28\"]," ++
            "\"capabilities\":{\"tools\":{},\"completions\":{}," ++
            "\"extensions\":{\"a/b\":{}}},\"instructions\":\"Say \\\"please\\\"\\n\"," ++
            "\"ttlMs\":3600000,\"cacheScope\":\"public\"," ++
            "\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"demo\",\"version\":\"1.0\"," ++
            "\"title\":\"A, \\\"demo\\\"\",\"websiteUrl\":\"https://example.com\"}}}",
        try discover(state.allocator(), sample, true),
    );
}

test "initialize only has members of its revision" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const oldest = try initialize(state.allocator(), sample, "2024-11-05", true);
    try testing.expectEqualStrings("{\"protocolVersion\":\"2024-11-05\",\"capabilities\":{\"tools\":{}}," ++
        "\"serverInfo\":{\"name\":\"demo\",\"version\":\"1.0\"},\"instructions\":\"Say \\\"please\\\"\\n\"}", oldest);
    const newest = try initialize(state.allocator(), .{
        .implementation = sample.implementation,
        .instructions = null,
        .capabilities = "{}",
    }, "2025-11-25", true);
    try testing.expectEqualStrings("{\"protocolVersion\":\"2025-11-25\"," ++
        "\"capabilities\":{},\"serverInfo\":{\"name\":\"demo\"," ++
        "\"version\":\"1.0\",\"title\":\"A, \\\"demo\\\"\",\"websiteUrl\":\"https://example.com\"}}", newest);
    const middle = try initialize(state.allocator(), sample, "2025-06-18", true);
    try testing.expect(
        std.mem.indexOf(u8, middle, "\"title\"") != null and std.mem.indexOf(u8, middle, "websiteUrl") == null,
    );
    try testing.expect(std.mem.indexOf(u8, middle, "completions") != null);
}

test "change notifications are declared where they can be delivered" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const changing: Metadata = .{
        .implementation = "{}",
        .instructions = null,
        .capabilities = "{\"logging\":{},\"tools\":{\"listChanged\":true},\"resources\":{\"subscribe\":true}}",
    };
    try testing.expect(std.mem.indexOf(
        u8,
        try initialize(state.allocator(), changing, "2025-11-25", true),
        changing.capabilities,
    ) != null);
    try testing.expect(
        std.mem.indexOf(u8, try discover(state.allocator(), changing, true), changing.capabilities) != null,
    );
    const without = "{\"logging\":{},\"tools\":{},\"resources\":{}}";
    try testing.expect(
        std.mem.indexOf(u8, try initialize(state.allocator(), changing, "2025-11-25", false), without) != null,
    );
    try testing.expect(std.mem.indexOf(u8, try discover(state.allocator(), changing, false), without) != null);
}
