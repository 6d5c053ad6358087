//! Guard between a component and `key-value`: passes on the buckets and keys that the component's rules permit.

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

    pub fn deinit(self: *Guarded) void {
        self.inner.drop();
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

    /// List the permitted keys. Pages without one are skipped.
    pub fn listKeys(self: *Guarded, prefix: []const u8, cursor: ?[]const u8) Result(KeyPage) {
        if (!self.canOverlap(prefix)) return .{ .err = denied };
        var at = cursor;
        while (true) {
            const page = switch (self.inner.listKeys(prefix, at)) {
                .ok => |page| page,
                .err => |problem| return .{ .err = problem },
            };
            const keys = memory.alloc([]const u8, page.keys.len);
            var count: usize = 0;
            for (page.keys) |key| if (self.permits(key, .read)) {
                keys[count] = key;
                count += 1;
            };
            at = page.next;
            if (count > 0 or at == null) return .{ .ok = .{ .keys = keys[0..count], .next = at } };
        }
    }

    /// Return whether keys with this prefix can be permitted.
    fn canOverlap(self: *Guarded, prefix: []const u8) bool {
        for (rules()) |rule| {
            if (isAbout(rule, self.name) and (startsWith(prefix, rule.prefix) or startsWith(rule.prefix, prefix)))
                return true;
        }
        return false;
    }
};

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
