//! Server-to-client requests for clients of the handshake revisions. The client's answers are passed to the component
//! in the form of 2026-07-28. The call ends in between: the driver of this component keeps the continuation and starts
//! the same request again with it.
//! Specification: basic/patterns/mrtr; 2025-11-25, client/elicitation, client/sampling, client/roots.

const std = @import("std");
const lib = @import("lib");
const wit = @import("wit.zig");
const capabilities = @import("capabilities.zig");
const Call = @import("Call.zig");
const Revision = @import("revision.zig").Revision;

const json = lib.json;
const Writer = lib.Writer;
const Allocator = std.mem.Allocator;

/// Limit of rounds of server-to-client requests during one request.
pub const max_rounds = 32;

/// Send the requests of an `InputRequiredResult`, and return the continuation.
pub fn send(call: *Call, result: []const u8) Writer.Error!wit.wire.Pending {
    const allocator = wit.memory.allocator;
    var ids: lib.List([]const u8) = .empty;
    var events: lib.List([]const u8) = .empty;
    var w = Writer.init(allocator);
    try w.open('{');
    try w.key("round");
    try w.integer(call.round + 1);
    try w.key("streamed");
    try w.boolean(call.output.streamed or json.member(result, "inputRequests") != null);
    if (std.math.isFinite(call.last_progress)) {
        try w.key("progress");
        // The bits of the number: parsing a float back exactly takes 20 kB of code.
        try w.integer(@as(u64, @bitCast(call.last_progress)));
    }
    if (json.member(result, "requestState")) |state| {
        try w.key("state");
        try w.value(state);
    }
    try w.key("keys");
    try w.open('{');
    if (json.member(result, "inputRequests")) |requests| {
        // The text was written by this component, and is valid.
        var scanner = json.Scanner.init(requests);
        scanner.surrogates = .any;
        var members = scanner.members() catch unreachable;
        while (members.next() catch unreachable) |key| {
            const request = scanner.value() catch unreachable;
            const id = try newId(allocator);
            try ids.append(allocator, id);
            try events.append(
                allocator,
                try message(call, id, json.member(request, "method").?, json.member(request, "params").?),
            );
            try w.keyText(id);
            try w.value(key);
        }
    }
    try w.close('}');
    try w.close('}');
    // The driver must have the ids before an answer can arrive.
    try call.output.reportPending(ids.items, w.text());
    for (events.items) |event| try call.output.event(event);
    return .{ .ids = ids.items, .continuation = w.text() };
}

/// Return an unguessable id: a response with it proves that the client received the request.
fn newId(allocator: Allocator) Allocator.Error![]const u8 {
    const digits = std.fmt.bytesToHex(wit.random.getRandomBytes(16)[0..16], .lower);
    return std.mem.concat(allocator, u8, &.{ "wasmcp-", &digits });
}

fn message(call: *const Call, id: []const u8, method: []const u8, params: []const u8) Writer.Error![]const u8 {
    var w = Writer.init(wit.memory.allocator);
    try w.raw("{\"jsonrpc\":\"2.0\"");
    try w.key("id");
    try w.string(id);
    try w.key("method");
    try w.value(method);
    try w.key("params");
    if (json.equals(method, "elicitation/create")) {
        try elicitation(call.revision, &w, params);
    } else try w.value(params);
    try w.raw("}");
    return w.text();
}

/// Write the params of an elicitation in the form of the revision: `mode` came with 2025-11-25, which also required an
/// id for URLs.
fn elicitation(revision: Revision, w: *Writer, params: []const u8) Writer.Error!void {
    try w.open('{');
    var scanner = json.Scanner.init(params);
    scanner.surrogates = .any;
    var members = scanner.members() catch unreachable;
    while (members.next() catch unreachable) |name| {
        const value = scanner.value() catch unreachable;
        if (json.equals(name, "mode") and !revision.since(.@"2025-11-25")) continue;
        try w.value(name);
        try w.raw(":");
        try w.value(value);
    }
    if (capabilities.isUrl(params) and json.member(params, "elicitationId") == null) {
        try w.key("elicitationId");
        try w.string(try newId(wit.memory.allocator));
    }
    try w.close('}');
}

/// Resume the request. Return the reason why the client could not answer, if any.
pub fn resumeCall(call: *Call, resumed: wit.wire.Resumed) Allocator.Error!?[]const u8 {
    const allocator = wit.memory.allocator;
    const kept = resumed.continuation;
    if (json.validate(kept) catch null != .object) return "its continuation is invalid";
    if (json.validate(resumed.answers) catch null != .array) return "the answers are not a list";
    if (json.member(kept, "round")) |text| call.round = @intCast(lib.decimal.parse(text, max_rounds) orelse max_rounds);
    if (json.member(kept, "progress")) |text| call.last_progress = @bitCast(
        lib.decimal.parse(text, std.math.maxInt(u64)) orelse @as(u64, @bitCast(call.last_progress)),
    );
    if (json.member(kept, "streamed")) |text| call.output.streamed = text[0] == 't';
    if (json.member(kept, "state")) |text| {
        const encoded = try json.decodeString(allocator, text);
        call.input_state = try lib.base64.decode(allocator, .standard, encoded) orelse
            return "its continuation is invalid";
    }
    const keys = json.member(kept, "keys") orelse return null;
    var w = Writer.init(allocator);
    try w.open('{');
    var scanner = json.Scanner.init(resumed.answers);
    var items = scanner.items() catch unreachable;
    while (items.next() catch unreachable) {
        const answer = scanner.value() catch unreachable;
        const raw = json.member(answer, "id") orelse continue;
        if (raw[0] != '"') continue;
        const key = json.member(keys, try json.decodeString(allocator, raw)) orelse continue;
        if (json.member(answer, "error")) |failure| return try reason(allocator, failure);
        const result = json.member(answer, "result") orelse return "the client gave no result";
        if (result[0] != '{') return "the client's result is not an object";
        try w.value(key);
        try w.raw(":");
        try w.value(result);
    }
    try w.close('}');
    call.message.input_responses = w.text();
    return null;
}

fn reason(allocator: Allocator, failure: []const u8) Allocator.Error![]const u8 {
    const raw = json.member(failure, "message") orelse return "the client returned an error";
    if (raw[0] != '"') return "the client returned an error";
    return std.mem.concat(allocator, u8, &.{ "the client returned an error: ", try json.decodeString(allocator, raw) });
}
