//! Subscriptions of clients, and the list of subscribers for the stdio transport, which has no host that keeps it.
//! Specification: basic/patterns/subscriptions; 2025-11-25, server/resources, "Subscriptions".

const std = @import("std");
const lib = @import("lib");
const uri_forms = @import("uris");
const faults = @import("faults.zig");

const Allocator = std.mem.Allocator;
const Error = Allocator.Error;

/// Limits: resources per client, subscriptions per connection, and bytes of a URI.
pub const uri_limit = lib.limits.subscribed_resources;
pub const subscriber_limit = 100;
pub const uri_length = 8192;
const key_length = uri_forms.room(uri_length);

/// Destination of change notifications. `embedded`: the embedding host, which keeps the streams, as lines under this
/// token.
pub const Delivery = union(enum) { none, embedded: u32, lines: *Subscribers };

/// Change notifications that the server can send, by its capabilities.
pub const Offers = struct {
    tools: bool = false,
    prompts: bool = false,
    resources: bool = false,
    subscribe: bool = false,

    /// Read a `ServerCapabilities` object.
    pub fn of(capabilities: []const u8) Offers {
        return .{
            .tools = flag(capabilities, "tools", "listChanged"),
            .prompts = flag(capabilities, "prompts", "listChanged"),
            .resources = flag(capabilities, "resources", "listChanged"),
            .subscribe = flag(capabilities, "resources", "subscribe"),
        };
    }

    fn flag(capabilities: []const u8, name: []const u8, member: []const u8) bool {
        const capability = lib.json.member(capabilities, name) orelse return false;
        if (capability[0] != '{') return false;
        return lib.bytes.equal(lib.json.member(capability, member) orelse return false, "true");
    }

    /// Return the filter of a client of a handshake revision: all list changes, without a request.
    pub fn listChanges(offers: Offers) Filter {
        return .{ .tools = offers.tools, .prompts = offers.prompts, .resources = offers.resources };
    }
};

/// Return the key of a resource: the same for all spellings of its URI.
pub fn keyOf(arena: Allocator, uri: []const u8) Error![]const u8 {
    return uri_forms.key(uri, try arena.alloc(u8, uri_forms.room(uri.len)));
}

/// Notifications of one subscription. Specification: schema `SubscriptionFilter`.
pub const Filter = struct {
    tools: bool = false,
    prompts: bool = false,
    resources: bool = false,
    /// URIs as the client spells them, and their keys.
    uris: []const []const u8 = &.{},
    keys: []const []const u8 = &.{},
    /// JSON array of the ids of tasks; empty: none.
    tasks: []const u8 = "",

    const flags = [_][]const u8{ "toolsListChanged", "promptsListChanged", "resourcesListChanged" };

    pub const Read = union(enum) { filter: Filter, fault: faults.Fault };

    /// Read the filter that a client requests in `params`, limited to what the server offers.
    pub fn read(arena: Allocator, params: []const u8, offers: Offers) Error!Read {
        const requested = lib.json.member(params, "notifications") orelse "0";
        if (requested[0] != '{') return wrong("Invalid params: `params.notifications` must be an object");
        var filter: Filter = .{};
        for (flags, [_]bool{ offers.tools, offers.prompts, offers.resources }, [_]*bool{
            &filter.tools,
            &filter.prompts,
            &filter.resources,
        }) |name, offered, flag| {
            const text = lib.json.member(requested, name) orelse "n";
            const wanted = text[0] == 't';
            if (!wanted and text[0] != 'f' and text[0] != 'n')
                return wrong("Invalid params: `*ListChanged` must be booleans");
            flag.* = wanted and offered;
        }
        filter.tasks = lib.json.member(requested, "taskIds") orelse "";
        const listed = lib.json.member(requested, "resourceSubscriptions") orelse "null";
        if (listed[0] == 'n') return .{ .filter = filter };
        const words = "Invalid params: `resourceSubscriptions` must be an array of URIs";
        if (listed[0] != '[') return wrong(words);
        var uris: lib.List([]const u8) = .empty;
        var keys: lib.List([]const u8) = .empty;
        const buffer = try arena.alloc(u8, key_length);
        var scanner: lib.json.Scanner = .init(listed);
        // The text is valid JSON: it was parsed before.
        var items = scanner.items() catch unreachable;
        while (items.next() catch unreachable) {
            const raw = scanner.value() catch unreachable;
            if (raw[0] != '"') return wrong(words);
            if (uris.items.len == uri_limit) return wrong(lib.limits.too_many_resources);
            const uri = try lib.json.decodeString(arena, raw);
            if (uri.len > uri_length) return wrong(too_long);
            try uris.append(arena, uri);
            try keys.append(arena, try arena.dupe(u8, uri_forms.key(uri, buffer)));
        }
        if (!offers.subscribe) return .{ .filter = filter };
        filter.uris = uris.items;
        filter.keys = keys.items;
        return .{ .filter = filter };
    }

    pub const too_long = std.fmt.comptimePrint("Invalid params: a URI of more than {d} bytes", .{uri_length});

    fn wrong(words: []const u8) Read {
        return .{ .fault = .{ .code = faults.code.invalid_params, .message = words } };
    }

    /// Return the filter as JSON; without the notifications that it does not select.
    pub fn json(filter: Filter, arena: Allocator) Error![]const u8 {
        return filter.written(arena, filter.uris);
    }

    /// Return the filter as JSON, with keys in place of URIs.
    pub fn keyed(filter: Filter, arena: Allocator) Error![]const u8 {
        return filter.written(arena, filter.keys);
    }

    fn written(filter: Filter, arena: Allocator, uris: []const []const u8) Error![]const u8 {
        var w: lib.Writer = .init(arena);
        try w.open('{');
        for (flags, [_]bool{ filter.tools, filter.prompts, filter.resources }) |name, flag| if (flag) {
            try w.keyText(name);
            try w.raw("true");
        };
        if (uris.len > 0) {
            try w.key("resourceSubscriptions");
            try w.open('[');
            for (uris) |uri| try w.string(uri);
            try w.close(']');
        }
        if (filter.tasks.len > 0) {
            try w.key("taskIds");
            try w.raw(filter.tasks);
        }
        try w.close('}');
        return w.text();
    }

    /// Return whether the filter selects a change: a notification without `jsonrpc`.
    pub fn passes(filter: Filter, arena: Allocator, change: []const u8) Error!bool {
        const method = lib.json.member(change, "method") orelse return false;
        inline for (.{ "tools", "prompts", "resources" }) |list| {
            if (lib.json.equals(method, "notifications/" ++ list ++ "/list_changed")) return @field(filter, list);
        }
        const changed = try lib.json.decodeString(arena, lib.json.member(change, "key") orelse return false);
        for (filter.keys) |known| if (lib.bytes.equal(known, changed)) return true;
        return false;
    }
};

