//! Decimal numbers. A float gets the fewest digits that read back as the same number, by the free-format algorithm of
//! Steele and White ("How to print floating-point numbers accurately", PLDI 1990) on fixed-size integers: it takes a
//! few hundred bytes, where faster algorithms add tables of many kilobytes to each component that writes a number.

const std = @import("std");

/// Write the digits of an integer at the end of the buffer.
pub fn integer(buffer: *[20]u8, number: u64) []const u8 {
    var at: usize = buffer.len;
    var rest = number;
    while (true) {
        at -= 1;
        buffer[at] = '0' + @as(u8, @intCast(rest % 10));
        rest /= 10;
        if (rest == 0) return buffer[at..];
    }
}

/// Parse a text of digits only; null for any other text, and for numbers above `most`.
pub fn parse(text: []const u8, most: u64) ?u64 {
    var number: u64 = 0;
    for (text) |digit| {
        if (digit < '0' or digit > '9' or number > most / 10) return null;
        number = number * 10 + (digit - '0');
        if (number > most) return null;
    }
    return if (text.len == 0) null else number;
}

/// Finite number that is not negative: `0.digits * 10^exponent`. Zero has no digits.
pub const Decimal = struct {
    buffer: [17]u8 = undefined,
    len: usize = 0,
    exponent: i32 = 0,

    pub fn digits(self: *const Decimal) []const u8 {
        return self.buffer[0..self.len];
    }
};

pub fn shortest(number: f64) Decimal {
    var result: Decimal = .{};
    const bits: u64 = @bitCast(number);
    const biased: i32 = @intCast(bits >> 52 & 0x7ff);
    const fraction = bits & (1 << 52) - 1;
    if (biased == 0 and fraction == 0) return result;
    const mantissa = if (biased == 0) fraction else fraction | 1 << 52;
    const power: i32 = (if (biased == 0) 1 else biased) - 1075;
    // The number is rest / scale. Decimals between (rest - below) / scale and (rest + above) / scale read back as the
    // same number; below a power of two the neighbour is half as far away.
    const near: u5 = @intFromBool(fraction == 0 and biased > 1);
    var rest: Big = .shifted(mantissa, @intCast(@max(power, 0) + 1 + near));
    var scale: Big = .shifted(1, @intCast(@max(-power, 0) + 1 + near));
    var below: Big = .shifted(1, @intCast(@max(power, 0)));
    var above: Big = .shifted(1, @intCast(@max(power, 0) + near));
    // Ties round to even.
    const even = mantissa % 2 == 0;

    while (rest.plus(&above).order(&scale).compare(if (even) .gte else .gt)) {
        scale.timesTen();
        result.exponent += 1;
    }
    while (true) {
        rest.timesTen();
        below.timesTen();
        above.timesTen();
        if (rest.plus(&above).order(&scale).compare(if (even) .gte else .gt)) break;
        result.exponent -= 1;
    }
    while (true) {
        var digit: u8 = '0';
        while (rest.order(&scale) != .lt) : (digit += 1) rest.subtract(&scale);
        const low = rest.order(&below).compare(if (even) .lte else .lt);
        const high = rest.plus(&above).order(&scale).compare(if (even) .gte else .gt);
        const up = high and (!low or rest.plus(&rest).order(&scale) != .lt);
        result.buffer[result.len] = digit + @intFromBool(up);
        result.len += 1;
        if (low or high) return result;
        rest.timesTen();
        below.timesTen();
        above.timesTen();
    }
}

