//! A run of a task: a `tools/call` of the rest of the chain, with the rounds of multi round-trip requests. It ends with
//! a result, with requests to the client, which become the input requests of the task, or with a state only, which is a
//! checkpoint. The next run gets the responses and the state.

const std = @import("std");
const json = @import("json.zig");
const List = @import("list.zig").List;
const Record = @import("TaskRecord.zig");
const Writer = @import("Writer.zig");
const table = @import("protocol_table");

pub fn TaskRun(comptime bindings: type) type {
    return struct {
        const allocator = bindings.memory.allocator;
        const messages = bindings.messages;
        const Request = messages.Request;
        const wire = bindings.wire;
        const Reply = messages.Reply;
        const Error = std.mem.Allocator.Error;
        const Failure = bindings.types.Error;

        /// The call of a run. `id`, `params`, `capabilities` and `responses` are JSON.
        pub const Invocation = struct {
            id: []const u8,
            params: []const u8,
            version: []const u8,
            capabilities: []const u8,
            session: ?[]const u8 = null,
            http: ?messages.HttpFacts = null,
            identity: ?messages.Identity = null,
            responses: []const u8 = "{}",
            /// In base64.
            state: []const u8 = "",

            /// Return the call of a request that is being answered.
            pub fn of(request: Request) Error!Invocation {
                var w = Writer.init(allocator);
                try w.open('{');
                for (request.inputResponses()) |pair| {
                    try w.keyText(pair[0]);
                    try w.value(pair[1]);
                }
                try w.close('}');
                return .{
                    .id = request.id(),
                    .params = request.params(),
                    .version = request.protocolVersion(),
                    .capabilities = request.clientCapabilities(),
                    .session = request.session(),
                    .http = request.http(),
                    .identity = request.identity(),
                    .responses = w.text(),
                    .state = request.inputState() orelse "",
                };
            }

            /// Return the part that is kept for the runs of a task, as JSON.
            pub fn kept(self: Invocation) Error![]const u8 {
                var w = Writer.init(allocator);
                try w.open('{');
                try w.key("params");
                try w.open('{');
                try self.writeParams(&w, true);
                try w.close('}');
                if (self.identity) |identity| {
                    try w.key("identity");
                    try w.open('{');
                    try w.key("subject");
                    try w.string(identity.subject);
                    if (identity.issuer) |issuer| {
                        try w.key("issuer");
                        try w.string(issuer);
                    }
                    try w.key("scopes");
                    try w.open('[');
                    for (identity.scopes) |scope| try w.string(scope);
                    try w.close(']');
                    try w.key("claims");
                    try w.value(identity.claims);
                    try w.close('}');
                }
                try w.close('}');
                return w.text();
            }

            /// Return the call of a run of a task.
            pub fn ofTask(record: Record) Error!Invocation {
                var identity: ?messages.Identity = null;
                if (json.member(record.call, "identity")) |kept_| {
                    var scopes: List([]const u8) = .empty;
                    var scanner = json.Scanner.init(json.member(kept_, "scopes") orelse "[]");
                    var items = scanner.items() catch unreachable;
                    while (items.next() catch unreachable) {
                        const scope = scanner.value() catch unreachable;
                        try scopes.append(allocator, try json.decodeString(allocator, scope));
                    }
                    identity = .{
                        .subject = try json.decodeString(allocator, json.member(kept_, "subject") orelse "\"\""),
                        .issuer = if (json.member(kept_, "issuer")) |issuer|
                            try json.decodeString(allocator, issuer)
                        else
                            null,
                        .scopes = scopes.items,
                        .claims = json.member(kept_, "claims") orelse "{}",
                    };
                }
                const params = json.member(record.call, "params") orelse "{}";
                const meta = json.member(params, "_meta") orelse "{}";
                return .{
                    .id = "\"task\"",
                    .params = params,
                    .version = table.latest,
                    .capabilities = json.member(meta, table.meta.client_capabilities) orelse "{}",
                    .identity = identity,
                    .responses = record.responses,
                    .state = record.state,
                };
            }

            /// Write the members of the params that all runs have. In runs of a task, progress is for the host.
            fn writeParams(self: Invocation, w: *Writer, of_task: bool) Error!void {
                var scanner = json.Scanner.init(self.params);
                scanner.surrogates = .any;
                var members = scanner.members() catch unreachable;
                while (members.next() catch unreachable) |name| {
                    const value = scanner.value() catch unreachable;
                    if (json.equals(name, "inputResponses") or json.equals(name, "requestState")) continue;
                    try w.value(name);
                    try w.raw(":");
                    if (of_task and json.equals(name, "_meta")) try writeMeta(w, value) else try w.raw(value);
                }
            }

            fn writeMeta(w: *Writer, meta: []const u8) Error!void {
                try w.open('{');
                var scanner = json.Scanner.init(meta);
                scanner.surrogates = .any;
                var members = scanner.members() catch unreachable;
                while (members.next() catch unreachable) |name| {
                    const value = scanner.value() catch unreachable;
                    if (json.equals(name, "progressToken")) continue;
                    try w.value(name);
                    try w.raw(":");
                    try w.raw(value);
                }
                try w.key("progressToken");
                try w.string("task");
                try w.close('}');
            }

            fn message(self: Invocation) Error![]const u8 {
                var w = Writer.init(allocator);
                try w.raw("{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"id\":");
                try w.raw(self.id);
                try w.key("params");
                try w.open('{');
                try self.writeParams(&w, false);
                try w.key("inputResponses");
                try w.value(self.responses);
                try w.close('}');
                try w.close('}');
                return w.text();
            }

            /// Return the continuation that has the request state.
            fn continuation(self: Invocation) Error![]const u8 {
                var w = Writer.init(allocator);
                try w.open('{');
                try w.key("state");
                try w.string(self.state);
                try w.close('}');
                return w.text();
            }
        };

        /// End of a run.
        pub const End = union(enum) {
            result: []const u8,
            failure: Failure,
            input: struct { requests: []const u8, state: ?[]const u8 },
            /// The state.
            checkpoint: []const u8,
        };

        pub fn execute(invocation: Invocation, output: wire.Output) Error!End {
            const opened = switch (wire.parse(try invocation.message())) {
                .request => |opened| opened,
                else => return .{ .failure = internal("Internal error: the call cannot be repeated") },
            };
            const refused = wire.begin(opened.request, .{
                .version = invocation.version,
                .http = invocation.http,
                .identity = invocation.identity,
                .session = invocation.session,
                .log_level = null,
                .capabilities = invocation.capabilities,
                .fields = &.{},
                .resumed = if (invocation.state.len > 0)
                    .{ .continuation = try invocation.continuation(), .answers = "[]" }
                else
                    null,
                .unsealed = true,
                .output = output,
            });
            const reply = refused orelse bindings.server_handler.handle(opened.request) orelse Reply.failure(.{
                .code = table.code.invalid_params,
                .message = "Invalid params: no tool has the name `params.name`",
                .data = null,
            });
            const end = try endOf(reply);
            _ = wire.finish(opened.request, reply);
            return end;
        }

        fn endOf(reply: Reply) Error!End {
            if (reply.@"error"()) |failure| return .{ .failure = failure };
            const text = reply.asJson();
            const kind = json.member(text, "resultType") orelse return .{ .result = text };
            if (!json.equals(kind, "input_required")) return .{ .result = text };
            const state: ?[]const u8 = if (json.member(text, "requestState")) |raw|
                try json.decodeString(allocator, raw)
            else
                null;
            const requests = json.member(text, "inputRequests") orelse return .{ .checkpoint = state orelse "" };
            return .{ .input = .{ .requests = requests, .state = state } };
        }

        pub fn internal(words: []const u8) Failure {
            return .{ .code = table.code.internal_error, .message = words, .data = null };
        }
    };
}