/// Subscribers of one connection.
pub const Subscribers = struct {
    gpa: Allocator,
    all: lib.List(Subscriber) = .empty,

    /// Subscriber. `id`: id of the request that opened the subscription, as JSON; empty for a client of a handshake
    /// revision.
    const Subscriber = struct {
        id: []const u8,
        filter: Filter,
        keys: lib.List([]const u8) = .empty,
        end: []const u8,

        fn deinit(self: *Subscriber, gpa: Allocator) void {
            gpa.free(self.id);
            gpa.free(self.end);
            for (self.keys.items) |uri| gpa.free(uri);
            self.keys.deinit(gpa);
        }
    };

    /// Add a subscriber. `end`: its last message. False: the limit is reached.
    pub fn add(self: *Subscribers, id: []const u8, filter: Filter, end: []const u8) Error!bool {
        self.remove(id);
        if (self.all.items.len == subscriber_limit) return false;
        // Out of memory ends the instance: no cleanup is needed.
        var subscriber: Subscriber = .{
            .id = try self.gpa.dupe(u8, id),
            .filter = filter,
            .end = try self.gpa.dupe(u8, end),
        };
        for (filter.keys) |key| try subscriber.keys.append(self.gpa, try self.gpa.dupe(u8, key));
        try self.all.append(self.gpa, subscriber);
        return true;
    }

    /// Remove a subscriber.
    pub fn remove(self: *Subscribers, id: []const u8) void {
        for (self.all.items, 0..) |*subscriber, at| if (lib.bytes.equal(subscriber.id, id)) {
            subscriber.deinit(self.gpa);
            _ = self.all.orderedRemove(at);
            return;
        };
    }

    /// Handle a notification of the client: the cancellation of a subscriber's request removes the subscriber.
    pub fn handleNotification(self: *Subscribers, line: []const u8) void {
        if (self.all.items.len == 0) return;
        if (!lib.json.equals(lib.json.member(line, "method") orelse return, "notifications/cancelled")) return;
        const params = lib.json.member(line, "params") orelse return;
        if (params[0] == '{') self.remove(lib.json.member(params, "requestId") orelse return);
    }

    /// Subscribe the client of a handshake revision to the resource with this key, or unsubscribe it. False: the limit
    /// is reached.
    pub fn watch(self: *Subscribers, key: []const u8, on: bool) Error!bool {
        for (self.all.items) |*subscriber| if (subscriber.id.len == 0) {
            const at: ?usize = for (subscriber.keys.items, 0..) |known, index| {
                if (lib.bytes.equal(known, key)) break index;
            } else null;
            if (at) |index| {
                if (!on) self.gpa.free(subscriber.keys.swapRemove(index));
            } else if (on) {
                if (subscriber.keys.items.len == uri_limit) return false;
                try subscriber.keys.append(self.gpa, try self.gpa.dupe(u8, key));
            }
        };
        return true;
    }

    /// Return the messages that notify subscribers of a change.
    pub fn messages(self: *Subscribers, arena: Allocator, change: []const u8) Error![]const []const u8 {
        var out: lib.List([]const u8) = .empty;
        for (self.all.items) |*subscriber| {
            subscriber.filter.keys = subscriber.keys.items;
            if (try subscriber.filter.passes(arena, change))
                try out.append(arena, try message(arena, subscriber.id, change));
        }
        return out.items;
    }
};

