//! Tools component whose tools run as tasks.

const std = @import("std");
const bindings = @import("bindings");

const Request = bindings.messages.Request;
const types = bindings.types;
const allocator = bindings.memory.allocator;

const Outcome = bindings.abi.Result(?bindings.tools.Outcome, types.Error);
const form = "{\"mode\":\"form\",\"message\":\"Who?\",\"requestedSchema\":{\"type\":\"object\"," ++
    "\"properties\":{\"name\":{\"type\":\"string\"}}}}";

pub const exports = struct {
    pub const tools = struct {
        pub fn listTools(_: Request, _: ?types.Cursor) bindings.abi.Result(bindings.tools.Page, types.Error) {
            return .{ .ok = .{ .items = &.{}, .next = null, .cache = null } };
        }

        pub fn callTool(request: Request, name: []const u8) Outcome {
            if (is(name, "count")) {
                const before = request.storedValue("n") orelse "\"\"";
                const n = std.mem.count(u8, before, "x");
                if (n == 3) return complete(request.arguments() orelse "none");
                const after = std.mem.concat(allocator, u8, &.{ before[0 .. before.len - 1], "x\"" }) catch @trap();
                return checkpoint(request, "n", after);
            }
            if (is(name, "ask")) {
                if (request.storedValue("begun") == null) return checkpoint(request, "begun", "1");
                // Both are sent at once, and one key is used in two rounds.
                const first = asked(request, "first") orelse "";
                const second = asked(request, "second") orelse "";
                if (first.len == 0 or second.len == 0) return input();
                const third = asked(request, "third") orelse return input();
                const all = [_][]const u8{ "[", first, ",", second, ",", third, "]" };
                return complete(std.mem.concat(allocator, u8, &all) catch @trap());
            }
            if (is(name, "quick")) return complete(request.arguments() orelse "none");
            if (is(name, "forever")) {
                request.progress(1, 4, null);
                while (!request.cancelled()) {}
                return complete("stopped");
            }
            if (is(name, "deaf")) while (true) std.mem.doNotOptimizeAway(name);
            if (is(name, "trap")) @trap();
            if (is(name, "refuse")) return .{ .err = .{ .code = -32005, .message = "no", .data = "{\"a\":1}" } };
            if (is(name, "large")) return complete(allocator.alloc(u8, 3 << 20) catch @trap());
            if (is(name, "who")) {
                const identity = request.identity() orelse return complete("nobody");
                return complete(identity.subject);
            }
            if (is(name, "wrong")) {
                var outcome = complete("wrong");
                outcome.ok.?.complete.is_error = true;
                return outcome;
            }
            return .{ .ok = null };
        }
    };
};

fn is(one: []const u8, other: []const u8) bool {
    return std.mem.eql(u8, one, other);
}

fn asked(request: Request, key: []const u8) ?[]const u8 {
    return switch (request.clientRequest("elicitation/create", form, key)) {
        .ok => |response| response.value,
        .err => null,
    };
}

fn input() Outcome {
    return .{ .ok = .{ .input_required = .{ .requests = &.{}, .state = null } } };
}

fn checkpoint(request: Request, name: []const u8, value: []const u8) Outcome {
    switch (request.storeValue(name, value)) {
        .ok => {},
        .err => |failure| return .{ .err = failure },
    }
    return .{ .ok = .{ .input_required = .{ .requests = &.{}, .state = "" } } };
}

fn complete(text: []const u8) Outcome {
    const content = allocator.alloc(types.Content, 1) catch @trap();
    content[0] = .{ .text = .{ .text = text } };
    return .{ .ok = .{ .complete = .{ .content = content, .is_error = false } } };
}
