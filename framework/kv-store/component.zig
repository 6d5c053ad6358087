//! Typed key-value store over the second draft of `wasi:keyvalue`.

const bindings = @import("bindings");
const store = @import("lib").KeyValue(bindings, bindings.wasi_keyvalue_0_2_0_draft2);

pub const exports = struct {
    pub const key_value = struct {
        pub const Bucket = store.Bucket;
        pub const open = store.open;
    };

    pub const session_buckets = struct {
        pub const open = store.openSession;
    };
};
