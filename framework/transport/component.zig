//! Transport component with its three entry points. `protocol.zig` decides how messages are answered.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");
const Peer = @import("Peer.zig");
const faults = @import("faults.zig");
const gate = @import("gate.zig");
const http = @import("http.zig");
const lifecycle = @import("lifecycle.zig");
const lines = @import("lines.zig");
const messages = @import("messages.zig");
const names = @import("names.zig");
const protocol = @import("protocol.zig");
const Session = @import("Session.zig");
const Settings = @import("Settings.zig");
const sessions = @import("sessions.zig");
const wasi_http_door = @import("wasi_http.zig");

const memory = bindings.memory;
const wire = bindings.wire;

/// Lifecycle results, assembled once per instance.
var texts: lifecycle.Texts = .{ .allocator = memory.gpa };

const Setting = struct { []const u8, []const u8 };

/// Outcome of reading the settings: null, or the error message. Unset: not read yet.
var configured: ??[]const u8 = null;

/// Apply settings. Returns the error message, or null.
fn configure(settings: []const Setting, judged: names.Judged) ?[]const u8 {
    const kept = keep(settings) catch outOfMemory();
    const problem = (Settings.current.configure(memory.gpa, kept, judged) catch outOfMemory()) orelse
        errorOf(wire.configure(settings));
    configured = @as(?[]const u8, problem);
    return problem;
}

/// Return the error message of another component, or null.
fn errorOf(result: bindings.abi.Result(void, []const u8)) ?[]const u8 {
    return switch (result) {
        .ok => null,
        .err => |words| memory.gpa.dupe(u8, words) catch outOfMemory(),
    };
}

/// Copy settings into memory that lives as long as the instance.
fn keep(settings: []const Setting) error{OutOfMemory}![]const Setting {
    const copies = try memory.gpa.alloc(Setting, settings.len);
    for (settings, copies) |setting, *copy|
        copy.* = .{ try memory.gpa.dupe(u8, setting[0]), try memory.gpa.dupe(u8, setting[1]) };
    return copies;
}

/// Read settings from the environment, for runtimes that do not call `configure`: once, before the first message. The
/// settings of a failed `configure` stay invalid.
/// Returns the error message, or null.
pub fn environmentFault() ?[]const u8 {
    if (configured) |problem| return problem;
    const settings = bindings.wasi_cli.environment.getEnvironment();
    const problem = configure(settings, .all) orelse
        (gate.configure(&.{}, settings) catch outOfMemory()) orelse return null;
    configured = @as(?[]const u8, problem);
    log(problem);
    return problem;
}

/// Log to standard error, for the operator and not the client.
fn log(words: []const u8) void {
    const stream = bindings.wasi_cli.stderr.getStderr();
    defer stream.drop();
    for ([_][]const u8{ "wasmcp: ", words, "\n" }) |part| switch (stream.blockingWriteAndFlush(part)) {
        .ok => {},
        .err => |failure| if (failure == .last_operation_failed) failure.last_operation_failed.drop(),
    };
}

/// Return the error response for clients of a server with invalid settings.
pub fn misconfigured() []const u8 {
    return wire.refusal(
        .{ .code = faults.code.internal_error, .message = "Internal error: a setting of the server is invalid" },
    );
}

/// Return the protocol for one message, carried out by `peer`.
pub fn protocolFor(peer: *Peer) protocol.Protocol(Peer) {
    return .{ .peer = peer, .arena = memory.allocator, .texts = &texts, .settings = &Settings.current };
}

/// Trap after a failed allocation: the host distinguishes this trap from others.
pub fn outOfMemory() noreturn {
    @trap();
}

