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

from collections.abc import Sequence


class WasmcpError(Exception):
    """The root of the tree: catch it to catch everything that wasmcp raises on purpose."""


class ConfigError(WasmcpError):
    """Mistakes in ``[tool.wasmcp]``, all of them at once.

    Attributes:
        problems: One sentence a mistake, each beginning with its TOML path in backticks.
        path: The file, as a person would name it.
    """

    def __init__(self, problems: Sequence[str], *, path: str = "pyproject.toml") -> None:
        self.problems = tuple(problems)
        self.path = path
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        super().__init__("\n".join([f"{count} in `{path}`:", *(f"  * {problem}" for problem in self.problems)]))


class ToolchainError(WasmcpError):
    """A source does not become a component.

    Attributes:
        source: The source file, as the project names it.
        toolchain: The name of the toolchain (``python``, ``zig``).
        output: What the compiler said, or the empty string.
    """

    def __init__(self, message: str, *, source: str = "", toolchain: str = "", output: str = "") -> None:
        self.source = source
        self.toolchain = toolchain
        self.output = output
        super().__init__(f"{message}\n{output.rstrip()}" if output.strip() else message)


class ToolchainMissing(ToolchainError):
    """A compiler is not installed, or not in the version that wasmcp builds with."""


class CatalogueError(WasmcpError):
    """A component's tools cannot be recorded: it does not boot, or what it offers is not valid MCP.

    Attributes:
        component: The component's name in the configuration.
        stderr: What the component wrote to stderr meanwhile.
    """

    def __init__(self, component: str, reason: str, *, stderr: str = "") -> None:
        self.component = component
        self.stderr = stderr
        message = f"component `{component}`: {reason}"
        super().__init__(f"{message}\nits stderr:\n{stderr.rstrip()}" if stderr.strip() else message)


class ResourceMissing(WasmcpError):
    """A file that belongs to wasmcp is not where it should be.

    Attributes:
        path: Where it was looked for.
    """

    def __init__(self, path: str, advice: str) -> None:
        self.path = path
        super().__init__(f"`{path}` is missing: {advice}")
