//! Between the transport and `authorization`: fetches what a response of `authorization` names as missing, and calls it
//! again. If the settings contain the promise of an embedding host to fetch, requests are only passed on.
//!
//! Runtimes can make an instance for each request. What has to outlive it is in the storage of the runtime, if the
//! server was composed with it; otherwise each request with a token costs a fetch.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");
const names = @import("protocol_table").environment;
const Source = @import("Source.zig");

const memory = bindings.memory;
const authorization = bindings.authorizer;
const documents = bindings.issuer_documents;
const Request = authorization.HttpRequest;
const Verdict = authorization.Verdict;
const Pair = std.meta.Child(@FieldType(Request, "headers"));

/// Seconds for which keys are used after their time, while the issuer cannot be reached.
const stale = 3600;
/// Seconds between two fetches for tokens with unknown keys.
const search_pause = 30;
/// Seconds between two fetches after a failure.
const failure_pause = 5;

const Settings = struct {
    keys_uri: ?[]const u8 = null,
    issuer: ?[]const u8 = null,
    ttl: u64 = 600,
    introspection_uri: []const u8 = "",
    client: []const u8 = "",
    secret: []const u8 = "",
    introspection_ttl: u64 = 60,
    /// The embedding host fetches.
    hosted: bool = false,

    fn of(pairs: []const Pair) error{OutOfMemory}!Settings {
        var self: Settings = .{};
        for (pairs) |pair| {
            const name, const given = pair;
            const value = try memory.gpa.dupe(u8, lib.bytes.trimmed(given));
            if (is(name, "JWT_JWKS_URI")) self.keys_uri = value;
            if (is(name, "JWT_ISSUER")) self.issuer = value;
            if (is(name, "JWT_JWKS_TTL")) self.ttl = number(value, self.ttl);
            if (is(name, "JWT_INTROSPECTION_URI")) self.introspection_uri = value;
            if (is(name, "JWT_INTROSPECTION_CLIENT_ID")) self.client = value;
            if (is(name, "JWT_INTROSPECTION_CLIENT_SECRET")) self.secret = value;
            if (is(name, "JWT_INTROSPECTION_TTL")) self.introspection_ttl = number(value, self.introspection_ttl);
            if (is(name, names.host_fetches)) self.hosted = is(value, "true");
        }
        return self;
    }

    /// Return a number of seconds, which `authorization` checks.
    fn number(text: []const u8, default: u64) u64 {
        return lib.decimal.parse(text, 1 << 20) orelse default;
    }

    /// Return the place that the keys come from.
    fn origin(self: *const Settings) []const u8 {
        return self.keys_uri orelse self.issuer orelse "";
    }

    /// Return the name under which the keys are stored; names can be equal for two servers (FNV-1a, 64 bits).
    fn storedName(self: *const Settings) [16]u8 {
        var hash: u64 = 0xcbf29ce484222325;
        for (self.origin()) |byte| hash = (hash ^ byte) *% 0x100000001b3;
        var name: [16]u8 = undefined;
        for (&name) |*digit| {
            digit.* = "0123456789abcdef"[@intCast(hash & 15)];
            hash >>= 4;
        }
        return name;
    }
};

const is = lib.bytes.equal;

/// Null: the embedding host fetches, or the server is not configured.
var settings: ?Settings = null;
var keys: Keys = .{};
/// First second in which tokens are introspected again after a failure.
var introspection_due: u64 = 0;

/// Keys of the issuer that `authorization` has.
const Keys = struct {
    /// The empty string: none.
    document: []const u8 = "",
    /// Second in which they were fetched.
    fetched: u64 = 0,
    /// Second of the last attempt to fetch, which failed if it is another one.
    attempted: u64 = 0,

    /// Return the age of the keys in seconds. A clock that was set back makes them old.
    fn age(self: *const Keys, now: u64) u64 {
        return if (self.fetched > now) std.math.maxInt(u64) else now - self.fetched;
    }

    fn mayFetch(self: *const Keys, now: u64) bool {
        if (self.attempted > now) return true;
        const pause: u64 = if (self.attempted != self.fetched) failure_pause else if (self.document.len > 0)
            search_pause
        else
            0;
        return now - self.attempted >= pause;
    }
};

