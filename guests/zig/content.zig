//! Constructors of content blocks and messages. Specification: server/tools, "Tool Result"; server/prompts.
const std = @import("std");
const bindings = @import("bindings");
const results = @import("results.zig");
const uris = @import("uris.zig");

const types = bindings.types;
pub const Content = types.Content;
pub const Message = types.PromptMessage;

/// Create a text block.
pub fn text(words: []const u8) Content {
    return .{ .text = .{ .text = results.valid(words) } };
}

/// Create an image block from raw bytes and their media type, for example `image/png`.
pub fn image(data: []const u8, mime_type: []const u8) Content {
    return .{ .image = .{ .data = data, .mime_type = mime_type } };
}

/// Create an audio block from raw bytes and their media type, for example `audio/wav`.
pub fn audio(data: []const u8, mime_type: []const u8) Content {
    return .{ .audio = .{ .data = data, .mime_type = mime_type } };
}

/// Create a link to a resource that the client can read.
pub fn link(uri: []const u8, name: []const u8) Content {
    return .{ .resource_link = .{ .uri = uris.sendable(uri), .name = name } };
}

/// Create a block with the text of a resource.
pub fn embedded(uri: []const u8, mime_type: ?[]const u8, words: []const u8) Content {
    return .{
        .embedded_resource = .{
            .contents = .{
                .uri = uris.sendable(uri),
                .mime_type = mime_type,
                .data = .{ .text = results.valid(words) },
            },
        },
    };
}

/// Create a message of the user.
pub fn user(content: Content) Message {
    return .{ .role = .user, .content = content };
}

/// Create a message of the model.
pub fn assistant(content: Content) Message {
    return .{ .role = .assistant, .content = content };
}

/// Copy blocks to memory that is valid until the result is read: `&.{...}` is on the stack of the function.
pub fn blocks(given: []const Content) std.mem.Allocator.Error![]const Content {
    return bindings.memory.allocator.dupe(Content, given);
}

/// Copy messages to memory that is valid until the result is read.
pub fn conversation(given: []const Message) std.mem.Allocator.Error![]const Message {
    return bindings.memory.allocator.dupe(Message, given);
}
