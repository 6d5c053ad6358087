//! Tasks extension: `tools/call` of the tools that can run as tasks, `tasks/get`, `tasks/update` and `tasks/cancel`,
//! and the runs of tasks.
//!
//! A run is a `tools/call` of the rest of the chain, with the rounds of multi round-trip requests: it ends with a
//! result, with requests to the client, which become the input requests of the task, or with a state only, which is a
//! checkpoint. The next run gets the responses and the state.
//!
//! * A tool by steps runs at once, within `tools/call`. At its first checkpoint the call becomes a task; without an
//!   embedding host, each `tasks/get` runs one step of it.
//! * A tool that runs on becomes a task at once, which the embedding host runs. Without a host it is an ordinary call.
//!
//! Specification: extension `io.modelcontextprotocol/tasks`.

const std = @import("std");
const bytes = @import("bytes.zig");
const decimal = @import("decimal.zig");
const json = @import("json.zig");
const Writer = @import("Writer.zig");
const List = @import("list.zig").List;
const task_store = @import("TaskStore.zig");
const Record = @import("TaskRecord.zig");
const table = @import("protocol_table");

/// Time of a lease of an embedding host, in milliseconds; it renews leases.
const hosted_lease = 30_000;
/// Time of the lease of a step within a request.
const step_lease = 60_000;
/// Number of times that a change of a record is tried.
const attempts = 8;

const died = "Internal error: the server process ended while the task ran";
const too_large = std.fmt.comptimePrint(
    "Internal error: the result of the task is larger than {d} bytes",
    .{task_store.max_record},
);

