"""Toolchain for Rust components: cargo, the target `wasm32-wasip2`, and the guest crate."""

from __future__ import annotations

from wasmcp.toolchains.rust.toolchain import RustToolchain

__all__ = ["RustToolchain"]
