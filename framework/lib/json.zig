//! JSON text (RFC 8259) read in place: one pass validates, and what callers get are slices of the original text. There
//! is no tree: a tree changes numbers (1.10 becomes 1.1), loses duplicate members and costs many times the reading.
//!
//! Duplicate members: the last one counts, everywhere, as in Python's `json` and in JavaScript, so that no two readers of
//! one text see different values.
//!
//! The text is taken to be UTF-8: the Canonical ABI checks every string that enters a component.

const std = @import("std");

/// How many arrays and objects may lie inside each other.
pub const max_depth = 128;

pub const Error = error{
    /// Not JSON.
    Syntax,
    /// JSON, but nested deeper than `max_depth`.
    TooDeep,
};

pub const Kind = enum { object, array, string, number, boolean, null };

/// What to do about an escaped half of a surrogate pair, which RFC 8259 lets pass and no UTF-8 string can hold.
pub const Surrogates = enum { paired, any };

pub const Scanner = struct {
    text: []const u8,
    at: usize = 0,
    depth: usize = 0,
    surrogates: Surrogates = .paired,

    pub fn init(text: []const u8) Scanner {
        return .{ .text = text };
    }

    /// What kind of value comes next.
    pub fn peek(self: *Scanner) Error!Kind {
        self.skipWhitespace();
        if (self.at == self.text.len) return error.Syntax;
        return kind(self.text[self.at]) orelse error.Syntax;
    }

    /// Read one whole value and return its text.
    pub fn value(self: *Scanner) Error![]const u8 {
        var in_object: [max_depth]bool = undefined;
        const outside = self.depth;
        self.skipWhitespace();
        const start = self.at;
        value: while (true) {
            switch (try self.take()) {
                '{' => {
                    try self.enter();
                    in_object[self.depth - 1] = true;
                    if (!self.at_next('}')) {
                        try self.key();
                        continue :value;
                    }
                },
                '[' => {
                    try self.enter();
                    in_object[self.depth - 1] = false;
                    if (!self.at_next(']')) {
                        self.skipWhitespace();
                        continue :value;
                    }
                },
                '"' => try self.string(),
                '-', '0'...'9' => try self.number(),
                't' => try self.literal("rue"),
                'f' => try self.literal("alse"),
                'n' => try self.literal("ull"),
                else => return error.Syntax,
            }
            // A value has ended; so may the containers around it.
            while (self.depth > outside) {
                self.skipWhitespace();
                const c = try self.take();
                const object = in_object[self.depth - 1];
                if (c == ',') {
                    if (object) try self.key() else self.skipWhitespace();
                    continue :value;
                }
                if (c != @as(u8, if (object) '}' else ']')) return error.Syntax;
                self.depth -= 1;
            }
            return self.text[start..self.at];
        }
    }

    /// Enter an object. Read each value between two calls of `Members.next`.
    pub fn members(self: *Scanner) Error!Members {
        self.skipWhitespace();
        if (try self.take() != '{') return error.Syntax;
        try self.enter();
        return .{ .scanner = self };
    }

    /// Enter an array. Read each value after a call of `Items.next`.
    pub fn items(self: *Scanner) Error!Items {
        self.skipWhitespace();
        if (try self.take() != '[') return error.Syntax;
        try self.enter();
        return .{ .scanner = self };
    }

    /// Check that nothing follows.
    pub fn end(self: *Scanner) Error!void {
        self.skipWhitespace();
        if (self.at != self.text.len) return error.Syntax;
    }

    fn take(self: *Scanner) Error!u8 {
        if (self.at >= self.text.len) return error.Syntax;
        defer self.at += 1;
        return self.text[self.at];
    }

    /// Whether `c` comes next. The caller's loop consumes it.
    fn at_next(self: *Scanner, c: u8) bool {
        self.skipWhitespace();
        return self.at < self.text.len and self.text[self.at] == c;
    }

    fn enter(self: *Scanner) Error!void {
        if (self.depth == max_depth) return error.TooDeep;
        self.depth += 1;
    }

    /// A member's name and the colon.
    fn key(self: *Scanner) Error!void {
        self.skipWhitespace();
        if (try self.take() != '"') return error.Syntax;
        try self.string();
        self.skipWhitespace();
        if (try self.take() != ':') return error.Syntax;
        self.skipWhitespace();
    }

    fn skipWhitespace(self: *Scanner) void {
        while (self.at < self.text.len) : (self.at += 1) switch (self.text[self.at]) {
            ' ', '\t', '\n', '\r' => {},
            else => return,
        };
    }

    fn literal(self: *Scanner, rest: []const u8) Error!void {
        if (!std.mem.startsWith(u8, self.text[self.at..], rest)) return error.Syntax;
        self.at += rest.len;
    }

    /// The rest of a number whose first character is taken.
    fn number(self: *Scanner) Error!void {
        var first = self.text[self.at - 1];
        if (first == '-') first = try self.take();
        switch (first) {
            '0' => {},
            '1'...'9' => self.digits(),
            else => return error.Syntax,
        }
        if (self.at < self.text.len and self.text[self.at] == '.') {
            self.at += 1;
            try self.someDigits();
        }
        if (self.at < self.text.len and (self.text[self.at] | 0x20) == 'e') {
            self.at += 1;
            if (self.at < self.text.len and (self.text[self.at] == '+' or self.text[self.at] == '-')) self.at += 1;
            try self.someDigits();
        }
    }

    fn digits(self: *Scanner) void {
        while (self.at < self.text.len and std.ascii.isDigit(self.text[self.at])) self.at += 1;
    }

    fn someDigits(self: *Scanner) Error!void {
        const before = self.at;
        self.digits();
        if (self.at == before) return error.Syntax;
    }

    /// The rest of a string whose opening quote is taken.
    fn string(self: *Scanner) Error!void {
        while (true) {
            self.at += plainPrefix(self.text[self.at..]);
            switch (try self.take()) {
                '"' => return,
                '\\' => try self.escape(),
                else => return error.Syntax, // a control character
            }
        }
    }

    fn escape(self: *Scanner) Error!void {
        switch (try self.take()) {
            '"', '\\', '/', 'b', 'f', 'n', 'r', 't' => {},
            'u' => {
                const unit = try self.hex();
                if (unit & 0xf800 != 0xd800 or self.surrogates == .any) return;
                if (unit >= 0xdc00) return error.Syntax;
                if (try self.take() != '\\' or try self.take() != 'u') return error.Syntax;
                if (try self.hex() & 0xfc00 != 0xdc00) return error.Syntax;
            },
            else => return error.Syntax,
        }
    }

    fn hex(self: *Scanner) Error!u16 {
        if (self.text.len - self.at < 4) return error.Syntax;
        defer self.at += 4;
        return hexUnit(self.text[self.at..][0..4]) orelse error.Syntax;
    }
};

