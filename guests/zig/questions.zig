//! Server-to-client requests: elicitation by form and URL, sampling, roots.
//! Specification: client/elicitation, client/sampling, client/roots.
const std = @import("std");
const arguments = @import("arguments.zig");
const asking = @import("asking.zig");
const json_text = @import("json_text.zig");
const memory = @import("bindings").memory;
const results = @import("results.zig");
const schema = @import("schema.zig");

pub const Error = asking.Error || error{BadAnswer};

/// Result of an elicitation by form.
pub fn Elicited(comptime T: type) type {
    return union(enum) { accept: T, decline, cancel };
}

const Action = enum { accept, decline, cancel };

/// Elicit input with a form: a struct of strings, numbers, bools and enums.
pub fn elicit(message: []const u8, comptime Form: type) Error!Elicited(Form) {
    const params = try text(
        .{
            "{\"message\":",
            results.json([]const u8, message),
            ",\"requestedSchema\":",
            comptime schema.ofForm(Form),
            "}",
        },
    );
    const answer = try asking.ask("elicitation/create", params);
    switch (try action(answer)) {
        .decline => return .decline,
        .cancel => return .cancel,
        .accept => {
            var reader: arguments.Reader = .init(json_text.member(answer, "content") orelse "{}");
            return .{ .accept = reader.read(Form) catch return error.BadAnswer };
        },
    }
}

/// Elicit by URL, for data that must not pass through the client. True: the user agreed to open the link.
pub fn elicitUrl(message: []const u8, url: []const u8) Error!bool {
    // The id would identify `notifications/elicitation/complete`; it is the same in every run.
    var hash: std.hash.Fnv1a_64 = .init();
    hash.update(message);
    hash.update(url);
    const id = try std.fmt.allocPrint(memory.allocator, "\"{x}\"", .{hash.final()});
    const params = try text(
        .{
            "{\"mode\":\"url\",\"message\":",
            results.json([]const u8, message),
            ",\"url\":",
            results.json([]const u8, url),
            ",\"elicitationId\":",
            id,
            "}",
        },
    );
    return try action(try asking.ask("elicitation/create", params)) == .accept;
}

fn action(answer: []const u8) Error!Action {
    const name = json_text.string(json_text.member(answer, "action")) orelse return error.BadAnswer;
    return std.meta.stringToEnum(Action, name) orelse error.BadAnswer;
}

pub const Sampling = struct {
    max_tokens: u32 = 1000,
    system: ?[]const u8 = null,
    temperature: ?f64 = null,
};

/// Result of sampling.
pub const Sampled = struct {
    /// Empty if the content is not text.
    text: []const u8,
    model: []const u8,
    /// The whole `CreateMessageResult`, as JSON text.
    json: []const u8,
};

/// Request a completion of the client's model.
pub fn sample(prompt: []const u8, options: Sampling) Error!Sampled {
    const answer = try asking.ask("sampling/createMessage", try text(.{
        "{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":",
        results.json([]const u8, prompt),
        "}}],\"maxTokens\":",
        results.json(u32, options.max_tokens),
        if (options.system) |_| ",\"systemPrompt\":" else "",
        if (options.system) |system| results.json([]const u8, system) else "",
        if (options.temperature) |_| ",\"temperature\":" else "",
        if (options.temperature) |temperature| results.json(f64, temperature) else "",
        "}",
    }));
    const content = json_text.member(answer, "content") orelse return error.BadAnswer;
    return .{
        .text = json_text.string(json_text.member(content, "text")) orelse "",
        .model = json_text.string(json_text.member(answer, "model")) orelse "",
        .json = answer,
    };
}

pub const Root = struct { uri: []const u8, name: ?[]const u8 };

/// Request the client's roots.
pub fn roots() Error![]const Root {
    const answer = try asking.ask("roots/list", "{}");
    const all = json_text.member(answer, "roots") orelse return error.BadAnswer;
    var reader: arguments.Reader = .init(all);
    const items = reader.read([]const @import("values.zig").Json) catch return error.BadAnswer;
    const list = try memory.allocator.alloc(Root, items.len);
    for (items, list) |item, *root| root.* = .{
        .uri = json_text.string(json_text.member(item.text, "uri")) orelse return error.BadAnswer,
        .name = json_text.string(json_text.member(item.text, "name")),
    };
    return list;
}

/// Concatenate texts; each can be an error union.
fn text(parts: anytype) Error![]const u8 {
    var out: std.ArrayList(u8) = .empty;
    inline for (parts) |part| {
        const piece: []const u8 = switch (@typeInfo(@TypeOf(part))) {
            .error_union => part catch |problem| switch (problem) {
                error.OutOfMemory => return error.OutOfMemory,
                // A number without a JSON form.
                error.NotFinite => return error.BadAnswer,
            },
            else => part,
        };
        try out.appendSlice(memory.allocator, piece);
    }
    return out.items;
}
