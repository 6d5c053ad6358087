//! `key-value` over `wasi:keyvalue`, in the draft that `wasi` is. The first draft has no compare-and-swap and
//! increments by positive numbers only, its cursors are numbers, and it does not define how counters are stored:
//! runtimes differ, so the format is detected at run time.

const std = @import("std");
const startsWith = @import("bytes.zig").startsWith;
const equal = @import("bytes.zig").equal;
const limits = @import("protocol_table").key_value_limits;
const typed = @import("typed.zig");

/// Beginnings of keys that belong to the framework; buckets of the framework begin with the first. Some runtimes
/// restrict keys: those of the framework have letters, digits, `-`, `_`, `.` and `=` only (NATS JetStream).
pub const reserved = [_][]const u8{ "wasmcp:", "wasmcp." };

/// Beginning of the names of buckets of sessions, and of the keys of sessions where a runtime does not open those.
pub const session_bucket = reserved[0] ++ "session/";
pub const session_keys = reserved[1] ++ "session.";

/// Open the default bucket. Some runtimes name theirs `default`.
pub fn defaultBucket(comptime wasi: type) @TypeOf(wasi.store.open("")) {
    const unnamed = wasi.store.open("");
    if (unnamed == .ok) return unnamed;
    const named = wasi.store.open("default");
    return if (named == .ok) named else unnamed;
}

