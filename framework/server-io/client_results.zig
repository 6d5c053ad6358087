//! Results of server-to-client requests: the checks that do not depend on the request's form.
//! Specification: schemas `ElicitResult`, `CreateMessageResult`, `ListRootsResult`.

const std = @import("std");
const lib = @import("lib");

const json = lib.json;
const Allocator = std.mem.Allocator;

/// Return the mistake of a result, an object that was validated on arrival; null: it has the form of its method.
pub fn mistake(allocator: Allocator, method: []const u8, result: []const u8) Allocator.Error!?[]const u8 {
    return switch (method[0]) {
        'e' => elicitation(result),
        's' => sampling(allocator, result),
        else => roots(result),
    };
}

fn elicitation(result: []const u8) ?[]const u8 {
    const action = stringIn(result, "action") orelse return "has no `action` that is known";
    const accepted = json.equals(action, "accept");
    if (!accepted and !json.equals(action, "decline") and !json.equals(action, "cancel"))
        return "has no `action` that is known";
    if (accepted) if (json.member(result, "content")) |content| if (content[0] != '{' and content[0] != 'n')
        return "has no object as its `content`";
    return null;
}

/// Return the result of an elicitation without the members of its `content` that are null: clients send null for fields
/// of a form that stay empty. Required fields keep their null. Other results are returned unchanged.
pub fn withoutEmptyFields(
    allocator: Allocator,
    params: []const u8,
    result: []const u8,
) lib.Writer.Error![]const u8 {
    const content = json.member(result, "content") orelse return result;
    if (json.member(result, "action") == null or !hasNull(content)) return result;
    const form = json.member(params, "requestedSchema") orelse "{}";
    const required = json.member(form, "required") orelse "[]";
    var w = lib.Writer.init(allocator);
    try w.open('{');
    try w.key("action");
    try w.value(json.member(result, "action").?);
    try w.key("content");
    try w.open('{');
    if (content[0] == '{') {
        var scanner = json.Scanner.init(content);
        scanner.surrogates = .any;
        var members = scanner.members() catch unreachable;
        while (members.next() catch unreachable) |name| {
            const value = scanner.value() catch unreachable;
            if (value[0] == 'n' and !lists(required, try json.decodeString(allocator, name))) continue;
            try w.value(name);
            try w.raw(":");
            try w.value(value);
        }
    }
    try w.close('}');
    try w.close('}');
    return w.text();
}

fn hasNull(content: []const u8) bool {
    if (content[0] != '{') return content[0] == 'n';
    var scanner = json.Scanner.init(content);
    scanner.surrogates = .any;
    var members = scanner.members() catch unreachable;
    while (members.next() catch unreachable) |_| if ((scanner.value() catch unreachable)[0] == 'n') return true;
    return false;
}

/// Return whether an array contains a string.
fn lists(array: []const u8, name: []const u8) bool {
    if (array[0] != '[') return false;
    var scanner = json.Scanner.init(array);
    scanner.surrogates = .any;
    var items = scanner.items() catch return false;
    while (items.next() catch return false) {
        const item = scanner.value() catch return false;
        if (item[0] == '"' and json.equals(item, name)) return true;
    }
    return false;
}

fn roots(result: []const u8) ?[]const u8 {
    const before = "is not a list of roots: ";
    const all = json.member(result, "roots") orelse return before ++ "it needs `roots`, an array";
    if (all[0] != '[') return before ++ "it needs `roots`, an array";
    var scanner = json.Scanner.init(all);
    scanner.surrogates = .any;
    var items = scanner.items() catch unreachable;
    while (items.next() catch unreachable) {
        const root = scanner.value() catch unreachable;
        if (stringIn(root, "uri") == null) return before ++ "each root needs `uri`, a string";
        if (json.member(root, "name")) |name| if (name[0] != '"' and name[0] != 'n')
            return before ++ "the `name` of a root must be a string";
    }
    return null;
}

fn sampling(allocator: Allocator, result: []const u8) Allocator.Error!?[]const u8 {
    const content = json.member(result, "content") orelse "null";
    if (content[0] != '[') return block(allocator, content);
    var scanner = json.Scanner.init(content);
    scanner.surrogates = .any;
    var items = scanner.items() catch unreachable;
    while (items.next() catch unreachable) {
        if (try block(allocator, scanner.value() catch unreachable)) |words| return words;
    }
    return null;
}

