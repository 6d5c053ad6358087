//! Lists along the chain: each middleware puts its own items before those of the rest of the chain.
//!
//! A cursor records how far along the chain a list has come: one `>` for each middleware that it has passed, then `.`
//! and the cursor of the component where the list continues. A middleware removes its own `>` and passes on the rest,
//! so that no middleware needs its position. The cursors of middleware written by others follow the `>` of the
//! middleware before it.

const std = @import("std");
const bytes = @import("bytes.zig");

/// Member of `_meta` that requests a complete list: the list fails if a component cannot list, so that the composer
/// records complete lists only. Searched for as text: without a JSON reader the middleware is a fifth smaller.
const strict = "\"wasmcp/strict\"";

const invalid_params = @import("protocol_table").code.invalid_params;

/// Lists for a component with these bindings: `messages`, `server_handler`, and standard error. The component declares
/// `stored_lists`.
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

        /// Name of a kind of list, and a function that makes an empty one.
        const Kind = struct {
            name: []const u8,
            empty: *const fn () Reply,

            /// Return the kind. `make` takes items as JSON: components that do not lower items need not include that
            /// code.
            fn of(comptime name: []const u8, comptime make: anytype) Kind {
                return .{ .name = name, .empty = struct {
                    fn empty() Reply {
                        return make("[]", null, null);
                    }
                }.empty };
            }
        };

        /// Return the page of a list: `query` returns the component's page, `make` makes a reply of it, `written` makes
        /// one of JSON. If the component's page is not the last one, the reply ends there; after the last one follows
        /// the rest of the chain's list.
        pub fn queried(
            request: Request,
            comptime name: []const u8,
            comptime query: anytype,
            comptime make: anytype,
            comptime written: anytype,
        ) ?Reply {
            const kind: Kind = comptime .of(name, written);
            const cursor: ?[]const u8 = switch (place(request)) {
                .start => null,
                .own => |own| own,
                .behind => |behind| return later(request, behind),
                .foreign => return foreign(),
            };
            const page = switch (query(request, cursor)) {
                .ok => |page| page,
                .err => |problem| {
                    // The component rejects its own cursor.
                    if (cursor != null and problem.code == invalid_params) return Reply.failure(problem);
                    return without(request, kind, problem, null);
                },
            };
            const reply = make(page.items, if (page.next) |next| prefixed(".", next) else null, page.cache);
            if (reply.@"error"()) |problem| return without(request, kind, problem, reply);
            return if (page.next == null) follow(request, kind, reply) else reply;
        }

        /// Return whether the list that `query` returns has an item with the name of the request's target.
        pub fn has(request: Request, comptime query: anytype, comptime name: []const u8) bool {
            const wanted = request.target() orelse return false;
            var cursor: ?[]const u8 = null;
            while (true) {
                const page = switch (query(request, cursor)) {
                    .ok => |page| page,
                    .err => return false,
                };
                for (0..page.items.len) |i| if (bytes.equal(@field(page.items.get(i), name), wanted)) return true;
                cursor = page.next orelse return false;
            }
        }

        /// Return the rest of the list without this component's items; the failure if the request requires a complete
        /// list.
        fn without(request: Request, kind: Kind, problem: bindings.types.Error, failure: ?Reply) Reply {
            if (isStrict(request)) return failure orelse Reply.failure(problem);
            if (failure) |reply| reply.drop();
            log(kind.name, problem.message);
            return follow(request, kind, kind.empty());
        }

        /// Return the page of a list whose items are recorded and fit on one page.
        pub fn recorded(
            request: Request,
            comptime name: []const u8,
            items: *const fn (Request) Reply,
            comptime written: anytype,
        ) Reply {
            return recordedOf(request, comptime .of(name, written), items);
        }

        fn recordedOf(request: Request, kind: Kind, items: *const fn (Request) Reply) Reply {
            return switch (place(request)) {
                .start => follow(request, kind, items(request)),
                .behind => |behind| later(request, behind),
                .own, .foreign => foreign(),
            };
        }

        /// Append the rest of the chain's list to this one. If the rest fails, it is left out.
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
                // An incomplete list must not be cached.
                reply.append(kind.empty());
                return reply;
            }
            pass(rest);
            reply.append(rest);
            return reply;
        }

        /// Return a page that comes from the rest of the chain.
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
            return Reply.failure(.{
                .code = invalid_params,
                .message = "Invalid params: `params.cursor` is not a cursor of this server",
            });
        }

        fn isStrict(request: Request) bool {
            const meta = request.meta() orelse return false;
            return bytes.contains(meta, strict);
        }

        fn prefixed(comptime prefix: []const u8, text: []const u8) []const u8 {
            return std.mem.concat(bindings.memory.allocator, u8, &.{ prefix, text }) catch @trap();
        }

        /// Log a problem to standard error, for the operator and not the client.
        fn log(name: []const u8, problem: []const u8) void {
            const stream = bindings.wasi_cli.stderr.getStderr();
            defer stream.drop();
            const parts = [_][]const u8{ "wasmcp: a list of ", name, " is incomplete: ", problem, "\n" };
            const line = std.mem.concat(bindings.memory.allocator, u8, &parts) catch return;
            // One write of WASI 0.2 (wasi:io/streams) takes at most 4096 bytes: enough for a log line.
            _ = stream.blockingWriteAndFlush(line[0..@min(line.len, 4096)]).get() catch return;
        }
    };
}
