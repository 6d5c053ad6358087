//! Tasks in `wasi:keyvalue`, in the draft that `wasi` is: their records, and the leases of those that need a run.
//!
//! There is a fixed number of places for records, so that each request takes a limited time, without lists and expiry
//! in the runtime. The digest of an id is the name of its task, and names its place; the id itself is not stored. A new
//! task takes a place that is empty or expired. Embedding hosts have the places of expired tasks emptied.
//!
//! Values change by compare-and-swap. The first draft does not have it: there a counter for each value decides which of
//! several writers replaces it.

const std = @import("std");
const bytes = @import("bytes.zig");
const decimal = @import("decimal.zig");
const json = @import("json.zig");
const key_value = @import("KeyValue.zig");
const List = @import("list.zig").List;
const utf8 = @import("utf8.zig");

const Hash = std.crypto.hash.ascon.AsconHash256;

const records_bucket = key_value.reserved[0] ++ "tasks";
const leases_bucket = key_value.reserved[0] ++ "task-leases";
const expiries_bucket = key_value.reserved[0] ++ "task-expiries";
const record_key = key_value.reserved[1] ++ "task.";
const lease_key = key_value.reserved[1] ++ "task-lease.";
const owner_key = key_value.reserved[1] ++ "task-owner.";
const message_key = key_value.reserved[1] ++ "task-message.";
const expiry_key = key_value.reserved[1] ++ "task-expiry.";

/// Size of an id and of a name as text: 128 bits.
pub const id_size = 32;
/// Characters of a name that give its place: 65,536 places.
const place_size = 4;
/// Maximum number of places that a new task tries.
const attempts = 8;
/// Maximum number of tasks of one principal.
pub const max_owned = 1000;
/// Maximum number of bytes of a record.
pub const max_record = (2 << 20) - 1024;
/// Number of bytes of records after which a sweep ends.
const most_swept = 8 << 20;
/// Value of a place that was emptied: keys cannot be deleted by compare-and-swap.
const empty = "{}";
/// Maximum number of bytes of a message about the progress of a task.
const max_message = 1000;
/// Number of writers after which one may assume that the writer before it has ended (first draft).
const patience = 4;

/// Owner of a lease that is not taken yet.
pub const unowned = "-";

