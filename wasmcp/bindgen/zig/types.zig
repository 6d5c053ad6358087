//! The mapping of WIT types to Zig types, and the types that Zig itself does not have.
const std = @import("std");
const layout = @import("layout.zig");

/// A `result<T, E>`. A missing `T` or `E` is `void`.
pub fn Result(comptime T: type, comptime E: type) type {
    return union(enum(u8)) {
        ok: T,
        err: E,

        pub const Ok = T;
        pub const Err = E;

        /// Return the value, or `error.Err`: for callers that treat all errors alike.
        pub fn get(self: @This()) error{Err}!T {
            return switch (self) {
                .ok => |value| value,
                .err => error.Err,
            };
        }
    };
}

/// A `borrow<R>` inside another type. As a parameter it is unwrapped.
pub fn Borrowed(comptime R: type) type {
    return struct {
        resource: R.BorrowedAs,

        pub const wit_kind: Kind = .borrowed;
        pub const Resource = R;
    };
}

/// A list that keeps the Canonical ABI's layout in memory: two words, whatever its elements contain.
pub fn StoredList(comptime E: type) type {
    return struct {
        /// Address of an empty list: the ABI requires an aligned one.
        address: usize = 8,
        len: usize = 0,

        pub const wit_kind: Kind = .stored_list;

        /// Return all elements.
        pub fn all(self: @This()) []const E {
            return layout.liftList(E, self.address, self.len);
        }

        /// Read one element, at every call anew.
        pub fn get(self: @This(), index: usize) E {
            std.debug.assert(index < self.len);
            return layout.load(E, @as([*]const u8, @ptrFromInt(self.address)) + index * comptime layout.sizeOf(E));
        }
    };
}

pub const Kind = enum {
    bool,
    int,
    float,
    char,
    list,
    stored_list,
    option,
    record,
    flags,
    variant,
    enumeration,
    own,
    borrowed,
};

/// Return the WIT kind of a Zig type.
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
        .@"struct" => |info| if (@hasDecl(T, "wit_kind"))
            T.wit_kind
        else if (info.layout == .@"packed")
            .flags
        else
            .record,
        else => @compileError("`" ++ @typeName(T) ++ "` is not a WIT type"),
    };
}

/// Return the integer type of an enum or flags.
pub fn Backing(comptime T: type) type {
    return switch (@typeInfo(T)) {
        .@"enum" => |info| info.tag_type,
        .@"struct" => |info| info.backing_integer.?,
        else => unreachable,
    };
}
