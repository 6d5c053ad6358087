//! MCP over HTTP: decisions from the head of a request alone. Pure functions: the entry points read and write the
//! bytes.
//! Specification: basic/transports/streamable-http.

const std = @import("std");
const lib = @import("lib");
const codes = @import("protocol_table").code;
const Settings = @import("Settings.zig");
const ascii = std.ascii;
const mem = std.mem;

/// Header field: the name in any case, the value as sent.
pub const Field = struct { name: []const u8, value: []const u8 };

/// Head of a request. `target` is the path with its query.
pub const Head = struct {
    method: []const u8,
    target: []const u8,
    fields: []const Field,
};

/// Complete response. Without a body it has no content type. Status 0: the head was sent before, and `body` is the last
/// chunk.
pub const Response = struct {
    status: u16,
    kind: Kind = .json,
    body: []const u8 = "",
    /// Header fields in addition to those that follow from the other members.
    extra: []const Field = &.{},

    pub const Kind = enum { json, text, events };

    fn refuse(status: u16, body: []const u8) Response {
        return .{ .status = status, .kind = .text, .body = body };
    }

    /// Return the header fields: the content type if there is a body, `Allow` for a 405 (RFC 9110, section 15.5.6), and
    /// `extra`. Empty if the head was sent before.
    pub fn headers(response: Response, allocator: mem.Allocator) error{OutOfMemory}![]const Field {
        if (response.status == 0) return &.{};
        const kind: []const u8 = switch (response.kind) {
            .json => "application/json",
            .text => "text/plain; charset=utf-8",
            .events => "text/event-stream",
        };
        var fields: lib.List(Field) = .empty;
        if (response.body.len > 0) try fields.append(allocator, .{ .name = "content-type", .value = kind });
        // The same fields as in the streams that server-io opens.
        if (response.kind == .events) try fields.appendSlice(allocator, &.{
            .{ .name = "cache-control", .value = "no-cache" },
            .{ .name = "x-accel-buffering", .value = "no" },
        });
        if (response.status == 405) try fields.append(allocator, .{ .name = "allow", .value = "POST" });
        try fields.appendSlice(allocator, response.extra);
        return fields.items;
    }
};

/// Values of the head that mirror the message of an admitted request.
pub const Mirror = struct {
    version: Value = .absent,
    method: Value = .absent,
    name: Value = .absent,
    /// The client accepts an event stream.
    streams: bool = false,
    /// The declared length is above the limit: the body need not be read.
    too_large: bool = false,

    /// Header that mirrors a member of the body.
    pub const Value = union(enum) {
        absent,
        /// Duplicate, or with characters that are not allowed: readers could interpret it differently.
        bad,
        text: []const u8,

        fn add(value: *Value, text: []const u8) void {
            value.* = if (value.* == .absent and lib.header.printable(text)) .{ .text = text } else .bad;
        }
    };
};

/// Verdict on a request from its head. `bodiless`: a GET or DELETE, which clients of handshake revisions can send.
pub const Verdict = union(enum) { refused: Response, bodiless: Mirror, admitted: Mirror };

/// Response to methods other than POST.
pub const not_allowed: Response = .refuse(405, "Method not allowed: MCP messages are sent by POST\n");

/// Response to requests for other paths.
pub const not_found: Response = .refuse(404, "Not found: the MCP endpoint is /mcp\n");

