//! Server-to-client requests that a component makes in the middle of a function (`request.client-request`). A request
//! without a result ends the run of the function; when the client has sent the result, the function runs again from its
//! start and gets it. The results that were used, and the values that the component stores for later runs, are kept in
//! the request state, in front of the component's own state.
//! Specification: basic/patterns/mrtr.

const std = @import("std");
const lib = @import("lib");
const envelope = @import("envelope.zig");
const client_results = @import("client_results.zig");
const wit = @import("wit.zig");
const capabilities = @import("capabilities.zig");
const Call = @import("Call.zig");

const ClientRequests = @This();
const Writer = lib.Writer;
const json = lib.json;
const types = wit.types;
const gpa = wit.memory.gpa;
const code = @import("protocol_table").code;

pub const Outcome = wit.abi.Result(wit.messages.ClientResponse, types.Error);
pub const Stored = wit.abi.Result(void, types.Error);

/// Limit of requests in one run.
const max_requests = 64;
/// Limit of stored values.
const max_values = 64;
/// Limit of results in one request: each is compared with all before it.
const max_results = 1000;

/// A JSON value by name.
const Entry = struct { name: []const u8, value: []const u8, used: bool = false };

/// True once the request state and the results of the client were read: most calls need neither.
is_read: bool = false,
/// The client's results by the keys of their requests.
results: lib.List(Entry) = .empty,
/// The stored values by name.
values: lib.List(Entry) = .empty,
/// The keys of the requests of this run.
keys: lib.List([]const u8) = .empty,
/// The requests of this run without a result.
pending: lib.List(types.InputRequest) = .empty,
/// The number of requests of this run with a generated key, by the first letter of their method.
counts: [3]u32 = @splat(0),

pub fn deinit(self: *ClientRequests) void {
    self.results.deinit(gpa);
    self.values.deinit(gpa);
    self.keys.deinit(gpa);
    self.pending.deinit(gpa);
}

/// Return the client's result of a request, or add the request to those that are sent. All texts must live as long as
/// the call.
pub fn request(
    self: *ClientRequests,
    call: *Call,
    method: []const u8,
    params: []const u8,
    given: ?[]const u8,
) Writer.Error!Outcome {
    if (!call.message.method.allowsInputRequests())
        return internal(Outcome, &.{"only tools, resources and prompts can send requests to the client"});
    var needs: capabilities.Needs = .{};
    if (Writer.check(params) catch .null != .object or !needs.add(method, params)) return internal(
        Outcome,
        &.{ "`", method, "` is not a server-to-client request, or its parameters are not a JSON object" },
    );
    if (needs.url and !isLink(params)) return internal(
        Outcome,
        &.{"the `url` of an elicitation must be an absolute URL, for example `https://example.com/pay`"},
    );
    try self.read(call);
    const key = given orelse try self.generatedKey(method, params);
    for (self.keys.items) |known| if (lib.bytes.equal(known, key)) return internal(
        Outcome,
        &.{ "two requests of this call have the key `", key, "`: each needs its own" },
    );
    if (self.keys.items.len == max_requests) {
        const words = std.fmt.comptimePrint("more than {d} requests to the client in one call", .{max_requests});
        return internal(Outcome, &.{words});
    }
    try self.keys.append(gpa, key);
    if (find(self.results.items, key)) |result| {
        if (try client_results.mistake(wit.memory.allocator, method, result.value)) |words| return .{ .err = .{
            .code = code.invalid_params,
            .message = try joined(&.{ "the input response `", key, "` ", words }),
        } };
        result.used = true;
        return .{ .ok = .{
            .key = key,
            .value = try client_results.withoutEmptyFields(wit.memory.allocator, params, result.value),
        } };
    }
    const missing = needs.without(call.message.capabilities, call.revision);
    if (!missing.none()) return .{ .err = try unsupported(missing) };
    try self.pending.append(gpa, .{ .key = key, .method = method, .params = params });
    return .{ .ok = .{ .key = key } };
}

/// Return the error for a client that lacks these capabilities.
pub fn unsupported(missing: capabilities.Needs) Writer.Error!types.Error {
    var w = Writer.init(wit.memory.allocator);
    try w.open('{');
    try w.key("requiredCapabilities");
    try missing.write(&w);
    try w.close('}');
    return .{
        .code = code.missing_capability,
        .message = try joined(&.{ "the client does not support `", missing.first(), "`" }),
        .data = w.text(),
    };
}

/// Return the key of a request without one. It contains a checksum of the parameters, so that a result is not used for
/// another request.
fn generatedKey(self: *ClientRequests, method: []const u8, params: []const u8) Writer.Error![]const u8 {
    const count = &self.counts[
        switch (method[0]) {
            'e' => 0,
            's' => 1,
            else => 2,
        }
    ];
    count.* += 1;
    var checksum: [4]u8 = undefined;
    std.mem.writeInt(u32, &checksum, std.hash.Fnv1a_32.hash(params), .big);
    var w = Writer.init(wit.memory.allocator);
    try w.raw(method[0..lib.bytes.position(method, '/').?]);
    try w.raw("-");
    try w.digits(count.*);
    try w.raw("-");
    try w.raw(&std.fmt.bytesToHex(checksum, .lower));
    return w.text();
}

/// Return a stored value.
pub fn stored(self: *ClientRequests, call: *Call, name: []const u8) Writer.Error!?[]const u8 {
    try self.read(call);
    return if (find(self.values.items, name)) |entry| entry.value else null;
}

