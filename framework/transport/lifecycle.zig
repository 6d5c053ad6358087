//! What a server says about itself: the results of `server/discover` and `initialize`.

const std = @import("std");
const lib = @import("lib");
const revisions = @import("revisions.zig");
const subscriptions = @import("subscriptions.zig");

/// How long a client may keep what `server/discover` said, in milliseconds: the answer is baked into the artifact.
const ttl_ms = "3600000";

/// What composition baked in. JSON texts, but for the instructions.
pub const Metadata = struct {
    implementation: []const u8,
    instructions: ?[]const u8,
    capabilities: []const u8,
};

/// The `DiscoverResult`. `delivers`: whether clients can be told of changes. Specification: server/discover.
pub fn discover(allocator: std.mem.Allocator, metadata: Metadata, delivers: bool) error{OutOfMemory}![]const u8 {
    var out: lib.Writer = .init(allocator);
    try out.raw("{\"resultType\":\"complete\",\"supportedVersions\":" ++ revisions.supported_json ++ ",\"capabilities\":");
    try only(&out, metadata.capabilities, revisions.modern, capabilitySince, delivers);
    try instructions(&out, metadata);
    try out.raw(",\"ttlMs\":" ++ ttl_ms ++ ",\"cacheScope\":\"public\",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":");
    try out.raw(metadata.implementation);
    try out.raw("}}");
    return out.text();
}

/// The `InitializeResult` of a handshake revision. Specification: 2025-11-25, basic/lifecycle.
pub fn initialize(allocator: std.mem.Allocator, metadata: Metadata, revision: []const u8, delivers: bool) error{OutOfMemory}![]const u8 {
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

/// The members of an object that a revision knows. Capabilities without what is about changes, when nobody can be told.
fn only(out: *lib.Writer, object: []const u8, revision: []const u8, first: fn (name: []const u8) []const u8, delivers: bool) !void {
    var scanner: lib.json.Scanner = .init(object);
    try out.open('{');
    var members = scanner.members() catch return out.close('}');
    while (members.next() catch null) |name| {
        const value = scanner.value() catch break;
        const plain = name[1 .. name.len - 1];
        if (!revisions.since(revision, first(plain))) continue;
        try out.value(name);
        try out.raw(":");
        // These say nothing but that (`listChanged`, `subscribe`).
        const about_changes = lib.bytes.equal(plain, "tools") or lib.bytes.equal(plain, "prompts") or lib.bytes.equal(plain, "resources");
        try out.raw(if (about_changes and !delivers) "{}" else value);
    }
    try out.close('}');
}

/// The first revision whose `ServerCapabilities` has the member.
fn capabilitySince(name: []const u8) []const u8 {
    if (lib.bytes.equal(name, "extensions")) return revisions.modern;
    if (lib.bytes.equal(name, "completions")) return "2025-03-26";
    return revisions.handshake[0];
}

/// The first revision whose `Implementation` has the member.
fn implementationSince(name: []const u8) []const u8 {
    if (lib.bytes.equal(name, "name") or lib.bytes.equal(name, "version")) return revisions.handshake[0];
    if (lib.bytes.equal(name, "title")) return "2025-06-18";
    return "2025-11-25";
}

/// The results, each put together at its first use and kept as long as the instance lives.
pub const Texts = struct {
    allocator: std.mem.Allocator,
    discovered: [2]?[]const u8 = @splat(null),
    initialized: [revisions.handshake.len][2]?[]const u8 = @splat(@splat(null)),
    offering: std.EnumArray(Capability, ?bool) = .initFill(null),
    offered: ?subscriptions.Offers = null,

    /// The text of `discover`. `source.metadata()` is asked the first time.
    pub fn discovery(texts: *Texts, source: anytype, delivers: bool) error{OutOfMemory}![]const u8 {
        const slot = &texts.discovered[@intFromBool(delivers)];
        if (slot.* == null) slot.* = try discover(texts.allocator, source.metadata(), delivers);
        return slot.*.?;
    }

    /// The text of `initialize` for one of `revisions.handshake`.
    pub fn initialization(texts: *Texts, source: anytype, revision: []const u8, delivers: bool) error{OutOfMemory}![]const u8 {
        const slot = for (revisions.handshake, &texts.initialized) |name, *slots| {
            if (lib.bytes.equal(name, revision)) break &slots[@intFromBool(delivers)];
        } else unreachable;
        if (slot.* == null) slot.* = try initialize(texts.allocator, source.metadata(), revision, delivers);
        return slot.*.?;
    }

    pub const Capability = enum { logging, completions };

    /// Whether the server has a capability.
    pub fn has(texts: *Texts, source: anytype, capability: Capability) bool {
        const known = texts.offering.getPtr(capability);
        if (known.* == null) known.* = lib.json.member(source.metadata().capabilities, @tagName(capability)) != null;
        return known.*.?;
    }

    /// What the server may announce.
    pub fn offers(texts: *Texts, source: anytype) subscriptions.Offers {
        if (texts.offered == null) texts.offered = .of(source.metadata().capabilities);
        return texts.offered.?;
    }
};

const testing = std.testing;

const sample: Metadata = .{
    .implementation = "{\"name\":\"demo\",\"version\":\"1.0\",\"title\":\"A, \\\"demo\\\"\",\"websiteUrl\":\"https://example.com\"}",
    .instructions = "Say \"please\"\n",
    .capabilities = "{\"tools\":{},\"completions\":{},\"extensions\":{\"a/b\":{}}}",
};

test "discovery" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    try testing.expectEqualStrings(
        "{\"resultType\":\"complete\",\"supportedVersions\":[\"2026-07-28\"]," ++
            "\"capabilities\":{\"tools\":{},\"completions\":{},\"extensions\":{\"a/b\":{}}},\"instructions\":\"Say \\\"please\\\"\\n\"," ++
            "\"ttlMs\":3600000,\"cacheScope\":\"public\",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"demo\",\"version\":\"1.0\"," ++
            "\"title\":\"A, \\\"demo\\\"\",\"websiteUrl\":\"https://example.com\"}}}",
        try discover(state.allocator(), sample, true),
    );
}

test "initialization says only what the revision knows" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const oldest = try initialize(state.allocator(), sample, "2024-11-05", true);
    try testing.expectEqualStrings("{\"protocolVersion\":\"2024-11-05\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"demo\",\"version\":\"1.0\"},\"instructions\":\"Say \\\"please\\\"\\n\"}", oldest);
    const newest = try initialize(state.allocator(), .{ .implementation = sample.implementation, .instructions = null, .capabilities = "{}" }, "2025-11-25", true);
    try testing.expectEqualStrings("{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"serverInfo\":{\"name\":\"demo\",\"version\":\"1.0\",\"title\":\"A, \\\"demo\\\"\",\"websiteUrl\":\"https://example.com\"}}", newest);
    const middle = try initialize(state.allocator(), sample, "2025-06-18", true);
    try testing.expect(std.mem.indexOf(u8, middle, "\"title\"") != null and std.mem.indexOf(u8, middle, "websiteUrl") == null);
    try testing.expect(std.mem.indexOf(u8, middle, "completions") != null);
}

test "changes are announced where clients can be told" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const changing: Metadata = .{ .implementation = "{}", .instructions = null, .capabilities = "{\"logging\":{},\"tools\":{\"listChanged\":true},\"resources\":{\"subscribe\":true}}" };
    try testing.expect(std.mem.indexOf(u8, try initialize(state.allocator(), changing, "2025-11-25", true), changing.capabilities) != null);
    try testing.expect(std.mem.indexOf(u8, try discover(state.allocator(), changing, true), changing.capabilities) != null);
    const without = "{\"logging\":{},\"tools\":{},\"resources\":{}}";
    try testing.expect(std.mem.indexOf(u8, try initialize(state.allocator(), changing, "2025-11-25", false), without) != null);
    try testing.expect(std.mem.indexOf(u8, try discover(state.allocator(), changing, false), without) != null);
}
