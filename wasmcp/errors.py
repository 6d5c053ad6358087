"""Every error that wasmcp raises on purpose.

.. code-block:: text

    WasmcpError
    ├── ComponentError           a WebAssembly component that cannot be read or encoded   (wasmcp.component)
    ├── CompositionError         components that cannot be put together                   (wasmcp.compose)
    ├── BindgenError             a WIT package that cannot be turned into bindings        (wasmcp.bindgen)
    ├── ConfigError              mistakes in [tool.wasmcp], all of them at once           (wasmcp.project)
    ├── ToolchainError           a source that does not become a component                (wasmcp.toolchains)
    │   └── ToolchainMissing     its compiler is not installed
    ├── CatalogueError           a component whose tools cannot be recorded               (wasmcp.project)
    ├── ResourceMissing          a file of wasmcp's own is not where it should be         (wasmcp.resources)
    └── HostError                running a server                                         (wasmcp.host)
        ├── ArtifactError        a file that is not a server
        ├── GuestTrap            the server's code trapped
        │   ├── GuestTimeout     ... because it used up its time
        │   └── GuestOutOfMemory ... because it used up its memory
        ├── ResponseTooLarge     an answer above the limit
        └── RequestError         the server answered with a JSON-RPC error

Each carries the facts it was raised with as attributes; ``str(error)`` is what a person reads.
"""

from __future__ import annotations


class WasmcpError(Exception):
    """The root of the tree: catch it to catch everything that wasmcp raises on purpose."""