pub fn TaskStore(comptime bindings: type, comptime wasi: type) type {
    return struct {
        const memory = bindings.memory;
        const lasting = @import("LastingStorage.zig").LastingStorage(bindings, wasi);
        const first_draft = !@hasDecl(wasi.atomics, "Cas");

        pub const Name = [id_size]u8;
        pub const Outcome = enum { done, conflict, failed };

        var records: ?wasi.store.Bucket = null;
        var leases: ?wasi.store.Bucket = null;
        var expiries: ?wasi.store.Bucket = null;

        fn opened(place: *?wasi.store.Bucket, name: []const u8) ?wasi.store.Bucket {
            if (place.* == null) place.* = switch (wasi.store.open(name)) {
                .ok => |store| store,
                .err => switch (key_value.defaultBucket(wasi)) {
                    .ok => |store| store,
                    .err => null,
                },
            };
            return place.*;
        }

        /// Return whether the storage keeps values for other instances.
        pub fn lasts() bool {
            return lasting.lasts(opened(&records, records_bucket) orelse return false);
        }

        /// Return the time in milliseconds since 1970.
        pub fn now() u64 {
            const time = bindings.wasi_clocks.wall_clock.now();
            return time.seconds *| 1000 +| time.nanoseconds / 1_000_000;
        }

        pub const newId = lasting.randomHex;

        /// Return the digest of an id, so that readers of the storage do not get ids.
        pub fn nameOf(id: []const u8) Name {
            var digest: [Hash.digest_length]u8 = undefined;
            Hash.hash(id, &digest, .{});
            return std.fmt.bytesToHex(digest[0 .. id_size / 2], .lower);
        }

        fn joined(parts: []const []const u8) []const u8 {
            return std.mem.concat(memory.allocator, u8, parts) catch @trap();
        }

        fn get(store: wasi.store.Bucket, key: []const u8) error{Storage}!?[]const u8 {
            return switch (store.get(key)) {
                .ok => |value| value,
                .err => error.Storage,
            };
        }

        fn delete(store: wasi.store.Bucket, key: []const u8) void {
            switch (store.delete(key)) {
                .ok, .err => {},
            }
        }

        /// Replace a value if it is still the expected one.
        fn swap(store: wasi.store.Bucket, key: []const u8, before: ?[]const u8, after: []const u8) Outcome {
            if (first_draft) return swapByCounter(store, key, before, after);
            const attempt = switch (wasi.atomics.Cas.new_(store, key)) {
                .ok => |attempt| attempt,
                .err => return .failed,
            };
            const current = attempt.current();
            if (current == .err or !same(current.ok, before)) {
                attempt.drop();
                return if (current == .err) .failed else .conflict;
            }
            switch (wasi.atomics.swap(attempt, after)) {
                .ok => return .done,
                .err => |problem| switch (problem) {
                    .cas_failed => |next| {
                        next.drop();
                        return .conflict;
                    },
                    .store_error => return .failed,
                },
            }
        }

        fn swapByCounter(store: wasi.store.Bucket, key: []const u8, before: ?[]const u8, after: []const u8) Outcome {
            const counter = joined(&.{ key, ".", &nameOf(before orelse "") });
            const writers = switch (wasi.atomics.increment(store, counter, 1)) {
                .ok => |writers| writers,
                .err => return .failed,
            };
            if (@rem(writers, patience) != 1) return .conflict;
            const current = get(store, key) catch return .failed;
            if (!same(current, before)) {
                delete(store, counter);
                return .conflict;
            }
            const set = store.set(key, after);
            delete(store, counter);
            return if (set == .ok) .done else .failed;
        }

        fn same(one: ?[]const u8, other: ?[]const u8) bool {
            const a = one orelse return other == null;
            return bytes.equal(a, other orelse return false);
        }

        // --------------------------------------------------------------------------------------------------- records

        fn keyOf(name: []const u8) []const u8 {
            return joined(&.{ record_key, name[0..place_size] });
        }

        /// Return the record of a task; null if it has no record. `expires` is checked.
        pub fn read(name: []const u8) error{Storage}!?[]const u8 {
            if (name.len != id_size) return null;
            const text = try at(name) orelse return null;
            const kept = json.member(text, "name") orelse return null;
            return if (json.equals(kept, name)) text else null;
        }

        /// Return the record at the place of a name, unless it has expired.
        fn at(name: []const u8) error{Storage}!?[]const u8 {
            const store = opened(&records, records_bucket) orelse return error.Storage;
            const text = try get(store, keyOf(name)) orelse return null;
            if (!utf8.isValid(text)) return null;
            return if (expiryOf(text) > now()) text else null;
        }

        fn expiryOf(text: []const u8) u64 {
            return decimal.parse(json.member(text, "expires") orelse return 0, std.math.maxInt(u64)) orelse 0;
        }

        /// Return the id of a new task, whose place is free. Null: no free place was found.
        pub fn freeId() error{Storage}!?[id_size]u8 {
            for (0..attempts) |_| {
                const id = newId();
                if (try at(&nameOf(&id)) == null) return id;
            }
            return null;
        }

        /// Put the record of a new task, at a place that is still free.
        pub fn create(name: *const Name, text: []const u8) Outcome {
            const store = opened(&records, records_bucket) orelse return .failed;
            const before = get(store, keyOf(name)) catch return .failed;
            if (before) |other| if (expiryOf(other) > now()) return .conflict;
            return swap(store, keyOf(name), before, text);
        }

        /// Note when a record of a principal expires. Without the note its place is only used again.
        pub fn noteExpiry(name: []const u8, expires: u64, principal: ?[]const u8) void {
            const store = opened(&expiries, expiries_bucket) orelse return;
            var buffer: [20]u8 = undefined;
            const digits = decimal.integer(&buffer, expires);
            const zeros: [buffer.len]u8 = @splat('0');
            const owner: []const u8 = if (principal) |text| &nameOf(text) else "-";
            switch (store.set(joined(&.{ expiry_key, zeros[digits.len..], digits, ".", name }), owner)) {
                .ok, .err => {},
            }
        }

        /// Empty places of expired tasks.
        pub fn sweep() void {
            const store = opened(&expiries, expiries_bucket) orelse return;
            const page = switch (store.listKeys(null)) {
                .ok => |page| page,
                .err => return,
            };
            var swept: usize = 0;
            for (page.keys) |key| {
                if (!bytes.startsWith(key, expiry_key)) continue;
                const digits, const name = bytes.cut(key[expiry_key.len..], '.') orelse continue;
                const expires = decimal.parse(digits, std.math.maxInt(u64)) orelse continue;
                if (expires > now() or swept > most_swept) return;
                if (name.len == id_size) swept += clear(name);
                if (get(store, key) catch null) |owner| swept += forgetOwner(owner);
                delete(store, key);
            }
        }

        /// Empty the place of a task, unless another one has taken it. Return the number of bytes of its record.
        fn clear(name: []const u8) usize {
            const store = opened(&records, records_bucket) orelse return 0;
            const text = (get(store, keyOf(name)) catch return 0) orelse return 0;
            const kept = json.member(text, "name") orelse return text.len;
            if (json.equals(kept, name)) switch (swap(store, keyOf(name), text, empty)) {
                .done => forgetMessage(name),
                .conflict, .failed => {},
            };
            return text.len;
        }

        /// Delete the list of the tasks of a principal, if all have expired. Return the number of its bytes. A task
        /// that is added between the two writes is not counted.
        fn forgetOwner(digest: []const u8) usize {
            if (digest.len != id_size) return 0;
            const store = opened(&records, records_bucket) orelse return 0;
            const key = joined(&.{ owner_key, digest });
            const before = (get(store, key) catch return 0) orelse return 0;
            var lines = bytes.split(before, '\n');
            while (lines.next()) |line| if (isLive(line)) return before.len;
            if (swap(store, key, before, "") == .done) delete(store, key);
            return before.len;
        }

        /// Return whether a line of the list of tasks is about one that has not expired.
        fn isLive(line: []const u8) bool {
            const expiry, _ = bytes.cut(line, ' ') orelse return false;
            return (decimal.parse(expiry, std.math.maxInt(u64)) orelse 0) > now();
        }

        fn messageKeyOf(name: []const u8) []const u8 {
            return joined(&.{ message_key, name[0..place_size] });
        }

        /// Keep a message about the progress of a task, at the place of its record.
        pub fn keepMessage(name: []const u8, text: []const u8) void {
            const store = opened(&records, records_bucket) orelse return;
            switch (store.set(messageKeyOf(name), joined(&.{ name, text[0..@min(text.len, max_message)] }))) {
                .ok, .err => {},
            }
        }

        pub fn messageOf(name: []const u8) ?[]const u8 {
            const store = opened(&records, records_bucket) orelse return null;
            const kept = (get(store, messageKeyOf(name)) catch return null) orelse return null;
            if (!bytes.startsWith(kept, name) or !utf8.isValid(kept)) return null;
            return kept[name.len..];
        }

        pub fn forgetMessage(name: []const u8) void {
            delete(opened(&records, records_bucket) orelse return, messageKeyOf(name));
        }

        pub fn replace(name: []const u8, before: []const u8, after: []const u8) Outcome {
            return swap(opened(&records, records_bucket) orelse return .failed, keyOf(name), before, after);
        }

        /// Count a new task as one of its principal. False: the principal has too many tasks.
        pub fn count(principal: []const u8, name: *const Name, expires: u64) error{Storage}!bool {
            const store = opened(&records, records_bucket) orelse return error.Storage;
            const key = joined(&.{ owner_key, &nameOf(principal) });
            for (0..attempts) |_| {
                const before = try get(store, key);
                var list: List(u8) = .empty;
                var owned: usize = 0;
                var lines = bytes.split(before orelse "", '\n');
                while (lines.next()) |line| {
                    if (!isLive(line)) continue;
                    owned += 1;
                    list.appendSlice(memory.allocator, line) catch @trap();
                    list.append(memory.allocator, '\n') catch @trap();
                }
                if (owned >= max_owned) return false;
                var digits: [20]u8 = undefined;
                const entry = joined(&.{ decimal.integer(&digits, expires), " ", name, "\n" });
                list.appendSlice(memory.allocator, entry) catch @trap();
                switch (swap(store, key, before, list.items)) {
                    .done => return true,
                    .conflict => {},
                    .failed => return error.Storage,
                }
            }
            return error.Storage;
        }

        // ---------------------------------------------------------------------------------------------------- leases

        /// Lease of a task that needs a run: `UNTIL OWNER PHASE EXPIRES`. `begun`: a run has begun under this lease.
        const Lease = struct {
            raw: []const u8,
            until: u64,
            owner: []const u8,
            begun: bool,
            expires: u64,

            fn of(raw: []const u8) ?Lease {
                var parts = bytes.split(raw, ' ');
                const most = std.math.maxInt(u64);
                return .{
                    .raw = raw,
                    .until = decimal.parse(parts.next() orelse return null, most) orelse return null,
                    .owner = parts.next() orelse return null,
                    .begun = bytes.equal(parts.next() orelse return null, "run"),
                    .expires = decimal.parse(parts.next() orelse return null, most) orelse return null,
                };
            }

            fn isFree(self: Lease, owner: []const u8) bool {
                if (self.until <= now() or bytes.equal(self.owner, owner)) return true;
                return !self.begun and bytes.equal(self.owner, unowned);
            }
        };

        fn leaseText(until: u64, owner: []const u8, begun: bool, expires: u64) []const u8 {
            var first: [20]u8 = undefined;
            var last: [20]u8 = undefined;
            return joined(&.{
                decimal.integer(&first, until),   " ",
                owner,                            if (begun) " run " else " new ",
                decimal.integer(&last, expires),
            });
        }

        fn leaseKeyOf(name: []const u8) []const u8 {
            return joined(&.{ lease_key, name });
        }

        fn leaseOf(store: wasi.store.Bucket, name: []const u8) error{Storage}!?Lease {
            return .of(try get(store, leaseKeyOf(name)) orelse return null);
        }

        /// Note that a task needs a run, unless it is noted already: the lease of a run is not replaced. `owner`: the
        /// host that begins it, if the time is above 0.
        pub fn offer(name: []const u8, owner: []const u8, milliseconds: u64, expires: u64) bool {
            const store = opened(&leases, leases_bucket) orelse return false;
            const until = if (milliseconds == 0) 0 else now() + milliseconds;
            return swap(store, leaseKeyOf(name), null, leaseText(until, owner, false, expires)) != .failed;
        }

        /// Return whether a task is noted as one that needs a run.
        pub fn isOffered(name: []const u8) bool {
            const store = opened(&leases, leases_bucket) orelse return true;
            return (get(store, leaseKeyOf(name)) catch return true) != null;
        }

        pub fn withdraw(name: []const u8) void {
            delete(opened(&leases, leases_bucket) orelse return, leaseKeyOf(name));
        }

        pub const Claim = enum {
            /// Taken for the first run, or after one that has ended.
            taken,
            /// Taken over from a run that has begun and not ended.
            inherited,
            leased,
            missing,
        };

        /// Take the lease of a task for a run.
        pub fn claim(name: []const u8, owner: []const u8, milliseconds: u64) Claim {
            const store = opened(&leases, leases_bucket) orelse return .leased;
            const lease = (leaseOf(store, name) catch return .leased) orelse return .missing;
            if (!lease.isFree(owner)) return .leased;
            const after = leaseText(now() + milliseconds, owner, true, lease.expires);
            if (swap(store, leaseKeyOf(name), lease.raw, after) != .done) return .leased;
            return if (lease.begun) .inherited else .taken;
        }

        /// Return whether an owner still has the lease of its run.
        pub fn holds(name: []const u8, owner: []const u8) bool {
            const store = opened(&leases, leases_bucket) orelse return true;
            const lease = (leaseOf(store, name) catch return true) orelse return false;
            return lease.begun and bytes.equal(lease.owner, owner);
        }

        /// End the lease of a run, unless another owner has taken it over. `next`: the time in milliseconds in which
        /// the owner begins the next run; null: the task needs none.
        pub fn release(name: []const u8, owner: []const u8, next: ?u64) void {
            const store = opened(&leases, leases_bucket) orelse return;
            if (!holds(name, owner)) return;
            const lease = (leaseOf(store, name) catch return) orelse return;
            const milliseconds = next orelse return delete(store, leaseKeyOf(name));
            const after = leaseText(now() + milliseconds, owner, false, lease.expires);
            switch (swap(store, leaseKeyOf(name), lease.raw, after)) {
                .done, .conflict, .failed => {},
            }
        }

        /// Renew a lease. False: its owner has lost it, or the task needs no run any more.
        pub fn renew(name: []const u8, owner: []const u8, milliseconds: u64) bool {
            const store = opened(&leases, leases_bucket) orelse return true;
            const lease = (leaseOf(store, name) catch return true) orelse return false;
            if (!bytes.equal(lease.owner, owner)) return false;
            const after = leaseText(now() + milliseconds, owner, lease.begun, lease.expires);
            return switch (swap(store, leaseKeyOf(name), lease.raw, after)) {
                .done, .failed => true,
                .conflict => (leaseOf(store, name) catch return true) != null,
            };
        }

        pub const Waiting = struct { name: []const u8, remaining: u64 };

        /// Add one page of the tasks that need a run and have no lease to a list. Return the cursor of the next page.
        pub fn waiting(list: *List(Waiting), cursor: ?[]const u8) error{Storage}!?[]const u8 {
            const store = opened(&leases, leases_bucket) orelse return error.Storage;
            const from = if (first_draft)
                (if (cursor) |text| decimal.parse(text, std.math.maxInt(u64)) else null)
            else
                cursor;
            const page = switch (store.listKeys(from)) {
                .ok => |page| page,
                .err => return error.Storage,
            };
            for (page.keys) |key| {
                if (!bytes.startsWith(key, lease_key)) continue;
                const name = key[lease_key.len..];
                if (name.len != id_size) continue;
                const lease = try leaseOf(store, name) orelse continue;
                if (lease.expires <= now()) {
                    delete(store, key);
                } else if (lease.until <= now()) {
                    list.append(memory.allocator, .{ .name = name, .remaining = lease.expires - now() }) catch @trap();
                }
            }
            if (!first_draft) return page.cursor;
            var digits: [20]u8 = undefined;
            return joined(&.{decimal.integer(&digits, page.cursor orelse return null)});
        }
    };
}
