//! Middleware around the tools of one dynamic component. It also compares the headers that repeat arguments, because
//! the catalogue does not have the schemas of a dynamic component.

const bindings = @import("bindings");

pub const stored_lists = true;

pub const exports = struct {
    pub const server_handler = @import("lib").tools.Middleware(bindings, true);
};
