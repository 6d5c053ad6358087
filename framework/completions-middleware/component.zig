//! Middleware around the completions of one component.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");

const completions = bindings.completions;
const messages = bindings.messages;
const types = bindings.types;
const allocator = bindings.memory.allocator;
const Reply = messages.Reply;

/// Maximum number of values in a response. Specification: schema `CompleteResult`.
const limit = 100;

/// Internal method, called at composition: returns the references that the component can complete, in the form of
/// `CompleteRequestParams`, so that completions are dispatched to their component. MCP has no method that lists them.
const references_method = "wasmcp/completions/references";

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: messages.Request) std.mem.Allocator.Error!?Reply {
            return switch (request.method()) {
                .completion_complete => try complete(request) orelse bindings.server_handler.handle(request),
                .other => if (lib.bytes.equal(request.name(), references_method))
                    try references(request)
                else
                    bindings.server_handler.handle(request),
                else => bindings.server_handler.handle(request),
            };
        }
    };
};

/// Return null if this component does not complete the reference.
fn complete(request: messages.Request) std.mem.Allocator.Error!?Reply {
    const wanted = switch (try lib.Completion.read(allocator, request.params(), true)) {
        .read => |read| read,
        .wrong => |words| return Reply.failure(
            .{ .code = @import("protocol_table").code.invalid_params, .message = words },
        ),
    };
    const reference: types.CompletionReference = switch (wanted.kind) {
        .prompt => .{ .prompt = wanted.reference },
        .template => .{ .resource_template = wanted.reference },
    };
    return switch (completions.complete(request, reference, .{
        .name = wanted.name,
        .value = wanted.value,
    }, wanted.context)) {
        .ok => |outcome| switch (outcome orelse return null) {
            .complete => |value| Reply.completion(bounded(value)),
            .choices => |values| Reply.completion(try beginning(values, wanted.value)),
            .other => |json| Reply.raw(json),
        },
        .err => |value| Reply.failure(value),
    };
}

/// Return a completion with at most 100 values, and with all members. Without a total, the values are all there are,
/// unless the component has more.
fn bounded(value: types.Completion) types.Completion {
    const sent = value.values[0..@min(value.values.len, limit)];
    const total: ?u64 = value.total orelse if (value.has_more orelse false) null else value.values.len;
    const more = value.has_more orelse if (total) |all| all > sent.len else false;
    return .{ .values = sent, .total = total, .has_more = more or value.values.len > limit };
}

fn beginning(values: []const []const u8, typed: []const u8) std.mem.Allocator.Error!types.Completion {
    const sent, const total = try lib.proposals.beginning(allocator, values, typed, limit);
    return .{ .values = sent, .total = total, .has_more = total > sent.len };
}

fn references(request: messages.Request) std.mem.Allocator.Error!Reply {
    const own = switch (completions.listReferences(request)) {
        .ok => |list| list,
        .err => |value| return Reply.failure(value),
    };
    var w = lib.Writer.init(allocator);
    try w.open('{');
    try w.key("references");
    try w.open('[');
    for (own) |reference| {
        try w.open('{');
        switch (reference) {
            .prompt => |name| {
                try w.value("\"type\":\"ref/prompt\"");
                try w.key("name");
                try w.string(name);
            },
            .resource_template => |template| {
                try w.value("\"type\":\"ref/resource\"");
                try w.key("uri");
                try w.string(template);
            },
        }
        try w.close('}');
    }
    try w.close(']');
    try w.close('}');
    return Reply.raw(w.text());
}
