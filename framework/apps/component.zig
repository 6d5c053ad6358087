//! Pages of the apps of one component, baked in at composition: `resources/read` of their URIs, in front of the
//! component. Other requests pass it.
//!
//! Specification: extension `io.modelcontextprotocol/ui`.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");

const Index = lib.Index;
const data = bindings.apps_data;
const messages = bindings.messages;
const Error = std.mem.Allocator.Error;
const Reply = messages.Reply;
const Request = messages.Request;

/// Cache hint of pages. They are constants of the composition, but access rules can hide them from some clients, so
/// that shared caches must not keep them.
const cache: bindings.types.CacheHint = .{ .ttl_ms = 300_000, .scope = .private };

const mime_type = @import("protocol_table").app_mime_type;

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: Request) Error!?Reply {
            if (request.method() == .resources_read) if (try read(request)) |reply| return reply;
            return bindings.server_handler.handle(request);
        }
    };
};

const Pages = struct {
    index: Index,
    table: []const u8,

    const Field = enum(usize) { html, meta };
    const words = 4;

    fn get(self: Pages, page: usize, field: Field) []const u8 {
        const place = self.table[(page * words + @intFromEnum(field) * 2) * 4 ..];
        return data.read(std.mem.readInt(u32, place[0..4], .little), std.mem.readInt(u32, place[4..8], .little));
    }
};

var known: ?Pages = null;

/// Return the pages: constants of the composition, read once.
fn pages() Error!Pages {
    if (known == null) {
        const gpa = bindings.memory.gpa;
        const index = Index.init(try gpa.dupe(u8, data.index())) orelse @trap();
        const table = try gpa.dupe(u8, data.table());
        if (table.len != index.count * Pages.words * 4) @trap();
        known = .{ .index = index, .table = table };
    }
    return known.?;
}

fn read(request: Request) Error!?Reply {
    const all = try pages();
    const uri = request.target() orelse return null;
    const page = all.index.owner(uri) orelse return null;
    return Reply.contents(.{
        .contents = &.{.{
            .uri = uri,
            .mime_type = mime_type,
            .data = .{ .text = all.get(page, .html) },
            .meta = all.get(page, .meta),
        }},
        .cache = cache,
        .meta = null,
        .extra = null,
    });
}
