//! How WIT types are seen as Zig types, and the ones that Zig has no word for.
const std = @import("std");
const layout = @import("layout.zig");

/// The two ways a `result<T, E>` ends. A missing `T` or `E` is `void`.
pub fn Result(comptime T: type, comptime E: type) type {
    return union(enum(u8)) {
        ok: T,
        err: E,

        pub const Ok = T;
        pub const Err = E;

        /// The value, or `error.Err`: for callers that don't care which error it was.
        pub fn get(self: @This()) error{Err}!T {
            return switch (self) {
                .ok => |value| value,
                .err => error.Err,
            };
        }
    };
}

/// A `borrow<R>` inside another type. As a parameter of its own it is unwrapped.
pub fn Borrowed(comptime R: type) type {
    return struct {
        resource: R.BorrowedAs,

        pub const wit_kind: Kind = .borrowed;
        pub const Resource = R;
    };
}

/// A list that stays where it lies, in the form that the Canonical ABI gave it: two words, whatever its elements hold.
pub fn StoredList(comptime E: type) type {
    return struct {
        /// Where nothing lies: the ABI wants an aligned address.
        address: usize = 8,
        len: usize = 0,

        pub const wit_kind: Kind = .stored_list;

        /// All elements.
        pub fn all(self: @This()) []const E {
            return layout.liftList(E, self.address, self.len);
        }

        /// One element, read as often as it is asked for.
        pub fn get(self: @This(), index: usize) E {
            std.debug.assert(index < self.len);
            return layout.load(E, @as([*]const u8, @ptrFromInt(self.address)) + index * comptime layout.sizeOf(E));
        }
    };
}

pub const Kind = enum { bool, int, float, char, list, stored_list, option, record, flags, variant, enumeration, own, borrowed };

/// What a Zig type stands for.
pub fn kind(comptime T: type) Kind {
    if (T == u21) return .char;
    return switch (@typeInfo(T)) {
        .bool => .bool,
        .int => .int,
        .float => .float,
        .pointer => .list,
        .optional => .option,
        .@"enum" => .enumeration,
        .@"union" => .variant,
        .@"struct" => |info| if (@hasDecl(T, "wit_kind")) T.wit_kind else if (info.layout == .@"packed") .flags else .record,
        else => @compileError("`" ++ @typeName(T) ++ "` is no WIT type"),
    };
}

/// The integer behind an enum or flags.
pub fn Backing(comptime T: type) type {
    return switch (@typeInfo(T)) {
        .@"enum" => |info| info.tag_type,
        .@"struct" => |info| info.backing_integer.?,
        else => unreachable,
    };
}