/// Integer below 2^1152, which is larger than any value in `shortest`.
const Big = struct {
    words: [36]u32,

    fn shifted(number: u64, by: usize) Big {
        var self: Big = .{ .words = @splat(0) };
        const wide = @as(u128, number) << @intCast(by % 32);
        for (0..3) |i| self.words[by / 32 + i] = @truncate(wide >> @intCast(32 * i));
        return self;
    }

    fn timesTen(self: *Big) void {
        var carry: u64 = 0;
        for (&self.words) |*word| {
            carry += @as(u64, word.*) * 10;
            word.* = @truncate(carry);
            carry >>= 32;
        }
    }

    fn plus(self: *const Big, other: *const Big) Big {
        var sum: Big = undefined;
        var carry: u64 = 0;
        for (&sum.words, self.words, other.words) |*word, a, b| {
            carry += @as(u64, a) + b;
            word.* = @truncate(carry);
            carry >>= 32;
        }
        return sum;
    }

    fn subtract(self: *Big, other: *const Big) void {
        var borrow: i64 = 0;
        for (&self.words, other.words) |*word, b| {
            borrow += @as(i64, word.*) - b;
            word.* = @truncate(@as(u64, @bitCast(borrow)));
            borrow >>= 32;
        }
    }

    fn order(self: *const Big, other: *const Big) std.math.Order {
        var i: usize = self.words.len;
        while (i > 0) {
            i -= 1;
            if (self.words[i] != other.words[i]) return if (self.words[i] < other.words[i]) .lt else .gt;
        }
        return .eq;
    }
};

fn expectShortest(number: f64) !void {
    const decimal = shortest(number);
    var buffer: [64]u8 = undefined;
    const text = try std.fmt.bufPrint(&buffer, "0.{s}e{d}", .{ decimal.digits(), decimal.exponent });
    const read = try std.fmt.parseFloat(f64, if (decimal.len == 0) "0" else text);
    try std.testing.expectEqual(@as(u64, @bitCast(number)), @as(u64, @bitCast(read)));
    // Expect as many digits as the standard library writes.
    var expected: usize = 0;
    var other: [64]u8 = undefined;
    const scientific = try std.fmt.float.render(&other, number, .{ .mode = .scientific });
    for (scientific) |c| switch (c) {
        '0'...'9' => expected += 1,
        'e' => break,
        else => {},
    };
    if (number != 0) try std.testing.expectEqual(expected, decimal.len);
}

test "shortest" {
    for ([_]f64{
        0,         1,        0.1,                     0.5,                    0.3,       100,
        1e21,      1e22,     1e23,                    123456789.125,          1.0 / 3.0, 9007199254740992,
        4.35,      5e-324,   2.2250738585072014e-308, 1.7976931348623157e308, 2e-44,     9.5e-5,
        0x1p-1074, 0x1p1023, 8.41e21,                 9.999999999999999e22,
    }) |number| try expectShortest(number);
    var exponent: f64 = 0x1p-1074;
    while (std.math.isFinite(exponent)) : (exponent *= 2) try expectShortest(exponent);
    var random = std.Random.DefaultPrng.init(1);
    for (0..2000) |_| {
        const number: f64 = @bitCast(random.random().int(u64) & ~(@as(u64, 1) << 63));
        if (std.math.isFinite(number)) try expectShortest(number);
    }
    for (0..2000) |_| try expectShortest(@as(f64, @floatFromInt(random.random().int(u32))) / 1000);
}

test "parsing of integers" {
    const most = std.math.maxInt(u64) - 10;
    try std.testing.expectEqual(0, parse("000", most));
    try std.testing.expectEqual(18446744073709551605, parse("18446744073709551605", most));
    for ([_][]const u8{ "", "-1", "+1", "1_0", " 1", "18446744073709551606", "184467440737095516050" }) |text|
        try std.testing.expectEqual(null, parse(text, most));
    try std.testing.expectEqual(null, parse("256", 255));
    try std.testing.expectEqual(255, parse("255", 255));
}

test "integers" {
    var buffer: [20]u8 = undefined;
    try std.testing.expectEqualStrings("0", integer(&buffer, 0));
    try std.testing.expectEqualStrings("18446744073709551615", integer(&buffer, std.math.maxInt(u64)));
}
