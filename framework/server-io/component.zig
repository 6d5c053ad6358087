//! The component server-io: holds requests and replies for the whole chain, and converts to and from JSON.

pub const exports = struct {
    pub const messages = struct {
        pub const Request = @import("Request.zig");
        pub const Reply = @import("Reply.zig");
    };
    pub const wire = @import("wire.zig");
};
