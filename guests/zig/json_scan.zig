//! Scan of JSON text, a module of its own that the framework and the guest library share.

/// Return the length of the prefix without quotes, backslashes and control characters. Scans sixteen bytes at a time:
/// most bodies consist mostly of strings.
pub fn plainPrefix(text: []const u8) usize {
    const Block = @Vector(16, u8);
    var i: usize = 0;
    while (i + 16 <= text.len) : (i += 16) {
        const block: Block = text[i..][0..16].*;
        const special = (block == @as(Block, @splat('"'))) | (block == @as(Block, @splat('\\'))) |
            (block < @as(Block, @splat(' ')));
        if (@reduce(.Or, special)) return i + @ctz(@as(u16, @bitCast(special)));
    }
    while (i < text.len) : (i += 1) switch (text[i]) {
        0...0x1f, '"', '\\' => break,
        else => {},
    };
    return i;
}
