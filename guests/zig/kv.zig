//! Values that last, in buckets (the grant `kv`) and for the session of a client (the grant `sessions`).
//!
//! A value keeps its type: `[]const u8`, bools and integers are kept as such, everything else that has a JSON form as JSON.
//! What is there under a key and is of another type is `error.OtherType`.
const std = @import("std");
const bindings = @import("bindings");
const arguments = @import("arguments.zig");
const results = @import("results.zig");
const values = @import("values.zig");

const typed = bindings.key_value_types;
/// A value as it is kept.
pub const Value = typed.Value;

pub const Error = error{
    /// The component lacks the grant, or whoever runs the server refuses.
    AccessDenied,
    NoSuchBucket,
    /// The request belongs to no session.
    NoSession,
    NotACounter,
    OutOfRange,
    /// Over a limit.
    TooLarge,
    Unsupported,
    /// The store of whoever runs the server has failed.
    StoreFailed,
    OtherType,
    /// A number in a value is infinite or not a number.
    NotFinite,
    OutOfMemory,
};

fn unwrapped(result: anytype) Error!@TypeOf(result).Ok {
    return switch (result) {
        .ok => |payload| payload,
        .err => |problem| switch (problem) {
            .access_denied => error.AccessDenied,
            .no_such_bucket => error.NoSuchBucket,
            .no_session => error.NoSession,
            .not_a_counter => error.NotACounter,
            .out_of_range => error.OutOfRange,
            .limit => error.TooLarge,
            .unsupported => error.Unsupported,
            .other => error.StoreFailed,
        },
    };
}

/// A value as it is to be kept.
pub fn value(given: anytype) Error!Value {
    const T = @TypeOf(given);
    if (T == Value) return given;
    return switch (@typeInfo(T)) {
        .bool => .{ .bool = given },
        .comptime_int => .{ .s64 = given },
        .int => |info| if (info.signedness == .signed or info.bits < 64) .{ .s64 = given } else .{ .u64 = given },
        .pointer => |info| if (info.size == .one and @typeInfo(info.child) == .array and @typeInfo(info.child).array.child == u8)
            .{ .string = results.valid(given) }
        else if (T == []const u8 or T == []u8)
            .{ .string = results.valid(given) }
        else
            .{ .json = try results.json(T, given) },
        else => .{ .json = try results.json(T, given) },
    };
}

fn read(comptime T: type, kept: ?Value) Error!?T {
    const found = kept orelse return null;
    if (T == Value) return found;
    switch (found) {
        .string => |text| if (T == []const u8) return text,
        .bytes => |bytes| if (T == []const u8) return bytes,
        .bool => |flag| if (T == bool) return flag,
        inline .s64, .u64 => |number| if (@typeInfo(T) == .int) return std.math.cast(T, number) orelse error.OutOfRange,
        .json => |text| {
            var reader: arguments.Reader = .init(text);
            return reader.read(T) catch error.OtherType;
        },
    }
    return error.OtherType;
}

/// Open a bucket; the empty name is the default one, the only one that every runtime has. Give it up with `close`.
pub fn open(name: []const u8) Error!Bucket {
    return .{ .handle = try unwrapped(bindings.key_value.open(name)) };
}

/// A set of keys with their values.
pub const Bucket = struct {
    handle: bindings.key_value.Bucket,

    pub const Entry = struct { key: []const u8, value: Value };
    /// `next`: the cursor for the keys that follow.
    pub const Page = bindings.key_value.KeyPage;

    pub fn close(self: Bucket) void {
        self.handle.drop();
    }

    /// Null: there is no such key.
    pub fn get(self: Bucket, comptime T: type, key: []const u8) Error!?T {
        return read(T, try unwrapped(self.handle.get(key)));
    }

    pub fn set(self: Bucket, key: []const u8, given: anytype) Error!void {
        return unwrapped(self.handle.set(key, try value(given)));
    }

    /// A key that is not there is fine.
    pub fn delete(self: Bucket, key: []const u8) Error!void {
        return unwrapped(self.handle.delete(key));
    }

    pub fn exists(self: Bucket, key: []const u8) Error!bool {
        return unwrapped(self.handle.exists(key));
    }

    /// Add to a counter, and return its value then; one that is not there counts as 0.
    pub fn increment(self: Bucket, key: []const u8, delta: i64) Error!i64 {
        return unwrapped(self.handle.increment(key, delta));
    }

    /// Set a value if the key has the expected one (null: it is not there). False: it has another.
    pub fn compareAndSwap(self: Bucket, key: []const u8, expected: ?Value, replacement: anytype) Error!bool {
        return unwrapped(self.handle.compareAndSwap(key, expected, try value(replacement)));
    }

    /// The values of these keys, in this order.
    pub fn getMany(self: Bucket, keys: []const []const u8) Error![]const ?Value {
        return unwrapped(self.handle.getMany(keys));
    }

    pub fn setMany(self: Bucket, entries: []const Entry) Error!void {
        const Pair = std.meta.Elem(@typeInfo(@TypeOf(bindings.key_value.Bucket.setMany)).@"fn".param_types[1].?);
        const pairs = try bindings.memory.allocator.alloc(Pair, entries.len);
        for (entries, pairs) |entry, *pair| pair.* = .{ entry.key, entry.value };
        return unwrapped(self.handle.setMany(pairs));
    }

    pub fn deleteMany(self: Bucket, keys: []const []const u8) Error!void {
        return unwrapped(self.handle.deleteMany(keys));
    }

    /// Some of the keys that begin with `prefix`; `cursor` is `next` of the page before.
    pub fn list(self: Bucket, prefix: []const u8, cursor: ?[]const u8) Error!Page {
        return unwrapped(self.handle.listKeys(prefix, cursor));
    }
};

/// The values that this component keeps for the session that a request belongs to.
pub const Session = struct {
    request: bindings.messages.Request,

    /// Whether there is one: the others are `error.NoSession` when there is none.
    pub fn exists(self: Session) bool {
        return bindings.sessions.hasSession(self.request);
    }

    /// Null: there is no such key.
    pub fn get(self: Session, comptime T: type, key: []const u8) Error!?T {
        return read(T, try unwrapped(bindings.sessions.get(self.request, key)));
    }

    pub fn set(self: Session, key: []const u8, given: anytype) Error!void {
        return unwrapped(bindings.sessions.set(self.request, key, try value(given)));
    }

    pub fn delete(self: Session, key: []const u8) Error!void {
        return unwrapped(bindings.sessions.delete(self.request, key));
    }

    pub fn keys(self: Session) Error![]const []const u8 {
        return unwrapped(bindings.sessions.keys(self.request));
    }

    pub fn increment(self: Session, key: []const u8, delta: i64) Error!i64 {
        return unwrapped(bindings.sessions.increment(self.request, key, delta));
    }
};
