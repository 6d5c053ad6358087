//! References that components of the other contract can complete: prompts with arguments, and resource templates.

const std = @import("std");
const bindings = @import("bindings");
const contract = @import("contract.zig");
const data = @import("data.zig");
const lib = @import("lib");

const allocator = bindings.memory.allocator;
const theirs = contract.theirs;
const types = bindings.types;

const References = []const types.CompletionReference;

/// Maximum number of pages read of each list.
const max_pages = 1000;

pub fn all(context: theirs.tools.MessageContext) bindings.abi.Result(References, types.Error) {
    var found: lib.List(types.CompletionReference) = .empty;
    var cursor: ?[]const u8 = null;
    for (0..max_pages) |_| {
        const page = theirs.prompts.listPrompts(context, .{ .cursor = cursor }).get() catch break;
        for (page.prompts) |prompt| {
            const options = prompt.options orelse continue;
            const given = options.arguments orelse continue;
            if (given.len > 0) found.append(allocator, .{ .prompt = prompt.name }) catch @trap();
        }
        cursor = page.next_cursor orelse break;
    }
    cursor = null;
    for (0..max_pages) |_| {
        const page = theirs.resources.listResourceTemplates(context, .{ .cursor = cursor }).get() catch break;
        for (page.resource_templates) |template| {
            found.append(allocator, .{ .resource_template = template.uri_template }) catch @trap();
        }
        cursor = page.next_cursor orelse break;
    }
    return .{ .ok = found.items };
}

/// Return the arguments that are already filled in, as a JSON object.
pub fn arguments(context: anytype) []const u8 {
    return written(context) catch @trap();
}

fn written(context: anytype) lib.Writer.Error![]const u8 {
    var w = lib.Writer.init(allocator);
    try w.open('{');
    for (context) |pair| {
        try w.string(pair[0]);
        try w.raw(":");
        try w.string(pair[1]);
    }
    try w.close('}');
    return w.text();
}
