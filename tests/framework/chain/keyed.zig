//! Authorization by a key in a header field.

const std = @import("std");
const bindings = @import("bindings");

const types = bindings.authorizer;
const Pair = std.meta.Child(@FieldType(types.HttpRequest, "headers"));

pub const exports = struct {
    pub const authorizer = struct {
        pub fn configure(_: []const Pair) bindings.abi.Result(types.State, []const u8) {
            return .{ .ok = .enforced };
        }

        pub fn setKeys(_: []const u8) bindings.abi.Result(void, []const u8) {
            return .{ .err = "this server has a key of its own" };
        }

        pub fn authorize(request: types.HttpRequest) types.Verdict {
            for (request.headers) |field| {
                if (!std.mem.eql(u8, field[0], "x-api-key") or !std.mem.eql(u8, field[1], "secret")) continue;
                return .{ .allowed = .{ .subject = "service", .issuer = null, .scopes = &.{"all"}, .claims = "{}" } };
            }
            return .{ .answered = response(401, "a key is needed") };
        }

        pub fn deny(_: types.HttpRequest, _: []const []const u8) types.HttpResponse {
            return response(403, "not with this key");
        }
    };
};

fn response(status: u16, body: []const u8) types.HttpResponse {
    return .{ .status = status, .headers = &.{.{ "x-needs", "key" }}, .body = body, .needs = null };
}
