//! Encoding of typed values in a store: a type byte and the value. A counter has no type byte: it is decimal digits, so
//! that programs without wasmcp can read and write counters. Bytes in none of these forms decode to `bytes` unchanged,
//! so that decoding never fails. docs/reference/key-value-store.md has the table.

const std = @import("std");
const decimals = @import("decimal.zig");

const Allocator = std.mem.Allocator;

const tag = struct {
    const string = 1;
    const json = 2;
    const unsigned = 3;
    const signed = 4;
    const boolean = 5;
    const bytes = 6;
};

/// Format in which a runtime stores the counters of its own `increment`.
pub const CounterForm = enum {
    /// Digits, as in wasmtime, Redis and the wasmcp host.
    decimal,
    /// Eight bytes, the lowest first, as in wasmCloud's own stores. Other values of eight bytes are extended by one
    /// byte.
    little,
    /// Eight bytes, the highest first, as in wasmCloud with NATS. Other values are extended as well.
    big,

    /// Return the order of the bytes of a counter; null for digits.
    fn endian(form: CounterForm) ?std.builtin.Endian {
        return switch (form) {
            .decimal => null,
            .little => .little,
            .big => .big,
        };
    }

    /// Detect the format from a small counter as it was stored: read in the wrong order it is huge.
    pub fn of(stored: []const u8) CounterForm {
        if (stored.len != 8 or std.ascii.isDigit(stored[0]) and std.ascii.isDigit(stored[7])) return .decimal;
        const little = std.mem.readInt(u64, stored[0..8], .little);
        return if (little <= std.mem.readInt(u64, stored[0..8], .big)) .little else .big;
    }
};

/// First byte of an extended value: a second byte, 0, is inserted, so that it is not as long as a counter.
const longer = 0x80;

/// Encode a value for a runtime that stores counters in this format.
pub fn encodeFor(allocator: Allocator, value: anytype, form: CounterForm) Allocator.Error![]const u8 {
    const endian = form.endian() orelse return encode(allocator, value);
    if (value == .s64) {
        const out = try allocator.alloc(u8, 8);
        std.mem.writeInt(i64, out[0..8], value.s64, endian);
        return out;
    }
    const encoded = try encode(allocator, value);
    if (encoded.len != 8) return encoded;
    return std.mem.concat(allocator, u8, &.{ &.{ encoded[0] | longer, 0 }, encoded[1..] });
}

/// Decode a value of a runtime that stores counters in this format. The result points into `bytes` or is a copy.
pub fn decodeFor(
    allocator: Allocator,
    comptime Value: type,
    bytes: []const u8,
    form: CounterForm,
) Allocator.Error!Value {
    const endian = form.endian() orelse return decode(Value, bytes);
    if (bytes.len == 8) return .{ .s64 = std.mem.readInt(i64, bytes[0..8], endian) };
    if (bytes.len == 9 and bytes[0] & longer != 0 and bytes[1] == 0) {
        const short = try std.mem.concat(allocator, u8, &.{ &.{bytes[0] & ~@as(u8, longer)}, bytes[2..] });
        return decode(Value, short);
    }
    return decode(Value, bytes);
}

/// Encode a value: the variant `value` of interface `key-value-types`.
pub fn encode(allocator: Allocator, value: anytype) Allocator.Error![]const u8 {
    var buffer: [20]u8 = undefined;
    const first: u8, const rest: []const u8 = switch (value) {
        .string => |text| .{ tag.string, text },
        .json => |text| .{ tag.json, text },
        .u64 => |number| number: {
            std.mem.writeInt(u64, buffer[0..8], number, .little);
            break :number .{ tag.unsigned, buffer[0..8] };
        },
        .s64 => |number| return allocator.dupe(u8, decimal(&buffer, number)),
        .bool => |flag| .{ tag.boolean, if (flag) "\x01" else "\x00" },
        .bytes => |bytes| .{ tag.bytes, bytes },
    };
    const out = try allocator.alloc(u8, 1 + rest.len);
    out[0] = first;
    @memcpy(out[1..], rest);
    return out;
}

/// Decode stored bytes. The result points into `bytes`.
pub fn decode(comptime Value: type, bytes: []const u8) Value {
    if (bytes.len == 0) return .{ .bytes = bytes };
    const rest = bytes[1..];
    switch (bytes[0]) {
        tag.string => if (std.unicode.utf8ValidateSlice(rest)) return .{ .string = rest },
        tag.json => if (std.unicode.utf8ValidateSlice(rest)) return .{ .json = rest },
        tag.unsigned => if (rest.len == 8) return .{ .u64 = std.mem.readInt(u64, rest[0..8], .little) },
        tag.signed => if (rest.len == 8) return .{ .s64 = std.mem.readInt(i64, rest[0..8], .little) },
        tag.boolean => if (rest.len == 1 and rest[0] < 2) return .{ .bool = rest[0] == 1 },
        tag.bytes => return .{ .bytes = rest },
        else => if (parse(bytes)) |number| return .{ .s64 = number },
    }
    return .{ .bytes = bytes };
}

