//! Guard between a component and `key-value`: passes on the buckets and keys that the component's rules permit.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");

const memory = bindings.memory;
const startsWith = lib.bytes.startsWith;
const equal = lib.bytes.equal;
const Error = bindings.key_value_types.Error;
const Value = bindings.key_value_types.Value;
const KeyPage = bindings.exports.key_value.KeyPage;
const Entry = struct { []const u8, Value };
const Handle = bindings.exports.key_value.Bucket;

fn Result(comptime T: type) type {
    return bindings.abi.Result(T, Error);
}

const denied: Error = .access_denied;
const Access = enum { read, write };

const rules = lib.Constant(bindings.memory, bindings.kv_rules.all).get;

fn isAbout(rule: anytype, bucket: []const u8) bool {
    return if (rule.all_below) startsWith(bucket, rule.bucket) else equal(bucket, rule.bucket);
}

const Guarded = struct {
    name: []const u8,
    inner: bindings.key_value.Bucket,
    /// Places of the last listings.
    listings: [4]?Listing = @splat(null),
    /// Cursors returned so far.
    issued: u64 = 0,

    pub fn deinit(self: *Guarded) void {
        self.inner.drop();
        for (&self.listings) |*slot| if (slot.*) |*known| known.deinit();
        memory.gpa.free(self.name);
        memory.gpa.destroy(self);
    }

    fn permits(self: *Guarded, key: []const u8, access: Access) bool {
        for (rules()) |rule| {
            if (isAbout(rule, self.name) and startsWith(key, rule.prefix) and (access == .read or rule.writable))
                return true;
        }
        return false;
    }

    pub fn get(self: *Guarded, key: []const u8) Result(?Value) {
        return if (self.permits(key, .read)) self.inner.get(key) else .{ .err = denied };
    }

    pub fn set(self: *Guarded, key: []const u8, value: Value) Result(void) {
        return if (self.permits(key, .write)) self.inner.set(key, value) else .{ .err = denied };
    }

    pub fn delete(self: *Guarded, key: []const u8) Result(void) {
        return if (self.permits(key, .write)) self.inner.delete(key) else .{ .err = denied };
    }

    pub fn exists(self: *Guarded, key: []const u8) Result(bool) {
        return if (self.permits(key, .read)) self.inner.exists(key) else .{ .err = denied };
    }

    pub fn getMany(self: *Guarded, keys: []const []const u8) Result([]const ?Value) {
        for (keys) |key| if (!self.permits(key, .read)) return .{ .err = denied };
        return self.inner.getMany(keys);
    }

    pub fn setMany(self: *Guarded, entries: []const Entry) Result(void) {
        const passed = memory.alloc(Passed, entries.len);
        for (entries, passed) |entry, *own| {
            if (!self.permits(entry[0], .write)) return .{ .err = denied };
            own.* = .{ entry[0], entry[1] };
        }
        return self.inner.setMany(passed);
    }

    pub fn deleteMany(self: *Guarded, keys: []const []const u8) Result(void) {
        for (keys) |key| if (!self.permits(key, .write)) return .{ .err = denied };
        return self.inner.deleteMany(keys);
    }

    /// The new value of a counter shows the old one, so a component that can write a key can also read it.
    pub fn increment(self: *Guarded, key: []const u8, delta: i64) Result(i64) {
        return if (self.permits(key, .write)) self.inner.increment(key, delta) else .{ .err = denied };
    }

    pub fn compareAndSwap(self: *Guarded, key: []const u8, expected: ?Value, replacement: Value) Result(bool) {
        return if (self.permits(key, .write))
            self.inner.compareAndSwap(key, expected, replacement)
        else
            .{ .err = denied };
    }

    /// List the permitted keys. Pages are as large as those of a bucket without other keys.
    pub fn listKeys(self: *Guarded, prefix: []const u8, cursor: ?[]const u8) Result(KeyPage) {
        const beginning = self.listed(prefix) orelse return .{ .err = denied };
        var at: ?[]const u8 = null;
        var keys: lib.List([]const u8) = .empty;
        if (cursor) |text| {
            const known = self.listing(text, prefix) orelse
                return .{ .err = .{ .other = "not a cursor of this list" } };
            // The place can be needed for the next cursor, which replaces it.
            for (known.left) |key| keys.append(memory.allocator, copied(memory.allocator, key)) catch @trap();
            at = if (known.at) |inner| copied(memory.allocator, inner) else null;
        }
        // One key more than a page has: a component cannot see whether other keys follow its own.
        if (cursor == null or at != null) while (keys.items.len <= page_size) {
            const page = switch (self.inner.listKeys(beginning, at)) {
                .ok => |page| page,
                .err => |problem| return .{ .err = problem },
            };
            for (page.keys) |key| if (self.permits(key, .read))
                keys.append(memory.allocator, key) catch @trap();
            at = page.next;
            if (at == null) break;
        };
        const all = keys.items;
        if (all.len <= page_size) return .{ .ok = .{ .keys = all, .next = null } };
        return .{ .ok = .{ .keys = all[0..page_size], .next = self.keep(prefix, at, all[page_size..]) } };
    }

    /// Return the prefix with which keys are listed: the beginning that all permitted keys with `prefix` have in
    /// common. Null: none can be permitted.
    fn listed(self: *Guarded, prefix: []const u8) ?[]const u8 {
        var common: ?[]const u8 = null;
        for (rules()) |rule| {
            if (!isAbout(rule, self.name)) continue;
            if (startsWith(prefix, rule.prefix)) return prefix;
            if (!startsWith(rule.prefix, prefix)) continue;
            const known = common orelse rule.prefix;
            var n: usize = 0;
            while (n < known.len and n < rule.prefix.len and known[n] == rule.prefix[n]) n += 1;
            // A prefix is a text: it ends before a character, not within one.
            while (n < known.len and known[n] & 0xc0 == 0x80) n -= 1;
            common = known[0..n];
        }
        return common;
    }

    /// Keep the place of a listing and return its cursor.
    fn keep(self: *Guarded, prefix: []const u8, at: ?[]const u8, left: []const []const u8) []const u8 {
        const slot = &self.listings[@intCast(self.issued % self.listings.len)];
        if (slot.*) |*old| old.deinit();
        const keys = memory.gpa.alloc([]const u8, left.len) catch @trap();
        for (left, keys) |key, *own| own.* = copied(memory.gpa, key);
        slot.* = .{
            .number = self.issued,
            .prefix = copied(memory.gpa, prefix),
            .at = if (at) |inner| copied(memory.gpa, inner) else null,
            .left = keys,
        };
        self.issued += 1;
        const buffer = memory.allocator.create([20]u8) catch @trap();
        return lib.decimal.integer(buffer, slot.*.?.number);
    }

    fn listing(self: *Guarded, cursor: []const u8, prefix: []const u8) ?*const Listing {
        const number = lib.decimal.parse(cursor, std.math.maxInt(u64)) orelse return null;
        for (&self.listings) |*slot| if (slot.*) |*known| {
            if (known.number == number and equal(known.prefix, prefix)) return known;
        };
        return null;
    }
};

