"""Every error that wasmcp raises on purpose.

.. code-block:: text

    WasmcpError
    ├── ComponentError           a WebAssembly component that cannot be read or encoded   (wasmcp.component)
    ├── CompositionError         components that cannot be put together                   (wasmcp.compose)
    │   ├── GraphCycle           instances that need each other                           (wasmcp.component)
    │   ├── ImportConflict       imports that cannot be one
    │   ├── WiringError          an argument or an export that does not exist, or is given twice
    │   ├── ComponentRefused     a component that no server can be made with              (wasmcp.compose)
    │   ├── ComponentsRefused    several such components
    │   ├── LimitExceeded        a composition that is too large for engines
    │   ├── GrantMissing         a component whose place in the chain needs a grant
    │   └── DuplicateOffer       two components with a tool, a resource or a prompt of the same name
    ├── BindgenError             a WIT package that cannot be turned into bindings        (wasmcp.bindgen)
    ├── ConfigError              mistakes in [tool.wasmcp], all of them at once           (wasmcp.project)
    ├── SpecError                a spec that names no component, or more than one         (wasmcp.registry)
    ├── NameRefused              an alias or a profile that cannot be kept or removed     (wasmcp.registry)
    ├── ScaffoldError            a project or a component that is not made                (wasmcp.project)
    ├── ToolchainError           a source that does not become a component                (wasmcp.toolchains)
    │   └── ToolchainMissing     its compiler is not installed
    ├── WitError                 WIT packages that cannot be written into a project       (wasmcp.project)
    ├── CatalogueError           a component whose tools cannot be recorded               (wasmcp.project)
    ├── RegistryError            getting components from registries and putting them there  (wasmcp.registry)
    │   ├── ReferenceInvalid     a reference that names nothing a registry could have
    │   ├── RegistryUnreachable  no answer, or none that means anything
    │   ├── RegistryDenied       not allowed: 401 or 403
    │   ├── PackageNotFound      no such package or version
    │   ├── IntegrityError       other bytes than the digest says
    │   ├── ArtifactRefused      something that is no WebAssembly component
    │   ├── LockDrift            wasmcp.lock and what is asked for differ
    │   └── SignatureRefused     a signature that is missing or wrong
    ├── StorageError             a file of a project or a cache that cannot be written    (wasmcp.storage)
    ├── ResourceMissing          a file of wasmcp's own is not where it should be         (wasmcp.package_data)
    └── HostError                running a server                                         (wasmcp.host)
        ├── ArtifactError        a file that is not a server
        ├── ConfigurationInvalid configuration that the operator left out or got wrong
        ├── SettingInvalid       a setting (`WASMCP_*`) that is wrong or unknown
        ├── GuestTrap            the server's code trapped
        │   ├── GuestTimeout     ... because it used up its time
        │   ├── GuestCancelled   ... because the request was taken back
        │   └── GuestOutOfMemory ... because it used up its memory
        ├── ResponseTooLarge     an answer above the limit
        ├── ClientStalled        a request given up because its client did not read
        └── RequestError         the server answered with a JSON-RPC error

Each carries the facts it was raised with as attributes; ``str(error)`` is what a person reads.
"""

from __future__ import annotations

from wasmcp.errors.building import (
    BindgenError,
    CatalogueError,
    ConfigError,
    ResourceMissing,
    StorageError,
    ToolchainError,
    ToolchainMissing,
    WitError,
)
from wasmcp.errors.composing import (
    ComponentError,
    ComponentRefused,
    ComponentsRefused,
    CompositionError,
    DuplicateOffer,
    GrantMissing,
    GraphCycle,
    ImportConflict,
    LimitExceeded,
    WiringError,
)
from wasmcp.errors.registries import (
    ArtifactRefused,
    IntegrityError,
    LockDrift,
    NameRefused,
    PackageNotFound,
    ReferenceInvalid,
    RegistryDenied,
    RegistryError,
    RegistryUnreachable,
    SignatureRefused,
    SpecError,
)
from wasmcp.errors.root import (
    WasmcpError,
)
from wasmcp.errors.running import (
    ArtifactError,
    ClientStalled,
    ConfigurationInvalid,
    GuestCancelled,
    GuestOutOfMemory,
    GuestTimeout,
    GuestTrap,
    HostError,
    RequestError,
    ResponseTooLarge,
    SettingInvalid,
)
from wasmcp.errors.scaffolding import ScaffoldError

__all__ = [
    "ArtifactError",
    "ArtifactRefused",
    "BindgenError",
    "CatalogueError",
    "ClientStalled",
    "ComponentError",
    "ComponentRefused",
    "ComponentsRefused",
    "CompositionError",
    "ConfigError",
    "ConfigurationInvalid",
    "DuplicateOffer",
    "GrantMissing",
    "GraphCycle",
    "GuestCancelled",
    "GuestOutOfMemory",
    "GuestTimeout",
    "GuestTrap",
    "HostError",
    "ImportConflict",
    "IntegrityError",
    "LimitExceeded",
    "LockDrift",
    "NameRefused",
    "PackageNotFound",
    "ReferenceInvalid",
    "RegistryDenied",
    "RegistryError",
    "RegistryUnreachable",
    "RequestError",
    "ResourceMissing",
    "ResponseTooLarge",
    "ScaffoldError",
    "SettingInvalid",
    "SignatureRefused",
    "SpecError",
    "StorageError",
    "ToolchainError",
    "ToolchainMissing",
    "WasmcpError",
    "WiringError",
    "WitError",
]

for _name in __all__:  # a traceback names the class by what it is imported from
    globals()[_name].__module__ = __name__
