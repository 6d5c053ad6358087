//! What the author of a server has written for this component, and the environment it runs in.
const std = @import("std");
const bindings = @import("bindings");
const arguments = @import("arguments.zig");

/// The component's table `config` in `pyproject.toml` as a struct. Fields with a default, and optional ones, may be missing.
/// `error.BadConfig`: it is not of this type, or holds what the type does not know.
pub fn read(comptime T: type) error{BadConfig}!T {
    var reader: arguments.Reader = .init(text());
    return reader.read(T) catch error.BadConfig;
}

/// The same table as JSON text; `{}` where there is none.
pub fn text() []const u8 {
    return bindings.config.all();
}

/// A variable of the environment; null without the grant `env`.
pub fn environment(name: []const u8) ?[]const u8 {
    for (bindings.wasi_cli.environment.getEnvironment()) |pair| if (std.mem.eql(u8, pair[0], name)) return pair[1];
    return null;
}
