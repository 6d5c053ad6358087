//! HTTP client over `wasi:http/outgoing-handler`. Needs the grant `http`.
const std = @import("std");
const bindings = @import("bindings");
const arguments = @import("arguments.zig");

const wasi = bindings.wasi_http;
const poll = bindings.wasi_io.poll;
const allocator = bindings.memory.allocator;
const Pollable = poll.Pollable;

pub const Method = enum { get, head, post, put, delete, options, patch };
pub const Header = struct { name: []const u8, value: []const u8 };

pub const Request = struct {
    url: []const u8,
    method: Method = .get,
    headers: []const Header = &.{},
    body: ?[]const u8 = null,
    /// Timeout of the whole request, in milliseconds.
    timeout: u64 = 30_000,
    /// Maximum size of the response body, in bytes.
    max_body: usize = 10 << 20,
};

pub const Response = struct {
    status: u16,
    headers: []const Header,
    body: []const u8,

    /// Return true for a status of success: 200 to 299.
    pub fn ok(self: Response) bool {
        return self.status >= 200 and self.status < 300;
    }

    /// Return the first value of a header; null if it does not occur. Names are case-insensitive.
    pub fn header(self: Response, name: []const u8) ?[]const u8 {
        for (self.headers) |each| if (std.ascii.eqlIgnoreCase(each.name, name)) return each.value;
        return null;
    }

    /// Parse the body as JSON. `error.NotOfThisType`: the body does not match the type, or has unknown members.
    pub fn json(self: Response, comptime T: type) error{NotOfThisType}!T {
        var reader: arguments.Reader = .init(self.body);
        return reader.read(T) catch error.NotOfThisType;
    }
};

pub const Error = error{
    /// Not an `http://` or `https://` URL.
    BadUrl,
    /// A header that HTTP forbids, or that the runtime sets itself.
    BadHeader,
    /// The component lacks the grant, or the operator denies the request.
    Denied,
    NotFound,
    ConnectionRefused,
    Timeout,
    /// The response is larger than `max_body`.
    TooLarge,
    Tls,
    /// Any other network error.
    Failed,
    OutOfMemory,
};

/// Send a request, and read the whole response. Redirects are not followed.
pub fn fetch(request: Request) Error!Response {
    const deadline = bindings.wasi_clocks.monotonic_clock.subscribeDuration(request.timeout *| 1_000_000);
    defer deadline.drop();
    const pending = try send(request);
    defer pending.drop();
    {
        const arrived = pending.subscribe();
        defer arrived.drop();
        try wait(arrived, deadline);
    }
    const response = switch ((pending.get() orelse return error.Failed).get() catch return error.Failed) {
        .ok => |response| response,
        .err => |code| return failure(code),
    };
    defer response.drop();
    const body = response.consume().get() catch return error.Failed;
    defer body.drop();
    return .{
        .status = response.status(),
        .headers = try headersOf(response),
        .body = try bodyOf(body, deadline, request.max_body),
    };
}

fn send(request: Request) Error!wasi.types.FutureIncomingResponse {
    const url = try Url.of(request.url);
    const fields = wasi.types.Fields.init();
    var is_named = false;
    for (request.headers) |header| {
        if (std.ascii.eqlIgnoreCase(header.name, "user-agent")) is_named = true;
        fields.append(header.name, header.value).get() catch {
            fields.drop();
            return error.BadHeader;
        };
    }
    // Some servers reject requests without it.
    if (!is_named) _ = fields.append("user-agent", "wasmcp");
    const outgoing = wasi.types.OutgoingRequest.init(fields);
    configure(outgoing, request.method, url) catch {
        outgoing.drop();
        return error.BadUrl;
    };
    const body = outgoing.body().get() catch return error.Failed;
    const pending = switch (wasi.outgoing_handler.handle(outgoing, null)) {
        .ok => |pending| pending,
        .err => |code| {
            body.drop();
            return failure(code);
        },
    };
    errdefer pending.drop();
    if (request.body) |bytes| write(body, bytes) catch {
        body.drop();
        return error.Failed;
    };
    return switch (wasi.types.OutgoingBody.finish(body, null)) {
        .ok => pending,
        .err => |code| failure(code),
    };
}

