//! Adapter from the interfaces of a component to `scripted`, which a script engine implements: the engine gets owned
//! request handles, because it cannot drop a borrowed one before the call returns.

const bindings = @import("bindings");

const scripted = bindings.scripted;
const types = bindings.types;
const Request = bindings.messages.Request;
const Result = bindings.abi.Result;

const invalid_params = @import("protocol_table").code.invalid_params;

pub const exports = struct {
    pub const tools = struct {
        const ours = bindings.exports.tools;

        pub fn listTools(request: Request, cursor: ?[]const u8) Result(ours.Page, types.Error) {
            return page(ours.Page, request, cursor, scripted.listTools);
        }

        pub fn callTool(request: Request, name: []const u8) Result(?ours.Outcome, types.Error) {
            return answer(ours.Outcome, scripted.callTool(owned(request), name));
        }
    };

    pub const resources = struct {
        const ours = bindings.exports.resources;

        pub fn listResources(request: Request, cursor: ?[]const u8) Result(ours.Page, types.Error) {
            return page(ours.Page, request, cursor, scripted.listResources);
        }

        pub fn listTemplates(request: Request, cursor: ?[]const u8) Result(ours.TemplatePage, types.Error) {
            return page(ours.TemplatePage, request, cursor, scripted.listTemplates);
        }

        pub fn readResource(request: Request, uri: []const u8) Result(?ours.Outcome, types.Error) {
            return answer(ours.Outcome, scripted.readResource(owned(request), uri));
        }
    };

    pub const prompts = struct {
        const ours = bindings.exports.prompts;

        pub fn listPrompts(request: Request, cursor: ?[]const u8) Result(ours.Page, types.Error) {
            return page(ours.Page, request, cursor, scripted.listPrompts);
        }

        pub fn getPrompt(request: Request, name: []const u8) Result(?ours.Outcome, types.Error) {
            return answer(ours.Outcome, scripted.getPrompt(owned(request), name));
        }
    };

    pub const completions = struct {
        const ours = bindings.exports.completions;

        pub fn listReferences(_: Request) Result([]const types.CompletionReference, types.Error) {
            return .{ .ok = scripted.listReferences() };
        }

        pub fn complete(
            request: Request,
            reference: types.CompletionReference,
            argument: types.CompletionArgument,
            context: []const struct { []const u8, []const u8 },
        ) Result(?ours.Outcome, types.Error) {
            return answer(ours.Outcome, scripted.complete(owned(request), reference, argument, context));
        }
    };
};

const no_second_page = types.Error{ .code = invalid_params, .message = "unknown cursor: the list has one page" };

/// Return a second handle of the same call, which the engine can keep until it returns.
fn owned(request: Request) Request {
    return request.derive(null, null);
}

/// Return the only page of a list.
fn page(comptime Page: type, request: Request, cursor: ?[]const u8, comptime list: anytype) Result(Page, types.Error) {
    if (cursor != null) return .{ .err = no_second_page };
    return switch (list(owned(request))) {
        .ok => |items| .{ .ok = .{ .items = items, .cache = scripted.cache() } },
        .err => |failure| .{ .err = failure },
    };
}

/// Convert an outcome to the interface's own type.
fn answer(comptime Outcome: type, result: anytype) Result(?Outcome, types.Error) {
    return switch (result) {
        .ok => |found| .{ .ok = if (found) |outcome| switch (outcome) {
            inline else => |value, form| @unionInit(Outcome, @tagName(form), value),
        } else null },
        .err => |failure| .{ .err = failure },
    };
}
