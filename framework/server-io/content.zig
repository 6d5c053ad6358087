//! Content blocks. Specification: schema `ContentBlock`.

const std = @import("std");
const lib = @import("lib");
const types = @import("wit.zig").types;
const Results = @import("Results.zig");
const Revision = @import("revision.zig").Revision;

const Writer = lib.Writer;
const Error = Writer.EmbedError;

/// Write a content block. Blocks that the revision does not have are described in text, so that the client gets an
/// answer.
pub fn write(self: *Results, value: types.Content) Error!void {
    switch (value) {
        .text => |block| {
            try begin(self, "text");
            try self.text("text", block.text);
            try self.annotations(block.annotations);
            try self.meta(block.meta);
        },
        .image => |block| try media(self, "image", block),
        .audio => |block| if (self.since(.@"2025-03-26")) try media(self, "audio", block) else {
            try begin(self, "text");
            try self.w.key("text");
            try self.w.raw("\"[");
            try self.w.digits(block.data.len);
            try self.w.raw(" bytes of audio]\"");
        },
        .resource_link => |block| if (self.since(.@"2025-06-18")) {
            try begin(self, "resource_link");
            try self.text("uri", block.uri);
            try self.titled(block.name, block.title);
            try self.text("description", block.description);
            try self.text("mimeType", block.mime_type);
            try self.size(block.size);
            try self.icons(block.icons);
            try self.annotations(block.annotations);
            try self.meta(block.meta);
        } else {
            try begin(self, "text");
            try self.text("text", block.uri);
            try self.annotations(block.annotations);
        },
        .embedded_resource => |block| {
            try begin(self, "resource");
            try self.w.key("resource");
            try self.contents(block.contents);
            try self.annotations(block.annotations);
            try self.meta(block.meta);
        },
        .other => |json| {
            self.looked_at = "content";
            if (self.revision == Revision.latest) {
                if (try self.w.embed(json) != .object) return error.InvalidJson;
                return;
            }
            if (try Writer.check(json) != .object) return error.InvalidJson;
            try begin(self, "text");
            try self.text("text", json);
        },
    }
    try self.w.close('}');
}

/// Write a text block without annotations.
pub fn plain(self: *Results, words: []const u8) Error!void {
    try begin(self, "text");
    try self.text("text", words);
    try self.w.close('}');
}

fn begin(self: *Results, kind: []const u8) Error!void {
    try self.w.open('{');
    try self.text("type", kind);
}

fn media(self: *Results, kind: []const u8, value: types.MediaContent) Error!void {
    try begin(self, kind);
    try self.w.key("data");
    try self.w.base64(value.data);
    try self.text("mimeType", value.mime_type);
    try self.annotations(value.annotations);
    try self.meta(value.meta);
}
