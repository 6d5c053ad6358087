//! The generated bindings under short names.

const bindings = @import("bindings");

pub const abi = bindings.abi;
pub const memory = bindings.memory;
pub const types = bindings.types;
/// The messages interface as its implementer sees it.
pub const messages = bindings.exports.messages;
pub const wire = bindings.exports.wire;
pub const metadata = bindings.server_metadata;
pub const streams = bindings.wasi_io.streams;
pub const cli = bindings.wasi_cli;
pub const random = bindings.wasi_random.random;
pub const clocks = bindings.wasi_clocks;
pub const http = bindings.wasi_http.types;
