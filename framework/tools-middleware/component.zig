//! Middleware around the tools of one component.

const bindings = @import("bindings");

pub const stored_lists = true;

pub const exports = struct {
    pub const server_handler = @import("lib").tools.Middleware(bindings, false);
};
