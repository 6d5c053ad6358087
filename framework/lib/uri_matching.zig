//! Matching of a URI against the templates of a component.

const std = @import("std");
const List = @import("list.zig").List;
const uris = @import("uris");
const Entry = @import("selection.zig").Entry;
const UriTemplate = @import("UriTemplate.zig");

const Allocator = std.mem.Allocator;

/// Return the first template that a URI matches, and the values of its variables. `Match` is the type `uri-match` of
/// the bindings.
pub fn first(
    comptime Match: type,
    allocator: Allocator,
    uri: []const u8,
    templates: anytype,
) Allocator.Error!?Match {
    const normal = try uris.normalized(uri, .{ .dots = false }) orelse return null;
    for (templates, 0..) |template, index| {
        if (!begins(template.text, normal.text)) continue;
        const parsed = switch (try parse(allocator, template.text, false)) {
            .template => |parsed| parsed,
            .problem => continue,
        };
        const found = try parsed.match(allocator, normal.text, template.unchecked) orelse continue;
        const Pair = std.meta.Child(@FieldType(Match, "variables"));
        const pairs = try allocator.alloc(Pair, found.len);
        for (pairs, found) |*pair, one| pair.* = .{ one.name, one.values };
        return .{ .template = @intCast(index), .variables = pairs };
    }
    return null;
}

/// Matcher of a URI against the recorded templates of a server, in a program without requests.
pub const Templates = struct {
    /// Append the templates that a URI matches with any values of their variables, also those that lead out of a
    /// folder.
    pub fn append(
        _: Templates,
        allocator: Allocator,
        list: *List(?*Entry),
        uri: []const u8,
        templates: []Entry,
    ) Allocator.Error!void {
        const normal = try uris.normalized(uri, .{ .dots = false }) orelse return;
        for (templates) |*known| {
            if (!begins(known.name, normal.text)) continue;
            const parsed = switch (try parse(allocator, known.name, false)) {
                .template => |parsed| parsed,
                .problem => continue,
            };
            if (try parsed.match(allocator, normal.text, known.variables) != null) try list.append(allocator, known);
        }
    }
};

/// Return the reason why URIs cannot be matched against a template; null if they can.
pub fn problem(allocator: Allocator, text: []const u8) Allocator.Error!?[]const u8 {
    return switch (try parse(allocator, text, true)) {
        .template => |template| try template.ambiguity(allocator),
        .problem => |reason| reason,
    };
}

/// Return false for a URI that begins otherwise, which is cheaper than to parse the template. The template may not be
/// in normal form: only different letters and digits are a difference.
fn begins(template: []const u8, uri: []const u8) bool {
    for (template, 0..) |c, i| {
        // The pairs of a query have no order.
        if (c == '{' or c == '?' or i == uri.len) return true;
        if (std.ascii.toLower(c) == std.ascii.toLower(uri[i])) continue;
        return !std.ascii.isAlphanumeric(c) or !std.ascii.isAlphanumeric(uri[i]);
    }
    return true;
}

fn parse(allocator: Allocator, text: []const u8, comptime explained: bool) Allocator.Error!UriTemplate.Outcome {
    if (text.len > UriTemplate.max_template) return .{ .problem = "it is longer than 1,000 bytes" };
    const normal = try uris.normalized(text, .{ .template = true }) orelse
        return .{ .problem = "it must begin with a scheme, such as `notes://`" };
    return UriTemplate.parse(allocator, normal.text, normal.authority_end, explained);
}
