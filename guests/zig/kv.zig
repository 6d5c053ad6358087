//! Key-value store in buckets (grant `kv`), and session values (grant `sessions`).
//!
//! Values keep their type: `[]const u8`, bools and integers are stored natively, other types with a JSON form as JSON.
//! Reading a value as another type is `error.OtherType`.
const std = @import("std");
const bindings = @import("bindings");
const arguments = @import("arguments.zig");
const limits = @import("protocol_table").key_value_limits;
const results = @import("results.zig");
const values = @import("values.zig");

const typed = bindings.key_value_types;
/// Stored value.
pub const Value = typed.Value;

pub const Error = error{
    /// The component lacks the grant, or the operator denies access.
    AccessDenied,
    NoSuchBucket,
    /// The request has no session.
    NoSession,
    NotACounter,
    OutOfRange,
    /// A limit of the store is exceeded.
    TooLarge,
    Unsupported,
    /// The operator's store has failed.
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
            .limit => |words| failure(error.TooLarge, words),
            .unsupported => |words| failure(error.Unsupported, words),
            .other => |words| failure(error.StoreFailed, words),
        },
    };
}

/// The store's message of its last error, shortened to the size of the buffer.
var details: []const u8 = "";
var buffer: [512]u8 = undefined;

fn failure(reason: Error, words: []const u8) Error {
    const length = @min(words.len, buffer.len);
    @memcpy(buffer[0..length], words[0..length]);
    details = buffer[0..length];
    return reason;
}

/// Operation that has failed. `bucket`: null for session values. `key`: the key, or the prefix of keys; empty for an
/// operation on several or none.
pub const Place = struct { bucket: ?[]const u8 = null, key: []const u8 = "" };

/// Return the text of an error of this library, the same as in the guest libraries of other languages. The text of
/// `error.AccessDenied` names the rule of the grant that is missing.
pub fn message(reason: anyerror, place: Place) error{OutOfMemory}![]const u8 {
    const allocator = bindings.memory.allocator;
    const words: []const u8 = switch (reason) {
        error.AccessDenied => return denial(place),
        error.NoSuchBucket => return std.fmt.allocPrint(
            allocator,
            "the operator's store has no bucket of this name: `{s}`",
            .{place.bucket orelse ""},
        ),
        error.NoSession => return "the client has no session, or it has ended",
        error.NotACounter => return "the value of this key is not a counter, a signed integer of 64 bits",
        error.OutOfRange => return "the counter would need more than 64 bits",
        error.TooLarge => "a key, a value or a batch is too large",
        error.Unsupported => "the operator's store does not support this operation",
        error.StoreFailed => "the operation of the store failed",
        else => return @errorName(reason),
    };
    if (details.len == 0) return words;
    return std.mem.concat(allocator, u8, &.{ words, ": ", results.valid(details) });
}

fn denial(place: Place) error{OutOfMemory}![]const u8 {
    const allocator = bindings.memory.allocator;
    const bucket = place.bucket orelse return "`sessions` is not granted to this component: add it to the `grants` " ++
        "of its table: `grants = [\"sessions\"]`";
    const rule, const quote: []const u8 = if (place.key.len == 0)
        .{ try std.mem.concat(allocator, u8, &.{ "bucket:", bucket }), "\"" }
    else keys: {
        // The keys with the prefix of this key, up to its last slash.
        const end = if (std.mem.lastIndexOfScalar(u8, place.key, '/')) |slash| slash + 1 else place.key.len;
        const parts = [_][]const u8{ bucket, place.key[0..end] };
        var texts: [2][]const u8 = undefined;
        for (parts, &texts) |part, *text| text.* = results.json([]const u8, results.valid(part)) catch
            return error.OutOfMemory;
        const table = "{{ bucket = {s}, prefix = {s} }}";
        break :keys .{ try std.fmt.allocPrint(allocator, table, .{ texts[0], texts[1] }), "" };
    };
    return std.mem.concat(allocator, u8, &.{
        "`kv` for `",         rule,
        "` is not granted to this component: name it in the `grants` of its table: `grants = { kv = [", quote,
        rule,                 quote,
        "] }`",
    });
}

