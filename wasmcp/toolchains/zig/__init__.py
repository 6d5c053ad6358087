"""Toolchain for Zig components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wasmcp.toolchains.zig.compiler import OPTIMIZE, build_component, user_cache, zig

if TYPE_CHECKING:
    from wasmcp.toolchains.zig.toolchain import ZigToolchain

__all__ = ["OPTIMIZE", "ZigToolchain", "build_component", "user_cache", "zig"]


def __getattr__(name: str) -> Any:
    # Lazy: the build hook of wasmcp's own wheel imports only the compiler, without the dependencies of the rest.
    if name == "ZigToolchain":
        from wasmcp.toolchains.zig.toolchain import ZigToolchain

        return ZigToolchain
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
