//! How lists go along the chain: every link puts its own items before those of the rest.
//!
//! A cursor tells how far along the chain a list has come: `>` for each link that it is past, then `.` and the cursor of
//! the component where it goes on. A link reads its own character and hands the rest on, so none knows its place. What
//! a link written by hand gives out stands behind the `>` of those before it.

const std = @import("std");
const bytes = @import("bytes.zig");

/// A request that has this member in its `_meta` wants a list to fail when a component cannot list: so that what is
/// recorded is whole. Searched for as text, because links that read no JSON are a fifth smaller.
const strict = "\"wasmcp/strict\"";

const invalid_params = -32602;

/// Lists for a component with these bindings: `messages`, `server_handler`, and standard error. It has `stored_lists`.
pub fn Lists(comptime bindings: type) type {
    const Request = bindings.messages.Request;
    const Reply = bindings.messages.Reply;

    return struct {
        const Place = union(enum) { start, own: []const u8, behind: []const u8, foreign };

        fn place(request: Request) Place {
            const cursor = request.cursor() orelse return .start;
            if (cursor.len == 0) return .foreign;
            return switch (cursor[0]) {
                '.' => .{ .own = cursor[1..] },
                '>' => .{ .behind = cursor[1..] },
                else => .foreign,
            };
        }

        /// What a list is called, and how an empty one is made.
        const Kind = struct {
            name: []const u8,
            empty: *const fn () Reply,

            /// `make` takes items as JSON: whoever has none to lower need not know how.
            fn of(comptime name: []const u8, comptime make: anytype) Kind {
                return .{ .name = name, .empty = struct {
                    fn empty() Reply {
                        return make("[]", null, null);
                    }
                }.empty };
            }
        };

        /// The page of a list that `ask` gives one of and `make` makes a reply of, `written` one of JSON. A page of the component's that is not
        /// its last ends there; behind the last comes the rest of the chain's list.
        pub fn asked(request: Request, comptime name: []const u8, comptime ask: anytype, comptime make: anytype, comptime written: anytype) ?Reply {
            const kind: Kind = comptime .of(name, written);
            const cursor: ?[]const u8 = switch (place(request)) {
                .start => null,
                .own => |own| own,
                .behind => |behind| return later(request, behind),
                .foreign => return foreign(),
            };
            const page = switch (ask(request, cursor)) {
                .ok => |page| page,
                .err => |problem| {
                    // Its own cursor, it says, is none.
                    if (cursor != null and problem.code == invalid_params) return Reply.failure(problem);
                    return without(request, kind, problem, null);
                },
            };
            const reply = make(page.items, if (page.next) |next| prefixed(".", next) else null, page.cache);
            if (reply.@"error"()) |problem| return without(request, kind, problem, reply);
            return if (page.next == null) follow(request, kind, reply) else reply;
        }

        /// Whether the list that `ask` gives pages of has an item of the name that the request is for.
        pub fn has(request: Request, comptime ask: anytype, comptime name: []const u8) bool {
            const wanted = request.target() orelse return false;
            var cursor: ?[]const u8 = null;
            while (true) {
                const page = switch (ask(request, cursor)) {
                    .ok => |page| page,
                    .err => return false,
                };
                for (0..page.items.len) |i| if (bytes.equal(@field(page.items.get(i), name), wanted)) return true;
                cursor = page.next orelse return false;
            }
        }

        /// The rest of the list without what this link has; where lists are to be whole, the failure.
        fn without(request: Request, kind: Kind, problem: bindings.types.Error, failure: ?Reply) Reply {
            if (isStrict(request)) return failure orelse Reply.failure(problem);
            if (failure) |reply| reply.drop();
            log(kind.name, problem.message);
            return follow(request, kind, kind.empty());
        }

        /// The page of a list whose own part is known and has no pages.
        pub fn recorded(request: Request, comptime name: []const u8, items: *const fn (Request) Reply, comptime written: anytype) Reply {
            return recordedOf(request, comptime .of(name, written), items);
        }

        fn recordedOf(request: Request, kind: Kind, items: *const fn (Request) Reply) Reply {
            return switch (place(request)) {
                .start => follow(request, kind, items(request)),
                .behind => |behind| later(request, behind),
                .own, .foreign => foreign(),
            };
        }

        /// Put the rest of the chain's list behind this one. A rest that fails is left out.
        fn follow(request: Request, kind: Kind, reply: Reply) Reply {
            const turned: ?Request = if (request.cursor() == null) null else request.derivePage(null);
            defer if (turned) |derived| derived.drop();
            const rest = bindings.server_handler.handle(turned orelse request) orelse return reply;
            if (rest.@"error"()) |problem| {
                if (isStrict(request)) {
                    reply.drop();
                    return rest;
                }
                rest.drop();
                log(kind.name, problem.message);
                // Nobody is to keep what is not whole.
                reply.append(kind.empty());
                return reply;
            }
            pass(rest);
            reply.append(rest);
            return reply;
        }

        /// A page that lies behind this link.
        fn later(request: Request, cursor: []const u8) Reply {
            const turned = request.derivePage(cursor);
            defer turned.drop();
            const reply = bindings.server_handler.handle(turned) orelse return foreign();
            pass(reply);
            return reply;
        }

        fn pass(reply: Reply) void {
            if (reply.next()) |cursor| reply.setNext(prefixed(">", cursor));
        }

        fn foreign() Reply {
            return Reply.failure(.{ .code = invalid_params, .message = "Invalid params: `params.cursor` is not a cursor of this server" });
        }

        fn isStrict(request: Request) bool {
            const meta = request.meta() orelse return false;
            return bytes.contains(meta, strict);
        }

        fn prefixed(comptime prefix: []const u8, text: []const u8) []const u8 {
            return std.mem.concat(bindings.memory.allocator, u8, &.{ prefix, text }) catch @trap();
        }

        /// Tell the operator, not the client.
        fn log(name: []const u8, problem: []const u8) void {
            const stream = bindings.wasi_cli.stderr.getStderr();
            defer stream.drop();
            const parts = [_][]const u8{ "wasmcp: a list of ", name, " is not whole: ", problem, "\n" };
            const line = std.mem.concat(bindings.memory.allocator, u8, &parts) catch return;
            // WASI 0.2 (wasi:io/streams) lets 4096 bytes pass at once: more than anybody reads.
            _ = stream.blockingWriteAndFlush(line[0..@min(line.len, 4096)]).get() catch return;
        }
    };
}