pub fn Tasks(comptime bindings: type, comptime wasi: type) type {
    return struct {
        const memory = bindings.memory;
        const allocator = memory.allocator;
        const messages = bindings.messages;
        const wire = bindings.wire;
        const Request = messages.Request;
        const Reply = messages.Reply;
        const Error = std.mem.Allocator.Error;
        const Failure = bindings.types.Error;
        const store = task_store.TaskStore(bindings, wasi);

        /// Name of the embedding host that runs tasks, if there is one.
        var host: ?[]const u8 = null;
        /// The tools that can run as tasks, read once.
        var tools: ?[]const u8 = null;

        fn toolsText() Error![]const u8 {
            if (tools == null) tools = try memory.gpa.dupe(u8, bindings.task_tools.tools());
            return tools.?;
        }

        // ------------------------------------------------------------------------------------------------- metadata

        pub const metadata = struct {
            pub fn implementation_() []const u8 {
                return bindings.server_metadata.implementation_();
            }

            pub fn instructions() ?[]const u8 {
                return bindings.server_metadata.instructions();
            }

            /// The capabilities: with the extension where a call can become a task.
            pub fn capabilities() []const u8 {
                const text = toolsText() catch @trap();
                const offered = host != null or bytes.contains(text, "\"mode\":\"steps\"");
                return if (offered) bindings.server_metadata.capabilities() else bindings.task_tools.capabilities();
            }
        };

        // ------------------------------------------------------------------------------------------------- requests

        pub fn handle(request: Request) Error!?Reply {
            const reply: ?Reply = switch (request.method()) {
                .tools_call => try call(request),
                .other => try extension(request),
                else => null,
            };
            return reply orelse bindings.server_handler.handle(request);
        }

        fn extension(request: Request) Error!?Reply {
            const name = request.name();
            if (!bytes.startsWith(name, "tasks/") or !isLatest(request)) return null;
            const method = std.meta.stringToEnum(enum { get, update, cancel }, name["tasks/".len..]) orelse return null;
            if (!declares(request)) return try undeclared();
            const id = request.target() orelse
                return refuse("Invalid params: `params.taskId` must be the id of a task");
            const found = find(id, request) catch |problem| return try failed(problem);
            var record = found orelse return unknown();
            return switch (method) {
                .get => try get(&record, id),
                .update => try update(&record, request),
                .cancel => try cancel(&record),
            };
        }

        fn isLatest(request: Request) bool {
            return bytes.equal(request.protocolVersion(), table.latest);
        }

        /// Return whether the client declares the extension in this request.
        fn declares(request: Request) bool {
            if (!isLatest(request)) return false;
            const extensions = json.member(request.clientCapabilities(), "extensions") orelse return false;
            const settings = json.member(extensions, table.tasks) orelse return false;
            return settings[0] == '{';
        }

        fn undeclared() Error!Reply {
            return Reply.failure(.{
                .code = table.code.missing_capability,
                .message = "the client does not declare the extension `" ++ table.tasks ++ "` in this request",
                .data = "{\"requiredCapabilities\":{\"extensions\":{\"" ++ table.tasks ++ "\":{}}}}",
            });
        }

        fn refuse(words: []const u8) Reply {
            return Reply.failure(.{ .code = table.code.invalid_params, .message = words, .data = null });
        }

        /// Return the error about an unknown id, which is that about a task of another principal or path, too.
        fn unknown() Reply {
            return refuse("Invalid params: this server has no task with the id `params.taskId`");
        }

        fn internal(words: []const u8) Failure {
            return .{ .code = table.code.internal_error, .message = words, .data = null };
        }

        const Problem = error{ Storage, Busy };

        fn failed(problem: (Problem || Error)) Error!Reply {
            return Reply.failure(internal(switch (problem) {
                error.OutOfMemory => return error.OutOfMemory,
                error.Storage => "Internal error: the storage of tasks cannot be used",
                error.Busy => "Internal error: the task is being changed by too many requests",
            }));
        }

        /// Return the owner of the tasks of a request: its path and its principal.
        fn ownerOf(request: Request) Error![]const u8 {
            const target = if (request.http()) |http| http.path else "";
            const path = target[0 .. bytes.position(target, '?') orelse target.len];
            const identity = request.identity() orelse return std.mem.concat(allocator, u8, &.{ path, "\n" });
            return std.mem.concat(
                allocator,
                u8,
                &.{ path, "\n", identity.issuer orelse "", "\n", identity.subject },
            );
        }

        /// Return the task of a request with this id.
        fn find(id: []const u8, request: Request) (Problem || Error)!?Record {
            if (id.len != task_store.id_size) return null;
            const record = try readByName(&store.nameOf(id)) orelse return null;
            const owner = try ownerOf(request);
            return if (bytes.equal(record.owner, owner)) record else null;
        }

        fn readByName(name: []const u8) (Problem || Error)!?Record {
            const text = try store.read(name) orelse return null;
            return try Record.of(allocator, text);
        }

        fn get(given: *Record, id: []const u8) Error!Reply {
            var record = given.*;
            if (record.status == .working) {
                if (host == null and record.mode == .steps) {
                    record = step(record) catch |problem| return failed(problem);
                } else if (host) |owner| if (!store.isOffered(record.name)) {
                    // A process has ended between two writes.
                    _ = store.offer(record.name, owner, 0, record.expires);
                    try announce(record);
                };
            }
            var w = Writer.init(allocator);
            try record.writeTask(&w, id);
            return Reply.raw(w.text());
        }

        fn update(given: *Record, request: Request) Error!Reply {
            const responses = json.member(request.params(), "inputResponses") orelse "";
            if (responses.len == 0 or responses[0] != '{')
                return refuse("Invalid params: `params.inputResponses` must be an object");
            var record = given.*;
            for (0..attempts) |_| {
                if (record.status != .input_required) return acknowledged();
                const before = record;
                if (!try record.answer(allocator, responses))
                    return refuse("Invalid params: `params.inputResponses` must hold objects");
                record.updated = store.now();
                const text = try record.text(allocator);
                if (text.len > task_store.max_record) return refuse(std.fmt.comptimePrint(
                    "Invalid params: a task with its `inputResponses` can have {d} bytes",
                    .{task_store.max_record},
                ));
                const resumed = record.status == .working;
                if (resumed and !store.offer(record.name, host orelse task_store.unowned, 0, record.expires))
                    return failed(error.Storage);
                switch (store.replace(record.name, before.raw, text)) {
                    .done => {
                        if (resumed) try announce(record);
                        return acknowledged();
                    },
                    .failed => return failed(error.Storage),
                    .conflict => record = (readByName(record.name) catch |problem| return failed(problem)) orelse
                        return unknown(),
                }
            }
            return failed(error.Busy);
        }

        fn cancel(given: *Record) Error!Reply {
            var record = given.*;
            for (0..attempts) |_| {
                if (record.status.isTerminal()) return acknowledged();
                const before = record.raw;
                record.end(.cancelled, null, store.now());
                switch (store.replace(record.name, before, try record.text(allocator))) {
                    .done => {
                        store.withdraw(record.name);
                        if (host != null) try tell(record.name, "\"cancelled\":true");
                        return acknowledged();
                    },
                    .failed => return failed(error.Storage),
                    .conflict => record = (readByName(record.name) catch |problem| return failed(problem)) orelse
                        return unknown(),
                }
            }
            return failed(error.Busy);
        }

        fn acknowledged() Reply {
            return Reply.raw("{}");
        }

        // ------------------------------------------------------------------------------------------------ new tasks

        /// Answer a call of a tool that can run as a task. Null: it is an ordinary call.
        fn call(request: Request) Error!?Reply {
            const tool = request.target() orelse return null;
            const text = json.member(try toolsText(), tool) orelse return null;
            const settings: Record.Settings = .of(text);
            if (!declares(request)) {
                if (settings.required) return if (isLatest(request)) try undeclared() else Reply.failure(.{
                    .code = table.code.invalid_request,
                    .message = "Invalid request: this tool runs as a task only, which needs a client with the " ++
                        "extension `" ++ table.tasks ++ "`",
                    .data = null,
                });
                return if (settings.mode == .steps) try ordinary(request) else null;
            }
            if (host == null and (settings.mode == .run or !store.lasts()))
                return if (settings.mode == .steps) try ordinary(request) else null;
            if (settings.mode == .run) return try created(request, settings, null);
            const end = try execute(try Invocation.of(request), .same);
            return switch (end) {
                .checkpoint => |state| try created(request, settings, state),
                else => try answered(end),
            };
        }

        /// Answer a call by all of its steps.
        fn ordinary(request: Request) Error!Reply {
            var invocation = try Invocation.of(request);
            while (true) {
                const end = try execute(invocation, .same);
                switch (end) {
                    .checkpoint => |state| if (request.cancelled())
                        return Reply.failure(internal("Internal error: the request was cancelled"))
                    else {
                        invocation.responses = "{}";
                        invocation.state = state;
                    },
                    else => return answered(end),
                }
            }
        }

        /// Return the reply that ends a call without a task.
        fn answered(end: End) Error!Reply {
            switch (end) {
                .result => |text| return Reply.raw(text),
                .failure => |failure| return Reply.failure(failure),
                .checkpoint => unreachable,
                .input => |input| {
                    var list: List(bindings.types.InputRequest) = .empty;
                    var scanner = json.Scanner.init(input.requests);
                    scanner.surrogates = .any;
                    // The text was written by server-io.
                    var members = scanner.members() catch unreachable;
                    while (members.next() catch unreachable) |key| {
                        const one = scanner.value() catch unreachable;
                        try list.append(allocator, .{
                            .key = try json.decodeString(allocator, key),
                            .method = try json.decodeString(allocator, json.member(one, "method").?),
                            .params = json.member(one, "params").?,
                        });
                    }
                    return Reply.inputRequired(.{ .requests = list.items, .state = input.state });
                },
            }
        }

        /// Create the task of a call. `state`: that of its first checkpoint.
        fn created(request: Request, settings: Record.Settings, state: ?[]const u8) Error!Reply {
            return make(request, settings, state) catch |problem| failed(problem);
        }

        fn make(request: Request, settings: Record.Settings, state: ?[]const u8) (Problem || Error)!Reply {
            const begun = store.now();
            const invocation = try Invocation.of(request);
            var record: Record = .{
                .owner = try ownerOf(request),
                .mode = settings.mode,
                .created = begun,
                .updated = begun,
                .ttl = settings.ttl,
                .poll = settings.poll,
                .expires = begun +| settings.ttl,
                .call = try invocation.kept(),
                .state = state orelse invocation.state,
                .responses = if (state == null) invocation.responses else "{}",
            };
            for (0..attempts) |_| {
                const id = try store.freeId() orelse return Reply.failure(internal(
                    "Internal error: the server has too many tasks; try again when some have expired",
                ));
                const name = store.nameOf(&id);
                record.name = &name;
                const text = try record.text(allocator);
                if (text.len > task_store.max_record) return refuse(std.fmt.comptimePrint(
                    "Invalid params: a call that runs as a task can have {d} bytes",
                    .{task_store.max_record},
                ));
                const lease: u64 = if (host == null) 0 else hosted_lease;
                if (!store.offer(&name, host orelse task_store.unowned, lease, record.expires)) return error.Storage;
                switch (store.create(&name, text)) {
                    .done => {},
                    .conflict => {
                        store.withdraw(&name);
                        continue;
                    },
                    .failed => {
                        store.withdraw(&name);
                        return error.Storage;
                    },
                }
                store.noteExpiry(&name, record.expires);
                const counted = if (request.identity() == null) true else store.count(
                    record.owner,
                    &name,
                    record.expires,
                );
                if (!(counted catch false)) {
                    // The client does not learn the id: the task must not run.
                    record.raw = text;
                    _ = try cancel(&record);
                    _ = try counted;
                    return Reply.failure(internal(std.fmt.comptimePrint(
                        "Internal error: this client has {d} tasks, the maximum; try again when some have expired",
                        .{task_store.max_owned},
                    )));
                }
                try announce(record);
                var w = Writer.init(allocator);
                try record.writeNew(&w, &id);
                return Reply.raw(w.text());
            }
            return error.Busy;
        }

        fn announce(record: Record) Error!void {
            if (host == null) return;
            var digits: [20]u8 = undefined;
            const remaining = decimal.integer(&digits, record.expires -| store.now());
            try tell(record.name, try std.mem.concat(allocator, u8, &.{ "\"remaining\":", remaining }));
        }

        fn tell(name: []const u8, member: []const u8) Error!void {
            const text = try std.mem.concat(allocator, u8, &.{ "{\"name\":\"", name, "\",", member, "}" });
            wire.tell(0, "task", text);
        }

        // ----------------------------------------------------------------------------------------------------- runs

        /// The call of a run. `id`, `params`, `capabilities` and `responses` are JSON.
        const Invocation = struct {
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
            fn of(request: Request) Error!Invocation {
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
            fn kept(self: Invocation) Error![]const u8 {
                var w = Writer.init(allocator);
                try w.open('{');
                try w.key("params");
                try w.open('{');
                try self.writeParams(&w);
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
            fn ofTask(record: Record) Error!Invocation {
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

            /// Write the members of the params that all runs have.
            fn writeParams(self: Invocation, w: *Writer) Error!void {
                var scanner = json.Scanner.init(self.params);
                scanner.surrogates = .any;
                var members = scanner.members() catch unreachable;
                while (members.next() catch unreachable) |name| {
                    const value = scanner.value() catch unreachable;
                    if (json.equals(name, "inputResponses") or json.equals(name, "requestState")) continue;
                    try w.value(name);
                    try w.raw(":");
                    try w.raw(value);
                }
            }

            fn message(self: Invocation) Error![]const u8 {
                var w = Writer.init(allocator);
                try w.raw("{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"id\":");
                try w.raw(self.id);
                try w.key("params");
                try w.open('{');
                try self.writeParams(&w);
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
        const End = union(enum) {
            result: []const u8,
            failure: Failure,
            input: struct { requests: []const u8, state: ?[]const u8 },
            /// The state.
            checkpoint: []const u8,
        };

        fn execute(invocation: Invocation, output: wire.Output) Error!End {
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

        /// Run one step of a task within a request, unless another request does. Return the task after it.
        fn step(record: Record) (Problem || Error)!Record {
            var name: [task_store.id_size]u8 = undefined;
            @memcpy(&name, record.name);
            const owner = store.newId();
            switch (store.claim(&name, &owner, step_lease)) {
                .taken, .inherited => {},
                .leased => return record,
                // A process has ended between two writes, or the task has just ended.
                .missing => {
                    const now = try readByName(&name) orelse return record;
                    if (now.status == .working) _ = store.offer(&name, task_store.unowned, 0, record.expires);
                    return now;
                },
            }
            // The request that held the lease before can have changed it.
            const current = try readByName(&name) orelse return record;
            if (current.status != .working) {
                store.release(&name, &owner, null);
                return current;
            }
            const end = try execute(try Invocation.ofTask(current), .none);
            if (!store.holds(&name, &owner)) return try readByName(&name) orelse record;
            const after = try keep(current, end) orelse return record;
            store.release(&name, &owner, if (after.status == .working) 0 else null);
            return after;
        }

        /// Keep the end of a run that began with a record. Return the task after it; null if it no longer exists. A
        /// task that has changed during the run is left alone: it was cancelled, or another run has taken it over.
        fn keep(begun: Record, end: End) (Problem || Error)!?Record {
            for (0..attempts) |_| {
                var record = try readByName(begun.name) orelse return null;
                if (record.status != .working or !bytes.equal(record.raw, begun.raw)) return record;
                const before = record.raw;
                const now = store.now();
                switch (end) {
                    .result => |text| record.end(.completed, text, now),
                    .failure => |failure| record.end(.failed, try failureText(failure), now),
                    .checkpoint => |state| record.goOn(state, now),
                    .input => |input| try record.ask(allocator, input.requests, input.state, now),
                }
                var text = try record.text(allocator);
                if (text.len > task_store.max_record) {
                    record.end(.failed, try failureText(internal(too_large)), now);
                    text = try record.text(allocator);
                }
                switch (store.replace(begun.name, before, text)) {
                    .done => {
                        record.raw = text;
                        return record;
                    },
                    .failed => return error.Storage,
                    .conflict => {},
                }
            }
            return error.Busy;
        }

        fn failureText(failure: Failure) Error![]const u8 {
            var w = Writer.init(allocator);
            try w.open('{');
            try w.key("code");
            try w.integer(failure.code);
            try w.key("message");
            try w.string(failure.message);
            if (failure.data) |data| {
                try w.key("data");
                try w.value(data);
            }
            try w.close('}');
            return w.text();
        }

        // ----------------------------------------------------------------------------------------- embedding host

        pub const embedding = struct {
            const exported = bindings.exports.wasmcp_embedding.tasks;

            pub fn attach(name: []const u8) void {
                host = memory.gpa.dupe(u8, name) catch @trap();
            }

            pub fn pending(cursor: []const u8) []const u8 {
                if (cursor.len == 0) store.sweep();
                var list: List(store.Waiting) = .empty;
                const next = store.waiting(&list, if (cursor.len > 0) cursor else null) catch null;
                return page(list.items, next) catch @trap();
            }

            fn page(tasks: []const store.Waiting, next: ?[]const u8) Error![]const u8 {
                var w = Writer.init(allocator);
                try w.open('{');
                try w.key("tasks");
                try w.open('[');
                for (tasks) |one| {
                    try w.open('{');
                    try w.key("name");
                    try w.string(one.name);
                    try w.key("remaining");
                    try w.integer(one.remaining);
                    try w.close('}');
                }
                try w.close(']');
                if (next) |cursor| {
                    try w.key("next");
                    try w.string(cursor);
                }
                try w.close('}');
                return w.text();
            }

            pub fn run(token: u32, name: []const u8) exported.Outcome {
                return ran(token, name) catch |problem| switch (problem) {
                    error.OutOfMemory => @trap(),
                    error.Storage, error.Busy => .leased,
                };
            }

            fn ran(token: u32, name: []const u8) (Problem || Error)!exported.Outcome {
                const owner = host orelse return .leased;
                const claim = store.claim(name, owner, hosted_lease);
                switch (claim) {
                    .taken, .inherited => {},
                    .leased => return .leased,
                    .missing => return .done,
                }
                const record = try readByName(name) orelse {
                    store.release(name, owner, null);
                    return .done;
                };
                if (record.status != .working) {
                    store.release(name, owner, null);
                    return .done;
                }
                const end: End = if (claim == .inherited and record.mode == .run)
                    .{ .failure = internal(died) }
                else
                    try execute(try Invocation.ofTask(record), .{ .messages = token });
                // Another host has taken the task over: its run counts.
                if (!store.holds(name, owner)) return .lost;
                const after = try keep(record, end);
                const again = if (after) |kept| kept.status == .working else false;
                store.release(name, owner, if (again) hosted_lease else null);
                return if (again) .again else .done;
            }

            pub fn renew(_: u32, name: []const u8) exported.Outcome {
                const held = store.renew(name, host orelse return .lost, hosted_lease);
                return if (held) .leased else .lost;
            }

            pub fn fail(_: u32, name: []const u8, message: []const u8) exported.Outcome {
                const owner = host orelse return .leased;
                switch (store.claim(name, owner, hosted_lease)) {
                    .taken, .inherited => {},
                    .leased => return .leased,
                    .missing => return .done,
                }
                if (readByName(name) catch return .leased) |record| {
                    _ = keep(record, .{ .failure = internal(message) }) catch return .leased;
                }
                store.release(name, owner, null);
                return .done;
            }
        };
    };
}
