//! Scan of JSON text, a module of its own that the framework and the guest library share.

const builtin = @import("builtin");

/// False in components without vector instructions, where vectors are code for each of their items.
const has_vectors = !builtin.cpu.arch.isWasm() or builtin.cpu.has(.wasm, .simd128);

/// Return the length of the prefix without quotes, backslashes and control characters. Scans sixteen bytes at a time:
/// most bodies consist mostly of strings.
pub fn plainPrefix(text: []const u8) usize {
    const Block = @Vector(16, u8);
    var i: usize = 0;
    if (has_vectors) while (i + 16 <= text.len) : (i += 16) {
        const block: Block = text[i..][0..16].*;
        // Zero for a backslash, and for a quote or a control character: 2 makes a space of a quote, and a quote of a
        // space.
        const others = (block ^ @as(Block, @splat(2))) -| @as(Block, @splat(' '));
        const plain = @min(block ^ @as(Block, @splat('\\')), others);
        const special = plain == @as(Block, @splat(0));
        if (@reduce(.Or, special)) return i + @ctz(@as(u16, @bitCast(special)));
    };
    while (i < text.len) : (i += 1) switch (text[i]) {
        0...0x1f, '"', '\\' => break,
        else => {},
    };
    return i;
}
