//! A segment of the chain whose tools were recorded when it was composed: lists ask nobody, calls go to their owner.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");
const Index = @import("Index.zig");

const messages = bindings.messages;
const data = bindings.catalogue_data;
const Reply = messages.Reply;

/// What does not change while the server runs may be kept, by everybody.
const cache: bindings.types.CacheHint = .{ .ttl_ms = 300_000, .scope = .public };

const lists = .{
    .{ "2024-11-05", data.toolsV20241105 },
    .{ "2025-03-26", data.toolsV20250326 },
    .{ "2025-06-18", data.toolsV20250618 },
    .{ "2025-11-25", data.toolsV20251125 },
};

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: messages.Request) ?Reply {
            switch (request.method()) {
                // The recorded list has no pages: a cursor belongs to somebody further down.
                .tools_list => if (request.cursor() == null) return list(request),
                .tools_call => if (request.target()) |name| {
                    if (index().owner(name)) |component| {
                        if (headerFault(request, name)) |fault| return fault;
                        if (bindings.dispatch.handle(component, request)) |reply| return reply;
                    }
                },
                else => {},
            }
            return bindings.server_handler.handle(request);
        }
    };
};

fn list(request: messages.Request) Reply {
    const reply = Reply.toolsJson(items(request.protocolVersion()), null, cache);
    if (bindings.server_handler.handle(request)) |rest| reply.append(rest);
    return reply;
}

/// The recorded list in the form of a revision.
fn items(revision: []const u8) []const u8 {
    inline for (lists) |entry| {
        if (std.mem.eql(u8, revision, entry[0])) return entry[1]();
    }
    return data.toolsV20260728();
}

/// What is wrong with the headers that repeat a tool's parameters.
/// Specification: basic/transports/streamable-http, "Server Behavior for Custom Headers".
fn headerFault(request: messages.Request, name: []const u8) ?Reply {
    if (!mirrors() or !std.mem.eql(u8, request.protocolVersion(), "2026-07-28")) return null;
    const facts = request.http() orelse return null;
    const schema = schemaOf(name) orelse return null;
    const arguments = request.arguments() orelse "{}";
    const wrong = lib.header.checkParams(bindings.memory.allocator, schema, arguments, facts.headers) catch @trap();
    return Reply.failure(.{ .code = -32020, .message = wrong orelse return null });
}

var mirroring: ?bool = null;

/// Whether any tool has a parameter that headers repeat: hardly ever, so nobody else pays for it.
fn mirrors() bool {
    if (mirroring == null) mirroring = std.mem.indexOf(u8, data.toolsV20260728(), "\"x-mcp-header\"") != null;
    return mirroring.?;
}

fn schemaOf(name: []const u8) ?[]const u8 {
    var scanner: lib.json.Scanner = .init(data.toolsV20260728());
    scanner.surrogates = .any;
    var tools = scanner.items() catch return null;
    while (tools.next() catch return null) {
        const tool = scanner.value() catch return null;
        const given = lib.json.member(tool, "name") orelse continue;
        const plain = lib.json.decodeString(bindings.memory.allocator, given) catch @trap();
        if (std.mem.eql(u8, plain, name)) return lib.json.member(tool, "inputSchema");
    }
    return null;
}

var cached: ?Index = null;

fn index() Index {
    return cached orelse {
        const bytes = bindings.memory.gpa.dupe(u8, data.toolIndex()) catch @trap();
        cached = Index.init(bytes) orelse @trap();
        return cached.?;
    };
}
