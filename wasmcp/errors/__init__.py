"""Every error that wasmcp raises on purpose.

.. code-block:: text

    WasmcpError
    ├── ComponentError                  a WebAssembly component that cannot be read or encoded  (wasmcp.component)
    ├── CompositionError                components that cannot be put together  (wasmcp.compose)
    │   ├── GraphCycleError             instances that need each other  (wasmcp.component)
    │   ├── ImportConflictError         imports that cannot be one
    │   ├── WiringError                 an argument or an export that does not exist, or is given twice
    │   ├── InvalidComponentError       a component that no server can be made with  (wasmcp.compose)
    │   ├── InvalidComponentsError      several such components
    │   ├── LimitExceededError          a composition that is too large for engines
    │   ├── MissingGrantError           a component whose place in the chain needs a grant
    │   └── DuplicateEntryError         two components with a tool, a resource or a prompt of the same name
    ├── BindgenError                    a WIT package that cannot be turned into bindings  (wasmcp.bindgen)
    ├── ConfigError                     mistakes in [tool.wasmcp], all of them at once  (wasmcp.project)
    ├── SpecError                       a spec that names no component, or more than one  (wasmcp.registry)
    ├── InvalidNameError                an alias or a profile that cannot be kept or removed  (wasmcp.registry)
    ├── ScaffoldError                   a project or a component that is not made  (wasmcp.project)
    ├── ToolchainError                  a source that does not become a component  (wasmcp.toolchains)
    │   └── MissingToolchainError       its compiler is not installed
    ├── ComponentsError                 several components of a project that cannot be built  (wasmcp.project)
    ├── WitError                        WIT packages that cannot be written into a project  (wasmcp.project)
    ├── CatalogueError                  a component whose tools cannot be recorded  (wasmcp.project)
    ├── RegistryError                   getting components from registries and putting them there  (wasmcp.registry)
    │   ├── InvalidReferenceError       a reference that names nothing a registry could have
    │   ├── RegistryUnreachableError    no answer, or none that means anything
    │   ├── RegistryDeniedError         not allowed: 401 or 403
    │   ├── UnknownPackageError         no such package or version
    │   ├── IntegrityError              other bytes than the digest says
    │   ├── InvalidArtifactError        something that is no WebAssembly component
    │   ├── LockDriftError              wasmcp.lock and what is asked for differ
    │   └── SignatureError              a signature that is missing or wrong
    ├── StorageError                    a file of a project or a cache that cannot be written  (wasmcp.storage)
    ├── MissingPackageDataError         a file of wasmcp's own is not where it should be  (wasmcp.package_data)
    └── HostError                       running a server  (wasmcp.host)
        ├── ArtifactError               a file that is not a server
        ├── InvalidConfigurationError   configuration that the operator left out or got wrong
        ├── InvalidSettingError         a setting (`WASMCP_*`) that is wrong or unknown
        ├── GuestTrapError              the server's code trapped
        │   ├── GuestTimeoutError       ... because it used up its time
        │   ├── GuestCancelledError     ... because the request was taken back
        │   └── GuestOutOfMemoryError   ... because it used up its memory
        ├── ResponseTooLargeError       an answer above the limit
        ├── ClientStalledError          a request given up because its client did not read
        └── RequestError                the server answered with a JSON-RPC error

Each carries the facts it was raised with as attributes; ``str(error)`` is what a person reads.
"""

from __future__ import annotations

from wasmcp.errors.building import (
    BindgenError,
    CatalogueError,
    ComponentsError,
    ConfigError,
    MissingPackageDataError,
    MissingToolchainError,
    StorageError,
    ToolchainError,
    WitError,
)
from wasmcp.errors.composing import (
    ComponentError,
    CompositionError,
    DuplicateEntryError,
    GraphCycleError,
    ImportConflictError,
    InvalidComponentError,
    InvalidComponentsError,
    LimitExceededError,
    MissingGrantError,
    WiringError,
)
from wasmcp.errors.registries import (
    IntegrityError,
    InvalidArtifactError,
    InvalidNameError,
    InvalidReferenceError,
    LockDriftError,
    RegistryDeniedError,
    RegistryError,
    RegistryUnreachableError,
    SignatureError,
    SpecError,
    UnknownPackageError,
)
from wasmcp.errors.root import (
    WasmcpError,
)
from wasmcp.errors.running import (
    ArtifactError,
    ClientStalledError,
    GuestCancelledError,
    GuestOutOfMemoryError,
    GuestTimeoutError,
    GuestTrapError,
    HostError,
    InvalidConfigurationError,
    InvalidSettingError,
    RequestError,
    ResponseTooLargeError,
)
from wasmcp.errors.scaffolding import ScaffoldError

__all__ = [
    "ArtifactError",
    "BindgenError",
    "CatalogueError",
    "ClientStalledError",
    "ComponentError",
    "ComponentsError",
    "CompositionError",
    "ConfigError",
    "DuplicateEntryError",
    "GraphCycleError",
    "GuestCancelledError",
    "GuestOutOfMemoryError",
    "GuestTimeoutError",
    "GuestTrapError",
    "HostError",
    "ImportConflictError",
    "IntegrityError",
    "InvalidArtifactError",
    "InvalidComponentError",
    "InvalidComponentsError",
    "InvalidConfigurationError",
    "InvalidNameError",
    "InvalidReferenceError",
    "InvalidSettingError",
    "LimitExceededError",
    "LockDriftError",
    "MissingGrantError",
    "MissingPackageDataError",
    "MissingToolchainError",
    "RegistryDeniedError",
    "RegistryError",
    "RegistryUnreachableError",
    "RequestError",
    "ResponseTooLargeError",
    "ScaffoldError",
    "SignatureError",
    "SpecError",
    "StorageError",
    "ToolchainError",
    "UnknownPackageError",
    "WasmcpError",
    "WiringError",
    "WitError",
]

for _name in __all__:  # a traceback names the class by what it is imported from
    globals()[_name].__module__ = __name__
