"""Exceptions of wasmcp.

.. code-block:: text

    WasmcpError
    ├── ComponentError                  a WebAssembly component that cannot be read or encoded  (wasmcp.component)
    │   └── UnknownInstructionError     an instruction of a core module that is unknown or not supported
    ├── CompositionError                components that cannot be composed  (wasmcp.compose)
    │   ├── AppsError                   apps with mistakes, or with needs that were not granted
    │   ├── GraphCycleError             instances that depend on each other  (wasmcp.component)
    │   ├── ImportConflictError         imports that cannot be merged
    │   ├── WiringError                 an argument or an export that does not exist, or is given twice
    │   ├── InvalidComponentError       a component that cannot be part of a server  (wasmcp.compose)
    │   ├── InvalidComponentsError      several such components
    │   ├── LimitExceededError          a composition that exceeds a limit of the engines
    │   ├── MissingGrantError           a component without a grant that its position in the chain requires
    │   ├── GrantPolicyError            components with grants that a policy does not permit
    │   └── DuplicateEntryError         two components with a tool, a resource or a prompt of the same name
    ├── BindgenError                    a WIT package for which no bindings can be generated  (wasmcp.bindgen)
    ├── ConfigError                     all mistakes in [tool.wasmcp]  (wasmcp.project)
    ├── SkillsError                     skills of a project that cannot be served  (wasmcp.project)
    ├── SpecError                       a component spec that does not resolve to one component  (wasmcp.registry)
    ├── InvalidNameError                an alias or a profile that cannot be stored or removed  (wasmcp.registry)
    ├── MigrationError                  a server of another library that cannot be imported  (wasmcp.migration)
    ├── ScaffoldError                   a project or a component that cannot be created  (wasmcp.project)
    ├── ToolchainError                  a source that does not compile to a component  (wasmcp.toolchains)
    │   ├── MissingToolchainError       a compiler that is not installed
    │   └── NativeCodeError             packages with native modules that do not work in a component
    ├── ComponentsError                 several components of a project that cannot be built  (wasmcp.project)
    ├── ServersError                    several servers of a project that cannot be composed  (wasmcp.project)
    ├── ClientConfigurationError        configuration of an MCP client that cannot be made  (wasmcp.distribution)
    ├── UnfitServerError                built servers that cannot be distributed  (wasmcp.distribution)
    ├── WitError                        WIT packages that cannot be written into a project  (wasmcp.project)
    ├── CatalogueError                  a component whose catalogue cannot be recorded  (wasmcp.project)
    ├── RegistryError                   pulling from and pushing to registries  (wasmcp.registry)
    │   ├── InvalidReferenceError       a reference that is not valid
    │   ├── RegistryUnreachableError    no response, or an invalid one
    │   ├── RegistryDeniedError         not allowed: 401 or 403
    │   ├── UnknownPackageError         a package or version that does not exist
    │   ├── IntegrityError              content that does not match its digest
    │   ├── InvalidArtifactError        an artifact that is not a WebAssembly component
    │   ├── LockDriftError              a wasmcp.lock that does not match the requirements
    │   └── SignatureError              a signature that is missing or invalid
    ├── DeploymentError                 a deployment whose manifests cannot be written  (wasmcp.deploy)
    ├── AuthorizationError              access tokens, their keys and local issuers  (wasmcp.auth)
    │   ├── SigningKeyError             a key that cannot be read, fetched, used or written
    │   ├── InvalidTokenError           an access token that is not valid
    │   └── MissingExtraError           a library of an extra that is not installed
    ├── ConnectionFailedError           a server that a client cannot use  (wasmcp.client)
    │   ├── HttpStatusError             an HTTP response with an error status
    │   └── ResponseTimeoutError        a request without a response in time
    ├── TaskCancelledError              a task that was cancelled while a client waited for it       (wasmcp.client)
    ├── UnansweredInputError            input that a server requires and the client cannot provide  (wasmcp.client)
    ├── ArgumentsError                  arguments on the command line that do not fit a tool  (wasmcp.client)
    ├── SurfaceFileError                a surface of a server that cannot be read or written  (wasmcp.insight)
    ├── StorageError                    a file of a project or a cache that cannot be written  (wasmcp.storage)
    ├── MissingPackageDataError         a file of the wasmcp distribution that is missing  (wasmcp.package_data)
    └── HostError                       running a server  (wasmcp.host)
        ├── ArtifactError               a file that is not a server
        ├── InvalidConfigurationError   configuration that is missing or invalid
        ├── InvalidSettingError         a setting (`WASMCP_*`) that is invalid or unknown
        ├── GuestTrapError              a trap of the server
        │   ├── GuestTimeoutError       ... at its deadline
        │   ├── GuestCancelledError     ... after the request was cancelled
        │   └── GuestOutOfMemoryError   ... at its memory limit
        ├── IssuerDocumentError         a document of an issuer of tokens that cannot be fetched or used
        ├── StoreRequestError           a request to a key-value store that failed
        ├── AccessDeniedError           a request that the server's authorization denied
        ├── ResponseTooLargeError       a response above the limit
        ├── ClientStalledError          a request cancelled because its client did not read
        ├── RequestError                an error response of the server
        └── ToolError                   a tool error

The details of an error are its attributes; ``str(error)`` is the message for users.
"""

