//! JSON writer with one buffer that only grows; if the memory cannot grow, the instance ends. Commas are inserted
//! automatically: before each value or name, unless the end of the buffer shows that none belongs there.

const std = @import("std");
const List = @import("list.zig").List;
const json = @import("json.zig");
const json_scan = @import("json_scan");
const strings = @import("json_string.zig");
const octets = @import("bytes.zig");
const decimals = @import("decimal.zig");
const encoding = @import("base64.zig");

const Writer = @This();
const Allocator = std.mem.Allocator;

pub const Error = Allocator.Error;
/// `InvalidJson`: a text that a component passed as JSON is not valid JSON.
pub const EmbedError = Error || error{InvalidJson};

gpa: Allocator,
buffer: List(u8) = .empty,

pub fn init(gpa: Allocator) Writer {
    return .{ .gpa = gpa };
}

pub fn deinit(self: *Writer) void {
    self.buffer.deinit(self.gpa);
}

pub fn text(self: *const Writer) []const u8 {
    return self.buffer.items;
}

/// Append bytes unchanged.
pub fn raw(self: *Writer, bytes: []const u8) Error!void {
    self.grow(bytes.len);
    self.buffer.appendSliceAssumeCapacity(bytes);
}

/// Append the bytes from an offset up to another once more.
pub fn again(self: *Writer, from: usize, to: usize) Error!void {
    self.grow(to - from);
    self.buffer.appendSliceAssumeCapacity(self.buffer.items[from..to]);
}

/// Reserve room for that many more bytes. Without memory no response can be written, not even an error response.
pub fn grow(self: *Writer, more: usize) void {
    self.buffer.ensureUnusedCapacity(self.gpa, more) catch @trap();
}

fn comma(self: *Writer) Error!void {
    const written = self.buffer.items;
    if (written.len == 0) return;
    switch (written[written.len - 1]) {
        '{', '[', ':', ',', ' ', '\n' => {},
        else => try self.raw(","),
    }
}

pub fn open(self: *Writer, bracket: u8) Error!void {
    try self.comma();
    try self.raw(&.{bracket});
}

pub fn close(self: *Writer, bracket: u8) Error!void {
    try self.raw(&.{bracket});
}

/// Write the name of a member that needs no escapes.
pub fn key(self: *Writer, comptime name: []const u8) Error!void {
    try self.comma();
    try self.raw("\"" ++ name ++ "\":");
}

/// Write the name of a member, with escapes.
pub fn keyText(self: *Writer, name: []const u8) Error!void {
    try self.string(name);
    try self.raw(":");
}

/// Append a value that is already validated JSON.
pub fn value(self: *Writer, checked: []const u8) Error!void {
    try self.comma();
    try self.raw(checked);
}

pub fn string(self: *Writer, plain: []const u8) Error!void {
    try self.comma();
    try self.raw("\"");
    try self.escaped(plain);
    try self.raw("\"");
}

/// Write the inside of a string, escaped.
fn escaped(self: *Writer, plain: []const u8) Error!void {
    var rest = plain;
    while (true) {
        const run = json_scan.plainPrefix(rest);
        try self.raw(rest[0..run]);
        if (run == rest.len) return;
        switch (rest[run]) {
            '"' => try self.raw("\\\""),
            '\\' => try self.raw("\\\\"),
            '\n' => try self.raw("\\n"),
            '\r' => try self.raw("\\r"),
            '\t' => try self.raw("\\t"),
            else => |c| {
                const hex = "0123456789abcdef";
                try self.raw(&.{ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] });
            },
        }
        rest = rest[run + 1 ..];
    }
}

/// Write bytes as a string in base64 (RFC 4648, section 4).
pub fn base64(self: *Writer, bytes: []const u8) Error!void {
    try self.comma();
    self.grow(encoding.size(bytes.len) + 2);
    self.buffer.appendAssumeCapacity('"');
    _ = encoding.encode(self.buffer.addManyAsSliceAssumeCapacity(encoding.size(bytes.len)), .standard, bytes);
    self.buffer.appendAssumeCapacity('"');
}

pub fn boolean(self: *Writer, flag: bool) Error!void {
    try self.value(if (flag) "true" else "false");
}

pub fn integer(self: *Writer, number: anytype) Error!void {
    try self.comma();
    try self.digits(number);
}

