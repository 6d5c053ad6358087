"""Every error that wasmcp raises on purpose.

.. code-block:: text

    WasmcpError
    ├── ComponentError           a WebAssembly component that cannot be read or encoded   (wasmcp.component)
    ├── CompositionError         components that cannot be put together                   (wasmcp.compose)
    │   ├── GraphCycle           instances that need each other                           (wasmcp.component)
    │   ├── ImportConflict       imports that cannot be one
    │   ├── WiringError          an argument or an export that does not exist, or is given twice
    │   ├── ComponentRefused     a component that no server can be made with              (wasmcp.compose)
    │   └── DuplicateOffer       two components with a tool, a resource or a prompt of the same name
    ├── BindgenError             a WIT package that cannot be turned into bindings        (wasmcp.bindgen)
    ├── ConfigError              mistakes in [tool.wasmcp], all of them at once           (wasmcp.project)
    ├── SpecError                a spec that names no component, or more than one         (wasmcp.registry)
    ├── NameRefused              an alias or a profile that cannot be kept or removed     (wasmcp.registry)
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
    ├── ResourceMissing          a file of wasmcp's own is not where it should be         (wasmcp.resources)
    └── HostError                running a server                                         (wasmcp.host)
        ├── ArtifactError        a file that is not a server
        ├── SettingInvalid       a setting (`WASMCP_*`) that the server refuses
        ├── GuestTrap            the server's code trapped
        │   ├── GuestTimeout     ... because it used up its time
        │   ├── GuestCancelled   ... because the request was taken back
        │   └── GuestOutOfMemory ... because it used up its memory
        ├── ResponseTooLarge     an answer above the limit
        └── RequestError         the server answered with a JSON-RPC error

Each carries the facts it was raised with as attributes; ``str(error)`` is what a person reads.
"""

from __future__ import annotations

import os
from collections.abc import Sequence


class WasmcpError(Exception):
    """The root of the tree: catch it to catch everything that wasmcp raises on purpose."""


class ComponentError(WasmcpError):
    """A WebAssembly component that cannot be read or encoded.

    Attributes:
        problem: What is wrong, without place and name.
        offset: Where in the file, in bytes from its start; None when no single place is to blame.
        component: The component's name or file, where it is known; else the empty string.
    """

    def __init__(self, problem: str, *, offset: int | None = None, component: str = "") -> None:
        self.problem = problem
        self.offset = offset
        self.component = component
        place = "" if offset is None else f" (at byte {offset})"
        super().__init__(f"`{component}`: {problem}{place}" if component else f"{problem}{place}")


class CompositionError(WasmcpError):
    """Components that cannot be put together."""


class GraphCycle(CompositionError):
    """Instances that need each other: none of them could be made first.

    Attributes:
        instances: The labels of the instances on the cycle, each needing the next, the last needing the first.
    """

    def __init__(self, instances: Sequence[str], arguments: Sequence[str]) -> None:
        self.instances = tuple(instances)
        following = (*self.instances[1:], self.instances[0])
        steps = zip(self.instances, arguments, following, strict=True)
        drawing = "\n".join(f"  `{one}` needs `{argument}` from `{other}`" for one, argument, other in steps)
        super().__init__(
            f"the instances need each other, so that none can be made first:\n{drawing}\n"
            "break the cycle: give one of them this import from elsewhere"
        )


class ImportConflict(CompositionError):
    """Imports of two components that would have to be one and cannot.

    Attributes:
        interface: The import's name.
        item: The function or type in it that differs; the empty string when it is the import as a whole.
        components: The names of the two components (of one, when it conflicts with the wiring).
    """

    def __init__(self, message: str, *, interface: str, item: str = "", components: Sequence[str] = ()) -> None:
        self.interface = interface
        self.item = item
        self.components = tuple(components)
        super().__init__(message)


class WiringError(CompositionError):
    """An argument or an export that does not exist, is given twice, or is of another kind.

    Attributes:
        instance: The label of the instance, or the empty string for the composition itself.
        name: The argument or export.
    """

    def __init__(self, message: str, *, instance: str = "", name: str = "") -> None:
        self.instance = instance
        self.name = name
        super().__init__(message)


