//! Runs of tasks: of one step within a request, and on the embedding host.

const std = @import("std");
const bytes = @import("bytes.zig");
const decimal = @import("decimal.zig");
const List = @import("list.zig").List;
const Record = @import("TaskRecord.zig");
const task_store = @import("TaskStore.zig");
const Writer = @import("Writer.zig");

/// Time of a lease of an embedding host, in milliseconds; it renews leases.
pub const hosted_lease = 30_000;
/// Time of the lease of a step within a request.
const step_lease = 60_000;
/// Number of times that a change of a record is tried.
pub const attempts = 8;

const died = "Internal error: the server process ended while the task ran";
const too_large = std.fmt.comptimePrint(
    "Internal error: the result of the task is larger than {d} bytes",
    .{task_store.max_record},
);

pub fn TaskRunner(comptime bindings: type, comptime wasi: type) type {
    return struct {
        const memory = bindings.memory;
        const allocator = memory.allocator;
        const Error = std.mem.Allocator.Error;
        const store = task_store.TaskStore(bindings, wasi);
        const task_run = @import("TaskRun.zig").TaskRun(bindings);
        const End = task_run.End;
        const Invocation = task_run.Invocation;

        pub const Problem = error{ Storage, Busy };

        /// Name of the embedding host that runs tasks, if there is one.
        pub var host: ?[]const u8 = null;

        pub fn readByName(name: []const u8) (Problem || Error)!?Record {
            const text = try store.read(name) orelse return null;
            return try Record.of(allocator, text);
        }

        /// Write the `DetailedTask`, as the result of `tasks/get`.
        pub fn writeTask(w: *Writer, record: *Record, id: []const u8) Error!void {
            if (record.status == .working) record.message = store.messageOf(record.name);
            try record.writeTask(w, id);
        }

        /// Run one step of a task within a request, unless another request does. Return the task after it.
        pub fn step(record: Record) (Problem || Error)!Record {
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
            const end = try task_run.execute(try Invocation.ofTask(current), .none);
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
                    record.end(.failed, try failureText(task_run.internal(too_large)), now);
                    text = try record.text(allocator);
                }
                switch (store.replace(begun.name, before, text)) {
                    .done => {
                        record.raw = text;
                        store.forgetMessage(begun.name);
                        return record;
                    },
                    .failed => return error.Storage,
                    .conflict => {},
                }
            }
            return error.Busy;
        }

        fn failureText(failure: bindings.types.Error) Error![]const u8 {
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

        /// Name a task to the embedding host, with the digest of its owner: owners take turns.
        pub fn announce(record: Record) Error!void {
            if (host == null) return;
            var digits: [20]u8 = undefined;
            const remaining = decimal.integer(&digits, record.expires -| store.now());
            const member = try std.mem.concat(
                allocator,
                u8,
                &.{ "\"owner\":\"", &store.nameOf(record.owner), "\",\"remaining\":", remaining },
            );
            try tell(record.name, member);
        }

        pub fn tell(name: []const u8, member: []const u8) Error!void {
            const text = try std.mem.concat(allocator, u8, &.{ "{\"name\":\"", name, "\",", member, "}" });
            bindings.wire.tell(0, "task", text);
        }

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
                    .{ .failure = task_run.internal(died) }
                else
                    try task_run.execute(try Invocation.ofTask(record), .{ .messages = token });
                // Another host has taken the task over: its run counts.
                if (!store.holds(name, owner)) return .lost;
                const after = try keep(record, end);
                const again = if (after) |kept| kept.status == .working else false;
                store.release(name, owner, if (again) hosted_lease else null);
                return if (again) .again else .done;
            }

            pub fn note(_: u32, name: []const u8, message: []const u8) exported.Outcome {
                if (!store.holds(name, host orelse return .lost)) return .lost;
                store.keepMessage(name, message);
                return .leased;
            }

            pub fn state(_: u32, id: []const u8) []const u8 {
                return stateOf(id) catch |problem| switch (problem) {
                    error.OutOfMemory => @trap(),
                    error.Storage, error.Busy => "",
                };
            }

            fn stateOf(id: []const u8) (Problem || Error)![]const u8 {
                const name = store.nameOf(id);
                var record = try readByName(&name) orelse return "{}";
                var w = Writer.init(allocator);
                try w.open('{');
                try w.key("name");
                try w.string(&name);
                try w.key("task");
                try writeTask(&w, &record, id);
                try w.close('}');
                return w.text();
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
                    _ = keep(record, .{ .failure = task_run.internal(message) }) catch return .leased;
                }
                store.release(name, owner, null);
                return .done;
            }
        };
    };
}
