//! Skills of the server, baked in at composition: `skills/list`, `skills/get`, `resources/directory/read`, and
//! `resources/read` of the files inside them. It is the end of the chain for these, so that other requests do not pass
//! it.
//!
//! Directories are not recorded: a directory is what the URIs of files have in common.
//! Specification: extension `io.modelcontextprotocol/skills`.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");

const Index = lib.Index;
const data = bindings.skills_data;
const messages = bindings.messages;
const allocator = bindings.memory.allocator;
const Error = std.mem.Allocator.Error;
const Reply = messages.Reply;
const Request = messages.Request;

const invalid_params = @import("protocol_table").code.invalid_params;

/// Cache hint of entries and contents. They are constants of the composition, but access rules can hide them from some
/// clients, so that shared caches must not keep them.
const cache: bindings.types.CacheHint = .{ .ttl_ms = 300_000, .scope = .private };

/// Size in bytes from which a page of entries ends.
const page_bytes = 256 << 10;

/// Maximum number of children on a page.
const page_children = 1000;

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: Request) Error!?Reply {
            const reply: ?Reply = switch (request.method()) {
                .resources_read => try read(request),
                .other => try extension(request),
                else => null,
            };
            return reply orelse bindings.server_handler.handle(request);
        }
    };
};

fn extension(request: Request) Error!?Reply {
    const name = request.name();
    if (lib.bytes.equal(name, "skills/list")) return try list(request);
    if (lib.bytes.equal(name, "skills/get")) return try get(request);
    if (lib.bytes.equal(name, "resources/directory/read")) return try directory(request);
    return null;
}

const Files = struct {
    index: Index,
    table: []const u8,

    const Field = enum(usize) { content, resource, entry };
    const words = 7;

    fn word(self: Files, file: usize, place: usize) u32 {
        return std.mem.readInt(u32, self.table[(file * words + place) * 4 ..][0..4], .little);
    }

    fn length(self: Files, file: usize, field: Field) u32 {
        return self.word(file, @intFromEnum(field) * 2 + 1);
    }

    fn get(self: Files, file: usize, field: Field) []const u8 {
        return data.read(self.word(file, @intFromEnum(field) * 2), self.length(file, field));
    }

    const Kind = enum(u32) { bytes, text, generated, _ };

    fn kind(self: Files, file: usize) Kind {
        return @enumFromInt(self.word(file, words - 1));
    }
};

var known: ?Files = null;

/// Return the files: constants of the composition, read once.
fn files() Error!Files {
    if (known == null) {
        const gpa = bindings.memory.gpa;
        const index = Index.init(try gpa.dupe(u8, data.index())) orelse @trap();
        const table = try gpa.dupe(u8, data.table());
        if (table.len != index.count * Files.words * 4) @trap();
        known = .{ .index = index, .table = table };
    }
    return known.?;
}

fn read(request: Request) Error!?Reply {
    const all = try files();
    const uri = request.target() orelse return null;
    const file = all.index.owner(uri) orelse return null;
    const kind = all.kind(file);
    if (kind == .generated) return null; // the component that generates it comes earlier in the chain
    const content = all.get(file, .content);
    const mime = lib.json.member(all.get(file, .resource), "mimeType");
    return Reply.contents(.{
        .contents = &.{.{
            .uri = uri,
            .mime_type = if (mime) |text| try lib.json.decodeString(allocator, text) else null,
            .data = if (kind == .text) .{ .text = content } else .{ .blob = content },
            .meta = null,
        }},
        .cache = cache,
        .meta = null,
        .extra = null,
    });
}

fn list(request: Request) Error!Reply {
    const all = try files();
    var w = lib.Writer.init(allocator);
    try w.open('{');
    try w.key("skills");
    try w.open('[');
    var file: usize = switch (try cursorOf(request)) {
        .start => 0,
        .at => |at| at,
        .foreign => return foreign(),
    };
    if (file > all.index.count) return foreign();
    while (file < all.index.count and w.text().len < page_bytes) : (file += 1)
        if (all.length(file, .entry) > 0) try w.value(all.get(file, .entry));
    try w.close(']');
    while (file < all.index.count and all.length(file, .entry) == 0) file += 1;
    if (file < all.index.count) try writeCursor(&w, file);
    try writeCache(&w, request);
    try w.close('}');
    return Reply.raw(w.text());
}

