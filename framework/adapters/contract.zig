//! The contract that an adapter translates: the same source is built against each.

const bindings = @import("bindings");

pub const theirs = if (@hasDecl(bindings, "wasmcp_mcp_v20251125"))
    bindings.wasmcp_mcp_v20251125
else
    bindings.wasmcp_mcp_v20250618;

pub const mcp = theirs.mcp;
