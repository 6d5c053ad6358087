//! The server's identification, which every result contains.

const std = @import("std");
const lib = @import("lib");
const wit = @import("wit.zig");
const console = @import("console.zig");

/// Specification: basic, "Per-response protocol fields".
pub const info_key = "io.modelcontextprotocol/serverInfo";

var cached: ?[]const u8 = null;
var own_name: []const u8 = "";

/// Return the member of `_meta` with the server's `Implementation`, including the member's name.
pub fn info() []const u8 {
    return cached orelse {
        var w = lib.Writer.init(wit.memory.gpa);
        build(&w) catch @trap();
        cached = w.text();
        return w.text();
    };
}

/// Return the name in the server's `Implementation`: it is the same for several processes of one server, of any
/// version.
pub fn name() []const u8 {
    _ = info();
    return own_name;
}

fn build(w: *lib.Writer) lib.Writer.Error!void {
    const implementation = wit.metadata.implementation_();
    try w.key(info_key);
    const start = w.text().len;
    if (w.embed(implementation)) |kind| {
        if (kind == .object) {
            const raw = lib.json.member(w.text()[start..], "name") orelse return;
            if (raw[0] == '"') own_name = try lib.json.decodeString(wit.memory.gpa, raw);
            return;
        }
    } else |problem| switch (problem) {
        error.OutOfMemory => |e| return e,
        error.InvalidJson => {},
    }
    w.buffer.shrinkRetainingCapacity(start);
    console.log(&.{"the server's metadata is not a JSON object"});
    try w.raw("{\"name\":\"unknown\",\"version\":\"0\"}");
}
