//! `issuer-documents` over `wasi:keyvalue`, in the draft that `wasi` is.

const std = @import("std");
const key_value = @import("KeyValue.zig");

const prefix = key_value.reserved[1] ++ "issuer.";

/// Implementation. `bindings`: those of a component that exports `issuer-documents`. `wasi`: the namespace of the
/// `wasi:keyvalue` package in them.
pub fn IssuerDocuments(comptime bindings: type, comptime wasi: type) type {
    return struct {
        const memory = bindings.memory;

        /// Bucket that stays open as long as the instance.
        var opened: ?wasi.store.Bucket = null;

        pub fn get(name: []const u8) ?[]const u8 {
            const store = bucket() orelse return null;
            const stored = switch (store.get(keyOf(name))) {
                .ok => |stored| stored orelse return null,
                .err => return null,
            };
            return if (std.unicode.utf8ValidateSlice(stored)) stored else null;
        }

        pub fn set(name: []const u8, document: []const u8) void {
            const store = bucket() orelse return;
            switch (store.set(keyOf(name), document)) {
                .ok, .err => {},
            }
        }

        fn keyOf(name: []const u8) []const u8 {
            return std.mem.concat(memory.allocator, u8, &.{ prefix, name }) catch @trap();
        }

        fn bucket() ?wasi.store.Bucket {
            if (opened == null) switch (key_value.defaultBucket(wasi)) {
                .ok => |found| opened = found,
                .err => return null,
            };
            return opened;
        }
    };
}