fn get(request: Request) Error!Reply {
    const all = try files();
    const uri = try uriOf(request) orelse return nameless();
    const file = all.index.owner(uri) orelse return missing(&.{ lib.absence.skill, uri });
    if (all.length(file, .entry) == 0) return missing(&.{ lib.absence.skill, uri });
    var w = lib.Writer.init(allocator);
    try w.open('{');
    try w.key("skill");
    try w.value(all.get(file, .entry));
    try writeCache(&w, request);
    try w.close('}');
    return Reply.raw(w.text());
}

fn directory(request: Request) Error!Reply {
    const all = try files();
    const uri = try uriOf(request) orelse return nameless();
    const prefix = try std.mem.concat(allocator, u8, &.{ uri, "/" });
    var place = all.index.position(prefix);
    if (place == all.index.count or !lib.bytes.startsWith(all.index.key(place), prefix) or
        uri[uri.len - 1] == '/' or !lib.bytes.startsWith(uri, "skill://"))
        return missing(&.{ uri, lib.absence.directory });
    switch (try cursorOf(request)) {
        .start => {},
        .at => |at| {
            if (at < place or at >= all.index.count or !lib.bytes.startsWith(all.index.key(at), prefix))
                return foreign();
            place = at;
        },
        .foreign => return foreign(),
    }
    var w = lib.Writer.init(allocator);
    try w.open('{');
    try w.key("resources");
    try w.open('[');
    var children: usize = 0;
    while (place < all.index.count and children < page_children) : (children += 1) {
        const path = all.index.key(place);
        if (!lib.bytes.startsWith(path, prefix)) break;
        const slash = std.mem.indexOfScalarPos(u8, path, prefix.len, '/') orelse {
            try w.value(all.get(all.index.owner(path).?, .resource));
            place += 1;
            continue;
        };
        try w.open('{');
        try w.key("uri");
        try w.string(path[0..slash]);
        try w.key("name");
        try w.string(try lib.percent.decoded(allocator, path[prefix.len..slash]));
        try w.key("mimeType");
        try w.string("inode/directory");
        try w.close('}');
        while (place < all.index.count and lib.bytes.startsWith(all.index.key(place), path[0 .. slash + 1])) place += 1;
    }
    try w.close(']');
    if (place < all.index.count and lib.bytes.startsWith(all.index.key(place), prefix)) try writeCursor(&w, place);
    try w.close('}');
    return Reply.raw(w.text());
}

const Cursor = union(enum) { start, at: usize, foreign };

/// Read the cursor of a request: the number of the file where the page begins.
fn cursorOf(request: Request) Error!Cursor {
    const given = lib.json.member(request.params(), "cursor") orelse return .start;
    if (given[0] != '"') return .foreign;
    const text = try lib.json.decodeString(allocator, given);
    return .{ .at = @intCast(lib.decimal.parse(text, std.math.maxInt(u32)) orelse return .foreign) };
}

fn writeCursor(w: *lib.Writer, file: usize) Error!void {
    var buffer: [20]u8 = undefined;
    try w.key("nextCursor");
    try w.string(lib.decimal.integer(&buffer, file));
}

/// Write the cache hint, which only the latest revision has.
fn writeCache(w: *lib.Writer, request: Request) Error!void {
    if (!lib.bytes.equal(request.protocolVersion(), @import("protocol_table").latest)) return;
    try w.key("ttlMs");
    try w.integer(cache.ttl_ms);
    try w.key("cacheScope");
    try w.string(@tagName(cache.scope));
}

/// Return the member `uri` of the params, which is a text that is not empty.
fn uriOf(request: Request) Error!?[]const u8 {
    const given = lib.json.member(request.params(), "uri") orelse return null;
    if (given[0] != '"') return null;
    const uri = try lib.json.decodeString(allocator, given);
    return if (uri.len > 0) uri else null;
}

fn nameless() Reply {
    return Reply.failure(
        .{ .code = invalid_params, .message = "Invalid params: `params.uri` must be the URI of a resource" },
    );
}

fn foreign() Reply {
    return Reply.failure(
        .{ .code = invalid_params, .message = "Invalid params: `params.cursor` is not a cursor of this server" },
    );
}

fn missing(words: []const []const u8) Error!Reply {
    return Reply.failure(.{ .code = invalid_params, .message = try std.mem.concat(allocator, u8, words) });
}