pub const exports = struct {
    pub const authorizer = struct {
        pub fn configure(pairs: []const Pair) bindings.abi.Result(authorization.State, []const u8) {
            return configured(pairs) catch outOfMemory();
        }

        pub fn setKeys(document: []const u8) bindings.abi.Result(void, []const u8) {
            return authorization.setKeys(document);
        }

        pub fn authorize(request: Request) Verdict {
            return decide(request) catch outOfMemory();
        }

        pub fn deny(request: Request, scopes: []const []const u8) authorization.HttpResponse {
            return authorization.deny(request, scopes);
        }
    };
};

/// Trap after a failed allocation: the host distinguishes this trap from others.
fn outOfMemory() noreturn {
    @trap();
}

fn configured(pairs: []const Pair) error{OutOfMemory}!bindings.abi.Result(authorization.State, []const u8) {
    const found: Settings = try .of(pairs);
    if (found.hosted) return authorization.configure(pairs);
    const all = try memory.allocator.alloc(Pair, pairs.len + 1);
    for (pairs, all[0..pairs.len]) |pair, *copy| copy.* = pair;
    all[pairs.len] = .{ names.host_fetches, "true" };
    const result = authorization.configure(all);
    if (result == .ok) settings = found;
    return result;
}

fn decide(request: Request) error{OutOfMemory}!Verdict {
    const verdict = authorization.authorize(request);
    const known = if (settings) |*known| known else return verdict;
    switch (verdict) {
        .allowed => {
            const now = seconds();
            if (keys.document.len == 0 or keys.age(now) < known.ttl) return verdict;
            // Keys that are too old are used for a time while they cannot be replaced.
            const before = keys.document.ptr;
            _ = stored(known, now);
            if (keys.age(now) >= known.ttl and keys.mayFetch(now)) _ = try fetch(known, now);
            if (keys.age(now) >= known.ttl +| stale) forget();
            return if (keys.document.ptr == before) verdict else withoutNeeds(authorization.authorize(request));
        },
        .answered => |response| {
            const need = response.needs orelse return verdict;
            const introspection = "introspection ";
            if (lib.bytes.startsWith(need, introspection))
                return introspected(known, request, need[introspection.len..], verdict);
            return withNewKeys(known, request, verdict);
        },
    }
}

/// Decide on a request whose token is signed with an unknown key.
fn withNewKeys(known: *const Settings, request: Request, verdict: Verdict) error{OutOfMemory}!Verdict {
    const now = seconds();
    if (stored(known, now)) {
        const next = authorization.authorize(request);
        if (next == .allowed and keys.age(now) < known.ttl or !needs(next) and next == .answered) return next;
        if (next == .allowed) {
            if (keys.mayFetch(now) and try fetch(known, now)) return withoutNeeds(authorization.authorize(request));
            return next;
        }
    }
    if (!keys.mayFetch(now) or !try fetch(known, now)) return withoutNeeds(if (keys.document.len == 0)
        verdict
    else
        authorization.authorize(request));
    return withoutNeeds(authorization.authorize(request));
}

fn introspected(
    known: *const Settings,
    request: Request,
    token: []const u8,
    verdict: Verdict,
) error{OutOfMemory}!Verdict {
    const now = seconds();
    if (now < introspection_due and introspection_due - now <= failure_pause) return withoutNeeds(verdict);
    var source: Source = .init();
    const document = source.introspection(known.introspection_uri, known.client, known.secret, token) catch |fault| {
        if (fault == error.OutOfMemory) return error.OutOfMemory;
        introspection_due = now + failure_pause;
        log("the introspection endpoint cannot be used", source.problem);
        return withoutNeeds(verdict);
    };
    var digits: [20]u8 = undefined;
    const parts = [_][]const u8{ lib.decimal.integer(&digits, known.introspection_ttl), " ", document };
    var next = request;
    next.introspection = try std.mem.concat(memory.allocator, u8, &parts);
    return withoutNeeds(authorization.authorize(next));
}