/// The members of an object, in order.
pub const Members = struct {
    scanner: *Scanner,
    first: bool = true,

    /// The next member's name as it stands in the text, quotes included; null at the end of the object.
    pub fn next(self: *Members) Error!?[]const u8 {
        const s = self.scanner;
        if (s.at_next('}')) {
            s.at += 1;
            s.depth -= 1;
            return null;
        }
        if (!self.first and try s.take() != ',') return error.Syntax;
        self.first = false;
        s.skipWhitespace();
        const start = s.at;
        if (try s.take() != '"') return error.Syntax;
        try s.string();
        const name = s.text[start..s.at];
        s.skipWhitespace();
        if (try s.take() != ':') return error.Syntax;
        return name;
    }
};

/// The items of an array, in order.
pub const Items = struct {
    scanner: *Scanner,
    first: bool = true,

    /// Whether there is one more item; the caller reads it.
    pub fn next(self: *Items) Error!bool {
        const s = self.scanner;
        if (s.at_next(']')) {
            s.at += 1;
            s.depth -= 1;
            return false;
        }
        if (!self.first and try s.take() != ',') return error.Syntax;
        self.first = false;
        if (s.at_next(']')) return error.Syntax;
        return true;
    }
};

/// The kind of the value that starts with this character.
pub fn kind(first: u8) ?Kind {
    return switch (first) {
        '{' => .object,
        '[' => .array,
        '"' => .string,
        '-', '0'...'9' => .number,
        't', 'f' => .boolean,
        'n' => .null,
        else => null,
    };
}

/// Check that a text is one JSON value.
pub fn validate(text: []const u8) Error!Kind {
    var scanner = Scanner.init(text);
    const result = try scanner.peek();
    _ = try scanner.value();
    try scanner.end();
    return result;
}