/// Decide on a request before its body is read.
pub fn admit(head: Head, settings: *const Settings) Verdict {
    var mirror: Mirror = .{};
    var content_type: ?[]const u8 = null;
    var ambiguous = false;
    var accept: Accept = .{};
    var length: ?[]const u8 = null;
    var origin: ?[]const u8 = null;
    for (head.fields) |field| {
        const value = mem.trim(u8, field.value, " \t");
        // A browser sends `Origin` with each POST, which identifies pages of other sites. A page whose own name
        // resolves to this machine (DNS rebinding) is detected by `Host`, even if it can omit `Origin`.
        if (is(field, "origin")) {
            if (!settings.allowsOrigin(value))
                return .{ .refused = .refuse(403, "Forbidden: this origin may not use the server\n") };
            origin = value;
        } else if (is(field, "host")) {
            if (!settings.allowsHost(value)) return .{ .refused = .refuse(
                403,
                "Forbidden: this host name is not allowed (see WASMCP_ALLOWED_HOSTS)\n",
            ) };
        } else if (is(field, "mcp-protocol-version")) {
            mirror.version.add(value);
        } else if (is(field, "mcp-method")) {
            mirror.method.add(value);
        } else if (is(field, "mcp-name")) {
            mirror.name.add(value);
        } else if (is(field, "content-type")) {
            // RFC 9110, section 5.3: the field is not a list, so readers that take the first or the last could differ.
            ambiguous = content_type != null;
            content_type = value;
        } else if (is(field, "accept")) {
            accept.read(value);
        } else if (is(field, "content-length")) {
            length = value;
        }
    }
    if (settings.require_origin and origin == null)
        return .{ .refused = .refuse(403, "Forbidden: the request has no Origin header\n") };
    if (!endpoint(head.target)) return .{ .refused = not_found };
    mirror.streams = settings.streams and accept.takesEvents();
    // CORS preflight, which a browser sends before a page's request to another site.
    if (lib.bytes.equal(head.method, "OPTIONS") and origin != null and settings.origins != null)
        return .{ .refused = .{ .status = 204 } };
    if (lib.bytes.equal(head.method, "GET") or lib.bytes.equal(head.method, "DELETE")) return .{ .bodiless = mirror };
    if (!lib.bytes.equal(head.method, "POST")) return .{ .refused = not_allowed };
    if (ambiguous) return .{ .refused = .refuse(415, "Unsupported media type: Content-Type must be given once\n") };
    if (!json(content_type orelse ""))
        return .{ .refused = .refuse(415, "Unsupported media type: the body must be application/json\n") };
    if (!accept.takesJson())
        return .{ .refused = .refuse(406, "Not acceptable: the answer is application/json or text/event-stream\n") };
    if (length) |digits| {
        const bytes = lib.decimal.parse(digits, std.math.maxInt(u64)) orelse 0;
        mirror.too_large = bytes > settings.max_body;
    }
    return .{ .admitted = mirror };
}

/// Return the header fields that let a page of an allowed origin read the response.
/// WHATWG Fetch, "HTTP extensions" (CORS).
pub fn crossOrigin(allocator: mem.Allocator, head: Head, settings: *const Settings) error{OutOfMemory}![]const Field {
    if (settings.origins == null) return &.{};
    const origin = find(head, "origin") orelse return &.{};
    if (!settings.allowsOrigin(origin)) return &.{};
    var fields: lib.List(Field) = .empty;
    try fields.appendSlice(allocator, &.{
        .{ .name = "access-control-allow-origin", .value = origin },
        .{ .name = "vary", .value = "origin" },
        .{ .name = "access-control-expose-headers", .value = "mcp-session-id, mcp-protocol-version, www-authenticate" },
    });
    if (!lib.bytes.equal(head.method, "OPTIONS")) return fields.items;
    try fields.appendSlice(allocator, &.{
        .{ .name = "access-control-allow-methods", .value = "POST, GET, DELETE, OPTIONS" },
        .{ .name = "access-control-max-age", .value = "86400" },
    });
    // Tools choose the names of headers (`Mcp-Param-*`), so allow the ones that the browser requests.
    if (find(head, "access-control-request-headers")) |names| {
        if (lib.header.printable(names))
            try fields.append(allocator, .{ .name = "access-control-allow-headers", .value = names });
    }
    return fields.items;
}

fn find(head: Head, name: []const u8) ?[]const u8 {
    for (head.fields) |field| if (is(field, name)) return mem.trim(u8, field.value, " \t");
    return null;
}

