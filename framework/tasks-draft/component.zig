//! Tasks extension, with its tasks in the first draft of `wasi:keyvalue`.

const bindings = @import("bindings");
const component = @import("lib").Tasks(bindings, bindings.wasi_keyvalue_0_2_0_draft);

pub const exports = struct {
    pub const server_handler = struct {
        pub const handle = component.handle;
    };
    pub const server_metadata = component.metadata;
    pub const wasmcp_embedding = struct {
        pub const tasks = component.embedding;
    };
};
