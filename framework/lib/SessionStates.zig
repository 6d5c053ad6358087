//! `session-states` over `wasi:keyvalue`, in the draft that `wasi` is.
//!
//! The default bucket has a fixed number of places for sessions, so that it stays small without lists and expiry in the
//! runtime. The digest of an id names its place; the id itself is not stored. A new session takes a place that is empty
//! or expired, or of several ones that of the session that ends first.

const std = @import("std");
const List = @import("list.zig").List;
const bytes = @import("bytes.zig");
const decimal = @import("decimal.zig");
const key_value = @import("KeyValue.zig");
const LastingStorage = @import("LastingStorage.zig").LastingStorage;

const Hash = std.crypto.hash.ascon.AsconHash256;

const prefix = key_value.reserved[1];
const place_key = prefix ++ "sessions.";
/// Size of an id and of a name as text.
const id_size = 32;
/// Characters of a name that give its place: 65,536 places.
const place_size = 4;
/// Maximum number of places that a new session tries.
const attempts = 8;
/// Maximum number of pages of keys that are read to delete the values of a session.
const max_pages = 1000;

/// Implementation. `bindings`: those of a component that exports `session-states`. `wasi`: the namespace of the
/// `wasi:keyvalue` package in them.
pub fn SessionStates(comptime bindings: type, comptime wasi: type) type {
    return struct {
        const memory = bindings.memory;
        const lasting = LastingStorage(bindings, wasi);
        const Name = [id_size]u8;

        /// Bucket that stays open as long as the instance.
        var opened: ?wasi.store.Bucket = null;

        pub fn offered() bool {
            return true;
        }

        pub fn begin(state: []const u8, seconds: u64) ?[]const u8 {
            if (!lasts()) return null;
            const now = bindings.wasi_clocks.wall_clock.now().seconds;
            var best: ?struct { id: [id_size]u8, before: ?Record } = null;
            for (0..attempts) |_| {
                const id = lasting.randomHex();
                const before = switch (read(&nameOf(&id))) {
                    .failed => return null,
                    .none => null,
                    .record => |record| record,
                };
                const better = if (best) |known| before == null or before.?.expiry < known.before.?.expiry else true;
                if (better) best = .{ .id = id, .before = before };
                if (before == null or before.?.expiry < now) break;
            }
            const chosen = best.?;
            if (!write(&nameOf(&chosen.id), now +| seconds, state)) return null;
            if (chosen.before) |before| deleteValues(before.name);
            return memory.allocator.dupe(u8, &chosen.id) catch @trap();
        }

        pub fn find(id: []const u8) ?struct { []const u8, []const u8 } {
            const record = found(id) orelse return null;
            return .{ record.name, record.state };
        }

        pub fn update(id: []const u8, state: []const u8) void {
            const record = found(id) orelse return;
            _ = write(record.name[0..id_size], record.expiry, state);
        }

        pub fn end(id: []const u8) void {
            const record = found(id) orelse return;
            switch (bucket().?.delete(keyOf(record.name))) {
                .ok, .err => {},
            }
            deleteValues(record.name);
        }

        /// Session at its place: `NAME EXPIRY STATE`.
        const Record = struct { name: []const u8, expiry: u64, state: []const u8 };

        fn found(id: []const u8) ?Record {
            if (id.len != id_size) return null;
            const name = nameOf(id);
            const record = switch (read(&name)) {
                .record => |record| record,
                .none, .failed => return null,
            };
            if (!bytes.equal(record.name, &name)) return null;
            return if (record.expiry < bindings.wasi_clocks.wall_clock.now().seconds) null else record;
        }

        const Place = union(enum) { none, failed, record: Record };

        /// Read the session at the place of a name, whichever it is.
        fn read(name: *const Name) Place {
            const store = bucket() orelse return .failed;
            const stored = switch (store.get(keyOf(name))) {
                .ok => |stored| stored orelse return .none,
                .err => return .failed,
            };
            const expiry, const state = bytes.cut(stored[@min(stored.len, id_size + 1)..], ' ') orelse
                return .none;
            return .{ .record = .{
                .name = stored[0..id_size],
                .expiry = decimal.parse(expiry, std.math.maxInt(u64)) orelse return .none,
                .state = if (std.unicode.utf8ValidateSlice(state)) state else return .none,
            } };
        }

        fn write(name: *const Name, expiry: u64, state: []const u8) bool {
            var digits: [20]u8 = undefined;
            const store = bucket() orelse return false;
            const parts = [_][]const u8{ name, " ", decimal.integer(&digits, expiry), " ", state };
            return store.set(keyOf(name), std.mem.concat(memory.allocator, u8, &parts) catch @trap()) == .ok;
        }

        fn keyOf(name: []const u8) []const u8 {
            return std.mem.concat(memory.allocator, u8, &.{ place_key, name[0..place_size] }) catch @trap();
        }

        /// Return the digest of an id, so that readers of the storage do not get ids.
        fn nameOf(id: []const u8) Name {
            var digest: [Hash.digest_length]u8 = undefined;
            Hash.hash(id, &digest, .{});
            return std.fmt.bytesToHex(digest[0 .. id_size / 2], .lower);
        }

        fn lasts() bool {
            return lasting.lasts(bucket() orelse return false);
        }

        fn bucket() ?wasi.store.Bucket {
            if (opened == null) opened = switch (key_value.defaultBucket(wasi)) {
                .ok => |store| store,
                .err => null,
            };
            return opened;
        }

        /// Delete what the `kv-store` keeps for a session. Failures leave values behind, which cost space only.
        fn deleteValues(name: []const u8) void {
            const own = std.mem.concat(memory.allocator, u8, &.{ key_value.session_bucket, name }) catch @trap();
            switch (wasi.store.open(own)) {
                .ok => |store| {
                    deleteKeys(store, "");
                    store.drop();
                },
                .err => deleteKeys(bucket().?, std.mem.concat(
                    memory.allocator,
                    u8,
                    &.{ key_value.session_keys, name, "." },
                ) catch @trap()),
            }
        }

        fn deleteKeys(store: wasi.store.Bucket, begins: []const u8) void {
            var keys: List([]const u8) = .empty;
            var cursor: @FieldType(wasi.store.KeyResponse, "cursor") = null;
            for (0..max_pages) |_| {
                const page = switch (store.listKeys(cursor)) {
                    .ok => |page| page,
                    .err => break,
                };
                for (page.keys) |key| {
                    if (bytes.startsWith(key, begins)) keys.append(memory.allocator, key) catch @trap();
                }
                cursor = page.cursor;
                if (cursor == null) break;
            }
            for (keys.items) |key| switch (store.delete(key)) {
                .ok, .err => {},
            };
        }
    };
}
