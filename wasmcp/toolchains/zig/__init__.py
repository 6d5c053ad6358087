"""The Zig toolchain: a Zig file -> a component."""

from __future__ import annotations

from wasmcp.toolchains.zig.compiler import OPTIMIZE, build_component, user_cache, zig

__all__ = ["OPTIMIZE", "build_component", "user_cache", "zig"]