/// Implementation of the store. `bindings`: those of a component that exports `key-value` and `session-buckets`.
/// `wasi`: the namespace of the `wasi:keyvalue` package in them.
pub fn KeyValue(comptime bindings: type, comptime wasi: type) type {
    return struct {
        const memory = bindings.memory;
        const Error = bindings.key_value_types.Error;
        const Value = bindings.key_value_types.Value;
        const KeyPage = bindings.exports.key_value.KeyPage;
        const Entry = struct { []const u8, Value };
        const first_draft = !@hasDecl(wasi.atomics, "Cas");

        const max_name = limits.name_bytes;
        const max_key = limits.key_bytes;
        /// Limit on a value, in bytes: the host accepts less than 4 MiB in one call.
        const max_value = limits.value_bytes;
        const max_batch = limits.batch_keys;
        const max_batch_bytes = limits.batch_bytes;

        fn Result(comptime T: type) type {
            return bindings.abi.Result(T, Error);
        }

        const counter_probe = reserved[1] ++ "counter-form";
        var counter_form: ?typed.CounterForm = if (first_draft) null else .decimal;

        /// Bucket that stays open as long as the instance: a runtime can return a bucket with different contents each
        /// time.
        var default_bucket: ?wasi.store.Bucket = null;

        pub const Bucket = struct {
            /// Null: the default bucket, which is shared.
            own: ?wasi.store.Bucket = null,
            /// Prefix of all keys.
            prefix: []const u8 = "",

            pub fn deinit(self: *Bucket) void {
                if (self.own) |own| own.drop();
                memory.gpa.free(self.prefix);
                memory.gpa.destroy(self);
            }

            pub fn get(self: *Bucket, key: []const u8) Result(?Value) {
                const found = switch (self.read(key)) {
                    .ok => |found| found orelse return .{ .ok = null },
                    .err => |problem| return .{ .err = problem },
                };
                return .{ .ok = self.decoded(found) };
            }

            pub fn set(self: *Bucket, key: []const u8, value: Value) Result(void) {
                const encoded = self.written(value) orelse return .{ .err = value_limit };
                const named = self.full(key) orelse return .{ .err = self.refusal(key) };
                return converted(void, self.bucket().set(named, encoded));
            }

            pub fn delete(self: *Bucket, key: []const u8) Result(void) {
                return converted(void, self.bucket().delete(
                    self.full(key) orelse return .{ .err = self.refusal(key) },
                ));
            }

            pub fn exists(self: *Bucket, key: []const u8) Result(bool) {
                return converted(bool, self.bucket().exists(
                    self.full(key) orelse return .{ .err = self.refusal(key) },
                ));
            }

            /// Get the values one by one: `get-many` exists in two forms under the name of the second draft.
            pub fn getMany(self: *Bucket, keys: []const []const u8) Result([]const ?Value) {
                if (keys.len > max_batch) return .{ .err = batch_limit };
                const values = memory.alloc(?Value, keys.len);
                var total: usize = 0;
                for (keys, values) |key, *value| switch (self.read(key)) {
                    .ok => |found| {
                        value.* = if (found) |bytes| self.decoded(bytes) else null;
                        total += if (found) |bytes| bytes.len else 0;
                        if (total > max_batch_bytes) return .{ .err = batch_limit };
                    },
                    .err => |problem| return .{ .err = problem },
                };
                return .{ .ok = values };
            }

            pub fn setMany(self: *Bucket, entries: []const Entry) Result(void) {
                if (entries.len > max_batch) return .{ .err = batch_limit };
                const encoded = memory.alloc(struct { []const u8, []const u8 }, entries.len);
                var total: usize = 0;
                for (entries, encoded) |entry, *pair| {
                    const named = self.full(entry[0]) orelse return .{ .err = self.refusal(entry[0]) };
                    pair.* = .{ named, self.written(entry[1]) orelse return .{ .err = value_limit } };
                    total += pair[1].len;
                    if (total > max_batch_bytes) return .{ .err = batch_limit };
                }
                return converted(void, wasi.batch.setMany(self.bucket(), encoded));
            }

            pub fn deleteMany(self: *Bucket, keys: []const []const u8) Result(void) {
                if (keys.len > max_batch) return .{ .err = batch_limit };
                const named = memory.alloc([]const u8, keys.len);
                for (keys, named) |key, *name| name.* = self.full(key) orelse return .{ .err = self.refusal(key) };
                return converted(void, wasi.batch.deleteMany(self.bucket(), named));
            }

            pub fn increment(self: *Bucket, key: []const u8, delta: i64) Result(i64) {
                const named = self.full(key) orelse return .{ .err = self.refusal(key) };
                if (first_draft) return self.countUp(key, named, delta);
                var attempt = switch (wasi.atomics.Cas.new_(self.bucket(), named)) {
                    .ok => |attempt| attempt,
                    .err => |problem| return .{ .err = convertedError(problem) },
                };
                // Optimistic retry: if a swap fails, another writer has succeeded, so that the writers together make
                // progress.
                while (true) {
                    const now = switch (attempt.current()) {
                        .ok => |now| now,
                        .err => |problem| {
                            attempt.drop();
                            return .{ .err = convertedError(problem) };
                        },
                    };
                    const sum = switch (self.added(now, delta)) {
                        .ok => |sum| sum,
                        .err => |problem| {
                            attempt.drop();
                            return .{ .err = problem };
                        },
                    };
                    var buffer: [20]u8 = undefined;
                    switch (wasi.atomics.swap(attempt, typed.decimal(&buffer, sum))) {
                        .ok => return .{ .ok = sum },
                        .err => |problem| switch (problem) {
                            .cas_failed => |next| attempt = next,
                            .store_error => |other| return .{ .err = convertedError(other) },
                        },
                    }
                }
            }

            /// Increment with the operations of the first draft. A value that is not a counter is detected beforehand:
            /// some runtimes trap on it.
            fn countUp(self: *Bucket, key: []const u8, named: []const u8, delta: i64) Result(i64) {
                const now = switch (self.read(key)) {
                    .ok => |now| now,
                    .err => |problem| return .{ .err = problem },
                };
                switch (self.added(now, delta)) {
                    .ok => |sum| if (delta < 0 or sum < delta)
                        return .{ .err = .{ .unsupported = "wasi:keyvalue 0.2.0-draft has no negative numbers" } },
                    .err => |problem| return .{ .err = problem },
                }
                const sum = wasi.atomics.increment(self.bucket(), named, @intCast(delta));
                return switch (sum) {
                    .ok => |count| .{ .ok = std.math.cast(i64, count) orelse return .{ .err = .out_of_range } },
                    .err => |problem| .{ .err = convertedError(problem) },
                };
            }

            pub fn compareAndSwap(self: *Bucket, key: []const u8, expected: ?Value, replacement: Value) Result(bool) {
                if (first_draft)
                    return .{ .err = .{ .unsupported = "wasi:keyvalue 0.2.0-draft cannot compare and swap" } };
                const encoded = self.written(replacement) orelse return .{ .err = value_limit };
                const named = self.full(key) orelse return .{ .err = self.refusal(key) };
                const attempt = switch (wasi.atomics.Cas.new_(self.bucket(), named)) {
                    .ok => |attempt| attempt,
                    .err => |problem| return .{ .err = convertedError(problem) },
                };
                const now = attempt.current();
                if (now == .err or !same(now.ok, expected)) {
                    attempt.drop();
                    return if (now == .err) .{ .err = convertedError(now.err) } else .{ .ok = false };
                }
                switch (wasi.atomics.swap(attempt, encoded)) {
                    .ok => return .{ .ok = true },
                    .err => |problem| switch (problem) {
                        .cas_failed => |next| next.drop(),
                        .store_error => |other| return .{ .err = convertedError(other) },
                    },
                }
                return .{ .ok = false };
            }

            /// List keys. Pages without a matching key are skipped: in a large bucket few keys can have the prefix.
            pub fn listKeys(self: *Bucket, prefix: []const u8, cursor: ?[]const u8) Result(KeyPage) {
                const wanted = std.mem.concat(memory.allocator, u8, &.{ self.prefix, prefix }) catch outOfMemory();
                var at = cursor;
                while (true) {
                    const page = switch (self.bucket().listKeys(
                        parseCursor(at) catch return .{ .err = .{ .other = "not a cursor of this list" } },
                    )) {
                        .ok => |page| page,
                        .err => |problem| return .{ .err = convertedError(problem) },
                    };
                    const keys = memory.alloc([]const u8, page.keys.len);
                    var count: usize = 0;
                    for (page.keys) |key| {
                        if (!startsWith(key, wanted) or self.isReserved(key)) continue;
                        keys[count] = key[self.prefix.len..];
                        count += 1;
                    }
                    at = formatCursor(page.cursor);
                    if (count > 0 or at == null) return .{ .ok = .{ .keys = keys[0..count], .next = at } };
                }
            }

            fn decoded(self: *Bucket, bytes: []const u8) Value {
                // With binary counters only a counter has eight bytes, and only an extended value has nine.
                if (!first_draft or bytes.len < 8 or bytes.len > 9) return typed.decode(Value, bytes);
                return typed.decodeFor(memory.allocator, Value, bytes, self.counterForm()) catch outOfMemory();
            }

            /// Encode a value; null if it is too long.
            fn written(self: *Bucket, value: Value) ?[]const u8 {
                var encoded = typed.encode(memory.allocator, value) catch outOfMemory();
                if (first_draft and (value == .s64 or encoded.len == 8)) {
                    encoded = typed.encodeFor(memory.allocator, value, self.counterForm()) catch outOfMemory();
                }
                return if (encoded.len > max_value) null else encoded;
            }

            fn added(self: *Bucket, now: ?[]const u8, delta: i64) Result(i64) {
                const value: Value = if (now) |bytes| self.decoded(bytes) else .{ .s64 = 0 };
                if (value != .s64) return .{ .err = .not_a_counter };
                // The runtime's own `increment` only reads the runtime's own format.
                if (first_draft and now != null and self.counterForm() != .decimal and now.?.len != 8)
                    return .{ .err = .not_a_counter };
                const sum, const over = @addWithOverflow(value.s64, delta);
                return if (over == 1) .{ .err = .out_of_range } else .{ .ok = sum };
            }

            /// Detect how the runtime stores counters, by incrementing a reserved key once; the result is cached per
            /// instance. The key is not deleted: if another instance deleted it between the two steps, the result would
            /// be wrong.
            fn counterForm(self: *Bucket) typed.CounterForm {
                if (counter_form) |known| return known;
                var form: typed.CounterForm = .decimal;
                if (wasi.atomics.increment(self.bucket(), counter_probe, 1) == .ok) {
                    const kept = self.bucket().get(counter_probe);
                    if (kept == .ok) if (kept.ok) |bytes| {
                        form = .of(bytes);
                    };
                    counter_form = form;
                }
                return form;
            }

            fn refusal(self: *Bucket, key: []const u8) Error {
                return if (self.isReserved(key)) reserved_key else key_limit;
            }

            /// Return whether the key is reserved: where a runtime has only one bucket, the values of sessions are in
            /// it too.
            fn isReserved(self: *Bucket, key: []const u8) bool {
                if (self.prefix.len > 0) return false;
                for (reserved) |prefix| if (startsWith(key, prefix)) return true;
                return false;
            }

            fn bucket(self: *Bucket) wasi.store.Bucket {
                return self.own orelse default_bucket.?;
            }

            fn read(self: *Bucket, key: []const u8) Result(?[]const u8) {
                return converted(?[]const u8, self.bucket().get(
                    self.full(key) orelse return .{ .err = self.refusal(key) },
                ));
            }

            /// Return a key with its prefix; null if it is too long, empty, or reserved.
            fn full(self: *Bucket, key: []const u8) ?[]const u8 {
                if (key.len == 0 or self.prefix.len + key.len > max_key or self.isReserved(key)) return null;
                if (self.prefix.len == 0) return key;
                return std.mem.concat(memory.allocator, u8, &.{ self.prefix, key }) catch outOfMemory();
            }
        };

        const Handle = bindings.exports.key_value.Bucket;

        pub fn open(name: []const u8) Result(Handle) {
            if (name.len > max_name) return .{ .err = .{ .limit = "the name of a bucket has at most 512 bytes" } };
            if (startsWith(name, reserved[0])) return .{ .err = reserved_name };
            if (name.len == 0) return openDefault("");
            return switch (wasi.store.open(name)) {
                .ok => |own| .{ .ok = handle(own, "") },
                .err => |problem| .{ .err = convertedError(problem) },
            };
        }

        pub fn openSession(session: []const u8, owner: []const u8) Result(Handle) {
            const name = escaped(session_bucket, session, '%');
            if (name.len > max_name) return .{ .err = .{ .limit = "the name of a bucket has at most 512 bytes" } };
            return switch (wasi.store.open(name)) {
                .ok => |own| .{ .ok = handle(own, joined(&.{ escaped("", owner, '%'), "/" })) },
                // The runtime has no such bucket, or does not permit its name.
                .err => openDefault(joined(
                    &.{ escaped(session_keys, session, '='), ".", escaped("", owner, '='), "." },
                )),
            };
        }

        fn openDefault(prefix: []const u8) Result(Handle) {
            if (default_bucket == null) default_bucket = switch (defaultBucket(wasi)) {
                .ok => |bucket| bucket,
                .err => |problem| return .{ .err = convertedError(problem) },
            };
            return .{ .ok = handle(null, prefix) };
        }

        fn handle(own: ?wasi.store.Bucket, prefix: []const u8) Handle {
            const object = memory.gpa.create(Bucket) catch outOfMemory();
            object.* = .{ .own = own, .prefix = memory.gpa.dupe(u8, prefix) catch outOfMemory() };
            return .new(object);
        }

        /// Return `before` and a text in which other characters than letters, digits, `-` and `_` are `mark` and two
        /// hexadecimal digits; `.` is kept unless it separates the parts of a key.
        fn escaped(before: []const u8, text: []const u8, mark: u8) []const u8 {
            const out = memory.alloc(u8, before.len + 3 * text.len);
            @memcpy(out[0..before.len], before);
            var at = before.len;
            for (text) |byte| {
                if (std.ascii.isAlphanumeric(byte) or byte == '-' or byte == '_' or byte == '.' and mark == '%') {
                    out[at] = byte;
                    at += 1;
                } else {
                    out[at..][0..3].* = .{ mark, digit(byte >> 4), digit(byte & 15) };
                    at += 3;
                }
            }
            return out[0..at];
        }

        fn digit(value: u8) u8 {
            return if (value < 10) '0' + value else 'A' - 10 + value;
        }

        fn joined(parts: []const []const u8) []const u8 {
            return std.mem.concat(memory.allocator, u8, parts) catch outOfMemory();
        }

        fn same(now: ?[]const u8, expected: ?Value) bool {
            const bytes = now orelse return expected == null;
            // Compare both in the canonical encoding: some values have more than one.
            const known = typed.encode(memory.allocator, typed.decode(Value, bytes)) catch outOfMemory();
            const wanted = typed.encode(memory.allocator, expected orelse return false) catch outOfMemory();
            return equal(known, wanted);
        }

        const Cursor = if (first_draft) ?u64 else ?[]const u8;

        fn parseCursor(cursor: ?[]const u8) error{Foreign}!Cursor {
            if (!first_draft) return cursor;
            const number = typed.parse(cursor orelse return null) orelse return error.Foreign;
            return std.math.cast(u64, number) orelse error.Foreign;
        }

        fn formatCursor(cursor: Cursor) ?[]const u8 {
            if (!first_draft) return cursor;
            var buffer: [20]u8 = undefined;
            const number = std.math.cast(i64, cursor orelse return null) orelse return null;
            return memory.allocator.dupe(u8, typed.decimal(&buffer, number)) catch outOfMemory();
        }

        const key_limit: Error = .{ .limit = "a key has 1 to 1024 bytes" };
        const reserved_name: Error = .{ .other = "names that begin with `wasmcp:` are reserved for the framework" };
        const reserved_key: Error =
            .{ .other = "keys that begin with `wasmcp:` or `wasmcp.` are reserved for the framework" };
        const value_limit: Error = .{ .limit = "a value has at most 2 MiB" };
        const batch_limit: Error = .{ .limit = "a batch has at most 1000 keys and 2 MiB" };

        fn converted(comptime T: type, result: anytype) Result(T) {
            return switch (result) {
                .ok => |value| if (T == void) .ok else .{ .ok = value },
                .err => |problem| .{ .err = convertedError(problem) },
            };
        }

        fn convertedError(problem: wasi.store.Error) Error {
            return switch (problem) {
                .no_such_store => .no_such_bucket,
                .access_denied => .access_denied,
                .other => |words| .{ .other = words },
            };
        }

        fn outOfMemory() noreturn {
            @trap();
        }
    };
}
