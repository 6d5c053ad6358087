//! The component around an author's file: exports its tools, or what it exports itself.
const author = @import("author");

pub const exports = if (@hasDecl(author, "exports")) author.exports else struct {
    pub const tools = @import("wasmcp").Exports(author);
};
