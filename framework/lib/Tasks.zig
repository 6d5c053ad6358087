//! Tasks extension: `tools/call` of the tools that can run as tasks, `tasks/get`, `tasks/update` and `tasks/cancel`.
//!
//! * A tool by steps runs at once, within `tools/call`. At its first checkpoint the call becomes a task; without an
//!   embedding host, each `tasks/get` runs one step of it.
//! * A tool that runs on becomes a task at once, which the embedding host runs. Without a host it is an ordinary call.
//!
//! Specification: extension `io.modelcontextprotocol/tasks`.

const std = @import("std");
const Rules = @import("access.zig").Rules;
const bytes = @import("bytes.zig");
const json = @import("json.zig");
const Writer = @import("Writer.zig");
const List = @import("list.zig").List;
const task_store = @import("TaskStore.zig");
const Record = @import("TaskRecord.zig");
const task_runner = @import("TaskRunner.zig");
const table = @import("protocol_table");

pub fn Tasks(comptime bindings: type, comptime wasi: type) type {
    return struct {
        const memory = bindings.memory;
        const allocator = memory.allocator;
        const messages = bindings.messages;
        const Request = messages.Request;
        const Reply = messages.Reply;
        const Error = std.mem.Allocator.Error;
        const store = task_store.TaskStore(bindings, wasi);
        const task_run = @import("TaskRun.zig").TaskRun(bindings);
        const End = task_run.End;
        const Invocation = task_run.Invocation;
        const runner = task_runner.TaskRunner(bindings, wasi);
        const Problem = runner.Problem;

        pub const embedding = runner.embedding;

        /// Maximum number of tasks in one `subscriptions/listen`: their records are read.
        const max_listened = 32;

        /// The tools that can run as tasks, read once.
        var tools: ?[]const u8 = null;

        fn toolsText() Error![]const u8 {
            if (tools == null) tools = try memory.gpa.dupe(u8, bindings.task_tools.tools());
            return tools.?;
        }

        /// Return whether a call can become a task: under an embedding host, or by steps in a storage that lasts.
        fn isOffered() bool {
            const text = toolsText() catch @trap();
            if (runner.host != null) return text.len > "{}".len; // a development build may have none
            return bytes.contains(text, "\"mode\":\"steps\"") and store.lasts();
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
                return if (isOffered()) bindings.server_metadata.capabilities() else bindings.task_tools.capabilities();
            }
        };

        // ------------------------------------------------------------------------------------------------- requests

        pub fn handle(request: Request) Error!?Reply {
            const reply: ?Reply = switch (request.method()) {
                .tools_call => try call(request),
                .subscriptions_listen => try listen(request),
                .other => try extension(request),
                else => null,
            };
            return reply orelse bindings.server_handler.handle(request);
        }

        fn extension(request: Request) Error!?Reply {
            const name = request.name();
            if (!bytes.startsWith(name, "tasks/") or !isLatest(request)) return null;
            const method = std.meta.stringToEnum(enum { get, update, cancel }, name["tasks/".len..]) orelse return null;
            if (!isOffered()) return null;
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

        /// Answer the part of `subscriptions/listen` that is about tasks: with the ids of those that the embedding
        /// host sends notifications about. Null: the client does not request any.
        fn listen(request: Request) Error!?Reply {
            const wanted = json.member(request.params(), "notifications") orelse return null;
            const ids = json.member(wanted, "taskIds") orelse return null;
            if (!declares(request)) return try undeclared();
            const words = std.fmt.comptimePrint("Invalid params: `params.notifications.taskIds` must be an array of " ++
                "{d} ids of tasks at most", .{max_listened});
            if (ids[0] != '[') return refuse(words);
            const listens = runner.host != null and bindings.task_tools.notifies();
            var w = Writer.init(allocator);
            try w.open('{');
            try w.key("taskIds");
            try w.open('[');
            var count: usize = 0;
            var scanner = json.Scanner.init(ids);
            // The text was validated on arrival.
            var items = scanner.items() catch unreachable;
            while (items.next() catch unreachable) {
                const raw = scanner.value() catch unreachable;
                count += 1;
                if (raw[0] != '"' or count > max_listened) return refuse(words);
                const id = try json.decodeString(allocator, raw);
                const found = find(id, request) catch |problem| return try failed(problem);
                if (found != null and listens) try w.string(id);
            }
            try w.close(']');
            try w.close('}');
            return Reply.raw(w.text());
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

        fn failed(problem: (Problem || Error)) Error!Reply {
            return Reply.failure(task_run.internal(switch (problem) {
                error.OutOfMemory => return error.OutOfMemory,
                error.Storage => "Internal error: the storage of tasks cannot be used",
                error.Busy => "Internal error: the task is being changed by too many requests",
            }));
        }

        /// Return the authenticated principal of a request.
        fn principalOf(request: Request) Error!?[]const u8 {
            const identity = request.identity() orelse return null;
            return try std.mem.concat(allocator, u8, &.{ identity.issuer orelse "", "\n", identity.subject });
        }

        /// Return the owner of the tasks of a request: its path and its principal.
        fn ownerOf(request: Request) Error![]const u8 {
            const path = if (request.http()) |http| Rules.pathOf(http.path) else "";
            return std.mem.concat(allocator, u8, &.{ path, "\n", try principalOf(request) orelse "" });
        }

        /// Return the task of a request with this id.
        fn find(id: []const u8, request: Request) (Problem || Error)!?Record {
            if (id.len != task_store.id_size) return null;
            const record = try runner.readByName(&store.nameOf(id)) orelse return null;
            const owner = try ownerOf(request);
            return if (bytes.equal(record.owner, owner)) record else null;
        }

        fn get(given: *Record, id: []const u8) Error!Reply {
            var record = given.*;
            if (record.status == .working) {
                if (runner.host == null and record.mode == .steps) {
                    record = runner.step(record) catch |problem| return failed(problem);
                } else if (runner.host) |owner| if (!store.isOffered(record.name)) {
                    // A process has ended between two writes.
                    _ = store.offer(record.name, owner, 0, record.expires);
                    try runner.announce(record);
                };
            }
            var w = Writer.init(allocator);
            try runner.writeTask(&w, &record, id);
            return Reply.raw(w.text());
        }

        fn update(given: *Record, request: Request) Error!Reply {
            const responses = json.member(request.params(), "inputResponses") orelse "";
            if (responses.len == 0 or responses[0] != '{')
                return refuse("Invalid params: `params.inputResponses` must be an object");
            var record = given.*;
            for (0..task_runner.attempts) |_| {
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
                if (resumed and !store.offer(record.name, runner.host orelse task_store.unowned, 0, record.expires))
                    return failed(error.Storage);
                switch (store.replace(record.name, before.raw, text)) {
                    .done => {
                        if (resumed) try runner.announce(record);
                        return acknowledged();
                    },
                    .failed => return failed(error.Storage),
                    .conflict => record = (runner.readByName(record.name) catch |problem| return failed(problem)) orelse
                        return unknown(),
                }
            }
            return failed(error.Busy);
        }

        noinline fn cancel(given: *Record) Error!Reply {
            var record = given.*;
            for (0..task_runner.attempts) |_| {
                if (record.status.isTerminal()) return acknowledged();
                const before = record.raw;
                record.end(.cancelled, null, store.now());
                switch (store.replace(record.name, before, try record.text(allocator))) {
                    .done => {
                        store.withdraw(record.name);
                        store.forgetMessage(record.name);
                        if (runner.host != null) try runner.tell(record.name, "\"cancelled\":true");
                        return acknowledged();
                    },
                    .failed => return failed(error.Storage),
                    .conflict => record = (runner.readByName(record.name) catch |problem| return failed(problem)) orelse
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
            if (runner.host == null and (settings.mode == .run or !store.lasts()))
                return if (settings.mode == .steps) try ordinary(request) else null;
            if (settings.mode == .run) return try created(request, settings, null);
            const end = try task_run.execute(try Invocation.of(request), .same);
            return switch (end) {
                .checkpoint => |state| try created(request, settings, state),
                else => try answered(end),
            };
        }

        /// Answer a call by all of its steps.
        fn ordinary(request: Request) Error!Reply {
            var invocation = try Invocation.of(request);
            while (true) {
                const end = try task_run.execute(invocation, .same);
                switch (end) {
                    .checkpoint => |state| if (request.cancelled())
                        return Reply.failure(task_run.internal("Internal error: the request was cancelled"))
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
            for (0..task_runner.attempts) |_| {
                const id = try store.freeId() orelse return Reply.failure(task_run.internal(
                    "Internal error: the server has too many tasks; try again when some have expired",
                ));
                const name = store.nameOf(&id);
                record.name = &name;
                const text = try record.text(allocator);
                if (text.len > task_store.max_record) return refuse(std.fmt.comptimePrint(
                    "Invalid params: a call that runs as a task can have {d} bytes",
                    .{task_store.max_record},
                ));
                // Before the record: a call that is refused takes no place.
                if (try principalOf(request)) |principal| if (!try store.count(principal, &name, record.expires))
                    return Reply.failure(task_run.internal(std.fmt.comptimePrint(
                        "Internal error: this client has {d} tasks, the maximum; try again when some have expired",
                        .{task_store.max_owned},
                    )));
                const lease: u64 = if (runner.host == null) 0 else task_runner.hosted_lease;
                const owner = runner.host orelse task_store.unowned;
                if (!store.offer(&name, owner, lease, record.expires)) return error.Storage;
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
                store.noteExpiry(&name, record.expires, try principalOf(request));
                try runner.announce(record);
                var w = Writer.init(allocator);
                try record.writeNew(&w, &id);
                return Reply.raw(w.text());
            }
            return error.Busy;
        }
    };
}
