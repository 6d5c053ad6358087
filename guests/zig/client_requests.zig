//! Server-to-client requests: elicitation by form and URL, sampling, roots. A request without a result ends the run of
//! the function with `error.InputRequired`; with the results of the client the function runs again from its start.
//! Requests that are made before the first `try` are sent together: `all`. The framework keeps the results and the
//! values of `once` between the runs, and checks the results: `messages.request` of the WIT.
//! Specification: basic/patterns/mrtr, client/elicitation, client/sampling, client/roots.
const std = @import("std");
const bindings = @import("bindings");
const arguments = @import("arguments.zig");
const json_text = @import("json_text.zig");
const results = @import("results.zig");
const schema = @import("schema.zig");
const stderr = @import("stderr.zig");
const code = @import("protocol_table").code;
const methods = @import("protocol_table").client_requests;

const memory = bindings.memory;
const types = bindings.types;
const Request = bindings.messages.Request;

pub const Error = error{
    /// The client has not sent the result yet.
    InputRequired,
    /// The function ended its step with `Context.checkpoint`.
    Checkpoint,
    /// The client does not support the request.
    MissingCapability,
    /// The result does not fit the request.
    InvalidResult,
    /// The request is invalid: a key that was used before, a link that is not an absolute URL, too many requests.
    InvalidRequest,
    OutOfMemory,
};

/// The error responses for `error.MissingCapability` and `error.InvalidResult` of the call, in order. One call runs at
/// a time, and its memory is freed after it.
var failures: std.ArrayList(types.Error) = .empty;
/// The error response for the error that the function returns: the last response, or the one that `all` selected.
var failure: types.Error = undefined;

/// Return the error response for an error of a request to the client or of `refuse`; null for other errors.
pub fn failureOf(reason: anyerror) ?types.Error {
    return switch (reason) {
        error.MissingCapability, error.InvalidResult, error.ProtocolError => failure,
        else => null,
    };
}

/// Return the result for an error that ends a run of the function. It stands for all requests of the run without a
/// result, or for its checkpoint, which has a state of the author (can be empty) and no requests. Null for other
/// errors.
pub fn inputRequiredOf(reason: anyerror, request: Request) ?types.InputRequired {
    return switch (reason) {
        error.InputRequired => .{ .requests = &.{} },
        error.Checkpoint => .{ .requests = &.{}, .state = request.inputState() orelse "" },
        else => null,
    };
}

/// Name of the stored value with the state of the last checkpoint.
pub const checkpoint = "wasmcp/checkpoint";

/// Forget the errors of an earlier call: their memory is freed.
pub fn begin() void {
    failures = .empty;
    failure = .{ .code = code.internal_error, .message = "a request to the client failed" };
}

/// Sender of requests to the client: the request of the call, and the key, if any.
pub const Asker = struct {
    request: Request,
    key: ?[]const u8 = null,

    const Found = struct { key: []const u8, value: []const u8 };

    /// Return the client's result, as JSON text.
    fn send(self: Asker, method: []const u8, params: []const u8) Error!Found {
        switch (self.request.clientRequest(method, params, self.key)) {
            .ok => |response| return .{
                .key = response.key,
                .value = response.value orelse return error.InputRequired,
            },
            .err => |refused| return failed(refused),
        }
    }
};

/// Set the error response of the call; see `Context.failProtocol`.
pub fn refuse(response: types.Error) error{ProtocolError} {
    failure = response;
    return error.ProtocolError;
}

fn failed(refused: types.Error) Error {
    switch (refused.code) {
        code.missing_capability, code.invalid_params => {
            failure = refused;
            try failures.append(memory.allocator, refused);
            return if (refused.code == code.invalid_params) error.InvalidResult else error.MissingCapability;
        },
        else => {
            // A mistake of the component: for its author, not for the client.
            if (stderr.is_there) {
                stderr.write(refused.message);
                stderr.write("\n");
            }
            return error.InvalidRequest;
        },
    }
}

/// Return type of `all` for a tuple, an array or a slice of results: a tuple, an array or a slice of their values.
pub fn Together(comptime Results: type) type {
    return (ErrorOf(Results) || Error)!Values(Results);
}

