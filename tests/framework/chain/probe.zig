//! Tools component with one tool for each behaviour that the tests need.

const std = @import("std");
const bindings = @import("bindings");

const Request = bindings.messages.Request;
const tools = bindings.tools;
const types = bindings.types;
const allocator = bindings.memory.allocator;

const names = [_][]const u8{ "echo", "events", "wait", "refuse", "later", "ask", "broken" };

pub const exports = struct {
    pub const tools = struct {
        /// Return two tools per page; the pages never end for a client named "endless".
        pub fn listTools(
            request: Request,
            cursor: ?types.Cursor,
        ) bindings.abi.Result(bindings.tools.Page, types.Error) {
            if (std.mem.find(u8, request.params(), "\"fail\"") != null)
                return .{ .err = .{ .code = -32001, .message = "no list" } };
            const start = if (cursor) |text| std.fmt.parseInt(usize, text, 10) catch 0 else 0;
            const end = @min(start + 2, names.len);
            const page = allocator.alloc(types.Tool, end - start) catch @trap();
            for (page, names[start..end]) |*tool, name|
                tool.* = .{ .name = name, .input_schema = "{\"type\":\"object\"}" };
            const endless = std.mem.find(u8, request.params(), "\"endless\"") != null;
            const next: ?[]const u8 = if (endless)
                "0"
            else if (end < names.len) std.fmt.allocPrint(allocator, "{d}", .{end}) catch @trap() else null;
            return .{ .ok = .{ .items = page, .next = next, .cache = .{ .ttl_ms = 1000 - start, .scope = .public } } };
        }

        pub fn callTool(request: Request, name: []const u8) bindings.abi.Result(?bindings.tools.Outcome, types.Error) {
            if (std.mem.eql(u8, name, "echo")) return complete(request.arguments() orelse "none");
            if (std.mem.eql(u8, name, "events")) {
                for (1..4) |i| {
                    request.progress(@floatFromInt(i), 3, "working");
                    request.log(.info, "probe", "{\"step\":\n1}");
                }
                return complete("done");
            }
            if (std.mem.eql(u8, name, "wait")) {
                for (0..100_000_000) |_| if (request.cancelled()) return complete("cancelled");
                return complete("nobody cancelled");
            }
            if (std.mem.eql(u8, name, "refuse")) return .{ .err = .{ .code = 7, .message = "refused", .data = "[1]" } };
            if (std.mem.eql(u8, name, "later")) return .{ .ok = .{ .other = "{\"resultType\":\"later\",\"x\":1}" } };
            if (std.mem.eql(u8, name, "ask")) {
                if (request.inputState()) |state| return complete(state);
                const ask = [_]types.InputRequest{.{ .key = "k", .method = "elicitation/create", .params = "{}" }};
                return .{ .ok = .{ .input_required = .{
                    .requests = allocator.dupe(types.InputRequest, &ask) catch @trap(),
                    .state = "remembered",
                } } };
            }
            if (std.mem.eql(u8, name, "broken"))
                return .{ .ok = .{ .complete = .{ .is_error = false, .structured_content = "{" } } };
            return .{ .ok = null };
        }
    };
};

fn complete(text: []const u8) bindings.abi.Result(?tools.Outcome, types.Error) {
    const content = allocator.alloc(types.Content, 1) catch @trap();
    content[0] = .{ .text = .{ .text = text } };
    return .{ .ok = .{ .complete = .{ .content = content, .is_error = false } } };
}
