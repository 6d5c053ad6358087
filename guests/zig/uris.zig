//! Normal form of URIs, used in lists and to compare URIs of requests.
//!
//! RFC 3986, section 6.2. URL parsers of clients (WHATWG) do not change the normal form. No allocator is needed for
//! declared URIs: they are normalized at compile time.
const std = @import("std");

const memory = @import("bindings").memory;

/// URI or URI template in normal form.
pub const Normal = struct {
    text: []const u8,
    /// Start and end of the host in the text; both 0 without one. Hosts are compared case-insensitively.
    host: usize = 0,
    authority_end: usize = 0,

    /// Return whether two URIs are equal, with hosts compared case-insensitively.
    pub fn equals(self: Normal, other: Normal) bool {
        if (self.host != other.host or self.authority_end != other.authority_end) return false;
        const a, const b = .{ self.text, other.text };
        return same(a[0..self.host], b[0..other.host]) and
            std.ascii.eqlIgnoreCase(a[self.host..self.authority_end], b[other.host..other.authority_end]) and
            same(a[self.authority_end..], b[other.authority_end..]);
    }

    /// Return the text with its host in lower case, at compile time.
    pub fn identity(comptime self: Normal) []const u8 {
        comptime {
            var text = self.text[0..self.text.len].*;
            lower(text[self.host..self.authority_end], true);
            const kept = text;
            return &kept;
        }
    }
};

pub const Options = struct {
    /// Text in braces is an expression of a template, and is not changed.
    template: bool = false,
    /// Remove `.` and `..` segments and an empty port. Template matching needs a URI with them.
    dots: bool = true,
};

/// Return the maximum size of the normal form of a text, in bytes.
pub fn room(length: usize) usize {
    return 3 * length + 2;
}

/// Return the normal form, in memory of the current call; null if the text is not a URI, without a scheme.
pub fn normalized(text: []const u8, options: Options) error{OutOfMemory}!?Normal {
    return write(text, options, try memory.allocator.alloc(u8, room(text.len)));
}

/// Return the comparison key of a URI: the normal form with its host in lower case; the text itself if it is not a URI.
/// The buffer must have the size `room`.
pub fn key(text: []const u8, buffer: []u8) []const u8 {
    const found = write(text, .{}, buffer) orelse return text;
    lower(buffer[found.host..found.authority_end], false);
    return found.text;
}

/// Return the normal form of a declared URI or template; null if it is not a URI.
pub fn declared(comptime text: []const u8, comptime options: Options) ?Normal {
    comptime {
        @setEvalBranchQuota(1000 + 400 * text.len);
        var buffer: [room(text.len)]u8 = undefined;
        const found = write(text, options, &buffer) orelse return null;
        const kept = buffer[0..found.text.len].*;
        return .{ .text = &kept, .host = found.host, .authority_end = found.authority_end };
    }
}

/// Return the normal form of a URI for clients; the text itself if it has no scheme.
pub fn sendable(text: []const u8) []const u8 {
    const found = (normalized(text, .{}) catch return text) orelse return text;
    return found.text;
}

/// Return the reason why a URI or template is not valid for clients, for messages; null if it is.
pub fn problem(comptime text: []const u8) ?[]const u8 {
    comptime {
        @setEvalBranchQuota(1000 + 100 * text.len);
        const parts = Parts.of(
            text,
            position(text, 0, '{') != null,
        ) orelse return "it must begin with a scheme, such as `notes://`";
        const is_web = parts.port() != null;
        const authority = parts.authority orelse
            return if (is_web) "it has no host: write `" ++ parts.scheme ++ "://host/...`" else null;
        const place = Place.of(authority);
        const variable = position(authority, 0, '{') != null;
        if (!variable) {
            if (place.port.len > 0) {
                const number = std.fmt.parseInt(u32, place.port, 10) catch 1 << 16;
                if (number >= 1 << 16 or place.port[0] == '+' or position(place.port, 0, '_') != null)
                    return "it has the port `" ++ place.port ++
                        "`: after the colon clients expect a number up to 65535";
            }
            const bare = place.user.len == 0 and !place.colon;
            if (place.host.len == 0 and (is_web or !bare)) return "it has no host";
            const valid = validHost(place.host);
            if (position(place.host, 0, '[') != null and !valid)
                return "the host `" ++ place.host ++ "` is not an IP address";
            if (is_web and !valid)
                return "it has the host `" ++ place.host ++
                    "`: clients expect ASCII letters, digits, `.` and `-`, or the `xn--` form";
        }
        if (parts.braces) {
            var segments = std.mem.splitScalar(u8, parts.path, '/');
            while (segments.next()) |segment| {
                const plain = declared("x:" ++ segment, .{ .template = true, .dots = false }).?.text[2..];
                if (isDots(plain)) return "it has a `.` or `..` segment, which clients remove";
            }
        }
        return null;
    }
}

