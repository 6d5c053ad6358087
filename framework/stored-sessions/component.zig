//! Sessions over HTTP in the second draft of `wasi:keyvalue`.

const bindings = @import("bindings");
const states = @import("lib").SessionStates(bindings, bindings.wasi_keyvalue_0_2_0_draft2);

pub const exports = struct {
    pub const session_states = struct {
        pub const offered = states.offered;
        pub const begin = states.begin;
        pub const find = states.find;
        pub const update = states.update;
        pub const end = states.end;
    };
};