fn configure(outgoing: wasi.types.OutgoingRequest, method: Method, url: Url) error{Err}!void {
    try outgoing.setMethod(switch (method) {
        inline else => |each| @unionInit(wasi.types.Method, @tagName(each), {}),
    }).get();
    try outgoing.setScheme(if (url.secure) .https else .http).get();
    try outgoing.setAuthority(url.authority).get();
    try outgoing.setPathWithQuery(url.path).get();
}

/// Write the body in chunks of at most 4096 bytes (limit of wasi:io/streams).
fn write(body: wasi.types.OutgoingBody, bytes: []const u8) error{Err}!void {
    const stream = try body.write().get();
    defer stream.drop();
    var rest = bytes;
    while (rest.len > 0) {
        const size = @min(rest.len, 4096);
        switch (stream.blockingWriteAndFlush(rest[0..size])) {
            .ok => rest = rest[size..],
            .err => |problem| {
                if (problem == .last_operation_failed) problem.last_operation_failed.drop();
                return error.Err;
            },
        }
    }
}

fn headersOf(response: wasi.types.IncomingResponse) Error![]const Header {
    const fields = response.headers();
    defer fields.drop();
    const entries = fields.entries();
    const headers = try allocator.alloc(Header, entries.len);
    for (entries, headers) |entry, *header| header.* = .{ .name = entry[0], .value = entry[1] };
    return headers;
}

fn bodyOf(body: wasi.types.IncomingBody, deadline: Pollable, most: usize) Error![]const u8 {
    const stream = body.stream().get() catch return error.Failed;
    defer stream.drop();
    const more = stream.subscribe();
    defer more.drop();
    var bytes: std.ArrayList(u8) = .empty;
    while (true) {
        try wait(more, deadline);
        switch (stream.read(64 << 10)) {
            .ok => |piece| {
                if (piece.len > most - bytes.items.len) return error.TooLarge;
                try bytes.appendSlice(allocator, piece);
            },
            .err => |problem| switch (problem) {
                .closed => return bytes.items,
                .last_operation_failed => |reason| {
                    reason.drop();
                    return error.Failed;
                },
            },
        }
    }
}

fn wait(event: Pollable, deadline: Pollable) Error!void {
    for (poll.poll(&.{ .{ .resource = event }, .{ .resource = deadline } })) |ready| if (ready == 0) return;
    return error.Timeout;
}

fn failure(code: wasi.types.ErrorCode) Error {
    return switch (code) {
        .http_request_denied => error.Denied,
        .dns_error, .destination_not_found => error.NotFound,
        .connection_refused, .destination_unavailable => error.ConnectionRefused,
        .dns_timeout, .connection_timeout, .http_response_timeout => error.Timeout,
        .connection_read_timeout, .connection_write_timeout => error.Timeout,
        .tls_protocol_error, .tls_certificate_error, .tls_alert_received => error.Tls,
        else => error.Failed,
    };
}

const Url = struct {
    secure: bool,
    authority: []const u8,
    path: []const u8,

    fn of(text: []const u8) Error!Url {
        const secure = std.ascii.startsWithIgnoreCase(text, "https://");
        if (!secure and !std.ascii.startsWithIgnoreCase(text, "http://")) return error.BadUrl;
        const whole = text[if (secure) 8 else 7..];
        const rest = whole[0 .. std.mem.indexOfScalar(u8, whole, '#') orelse whole.len];
        const end = std.mem.findAny(u8, rest, "/?") orelse rest.len;
        if (end == 0) return error.BadUrl;
        const path = rest[end..];
        const is_query = path.len > 0 and path[0] == '?';
        const slashed = if (is_query) try std.mem.concat(allocator, u8, &.{ "/", path }) else path;
        return .{ .secure = secure, .authority = rest[0..end], .path = if (slashed.len == 0) "/" else slashed };
    }
};
