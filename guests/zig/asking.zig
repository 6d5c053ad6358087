//! Multi round-trip requests. An unanswered server-to-client request ends the run of the function with
//! `error.InputRequired`; when the client has answered, the function runs again from its start and gets the answers.
//! Requests that are made before the first `try` are sent together.
//! Specification: basic/patterns/mrtr.
//!
//! The key of a request is derived from its position and content. Answers of earlier rounds and the values of `once`
//! are stored in the sealed request state.
const std = @import("std");
const bindings = @import("bindings");
const json_text = @import("json_text.zig");
const results = @import("results.zig");

const memory = bindings.memory;
const types = bindings.types;
const Entry = json_text.Member;
const List = std.ArrayList(Entry);

pub const Error = error{ InputRequired, OutOfMemory };

// One call runs at a time, and its memory is freed after it.
var requests_made: usize = 0;
var answers: List = .empty;
var kept: List = .empty;
var unanswered: std.ArrayList(types.InputRequest) = .empty;

/// Reset the state at the beginning of a call.
pub fn begin(request: bindings.messages.Request) void {
    requests_made = 0;
    answers = .empty;
    kept = .empty;
    unanswered = .empty;
    request_now = request;
    is_read = false;
}

var request_now: bindings.messages.Request = undefined;
var is_read = false;

/// Read the request state and the answers; lazy, because most calls need neither.
fn read() Error!void {
    if (is_read) return;
    is_read = true;
    if (request_now.inputState()) |state| {
        try readList(&answers, json_text.member(state, "answers"));
        try readList(&kept, json_text.member(state, "kept"));
    }
    for (request_now.inputResponses()) |response|
        try answers.append(memory.allocator, .{ .name = response[0], .value = response[1] });
}

fn readList(list: *List, text: ?[]const u8) Error!void {
    try list.appendSlice(memory.allocator, json_text.members(text orelse return) orelse return);
}

fn find(list: List, name: []const u8) ?[]const u8 {
    for (list.items) |entry| if (std.mem.eql(u8, entry.name, name)) return entry.value;
    return null;
}

/// Return the client's answer to a request, as JSON text.
pub fn ask(method: []const u8, params: []const u8) Error![]const u8 {
    try read();
    requests_made += 1;
    var hash: std.hash.Fnv1a_64 = .init();
    hash.update(method);
    hash.update(params);
    const key = try std.fmt.allocPrint(memory.allocator, "q{d}-{x}", .{ requests_made, hash.final() });
    if (find(answers, key)) |answer| return answer;
    try unanswered.append(memory.allocator, .{ .key = key, .method = method, .params = params });
    return error.InputRequired;
}

/// Return the value that an earlier run of this call has stored under a name.
pub fn recall(name: []const u8) Error!?[]const u8 {
    try read();
    return find(kept, name);
}

/// Store a JSON value for later runs.
pub fn keep(name: []const u8, value: []const u8) Error!void {
    try kept.append(memory.allocator, .{ .name = name, .value = value });
}

/// Return the `InputRequired` result, after a run that ended with `error.InputRequired`. Null: the author's code
/// returned that error itself.
pub fn required() ?types.InputRequired {
    const requests = unanswered.items;
    if (requests.len == 0) return null;
    if (answers.items.len == 0 and kept.items.len == 0) return .{ .requests = requests };
    var state: std.ArrayList(u8) = .empty;
    write(&state) catch return null;
    return .{ .requests = requests, .state = state.items };
}

fn write(state: *std.ArrayList(u8)) !void {
    inline for (.{ "{\"answers\":{", "},\"kept\":{" }, .{ answers, kept }) |before, list| {
        try state.appendSlice(memory.allocator, before);
        for (list.items, 0..) |entry, i| {
            if (i > 0) try state.append(memory.allocator, ',');
            try state.appendSlice(memory.allocator, try results.json([]const u8, entry.name));
            try state.append(memory.allocator, ':');
            try state.appendSlice(memory.allocator, entry.value);
        }
    }
    try state.appendSlice(memory.allocator, "}}");
}
