"""Toolchains: source -> component, one module a language.

The file extension determines the language. A toolchain is imported when it is first used.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import cast

from wasmcp.errors import ToolchainError
from wasmcp.toolchains.base import (
    ComponentSource,
    DevelopmentToolchain,
    Inputs,
    Option,
    Toolchain,
    did_you_mean,
)

LANGUAGES = {
    "python": (".py",),
    "rust": (".rs", ".toml"),
    "typescript": (".ts", ".mts", ".js", ".mjs"),
    "zig": (".zig",),
}
"""Language -> file extensions of its sources."""

_CLASSES = {
    "python": "wasmcp.toolchains.python.toolchain:PythonToolchain",
    "rust": "wasmcp.toolchains.rust:RustToolchain",
    "typescript": "wasmcp.toolchains.typescript:TypeScriptToolchain",
    "zig": "wasmcp.toolchains.zig:ZigToolchain",
}


def language_of(source: Path) -> str | None:
    """Return the language of a source by its file extension, or None."""
    return next((name for name, suffixes in LANGUAGES.items() if source.suffix in suffixes), None)


def toolchain(language: str) -> Toolchain:
    """Return the toolchain of a language.

    Raises:
        ToolchainError: The language is unknown.
    """
    if language not in _CLASSES:
        raise ToolchainError(f"no toolchain for `{language}`{did_you_mean(language, _CLASSES)}")
    module, _, name = _CLASSES[language].partition(":")
    return cast("Toolchain", getattr(importlib.import_module(module), name)())


def development_toolchain(language: str) -> DevelopmentToolchain | None:
    """Return the toolchain of development builds of a language; None if its components are always built whole."""
    if language != "python":
        return None
    from wasmcp.toolchains.python.development import PythonDevelopment

    return PythonDevelopment()


def toolchain_for(source: Path) -> Toolchain:
    """Return the toolchain of a source by its file extension.

    Raises:
        ToolchainError: The extension is unknown.
    """
    language = language_of(source)
    if language is None:
        endings = ", ".join(f"`{suffix}`" for suffixes in LANGUAGES.values() for suffix in suffixes)
        raise ToolchainError(f"no toolchain takes `{source.name}`: the known endings are {endings}", source=source.name)
    return toolchain(language)


__all__ = [
    "LANGUAGES",
    "ComponentSource",
    "DevelopmentToolchain",
    "Inputs",
    "Option",
    "Toolchain",
    "development_toolchain",
    "language_of",
    "toolchain",
    "toolchain_for",
]
