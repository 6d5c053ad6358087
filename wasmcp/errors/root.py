"""The root of the tree of errors."""

from __future__ import annotations


class WasmcpError(Exception):
    """The root of the tree: catch it to catch everything that wasmcp raises on purpose."""
