//! Public API of the Zig guest library, the module `wasmcp`.
//!
//! ```zig
//! const mcp = @import("wasmcp");
//!
//! pub const tools = .{
//!     mcp.tool("add", "Add two numbers.", add),
//! };
//!
//! fn add(args: struct { a: f64, b: f64 }) f64 {
//!     return args.a + args.b;
//! }
//! ```
//!
//! The constants `pub const tools`, `resources`, `prompts` and `completions` of a component's file are its
//! declarations; `cache_lists` is the cache hint of its lists. The JSON Schema of a tool's arguments is derived from
//! the struct that its function takes, the output schema from the return type. The last parameter of a function can be
//! a `Context`. An error becomes a tool error with the name of the error; `Context.fail` sets a message.
const bindings = @import("bindings");

const apps = @import("apps.zig");
const completing = @import("completions.zig");
const prompting = @import("prompts.zig");
const reading = @import("resources.zig");
const tooling = @import("tools.zig");

pub const Context = @import("Context.zig");
pub const Json = @import("values.zig").Json;

pub const tool = tooling.tool;
pub const Tool = tooling.Tool;
pub const Task = tooling.Task;
/// Complete `CallToolResult`: content blocks of every kind, structured content as JSON text.
pub const ToolResult = bindings.types.ToolResult;
/// Complete result, or an `InputRequired` result (`.input_required`).
pub const Outcome = tooling.Outcome;
pub const Annotations = bindings.types.ToolAnnotations;
/// Cache hint of a resource, or of the component's lists: `pub const cache_lists: mcp.Cache = .{ .ttl_ms = 60_000,
/// .scope = .public };`. Specification: server/utilities/caching.
pub const Cache = bindings.types.CacheHint;

pub const resource = reading.resource;
pub const template = reading.template;
pub const Resource = reading.Resource;
pub const skill = @import("skills.zig").skill;
pub const Skill = @import("skills.zig").Skill;
pub const Blob = reading.Blob;
pub const ResourceResult = bindings.types.ResourceResult;
pub const ResourceOutcome = reading.Outcome;

/// Page that hosts show for tools, declared as a resource.
pub const app = apps.app;
pub const App = apps.App;
pub const Csp = apps.Csp;
pub const Permission = apps.Permission;
pub const Visibility = apps.Visibility;

pub const prompt = prompting.prompt;
pub const Prompt = prompting.Prompt;
pub const PromptResult = bindings.types.PromptResult;
pub const PromptOutcome = prompting.Outcome;

pub const completion = completing.completion;
pub const Completion = completing.Completion;
pub const Typed = completing.Typed;
pub const Choices = completing.Choices;

/// Content blocks, and messages of prompts: `mcp.content.text("...")`, `mcp.content.user(...)`.
pub const content = @import("content.zig");
pub const Content = content.Content;
pub const Message = content.Message;

/// HTTP client, for components with the grant `http`.
pub const http = @import("http.zig");
/// Key-value store, for components with the grant `kv`.
pub const kv = @import("kv.zig");
/// The component's table `config` in `pyproject.toml`, and environment variables (grant `env`).
pub const config = @import("config.zig");

/// Types of the WIT, for results and contents that no Zig type expresses.
pub const types = bindings.types;

/// Memory of the current call: freed after its result has been read. For return values and intermediate values.
pub const allocator = bindings.memory.allocator;
/// Memory that is kept between calls.
pub const gpa = bindings.memory.gpa;

/// Internals for component.zig.
pub const exporting = struct {
    pub const debug_io = @import("stderr.zig").io;
    pub const panics = @import("panics.zig");
    pub const can_print = @import("stderr.zig").is_there;
    pub const Tools = tooling.Exports;
    pub const Resources = reading.Exports;
    pub const Prompts = prompting.Exports;
    pub const Completions = completing.Exports;
};