/// Return the notification of a change to one subscriber.
fn message(arena: Allocator, id: []const u8, change: []const u8) Error![]const u8 {
    var w: lib.Writer = .init(arena);
    try w.raw("{\"jsonrpc\":\"2.0\"");
    try w.key("method");
    try w.raw(lib.json.member(change, "method").?);
    const params = lib.json.member(change, "params") orelse "{}";
    if (id.len > 0) {
        try w.key("params");
        try w.raw("{\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":");
        try w.raw(id);
        try w.raw("}");
        if (params.len > 2) try w.raw(",");
        try w.raw(params[1..]);
    } else if (params.len > 2) {
        try w.key("params");
        try w.raw(params);
    }
    try w.raw("}");
    return w.text();
}

const testing = std.testing;
const everything: Offers = .{ .tools = true, .prompts = true, .resources = true, .subscribe = true };

test "filter limited to capabilities" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const arena = state.allocator();
    const all = "{\"notifications\":{\"toolsListChanged\":true,\"promptsListChanged\":false," ++
        "\"resourcesListChanged\":null,\"resourceSubscriptions\":[\"a:\\u0062\"]}}";
    const whole = try Filter.read(arena, all, everything);
    try testing.expectEqualStrings(
        "{\"toolsListChanged\":true,\"resourceSubscriptions\":[\"a:b\"]}",
        try whole.filter.json(arena),
    );
    const offers = Offers.of("{\"tools\":{\"listChanged\":false},\"prompts\":{\"listChanged\":true},\"resources\":{}}");
    try testing.expectEqual(Offers{ .prompts = true }, offers);
    const nothing = try Filter.read(arena, all, offers);
    try testing.expectEqualStrings("{}", try nothing.filter.json(arena));
    for ([_][]const u8{
        "{}",                                                  "{\"notifications\":1}",
        "{\"notifications\":{\"toolsListChanged\":1}}",        "{\"notifications\":{\"resourceSubscriptions\":\"a\"}}",
        "{\"notifications\":{\"resourceSubscriptions\":[1]}}",
    }) |params| {
        const refused = try Filter.read(arena, params, everything);
        try testing.expectEqual(-32602, refused.fault.code);
    }
}

test "notifications by subscriber" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const arena = state.allocator();
    var subscribers: Subscribers = .{ .gpa = arena };
    const tools = "{\"method\":\"notifications/tools/list_changed\"}";
    const updated = "{\"method\":\"notifications/resources/updated\",\"params\":{\"uri\":\"a:b\"},\"key\":\"a:b\"}";
    try testing.expect(try subscribers.add("1", .{ .tools = true }, ""));
    try testing.expect(try subscribers.add("\"x\"", .{ .keys = &.{"a:b"} }, ""));
    try testing.expect(try subscribers.add("", .{ .tools = true, .prompts = true }, ""));

    const of_tools = try subscribers.messages(arena, tools);
    try testing.expectEqual(2, of_tools.len);
    try testing.expectEqualStrings("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"," ++
        "\"params\":{\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":1}}}", of_tools[0]);
    try testing.expectEqualStrings(
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}",
        of_tools[1],
    );

    try testing.expect(try subscribers.watch("a:b", true));
    const of_resource = try subscribers.messages(arena, updated);
    try testing.expectEqual(2, of_resource.len);
    try testing.expectEqualStrings("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\"," ++
        "\"params\":{\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":\"x\"},\"uri\":\"a:b\"}}", of_resource[0]);
    try testing.expectEqualStrings(
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\",\"params\":{\"uri\":\"a:b\"}}",
        of_resource[1],
    );

    try testing.expect(try subscribers.watch("a:b", false));
    subscribers.handleNotification("{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"x\"}}");
    subscribers.handleNotification("{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":2}}");
    subscribers.handleNotification("{\"method\":\"notifications/cancelled\",\"params\":[]}");
    try testing.expectEqual(0, (try subscribers.messages(arena, updated)).len);
    try testing.expectEqual(2, (try subscribers.messages(arena, tools)).len);
}

test "limits" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const arena = state.allocator();
    var subscribers: Subscribers = .{ .gpa = arena };
    try testing.expect(try subscribers.add("", .{}, ""));
    for (1..subscriber_limit) |n|
        try testing.expect(try subscribers.add(try std.fmt.allocPrint(arena, "{d}", .{n}), .{}, ""));
    try testing.expect(!try subscribers.add("0", .{}, ""));
    try testing.expect(try subscribers.add("1", .{}, ""));
    for (0..uri_limit) |n|
        try testing.expect(try subscribers.watch(try std.fmt.allocPrint(arena, "a:{d}", .{n}), true));
    try testing.expect(!try subscribers.watch("a:more", true));
    try testing.expect(try subscribers.watch("a:0", true));
}