class ComponentRefused(CompositionError):
    """A component that no server can be made with.

    Attributes:
        component: Its name.
        interface: The interface it is about, or the empty string.
        wanted: The version that was expected, or the empty string.
        found: The version that is there, or the empty string.
    """

    def __init__(self, component: str, problem: str, *, interface: str = "", wanted: str = "", found: str = "") -> None:
        self.component = component
        self.interface = interface
        self.wanted = wanted
        self.found = found
        super().__init__(f"component `{component}`: {problem}")


class DuplicateOffer(CompositionError):
    """Two components of one server offer something of the same name.

    Attributes:
        kind: What it is: `tool`, `resource`, `resource template` or `prompt`.
        name: Its name; a resource's URI.
        components: The names of the two components, in the order of the chain.
    """

    def __init__(self, kind: str, name: str, components: Sequence[str]) -> None:
        self.kind = kind
        self.name = name
        self.components = tuple(components)
        first, second = self.components
        super().__init__(
            f"the components `{first}` and `{second}` both have a {kind} `{name}`: rename one of them, "
            'or set `on-duplicate = "first"` to keep that of the first'
        )


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


class SpecError(WasmcpError):
    """A spec that names no component, or more than one.

    Attributes:
        spec: The spec, as it was written.
        origin: Who wrote it, where that was not the caller: the alias or the profile; else the empty string.
    """

    def __init__(self, spec: str, problem: str, *, origin: str = "") -> None:
        self.spec = spec
        self.origin = origin
        super().__init__(f"{origin}: {problem}" if origin else problem)


class NameRefused(WasmcpError):
    """An alias or a profile that cannot be kept, or not be removed.

    Attributes:
        name: Its name.
        problems: A sentence for each reason.
    """

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class BindgenError(WasmcpError):
    """A WIT package, or an item of it, from which no bindings can be made.

    Attributes:
        path: The WIT directory or file, or the empty string.
        item: The item of it, as WIT names it, or the empty string.
    """

    def __init__(self, message: str, *, path: str = "", item: str = "") -> None:
        self.path = path
        self.item = item
        super().__init__(message)


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


class WitError(WasmcpError):
    """WIT packages that cannot be written into a project.

    Attributes:
        directory: The project's WIT folder.
        files: Those that are there and differ from ours; none when something else is wrong.
    """

    def __init__(self, directory: os.PathLike[str], files: Sequence[os.PathLike[str]], reason: str = "") -> None:
        self.directory = directory
        self.files = tuple(files)
        listed = "\n".join(f"  * `{os.fspath(file)}`" for file in self.files)
        problem = f"these differ from those of this wasmcp:\n{listed}\nreplace them with `--force`"
        super().__init__(f"`{os.fspath(directory)}`: {reason or problem}")


class RegistryError(WasmcpError):
    """Getting components from registries and putting them there.

    Attributes:
        reference: What it is about, as a person would name it: a package, an OCI reference or a registry.
    """

    def __init__(self, message: str, *, reference: str = "") -> None:
        self.reference = reference
        super().__init__(f"`{reference}`: {message}" if reference else message)


class ReferenceInvalid(RegistryError):
    """A reference that names nothing a registry could have."""


class RegistryUnreachable(RegistryError):
    """A registry gives no answer, or none that means anything, even after some tries.

    Attributes:
        status: The last HTTP status; None when there was no answer.
    """

    def __init__(self, message: str, *, reference: str = "", status: int | None = None) -> None:
        self.status = status
        super().__init__(message, reference=reference)


