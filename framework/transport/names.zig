//! Errors for unknown environment variables of wasmcp. See docs/reference/environment.md.

const std = @import("std");
const lib = @import("lib");
const mem = std.mem;

const names = @import("protocol_table").environment;

/// Names to check. `ours`: those that begin with `WASMCP_`; `all`: also those that begin with `JWT_`.
pub const Judged = enum { ours, all };

/// Return the error message for a variable, or null if it is valid. Names are recognised in any case.
pub fn problem(
    allocator: mem.Allocator,
    name: []const u8,
    judged: Judged,
) error{OutOfMemory}!?[]const u8 {
    const ours = std.ascii.startsWithIgnoreCase(name, "WASMCP_");
    if (!ours and (judged == .ours or !std.ascii.startsWithIgnoreCase(name, "JWT_"))) return null;
    if (among(&names.server, name) or among(&names.others, name)) return null;
    const shown = try printable(allocator, name);
    if (among(&names.unsupported, name)) return try mem.concat(allocator, u8, &.{ shown, " is not supported yet" });
    const near = nearest(name) orelse return try mem.concat(allocator, u8, &.{ shown, " is unknown" });
    return try mem.concat(allocator, u8, &.{ shown, " is unknown: did you mean ", near, "?" });
}

fn among(list: []const []const u8, name: []const u8) bool {
    for (list) |one| if (lib.bytes.equal(one, name)) return true;
    return false;
}

/// Return a name in printable form, for a log.
fn printable(allocator: mem.Allocator, name: []const u8) error{OutOfMemory}![]const u8 {
    const shown = try allocator.dupe(u8, name[0..@min(name.len, longest)]);
    for (shown) |*byte| {
        if (byte.* < 0x20 or byte.* > 0x7e) byte.* = '?';
    }
    return shown;
}

const longest = 64;

/// Return the known name with the smallest edit distance, if it is small.
fn nearest(name: []const u8) ?[]const u8 {
    if (name.len > longest) return null;
    var best: ?[]const u8 = null;
    var fewest: usize = name.len / 3 + 1;
    inline for (.{ &names.server, &names.others, &names.unsupported }) |list|
        for (list) |known| {
            const edits = distance(name, known);
            if (edits < fewest) {
                best = known;
                fewest = edits;
            }
        };
    return best;
}

/// Return the edit distance (Levenshtein), case-insensitive. Neither text is longer than `longest`.
fn distance(one: []const u8, other: []const u8) usize {
    var row: [longest + 1]usize = undefined;
    for (0..other.len + 1) |n| row[n] = n;
    for (one, 1..) |left, line| {
        var diagonal = row[0];
        row[0] = line;
        for (other, 1..) |right, n| {
            const same = std.ascii.toUpper(left) == std.ascii.toUpper(right);
            const cost = @min(diagonal + @intFromBool(!same), row[n] + 1, row[n - 1] + 1);
            diagonal = row[n];
            row[n] = cost;
        }
    }
    return row[other.len];
}

const testing = std.testing;

fn fill(comptime count: usize) *const [count]u8 {
    return &@as([count]u8, @splat('Y'));
}

test "names" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const arena = state.allocator();
    for ([_][]const u8{ "PATH", "WASM", "MY_WASMCP_X", "WASMCP_STATE_TTL", "WASMCP_CACHE_DIR" }) |name|
        try testing.expectEqual(null, try problem(arena, name, .all));
    try testing.expectEqual(null, try problem(arena, "JWT_ISSUER", .all));
    try testing.expectEqual(null, try problem(arena, "JWT_ISSUR", .ours));
    for ([_]struct { []const u8, []const u8 }{
        .{ "WASMCP_SESSION_BUCKET", "WASMCP_SESSION_BUCKET is not supported yet" },
        .{ "JWT_ISSUR", "JWT_ISSUR is unknown: did you mean JWT_ISSUER?" },
        .{ "wasmcp_state_ttl", "wasmcp_state_ttl is unknown: did you mean WASMCP_STATE_TTL?" },
        .{ "WASMCP_\n", "WASMCP_? is unknown" },
        .{ "WASMCP_" ++ fill(100), "WASMCP_" ++ fill(57) ++ " is unknown" },
    }) |pair| try testing.expectEqualStrings(pair[1], (try problem(arena, pair[0], .all)).?);
}
