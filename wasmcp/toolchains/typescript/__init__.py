"""The TypeScript toolchain: a TypeScript or JavaScript file -> a component."""

from __future__ import annotations

from wasmcp.toolchains.typescript.toolchain import TypeScriptToolchain

__all__ = ["TypeScriptToolchain"]