/// The value of a member of an object, as it stands in the text; null when the text is no object or has no such member.
pub fn member(object: []const u8, name: []const u8) ?[]const u8 {
    var scanner = Scanner.init(object);
    scanner.surrogates = .any;
    var found: ?[]const u8 = null;
    var members = scanner.members() catch return null;
    while (members.next() catch return null) |raw| {
        const text = scanner.value() catch return null;
        if (equals(raw, name)) found = text;
    }
    return found;
}

/// Whether a string as it stands in the text, quotes included, means `plain` (of at most 64 bytes).
pub fn equals(raw: []const u8, plain: []const u8) bool {
    const body = raw[1 .. raw.len - 1];
    // An escape is longer than what it stands for, at most six characters for one byte.
    if (body.len <= plain.len) return std.mem.eql(u8, body, plain);
    if (std.mem.findScalar(u8, body, '\\') == null) return false;
    var buffer: [6 * 64]u8 = undefined;
    if (body.len > 6 * plain.len or body.len > buffer.len) return false;
    return std.mem.eql(u8, buffer[0..unescape(body, &buffer)], plain);
}

/// What a string says. `raw` is its text in a valid document, quotes included. A slice of it where nothing is escaped.
pub fn decodeString(allocator: std.mem.Allocator, raw: []const u8) std.mem.Allocator.Error![]const u8 {
    const body = raw[1 .. raw.len - 1];
    if (std.mem.findScalar(u8, body, '\\') == null) return body;
    const buffer = try allocator.alloc(u8, body.len);
    return buffer[0..unescape(body, buffer)];
}

/// Undo the escapes of a valid string. Never longer than it was. An unpaired surrogate becomes U+FFFD.
fn unescape(body: []const u8, out: []u8) usize {
    var i: usize = 0;
    var n: usize = 0;
    while (i < body.len) {
        if (body[i] != '\\') {
            out[n] = body[i];
            i += 1;
            n += 1;
            continue;
        }
        const c = body[i + 1];
        i += 2;
        if (c == 'u') {
            var point: u21 = hexUnit(body[i..][0..4]).?;
            i += 4;
            if (point & 0xf800 == 0xd800) {
                const low = if (point < 0xdc00) lowSurrogate(body[i..]) else null;
                if (low) |l| {
                    point = 0x10000 + ((point - 0xd800) << 10) + (l - 0xdc00);
                    i += 6;
                } else point = 0xfffd;
            }
            n += std.unicode.utf8Encode(point, out[n..]) catch unreachable;
            continue;
        }
        out[n] = switch (c) {
            'b' => 8,
            'f' => 12,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            else => c,
        };
        n += 1;
    }
    return n;
}

/// The low half of a pair, when one is escaped at the start of the text.
pub fn lowSurrogate(text: []const u8) ?u21 {
    if (text.len < 6 or text[0] != '\\' or text[1] != 'u') return null;
    const unit = hexUnit(text[2..6]) orelse return null;
    return if (unit & 0xfc00 == 0xdc00) unit else null;
}

pub fn hexUnit(text: *const [4]u8) ?u16 {
    var unit: u16 = 0;
    for (text) |c| unit = unit << 4 | (std.fmt.charToDigit(c, 16) catch return null);
    return unit;
}

/// How many bytes from the start stand for themselves in a string: no quote, backslash or control character.
/// Eight bytes at a time: strings are most of most bodies.
pub fn plainPrefix(text: []const u8) usize {
    const ones: u64 = 0x0101_0101_0101_0101;
    const tops: u64 = 0x8080_8080_8080_8080;
    var i: usize = 0;
    while (i + 8 <= text.len) : (i += 8) {
        const word = std.mem.readInt(u64, text[i..][0..8], .little);
        const quote = word ^ (ones * '"');
        const slash = word ^ (ones * '\\');
        // The lowest bit set marks the first byte that is zero, zero, or below space.
        const found = (((quote -% ones) & ~quote) | ((slash -% ones) & ~slash) | ((word -% ones * ' ') & ~word)) & tops;
        if (found != 0) return i + @ctz(found) / 8;
    }
    while (i < text.len) : (i += 1) switch (text[i]) {
        0...0x1f, '"', '\\' => break,
        else => {},
    };
    return i;
}

test {
    _ = @import("json_test.zig");
}
