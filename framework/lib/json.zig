//! JSON text (RFC 8259) read in place: one pass validates, and callers get slices of the original text. No tree is
//! built: a tree changes numbers (1.10 becomes 1.1), loses duplicate members and costs many times as much as the scan.
//!
//! Duplicate members: the last one always counts, as in Python's `json` and in JavaScript, so that all readers of a
//! text see the same values.
//!
//! The text must be UTF-8: the Canonical ABI validates each string that enters a component.

const std = @import("std");
const bytes = @import("bytes.zig");
const json_scan = @import("json_scan");
const strings = @import("json_string.zig");

pub const equals = strings.equals;
pub const decodeString = strings.decodeString;

/// Limit on the nesting of arrays and objects.
pub const max_depth = 128;

pub const Error = error{
    /// The text is not JSON.
    Syntax,
    /// The text is JSON, but nested deeper than `max_depth`.
    TooDeep,
};

pub const Kind = enum { object, array, string, number, boolean, null };

/// Policy for escaped lone surrogates, which RFC 8259 allows but a UTF-8 string cannot hold.
pub const Surrogates = enum { paired, any };

pub const Scanner = struct {
    text: []const u8,
    at: usize = 0,
    depth: usize = 0,
    surrogates: Surrogates = .paired,

    pub fn init(text: []const u8) Scanner {
        return .{ .text = text };
    }

    /// Return the kind of the next value.
    pub fn peek(self: *Scanner) Error!Kind {
        self.skipWhitespace();
        if (self.at == self.text.len) return error.Syntax;
        return kind(self.text[self.at]) orelse error.Syntax;
    }

    /// Read one complete value and return its text.
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
            // The value has ended, and possibly the containers around it.
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

    /// Return whether `c` comes next. The caller's loop consumes it.
    fn at_next(self: *Scanner, c: u8) bool {
        self.skipWhitespace();
        return self.at < self.text.len and self.text[self.at] == c;
    }

    fn enter(self: *Scanner) Error!void {
        if (self.depth == max_depth) return error.TooDeep;
        self.depth += 1;
    }

    /// Read the name of a member and the colon.
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
        if (!bytes.startsWith(self.text[self.at..], rest)) return error.Syntax;
        self.at += rest.len;
    }

    /// Read the rest of a number after its first character.
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

    /// Read the rest of a string after its opening quote.
    fn string(self: *Scanner) Error!void {
        while (true) {
            self.at += json_scan.plainPrefix(self.text[self.at..]);
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
        return strings.hexUnit(self.text[self.at..][0..4]) orelse error.Syntax;
    }
};

/// Iterator over the members of an object, in order.
pub const Members = struct {
    scanner: *Scanner,
    first: bool = true,

    /// Return the raw name of the next member, with quotes and escapes; null at the end of the object.
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

/// Iterator over the items of an array, in order.
pub const Items = struct {
    scanner: *Scanner,
    first: bool = true,

    /// Return whether another item follows; the caller reads it.
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

/// Return the kind of the value that starts with this character.
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

/// Return whether a valid object has a member with this name, which is written without escapes. Takes a fraction of the
/// code of `member`.
pub fn hasName(object: []const u8, name: []const u8) bool {
    var depth: usize = 0;
    var i: usize = 0;
    while (i < object.len) : (i += 1) switch (object[i]) {
        '{', '[' => depth += 1,
        '}', ']' => depth -|= 1,
        '"' => {
            const start = i + 1;
            i = start;
            while (i < object.len and object[i] != '"') i += if (object[i] == '\\') 2 else 1;
            if (i >= object.len) return false;
            if (depth != 1 or !bytes.equal(object[start..i], name)) continue;
            if (bytes.startsWith(bytes.trimmed(object[i + 1 ..]), ":")) return true;
        },
        else => {},
    };
    return false;
}

/// Return the raw value of a member of an object; null if the text is not an object or the member is missing.
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

/// Find the raw values of several members of an object in one pass; null for those that `member` would not find.
pub fn pick(object: []const u8, names: []const []const u8, found: []?[]const u8) void {
    @memset(found, null);
    var scanner = Scanner.init(object);
    scanner.surrogates = .any;
    var members = scanner.members() catch return;
    while (members.next() catch return) |raw| {
        const text = scanner.value() catch return;
        for (names, found) |name, *one| if (equals(raw, name)) {
            one.* = text;
        };
    }
}

test {
    _ = @import("json_test.zig");
}
