//! The standard streams.

const std = @import("std");
const wit = @import("wit.zig");

const OutputStream = wit.streams.OutputStream;

var stdout: ?OutputStream = null;
var stderr: ?OutputStream = null;

/// Write to standard output and flush. False: the reader has closed it.
pub fn write(bytes: []const u8) bool {
    const stream = stdout orelse wit.cli.stdout.getStdout();
    stdout = stream;
    return writeTo(stream, bytes);
}

/// Log a message for the operator on standard error.
pub fn log(parts: []const []const u8) void {
    const stream = stderr orelse wit.cli.stderr.getStderr();
    stderr = stream;
    const line = std.mem.concat(wit.memory.allocator, u8, parts) catch return;
    _ = writeTo(stream, "wasmcp: ");
    _ = writeTo(stream, line);
    _ = writeTo(stream, "\n");
}

/// Write all bytes and flush. False: the stream is closed or failed.
pub fn writeTo(stream: OutputStream, bytes: []const u8) bool {
    // WASI 0.2 (wasi:io/streams) accepts at most 4096 bytes in one blocking write.
    var rest = bytes;
    while (rest.len > 0) {
        const part = rest[0..@min(rest.len, 4096)];
        _ = stream.blockingWriteAndFlush(part).get() catch return false;
        rest = rest[part.len..];
    }
    return true;
}
