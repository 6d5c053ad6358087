//! The component around an author's file: exports what it lists, or what it exports itself.
const std = @import("std");
const module = @import("author");
/// The author's file, also where the root file of its module is ours.
const author = if (@hasDecl(module, "wasmcp_author")) module.wasmcp_author else module;
const wasmcp = @import("wasmcp");

pub const std_options: std.Options = if (@hasDecl(author, "std_options")) author.std_options else .{};
pub const std_options_debug_io = wasmcp.exporting.debug_io;
pub const panic = if (@hasDecl(author, "panic")) author.panic else if (wasmcp.exporting.can_print) wasmcp.exporting.panics else std.debug.no_panic;

pub const exports = if (@hasDecl(author, "exports")) author.exports else struct {
    pub const tools = wasmcp.exporting.Tools(author);
    pub const resources = wasmcp.exporting.Resources(author);
    pub const prompts = wasmcp.exporting.Prompts(author);
    pub const completions = wasmcp.exporting.Completions(author);
};
