//! Implementation of the interface `wire`, which the transport imports.

const std = @import("std");
const lib = @import("lib");
const envelope = @import("envelope.zig");
const input_requests = @import("input_requests.zig");
const replies = @import("replies.zig");
const seal = @import("seal.zig");
const settings = @import("settings.zig");
const wit = @import("wit.zig");
const console = @import("console.zig");
const Call = @import("Call.zig");
const Input = @import("Input.zig");
const Output = @import("Output.zig");
const server = @import("server.zig");
const Reply = @import("Reply.zig");
const Request = @import("Request.zig");
const Revision = @import("revision.zig").Revision;

const Error = std.mem.Allocator.Error;

/// The reply of the last call: its text is read after `finish` has returned.
var answered: ?wit.messages.Reply = null;

fn forget() void {
    if (answered) |reply| reply.drop();
    answered = null;
}

pub fn parse(body: []const u8) Error!wit.wire.Incoming {
    forget();
    switch (try envelope.read(wit.memory.allocator, body)) {
        .response => |id| return .{ .response = id },
        .notification => |notification| return .{ .notification = notification.method },
        .invalid => |wrong| return .{
            .invalid = .{ wrong.code, try refusalText(wrong.id, .{ .code = wrong.code, .message = wrong.message }) },
        },
        .request => |message| {
            const call = try Call.init(message);
            call.memory = wit.memory.take();
            return .{ .request = .{
                .request = Request.init(call),
                .method = message.name,
                .target = message.target,
                .version = message.version,
                .fault = if (call.message.fault) |words| .{
                    .code = envelope.invalid_params,
                    .message = words,
                } else null,
            } };
        },
    }
}

pub fn refusal(value: wit.types.Error) Error![]const u8 {
    return refusalText(null, value);
}

fn refusalText(id: ?[]const u8, value: wit.types.Error) Error![]const u8 {
    var w = lib.Writer.init(wit.memory.allocator);
    try w.raw("{\"jsonrpc\":\"2.0\"");
    if (id) |text| {
        try w.key("id");
        try w.raw(text);
    }
    try w.key("error");
    try w.open('{');
    try w.key("code");
    try w.integer(value.code);
    try w.key("message");
    try w.string(value.message);
    if (value.data) |data| {
        try w.key("data");
        _ = w.embed(data) catch |problem| switch (problem) {
            error.OutOfMemory => |e| return e,
            error.InvalidJson => try w.raw("null"),
        };
    }
    try w.raw("}}");
    return w.text();
}

pub fn begin(request: *Request, circumstances: wit.wire.Circumstances) Error!?wit.messages.Reply {
    const call = request.call;
    call.begin(circumstances);
    const refused = try admit(call, circumstances);
    call.keep();
    return refused;
}

/// Open the sealed values of the client, and reject requests with invalid ones.
fn admit(call: *Call, circumstances: wit.wire.Circumstances) Error!?wit.messages.Reply {
    const message = &call.message;
    if (message.method.isList()) if (message.cursor) |sealed| {
        message.cursor = try seal.open(.cursor, call, sealed) orelse
            return refuse("Invalid params: `params.cursor` was not issued by this server for this request");
    };
    if (call.revision == Revision.latest and !circumstances.unsealed) {
        if (message.input_responses) |text| if (!holdsObjects(text)) return refuse(
            "Invalid params: `params.inputResponses` must hold objects",
        );
        const sealed = message.request_state orelse return null;
        call.input_state = try seal.open(.state, call, sealed) orelse
            return refuse("Invalid params: `params.requestState` was not issued by this server for this request, " ++
                "or too long ago");
        return null;
    }
    // A member that handshake revisions do not have. Responses that a client of them sends are not those of a request.
    if (!circumstances.unsealed) message.input_responses = null;
    message.capabilities = circumstances.capabilities orelse "{}";
    const resumed = circumstances.resumed orelse return null;
    const problem = try input_requests.resumeCall(call, resumed) orelse return null;
    return replies.inputUnavailable(call, problem);
}

fn refuse(words: []const u8) wit.messages.Reply {
    return Reply.failure(.{ .code = envelope.invalid_params, .message = words });
}

