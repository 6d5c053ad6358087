//! Segment of the chain with a catalogue that was recorded at composition: lists are answered from the catalogue,
//! requests are dispatched to the component that owns their target.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");

const Index = lib.Index;
const lists = lib.lists.Lists(bindings);
const messages = bindings.messages;
const data = bindings.catalogue_data;
const allocator = bindings.memory.allocator;
const Reply = messages.Reply;
const Request = messages.Request;

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: Request) std.mem.Allocator.Error!?Reply {
            const reply = switch (request.method()) {
                .tools_list => Recorded("tools", "tools").page(request),
                .prompts_list => Recorded("prompts", "prompts").page(request),
                .resources_list => Recorded("resources", "resources").page(request),
                .resources_templates_list => Recorded("templates", "resource templates").page(request),
                .tools_call => call(request),
                .prompts_get => if (request.target()) |name| dispatchTo(owner(.prompt, name), request) else null,
                .resources_read => try read(request),
                .completion_complete => try complete(request),
                else => null,
            };
            return reply orelse bindings.server_handler.handle(request);
        }
    };
};

/// Operations on one of the recorded lists.
fn Recorded(comptime kind: []const u8, comptime words: []const u8) type {
    return struct {
        /// Return a page, or null if the recorded list is empty: the request then continues along the chain.
        fn page(request: Request) ?Reply {
            if (@field(data, kind ++ "V20260728")().len <= "[]".len) return null;
            return lists.recorded(request, words, items, @field(Reply, kind ++ "Json"));
        }

        fn items(request: Request) Reply {
            const text = switch (form(request)) {
                inline else => |revision| @field(data, kind ++ "V" ++ @tagName(revision))(),
            };
            return @field(Reply, kind ++ "Json")(text, null, @field(data, kind ++ "Cache")());
        }
    };
}

const Form = enum { @"20241105", @"20250326", @"20250618", @"20251125", @"20260728" };

/// Return the revision whose form of the lists the request needs.
fn form(request: Request) Form {
    const revision = request.protocolVersion();
    inline for (.{ "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25" }, 0..) |older, place| {
        if (lib.bytes.equal(revision, older)) return @fromBackingInt(place);
    }
    return .@"20260728";
}

fn dispatchTo(component: ?u32, request: Request) ?Reply {
    return bindings.dispatch.handle(component orelse return null, request);
}

fn call(request: Request) ?Reply {
    const name = request.target() orelse return null;
    const component = owner(.tool, name) orelse return null;
    return headerFault(request, name) orelse dispatchTo(component, request);
}

/// Dispatch `resources/read`. A listed resource has an owner. Any other URI can match a template: the components whose
/// templates begin like the URI are tried, the longest match first.
fn read(request: Request) std.mem.Allocator.Error!?Reply {
    const uri = request.target() orelse return null;
    const component = owner(.resource, uri);
    if (dispatchTo(component, request)) |reply| return reply;
    const readers = data.resourceReaders();
    const closeness = try allocator.alloc(usize, readers.len);
    for (closeness, readers) |*close, reader| {
        close.* = 0;
        for (reader.beginnings) |start| {
            if (lib.bytes.startsLike(uri, start)) close.* = @max(close.*, start.len + 1);
        }
    }
    while (true) {
        var next: usize = 0;
        for (closeness, 0..) |close, place| {
            if (close > closeness[next]) next = place;
        }
        if (readers.len == 0 or closeness[next] == 0) return null;
        closeness[next] = 0;
        if (readers[next].component == component) continue;
        if (dispatchTo(readers[next].component, request)) |reply| return reply;
    }
}

fn complete(request: Request) std.mem.Allocator.Error!?Reply {
    if (index(.completion).count == 0) return null;
    const wanted = switch (try lib.Completion.read(allocator, request.params(), false)) {
        .read => |wanted| wanted,
        .wrong => |words| return Reply.failure(
            .{ .code = @import("protocol_table").code.invalid_params, .message = words },
        ),
    };
    const component = owner(.completion, try wanted.key(allocator)) orelse return null;
    return dispatchTo(component, request) orelse Reply.completion(.{});
}

/// Return the error of the headers that repeat a tool's parameters, or null if they match.
/// Specification: basic/transports/streamable-http, "Server Behavior for Custom Headers".
fn headerFault(request: Request, name: []const u8) ?Reply {
    if (!mirrors() or !lib.bytes.equal(request.protocolVersion(), @import("protocol_table").latest)) return null;
    const facts = request.http() orelse return null;
    const schema = schemaOf(name) orelse return null;
    const arguments = request.arguments() orelse "{}";
    const wrong = lib.header.checkParams(allocator, schema, arguments, facts.headers) catch @trap();
    return Reply.failure(
        .{ .code = @import("protocol_table").code.header_mismatch, .message = wrong orelse return null },
    );
}

var mirroring: ?bool = null;

/// Return whether any tool has a parameter that headers repeat. Few servers have one, so the others skip the
/// comparison.
fn mirrors() bool {
    if (mirroring == null) mirroring = lib.bytes.contains(data.toolsV20260728(), "\"x-mcp-header\"");
    return mirroring.?;
}

fn schemaOf(name: []const u8) ?[]const u8 {
    var scanner: lib.json.Scanner = .init(data.toolsV20260728());
    scanner.surrogates = .any;
    var tools = scanner.items() catch return null;
    while (tools.next() catch return null) {
        const tool = scanner.value() catch return null;
        const given = lib.json.member(tool, "name") orelse continue;
        const plain = lib.json.decodeString(allocator, given) catch @trap();
        if (lib.bytes.equal(plain, name)) return lib.json.member(tool, "inputSchema");
    }
    return null;
}

const Kind = enum { tool, prompt, resource, completion };

var indices: std.EnumArray(Kind, ?Index) = .initFill(null);

fn index(comptime kind: Kind) Index {
    return indices.get(kind) orelse {
        const bytes = bindings.memory.gpa.dupe(u8, @field(data, @tagName(kind) ++ "Index")()) catch @trap();
        const ready = Index.init(bytes) orelse @trap();
        indices.set(kind, ready);
        return ready;
    };
}

fn owner(comptime kind: Kind, key: []const u8) ?u32 {
    return index(kind).owner(key);
}
