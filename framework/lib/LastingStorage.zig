//! Proof that the storage of the runtime is persistent. A component cannot determine it directly: some runtimes give
//! each instance separate values. Each instance without proof writes its own mark; a mark of another instance is proof.

const std = @import("std");
const bytes = @import("bytes.zig");
const key_value = @import("KeyValue.zig");

const mark_key = key_value.reserved[1] ++ "session-mark";
const mark_size = 32;

/// State of one instance. `bindings`: those of its component. `wasi`: the namespace of the `wasi:keyvalue` package in
/// them.
pub fn LastingStorage(comptime bindings: type, comptime wasi: type) type {
    return struct {
        /// Mark of this instance, if it has written one.
        var own_mark: ?[mark_size]u8 = null;
        var proven = false;

        /// Return whether the storage keeps values for other instances. `store`: its default bucket.
        pub fn lasts(store: wasi.store.Bucket) bool {
            if (proven) return true;
            const mark = switch (store.get(mark_key)) {
                .ok => |mark| mark,
                .err => return false,
            };
            if (mark) |other| {
                proven = if (own_mark) |own| !bytes.equal(other, &own) else true;
            } else {
                own_mark = randomHex();
                switch (store.set(mark_key, &own_mark.?)) {
                    .ok, .err => {},
                }
            }
            return proven;
        }

        pub fn randomHex() [mark_size]u8 {
            const random = bindings.wasi_random.random.getRandomBytes(mark_size / 2);
            return std.fmt.bytesToHex(random[0 .. mark_size / 2], .lower);
        }
    };
}
