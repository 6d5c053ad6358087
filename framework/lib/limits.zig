//! Limits that several framework components apply.

const std = @import("std");

/// Maximum number of resources in one request for notifications.
pub const subscribed_resources = 1000;

/// Error message of a request for more.
pub const too_many_resources =
    std.fmt.comptimePrint("Invalid params: more than {d} resources", .{subscribed_resources});