/// Return the HTTP status for a JSON-RPC error of 2026-07-28. Specification: streamable-http, and basic, "Error codes".
pub fn statusOf(code: i32) u16 {
    return switch (code) {
        codes.parse_error,
        codes.invalid_request,
        codes.invalid_params,
        codes.header_mismatch,
        codes.missing_capability,
        codes.unsupported_version,
        => 400,
        codes.method_not_found => 404,
        else => 200,
    };
}

/// Append the fields of a header section, one per line (RFC 9112, section 5). Lines that are not fields are ignored.
pub fn readFields(
    allocator: mem.Allocator,
    fields: *lib.List(Field),
    section: []const u8,
) error{OutOfMemory}!void {
    var lines = lib.bytes.split(section, '\n');
    while (lines.next()) |line| {
        const colon = lib.bytes.position(line, ':') orelse continue;
        try fields.append(allocator, .{ .name = line[0..colon], .value = mem.trim(u8, line[colon + 1 ..], " \t\r") });
    }
}

fn is(field: Field, name: []const u8) bool {
    return ascii.eqlIgnoreCase(field.name, name);
}

/// Return whether the target is `/mcp` or below it.
fn endpoint(target: []const u8) bool {
    const path = target[0 .. lib.bytes.position(target, '?') orelse target.len];
    return lib.bytes.startsWith(path, "/mcp") and (path.len == 4 or path[4] == '/');
}

fn json(content_type: []const u8) bool {
    const end = lib.bytes.position(content_type, ';') orelse content_type.len;
    return ascii.eqlIgnoreCase(mem.trim(u8, content_type[0..end], " \t"), "application/json");
}

/// Media types that the client accepts, by the most specific range that matches. RFC 9110, section 12.5.1.
const Accept = struct {
    given: bool = false,
    json: Range = .{},
    events: Range = .{},

    const Range = struct {
        specificity: u8 = 0,
        acceptable: bool = false,

        fn see(range: *Range, specificity: u8, acceptable: bool) void {
            if (specificity < range.specificity) return;
            range.* = .{ .specificity = specificity, .acceptable = acceptable };
        }
    };

    fn read(accept: *Accept, value: []const u8) void {
        accept.given = true;
        var ranges = lib.bytes.split(value, ',');
        while (ranges.next()) |element| {
            var parts = lib.bytes.split(element, ';');
            const range = mem.trim(u8, parts.next().?, " \t");
            const acceptable = while (parts.next()) |part| {
                if (refuses(mem.trim(u8, part, " \t"))) break false;
            } else true;
            if (lib.bytes.equal(range, "*/*")) {
                accept.json.see(1, acceptable);
                accept.events.see(1, acceptable);
            } else if (ascii.eqlIgnoreCase(range, "application/*")) {
                accept.json.see(2, acceptable);
            } else if (ascii.eqlIgnoreCase(range, "text/*")) {
                accept.events.see(2, acceptable);
            } else if (ascii.eqlIgnoreCase(range, "application/json")) {
                accept.json.see(3, acceptable);
            } else if (ascii.eqlIgnoreCase(range, "text/event-stream")) {
                accept.events.see(3, acceptable);
            }
        }
    }

    /// Return whether a parameter is `q=0`, with up to three decimals.
    fn refuses(parameter: []const u8) bool {
        if (parameter.len < 3 or (parameter[0] | 0x20) != 'q' or parameter[1] != '=') return false;
        for (parameter[2..]) |byte| if (byte != '0' and byte != '.') return false;
        return true;
    }

    /// Return whether the client accepts JSON. Without `Accept` it accepts anything, but it gets a stream only if it
    /// names it.
    fn takesJson(accept: Accept) bool {
        return !accept.given or accept.json.acceptable;
    }

    fn takesEvents(accept: Accept) bool {
        return accept.events.acceptable;
    }
};

test {
    _ = @import("http_test.zig");
}
