//! Record of a task: a JSON object, whose members are kept as slices of its text.

const std = @import("std");
const bytes = @import("bytes.zig");
const decimal = @import("decimal.zig");
const json = @import("json.zig");
const utc = @import("utc.zig");
const Writer = @import("Writer.zig");
const defaults = @import("protocol_table").task_defaults;

const TaskRecord = @This();
const Allocator = std.mem.Allocator;

pub const Mode = enum { run, steps };

pub const Status = enum {
    working,
    input_required,
    completed,
    failed,
    cancelled,

    pub fn isTerminal(self: Status) bool {
        return switch (self) {
            .working, .input_required => false,
            .completed, .failed, .cancelled => true,
        };
    }
};

/// The member of a tool's `_meta` that describes how it runs as a task. The composer writes all members.
pub const Settings = struct {
    mode: Mode = .run,
    ttl: u64 = defaults.ttlMs,
    poll: u64 = defaults.pollIntervalMs,
    required: bool = false,

    pub fn of(object: []const u8) Settings {
        var self: Settings = .{};
        if (json.member(object, "mode")) |given| if (json.equals(given, "steps")) {
            self.mode = .steps;
        };
        self.ttl = numberOf(object, "ttlMs") orelse self.ttl;
        self.poll = numberOf(object, "pollIntervalMs") orelse self.poll;
        if (json.member(object, "required")) |given| self.required = given[0] == 't';
        return self;
    }
};

/// The text that it was read from.
raw: []const u8 = "",
name: []const u8 = "",
/// Decoded: the path and the principal that it belongs to.
owner: []const u8 = "",
mode: Mode = .run,
status: Status = .working,
/// Milliseconds since 1970.
created: u64 = 0,
updated: u64 = 0,
expires: u64 = 0,
/// Milliseconds.
ttl: u64 = 0,
poll: u64 = 0,
/// Number of rounds of requests to the client.
round: u64 = 0,
/// JSON: what each run gets.
call: []const u8 = "{}",
/// Request state for the next run, in base64; empty: none.
state: []const u8 = "",
/// JSON objects: the requests without a response, by the keys that the client sees; the responses, by their own keys.
requests: []const u8 = "{}",
responses: []const u8 = "{}",
/// JSON: the result, or the error.
outcome: ?[]const u8 = null,
/// The last progress of the run, which is stored apart.
message: ?[]const u8 = null,

pub fn of(allocator: Allocator, stored: []const u8) Allocator.Error!TaskRecord {
    var self: TaskRecord = .{ .raw = stored };
    inline for (.{ "created", "updated", "expires", "ttl", "poll", "round" }) |field|
        @field(self, field) = numberOf(stored, field) orelse 0;
    inline for (.{ "name", "owner", "state" }) |field| if (json.member(stored, field)) |value| {
        @field(self, field) = try json.decodeString(allocator, value);
    };
    inline for (.{ "call", "requests", "responses" }) |field| if (json.member(stored, field)) |value| {
        @field(self, field) = value;
    };
    self.outcome = json.member(stored, "outcome");
    inline for (.{ "mode", "status" }) |field| if (json.member(stored, field)) |value| {
        for (std.meta.tags(@FieldType(TaskRecord, field))) |tag| {
            if (json.equals(value, @tagName(tag))) @field(self, field) = tag;
        }
    };
    return self;
}

fn numberOf(object: []const u8, name: []const u8) ?u64 {
    return decimal.parse(json.member(object, name) orelse return null, std.math.maxInt(u64));
}

/// Return the text to store. An ended task keeps the members that its client can still request.
pub fn text(self: TaskRecord, allocator: Allocator) Allocator.Error![]const u8 {
    var w = Writer.init(allocator);
    try w.open('{');
    inline for (.{ "created", "updated", "expires", "ttl", "poll", "round" }) |field| {
        try w.key(field);
        try w.integer(@field(self, field));
    }
    inline for (.{ "name", "owner" }) |field| {
        try w.key(field);
        try w.string(@field(self, field));
    }
    inline for (.{ "mode", "status" }) |field| {
        try w.key(field);
        try w.string(@tagName(@field(self, field)));
    }
    if (!self.status.isTerminal()) {
        try w.key("state");
        try w.string(self.state);
        inline for (.{ "call", "requests", "responses" }) |field| {
            try w.key(field);
            try w.value(@field(self, field));
        }
    } else if (self.outcome) |outcome| {
        try w.key("outcome");
        try w.value(outcome);
    }
    try w.close('}');
    return w.text();
}

