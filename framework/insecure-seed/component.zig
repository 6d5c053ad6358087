//! Seeds against hash flooding, from the host's secure random numbers. Rust's standard library imports
//! `wasi:random/insecure-seed`, which stock `wasmtime serve` does not provide.

const bindings = @import("bindings");

pub const exports = struct {
    pub const wasi_random = struct {
        pub const insecure_seed = struct {
            pub fn insecureSeed() struct { u64, u64 } {
                return .{ bindings.wasi_random.random.getRandomU64(), bindings.wasi_random.random.getRandomU64() };
            }
        };
    };
};
