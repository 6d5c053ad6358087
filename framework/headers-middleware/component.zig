//! A link of the chain before the tools of a component that is asked what it offers: what HTTP headers repeat of a call
//! must be what the call says. Who was asked beforehand needs none: the catalogue knows.
//! Specification: basic/transports/streamable-http, "Server Behavior for Custom Headers".

const bindings = @import("bindings");
const lib = @import("lib");

const allocator = bindings.memory.allocator;
const messages = bindings.messages;
const Reply = messages.Reply;

const header_mismatch = -32020;

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: messages.Request) ?Reply {
            const wrong = if (request.method() == .tools_call) fault(request) else null;
            return wrong orelse bindings.server_handler.handle(request);
        }
    };
};

/// None: nothing is wrong, or the tool is not of this component.
fn fault(request: messages.Request) ?Reply {
    // Headers came with 2026-07-28, and only HTTP has them.
    if (!lib.bytes.equal(request.protocolVersion(), "2026-07-28")) return null;
    const facts = request.http() orelse return null;
    const schema = schemaOf(request) orelse return null;
    const arguments = request.arguments() orelse "{}";
    const wrong = lib.header.checkParams(allocator, schema, arguments, facts.headers) catch @trap();
    return Reply.failure(.{ .code = header_mismatch, .message = wrong orelse return null });
}

fn schemaOf(request: messages.Request) ?[]const u8 {
    const name = request.target() orelse return null;
    var cursor: ?[]const u8 = null;
    while (true) {
        const page = switch (bindings.tools.listTools(request, cursor)) {
            .ok => |page| page,
            .err => return null,
        };
        for (page.items) |tool| if (lib.bytes.equal(tool.name, name)) return tool.input_schema;
        cursor = page.next orelse return null;
    }
}
