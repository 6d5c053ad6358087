//! Batches: only revision 2025-03-26 has them. Specification: 2025-03-26, basic, "Batching".

const lib = @import("lib");
const faults = @import("faults.zig");
const http = @import("http.zig");
const revisions = @import("revisions.zig");
const Session = @import("Session.zig");

const Error = error{OutOfMemory};

/// Return whether a text is a batch of a revision with batches: an array that is not empty. `parse` rejects other
/// arrays.
pub fn isBatch(text: []const u8, revision: ?[]const u8) bool {
    if (!lib.bytes.equal(revision orelse return false, revisions.with_batches)) return false;
    const start = first(text) orelse return false;
    const second = first(text[start + 1 ..]) orelse return false;
    if (text[start] != '[' or text[start + 1 + second] == ']') return false;
    _ = lib.json.validate(text) catch return false;
    return true;
}

/// Return the position of the first character that is not whitespace.
pub fn first(text: []const u8) ?usize {
    for (text, 0..) |character, at| if (!lib.bytes.isSpace(character)) return at;
    return null;
}

pub fn Batching(comptime Peer: type) type {
    return struct {
        const Self = @import("protocol.zig").Protocol(Peer);

        /// Answer the messages of an array in order; empty if none has an answer.
        /// Specification: 2025-03-26, basic, "Batching".
        pub fn batch(
            self: *Self,
            text: []const u8,
            session: *Session,
            head: ?http.Head,
            output: Peer.Output,
        ) Error![]const u8 {
            // A message of a batch has no stream on which a server-to-client request could be sent.
            const able = session.capabilities;
            session.capabilities = null;
            defer session.capabilities = able;
            var answers: lib.Writer = .init(self.arena);
            var scanner: lib.json.Scanner = .init(text);
            var items = scanner.items() catch unreachable;
            var count: usize = 0;
            while (items.next() catch unreachable) : (count += 1) {
                const item = scanner.value() catch unreachable;
                if (count == faults.batch_limit) return self.peer.refusal(faults.batch_too_long);
                const body = switch (self.peer.parse(item)) {
                    .notification => {
                        try self.notified(item);
                        continue;
                    },
                    .response => |id| {
                        try self.answered(id, item);
                        continue;
                    },
                    .invalid => |invalid| invalid.body,
                    .request => |opened| answered: {
                        const single = opened.version != null or Self.is(opened, "initialize");
                        const answer = if (single)
                            try self.refuse(opened, faults.alone)
                        else
                            try self.older(opened, session, head, output);
                        if (answer.cancelled) continue;
                        break :answered answer.body;
                    },
                };
                try answers.raw(if (answers.text().len == 0) "[" else ",");
                try answers.raw(body);
            }
            if (answers.text().len > 0) try answers.raw("]");
            return answers.text();
        }
    };
}
