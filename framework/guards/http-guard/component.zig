//! Guard between a component and `wasi:http/outgoing-handler`: passes on the requests that the component's rules
//! permit. It takes over each request before it compares it, so the component cannot change it afterwards, and writes
//! the normalised host into it, so that the runtime connects to what was compared.

const bindings = @import("bindings");
const lib = @import("lib");
const Target = lib.Target;

const types = bindings.wasi_http.types;
const Request = types.OutgoingRequest;

pub const exports = struct {
    pub const wasi_http = struct {
        pub const outgoing_handler = struct {
            pub fn handle(
                request: Request,
                options: ?types.RequestOptions,
            ) bindings.abi.Result(types.FutureIncomingResponse, types.ErrorCode) {
                if (isPermitted(request)) return bindings.wasi_http.outgoing_handler.handle(request, options);
                request.drop();
                if (options) |given| given.drop();
                return .{ .err = .http_request_denied };
            }
        };
    };
};

const rules = lib.Constant(bindings.memory, bindings.http_rules.all).get;

fn isPermitted(request: Request) bool {
    const scheme: Target.Scheme = if (request.scheme()) |scheme| switch (scheme) {
        .http => .http,
        .https => .https,
        .other => return false,
    } else https: {
        // Runtimes choose a scheme for a request without one.
        if (request.setScheme(.https) == .err) return false;
        break :https .https;
    };
    const authority = request.authority() orelse return false;
    const path = request.pathWithQuery() orelse "";
    // A runtime that joins a URL from its parts must not find another host in the path.
    if (path.len > 0 and path[0] != '/' and path[0] != '?') return false;
    var buffer: Target.Buffer = undefined;
    const target = Target.parse(&buffer, authority, scheme) orelse return false;
    if (!namesNoOther(request, target, scheme)) return false;
    const method = lib.http_method.name(request.method());
    for (rules()) |rule| {
        if (!target.matches(rule, scheme, method)) continue;
        if (target.host == .v6) return true; // these addresses have only one form that all readers accept
        var text: Target.Text = undefined;
        const normalised = target.write(&text, scheme);
        if (Target.equal(normalised, authority)) return true;
        return request.setAuthority(normalised) == .ok;
    }
    return false;
}

/// Return whether the header `Host`, which some runtimes let a component set, is absent or names the same target.
fn namesNoOther(request: Request, target: Target, scheme: Target.Scheme) bool {
    const headers = request.headers();
    defer headers.drop();
    if (!headers.has("host")) return true;
    for (headers.get("host")) |value| {
        var buffer: Target.Buffer = undefined;
        const other = Target.parse(&buffer, value, scheme) orelse return false;
        if (!target.same(other)) return false;
    }
    return true;
}
