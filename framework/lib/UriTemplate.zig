//! URI template (RFC 6570) that URIs are matched against: the values of its variables are read back from a URI.
//!
//! A value holds any character but the delimiters of its operator: `/`, `?`, `#` and `,` for `{x}`, and every reserved
//! character (RFC 3986, section 2.2) that the template itself has after its first variable. Inside of a value these are
//! percent-encoded. Values are decoded once, after matching.

const std = @import("std");
const bytes = @import("bytes.zig");
const Pair = @import("uri_template/text.zig").Pair;
const Parser = @import("uri_template/parsing.zig").Parser;

pub const match = @import("uri_template/matching.zig").match;
pub const ambiguity = @import("uri_template/ambiguity.zig").ambiguity;

const UriTemplate = @This();
const Allocator = std.mem.Allocator;

variables: []const Variable,
parts: []const Part,
/// Pairs of name and value that the query of each URI has.
fixed: []const Pair,
/// True if the query of a URI is matched apart from the rest: its pairs have no order.
splits_query: bool,

pub const Variable = struct {
    name: []const u8,
    operator: u8,
    /// True for a list of values (`*`).
    many: bool,
};

pub const Part = union(enum) {
    text: struct {
        text: []const u8,
        /// Number of bytes at its start that belong to the authority, which is compared case-insensitively.
        folded: usize = 0,

        pub fn begins(self: @This(), rest: []const u8) bool {
            return rest.len >= self.text.len and bytes.startsLike(rest, self.text[0..self.folded]) and
                bytes.startsWith(rest[self.folded..], self.text[self.folded..]);
        }
    },
    value: struct { variable: usize, class: Class, min: usize },
    /// Start of optional parts: the index of the part after them.
    optional: usize,
};

/// Set of bytes.
pub const Class = struct {
    words: [4]u64 = @splat(0),

    pub const full: Class = .{ .words = @splat(std.math.maxInt(u64)) };

    pub fn put(self: *Class, byte: u8, is_member: bool) void {
        const bit = @as(u64, 1) << @intCast(byte & 63);
        if (is_member) self.words[byte >> 6] |= bit else self.words[byte >> 6] &= ~bit;
    }

    pub fn has(self: Class, byte: u8) bool {
        return self.words[byte >> 6] >> @intCast(byte & 63) & 1 != 0;
    }

    pub fn without(self: Class, other: Class) Class {
        var left = self;
        for (&left.words, other.words) |*word, taken| word.* &= ~taken;
        return left;
    }

    pub fn meets(self: Class, other: Class) bool {
        for (self.words, other.words) |a, b| if (a & b != 0) return true;
        return false;
    }
};

/// Values of one variable in a URI.
pub const Found = struct { name: []const u8, values: []const []const u8 };

/// Limit on a template, in bytes.
pub const max_template = 1000;

pub const Outcome = union(enum) {
    template: UriTemplate,
    /// Reason why URIs cannot be matched, for messages.
    problem: []const u8,
};

/// Parse a template in normal form. `authority_end` is the end of its authority. Reasons are empty unless `explained`:
/// a server does not send them.
pub fn parse(
    allocator: Allocator,
    text: []const u8,
    authority_end: usize,
    comptime explained: bool,
) Allocator.Error!Outcome {
    var parser: Parser(explained) = .{ .allocator = allocator, .text = text, .authority_end = authority_end };
    parser.run() catch |reason| switch (reason) {
        error.OutOfMemory => |e| return e,
        error.Invalid => return .{ .problem = parser.problem },
    };
    return .{ .template = .{
        .variables = parser.variables.items,
        .parts = parser.parts.items,
        .fixed = parser.fixed.items,
        .splits_query = parser.in_query,
    } };
}

test {
    _ = @import("UriTemplate_test.zig");
}
