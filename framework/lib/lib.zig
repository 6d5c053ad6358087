//! What framework components share.

pub const header = @import("header.zig");
pub const json = @import("json.zig");
pub const Writer = @import("Writer.zig");

test {
    _ = header;
    _ = json;
    _ = Writer;
}