fn validHost(comptime host: []const u8) bool {
    if (host.len > 2 and host[0] == '[' and host[host.len - 1] == ']') {
        for (host[1 .. host.len - 1]) |c| if (!std.ascii.isHex(c) and c != ':' and c != '.') return false;
        return true;
    }
    for (host) |c|
        if (!std.ascii.isAlphanumeric(c) and position("._~!$&'()*+,;=-", 0, c) == null) return false;
    return host.len > 0;
}

/// Return the position of the first occurrence of a byte at or after `from`. The function of the standard library is
/// optimised for long texts and adds a kilobyte.
fn position(text: []const u8, from: usize, byte: u8) ?usize {
    for (text[from..], from..) |c, i| if (c == byte) return i;
    return null;
}

fn isDots(segment: []const u8) bool {
    return same(segment, ".") or same(segment, "..");
}

/// Components of a URI. `query` and `fragment` include `?` and `#`.
const Parts = struct {
    scheme: []const u8,
    authority: ?[]const u8,
    path: []const u8,
    query: []const u8,
    fragment: []const u8,
    braces: bool,

    fn of(text: []const u8, braces: bool) ?Parts {
        const colon = position(text, 0, ':') orelse return null;
        for (text[0..colon], 0..) |c, i| switch (c) {
            'a'...'z', 'A'...'Z' => {},
            '0'...'9', '+', '.', '-' => if (i == 0) return null,
            else => return null,
        };
        if (colon == 0) return null;
        var at = colon + 1;
        var authority: ?[]const u8 = null;
        if (hasSlashes(text[at..])) {
            const end = endOf(text, at + 2, "/?#", braces);
            authority = text[at + 2 .. end];
            at = end;
        }
        const path_end = endOf(text, at, "?#", braces);
        const query_end = endOf(text, path_end, "#", braces);
        return .{
            .scheme = text[0..colon],
            .authority = authority,
            .path = text[at..path_end],
            .query = text[path_end..query_end],
            .fragment = text[query_end..],
            .braces = braces,
        };
    }

    /// Return the end of a component: the first of these characters outside of braces; for components that end at `/`,
    /// also an expression with `+`.
    fn endOf(text: []const u8, start: usize, stops: []const u8, braces: bool) usize {
        var i = start;
        while (i < text.len) : (i += 1) {
            if (braces and text[i] == '{') {
                if (stops[0] == '/' and i + 1 < text.len and text[i + 1] == '+') return i;
                i = position(text, i, '}') orelse return text.len;
            } else if (position(stops, 0, text[i]) != null) return i;
        }
        return i;
    }

    /// Return the default port of schemes with network hosts.
    fn port(self: Parts) ?[]const u8 {
        const schemes = [_][2][]const u8{
            .{ "http", "80" },
            .{ "https", "443" },
            .{ "ws", "80" },
            .{ "wss", "443" },
            .{ "ftp", "21" },
        };
        for (schemes) |each| if (std.ascii.eqlIgnoreCase(self.scheme, each[0])) return each[1];
        return null;
    }
};

const Place = struct {
    /// Including `@`.
    user: []const u8,
    host: []const u8,
    port: []const u8,
    colon: bool,

    fn of(authority: []const u8) Place {
        const start = if (std.mem.lastIndexOfScalar(u8, authority, '@')) |at| at + 1 else 0;
        const place = authority[start..];
        const colon = std.mem.lastIndexOfScalar(u8, place, ':') orelse place.len;
        const is_port = colon < place.len and std.mem.findAny(u8, place[colon + 1 ..], "]{}") == null;
        return .{
            .user = authority[0..start],
            .host = if (is_port) place[0..colon] else place,
            .port = if (is_port) place[colon + 1 ..] else "",
            .colon = is_port,
        };
    }
};

