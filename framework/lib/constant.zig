//! Results of generated components of constants.

/// Namespace of `get`, which returns the result of a function without parameters: it is called once for each instance.
/// `memory` is that of the bindings.
pub fn Constant(comptime memory: type, comptime function: anytype) type {
    return struct {
        const Value = @typeInfo(@TypeOf(function)).@"fn".return_type.?;

        var known: ?Value = null;

        pub fn get() Value {
            if (known) |found| return found;
            var scope = memory.scope();
            const found = function();
            _ = memory.take(); // kept for as long as the instance
            scope.end();
            known = found;
            return found;
        }
    };
}
