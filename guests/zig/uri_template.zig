//! Variables of URI templates (RFC 6570). The framework matches URIs against templates, and the build refuses those
//! that cannot be matched.
const std = @import("std");

pub const Variable = struct {
    name: []const u8,
    /// True for a list of values (`*`).
    many: bool,
    /// True if a URI can omit it.
    optional: bool,
};

/// Return the variables of a template, in order.
pub fn variables(comptime template: []const u8) []const Variable {
    comptime {
        @setEvalBranchQuota(1000 + 100 * template.len);
        var found: []const Variable = &.{};
        var rest = template;
        while (std.mem.indexOfScalar(u8, rest, '{')) |open| {
            const close = std.mem.indexOfScalarPos(u8, rest, open, '}') orelse break;
            const inside = rest[open + 1 .. close];
            rest = rest[close + 1 ..];
            const optional = inside.len > 0 and std.mem.indexOfScalar(u8, "#;?&", inside[0]) != null;
            var names = std.mem.splitScalar(u8, std.mem.trimStart(u8, inside, "+#./;?&"), ',');
            while (names.next()) |written| {
                const end = std.mem.findAny(u8, written, ":*") orelse written.len;
                found = found ++ &[_]Variable{.{
                    .name = written[0..end],
                    .many = std.mem.endsWith(u8, written, "*"),
                    .optional = optional,
                }};
            }
        }
        return found;
    }
}
