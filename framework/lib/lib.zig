//! What framework components share.

pub const json = @import("json.zig");
pub const Writer = @import("Writer.zig");

test {
    _ = json;
    _ = Writer;
}
