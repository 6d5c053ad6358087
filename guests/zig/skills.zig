//! Skills that a function generates: the resource `SKILL.md`, with the front matter of the declaration.
//! Source: extension `io.modelcontextprotocol/skills`; Agent Skills specification.
const calling = @import("calling.zig");
const resources = @import("resources.zig");
const values = @import("values.zig");

/// Key of `_meta` with the front matter: composition lists such a resource as a skill.
const key = @import("protocol_table").meta.front_matter;

/// Front matter and path of a skill.
pub const Skill = struct {
    /// Lower-case letters, digits and single hyphens.
    name: []const u8,
    /// The text by which a model selects the skill.
    description: []const u8,
    /// The beginning of the skill's path in the server, for example `acme/reports`.
    prefix: []const u8 = "",
    license: ?[]const u8 = null,
    /// Requirements of the skill.
    compatibility: ?[]const u8 = null,
    /// Clients ignore the field `allowed-tools` unless their user consents.
    allowed_tools: ?[]const u8 = null,
    /// Keys and values of the field `metadata`.
    metadata: []const struct { []const u8, []const u8 } = &.{},
};

/// Create a skill from a function `fn () R` or `fn (Context) R` that generates the text of its `SKILL.md` at each read,
/// after the front matter. `R` is `[]const u8` or an error union of it. The skill belongs to `pub const resources`;
/// resources and templates below the path of the skill are its other files.
pub fn skill(comptime declared: Skill, comptime function: anytype) resources.Resource {
    const owner = "skill `" ++ declared.name ++ "`";
    if (calling.Signature(owner, function).Given != []const u8)
        @compileError(owner ++ ": the function must return `[]const u8`, the text after the front matter");
    const fields = comptime fieldsOf(declared);
    const folder = if (declared.prefix.len > 0) declared.prefix ++ "/" ++ declared.name else declared.name;
    var made = resources.resource("skill://" ++ folder ++ "/SKILL.md", declared.name, declared.description, function);
    made.mime_type = "text/markdown";
    made.front_matter = .{
        .member = comptime "\"" ++ key ++ "\":" ++ object(fields),
        .text = comptime lines(fields),
    };
    return made;
}

const Field = struct { []const u8, []const u8 };

/// Return the fields of the front matter: their names and their values as JSON.
fn fieldsOf(comptime declared: Skill) []const Field {
    comptime {
        var fields: []const Field = &.{
            .{ "name", values.quoted(declared.name) },
            .{ "description", values.quoted(declared.description) },
        };
        for ([_]struct { []const u8, ?[]const u8 }{
            .{ "license", declared.license },
            .{ "compatibility", declared.compatibility },
            .{ "allowed-tools", declared.allowed_tools },
        }) |each| if (each[1]) |text| {
            fields = fields ++ &[_]Field{.{ each[0], values.quoted(text) }};
        };
        if (declared.metadata.len == 0) return fields;
        var metadata: []const Field = &.{};
        for (declared.metadata) |pair| metadata = metadata ++ &[_]Field{.{ pair[0], values.quoted(pair[1]) }};
        return fields ++ &[_]Field{.{ "metadata", object(metadata) }};
    }
}

fn object(comptime fields: []const Field) []const u8 {
    comptime {
        var text: []const u8 = "{";
        for (fields, 0..) |field, n|
            text = text ++ (if (n > 0) "," else "") ++ values.quoted(field[0]) ++ ":" ++ field[1];
        return text ++ "}";
    }
}

fn lines(comptime fields: []const Field) []const u8 {
    comptime {
        var text: []const u8 = "---\n";
        for (fields) |field| text = text ++ field[0] ++ ": " ++ field[1] ++ "\n";
        return text ++ "---\n\n";
    }
}
