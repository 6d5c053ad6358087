//! Parser of JSON text into a struct of arguments. Errors list all mismatches with their paths, up to a maximum.
const std = @import("std");
const bindings = @import("bindings");
const json_scan = @import("json_scan");
const texts = @import("protocol_table").call_errors;
const text_values = @import("text_values.zig");
const values = @import("values.zig");

const memory = bindings.memory;

pub const Reader = struct {
    scanner: std.json.Scanner,
    path: [max_path]Segment = undefined,
    depth: usize = 0,
    /// The mismatches, as `path: reason`.
    problems: std.ArrayList([]const u8) = .empty,
    /// True if parsing cannot continue, or the maximum of mismatches is reached.
    is_over: bool = false,

    const max_path = 32;
    const max_problems = 20;
    const Segment = union(enum) { name: []const u8, index: usize };
    const Token = std.json.TokenType;

    pub fn init(text: []const u8) Reader {
        return .{ .scanner = .initCompleteInput(memory.allocator, text) };
    }

    /// Parse the whole text as a `T`. After `error.Mismatch`, `message` returns the mismatches.
    pub fn read(self: *Reader, comptime T: type) error{Mismatch}!T {
        const value = try self.readValue(T);
        // An error if text follows.
        _ = try self.peek();
        return value;
    }

    /// Parse the whole text, an object of strings, as a `T` whose fields are converted from them.
    pub fn readTexts(self: *Reader, comptime T: type) error{Mismatch}!T {
        const value = try self.readObject(T, readConverted);
        _ = try self.peek();
        return value;
    }

    /// Return the mismatches: `path: reason; path: reason`.
    pub fn message(self: *const Reader) []const u8 {
        const all = std.mem.join(memory.allocator, "; ", self.problems.items) catch return "they do not fit";
        if (self.problems.items.len < max_problems) return all;
        return std.mem.concat(memory.allocator, u8, &.{ all, "; " ++ texts.more }) catch all;
    }

    fn fail(self: *Reader, reason: []const u8) error{Mismatch} {
        if (self.is_over) return error.Mismatch;
        var text: std.ArrayList(u8) = .empty;
        self.write(&text, reason) catch {};
        self.problems.append(memory.allocator, text.items) catch {};
        self.is_over = self.problems.items.len >= max_problems;
        return error.Mismatch;
    }

    fn write(self: *const Reader, text: *std.ArrayList(u8), reason: []const u8) !void {
        const allocator = memory.allocator;
        for (self.path[0..@min(self.depth, max_path)]) |segment| switch (segment) {
            .index => |index| try text.print(allocator, "[{d}]", .{index}),
            .name => |name| if (isWord(name)) {
                if (text.items.len > 0) try text.append(allocator, '.');
                try text.appendSlice(allocator, try shortened(name));
            } else try text.print(allocator, "[{s}]", .{try quoted(name)}),
        };
        if (text.items.len > 0) try text.appendSlice(allocator, ": ");
        try text.appendSlice(allocator, reason);
    }

    fn failed(self: *Reader, comptime expected: []const u8, found: []const u8) error{Mismatch} {
        return self.fail(
            std.mem.concat(
                memory.allocator,
                u8,
                &.{ texts.mismatch[0] ++ expected ++ texts.mismatch[1], found },
            ) catch texts.mismatch[0] ++ expected,
        );
    }

    /// Record an error after which parsing cannot continue.
    fn broken(self: *Reader, reason: []const u8) error{Mismatch} {
        defer self.is_over = true;
        return self.fail(reason);
    }

    fn push(self: *Reader, segment: Segment) void {
        if (self.depth < max_path) self.path[self.depth] = segment;
        self.depth += 1;
    }

    /// Position before a value, from which a mismatching value can be skipped.
    const Mark = struct { depth: usize, height: usize, cursor: usize };

    fn mark(self: *Reader) error{Mismatch}!Mark {
        _ = try self.peek();
        return .{ .depth = self.depth, .height = self.scanner.stackHeight(), .cursor = self.scanner.cursor };
    }

    fn skipTo(self: *Reader, place: Mark) error{Mismatch}!void {
        if (self.is_over) return error.Mismatch;
        self.depth = place.depth;
        if (self.scanner.stackHeight() > place.height) {
            self.scanner.skipUntilStackHeight(place.height) catch return self.broken("not valid JSON");
        } else if (self.scanner.cursor == place.cursor) {
            _ = try self.skip();
        }
    }

    /// Return the JSON type of the next value, for messages.
    fn nameOf(self: *const Reader, token: Token) []const u8 {
        return switch (token) {
            .object_begin => "object",
            .array_begin => "array",
            .true, .false => "boolean",
            .null => "null",
            .number => if (self.isWhole()) "integer" else "number",
            .string => "string",
            .object_end, .array_end, .end_of_document => "nothing",
        };
    }

    fn isWhole(self: *const Reader) bool {
        const rest = self.scanner.input[self.scanner.cursor..];
        const end = for (rest, 0..) |c, i| {
            if (!std.ascii.isDigit(c) and std.mem.indexOfScalar(u8, "+-.eE", c) == null) break i;
        } else rest.len;
        const value = std.fmt.parseFloat(f64, rest[0..end]) catch return false;
        return @trunc(value) == value;
    }

    // Unlike std.json, mismatches must report the token that was found.
    fn peek(self: *Reader) error{Mismatch}!Token {
        return self.scanner.peekNextTokenType() catch self.broken("not valid JSON");
    }

    /// Skip the part of a string without escapes in large steps. The text is valid UTF-8, as every component value.
    fn skipPlain(self: *Reader) void {
        const scanner = &self.scanner;
        if (scanner.state != .value or scanner.cursor >= scanner.input.len or scanner.input[scanner.cursor] != '"')
            return;
        scanner.value_start = scanner.cursor + 1;
        scanner.cursor = scanner.value_start + json_scan.plainPrefix(scanner.input[scanner.value_start..]);
        scanner.state = .string;
    }

    fn next(self: *Reader) error{Mismatch}!std.json.Token {
        self.skipPlain();
        return self.scanner.nextAlloc(memory.allocator, .alloc_if_needed) catch self.broken("not valid JSON");
    }

    fn expect(self: *Reader, token: Token, comptime expected: []const u8) error{Mismatch}!void {
        const found = try self.peek();
        if (found != token) return self.failed(expected, self.nameOf(found));
    }

    fn readValue(self: *Reader, comptime T: type) error{Mismatch}!T {
        switch (comptime values.kindOf(T)) {
            .boolean => switch (try self.peek()) {
                .true, .false => return try self.next() == .true,
                else => |found| return self.failed("boolean", self.nameOf(found)),
            },
            .integer => return self.readInteger(T),
            .number => return @floatCast(try self.readNumber(T)),
            .string => return self.readText("string"),
            .choice => {
                const text = try self.readText(texts.one_of[0] ++ comptime choices(T));
                return std.meta.stringToEnum(T, text) orelse
                    self.failed(comptime texts.one_of[0] ++ choices(T), quoted(text) catch "string");
            },
            .optional => {
                if (try self.peek() == .null) {
                    _ = try self.next();
                    return null;
                }
                return try self.readValue(@typeInfo(T).optional.child);
            },
            .array => return self.readArray(@typeInfo(T).pointer.child),
            .fixed_array => {
                const list = try self.readArray(@typeInfo(T).array.child);
                const len = @typeInfo(T).array.len;
                if (list.len != len)
                    return self.fail(
                        std.fmt.allocPrint(
                            memory.allocator,
                            "expected an array of {d}, got one of {d}",
                            .{ len, list.len },
                        ) catch "wrong length",
                    );
                return list[0..len].*;
            },
            .object => return self.readObject(T, readValue),
            .json => return .{ .text = try self.skip() },
        }
    }

    fn readConverted(self: *Reader, comptime T: type) error{Mismatch}!T {
        const text = try self.readText("string");
        return text_values.read(T, text) orelse self.failedText(T, text);
    }

    /// Record a text that is not converted: as the value that it has in JSON.
    fn failedText(self: *Reader, comptime T: type, text: []const u8) error{Mismatch} {
        switch (comptime values.kindOf(T)) {
            .optional => return self.failedText(@typeInfo(T).optional.child, text),
            .integer, .number => if (text_values.isNumber(text)) {
                var reader: Reader = .init(text);
                return if (reader.readValue(T)) |_| error.Mismatch else |_| self.fail(reader.message());
            },
            .choice => return self.failed(comptime texts.one_of[0] ++ choices(T), quoted(text) catch "string"),
            else => {},
        }
        return self.failed(comptime @tagName(values.kindOf(T)), "string");
    }

    /// Skip an empty string, if it is not a valid value of the type.
    fn skipEmpty(self: *Reader, comptime T: type) error{Mismatch}!bool {
        if (text_values.read(T, "") != null or !std.mem.startsWith(
            u8,
            self.scanner.input[self.scanner.cursor..],
            "\"\"",
        ))
            return false;
        _ = try self.next();
        return true;
    }

    fn readText(self: *Reader, comptime expected: []const u8) error{Mismatch}![]const u8 {
        try self.expect(.string, expected);
        return switch (try self.next()) {
            .string, .allocated_string => |text| text,
            else => unreachable,
        };
    }

    fn numberText(self: *Reader, comptime expected: []const u8) error{Mismatch}![]const u8 {
        try self.expect(.number, expected);
        return switch (try self.next()) {
            .number, .allocated_number => |text| text,
            else => unreachable,
        };
    }

    fn readNumber(self: *Reader, comptime T: type) error{Mismatch}!f64 {
        const text = try self.numberText("number");
        const value = std.fmt.parseFloat(f64, text) catch return self.failed("number", text);
        if (!std.math.isFinite(@as(T, @floatCast(value))))
            return self.failed("a number that " ++ @typeName(T) ++ " can hold", shortened(text) catch text);
        return value;
    }

    fn readInteger(self: *Reader, comptime T: type) error{Mismatch}!T {
        const text = try self.numberText("integer");
        return std.fmt.parseInt(T, text, 10) catch {
            const found = shortened(text) catch text;
            // JSON Schema: 1.0 and 1e2 are integers too.
            const value = std.fmt.parseFloat(f64, text) catch return self.failed("integer", found);
            if (@trunc(value) != value) return self.failed("integer", found);
            const least = std.math.minInt(T);
            const most = std.math.maxInt(T);
            if (value < @as(f64, @floatFromInt(least)))
                return self.failed(std.fmt.comptimePrint(texts.at_least ++ " {d}", .{least}), found);
            // Larger numbers are not exact in an f64.
            const exact = 1 << 53;
            if (@abs(value) > exact or value > @as(f64, @floatFromInt(most)))
                return self.failed(std.fmt.comptimePrint(texts.at_most ++ " {d}", .{most}), found);
            return @intFromFloat(value);
        };
    }

    fn readArray(self: *Reader, comptime E: type) error{Mismatch}![]const E {
        try self.expect(.array_begin, "array");
        _ = try self.next();
        var list: std.ArrayList(E) = .empty;
        var count: usize = 0;
        while (try self.peek() != .array_end) : (count += 1) {
            const place = try self.mark();
            self.push(.{ .index = count });
            if (self.readValue(E)) |item| {
                list.append(memory.allocator, item) catch return self.broken("out of memory");
            } else |_| try self.skipTo(place);
            self.depth = place.depth;
        }
        _ = try self.next();
        return if (list.items.len == count) list.items else error.Mismatch;
    }

    fn readObject(self: *Reader, comptime T: type, comptime readField: anytype) error{Mismatch}!T {
        const info = @typeInfo(T).@"struct";
        try self.expect(.object_begin, "object");
        _ = try self.next();
        var value: T = undefined;
        var is_wrong = false;
        var seen: [info.field_names.len]bool = @splat(false);
        while (try self.peek() != .object_end) {
            const name = try self.readText("string");
            const place = try self.mark();
            self.push(.{ .name = name });
            inline for (info.field_names, info.field_types, info.field_attrs, 0..) |field, F, attrs, i| {
                if (std.mem.eql(u8, field, name)) {
                    // Clients send an empty string for form fields that were left empty.
                    const has_default = attrs.default_value_ptr != null or comptime values.kindOf(F) == .optional;
                    if (readField == readConverted and has_default and try self.skipEmpty(F)) break;
                    seen[i] = true;
                    if (readField(self, F)) |member| {
                        @field(value, field) = member;
                    } else |_| {
                        is_wrong = true;
                        try self.skipTo(place);
                    }
                    break;
                }
            } else {
                is_wrong = true;
                const first = for (self.problems.items) |problem| {
                    if (std.mem.indexOf(u8, problem, ": " ++ texts.unexpected) != null) break false;
                } else true;
                self.fail(if (first) comptime known(T) else texts.unexpected) catch {};
                try self.skipTo(place);
            }
            self.depth = place.depth;
        }
        _ = try self.next();
        inline for (info.field_names, info.field_types, info.field_attrs, 0..) |field, F, attrs, i| {
            if (!seen[i]) {
                if (comptime attrs.defaultValue(F)) |default| {
                    @field(value, field) = default;
                } else if (comptime values.kindOf(F) == .optional) {
                    @field(value, field) = null;
                } else {
                    is_wrong = true;
                    self.push(.{ .name = field });
                    self.fail(texts.missing) catch {};
                    self.depth -= 1;
                }
            }
        }
        return if (is_wrong) error.Mismatch else value;
    }

    fn skip(self: *Reader) error{Mismatch}![]const u8 {
        _ = try self.peek();
        const start = self.scanner.cursor;
        self.scanner.skipValue() catch return self.broken("not valid JSON");
        return self.scanner.input[start..self.scanner.cursor];
    }
};