/// Write digits without a comma before them.
pub fn digits(self: *Writer, number: anytype) Error!void {
    var buffer: [20]u8 = undefined;
    if (number < 0) try self.raw("-");
    try self.raw(decimals.integer(&buffer, @abs(number)));
}

/// Write a number in its shortest form that reads back as the same number. It must be finite: JSON has no infinity or
/// NaN.
pub fn float(self: *Writer, number: f64) Error!void {
    std.debug.assert(std.math.isFinite(number));
    const size = @abs(number);
    try self.value(if (std.math.signbit(number)) "-" else "");
    const decimal = decimals.shortest(size);
    const all = decimal.digits();
    // Many readers parse digits alone as an exact integer, so write them only where the shortest form is the exact
    // value.
    const plain = size == 0 or (size >= 1e-7 and size < 1 << 53);
    if (!plain) {
        try self.raw(all[0..1]);
        if (all.len > 1) try self.raw(".");
        try self.raw(all[1..]);
        try self.raw("e");
        return self.digits(decimal.exponent - 1);
    }
    const before: usize = @intCast(@max(decimal.exponent, 0));
    if (before == 0) try self.raw("0") else try self.raw(all[0..@min(before, all.len)]);
    for (all.len..@max(before, all.len)) |_| try self.raw("0");
    if (all.len <= before) return;
    try self.raw(".");
    for (0..@intCast(@max(-decimal.exponent, 0))) |_| try self.raw("0");
    try self.raw(all[before..]);
}

/// Append a component's JSON after validation, on one line: a line break inside a message would end it on the stdio
/// transport. Lone surrogates become U+FFFD, because strict readers reject them. Returns the kind of the value.
pub fn embed(self: *Writer, untrusted: []const u8) EmbedError!json.Kind {
    const kind = try check(untrusted);
    try self.embedValid(untrusted);
    return kind;
}

/// Append a component's JSON that `check` has found valid.
pub fn embedValid(self: *Writer, valid: []const u8) Error!void {
    try self.comma();
    // Trimmed, because the next comma depends on the last character.
    try self.oneLine(octets.trimmed(valid));
}

/// Validate a component's JSON and return its kind.
pub fn check(untrusted: []const u8) error{InvalidJson}!json.Kind {
    var scanner = json.Scanner.init(untrusted);
    scanner.surrogates = .any;
    const kind = scanner.peek() catch return error.InvalidJson;
    _ = scanner.value() catch return error.InvalidJson;
    scanner.end() catch return error.InvalidJson;
    return kind;
}

/// Append valid JSON as one line, without lone surrogates. In valid JSON line breaks only occur between tokens.
pub fn oneLine(self: *Writer, valid: []const u8) Error!void {
    if (isOneLine(valid)) return self.raw(valid);
    self.grow(valid.len);
    var i: usize = 0;
    while (i < valid.len) switch (valid[i]) {
        '\r', '\n' => i += 1,
        '\\' => {
            const size = escapeLength(valid[i..]);
            self.buffer.appendSliceAssumeCapacity(if (size == 0) "\\ufffd" else valid[i..][0..size]);
            i += if (size == 0) 6 else size;
        },
        else => |c| {
            self.buffer.appendAssumeCapacity(c);
            i += 1;
        },
    };
}

/// Return whether a JSON text has neither line breaks nor escapes by number.
fn isOneLine(valid: []const u8) bool {
    var i: usize = 0;
    while (true) {
        i += json_scan.plainPrefix(valid[i..]);
        if (i == valid.len) return true;
        switch (valid[i]) {
            '\r', '\n' => return false,
            '\\' => if (valid[i + 1] == 'u') return false else {
                i += 2;
            },
            else => i += 1,
        }
    }
}

/// Return the length of the escape that the text starts with (both escapes of a surrogate pair); 0 for a lone
/// surrogate.
fn escapeLength(escape: []const u8) usize {
    if (escape[1] != 'u') return 2;
    const unit = strings.hexUnit(escape[2..6]).?;
    if (unit & 0xf800 != 0xd800) return 6;
    if (unit >= 0xdc00) return 0;
    return if (strings.lowSurrogate(escape[6..]) == null) 0 else 12;
}

test {
    _ = @import("Writer_test.zig");
}
