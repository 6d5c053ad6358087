//! Outgoing requests and timers of a server under test, for a host whose functions cannot make the resources for them.
//! Requests are sent where the host decides.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");

const types = bindings.wasi_http.types;
const Request = types.OutgoingRequest;
const Outcome = bindings.abi.Result(types.FutureIncomingResponse, types.ErrorCode);

pub const exports = struct {
    pub const wasi_http = struct {
        pub const outgoing_handler = struct {
            pub fn handle(request: Request, options: ?types.RequestOptions) Outcome {
                const problem = prepare(request) orelse
                    return bindings.wasi_http.outgoing_handler.handle(request, options);
                request.drop();
                if (options) |given| given.drop();
                return .{ .err = problem };
            }
        };
    };

    pub const test_timers = struct {
        pub fn after(duration: u64) bindings.wasi_io.poll.Pollable {
            return bindings.wasi_clocks.monotonic_clock.subscribeDuration(duration);
        }
    };
};

/// Change a request as the host decides. Return the error if it must not be sent.
fn prepare(request: Request) ?types.ErrorCode {
    const scheme = if (request.scheme()) |given| switch (given) {
        .http => "http",
        .https => "https",
        .other => |name| name,
    } else "https";
    const parts = [_][]const u8{ scheme, "://", request.authority() orelse "", request.pathWithQuery() orelse "/" };
    const url = std.mem.concat(bindings.memory.allocator, u8, &parts) catch return .{ .internal_error = null };
    switch (bindings.test_decisions.decide(lib.http_method.name(request.method()), url)) {
        .pass_on => return null,
        .redirect => |place| {
            const changed = request.setScheme(.http) == .ok and
                request.setAuthority(place[0]) == .ok and
                request.setPathWithQuery(place[1]) == .ok;
            return if (changed) null else .{ .internal_error = "the request cannot be redirected" };
        },
        .fail => |failure| return errorCode(failure[0], failure[1]),
    }
}

/// Return the `error-code` of a name of WIT, with a reason if it can carry one.
fn errorCode(name: []const u8, reason: []const u8) types.ErrorCode {
    const cases = @typeInfo(types.ErrorCode).@"union";
    inline for (cases.field_names, cases.field_types) |case, Payload| {
        if (isNamed(name, case)) return @unionInit(types.ErrorCode, case, payload(Payload, reason));
    }
    return .{ .internal_error = name };
}

/// Return whether a name of WIT, `DNS-timeout`, is that of a field, `dns_timeout`.
fn isNamed(name: []const u8, field: []const u8) bool {
    if (name.len != field.len) return false;
    for (name, field) |byte, expected| {
        if ((if (byte == '-') '_' else std.ascii.toLower(byte)) != expected) return false;
    }
    return true;
}

fn payload(comptime Payload: type, reason: []const u8) Payload {
    if (Payload == ?[]const u8) return if (reason.len > 0) reason else null;
    return switch (@typeInfo(Payload)) {
        .void => {},
        .optional => null,
        .@"struct" => |record| {
            var made: Payload = undefined;
            inline for (record.field_names) |field| @field(made, field) = null;
            return made;
        },
        else => @compileError("a payload of `error-code` that has no empty value"),
    };
}
