//! Guard between a component and `wasi:cli/environment`: passes on the variables that the component's rules name. A
//! component does not get the arguments and the directory of the process.

const bindings = @import("bindings");
const equal = @import("lib").bytes.equal;

const memory = bindings.memory;
const Variable = struct { []const u8, []const u8 };

pub const exports = struct {
    pub const wasi_cli = struct {
        pub const environment = struct {
            pub fn getEnvironment() []const Variable {
                const names = bindings.env_rules.names();
                const given = bindings.wasi_cli.environment.getEnvironment();
                const passed = memory.alloc(Variable, given.len);
                var count: usize = 0;
                for (given) |variable| for (names) |name| if (equal(name, variable[0])) {
                    passed[count] = .{ variable[0], variable[1] };
                    count += 1;
                    break;
                };
                return passed[0..count];
            }

            pub fn getArguments() []const []const u8 {
                return &.{};
            }

            pub fn initialCwd() ?[]const u8 {
                return null;
            }
        };
    };
};
