//! Apps: pages that hosts show for tools. Specification: extension io.modelcontextprotocol/ui (SEP-1865), 2026-01-26.
const std = @import("std");
const calling = @import("calling.zig");
const reading = @import("resources.zig");
const table = @import("protocol_table");

const Resource = reading.Resource;

/// Origins of other servers that a page uses: `https://api.example.com`, `https://*.example.com`.
pub const Csp = struct {
    /// Origins of requests and web sockets.
    connect_domains: []const []const u8 = &.{},
    /// Origins of scripts, styles, images, fonts and media.
    resource_domains: []const []const u8 = &.{},
    /// Origins of nested frames.
    frame_domains: []const []const u8 = &.{},
    /// Origins of base URIs of the document.
    base_uri_domains: []const []const u8 = &.{},
};

/// Permission of browsers that a page uses.
pub const Permission = enum { camera, microphone, geolocation, clipboardWrite };

/// Permitted caller of a tool.
pub const Visibility = enum { model, app };

/// Options of an app. Specification: "UI Resource Format".
pub const App = struct {
    /// The URI of its resource; by default `ui://` with the path of the page.
    uri: ?[]const u8 = null,
    /// The name in lists; by default the name of the file.
    name: ?[]const u8 = null,
    title: ?[]const u8 = null,
    description: []const u8 = "",
    /// The origins of other servers that the page uses. The component's grant `apps` must permit them.
    csp: Csp = .{},
    /// The permissions that the page uses. The component's grant `apps` must permit them.
    permissions: []const Permission = &.{},
    /// The dedicated origin of the page, in the form that the host defines.
    domain: ?[]const u8 = null,
    /// True for a visible border and background, false for none; by default the host decides.
    prefers_border: ?bool = null,
    tags: []const []const u8 = &.{},
    scopes: []const []const u8 = &.{},
};

/// Declare an app: a page of HTML that hosts show for the tools which name it, as a resource for `pub const resources`.
///
/// ```zig
/// const ui = mcp.app("ui/weather.html", .{ .csp = .{ .connect_domains = &.{"https://api.weather.gov"} } });
/// pub const resources = .{ui};
/// pub const tools = .{mcp.tool("forecast", "Return the weather.", forecast).with(.{ .ui = ui })};
/// ```
///
/// The path of the page is relative to the project. The build includes the page, with the scripts, styles and images
/// that it refers to.
pub fn app(comptime page: []const u8, comptime options: App) Resource {
    const slash = comptime std.mem.lastIndexOfScalar(u8, page, '/');
    const name = options.name orelse page[if (slash) |at| at + 1 else 0..];
    return reading.resource(options.uri orelse "ui://" ++ page, name, options.description, missing).with(.{
        .title = options.title,
        .mime_type = table.app_mime_type,
        .meta = comptime "{\"ui\":{" ++ members(options) ++ "},\"" ++ table.meta.page ++ "\":" ++ string(page) ++ "}",
        .tags = options.tags,
        .scopes = options.scopes,
    });
}

/// A server responds with the page itself, without a call of the component.
fn missing() error{ResourceNotFound}![]const u8 {
    return error.ResourceNotFound;
}

fn members(comptime options: App) []const u8 {
    comptime {
        var csp: []const u8 = "";
        for (.{
            .{ "connectDomains", options.csp.connect_domains },
            .{ "resourceDomains", options.csp.resource_domains },
            .{ "frameDomains", options.csp.frame_domains },
            .{ "baseUriDomains", options.csp.base_uri_domains },
        }) |one| {
            var origins: []const u8 = "";
            for (one[1]) |origin| origins = joined(origins, string(origin));
            if (origins.len > 0) csp = joined(csp, string(one[0]) ++ ":[" ++ origins ++ "]");
        }
        var permissions: []const u8 = "";
        for (options.permissions) |one| permissions = joined(permissions, string(@tagName(one)) ++ ":{}");
        var found: []const u8 = "";
        if (csp.len > 0) found = joined(found, "\"csp\":{" ++ csp ++ "}");
        if (permissions.len > 0) found = joined(found, "\"permissions\":{" ++ permissions ++ "}");
        if (options.domain) |domain| found = joined(found, "\"domain\":" ++ string(domain));
        if (options.prefers_border) |wanted|
            found = joined(found, "\"prefersBorder\":" ++ if (wanted) "true" else "false");
        return found;
    }
}

/// Return the `_meta` of a tool with its app and its visibility.
pub fn withApp(
    comptime owner: []const u8,
    comptime meta: ?[]const u8,
    comptime ui: ?Resource,
    comptime visibility: []const Visibility,
) ?[]const u8 {
    comptime {
        if (ui == null and visibility.len == 0) return meta;
        var found: []const u8 = "";
        if (ui) |shown| {
            if (!std.mem.startsWith(u8, shown.uri, "ui://"))
                @compileError(owner ++ ": the URI of its app must begin with `ui://`, not `" ++ shown.uri ++ "`");
            found = "\"resourceUri\":" ++ string(shown.uri);
        }
        var callers: []const u8 = "";
        for (visibility) |one| callers = joined(callers, string(@tagName(one)));
        if (callers.len > 0) found = joined(found, "\"visibility\":[" ++ callers ++ "]");
        return calling.withMember(meta, "\"ui\":{" ++ found ++ "}");
    }
}

fn joined(comptime list: []const u8, comptime one: []const u8) []const u8 {
    return if (list.len == 0) one else list ++ "," ++ one;
}

fn string(comptime text: []const u8) []const u8 {
    for (text) |c| if (c < ' ' or c == '"' or c == '\\')
        @compileError("app: `" ++ text ++ "` has a quote, a backslash or a control character");
    return "\"" ++ text ++ "\"";
}
