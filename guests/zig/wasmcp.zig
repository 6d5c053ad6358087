//! What an author of a component in Zig imports.
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
//! A component offers what its file lists: `pub const tools`, `resources`, `prompts` and `completions`. The JSON Schema of
//! a tool's arguments comes from the struct that its function takes, the output schema from the return type. A function
//! may take a `Context` too, as its last parameter. An error is a tool error with its name; `Context.fail` words it.
const bindings = @import("bindings");

const completing = @import("completions.zig");
const prompting = @import("prompts.zig");
const reading = @import("resources.zig");
const tooling = @import("tools.zig");

pub const Context = @import("Context.zig");
pub const Json = @import("values.zig").Json;

pub const tool = tooling.tool;
pub const Tool = tooling.Tool;
/// A whole `CallToolResult`: content of every kind, structured content as JSON text.
pub const ToolResult = bindings.types.ToolResult;
/// Also "ask the client first" (`.input_required`).
pub const Outcome = tooling.Outcome;
pub const Annotations = bindings.types.ToolAnnotations;

pub const resource = reading.resource;
pub const template = reading.template;
pub const Resource = reading.Resource;
pub const Blob = reading.Blob;
pub const ResourceResult = bindings.types.ResourceResult;
pub const ResourceOutcome = reading.Outcome;

pub const prompt = prompting.prompt;
pub const Prompt = prompting.Prompt;
pub const PromptResult = bindings.types.PromptResult;
pub const PromptOutcome = prompting.Outcome;

pub const completion = completing.completion;
pub const Completion = completing.Completion;
pub const Typed = completing.Typed;

/// Blocks of content, and messages of prompts: `mcp.content.text("...")`, `mcp.content.user(...)`.
pub const content = @import("content.zig");
pub const Content = content.Content;
pub const Message = content.Message;

/// HTTP requests, for a component with the grant `http`.
pub const http = @import("http.zig");
/// Values that last, for a component with the grant `kv`.
pub const kv = @import("kv.zig");
/// What the component's table `config` in `pyproject.toml` holds, and variables of the environment (the grant `env`).
pub const config = @import("config.zig");

/// The protocol's own types, for results and contents that a Zig type can't say.
pub const types = bindings.types;

/// Memory of the running call: freed when its result has been read. For what a function returns, and on the way to it.
pub const allocator = bindings.memory.allocator;
/// Memory that stays from call to call.
pub const gpa = bindings.memory.gpa;

/// For the component around the author's file.
pub const exporting = struct {
    pub const debug_io = @import("stderr.zig").io;
    pub const panics = @import("panics.zig");
    pub const can_print = @import("stderr.zig").is_there;
    pub const Tools = tooling.Exports;
    pub const Resources = reading.Exports;
    pub const Prompts = prompting.Exports;
    pub const Completions = completing.Exports;
};