class RegistryDenied(RegistryError):
    """A registry does not allow it: 401 (who are you?) or 403 (not you).

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, message: str, *, reference: str = "", status: int = 401) -> None:
        self.status = status
        super().__init__(message, reference=reference)


class PackageNotFound(RegistryError):
    """There is no such package, or no version of it that will do.

    Attributes:
        versions: The versions that are there.
    """

    def __init__(self, message: str, *, reference: str = "", versions: Sequence[str] = ()) -> None:
        self.versions = tuple(versions)
        super().__init__(message, reference=reference)


class IntegrityError(RegistryError):
    """Other bytes than the digest says; they were thrown away.

    Attributes:
        expected: The digest that was asked for.
        found: The digest of what came.
    """

    def __init__(self, message: str, *, reference: str = "", expected: str = "", found: str = "") -> None:
        self.expected = expected
        self.found = found
        super().__init__(message, reference=reference)


class ArtifactRefused(RegistryError):
    """Something in a registry that is no WebAssembly component."""


class LockDrift(RegistryError):
    """``wasmcp.lock`` and what is asked for differ.

    Attributes:
        problems: One sentence a difference.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  * {problem}" for problem in self.problems)
        super().__init__(f"`wasmcp.lock` is not up to date:\n{lines}\nrun `wasmcp lock` and look at what it changes")


class SignatureRefused(RegistryError):
    """A signature that is required or asked for is missing, or is wrong."""


class ResourceMissing(WasmcpError):
    """A file that belongs to wasmcp is not where it should be.

    Attributes:
        path: Where it was looked for.
    """

    def __init__(self, path: str, advice: str) -> None:
        self.path = path
        super().__init__(f"`{path}` is missing: {advice}")


class HostError(WasmcpError):
    """Something went wrong while a server ran."""


class ArtifactError(HostError):
    """A file that is not a server this host can run.

    Attributes:
        path: The file, as the caller named it.
        reason: What is wrong with it, and what to do.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"`{path}` {reason}")


class SettingInvalid(HostError):
    """A setting that the server refuses: nothing can be served before it is put right.

    Attributes:
        problem: The setting's name and what it must be.
    """

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


class GuestTrap(HostError):
    """The server's code trapped; the instance it ran in is gone, the server goes on with a fresh one.

    Attributes:
        reason: The trap in a few words.
        backtrace: The WebAssembly frames, innermost first, one a line; the empty string when there are none.
        stderr: What the guest wrote to stderr during the call, its end.
    """

    def __init__(self, reason: str, *, backtrace: str = "", stderr: str = "") -> None:
        self.reason = reason
        self.backtrace = backtrace
        self.stderr = stderr
        super().__init__(reason)

    def __str__(self) -> str:
        parts = [self.reason]
        if self.backtrace:
            parts.append(f"WebAssembly backtrace:\n{self.backtrace}")
        if self.stderr.strip():
            parts.append(f"its stderr:\n{self.stderr.rstrip()}")
        return "\n".join(parts)


class GuestTimeout(GuestTrap):
    """The server's code used up its time.

    Attributes:
        limit: The time it had, in seconds.
    """

    def __init__(self, limit: float, *, backtrace: str = "", stderr: str = "") -> None:
        self.limit = limit
        super().__init__(f"the request took longer than {limit:g} s", backtrace=backtrace, stderr=stderr)


class GuestCancelled(GuestTrap):
    """The request was taken back, and the server's code went on regardless until it was stopped."""

    def __init__(self, *, backtrace: str = "", stderr: str = "") -> None:
        super().__init__("the request was cancelled", backtrace=backtrace, stderr=stderr)


class GuestOutOfMemory(GuestTrap):
    """The server's code used up its memory.

    Attributes:
        limit: The bytes each of its memories may grow to.
    """

    def __init__(self, limit: int, *, backtrace: str = "", stderr: str = "") -> None:
        self.limit = limit
        super().__init__(
            f"the server needed more memory than the {limit} bytes it may have", backtrace=backtrace, stderr=stderr
        )


class ResponseTooLarge(HostError):
    """An answer above the limit; it was not copied out of the server.

    Attributes:
        size: Its size in bytes.
        limit: The most it may have.
    """

    def __init__(self, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(f"the answer has {size} bytes, the limit is {limit}")


class RequestError(HostError):
    """The server answered with a JSON-RPC error.

    Attributes:
        code: The error's code (JSON-RPC 2.0, section 5.1; MCP's own are -32020 to -32099).
        message: Its message.
        data: Its ``data``, or None.
    """

    def __init__(self, code: int, message: str, data: object = None) -> None:
        self.code = code
        self.message = message
        self.data = data
        super().__init__(f"{message} (JSON-RPC error {code})")