from __future__ import annotations

from wasmcp.errors.building import (
    AppsError,
    BindgenError,
    CatalogueError,
    ClientConfigurationError,
    ComponentError,
    ComponentsError,
    CompositionError,
    ConfigError,
    DeploymentError,
    DuplicateEntryError,
    GrantPolicyError,
    GraphCycleError,
    ImportConflictError,
    IntegrityError,
    InvalidArtifactError,
    InvalidComponentError,
    InvalidComponentsError,
    InvalidNameError,
    InvalidReferenceError,
    LimitExceededError,
    LockDriftError,
    MigrationError,
    MissingGrantError,
    MissingPackageDataError,
    MissingToolchainError,
    NativeCodeError,
    RegistryDeniedError,
    RegistryError,
    RegistryUnreachableError,
    ScaffoldError,
    ServersError,
    SignatureError,
    SkillsError,
    SpecError,
    StorageError,
    SurfaceFileError,
    ToolchainError,
    UnfitServerError,
    UnknownInstructionError,
    UnknownPackageError,
    WiringError,
    WitError,
)
from wasmcp.errors.root import (
    WasmcpError,
)
from wasmcp.errors.running import (
    AccessDeniedError,
    ArgumentsError,
    ArtifactError,
    AuthorizationError,
    ClientStalledError,
    ConnectionFailedError,
    GuestCancelledError,
    GuestOutOfMemoryError,
    GuestTimeoutError,
    GuestTrapError,
    HostError,
    HttpStatusError,
    InvalidConfigurationError,
    InvalidSettingError,
    InvalidTokenError,
    IssuerDocumentError,
    MissingExtraError,
    RequestError,
    ResponseTimeoutError,
    ResponseTooLargeError,
    SigningKeyError,
    StoreRequestError,
    TaskCancelledError,
    ToolError,
    UnansweredInputError,
)

__all__ = [
    "AccessDeniedError",
    "AppsError",
    "ArgumentsError",
    "ArtifactError",
    "AuthorizationError",
    "BindgenError",
    "CatalogueError",
    "ClientConfigurationError",
    "ClientStalledError",
    "ComponentError",
    "ComponentsError",
    "CompositionError",
    "ConfigError",
    "ConnectionFailedError",
    "DeploymentError",
    "DuplicateEntryError",
    "GrantPolicyError",
    "GraphCycleError",
    "GuestCancelledError",
    "GuestOutOfMemoryError",
    "GuestTimeoutError",
    "GuestTrapError",
    "HostError",
    "HttpStatusError",
    "ImportConflictError",
    "IntegrityError",
    "InvalidArtifactError",
    "InvalidComponentError",
    "InvalidComponentsError",
    "InvalidConfigurationError",
    "InvalidNameError",
    "InvalidReferenceError",
    "InvalidSettingError",
    "InvalidTokenError",
    "IssuerDocumentError",
    "LimitExceededError",
    "LockDriftError",
    "MigrationError",
    "MissingExtraError",
    "MissingGrantError",
    "MissingPackageDataError",
    "MissingToolchainError",
    "NativeCodeError",
    "RegistryDeniedError",
    "RegistryError",
    "RegistryUnreachableError",
    "RequestError",
    "ResponseTimeoutError",
    "ResponseTooLargeError",
    "ScaffoldError",
    "ServersError",
    "SignatureError",
    "SigningKeyError",
    "SkillsError",
    "SpecError",
    "StorageError",
    "StoreRequestError",
    "SurfaceFileError",
    "TaskCancelledError",
    "ToolError",
    "ToolchainError",
    "UnansweredInputError",
    "UnfitServerError",
    "UnknownInstructionError",
    "UnknownPackageError",
    "WasmcpError",
    "WiringError",
    "WitError",
]

for _name in __all__:  # tracebacks show the module that a class is imported from
    globals()[_name].__module__ = __name__
