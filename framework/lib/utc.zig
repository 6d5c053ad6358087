//! Times as text, in UTC. Source: RFC 3339; the calendar is the algorithm of Howard Hinnant, "chrono-Compatible
//! Low-Level Date Algorithms", `civil_from_days`.

const std = @import("std");

/// Number of characters of a time.
pub const size = "2026-07-28T00:00:00.000Z".len;

/// Write a time given in milliseconds since 1970; times after the year 9999 become the last one before.
pub fn text(buffer: *[size]u8, milliseconds: u64) []const u8 {
    const most = 253_402_300_799_999;
    const time = @min(milliseconds, most);
    const days = time / 86_400_000 + 719_468;
    const era = days / 146_097;
    const day_of_era = days % 146_097;
    const year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    const day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const shifted = (5 * day_of_year + 2) / 153;
    const day = day_of_year - (153 * shifted + 2) / 5 + 1;
    const month = if (shifted < 10) shifted + 3 else shifted - 9;
    const year = year_of_era + era * 400 + @intFromBool(month <= 2);
    buffer.* = "0000-00-00T00:00:00.000Z".*;
    put(buffer[0..4], year);
    put(buffer[5..7], month);
    put(buffer[8..10], day);
    put(buffer[11..13], time / 3_600_000 % 24);
    put(buffer[14..16], time / 60_000 % 60);
    put(buffer[17..19], time / 1000 % 60);
    put(buffer[20..23], time % 1000);
    return buffer;
}

fn put(digits: []u8, number: u64) void {
    var rest = number;
    var i = digits.len;
    while (i > 0) {
        i -= 1;
        digits[i] = '0' + @as(u8, @intCast(rest % 10));
        rest /= 10;
    }
}

test "times" {
    var buffer: [size]u8 = undefined;
    for ([_]struct { u64, []const u8 }{
        .{ 0, "1970-01-01T00:00:00.000Z" },
        .{ 951_782_400_123, "2000-02-29T00:00:00.123Z" },
        .{ 1_785_196_800_000 + 86_399_999, "2026-07-28T23:59:59.999Z" },
        .{ 1_709_251_199_000, "2024-02-29T23:59:59.000Z" },
        .{ 4_107_542_400_000, "2100-03-01T00:00:00.000Z" },
        .{ std.math.maxInt(u64), "9999-12-31T23:59:59.999Z" },
    }) |case| try std.testing.expectEqualStrings(case[1], text(&buffer, case[0]));
}