fn isWord(name: []const u8) bool {
    for (name) |c| if (!std.ascii.isAlphanumeric(c) and c != '_') return false;
    return name.len > 0 and !std.ascii.isDigit(name[0]);
}

/// Return at most 60 characters of a text.
fn shortened(text: []const u8) std.mem.Allocator.Error![]const u8 {
    if (text.len <= 60) return text;
    var end: usize = 60;
    // Not inside of a character: the component model requires UTF-8.
    while (text[end] & 0xC0 == 0x80) end -= 1;
    return std.mem.concat(memory.allocator, u8, &.{ text[0..end], "..." });
}

/// Return a text as a JSON string, shortened.
fn quoted(text: []const u8) std.mem.Allocator.Error![]const u8 {
    return std.json.Stringify.valueAlloc(memory.allocator, try shortened(text), .{});
}

fn choices(comptime T: type) []const u8 {
    comptime {
        var text: []const u8 = "";
        for (@typeInfo(T).@"enum".field_names, 0..) |name, i|
            text = text ++ (if (i > 0) ", " else "") ++ values.quoted(name);
        return text;
    }
}

fn known(comptime T: type) []const u8 {
    const names = @typeInfo(T).@"struct".field_names;
    return if (names.len == 0) texts.nothing else texts.only[0] ++ values.joined(names);
}