/// End the task, with its result or its error.
pub fn end(self: *TaskRecord, status: Status, outcome: ?[]const u8, now: u64) void {
    self.status = status;
    self.outcome = outcome;
    self.updated = now;
}

/// Continue after a checkpoint.
pub fn goOn(self: *TaskRecord, state: []const u8, now: u64) void {
    self.state = state;
    self.responses = "{}";
    self.updated = now;
}

/// Wait for the client's responses. The keys that the client sees begin with the number of the round, so that each is
/// used once in the life of the task.
pub fn ask(
    self: *TaskRecord,
    allocator: Allocator,
    requests: []const u8,
    state: ?[]const u8,
    now: u64,
) Allocator.Error!void {
    self.round += 1;
    var digits: [20]u8 = undefined;
    const prefix = decimal.integer(&digits, self.round);
    var w = Writer.init(allocator);
    try w.open('{');
    var scanner = json.Scanner.init(requests);
    scanner.surrogates = .any;
    // The text was written by server-io.
    var members = scanner.members() catch unreachable;
    while (members.next() catch unreachable) |key| {
        const request = scanner.value() catch unreachable;
        try w.keyText(try std.mem.concat(allocator, u8, &.{ prefix, ".", try json.decodeString(allocator, key) }));
        try w.value(request);
    }
    try w.close('}');
    self.requests = w.text();
    self.responses = "{}";
    self.state = state orelse "";
    self.status = .input_required;
    self.updated = now;
}

/// Take the responses to requests that are outstanding; others are ignored. With the last one the task works again.
/// False: a response is not an object, and nothing has changed.
pub fn answer(self: *TaskRecord, allocator: Allocator, given: []const u8) Allocator.Error!bool {
    var requests = Writer.init(allocator);
    var responses = Writer.init(allocator);
    try requests.open('{');
    try responses.raw(self.responses[0 .. self.responses.len - 1]);
    var outstanding: usize = 0;
    var scanner = json.Scanner.init(self.requests);
    scanner.surrogates = .any;
    // The texts were written by this component.
    var members = scanner.members() catch unreachable;
    while (members.next() catch unreachable) |quoted| {
        const request = scanner.value() catch unreachable;
        const key = try json.decodeString(allocator, quoted);
        const response = json.member(given, key) orelse {
            outstanding += 1;
            try requests.keyText(key);
            try requests.value(request);
            continue;
        };
        if (response[0] != '{') return false;
        try responses.keyText((bytes.cut(key, '.') orelse unreachable)[1]);
        try responses.value(response);
    }
    try requests.close('}');
    try responses.close('}');
    self.requests = requests.text();
    self.responses = responses.text();
    if (outstanding == 0) self.status = .working;
    return true;
}

/// Write the `CreateTaskResult`.
pub fn writeNew(self: TaskRecord, w: *Writer, id: []const u8) Allocator.Error!void {
    try w.open('{');
    try w.key("resultType");
    try w.string("task");
    try self.writeMembers(w, id);
    try w.close('}');
}

/// Write the `DetailedTask`, as the result of `tasks/get`.
pub fn writeTask(self: TaskRecord, w: *Writer, id: []const u8) Allocator.Error!void {
    try w.open('{');
    try w.key("resultType");
    try w.string("complete");
    try self.writeMembers(w, id);
    switch (self.status) {
        .working => if (self.message) |message| {
            try w.key("statusMessage");
            try w.string(message);
        },
        .cancelled => {},
        .input_required => {
            try w.key("inputRequests");
            try w.value(self.requests);
        },
        .completed => {
            try w.key("result");
            try w.value(self.outcome orelse "{}");
        },
        .failed => {
            const failure = self.outcome orelse "{}";
            try w.key("error");
            try w.value(failure);
            if (json.member(failure, "message")) |message| {
                try w.key("statusMessage");
                try w.value(message);
            }
        },
    }
    try w.close('}');
}

/// Write the members of a `Task`.
fn writeMembers(self: TaskRecord, w: *Writer, id: []const u8) Allocator.Error!void {
    var buffer: [utc.size]u8 = undefined;
    try w.key("taskId");
    try w.string(id);
    try w.key("status");
    try w.string(@tagName(self.status));
    try w.key("createdAt");
    try w.string(utc.text(&buffer, self.created));
    try w.key("lastUpdatedAt");
    try w.string(utc.text(&buffer, self.updated));
    try w.key("ttlMs");
    try w.integer(self.ttl);
    try w.key("pollIntervalMs");
    try w.integer(self.poll);
}
