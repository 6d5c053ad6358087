//! Asking the client in the middle of a function. A question without an answer ends the run with `error.InputRequired`;
//! when the client comes back the function runs again from its start, finds the answers, and goes on.
//! Specification: basic/patterns/mrtr.
//!
//! An answer belongs to a question by the order and the words of the questions. Answers of earlier rounds, and what
//! `once` kept, travel with the client in the sealed state.
const std = @import("std");
const bindings = @import("bindings");
const json_text = @import("json_text.zig");
const results = @import("results.zig");

const memory = bindings.memory;
const types = bindings.types;
const Entry = json_text.Member;
const List = std.ArrayList(Entry);

pub const Error = error{ InputRequired, OutOfMemory };

// One call runs at a time, and its memory is gone after it.
var asked: usize = 0;
var answers: List = .empty;
var kept: List = .empty;
var wanted: ?types.InputRequest = null;

/// A request is about to be answered, perhaps for the second time.
pub fn begin(request: bindings.messages.Request) void {
    asked = 0;
    answers = .empty;
    kept = .empty;
    wanted = null;
    request_now = request;
    is_read = false;
}

var request_now: bindings.messages.Request = undefined;
var is_read = false;

/// Read what the client has brought back: who never asks need not pay for it.
fn read() Error!void {
    if (is_read) return;
    is_read = true;
    if (request_now.inputState()) |state| {
        try readList(&answers, json_text.member(state, "answers"));
        try readList(&kept, json_text.member(state, "kept"));
    }
    for (request_now.inputResponses()) |response| try answers.append(memory.allocator, .{ .name = response[0], .value = response[1] });
}

fn readList(list: *List, text: ?[]const u8) Error!void {
    try list.appendSlice(memory.allocator, json_text.members(text orelse return) orelse return);
}

fn find(list: List, name: []const u8) ?[]const u8 {
    for (list.items) |entry| if (std.mem.eql(u8, entry.name, name)) return entry.value;
    return null;
}

/// The client's answer to a question, as JSON text.
pub fn ask(method: []const u8, params: []const u8) Error![]const u8 {
    try read();
    asked += 1;
    var hash: std.hash.Fnv1a_64 = .init();
    hash.update(method);
    hash.update(params);
    const key = try std.fmt.allocPrint(memory.allocator, "q{d}-{x}", .{ asked, hash.final() });
    if (find(answers, key)) |answer| return answer;
    wanted = .{ .key = key, .method = method, .params = params };
    return error.InputRequired;
}

/// What an earlier run of this request has kept under a name.
pub fn recall(name: []const u8) Error!?[]const u8 {
    try read();
    return find(kept, name);
}

/// Keep a JSON value for the runs that follow.
pub fn keep(name: []const u8, value: []const u8) Error!void {
    try kept.append(memory.allocator, .{ .name = name, .value = value });
}

/// What the client is to be asked, after a run that ended with `error.InputRequired`. Null: that was the author's own.
pub fn required() ?types.InputRequired {
    const question = wanted orelse return null;
    const requests = memory.allocator.dupe(types.InputRequest, &.{question}) catch return null;
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
