//! Tools component that sends server-to-client requests: one round, several kinds at once, several rounds, by URL.

const std = @import("std");
const bindings = @import("bindings");

const Request = bindings.messages.Request;
const tools = bindings.tools;
const types = bindings.types;
const allocator = bindings.memory.allocator;

const Outcome = bindings.abi.Result(?tools.Outcome, types.Error);
const names = [_][]const u8{ "greet", "survey", "rounds", "visit", "trip" };

const name_form = "{\"mode\":\"form\",\"message\":\"Who?\",\"requestedSchema\":{\"type\":\"object\"," ++
    "\"properties\":{\"name\":{\"type\":\"string\"}},\"required\":[\"name\"]}}";
const sample = "{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\"," ++
    "\"text\":\"The capital of France?\"}}],\"maxTokens\":10}";
const page = "{\"mode\":\"url\",\"message\":\"Go there\",\"url\":\"https://example.com/go\"}";

pub const exports = struct {
    pub const tools = struct {
        pub fn listTools(_: Request, _: ?types.Cursor) bindings.abi.Result(bindings.tools.Page, types.Error) {
            const items = allocator.alloc(types.Tool, names.len) catch @trap();
            for (items, names) |*tool, name| tool.* = .{ .name = name, .input_schema = "{\"type\":\"object\"}" };
            return .{ .ok = .{ .items = items, .next = null, .cache = null } };
        }

        pub fn callTool(request: Request, name: []const u8) Outcome {
            const answers = request.inputResponses();
            if (std.mem.eql(u8, name, "greet")) {
                if (find(answers, "who")) |answer| return complete(answer);
                return ask(&.{.{ .key = "who", .method = "elicitation/create", .params = name_form }}, null);
            }
            if (std.mem.eql(u8, name, "survey")) {
                if (answers.len == 3) {
                    const all = std.mem.concat(allocator, u8, &.{ "[", find(
                        answers,
                        "who",
                    ).?, ",", find(answers, "capital").?, ",", find(answers, "roots").?, "]" }) catch @trap();
                    return complete(all);
                }
                return ask(&.{
                    .{ .key = "who", .method = "elicitation/create", .params = name_form },
                    .{ .key = "capital", .method = "sampling/createMessage", .params = sample },
                    .{ .key = "roots", .method = "roots/list", .params = "{}" },
                }, "survey");
            }
            if (std.mem.eql(u8, name, "rounds")) {
                const state = request.inputState() orelse "";
                request.progress(@floatFromInt(state.len + 1), 4, null);
                if (state.len == 3) return complete(state);
                const more = std.mem.concat(allocator, u8, &.{ state, "x" }) catch @trap();
                return ask(&.{.{ .key = "who", .method = "elicitation/create", .params = name_form }}, more);
            }
            if (std.mem.eql(u8, name, "visit")) {
                if (find(answers, "page")) |answer| return complete(answer);
                return ask(&.{.{ .key = "page", .method = "elicitation/create", .params = page }}, null);
            }
            if (std.mem.eql(u8, name, "trip")) { // the requests that all revisions have
                if (answers.len == 2) return complete(std.mem.concat(
                    allocator,
                    u8,
                    &.{ "[", find(answers, "capital").?, ",", find(answers, "roots").?, "]" },
                ) catch @trap());
                return ask(&.{
                    .{ .key = "capital", .method = "sampling/createMessage", .params = sample },
                    .{ .key = "roots", .method = "roots/list", .params = "{}" },
                }, null);
            }
            return .{ .ok = null };
        }
    };
};

fn find(answers: anytype, key: []const u8) ?[]const u8 {
    for (answers) |answer| if (std.mem.eql(u8, answer[0], key)) return answer[1];
    return null;
}

fn ask(requests: []const types.InputRequest, state: ?[]const u8) Outcome {
    return .{ .ok = .{
        .input_required = .{ .requests = allocator.dupe(types.InputRequest, requests) catch @trap(), .state = state },
    } };
}

fn complete(text: []const u8) Outcome {
    const content = allocator.alloc(types.Content, 1) catch @trap();
    content[0] = .{ .text = .{ .text = text } };
    return .{ .ok = .{ .complete = .{ .content = content, .is_error = false } } };
}