/// Store a value for the later runs. Both texts must live as long as the call.
pub fn store(self: *ClientRequests, call: *Call, name: []const u8, value: []const u8) Writer.Error!Stored {
    try self.read(call);
    _ = Writer.check(value) catch return internal(Stored, &.{ "the value to store as `", name, "` is not JSON" });
    if (find(self.values.items, name)) |entry| {
        entry.value = value;
        return .ok;
    }
    if (self.values.items.len == max_values)
        return internal(Stored, &.{std.fmt.comptimePrint("more than {d} stored values in one call", .{max_values})});
    try self.values.append(gpa, .{ .name = name, .value = value });
    return .ok;
}

/// Return the requests of this run without a result, in the memory of the running export.
pub fn unanswered(self: *const ClientRequests) std.mem.Allocator.Error![]const types.InputRequest {
    return wit.memory.allocator.dupe(types.InputRequest, self.pending.items);
}

/// End the run of a function: the next function of this call, if any, starts with its first request.
pub fn endRun(self: *ClientRequests) void {
    if (self.keys.items.len == 0) return;
    self.keys.clearRetainingCapacity();
    self.pending.clearRetainingCapacity();
    self.counts = @splat(0);
}

/// Return the request state that keeps the used results and the stored values, followed by the component's own state.
/// Null: there is nothing to keep.
pub fn state(self: *const ClientRequests, own: ?[]const u8) Writer.Error!?[]const u8 {
    const uses = for (self.results.items) |entry| {
        if (entry.used) break true;
    } else false;
    var w = Writer.init(wit.memory.allocator);
    if (uses or self.values.items.len > 0) {
        try w.open('{');
        try w.key("results");
        try w.open('{');
        for (self.results.items) |entry| if (entry.used) try write(&w, entry);
        try w.close('}');
        try w.key("values");
        try w.open('{');
        for (self.values.items) |entry| try write(&w, entry);
        try w.close('}');
        try w.close('}');
    } else if (own == null) return null;
    if (own) |bytes| {
        try w.raw(&.{separator});
        try w.raw(bytes);
    }
    return w.text();
}

fn write(w: *Writer, entry: Entry) Writer.Error!void {
    try w.keyText(entry.name);
    // Validated when it was read or stored.
    _ = w.embed(entry.value) catch |problem| switch (problem) {
        error.OutOfMemory => |e| return e,
        error.InvalidJson => unreachable,
    };
}

/// Separates the part of this file from that of the component: JSON text has no such byte.
const separator = 0;

/// Return the component's own part of a request state.
pub fn ownState(whole: []const u8) ?[]const u8 {
    const at = lib.bytes.position(whole, separator) orelse return null;
    return whole[at + 1 ..];
}

fn read(self: *ClientRequests, call: *Call) std.mem.Allocator.Error!void {
    if (self.is_read) return;
    self.is_read = true;
    if (call.input_state) |whole| {
        const text = whole[0 .. lib.bytes.position(whole, separator) orelse whole.len];
        try fill(&self.results, json.member(text, "results"));
        try fill(&self.values, json.member(text, "values"));
    }
    for (try responses(call)) |pair| {
        // A result that was used cannot be replaced.
        if (find(self.results.items, pair[0]) == null)
            try self.results.append(gpa, .{ .name = pair[0], .value = pair[1] });
    }
}

fn fill(list: *lib.List(Entry), object: ?[]const u8) std.mem.Allocator.Error!void {
    var scanner = json.Scanner.init(object orelse return);
    scanner.surrogates = .any;
    var members = scanner.members() catch return;
    while (members.next() catch return) |name| {
        const value = scanner.value() catch return;
        try list.append(gpa, .{ .name = try json.decodeString(wit.memory.allocator, name), .value = value });
    }
}

const Pair = struct { []const u8, []const u8 };

/// Return the results of the client in this request, by key.
pub fn responses(call: *const Call) std.mem.Allocator.Error![]const Pair {
    const allocator = wit.memory.allocator;
    var list: lib.List(Pair) = .empty;
    var scanner = json.Scanner.init(call.message.input_responses orelse return &.{});
    // The text was validated on arrival.
    var members = scanner.members() catch unreachable;
    while (members.next() catch unreachable) |key| {
        const value = scanner.value() catch unreachable;
        if (list.items.len == max_results) break;
        const plain = try json.decodeString(allocator, key);
        // Of two members with one name the last counts, as everywhere.
        for (list.items, 0..) |earlier, i| if (lib.bytes.equal(earlier[0], plain)) {
            _ = list.orderedRemove(i);
            break;
        };
        try list.append(allocator, .{ plain, value });
    }
    return list.items;
}

fn find(list: []Entry, name: []const u8) ?*Entry {
    for (list) |*entry| if (lib.bytes.equal(entry.name, name)) return entry;
    return null;
}

/// Return whether the link of an elicitation has a scheme (RFC 3986, section 3.1) and none of the characters that a
/// URL cannot have.
fn isLink(params: []const u8) bool {
    const raw = json.member(params, "url") orelse return false;
    if (raw[0] != '"' or lib.bytes.position(raw, '\\') != null) return false;
    const url = raw[1 .. raw.len - 1];
    const colon = lib.bytes.position(url, ':') orelse return false;
    if (colon == 0 or colon + 1 == url.len or !std.ascii.isAlphabetic(url[0])) return false;
    for (url[0..colon]) |c| if (!std.ascii.isAlphanumeric(c) and c != '+' and c != '-' and c != '.') return false;
    if (lib.bytes.equal(url[colon + 1 ..], "//")) return false;
    for (url) |c| if (c <= ' ' or c == '<' or c == '>' or c >= 0x7f) return false;
    return true;
}

fn internal(comptime R: type, parts: []const []const u8) std.mem.Allocator.Error!R {
    return .{ .err = .{ .code = code.internal_error, .message = try joined(parts) } };
}

fn joined(parts: []const []const u8) std.mem.Allocator.Error![]const u8 {
    return std.mem.concat(wit.memory.allocator, u8, parts);
}