fn Values(comptime Results: type) type {
    switch (@typeInfo(Results)) {
        .@"struct" => |info| if (info.is_tuple) {
            var kinds: [info.field_types.len]type = undefined;
            for (info.field_types, &kinds) |Result, *kind| kind.* = unionOf(Result).payload;
            return @Tuple(&kinds);
        },
        .array => |info| return [info.len]unionOf(info.child).payload,
        .pointer => |info| if (info.size == .slice) return []unionOf(info.child).payload,
        else => {},
    }
    @compileError("`all` takes a tuple, an array or a slice of results of requests, not " ++ @typeName(Results));
}

fn ErrorOf(comptime Results: type) type {
    switch (@typeInfo(Results)) {
        .@"struct" => |info| {
            var Found = Error;
            for (info.field_types) |Result| Found = Found || unionOf(Result).error_set;
            return Found;
        },
        .array => |info| return unionOf(info.child).error_set,
        .pointer => |info| return unionOf(info.child).error_set,
        else => return Error,
    }
}

fn unionOf(comptime Result: type) std.lang.Type.ErrorUnion {
    return switch (@typeInfo(Result)) {
        .error_union => |info| info,
        else => @compileError("`all` takes results of requests, without `try`, not " ++ @typeName(Result)),
    };
}

/// Return the values of several results. If some are errors, return the first one other than `error.InputRequired`;
/// without such an error, `error.InputRequired`.
pub fn all(given: anytype) Together(@TypeOf(given)) {
    var errors: Errors(ErrorOf(@TypeOf(given)) || Error) = .{};
    var values: Values(@TypeOf(given)) = undefined;
    switch (@typeInfo(@TypeOf(given))) {
        .pointer => |info| {
            values = try memory.allocator.alloc(unionOf(info.child).payload, given.len);
            for (given, values) |result, *value| {
                if (result) |found| value.* = found else |problem| errors.add(problem);
            }
        },
        else => inline for (0..given.len) |i| {
            if (given[i]) |found| values[i] = found else |problem| errors.add(problem);
        },
    }
    return if (errors.first) |problem| errors.of(problem) else values;
}

/// The errors of several results.
fn Errors(comptime Problem: type) type {
    return struct {
        first: ?Problem = null,
        /// Number of errors with an error response.
        responses: usize = 0,

        fn add(self: *@This(), problem: Problem) void {
            if (hasResponse(problem)) self.responses += 1;
            if (self.first == null or self.first.? == error.InputRequired) self.first = problem;
        }

        /// Return the first error, and select its response: the first response of these results.
        fn of(self: @This(), problem: Problem) Problem {
            if (hasResponse(problem) and self.responses <= failures.items.len)
                failure = failures.items[failures.items.len - self.responses];
            return problem;
        }

        fn hasResponse(problem: Problem) bool {
            return problem == error.MissingCapability or problem == error.InvalidResult;
        }
    };
}

/// Return the value that this or an earlier run of the function has stored under a name.
pub fn recall(request: Request, name: []const u8) ?[]const u8 {
    return request.storedValue(name);
}

/// Store a JSON value for later runs.
pub fn keep(request: Request, name: []const u8, value: []const u8) Error!void {
    switch (request.storeValue(name, value)) {
        .ok => {},
        .err => |refused| return failed(refused),
    }
}

/// Result of an elicitation by form.
pub fn Elicited(comptime T: type) type {
    return union(enum) { accept: T, decline, cancel };
}

/// Elicit input with a form: a struct of strings, numbers, bools and enums.
pub fn elicit(asker: Asker, message: []const u8, comptime Form: type) Error!Elicited(Form) {
    const params = try text(
        .{
            "{\"message\":",
            results.json([]const u8, message),
            ",\"requestedSchema\":",
            comptime schema.ofForm(Form),
            "}",
        },
    );
    const found = try asker.send(methods.elicitation, params);
    const action = actionOf(found);
    if (std.mem.eql(u8, action, "decline")) return .decline;
    if (!std.mem.eql(u8, action, "accept")) return .cancel;
    var reader: arguments.Reader = .init(json_text.member(found.value, "content") orelse "{}");
    return .{ .accept = reader.read(Form) catch {
        const parts = .{ "the input response `", found.key, "` does not fit: ", reader.message() };
        return failed(.{ .code = code.invalid_params, .message = try std.mem.concat(memory.allocator, u8, &parts) });
    } };
}

