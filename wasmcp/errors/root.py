"""The base class of wasmcp's exceptions."""

from __future__ import annotations


class WasmcpError(Exception):
    """Base class of all exceptions that wasmcp raises deliberately."""
