//! Configuration of a component: values of its table `config` in `pyproject.toml`, overridden by the operator's
//! environment.
const std = @import("std");
const bindings = @import("bindings");
const arguments = @import("arguments.zig");
const json_text = @import("json_text.zig");
const text_values = @import("text_values.zig");
const values = @import("values.zig");

const allocator = bindings.memory.allocator;

pub const Error = error{
    /// A required value that is neither in the environment nor in the table.
    MissingConfig,
    /// A value that is not of the requested type.
    InvalidConfig,
};

/// Problem of the last `error.InvalidConfig`. It does not contain a value of the environment, which can be a secret.
var problem: []const u8 = "";

/// Return a required value as a type: any type that an argument of a tool can have. The environment has precedence; the
/// component needs the grant `env` for it. In the environment a bool is `true`, `yes`, `on` or `1`, or `false`, `no`,
/// `off` or `0`; a value that is neither a string nor a number nor an enum is JSON.
pub fn get(comptime T: type, key: []const u8) Error!T {
    return try find(T, key) orelse error.MissingConfig;
}

/// Return a value as a type, or the default if the key is not set; see `get`.
pub fn getOr(comptime T: type, key: []const u8, default: T) Error!T {
    return try find(T, key) orelse default;
}

/// Return a value as a type; null if the key is not set; see `get`.
pub fn find(comptime T: type, key: []const u8) Error!?T {
    if (environment(key)) |given| return converted(T, given) orelse {
        problem = "in the environment: expected the type `" ++ @typeName(T) ++ "`";
        return error.InvalidConfig;
    };
    const found = json_text.member(text(), key) orelse return null;
    var reader: arguments.Reader = .init(found);
    return reader.read(T) catch {
        problem = std.mem.concat(allocator, u8, &.{ "in the table: ", reader.message() }) catch "in the table";
        return error.InvalidConfig;
    };
}

fn converted(comptime T: type, given: []const u8) ?T {
    switch (comptime values.kindOf(T)) {
        .optional => return if (converted(@typeInfo(T).optional.child, given)) |found| @as(T, found) else null,
        .string, .integer, .number, .choice => return text_values.read(T, given),
        .boolean => {
            const words = [_][2][]const u8{
                .{ "true", "false" },
                .{ "yes", "no" },
                .{ "on", "off" },
                .{ "1", "0" },
            };
            for (words) |pair| for (pair, [_]bool{ true, false }) |word, flag|
                if (std.ascii.eqlIgnoreCase(given, word)) return flag;
            return null;
        },
        else => {
            var reader: arguments.Reader = .init(given);
            return reader.read(T) catch null;
        },
    }
}

/// Return the text of an error of this library, the same as in the guest libraries of other languages.
pub fn message(reason: anyerror, key: []const u8) error{OutOfMemory}![]const u8 {
    return switch (reason) {
        error.MissingConfig => std.fmt.allocPrint(
            allocator,
            "configuration `{s}`: it is not set. For a secret or a value of one machine use an environment " ++
                "variable: grant the component `env` and declare `{s} = {{}}` in `[tool.wasmcp.servers.NAME.env]` " ++
                "of `pyproject.toml`. Write a value that is the same everywhere and not confidential into " ++
                "`[tool.wasmcp.components.NAME.config]`",
            .{ key, key },
        ),
        error.InvalidConfig => std.fmt.allocPrint(allocator, "configuration `{s}`: {s}", .{ key, problem }),
        else => @errorName(reason),
    };
}

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