/// Elicit by URL, for data that must not pass through the client. Return true if the user agreed to open the link.
pub fn elicitUrl(asker: Asker, message: []const u8, url: []const u8) Error!bool {
    const params = try text(.{
        "{\"mode\":\"url\",\"message\":",
        results.json([]const u8, message),
        ",\"url\":",
        results.json([]const u8, url),
        "}",
    });
    return std.mem.eql(u8, actionOf(try asker.send(methods.elicitation, params)), "accept");
}

/// Return the action of the user, which the framework has checked.
fn actionOf(found: Asker.Found) []const u8 {
    return json_text.string(json_text.member(found.value, "action")) orelse "cancel";
}

/// Options of sampling. Specification: schema `CreateMessageRequestParams`.
pub const Sampling = struct {
    /// The maximum number of tokens.
    max_tokens: u32 = 1000,
    /// The system prompt.
    system: ?[]const u8 = null,
    temperature: ?f64 = null,
};

/// Result of sampling. Specification: schema `CreateMessageResult`.
pub const Sampled = struct {
    /// The text of all text blocks, joined with line breaks; empty without one.
    text: []const u8,
    /// The name of the model.
    model: []const u8,
    /// The whole `CreateMessageResult`, as JSON text.
    json: []const u8,
};

/// Request a completion of the client's model.
pub fn sample(asker: Asker, prompt: []const u8, options: Sampling) Error!Sampled {
    return sampleJson(asker, try text(.{
        "{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":",
        results.json([]const u8, prompt),
        "}}],\"maxTokens\":",
        results.json(u32, options.max_tokens),
        if (options.system) |_| ",\"systemPrompt\":" else "",
        if (options.system) |system| results.json([]const u8, system) else "",
        if (options.temperature) |_| ",\"temperature\":" else "",
        if (options.temperature) |temperature| results.json(f64, temperature) else "",
        "}",
    }));
}

/// Request a completion of the client's model. `params`: the JSON text of a `CreateMessageRequestParams`.
pub fn sampleJson(asker: Asker, params: []const u8) Error!Sampled {
    const found = try asker.send(methods.sampling, params);
    return .{
        .text = try textOf(json_text.member(found.value, "content") orelse "{}"),
        .model = json_text.string(json_text.member(found.value, "model")) orelse "",
        .json = found.value,
    };
}

/// Return the text of all text blocks of a message.
fn textOf(content: []const u8) Error![]const u8 {
    var blocks: []const []const u8 = &.{content};
    if (content[0] == '[') blocks = json_text.items(content) orelse return "";
    var lines: std.ArrayList([]const u8) = .empty;
    for (blocks) |block| {
        const kind = json_text.string(json_text.member(block, "type")) orelse continue;
        if (!std.mem.eql(u8, kind, "text")) continue;
        try lines.append(memory.allocator, json_text.string(json_text.member(block, "text")) orelse "");
    }
    return std.mem.join(memory.allocator, "\n", lines.items);
}

/// Root of the client: a folder or file. Specification: schema `Root`.
pub const Root = struct { uri: []const u8, name: ?[]const u8 };

/// Request the client's roots.
pub fn roots(asker: Asker) Error![]const Root {
    const found = try asker.send(methods.roots, "{}");
    const items = json_text.items(json_text.member(found.value, "roots") orelse "[]") orelse &.{};
    const list = try memory.allocator.alloc(Root, items.len);
    for (items, list) |item, *root| root.* = .{
        .uri = json_text.string(json_text.member(item, "uri")) orelse "",
        .name = json_text.string(json_text.member(item, "name")),
    };
    return list;
}

/// Concatenate texts; each can be an error union.
fn text(parts: anytype) Error![]const u8 {
    var out: std.ArrayList(u8) = .empty;
    inline for (parts) |part| {
        const piece: []const u8 = switch (@typeInfo(@TypeOf(part))) {
            .error_union => part catch |problem| switch (problem) {
                error.OutOfMemory => return error.OutOfMemory,
                error.NotFinite => return failed(.{
                    .code = code.internal_error,
                    .message = "a parameter of a request to the client is a number without a JSON form",
                }),
            },
            else => part,
        };
        try out.appendSlice(memory.allocator, piece);
    }
    return out.items;
}