fn holdsObjects(object: []const u8) bool {
    var scanner = lib.json.Scanner.init(object);
    // The text was validated on arrival.
    var members = scanner.members() catch unreachable;
    while (members.next() catch unreachable) |_| {
        if ((scanner.value() catch unreachable)[0] != '{') return false;
    }
    return true;
}

pub fn sealSession(facts: []const u8, identity: ?wit.messages.Identity) Error!?[]const u8 {
    return seal.closeSession(facts, identity);
}

pub fn openSession(id: []const u8, identity: ?wit.messages.Identity) Error!?[]const u8 {
    return seal.openSession(id, identity);
}

pub fn configure(given: []const settings.Setting) wit.abi.Result(void, []const u8) {
    return if (settings.configure(given)) |problem| .{ .err = problem } else .ok;
}

pub fn finish(handle: wit.messages.Request, given: ?wit.messages.Reply) Error!wit.wire.Answer {
    forget();
    defer handle.drop();
    const call = handle.rep().call;
    defer call.close();
    Call.current = call;
    const reply = try theReply(call, given);
    answered = reply;
    const object = reply.rep();
    if (object.shape == .input_required and !call.isCancelled()) {
        const pending = try input_requests.send(call, object.asJson());
        defer call.output.suspend_();
        return .{
            .body = "",
            .code = null,
            .streamed = call.output.streamed,
            .cancelled = call.output.lost,
            .pending = pending,
            .outparam = null,
        };
    }
    const code = object.errorCode();
    const text = try object.finish();
    // An embedding host knows it itself. It is read now and then, so that lines for earlier calls do not fill the pipe.
    const is_known = call.output.sink == .exchange and call.number % 64 != 0;
    const cancelled = if (is_known) call.cancelled else call.isCancelled();
    const body = try call.output.end(text);
    return .{
        .body = body,
        .code = code,
        .streamed = call.output.streamed,
        .cancelled = cancelled or call.output.lost,
        .pending = null,
        .outparam = call.output.giveBack(),
        .changes = try call.changes.copies(wit.memory.allocator),
    };
}

const subscription_key = "\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":";

pub fn subscribe(handle: wit.messages.Request, notifications: []const u8) Error!wit.wire.Subscription {
    defer handle.drop();
    const call = handle.rep().call;
    defer call.close();
    const allocator = wit.memory.allocator;
    const id = try allocator.dupe(u8, call.message.id);
    return .{
        .id = id,
        .acknowledgement = try std.mem.concat(allocator, u8, &.{
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\"," ++
                "\"params\":{",
            subscription_key,
            id,
            "},\"notifications\":",
            notifications,
            "}}",
        }),
        .end = try std.mem.concat(allocator, u8, &.{
            "{\"jsonrpc\":\"2.0\",\"id\":",
            id,
            ",\"result\":{\"resultType\":\"complete\",",
            subscription_key,
            id,
            ",",
            server.info(),
            "}}}",
        }),
    };
}

pub fn tell(token: u32, kind: []const u8, value: []const u8) Error!void {
    const current = if (Call.current) |call| call.output.token() else null;
    try Output.tell(if (token == 0) current orelse return else token, kind, value);
}

fn theReply(call: *Call, given: ?wit.messages.Reply) Error!wit.messages.Reply {
    const reply = given orelse return Reply.failure(.{
        .code = @import("protocol_table").code.method_not_found,
        .message = try std.mem.concat(wit.memory.allocator, u8, &.{ "Method not found: ", call.message.name }),
    });
    if (reply.rep().call != call.number) {
        // The reply has the id of another request: a component kept it.
        console.log(&.{"a component answered with the reply to another request"});
        reply.rep().call = call.number;
        reply.rep().becomeFailure(@import(
            "protocol_table",
        ).code.internal_error, "Internal error: the answer belongs to another request", null);
    }
    return reply;
}

pub fn nextLine() ?wit.wire.Line {
    return switch (Input.standard.next() orelse return null) {
        .text => |text| .{ .text = text },
        .too_long => .too_long,
        .not_utf8 => .not_utf8,
    };
}

pub fn writeLine(text: []const u8) Error!bool {
    return console.write(try std.mem.concat(wit.memory.allocator, u8, &.{ text, "\n" }));
}