/// Limit on the keys of a page.
const page_size = 1000;

/// Place of a listing of which a component has the cursor: the cursors of stores show keys of others, or count them.
const Listing = struct {
    number: u64,
    prefix: []const u8,
    /// Cursor of the store. Null: all keys were listed.
    at: ?[]const u8,
    /// Keys for the next page.
    left: []const []const u8,

    fn deinit(self: *Listing) void {
        memory.gpa.free(self.prefix);
        if (self.at) |inner| memory.gpa.free(inner);
        for (self.left) |key| memory.gpa.free(key);
        memory.gpa.free(self.left);
    }
};

fn copied(allocator: std.mem.Allocator, text: []const u8) []const u8 {
    return allocator.dupe(u8, text) catch @trap();
}

const Passed = @typeInfo(@typeInfo(@TypeOf(bindings.key_value.Bucket.setMany)).@"fn".param_types[1].?).pointer.child;

pub const exports = struct {
    pub const key_value = struct {
        pub const Bucket = Guarded;
        pub const open = openBucket;
    };
};

fn openBucket(name: []const u8) Result(Handle) {
    for (rules()) |rule| {
        if (!isAbout(rule, name)) continue;
        return switch (bindings.key_value.open(name)) {
            .ok => |inner| wrapped: {
                const bucket = memory.gpa.create(Guarded) catch @trap();
                bucket.* = .{ .name = memory.gpa.dupe(u8, name) catch @trap(), .inner = inner };
                break :wrapped .{ .ok = .new(bucket) };
            },
            .err => |problem| .{ .err = problem },
        };
    }
    return .{ .err = denied };
}