/// Convert a value to its stored form.
pub fn value(given: anytype) Error!Value {
    const T = @TypeOf(given);
    if (T == Value) return given;
    return switch (@typeInfo(T)) {
        .bool => .{ .bool = given },
        .comptime_int => .{ .s64 = given },
        .int => |info| if (info.signedness == .signed or info.bits < 64) .{ .s64 = given } else .{ .u64 = given },
        .pointer => |info| if (info.size == .one and @typeInfo(info.child) == .array and
            @typeInfo(info.child).array.child == u8)
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

/// Open a bucket; the empty name is the default bucket, the only one that every runtime has. Release it with `close`.
pub fn open(name: []const u8) Error!Bucket {
    return .{ .handle = try unwrapped(bindings.key_value.open(name)) };
}

/// Bucket: a set of keys with their values.
pub const Bucket = struct {
    handle: bindings.key_value.Bucket,

    pub const Entry = struct { key: []const u8, value: Value };
    /// `next`: the cursor of the next page.
    pub const Page = bindings.key_value.KeyPage;

    pub fn close(self: Bucket) void {
        self.handle.drop();
    }

    /// Return the value of a key; null if it does not exist.
    pub fn get(self: Bucket, comptime T: type, key: []const u8) Error!?T {
        return read(T, try unwrapped(self.handle.get(key)));
    }

    pub fn set(self: Bucket, key: []const u8, given: anytype) Error!void {
        return unwrapped(self.handle.set(key, try value(given)));
    }

    /// Delete a key; no effect if it does not exist.
    pub fn delete(self: Bucket, key: []const u8) Error!void {
        return unwrapped(self.handle.delete(key));
    }

    pub fn exists(self: Bucket, key: []const u8) Error!bool {
        return unwrapped(self.handle.exists(key));
    }

    /// Add to a counter atomically, and return its new value. A key that does not exist counts as 0.
    pub fn increment(self: Bucket, key: []const u8, delta: i64) Error!i64 {
        return unwrapped(self.handle.increment(key, delta));
    }

    /// Set the value of a key atomically, if it has the expected value; null if the key must not exist. Return true if
    /// the value was set.
    pub fn compareAndSwap(self: Bucket, key: []const u8, expected: ?Value, replacement: anytype) Error!bool {
        return unwrapped(self.handle.compareAndSwap(key, expected, try value(replacement)));
    }

    /// Return the values of keys, in this order; null for a key that does not exist. Up to 1000 keys need one call of
    /// the host.
    pub fn getMany(self: Bucket, names: []const []const u8) Error![]const ?Value {
        const found = try bindings.memory.allocator.alloc(?Value, names.len);
        var start: usize = 0;
        while (start < names.len) {
            const part = names[start..@min(names.len, start + limits.batch_keys)];
            @memcpy(found[start..][0..part.len], try unwrapped(self.handle.getMany(part)));
            start += part.len;
        }
        return found;
    }

    /// Set up to 1000 values at once; atomically, if the store supports that.
    pub fn setMany(self: Bucket, entries: []const Entry) Error!void {
        const Pair = std.meta.Elem(@typeInfo(@TypeOf(bindings.key_value.Bucket.setMany)).@"fn".param_types[1].?);
        const pairs = try bindings.memory.allocator.alloc(Pair, entries.len);
        for (entries, pairs) |entry, *pair| pair.* = .{ entry.key, entry.value };
        return unwrapped(self.handle.setMany(pairs));
    }

    /// Delete up to 1000 keys at once; see `setMany`.
    pub fn deleteMany(self: Bucket, names: []const []const u8) Error!void {
        return unwrapped(self.handle.deleteMany(names));
    }

    /// Return a page of the keys that begin with a prefix, at most 1000; `cursor` is `next` of the previous page.
    pub fn list(self: Bucket, prefix: []const u8, cursor: ?[]const u8) Error!Page {
        return unwrapped(self.handle.listKeys(prefix, cursor));
    }

    /// Iterate over the keys that begin with a prefix, in the order of the store, page by page: `while (try all.next())
    /// |key| ...`. Keys that are set or deleted during the iteration can be included or missing.
    pub fn keys(self: Bucket, prefix: []const u8) Keys {
        return .{ .bucket = self, .prefix = prefix };
    }

    /// Iterate over the keys that begin with a prefix and their values, page by page; see `keys`.
    pub fn items(self: Bucket, prefix: []const u8) Items {
        return .{ .keys = self.keys(prefix) };
    }

    /// Replace the value of a key by a function of it, atomically, and return the new value. `change` is
    /// `fn (@TypeOf(state), ?T) T`: it takes `state` and the current value, null if the key does not exist. It is
    /// called again if another writer has changed the value in the meantime, so it must not have side effects; after
    /// 100 attempts the result is `error.StoreFailed`.
    pub fn update(
        self: Bucket,
        comptime T: type,
        key: []const u8,
        state: anytype,
        comptime change: fn (@TypeOf(state), ?T) T,
    ) Error!T {
        return updated(T, self, key, state, change);
    }
};

/// Iterator over the keys of a bucket, created by `Bucket.keys`.
pub const Keys = struct {
    bucket: Bucket,
    prefix: []const u8,
    page: []const []const u8 = &.{},
    at: usize = 0,
    cursor: ?[]const u8 = null,
    is_over: bool = false,

    /// Return the next key; null at the end.
    pub fn next(self: *Keys) Error!?[]const u8 {
        while (self.at == self.page.len) if (!try self.turn()) return null;
        defer self.at += 1;
        return self.page[self.at];
    }

    /// Read the next page. Return false after the last one.
    fn turn(self: *Keys) Error!bool {
        if (self.is_over) return false;
        const page = try self.bucket.list(self.prefix, self.cursor);
        self.page = page.keys;
        self.at = 0;
        self.cursor = page.next;
        self.is_over = page.next == null;
        return true;
    }
};

/// Iterator over the keys of a bucket and their values, created by `Bucket.items`.
pub const Items = struct {
    keys: Keys,
    values: []const ?Value = &.{},

    /// Return the next key and its value; null at the end.
    pub fn next(self: *Items) Error!?Bucket.Entry {
        while (true) {
            while (self.keys.at == self.keys.page.len) {
                if (!try self.keys.turn()) return null;
                self.values = try self.keys.bucket.getMany(self.keys.page);
            }
            defer self.keys.at += 1;
            const found = self.values[self.keys.at] orelse continue; // deleted in the meantime
            return .{ .key = self.keys.page[self.keys.at], .value = found };
        }
    }
};

const attempts = 100;

/// Replace a value of a bucket or a session by a function of it; see `Bucket.update`.
fn updated(
    comptime T: type,
    store: anytype,
    key: []const u8,
    state: anytype,
    comptime change: fn (@TypeOf(state), ?T) T,
) Error!T {
    for (0..attempts) |_| {
        const before = try store.get(Value, key);
        const after = change(state, try read(T, before));
        if (try store.compareAndSwap(key, before, after)) return after;
    }
    const times = std.fmt.comptimePrint("` first, {d} times in a row", .{attempts});
    return failure(
        error.StoreFailed,
        try std.mem.concat(bindings.memory.allocator, u8, &.{ "others changed `", key, times }),
    );
}

/// Values of this component in the session of a request.
pub const Session = struct {
    request: bindings.messages.Request,

    /// Return true if the request has a session; without one, the other functions return `error.NoSession`.
    pub fn exists(self: Session) bool {
        return bindings.sessions.hasSession(self.request);
    }

    /// Return the value of a key; null if it does not exist.
    pub fn get(self: Session, comptime T: type, key: []const u8) Error!?T {
        return read(T, try unwrapped(bindings.sessions.get(self.request, key)));
    }

    pub fn set(self: Session, key: []const u8, given: anytype) Error!void {
        return unwrapped(bindings.sessions.set(self.request, key, try value(given)));
    }

    /// Return true if the key exists.
    pub fn has(self: Session, key: []const u8) Error!bool {
        return try unwrapped(bindings.sessions.get(self.request, key)) != null;
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

    /// Set the value of a key atomically, if it has the expected value; see `Bucket.compareAndSwap`.
    pub fn compareAndSwap(self: Session, key: []const u8, expected: ?Value, replacement: anytype) Error!bool {
        return unwrapped(bindings.sessions.compareAndSwap(self.request, key, expected, try value(replacement)));
    }

    /// Replace the value of a key by a function of it, atomically; see `Bucket.update`.
    pub fn update(
        self: Session,
        comptime T: type,
        key: []const u8,
        state: anytype,
        comptime change: fn (@TypeOf(state), ?T) T,
    ) Error!T {
        return updated(T, self, key, state, change);
    }
};
