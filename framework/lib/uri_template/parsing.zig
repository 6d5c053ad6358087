//! Parser of URI templates.

const std = @import("std");
const List = @import("../list.zig").List;
const bytes = @import("../bytes.zig");
const UriTemplate = @import("../UriTemplate.zig");
const texts = @import("text.zig");

const Allocator = std.mem.Allocator;
const Class = UriTemplate.Class;
const indexOf = texts.indexOf;

/// Limit on the parts of a template.
const max_parts = 63;

pub fn Parser(comptime explained: bool) type {
    return struct {
        const Self = @This();

        allocator: Allocator,
        text: []const u8,
        authority_end: usize,
        variables: List(UriTemplate.Variable) = .empty,
        parts: List(UriTemplate.Part) = .empty,
        fixed: List(texts.Pair) = .empty,
        in_query: bool = false,
        /// Reserved characters that delimit values.
        delimiters: Class = .{},
        problem: []const u8 = "",

        const Error = Allocator.Error || error{Invalid};

        fn refuse(self: *Self, words: []const []const u8) Error {
            if (explained) self.problem = try std.mem.concat(self.allocator, u8, words);
            return error.Invalid;
        }

        pub fn run(self: *Self) Error!void {
            self.delimiters = delimitersOf(self.text);
            var at: usize = 0;
            while (at < self.text.len) {
                const open = indexOf(self.text, at, '{');
                if (indexOf(self.text[0..open], at, '}') < open) return self.unpaired();
                if (open > at) try self.addLiteral(at, open);
                if (open == self.text.len) break;
                const close = indexOf(self.text, open, '}');
                const is_closed = close < self.text.len and indexOf(self.text[0..close], open + 1, '{') == close;
                if (!is_closed) return self.unpaired();
                try self.addExpression(self.text[open + 1 .. close]);
                at = close + 1;
            }
            if (self.parts.items.len > max_parts) return self.refuse(&.{"it has too many variables"});
        }

        fn unpaired(self: *Self) Error {
            return self.refuse(&.{"it has an unmatched brace"});
        }

        fn addLiteral(self: *Self, start: usize, end: usize) Error!void {
            var rest = self.text[start..end];
            if (!self.in_query) {
                const mark = indexOf(rest, 0, '?');
                if (indexOf(rest[0..mark], 0, '#') < mark or mark == rest.len) return self.addPlain(start, rest);
                if (mark > 0) try self.addPlain(start, rest[0..mark]);
                self.in_query = true;
                rest = rest[mark + 1 ..];
            }
            const hash = indexOf(rest, 0, '#');
            try texts.pairs(self.allocator, rest[0..hash], &self.fixed) orelse
                return self.refuse(&.{"its query is not UTF-8"});
            if (hash < rest.len) try self.addPlain(end, rest[hash..]);
        }

        fn addPlain(self: *Self, start: usize, text: []const u8) Error!void {
            const folded = @min(text.len, self.authority_end -| start);
            try self.parts.append(self.allocator, .{ .text = .{ .text = text, .folded = folded } });
        }

        fn addExpression(self: *Self, inside: []const u8) Error!void {
            const operator: u8 = if (inside.len > 0 and isOperator(inside[0])) inside[0] else 0;
            const is_query = operator == '?' or operator == '&';
            if (is_query) self.in_query = true else if (self.in_query and operator != '#')
                return self.refuse(&.{ "`{", inside, "}`: variables of a query are written `{?name}` or `{&name}`" });
            var rest = inside[@intFromBool(operator != 0)..];
            var is_first = true;
            while (true) : (is_first = false) {
                const comma = indexOf(rest, 0, ',');
                const variable = try self.addVariable(rest[0..comma], operator);
                if (!is_query) try self.addValue(variable, is_first);
                if (comma == rest.len) return;
                rest = rest[comma + 1 ..];
            }
        }

        /// Add a variable; return its index.
        fn addVariable(self: *Self, written: []const u8, operator: u8) Error!usize {
            const many = written.len > 0 and written[written.len - 1] == '*';
            const name = written[0 .. written.len - @intFromBool(many)];
            if (indexOf(name, 0, ':') < name.len)
                return self.refuse(&.{ "`", written, "`: the prefix of a value cannot be matched back to it" });
            var after: u8 = '.';
            for (name) |c| {
                if (!(std.ascii.isAlphanumeric(c) or c == '_' or (c == '.' and after != '.'))) break;
                after = c;
            } else if (after != '.') {
                for (self.variables.items) |other| if (bytes.equal(other.name, name))
                    return self.refuse(&.{ "it has the variable `", name, "` twice" });
                if (many and operator == ';')
                    return self.refuse(&.{ "`{;", name, "*}` cannot be matched: use `{?", name, "*}`" });
                try self.variables.append(self.allocator, .{ .name = name, .operator = operator, .many = many });
                return self.variables.items.len - 1;
            }
            return self.refuse(&.{ "`", written, "`: the name of a variable has letters, digits, `_` and `.`" });
        }

        /// Add the parts of a variable that is not in the query.
        fn addValue(self: *Self, index: usize, is_first: bool) Error!void {
            const one = self.variables.items[index];
            var class: Class = .full;
            for (switch (one.operator) {
                '+' => "?#",
                '#' => "",
                else => "/?#",
            }) |c| class.put(c, false);
            if (one.operator != '+' and one.operator != '#') class = class.without(self.delimiters);
            const separator = separatorOf(one.operator);
            class.put(separator, one.many or one.operator == '+' or one.operator == '#');
            const optional = one.operator == ';' or one.operator == '#';
            const start = self.parts.items.len;
            if (optional) try self.parts.append(self.allocator, .{ .optional = 0 });
            switch (one.operator) {
                ';' => {
                    try self.addText(&.{ ";", one.name });
                    try self.parts.append(self.allocator, .{ .optional = 0 });
                    try self.addText(&.{"="});
                },
                '#', '.', '/' => try self.addText(&.{if (is_first) &.{one.operator} else &.{separator}}),
                else => if (!is_first) try self.addText(&.{","}),
            }
            const min: usize = @intFromBool(one.operator != ';' and one.operator != '#');
            try self.parts.append(self.allocator, .{ .value = .{ .variable = index, .class = class, .min = min } });
            if (optional) self.parts.items[start].optional = self.parts.items.len;
            if (one.operator == ';') self.parts.items[start + 2].optional = self.parts.items.len;
        }

        fn addText(self: *Self, words: []const []const u8) Error!void {
            try self.parts.append(self.allocator, .{ .text = .{
                .text = try std.mem.concat(self.allocator, u8, words),
            } });
        }
    };
}

fn isOperator(c: u8) bool {
    return indexOf("+#./;?&", 0, c) < 7;
}

pub fn separatorOf(operator: u8) u8 {
    return switch (operator) {
        '.', '/', ';' => operator,
        else => ',',
    };
}

/// Return the reserved characters that the template has after its first variable: in text, and by its operators.
fn delimitersOf(text: []const u8) Class {
    var found: Class = .{};
    var inside = false;
    for (text[indexOf(text, 0, '{')..], indexOf(text, 0, '{')..) |c, i| {
        if (c == '{') {
            inside = true;
            if (i + 1 < text.len and text[i + 1] == ';') found.put(';', true);
            if (i + 1 < text.len and text[i + 1] == '?') break;
        } else if (c == '}') {
            inside = false;
        } else if (!inside) {
            if (c == '?') break;
            if (indexOf(":@[]!$&'()*+,;=", 0, c) < 15) found.put(c, true);
        }
    }
    return found;
}
