//! Blocks of content, made in few words. Specification: server/tools, "Tool Result"; server/prompts.
const std = @import("std");
const bindings = @import("bindings");
const results = @import("results.zig");
const uris = @import("uris.zig");

const types = bindings.types;
pub const Content = types.Content;
pub const Message = types.PromptMessage;

/// A text.
pub fn text(words: []const u8) Content {
    return .{ .text = .{ .text = results.valid(words) } };
}

/// An image: its bytes, for example of `image/png`.
pub fn image(data: []const u8, mime_type: []const u8) Content {
    return .{ .image = .{ .data = data, .mime_type = mime_type } };
}

/// A sound: its bytes, for example of `audio/wav`.
pub fn audio(data: []const u8, mime_type: []const u8) Content {
    return .{ .audio = .{ .data = data, .mime_type = mime_type } };
}

/// A link to a resource, which the client may read.
pub fn link(uri: []const u8, name: []const u8) Content {
    return .{ .resource_link = .{ .uri = uris.sendable(uri), .name = name } };
}

/// A resource that goes along: a text.
pub fn embedded(uri: []const u8, mime_type: ?[]const u8, words: []const u8) Content {
    return .{ .embedded_resource = .{ .contents = .{ .uri = uris.sendable(uri), .mime_type = mime_type, .data = .{ .text = results.valid(words) } } } };
}

/// A message of the user's.
pub fn user(content: Content) Message {
    return .{ .role = .user, .content = content };
}

/// A message of the model's.
pub fn assistant(content: Content) Message {
    return .{ .role = .assistant, .content = content };
}

/// Several blocks, in memory that lasts until the result is read: `&.{...}` alone would be gone with the function.
pub fn blocks(given: []const Content) std.mem.Allocator.Error![]const Content {
    return bindings.memory.allocator.dupe(Content, given);
}

/// Several messages, in memory that lasts until the result is read.
pub fn conversation(given: []const Message) std.mem.Allocator.Error![]const Message {
    return bindings.memory.allocator.dupe(Message, given);
}
