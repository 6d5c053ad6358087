//! Standard input: lines of the stdio transport, or of the embedding host during a call. While a request is being
//! answered, available input is read ahead without blocking, to detect its cancellation.

const std = @import("std");
const lib = @import("lib");
const envelope = @import("envelope.zig");
const wit = @import("wit.zig");

const Input = @This();
const gpa = wit.memory.gpa;

const chunk = 64 << 10;
/// Limit of read-ahead, in bodies: it bounds the memory of pending requests.
const max_ahead = 2;

stream: ?wit.streams.InputStream = null,
ended: bool = false,
buffer: lib.List(u8) = .empty,
/// Everything before it was consumed.
start: usize = 0,
/// Everything before it was searched for a cancellation of the request that is being answered.
searched: usize = 0,
/// True while a line longer than the limit of a body is skipped.
skipping: bool = false,

pub var standard: Input = .{};

pub const Line = union(enum) { text: []const u8, too_long, not_utf8 };

/// Return the next line, blocking until it arrives; null at the end. The text is valid until the next call.
pub fn next(self: *Input) ?Line {
    self.compact();
    var from = self.start;
    while (true) {
        if (self.endOfLine(from)) |at| {
            const line = self.buffer.items[self.start..at];
            self.start = at + 1;
            return self.checked(line);
        }
        if (self.buffer.items.len - self.start > envelope.max_body) {
            self.skipping = true;
            self.buffer.clearRetainingCapacity();
            self.start = 0;
        }
        from = self.buffer.items.len;
        if (self.ended) {
            const line = self.buffer.items[self.start..];
            if (line.len == 0 and !self.skipping) return null;
            self.start = self.buffer.items.len;
            return self.checked(line);
        }
        _ = self.fill(true);
    }
}

/// Return the position of the next line break.
fn endOfLine(self: *const Input, from: usize) ?usize {
    return from + (lib.bytes.position(self.buffer.items[from..], '\n') orelse return null);
}

fn checked(self: *Input, raw: []const u8) Line {
    defer self.skipping = false;
    if (self.skipping or raw.len > envelope.max_body) return .too_long;
    const line = if (lib.bytes.endsWith(raw, "\r")) raw[0 .. raw.len - 1] else raw;
    return if (std.unicode.utf8ValidateSlice(line)) .{ .text = line } else .not_utf8;
}

/// Start over for a new request: its cancellation can already be in the read-ahead.
pub fn rewind(self: *Input) void {
    self.searched = self.start;
}

/// Return true if the client has cancelled the request with this id (stdio transport). Never blocks.
pub fn isCancelled(self: *Input, id: []const u8) bool {
    self.readAhead();
    while (self.endOfLine(self.searched)) |at| {
        const line = self.buffer.items[self.searched..at];
        self.searched = at + 1;
        var scope = wit.memory.scope();
        defer scope.end();
        const other = envelope.cancelledId(wit.memory.allocator, line) catch return false;
        if (other) |raw| if (envelope.sameId(wit.memory.allocator, id, raw) catch false) return true;
    }
    return false;
}

/// Return true if the embedding host has sent `TOKEN cancel`. Never blocks. Lines of other calls are dropped.
pub fn cancelledBy(self: *Input, token: u32) bool {
    self.readAhead();
    var found = false;
    while (self.endOfLine(self.start)) |at| {
        const line = self.buffer.items[self.start..at];
        self.start = at + 1;
        const space = lib.bytes.position(line, ' ') orelse continue;
        const number = lib.decimal.parse(line[0..space], std.math.maxInt(u32)) orelse continue;
        if (number == token and lib.bytes.equal(line[space + 1 ..], "cancel")) found = true;
    }
    self.compact();
    return found;
}

fn readAhead(self: *Input) void {
    while (!self.ended and self.buffer.items.len - self.start < max_ahead * envelope.max_body) {
        if (!self.fill(false)) return;
    }
}

/// Read once. False: nothing has arrived.
fn fill(self: *Input, wait: bool) bool {
    const stream = self.stream orelse wit.cli.stdin.getStdin();
    self.stream = stream;
    var scope = wit.memory.scope();
    defer scope.end();
    const result = if (wait) stream.blockingRead(chunk) else stream.read(chunk);
    const bytes = result.get() catch {
        self.ended = true;
        return false;
    };
    self.buffer.appendSlice(gpa, bytes) catch {
        self.ended = true;
        return false;
    };
    return bytes.len > 0;
}

/// Free the memory of consumed lines.
fn compact(self: *Input) void {
    if (self.start == 0) return;
    const rest = self.buffer.items[self.start..];
    @memmove(self.buffer.items[0..rest.len], rest);
    self.buffer.shrinkRetainingCapacity(rest.len);
    if (self.buffer.capacity > 16 * chunk and rest.len < chunk) {
        var small: lib.List(u8) = .empty;
        if (small.appendSlice(gpa, self.buffer.items)) {
            self.buffer.deinit(gpa);
            self.buffer = small;
        } else |_| {}
    }
    self.searched -|= self.start;
    self.start = 0;
}
