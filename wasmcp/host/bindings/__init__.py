"""Bindings to the component's exports and imports, over wasmtime's C API."""
