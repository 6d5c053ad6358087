//! The root of a component: exports the world that `implementation` implements.
const std = @import("std");
const implementation = @import("implementation");

comptime {
    @import("bindings").exportWorld();
}

/// A panic is a trap: formatting a message would double a small component.
pub const panic = if (@hasDecl(implementation, "panic")) implementation.panic else std.debug.no_panic;

pub const std_options: std.Options = if (@hasDecl(implementation, "std_options")) implementation.std_options else .{};

/// The I/O implementation of `std.debug.print` and `std.log`.
pub const std_options_debug_io: std.Io = if (@hasDecl(implementation, "std_options_debug_io"))
    implementation.std_options_debug_io
else
    std.Io.failing;