/// Write a number in decimal.
pub fn decimal(buffer: *[20]u8, number: i64) []const u8 {
    const digits = decimals.integer(buffer, @abs(number));
    if (number >= 0) return digits;
    const at = buffer.len - digits.len - 1;
    buffer[at] = '-';
    return buffer[at..];
}

/// Parse the output of `decimal`; null for any other text.
pub fn parse(text: []const u8) ?i64 {
    const negative = text.len > 0 and text[0] == '-';
    const digits = if (negative) text[1..] else text;
    if (digits.len > 0 and digits[0] == '0' and text.len > 1) return null;
    const size = decimals.parse(digits, (1 << 63) - @as(u64, @intFromBool(!negative))) orelse return null;
    return if (negative) @bitCast(0 -% size) else @intCast(size);
}

const Sample = union(enum) { string: []const u8, json: []const u8, u64: u64, s64: i64, bool: bool, bytes: []const u8 };

test "round trip" {
    var state: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer state.deinit();
    const least = std.math.minInt(i64);
    const most = std.math.maxInt(i64);
    for ([_]Sample{
        .{ .string = "" },           .{ .string = "12" },
        .{ .string = "\x06\u{e9}" }, .{ .json = "{\"a\": 1.10}" },
        .{ .u64 = 0 },               .{ .u64 = 1 << 63 },
        .{ .u64 = 5 },               .{ .s64 = 0 },
        .{ .s64 = 5 },               .{ .s64 = -10 },
        .{ .s64 = least },           .{ .s64 = most },
        .{ .bool = true },           .{ .bool = false },
        .{ .bytes = "" },            .{ .bytes = "\x06" },
        .{ .bytes = "12" },          .{ .bytes = "\xff" },
    }) |value| {
        try std.testing.expectEqualDeep(value, decode(Sample, try encode(state.allocator(), value)));
    }
}

test "round trip with binary counters" {
    var state: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer state.deinit();
    const allocator = state.allocator();
    for ([_]Sample{
        .{ .string = "" },                             .{ .string = "1234567" },
        .{ .string = "\x00\x00\x00\x00\x00\x00\x00" }, .{ .string = "12345678" },
        .{ .json = "\"12345\"" },                      .{ .bytes = "\x00\x00\x00\x00\x00\x00\x00" },
        .{ .bytes = "12345678" },                      .{ .u64 = 5 },
        .{ .bool = true },                             .{ .s64 = 0 },
        .{ .s64 = 1 },                                 .{ .s64 = -1 },
        .{ .s64 = 3544668469065756977 },               .{ .s64 = std.math.minInt(i64) },
    }) |value| {
        for ([_]CounterForm{ .little, .big }) |form| {
            const encoded = try encodeFor(allocator, value, form);
            try std.testing.expectEqual(value == .s64, encoded.len == 8);
            try std.testing.expectEqualDeep(value, try decodeFor(allocator, Sample, encoded, form));
        }
        try std.testing.expectEqualDeep(
            value,
            try decodeFor(allocator, Sample, try encodeFor(allocator, value, .decimal), .decimal),
        );
    }
    try std.testing.expectEqualDeep(
        Sample{ .s64 = 3 },
        try decodeFor(allocator, Sample, "\x03\x00\x00\x00\x00\x00\x00\x00", .little),
    );
    try std.testing.expectEqual(.little, CounterForm.of("\x02\x01\x00\x00\x00\x00\x00\x00"));
    try std.testing.expectEqual(.big, CounterForm.of("\x00\x00\x00\x00\x00\x00\x01\x02"));
    for ([_][]const u8{ "258", "10000000" }) |digits| try std.testing.expectEqual(.decimal, CounterForm.of(digits));
}

test "bytes written by other programs" {
    for ([_][]const u8{
        "",        "a",                   "-",                    "-0",                   "007",      "+5",
        "5 ",      "9223372036854775808", "-9223372036854775809", "99999999999999999999", "\x01\xff", "\x02\xc3",
        "\x03123", "\x0412345678910",     "\x05",                 "\x05\x02",             "\x00",     "\x07",
    }) |bytes| {
        try std.testing.expectEqualDeep(Sample{ .bytes = bytes }, decode(Sample, bytes));
    }
    try std.testing.expectEqualDeep(Sample{ .s64 = -2 }, decode(Sample, "\x04\xfe\xff\xff\xff\xff\xff\xff\xff"));
}