/// Fetch the keys. Returns whether there are new ones, or the same as before.
fn fetch(known: *const Settings, now: u64) error{OutOfMemory}!bool {
    keys.attempted = now;
    var source: Source = .init();
    const document = source.keySet(known.keys_uri, known.issuer) catch |fault| {
        if (fault == error.OutOfMemory) return error.OutOfMemory;
        log("the keys of the issuer cannot be used", source.problem);
        try store(known);
        return false;
    };
    if (!try replace(document)) {
        try store(known);
        return false;
    }
    keys.fetched = now;
    try store(known);
    return true;
}

/// Pass keys to `authorization`. Returns false if it refuses them; it then has those from before.
fn replace(document: []const u8) error{OutOfMemory}!bool {
    if (is(document, keys.document)) return true;
    switch (authorization.setKeys(document)) {
        .ok => {},
        .err => |reason| {
            log("the keys of the issuer cannot be used", reason);
            return false;
        },
    }
    const copy = try memory.gpa.dupe(u8, document);
    memory.gpa.free(keys.document);
    keys.document = copy;
    return true;
}

/// Remove the keys.
fn forget() void {
    _ = authorization.setKeys("");
    memory.gpa.free(keys.document);
    keys.document = "";
}

/// Use keys that another instance has fetched later than this one. Returns whether there are such keys.
fn stored(known: *const Settings, now: u64) bool {
    const record = documents.get(&known.storedName()) orelse return false;
    const attempted, const rest = std.mem.cutScalar(u8, record, ' ') orelse return false;
    const fetched, const kept = std.mem.cutScalar(u8, rest, ' ') orelse return false;
    const origin, const document = std.mem.cutScalar(u8, kept, ' ') orelse return false;
    if (!is(origin, known.origin())) return false;
    const last = lib.decimal.parse(attempted, now) orelse return false;
    const when = lib.decimal.parse(fetched, now) orelse return false;
    if (last > keys.attempted) keys.attempted = last;
    if (when <= keys.fetched or document.len == 0 or now - when >= known.ttl +| stale) return false;
    if (!(replace(document) catch outOfMemory())) return false;
    keys.fetched = when;
    return true;
}

/// Store the keys for other instances: `ATTEMPTED FETCHED ORIGIN DOCUMENT`.
fn store(known: *const Settings) error{OutOfMemory}!void {
    var first: [20]u8 = undefined;
    var second: [20]u8 = undefined;
    documents.set(&known.storedName(), try std.mem.concat(memory.allocator, u8, &.{
        lib.decimal.integer(&first, keys.attempted),
        " ",
        lib.decimal.integer(&second, keys.fetched),
        " ",
        known.origin(),
        " ",
        keys.document,
    }));
}

fn needs(verdict: Verdict) bool {
    return verdict == .answered and verdict.answered.needs != null;
}

/// Return a verdict that is final.
fn withoutNeeds(verdict: Verdict) Verdict {
    var final = verdict;
    if (final == .answered) final.answered.needs = null;
    return final;
}

fn seconds() u64 {
    return @min(bindings.wasi_clocks.wall_clock.now().seconds, 1 << 53);
}

/// Log to standard error, for the operator and not the client.
fn log(subject: []const u8, reason: []const u8) void {
    const stream = bindings.wasi_cli.stderr.getStderr();
    defer stream.drop();
    const text = std.mem.concat(memory.allocator, u8, &.{ "wasmcp: ", subject, ": ", reason, "\n" }) catch return;
    // At most what one write accepts (wasi:io/streams).
    switch (stream.blockingWriteAndFlush(text[0..@min(text.len, 4096)])) {
        .ok => {},
        .err => |failure| if (failure == .last_operation_failed) failure.last_operation_failed.drop(),
    }
}
