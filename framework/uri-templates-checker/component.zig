//! URI templates outside of a server: the build refuses those that cannot be matched, and unit tests match URIs.

const std = @import("std");
const bindings = @import("bindings");
const matching = @import("lib").uri_matching;

const types = bindings.types;
const allocator = bindings.memory.allocator;

pub const exports = struct {
    pub const uri_templates = struct {
        pub fn problem(text: []const u8) std.mem.Allocator.Error!?[]const u8 {
            return matching.problem(allocator, text);
        }

        pub fn match(uri: []const u8, templates: []const types.UriTemplate) std.mem.Allocator.Error!?types.UriMatch {
            return matching.first(types.UriMatch, allocator, uri, templates);
        }
    };
};
