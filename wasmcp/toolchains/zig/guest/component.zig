//! The component around an author's file: exports what it lists, or what it exports itself.
const author = @import("author");
const wasmcp = @import("wasmcp");

pub const exports = if (@hasDecl(author, "exports")) author.exports else struct {
    pub const tools = wasmcp.exporting.Tools(author);
    pub const resources = wasmcp.exporting.Resources(author);
    pub const prompts = wasmcp.exporting.Prompts(author);
    pub const completions = wasmcp.exporting.Completions(author);
};
