//! Conversion of typed values: both contracts have the same cases under different names.

const bindings = @import("bindings");

const Ours = bindings.key_value_types.Value;
const Theirs = bindings.wasmcp_keyvalue.store.TypedValue;

pub fn ours(value: Theirs) Ours {
    return switch (value) {
        .as_string => |found| .{ .string = found },
        .as_json => |found| .{ .json = found },
        .as_u64 => |found| .{ .u64 = found },
        .as_s64 => |found| .{ .s64 = found },
        .as_bool => |found| .{ .bool = found },
        .as_bytes => |found| .{ .bytes = found },
    };
}

pub fn theirs(value: Ours) Theirs {
    return switch (value) {
        .string => |found| .{ .as_string = found },
        .json => |found| .{ .as_json = found },
        .u64 => |found| .{ .as_u64 = found },
        .s64 => |found| .{ .as_s64 = found },
        .bool => |found| .{ .as_bool = found },
        .bytes => |found| .{ .as_bytes = found },
    };
}

/// Return the text of an error.
pub fn words(problem: bindings.key_value_types.Error) []const u8 {
    return switch (problem) {
        .access_denied => "access denied",
        .no_such_bucket => "no such bucket",
        .no_session => "no session",
        .not_a_counter => "the value is not a counter",
        .out_of_range => "the counter would leave its range",
        inline .limit, .unsupported, .other => |text| text,
    };
}
