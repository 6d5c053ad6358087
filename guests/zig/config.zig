//! Configuration of a component, and environment variables.
const std = @import("std");
const bindings = @import("bindings");
const arguments = @import("arguments.zig");

/// Parse the component's table `config` in `pyproject.toml` as a struct. Fields with a default and optional ones can be
/// missing. `error.BadConfig`: the table does not match the type, or has unknown keys.
pub fn read(comptime T: type) error{BadConfig}!T {
    var reader: arguments.Reader = .init(text());
    return reader.read(T) catch error.BadConfig;
}

/// Return the component's table `config` as JSON text; `{}` if it is missing.
pub fn text() []const u8 {
    return bindings.config.all();
}

/// Return the value of an environment variable; null if it is not set, or without the grant `env`.
pub fn environment(name: []const u8) ?[]const u8 {
    for (bindings.wasi_cli.environment.getEnvironment()) |pair| if (std.mem.eql(u8, pair[0], name)) return pair[1];
    return null;
}