/// Return the mistake of a content block. Blocks of unknown types are valid.
fn block(allocator: Allocator, text: []const u8) Allocator.Error!?[]const u8 {
    const before = "is not a message of a model: ";
    const kind = stringIn(text, "type") orelse return before ++ "its content needs `type`, a string";
    if (json.equals(kind, "text")) {
        if (stringIn(text, "text") == null) return before ++ "its content needs `text`, a string";
    } else if (json.equals(kind, "image") or json.equals(kind, "audio")) {
        const data = stringIn(text, "data") orelse return before ++ "its content needs `data`, a string";
        if (try lib.base64.decode(allocator, .standard, try json.decodeString(allocator, data)) == null)
            return before ++ "`data` of its content is not base64 (RFC 4648, section 4)";
        if (stringIn(text, "mimeType") == null) return before ++ "its content needs `mimeType`, a string";
    } else if (json.equals(kind, "tool_use")) {
        if (stringIn(text, "id") == null) return before ++ "its content needs `id`, a string";
        if (stringIn(text, "name") == null) return before ++ "its content needs `name`, a string";
        const input = json.member(text, "input") orelse "null";
        if (input[0] != '{') return before ++ "its content needs `input`, an object";
    }
    return null;
}

fn stringIn(object: []const u8, name: []const u8) ?[]const u8 {
    const value = json.member(object, name) orelse return null;
    return if (value[0] == '"') value else null;
}

const testing = std.testing;

fn expectMistake(expected: ?[]const u8, method: []const u8, result: []const u8) !void {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const found = try mistake(state.allocator(), method, result);
    const words = expected orelse return testing.expectEqual(null, found);
    try testing.expect(lib.bytes.contains(found.?, words));
}

test "elicitation" {
    const method = "elicitation/create";
    try expectMistake(null, method, "{\"action\":\"accept\",\"content\":{}}");
    try expectMistake(null, method, "{\"action\":\"accept\",\"content\":null}");
    try expectMistake(null, method, "{\"action\":\"decline\",\"content\":5}");
    try expectMistake("`action`", method, "{}");
    try expectMistake("`action`", method, "{\"action\":[]}");
    try expectMistake("`action`", method, "{\"action\":\"maybe\"}");
    try expectMistake("`content`", method, "{\"action\":\"accept\",\"content\":[]}");
}

fn expectFilled(expected: []const u8, params: []const u8, result: []const u8) !void {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    try testing.expectEqualStrings(expected, try withoutEmptyFields(state.allocator(), params, result));
}

test "fields that stay empty" {
    const form = "{\"requestedSchema\":{\"required\":[\"a\"]}}";
    const start = "{\"action\":\"accept\",\"content\":";
    try expectFilled(start ++ "{\"a\":null,\"c\":1}}", form, start ++ "{\"a\":null,\"b\":null,\"c\":1}}");
    try expectFilled(start ++ "{\"b\": 1 }}", form, start ++ "{\"b\": 1 }}");
    try expectFilled(start ++ "{}}", form, start ++ "null}");
    try expectFilled(start ++ "{}}", "{}", start ++ "{\"a\":null}}");
    try expectFilled("{\"content\":{\"a\":null}}", "{}", "{\"content\":{\"a\":null}}");
}

test "roots" {
    try expectMistake(null, "roots/list", "{\"roots\":[{\"uri\":\"a:b\",\"name\":null},{\"uri\":\"a:c\"}]}");
    for ([_][]const u8{ "{}", "{\"roots\":{}}" }) |text| try expectMistake("an array", "roots/list", text);
    for ([_][]const u8{ "[5]", "[{}]", "[{\"uri\":5}]" }) |text| {
        const result = try std.mem.concat(testing.allocator, u8, &.{ "{\"roots\":", text, "}" });
        defer testing.allocator.free(result);
        try expectMistake("`uri`", "roots/list", result);
    }
    try expectMistake("`name`", "roots/list", "{\"roots\":[{\"uri\":\"a:b\",\"name\":5}]}");
}

test "sampling" {
    const method = "sampling/createMessage";
    try expectMistake(null, method, "{\"content\":{\"type\":\"text\",\"text\":\"\"}}");
    try expectMistake(null, method, "{\"content\":[{\"type\":\"later\"}]}");
    try expectMistake(null, method, "{\"content\":{\"type\":\"image\",\"data\":\"AA==\",\"mimeType\":\"image/png\"}}");
    try expectMistake(null, method, "{\"content\":{\"type\":\"tool_use\",\"id\":\"\",\"name\":\"\",\"input\":{}}}");
    try expectMistake("`type`", method, "{}");
    try expectMistake("`type`", method, "{\"content\":[5]}");
    try expectMistake("`text`", method, "{\"content\":{\"type\":\"text\",\"text\":5}}");
    try expectMistake("base64", method, "{\"content\":{\"type\":\"audio\",\"data\":\"-__-\",\"mimeType\":\"a/b\"}}");
    try expectMistake("base64", method, "{\"content\":{\"type\":\"audio\",\"data\":\"AA\",\"mimeType\":\"a/b\"}}");
    try expectMistake("`mimeType`", method, "{\"content\":{\"type\":\"audio\",\"data\":\"AA==\"}}");
    try expectMistake("`input`", method, "{\"content\":{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"t\"}}");
}
