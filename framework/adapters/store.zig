//! The other tool's key-value store, implemented over ours: the same values, so that components of both kinds share
//! buckets.
//!
//! A typed getter returns an error for a value of another type; the other tool's own store would return its bytes.

const std = @import("std");
const bindings = @import("bindings");
const values = @import("values.zig");

const allocator = bindings.memory.allocator;
const memory = bindings.memory;
const ours = bindings.key_value;
const theirs = bindings.wasmcp_keyvalue.store;

const Value = bindings.key_value_types.Value;
const Error = theirs.Error;

fn Result(comptime T: type) type {
    return bindings.abi.Result(T, Error);
}

pub const exports = struct {
    pub const wasmcp_keyvalue = struct {
        pub const store = struct {
            pub fn open(identifier: []const u8) Result(theirs.Bucket) {
                const opened = switch (ours.open(identifier)) {
                    .ok => |opened| opened,
                    .err => |problem| return .{ .err = failure(problem) },
                };
                const bucket = memory.gpa.create(Bucket) catch @trap();
                bucket.* = .{ .bucket = opened };
                return .{ .ok = .new(bucket) };
            }

            pub const Bucket = struct {
                bucket: ours.Bucket,

                pub fn get(self: *Bucket, key: []const u8) Result(?theirs.TypedValue) {
                    return switch (self.bucket.get(key)) {
                        .ok => |found| .{ .ok = if (found) |value| values.theirs(value) else null },
                        .err => |problem| .{ .err = failure(problem) },
                    };
                }

                pub fn set(self: *Bucket, key: []const u8, value: theirs.TypedValue) Result(void) {
                    return done(self.bucket.set(key, values.ours(value)));
                }

                pub fn getJson(self: *Bucket, key: []const u8) Result(?[]const u8) {
                    return self.typed(.json, key);
                }

                pub fn setJson(self: *Bucket, key: []const u8, json: []const u8) Result(void) {
                    return done(self.bucket.set(key, .{ .json = json }));
                }

                pub fn getString(self: *Bucket, key: []const u8) Result(?[]const u8) {
                    return self.typed(.string, key);
                }

                pub fn setString(self: *Bucket, key: []const u8, value: []const u8) Result(void) {
                    return done(self.bucket.set(key, .{ .string = value }));
                }

                pub fn getU64(self: *Bucket, key: []const u8) Result(?u64) {
                    return self.typed(.u64, key);
                }

                pub fn setU64(self: *Bucket, key: []const u8, value: u64) Result(void) {
                    return done(self.bucket.set(key, .{ .u64 = value }));
                }

                pub fn getS64(self: *Bucket, key: []const u8) Result(?i64) {
                    return self.typed(.s64, key);
                }

                pub fn setS64(self: *Bucket, key: []const u8, value: i64) Result(void) {
                    return done(self.bucket.set(key, .{ .s64 = value }));
                }

                pub fn getBool(self: *Bucket, key: []const u8) Result(?bool) {
                    return self.typed(.bool, key);
                }

                pub fn setBool(self: *Bucket, key: []const u8, value: bool) Result(void) {
                    return done(self.bucket.set(key, .{ .bool = value }));
                }

                pub fn getBytes(self: *Bucket, key: []const u8) Result(?[]const u8) {
                    return self.typed(.bytes, key);
                }

                pub fn setBytes(self: *Bucket, key: []const u8, value: []const u8) Result(void) {
                    return done(self.bucket.set(key, .{ .bytes = value }));
                }

                pub fn getMany(self: *Bucket, keys: []const []const u8) Result([]const ?Pair) {
                    const found = switch (self.bucket.getMany(keys)) {
                        .ok => |found| found,
                        .err => |problem| return .{ .err = failure(problem) },
                    };
                    const pairs = memory.alloc(?Pair, keys.len);
                    for (pairs, keys, found) |*pair, key, value| {
                        pair.* = if (value) |there| .{ key, values.theirs(there) } else null;
                    }
                    return .{ .ok = pairs };
                }

                pub fn setMany(self: *Bucket, pairs: []const Pair) Result(void) {
                    const entries = memory.alloc(Entry, pairs.len);
                    for (entries, pairs) |*entry, pair| entry.* = .{ pair[0], values.ours(pair[1]) };
                    return done(self.bucket.setMany(entries));
                }

                pub fn deleteMany(self: *Bucket, keys: []const []const u8) Result(void) {
                    return done(self.bucket.deleteMany(keys));
                }

                pub fn delete(self: *Bucket, key: []const u8) Result(void) {
                    return done(self.bucket.delete(key));
                }

                pub fn exists(self: *Bucket, key: []const u8) Result(bool) {
                    return done(self.bucket.exists(key));
                }

                pub fn listKeys(self: *Bucket, cursor: ?[]const u8) Result(theirs.KeyResponse) {
                    return switch (self.bucket.listKeys("", cursor)) {
                        .ok => |page| .{ .ok = .{ .keys = page.keys, .cursor = page.next } },
                        .err => |problem| .{ .err = failure(problem) },
                    };
                }

                pub fn increment(self: *Bucket, key: []const u8, delta: i64) Result(i64) {
                    return done(self.bucket.increment(key, delta));
                }

                fn typed(
                    self: *Bucket,
                    comptime tag: std.meta.Tag(Value),
                    key: []const u8,
                ) Result(?@FieldType(Value, @tagName(tag))) {
                    const found = switch (self.bucket.get(key)) {
                        .ok => |found| found orelse return .{ .ok = null },
                        .err => |problem| return .{ .err = failure(problem) },
                    };
                    if (found != tag) return .{ .err = .{ .other = "the value is of another type" } };
                    return .{ .ok = @field(found, @tagName(tag)) };
                }

                pub fn deinit(self: *Bucket) void {
                    self.bucket.drop();
                    memory.gpa.destroy(self);
                }
            };
        };
    };
};

const Pair = struct { []const u8, theirs.TypedValue };
const Entry = struct { []const u8, Value };

/// Return the same result with an error of the other contract.
fn done(result: anytype) Result(@TypeOf(result).Ok) {
    return switch (result) {
        .ok => |value| .{ .ok = value },
        .err => |problem| .{ .err = failure(problem) },
    };
}

fn failure(problem: bindings.key_value_types.Error) Error {
    return switch (problem) {
        .access_denied => .access_denied,
        .no_such_bucket => .no_such_store,
        else => .{ .other = values.words(problem) },
    };
}
