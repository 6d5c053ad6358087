//! Standard error, for the operator of the server: output of `std.debug.print`, `std.log` and panics.
const std = @import("std");
const bindings = @import("bindings");

const Io = std.Io;

/// True if the component's world imports it.
pub const is_there = @hasDecl(bindings, "wasi_cli") and @hasDecl(bindings.wasi_cli, "stderr");

const cli = if (is_there) bindings.wasi_cli.stderr else struct {
    pub fn getStderr() noreturn {
        @compileError("printing needs `import wasi:cli/stderr@0.2.8;` in the component's world");
    }
};

var stream: ?@typeInfo(@TypeOf(cli.getStderr)).@"fn".return_type.? = null;
var file_writer: Io.File.Writer = .{
    .io = undefined,
    .file = undefined,
    .mode = .streaming,
    .interface = .{ .vtable = &.{ .drain = drain }, .buffer = &.{} },
};
var buffer: [512]u8 = undefined;

/// `Io` that implements only standard error.
pub const io: Io = .{ .userdata = null, .vtable = &vtable };

const vtable: Io.VTable = vtable: {
    var made = Io.failing.vtable.*;
    made.swapCancelProtection = swapCancelProtection;
    made.lockStderr = lock;
    made.tryLockStderr = tryLock;
    made.unlockStderr = unlock;
    break :vtable made;
};

fn swapCancelProtection(_: ?*anyopaque, _: Io.CancelProtection) Io.CancelProtection {
    return .blocked;
}

fn lock(_: ?*anyopaque, _: ?Io.Terminal.Mode) Io.Cancelable!Io.LockedStderr {
    return .{ .file_writer = &file_writer, .terminal_mode = .no_color };
}

fn tryLock(_: ?*anyopaque, _: ?Io.Terminal.Mode) Io.Cancelable!?Io.LockedStderr {
    return .{ .file_writer = &file_writer, .terminal_mode = .no_color };
}

fn unlock(_: ?*anyopaque) void {
    file_writer.interface.flush() catch {};
    file_writer.interface.buffer = &.{};
}

fn drain(w: *Io.Writer, data: []const []const u8, splat: usize) Io.Writer.Error!usize {
    write(w.buffered());
    w.end = 0;
    // The buffer of `std.debug.print` has 64 bytes; a larger one reduces the calls of the host.
    w.buffer = &buffer;
    var count: usize = 0;
    for (data, 0..) |part, i| for (0..if (i + 1 == data.len) splat else 1) |_| {
        write(part);
        count += part.len;
    };
    return count;
}

/// Write a text; it is discarded if the stream is closed.
pub fn write(text: []const u8) void {
    if (text.len == 0) return;
    const to = stream orelse cli.getStderr();
    stream = to;
    // WASI 0.2 (wasi:io/streams) limits a write to 4096 bytes.
    var rest = text;
    while (rest.len > 0) {
        const part = rest[0..@min(rest.len, 4096)];
        _ = to.blockingWriteAndFlush(part).get() catch return;
        rest = rest[part.len..];
    }
}
