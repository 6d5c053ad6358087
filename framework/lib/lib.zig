//! Library that framework components share.

pub const absence = @import("absence.zig");
pub const access = @import("access.zig");
pub const Completion = @import("Completion.zig");
pub const Index = @import("Index.zig");
pub const Constant = @import("constant.zig").Constant;
pub const IssuerDocuments = @import("IssuerDocuments.zig").IssuerDocuments;
pub const KeyValue = @import("KeyValue.zig").KeyValue;
pub const SessionStates = @import("SessionStates.zig").SessionStates;
pub const bytes = @import("bytes.zig");
pub const decimal = @import("decimal.zig");
pub const base64 = @import("base64.zig");
pub const header = @import("header.zig");
pub const http_method = @import("http_method.zig");
pub const json = @import("json.zig");
pub const LastingStorage = @import("LastingStorage.zig").LastingStorage;
pub const limits = @import("limits.zig");
pub const List = @import("list.zig").List;
pub const lists = @import("lists.zig");
pub const percent = @import("percent.zig");
pub const policy = @import("policy.zig");
pub const proposals = @import("proposals.zig");
pub const Target = @import("Target.zig");
pub const Tasks = @import("Tasks.zig").Tasks;
pub const tools = @import("tools.zig");
pub const uri_matching = @import("uri_matching.zig");
pub const urls = @import("urls.zig");
pub const typed = @import("typed.zig");
pub const UriTemplate = @import("UriTemplate.zig");
pub const utf8 = @import("utf8.zig");
pub const Writer = @import("Writer.zig");

test {
    _ = access;
    _ = Completion;
    _ = base64;
    _ = bytes;
    _ = decimal;
    _ = header;
    _ = Index;
    _ = json;
    _ = lists;
    _ = @import("list.zig");
    _ = percent;
    _ = policy;
    _ = @import("selection.zig");
    _ = proposals;
    _ = Target;
    _ = typed;
    _ = UriTemplate;
    _ = urls;
    _ = @import("utc.zig");
    _ = utf8;
    _ = Writer;
}
