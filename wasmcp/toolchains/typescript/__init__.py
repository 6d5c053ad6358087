"""Toolchain for TypeScript and JavaScript components."""

from __future__ import annotations

from wasmcp.toolchains.typescript.toolchain import TypeScriptToolchain

__all__ = ["TypeScriptToolchain"]
