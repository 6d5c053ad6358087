//! Root of a component: exports the declarations of the author's file, or its `exports`.
const std = @import("std");
const module = @import("author");
/// The author's file; a module of copies has a generated root file.
const author = if (@hasDecl(module, "wasmcp_author")) module.wasmcp_author else module;
const wasmcp = @import("wasmcp");

pub const std_options: std.Options = if (@hasDecl(author, "std_options")) author.std_options else .{};
pub const std_options_debug_io = wasmcp.exporting.debug_io;
pub const panic = if (@hasDecl(author, "panic"))
    author.panic
else if (wasmcp.exporting.can_print)
    wasmcp.exporting.panics
else
    std.debug.no_panic;

pub const exports = if (@hasDecl(author, "exports")) author.exports else struct {
    pub const tools = wasmcp.exporting.Tools(author);
    pub const resources = wasmcp.exporting.Resources(author);
    pub const prompts = wasmcp.exporting.Prompts(author);
    pub const completions = wasmcp.exporting.Completions(author);
};
