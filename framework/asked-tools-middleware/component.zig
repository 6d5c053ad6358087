//! A link of the chain around the tools of one component that is asked what it offers: it compares the headers, too, that
//! repeat arguments, as no catalogue knows the schemas.

const bindings = @import("bindings");

pub const stored_lists = true;

pub const exports = struct {
    pub const server_handler = @import("lib").tools.Link(bindings, true);
};