pub const exports = struct {
    pub const wasmcp_embedding = struct {
        pub const exchange = struct {
            const Response = bindings.wasmcp_embedding.exchange.Response;

            /// Apply the embedding host's settings.
            pub fn configure(settings: []const Setting) bindings.abi.Result(void, []const u8) {
                // The author's baked-in values come first, so that the operator's override them. The variables of a
                // server that reads its environment are those that the host passes to components.
                const baked = bindings.wasi_cli.environment.getEnvironment();
                const problem = component.configure(baked, .ours) orelse component.configure(settings, .all) orelse
                    (gate.configure(baked, settings) catch component.outOfMemory());
                configured = @as(?[]const u8, problem);
                return if (problem) |text| .{ .err = text } else .ok;
            }

            /// The settings of authorization in effect.
            pub fn authorization() []const Setting {
                return gate.settingsInEffect();
            }

            /// Replace the keys that verify tokens.
            pub fn setKeys(document: []const u8) bindings.abi.Result(void, []const u8) {
                return switch (bindings.authorizer.setKeys(document)) {
                    .ok => .ok,
                    .err => |words| .{ .err = words },
                };
            }

            /// Entry point for HTTP requests that the embedding host received.
            pub fn http(
                token: u32,
                method: []const u8,
                target: []const u8,
                headers: []const u8,
                body: []const u8,
            ) Response {
                return postWhole(token, method, target, headers, body, null) catch outOfMemory();
            }

            /// Entry point for lines that the embedding host read.
            pub fn message(token: u32, line: []const u8, state: []const u8) Answered {
                return answerLine(token, line, state, null);
            }

            /// Resume `http` with the client's responses.
            pub fn resumeHttp(
                token: u32,
                method: []const u8,
                target: []const u8,
                headers: []const u8,
                body: []const u8,
                continuation: []const u8,
                answers: []const u8,
            ) Response {
                return postWhole(token, method, target, headers, body, .{
                    .continuation = continuation,
                    .answers = answers,
                }) catch outOfMemory();
            }

            /// Resume `message` with the client's responses.
            pub fn resumeMessage(
                token: u32,
                line: []const u8,
                state: []const u8,
                continuation: []const u8,
                answers: []const u8,
            ) Answered {
                return answerLine(token, line, state, .{ .continuation = continuation, .answers = answers });
            }
        };
    };

    pub const wasi_cli = struct {
        pub const run = struct {
            /// Entry point for runtimes without support for MCP: standard input and output, until the input ends.
            pub fn run() bindings.abi.Result(void, void) {
                if (environmentFault() != null) return .err;
                lines.serve();
                return .ok;
            }
        };
    };

    pub const wasi_http = struct {
        pub const incoming_handler = wasi_http_door;
    };
};

const component = @This();
const Answered = struct { []const u8, []const u8 };

fn answerLine(token: u32, line: []const u8, state: []const u8, resumed: ?messages.Resumed) Answered {
    var peer: Peer = .{};
    var server = protocolFor(&peer);
    server.delivery = .{ .embedded = token };
    server.again = resumed;
    var session: Session = .read(state);
    const body = server.line(line, &session, .{ .messages = token }) catch outOfMemory();
    return .{ body, session.text(memory.allocator) catch outOfMemory() };
}

fn postWhole(
    token: u32,
    method: []const u8,
    target: []const u8,
    headers: []const u8,
    body: []const u8,
    resumed: ?messages.Resumed,
) error{OutOfMemory}!bindings.wasmcp_embedding.exchange.Response {
    const fault = environmentFault();
    var fields: lib.List(http.Field) = .empty;
    try http.readFields(memory.allocator, &fields, headers);
    const whole: http.Head = .{ .method = method, .target = target, .fields = fields.items };
    const given: sessions.Given = switch (Settings.current.sessions orelse .on) {
        .off => .off,
        .on => .of(whole),
        .sealed => sessions.Given.Sealed.of(whole, Settings.current.keeps_session_values, true),
    };
    const hosted: gate.Hosted = .of(fields.items, resumed != null);
    const head: http.Head = .{ .method = method, .target = target, .fields = sessions.without(fields.items) };
    const shared = try http.crossOrigin(memory.allocator, head, &Settings.current);
    var peer: Peer = .{ .fields = shared };
    var server = protocolFor(&peer);
    server.delivery = .{ .embedded = token };
    server.sessions = given;
    server.again = resumed;
    const admission = http.admit(head, &Settings.current);
    const denial: ?http.Response = if (fault != null)
        .{ .status = 500, .body = misconfigured() }
    else
        try gate.check(&peer, head, admission, hosted);
    server.principal = try gate.principal(&peer);
    var response = denial orelse switch (admission) {
        .refused => |refused| refused,
        .bodiless => |mirror| try server.bodiless(head, mirror) orelse http.not_allowed,
        .admitted => |mirror| try server.post(head, mirror, body, if (mirror.streams)
            .{ .exchange = token }
        else
            .none),
    };
    response.extra = try std.mem.concat(memory.allocator, http.Field, &.{ response.extra, peer.fields });
    var out: lib.List(u8) = .empty;
    for (try response.headers(memory.allocator)) |field| {
        for ([_][]const u8{ field.name, ": ", field.value, "\r\n" }) |part| try out.appendSlice(memory.allocator, part);
    }
    return .{ .status = response.status, .headers = out.items, .body = response.body };
}
