//! Methods of outgoing requests of `wasi:http`.

/// Return the name of a method, a `method` of `wasi:http/types`.
pub fn name(method: anytype) []const u8 {
    return switch (method) {
        .get => "GET",
        .head => "HEAD",
        .post => "POST",
        .put => "PUT",
        .delete => "DELETE",
        .connect => "CONNECT",
        .options => "OPTIONS",
        .trace => "TRACE",
        .patch => "PATCH",
        .other => |other| other,
    };
}
