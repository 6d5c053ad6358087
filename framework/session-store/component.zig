//! Values of one component's sessions in buckets of `kv-store`: one bucket per session, with separate keys per owner.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");
const equal = lib.bytes.equal;

const memory = bindings.memory;
const Bucket = bindings.key_value.Bucket;
const Error = bindings.key_value_types.Error;
const Request = bindings.messages.Request;
const Result = bindings.abi.Result;
const Value = bindings.key_value_types.Value;

const max_key = 256;

/// Most recently used bucket. Most requests access more than one value.
var last: ?struct { session: []const u8, owner: []const u8, bucket: Bucket } = null;

pub const exports = struct {
    pub const sessions = struct {
        pub fn hasSession(request: Request) bool {
            return request.session() != null;
        }

        pub fn get(request: Request, key: []const u8) Result(?Value, Error) {
            return switch (bucketFor(request, key)) {
                .ok => |bucket| bucket.get(key),
                .err => |problem| .{ .err = problem },
            };
        }

        pub fn set(request: Request, key: []const u8, value: Value) Result(void, Error) {
            return switch (bucketFor(request, key)) {
                .ok => |bucket| bucket.set(key, value),
                .err => |problem| .{ .err = problem },
            };
        }

        pub fn delete(request: Request, key: []const u8) Result(void, Error) {
            return switch (bucketFor(request, key)) {
                .ok => |bucket| bucket.delete(key),
                .err => |problem| .{ .err = problem },
            };
        }

        pub fn keys(request: Request) Result([]const []const u8, Error) {
            const bucket = switch (bucketOf(request)) {
                .ok => |bucket| bucket,
                .err => |problem| return .{ .err = problem },
            };
            var all: lib.List([]const u8) = .empty;
            var cursor: ?[]const u8 = null;
            while (true) {
                const page = switch (bucket.listKeys("", cursor)) {
                    .ok => |page| page,
                    .err => |problem| return .{ .err = problem },
                };
                all.appendSlice(memory.allocator, page.keys) catch @trap();
                cursor = page.next orelse return .{ .ok = all.items };
            }
        }

        pub fn increment(request: Request, key: []const u8, delta: i64) Result(i64, Error) {
            return switch (bucketFor(request, key)) {
                .ok => |bucket| bucket.increment(key, delta),
                .err => |problem| .{ .err = problem },
            };
        }

        pub fn compareAndSwap(
            request: Request,
            key: []const u8,
            expected: ?Value,
            replacement: Value,
        ) Result(bool, Error) {
            return switch (bucketFor(request, key)) {
                .ok => |bucket| bucket.compareAndSwap(key, expected, replacement),
                .err => |problem| .{ .err = problem },
            };
        }
    };
};

fn bucketFor(request: Request, key: []const u8) Result(Bucket, Error) {
    const found = bucketOf(request);
    if (found == .ok and (key.len == 0 or key.len > max_key))
        return .{ .err = .{ .limit = "a key of a session has 1 to 256 bytes" } };
    return found;
}

fn bucketOf(request: Request) Result(Bucket, Error) {
    const session = request.session() orelse return .{ .err = .no_session };
    const owner = ownerOf(request);
    if (last) |known| {
        if (equal(known.session, session) and equal(known.owner, owner)) return .{ .ok = known.bucket };
        last = null;
        known.bucket.drop();
        memory.gpa.free(known.session);
        memory.gpa.free(known.owner);
    }
    const bucket = switch (bindings.session_buckets.open(session, owner)) {
        .ok => |bucket| bucket,
        .err => |problem| return .{ .err = problem },
    };
    last = .{
        .session = memory.gpa.dupe(u8, session) catch @trap(),
        .owner = memory.gpa.dupe(u8, owner) catch @trap(),
        .bucket = bucket,
    };
    return .{ .ok = bucket };
}

/// Return the owner of the values: the component and, if the client is authenticated, its identity. A client that
/// uses the id of another user's session gets none of its values.
fn ownerOf(request: Request) []const u8 {
    const name = bindings.session_owner.name();
    const identity = request.identity() orelse return name;
    const parts = [_][]const u8{ name, " ", identity.issuer orelse "", " ", identity.subject };
    return std.mem.concat(memory.allocator, u8, &parts) catch @trap();
}