fn write(text: []const u8, options: Options, buffer: []u8) ?Normal {
    const parts = Parts.of(text, options.template) orelse return null;
    var out: Output = .{ .buffer = buffer, .braces = options.template };
    for (parts.scheme) |c| out.byte(std.ascii.toLower(c));
    out.byte(':');
    var normal: Normal = .{ .text = "" };
    const default_port = parts.port();
    if (parts.authority) |authority| {
        const place: Place = .of(authority);
        out.bytes("//");
        out.encoded(place.user, "[]");
        normal.host = out.len;
        out.encoded(place.host, "[]");
        if (default_port != null) lower(buffer[normal.host..out.len], options.template);
        const default = if (default_port) |port| same(place.port, port) else false;
        const keep_empty = !options.dots and default_port == null and place.colon;
        if (!default and (place.port.len > 0 or keep_empty)) {
            out.byte(':');
            out.encoded(place.port, "[]");
        }
        normal.authority_end = out.len;
    }
    const path = out.len;
    out.encoded(parts.path, "");
    if (options.dots and !options.template and out.len > path and buffer[path] == '/')
        out.len = path + withoutDots(buffer[path..out.len]);
    if (out.len == path and default_port != null and parts.authority != null) out.byte('/');
    // Without the prefix `/.` the path would be parsed as an authority.
    if (parts.authority == null and hasSlashes(buffer[path..out.len])) {
        std.mem.copyBackwards(u8, buffer[path + 2 .. out.len + 2], buffer[path..out.len]);
        buffer[path..][0..2].* = "/.".*;
        out.len += 2;
    }
    // As in the WHATWG URL standard for these schemes.
    out.apostrophes = default_port == null and !std.ascii.eqlIgnoreCase(parts.scheme, "file");
    out.encoded(parts.query, "?");
    out.apostrophes = true;
    if (parts.fragment.len > 0) {
        const mark: usize = @intFromBool(parts.fragment[0] == '#');
        out.bytes(parts.fragment[0..mark]);
        out.encoded(parts.fragment[mark..], "?");
    }
    normal.text = buffer[0..out.len];
    return normal;
}

const Output = struct {
    buffer: []u8,
    len: usize = 0,
    braces: bool,
    apostrophes: bool = true,

    fn byte(self: *Output, c: u8) void {
        self.buffer[self.len] = c;
        self.len += 1;
    }

    fn bytes(self: *Output, text: []const u8) void {
        for (text) |c| self.byte(c);
    }

    /// Append the text of a component: disallowed characters are percent-encoded, encoded unreserved ones are decoded.
    fn encoded(self: *Output, text: []const u8, more: []const u8) void {
        var i: usize = 0;
        while (i < text.len) : (i += 1) {
            const c = text[i];
            if (c == '{' and self.braces) {
                const end = position(text, i, '}') orelse text.len - 1;
                self.bytes(text[i .. end + 1]);
                i = end;
            } else if (c == '%') {
                if (hex(text, i)) |value| {
                    if (isUnreserved(value)) self.byte(value) else self.percent(value);
                    i += 2;
                } else self.percent('%');
            } else if (isUnreserved(c) or (c == '\'' and self.apostrophes) or
                position("!$&()*+,;=:@/", 0, c) != null or position(more, 0, c) != null)
            {
                self.byte(c);
            } else self.percent(c);
        }
    }

    fn percent(self: *Output, value: u8) void {
        const digits = "0123456789ABCDEF";
        self.bytes(&.{ '%', digits[value >> 4], digits[value & 15] });
    }
};

fn isUnreserved(c: u8) bool {
    return std.ascii.isAlphanumeric(c) or c == '-' or c == '.' or c == '_' or c == '~';
}

/// Return the byte that is percent-encoded at this position.
pub fn hex(text: []const u8, at: usize) ?u8 {
    if (at + 3 > text.len) return null;
    const high = std.fmt.charToDigit(text[at + 1], 16) catch return null;
    const low = std.fmt.charToDigit(text[at + 2], 16) catch return null;
    return high << 4 | low;
}

fn lower(text: []u8, braces: bool) void {
    var inside = false;
    for (text) |*c| {
        inside = braces and (c.* == '{' or (inside and c.* != '}'));
        if (!inside) c.* = std.ascii.toLower(c.*);
    }
}

/// Remove `.` and `..` segments of an absolute path, in place; RFC 3986, section 5.2.4. Returns its length.
fn withoutDots(path: []u8) usize {
    var len: usize = 0;
    var at: usize = 0;
    while (at < path.len) {
        const end = position(path, at + 1, '/') orelse path.len;
        const segment = path[at..end];
        if (isDots(segment[1..])) {
            if (segment.len == 3) len = std.mem.lastIndexOfScalar(u8, path[0..len], '/') orelse 0;
            if (end == path.len) {
                path[len] = '/';
                len += 1;
            }
        } else {
            std.mem.copyForwards(u8, path[len..], segment);
            len += segment.len;
        }
        at = end;
    }
    return len;
}

/// Compare short texts; `std.mem.eql` is optimised for long ones and larger.
fn same(a: []const u8, b: []const u8) bool {
    if (a.len != b.len) return false;
    for (a, b) |one, other| if (one != other) return false;
    return true;
}

fn hasSlashes(text: []const u8) bool {
    return text.len >= 2 and text[0] == '/' and text[1] == '/';
}
