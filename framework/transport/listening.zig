//! Subscription streams: registration of clients for change notifications.

const std = @import("std");
const lib = @import("lib");
const faults = @import("faults.zig");
const http = @import("http.zig");
const messages = @import("messages.zig");
const subscriptions = @import("subscriptions.zig");

const Answer = messages.Answer;
const Subscription = messages.Subscription;
const Error = error{OutOfMemory};

pub fn Listening(comptime Peer: type) type {
    return struct {
        const Self = @import("protocol.zig").Protocol(Peer);
        const Request = messages.Opened(Peer.Request);

        /// Open a subscription stream. Where streams cannot be kept open, it acknowledges no notifications and ends.
        pub fn listen(self: *Self, opened: Request, posted: ?Self.Post) Error!Answer {
            if (posted) |post_| if (!post_.mirror.streams) return self.refuse(opened, faults.no_stream);
            const offers: subscriptions.Offers =
                if (self.delivery == .none) .{} else (try self.textsAt(opened)).offers(self.peer);
            var filter =
                switch (try subscriptions.Filter.read(self.arena, self.peer.params(opened.request), offers)) {
                    .filter => |filter| filter,
                    .fault => |fault| return self.refuse(opened, fault),
                };
            // The tasks extension selects those of the client.
            if (filter.tasks.len > 0) filter.tasks = if (self.peer.handle(opened.request)) |reply|
                self.peer.taskIds(reply) orelse return self.finish(opened, reply)
            else
                "";
            const honoured = try filter.json(self.arena);
            const subscription = self.peer.subscribe(opened.request, honoured);
            var answer: Answer = .{ .body = subscription.acknowledgement, .listening = true };
            switch (self.delivery) {
                .none => answer.last = subscription.end,
                .embedded => |token| try tellSubscription(self, token, subscription, try filter.keyed(self.arena)),
                .lines => |subscribers| if (!try subscribers.add(subscription.id, filter, subscription.end)) {
                    answer.last = subscription.end;
                    try self.following.append(self.arena, subscription.end);
                },
            }
            return answer;
        }

        fn tellSubscription(self: *Self, token: u32, subscription: Subscription, honoured: []const u8) Error!void {
            var w: lib.Writer = .init(self.arena);
            try w.open('{');
            try w.key("id");
            try w.raw(subscription.id);
            try w.key("notifications");
            try w.raw(honoured);
            try w.key("end");
            try w.string(subscription.end);
            try w.close('}');
            self.peer.tell(token, "subscribe", w.text());
        }

        /// Register a client of a handshake revision for list changes: it gets them without a request.
        pub fn greet(self: *Self, offers: subscriptions.Offers) Error!void {
            const filter = offers.listChanges();
            switch (self.delivery) {
                .none => {},
                .embedded => |token| try tellSubscription(self, token, .{
                    .id = "null",
                    .acknowledgement = "",
                    .end = "",
                }, try filter.json(self.arena)),
                .lines => |subscribers| _ = try subscribers.add("", filter, ""),
            }
        }

        /// Handle `resources/subscribe` and `resources/unsubscribe`. Specification: 2025-11-25, server/resources.
        pub fn watch(self: *Self, opened: Request, on: bool) Error!Answer {
            const uri = try self.textParam(opened, "uri") orelse return self.refuse(opened, faults.no_uri);
            if (uri.len > subscriptions.uri_length) return self.refuse(
                opened,
                .{ .code = faults.code.invalid_params, .message = subscriptions.Filter.too_long },
            );
            const key = try subscriptions.keyOf(self.arena, uri);
            switch (self.delivery) {
                .none => unreachable,
                .embedded => |token| {
                    var w: lib.Writer = .init(self.arena);
                    try w.raw(if (on) "{\"on\":true" else "{\"on\":false");
                    try w.key("uri");
                    try w.string(uri);
                    try w.key("key");
                    try w.string(key);
                    try w.raw("}");
                    self.peer.tell(token, "watch", w.text());
                },
                .lines => |subscribers| if (!try subscribers.watch(key, on))
                    return self.refuse(opened, faults.too_many_uris),
            }
            return self.finish(opened, self.peer.raw("{}"));
        }
    };
}
