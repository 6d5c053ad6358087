//! Standard input: lines of the stdio transport, or what the embedding host has to say during a call. Read ahead
//! without waiting while a request is being answered, to see whether the client takes it back.

const std = @import("std");
const envelope = @import("envelope.zig");
const wit = @import("wit.zig");

const Input = @This();
const gpa = wit.memory.gpa;

pub const key_size = 32;
/// In nanoseconds.
const patience = 50_000_000;
const key_words = "0 key ";

const chunk = 64 << 10;
/// How much is read ahead at most: requests that wait, and no more memory than that.
const max_ahead = 2 * envelope.max_body;

stream: ?wit.streams.InputStream = null,
ended: bool = false,
buffer: std.ArrayList(u8) = .empty,
/// Everything before it was taken.
start: usize = 0,
/// Everything before it was searched for the request that is being answered.
searched: usize = 0,
/// A line longer than a body may be is being skipped.
skipping: bool = false,
/// The lines are a client's.
of_client: bool = false,
/// The secret that the embedding host shares with all instances of the server.
key: ?[key_size]u8 = null,

pub var standard: Input = .{};

pub const Line = union(enum) { text: []const u8, too_long, not_utf8 };

/// The next line, waiting for it; null at the end. The text is valid until the next call.
pub fn next(self: *Input) ?Line {
    self.of_client = true;
    self.compact();
    var from = self.start;
    while (true) {
        if (std.mem.findScalarPos(u8, self.buffer.items, from, '\n')) |at| {
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

fn checked(self: *Input, raw: []const u8) Line {
    defer self.skipping = false;
    if (self.skipping or raw.len > envelope.max_body) return .too_long;
    const line = if (std.mem.endsWith(u8, raw, "\r")) raw[0 .. raw.len - 1] else raw;
    return if (std.unicode.utf8ValidateSlice(line)) .{ .text = line } else .not_utf8;
}

/// A new request is answered: what was read ahead may hold its cancellation.
pub fn rewind(self: *Input) void {
    self.searched = self.start;
}

/// Whether the client has taken back the request with this id (stdio transport). Never waits.
pub fn takenBack(self: *Input, id: []const u8) bool {
    self.readAhead();
    while (std.mem.findScalarPos(u8, self.buffer.items, self.searched, '\n')) |at| {
        const line = self.buffer.items[self.searched..at];
        self.searched = at + 1;
        var scope = wit.memory.scope();
        defer scope.end();
        const other = envelope.cancelledId(wit.memory.allocator, line) catch return false;
        if (other) |raw| if (envelope.sameId(wit.memory.allocator, id, raw) catch false) return true;
    }
    return false;
}

/// Whether the embedding host says `TOKEN cancel`. Never waits. Its key is kept, lines of other calls are dropped.
pub fn cancelledBy(self: *Input, token: u32) bool {
    self.readAhead();
    var found = false;
    while (std.mem.findScalarPos(u8, self.buffer.items, self.start, '\n')) |at| {
        const line = self.buffer.items[self.start..at];
        self.start = at + 1;
        const space = std.mem.findScalar(u8, line, ' ') orelse continue;
        const number = std.fmt.parseInt(u32, line[0..space], 10) catch continue;
        const words = line[space + 1 ..];
        if (number == token and std.mem.eql(u8, words, "cancel")) found = true;
        _ = self.takeKey(line);
    }
    self.compact();
    return found;
}

/// The embedding host's key, which it says before anything else. What a client says is no key.
pub fn sharedKey(self: *Input) ?[key_size]u8 {
    if (self.key != null or self.of_client) return self.key;
    self.readAhead();
    if (!self.ended and self.buffer.items.len == self.start) {
        // The first read may find nothing although something lies there: runtimes read in the background.
        self.awaitInput();
        self.readAhead();
    }
    if (std.mem.findScalarPos(u8, self.buffer.items, self.start, '\n')) |at| {
        if (self.takeKey(self.buffer.items[self.start..at])) self.start = at + 1;
    }
    return self.key;
}

/// Wait until something arrives, but no longer than a background read takes.
fn awaitInput(self: *Input) void {
    const arrived = self.stream.?.subscribe();
    defer arrived.drop();
    const late = wit.clock.subscribeDuration(patience);
    defer late.drop();
    _ = wit.poll.poll(&.{ .{ .resource = arrived }, .{ .resource = late } });
}

fn takeKey(self: *Input, line: []const u8) bool {
    if (line.len != key_words.len + 2 * key_size or !std.mem.startsWith(u8, line, key_words)) return false;
    var bytes: [key_size]u8 = undefined;
    _ = std.fmt.hexToBytes(&bytes, line[key_words.len..]) catch return false;
    self.key = bytes;
    return true;
}

fn readAhead(self: *Input) void {
    while (!self.ended and self.buffer.items.len - self.start < max_ahead) {
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

/// Give the memory of taken lines back.
fn compact(self: *Input) void {
    if (self.start == 0) return;
    const rest = self.buffer.items[self.start..];
    @memmove(self.buffer.items[0..rest.len], rest);
    self.buffer.shrinkRetainingCapacity(rest.len);
    if (self.buffer.capacity > 16 * chunk and rest.len < chunk) self.buffer.shrinkAndFree(gpa, rest.len);
    self.searched -|= self.start;
    self.start = 0;
}
