"""Exceptions of builds: sources, toolchains, registries and compositions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import ClassVar

from wasmcp.errors.root import WasmcpError
from wasmcp.terminal import printable, without_password


class ConfigError(WasmcpError):
    """All mistakes in ``[tool.wasmcp]``.

    Attributes:
        problems: One sentence per mistake, each beginning with its TOML path in backticks.
        path: The file's path as shown to users, or the command whose options have the mistakes.
    """

    def __init__(self, problems: Sequence[str], *, path: str = "pyproject.toml") -> None:
        self.problems = tuple(problems)
        self.path = path
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        super().__init__("\n".join([f"{count} in `{path}`:", *(f"  * {problem}" for problem in self.problems)]))


class SkillsError(WasmcpError):
    """Skills of a project that cannot be served.

    Attributes:
        problems: One sentence per mistake, each with the file in backticks.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        super().__init__("\n".join([f"{count} in the skills:", *(f"  * {problem}" for problem in self.problems)]))


class BindgenError(WasmcpError):
    """A WIT package, or an item of it, for which no bindings can be generated.

    Attributes:
        path: The WIT directory or file, or the empty string.
        item: The item's name in WIT, or the empty string.
    """

    def __init__(self, message: str, *, path: str = "", item: str = "") -> None:
        self.path = path
        self.item = item
        super().__init__(message)


class ToolchainError(WasmcpError):
    """A source that does not compile to a component.

    Attributes:
        source: The source file, relative to the project.
        toolchain: The name of the toolchain (``python``, ``zig``).
        output: The compiler's output, or the empty string.
    """

    def __init__(self, message: str, *, source: str = "", toolchain: str = "", output: str = "") -> None:
        self.source = source
        self.toolchain = toolchain
        self.output = output
        super().__init__(f"{message}\n{output.rstrip()}" if output.strip() else message)


class MissingToolchainError(ToolchainError):
    """A compiler that is not installed, or not in the version that wasmcp requires."""


class NativeCodeError(ToolchainError):
    """Packages with native modules that do not work in a component.

    Attributes:
        packages: The problems of each package, by its name; each names the file.
    """

    def __init__(self, message: str, *, source: str = "", packages: Mapping[str, Sequence[str]]) -> None:
        self.packages = {name: tuple(problems) for name, problems in packages.items()}
        super().__init__(message, source=source, toolchain="python")


class _PartsError(WasmcpError):
    """Errors of several parts of a project.

    Attributes:
        errors: The error of each part, by its name.
    """

    _part: ClassVar[str]
    _failure: ClassVar[str]

    def __init__(self, errors: Mapping[str, WasmcpError]) -> None:
        self.errors = dict(errors)
        names = ", ".join(f"`{name}`" for name in self.errors)
        texts = (f"{self._part} `{name}`: {error}" for name, error in self.errors.items())
        super().__init__("\n\n".join([f"{len(self.errors)} {self._part}s cannot be {self._failure}: {names}", *texts]))

    @classmethod
    def raise_any(cls, errors: Mapping[str, WasmcpError]) -> None:
        """Raise these errors: the only one itself, several as one. Without errors, return."""
        if len(errors) == 1:
            raise next(iter(errors.values()))
        if errors:
            raise cls(errors)


class ComponentsError(_PartsError):
    """Several components of a project that cannot be built.

    Attributes:
        errors: The error of each component, by its name.
    """

    _part, _failure = "component", "built"


class ServersError(_PartsError):
    """Several servers of a project that cannot be composed.

    Attributes:
        errors: The error of each server, by its key.
    """

    _part, _failure = "server", "composed"


class ClientConfigurationError(WasmcpError):
    """An entry of an MCP client's configuration that cannot be made or installed; nothing was written.

    Attributes:
        client: The client.
        problems: One sentence per reason.
        file: The client's file; the empty string if none was read.
    """

    def __init__(self, client: str, problems: Sequence[str], *, file: str = "") -> None:
        self.client = client
        self.problems = tuple(problems)
        self.file = file
        place = f"`{file}`" if file else f"configuration of `{client}`"
        super().__init__("\n".join([f"{place}:", *(f"  * {problem}" for problem in self.problems)]))


class UnfitServerError(WasmcpError):
    """Built servers that cannot be distributed: they are missing, out of date, or of another version.

    Attributes:
        problems: One sentence per server or reason.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        listed = "\n".join(f"  * {problem}" for problem in self.problems)
        super().__init__(f"the built servers cannot be distributed:\n{listed}\nbuild them with `hatch build`")


class CatalogueError(WasmcpError):
    """A component whose catalogue cannot be recorded: it does not start, or its lists are not valid MCP.

    Attributes:
        component: The component's name in the configuration.
        stderr: The component's output on stderr.
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
        files: Existing files that differ from those of wasmcp; empty for other errors.
    """

    def __init__(self, directory: os.PathLike[str], files: Sequence[os.PathLike[str]], reason: str = "") -> None:
        self.directory = directory
        self.files = tuple(files)
        listed = "\n".join(f"  * `{os.fspath(file)}`" for file in self.files)
        problem = f"these differ from those of this wasmcp:\n{listed}\nreplace them with `--force`"
        super().__init__(f"`{os.fspath(directory)}`: {reason or problem}")


class StorageError(WasmcpError):
    """A file or directory of a project or a cache that cannot be created, read, written or removed.

    Attributes:
        path: The file, or the empty string if the operating system does not name it.
        reason: The reason that the operating system gives.
    """

    def __init__(self, path: str, reason: str, advice: str = "") -> None:
        self.path = path
        self.reason = reason
        place = f"`{path}`: {reason}" if path else reason
        super().__init__(f"{place}; {advice}" if advice else place)


class MissingPackageDataError(WasmcpError):
    """A file of the wasmcp distribution that is missing.

    Attributes:
        path: The path at which it was expected.
    """

    def __init__(self, path: str, advice: str) -> None:
        self.path = path
        super().__init__(f"`{path}` is missing: {advice}")


class ScaffoldError(WasmcpError):
    """A project, or a component of one, that cannot be created; no file was changed.

    Attributes:
        name: The requested name.
        problems: One sentence per reason.
        files: Existing files that conflict, relative to the project's directory.
    """

    def __init__(self, name: str, problems: Sequence[str], *, files: Sequence[str] = ()) -> None:
        self.name = name
        self.problems = tuple(problems)
        self.files = tuple(files)
        listed = [f"  * `{file}`" for file in self.files]
        super().__init__("\n".join([*self.problems, *listed]))


class MigrationError(WasmcpError):
    """A server of another library that cannot be imported; nothing was written.

    Attributes:
        source: The file, folder or package.
    """

    def __init__(self, source: str, message: str) -> None:
        self.source = source
        super().__init__(message)


class SurfaceFileError(WasmcpError):
    """A file with the surface of a server that cannot be read or written.

    Attributes:
        path: The file.
        reason: The problem.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"`{path}` {reason}")


class ComponentError(WasmcpError):
    """A WebAssembly component that cannot be read or encoded.

    Attributes:
        problem: The message without position and name.
        offset: Position in the file, in bytes from its start; None if the error has no single position.
        component: The component's name or file, or the empty string if unknown.
    """

    def __init__(self, problem: str, *, offset: int | None = None, component: str = "") -> None:
        self.problem = problem
        self.offset = offset
        self.component = component
        place = "" if offset is None else f" (at byte {offset})"
        super().__init__(f"`{component}`: {problem}{place}" if component else f"{problem}{place}")


class UnknownInstructionError(ComponentError):
    """An instruction of a core module that is unknown or not supported.

    Attributes:
        opcode: Its bytes in hexadecimal, for example ``0xfe 0x10``.
        subject: The proposal that it belongs to, or the empty string.
    """

    def __init__(self, opcode: str, *, offset: int, subject: str = "") -> None:
        self.opcode = opcode
        self.subject = subject
        super().__init__(f"the opcode {opcode} is {subject or 'unknown'}, which is not supported", offset=offset)


class CompositionError(WasmcpError):
    """Components that cannot be composed."""


class AppsError(CompositionError):
    """Apps that cannot be served: mistakes in their pages or metadata, or needs that were not granted.

    Attributes:
        problems: One sentence per mistake, each with the app, the tool or the file in backticks.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        super().__init__("\n".join([f"{count} in the apps:", *(f"  * {problem}" for problem in self.problems)]))


class GraphCycleError(CompositionError):
    """Instances that depend on each other, so that none can be created first.

    Attributes:
        instances: The labels of the instances on the cycle, each needing the next, the last needing the first.
    """

    def __init__(self, instances: Sequence[str], arguments: Sequence[str]) -> None:
        self.instances = tuple(instances)
        following = (*self.instances[1:], self.instances[0])
        steps = zip(self.instances, arguments, following, strict=True)
        drawing = "\n".join(f"  `{one}` needs `{argument}` from `{other}`" for one, argument, other in steps)
        super().__init__(
            f"the instances depend on each other, so that none can be instantiated first:\n{drawing}\n"
            "break the cycle: provide one of these imports from another instance"
        )


class ImportConflictError(CompositionError):
    """Imports of two components that have the same name and cannot be merged.

    Attributes:
        interface: The import's name.
        item: The function or type in it that differs; the empty string for the whole import.
        components: The names of the two components, or of one, if it conflicts with the wiring.
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


class InvalidComponentError(CompositionError):
    """A component that cannot be part of a server.

    Attributes:
        component: The component's name.
        interface: The interface in question, or the empty string.
        wanted: The expected version, or the empty string.
        found: The version found, or the empty string.
    """

    def __init__(self, component: str, problem: str, *, interface: str = "", wanted: str = "", found: str = "") -> None:
        self.component = component
        self.interface = interface
        self.wanted = wanted
        self.found = found
        super().__init__(f"component `{component}`: {problem}")


class InvalidComponentsError(CompositionError):
    """Several components that cannot be part of a server.

    Attributes:
        refused: The error of each component, in the order of the chain.
    """

    def __init__(self, refused: Sequence[InvalidComponentError]) -> None:
        self.refused = tuple(refused)
        super().__init__("\n".join(map(str, self.refused)))


class LimitExceededError(CompositionError):
    """A composition that exceeds a limit of the engines.

    Attributes:
        limit: The limited quantity: `core modules and components`, or `instances`.
        found: Their number.
        allowed: The highest number that engines accept.
    """

    def __init__(self, limit: str, found: int, allowed: int, largest: Sequence[tuple[str, int]]) -> None:
        self.limit = limit
        self.found = found
        self.allowed = allowed
        listed = ", ".join(f"`{component}` {count:,}" for component, count in largest)
        where = f" (before identical ones are shared, most are in {listed})" if listed else ""
        super().__init__(
            f"the composition has {found:,} {limit}; engines accept {allowed:,} in one file"
            f"{where}: compose fewer components, put several tools into one "
            "component, or compose several servers"
        )


class MissingGrantError(CompositionError):
    """Components without a grant that their position in the chain requires.

    Attributes:
        grant: The grant's name.
        components: The reason for each component, by its name, in the order of the chain.
    """

    def __init__(self, grant: str, components: Mapping[str, str]) -> None:
        self.grant = grant
        self.components = dict(components)
        lines = [
            f"component `{name}` needs the grant `{grant}`: {reason}, so it receives requests for "
            f"other components, and can answer them. To allow that: `--grant {name}={grant}`, or `{grant}` in the "
            f"`grants` of `[tool.wasmcp.components.{name}]`"
            for name, reason in self.components.items()
        ]
        super().__init__("\n".join(lines))


class GrantPolicyError(CompositionError):
    """Components with grants that a policy does not permit.

    Attributes:
        policy: The name of the policy's file.
        components: The excess grants of each component, by its name: a family, or a family and a rule.
    """

    def __init__(self, policy: str, components: Mapping[str, Sequence[str]]) -> None:
        self.policy = policy
        self.components = {name: tuple(grants) for name, grants in components.items()}
        lines = [f"  * `{name}`: {grant}" for name, grants in self.components.items() for grant in grants]
        super().__init__(
            "\n".join([f"the policy `{policy}` does not permit these grants:", *lines])
            + "\nremove them from the components, or change the policy"
        )


class DuplicateEntryError(CompositionError):
    """Two components of one server with an entry of the same name.

    Attributes:
        kind: `tool`, `resource`, `resource template` or `prompt`.
        name: The entry's name, or a resource's URI.
        components: The names of the two components, in the order of the chain.
    """

    def __init__(self, kind: str, name: str, components: Sequence[str]) -> None:
        self.kind = kind
        self.name = name
        self.components = tuple(components)
        first, second = self.components
        super().__init__(
            f"the components `{first}` and `{second}` both have a {kind} `{name}`: rename one of them, "
            'or use that of the first component: `on-duplicate = "first"`, or `--on-duplicate first`'
        )


class DeploymentError(WasmcpError):
    """A server that cannot be deployed as requested; no file was written.

    Attributes:
        target: The kind of deployment: `kubernetes`, `compose`, `spin` or `wasmcloud`.
        problems: One sentence per reason.
    """

    def __init__(self, target: str, problems: Sequence[str]) -> None:
        self.target = target
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = [f"  * {problem}" for problem in self.problems]
        super().__init__("\n".join([f"the deployment for {target} cannot be written, {count}:", *lines]))


class SpecError(WasmcpError):
    """A component spec that does not resolve to one component.

    Attributes:
        spec: The spec, as it was written.
        origin: The alias or profile that contains the spec; the empty string if the caller wrote it.
    """

    def __init__(self, spec: str, problem: str, *, origin: str = "") -> None:
        self.spec = spec
        self.origin = origin
        super().__init__(_safe(f"{origin}: {problem}" if origin else problem))


class InvalidNameError(WasmcpError):
    """An alias or a profile that cannot be stored or removed.

    Attributes:
        name: The alias or profile.
        problems: One sentence per reason.
    """

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class RegistryError(WasmcpError):
    """Failed operation on a registry.

    The message can contain text from registries and users: it is escaped, and passwords are removed.

    Attributes:
        reference: The subject as shown to users: a package, an OCI reference or a registry.
        problem: The message without the reference.
    """

    def __init__(self, message: str, *, reference: str = "") -> None:
        self.reference = _safe(reference)
        self.problem = _safe(message)
        super().__init__(f"`{self.reference}`: {self.problem}" if reference else self.problem)


class InvalidReferenceError(RegistryError):
    """A reference that is not valid."""


class RegistryUnreachableError(RegistryError):
    """No response of a registry, or an invalid one, after all retries.

    Attributes:
        status: The last HTTP status; None if no response arrived.
    """

    def __init__(self, message: str, *, reference: str = "", status: int | None = None) -> None:
        self.status = status
        super().__init__(message, reference=reference)


class RegistryDeniedError(RegistryError):
    """Access denied by a registry: 401 (not authenticated) or 403 (not authorized).

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, message: str, *, reference: str = "", status: int = 401) -> None:
        self.status = status
        super().__init__(message, reference=reference)


class UnknownPackageError(RegistryError):
    """A package, or a version in the requested range, that does not exist.

    Attributes:
        versions: The available versions.
    """

    def __init__(self, message: str, *, reference: str = "", versions: Sequence[str] = ()) -> None:
        self.versions = tuple(versions)
        super().__init__(message, reference=reference)


class IntegrityError(RegistryError):
    """Content that does not match its digest; it was discarded.

    Attributes:
        expected: The requested digest.
        found: The digest of the content received.
    """

    def __init__(self, message: str, *, reference: str = "", expected: str = "", found: str = "") -> None:
        self.expected = expected
        self.found = found
        super().__init__(message, reference=reference)


class InvalidArtifactError(RegistryError):
    """An artifact that is not a WebAssembly component."""


class LockDriftError(RegistryError):
    """A ``wasmcp.lock`` that does not match the project's requirements.

    Attributes:
        problems: One sentence per difference.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  * {problem}" for problem in self.problems)
        super().__init__(f"`wasmcp.lock` is not up to date:\n{lines}\nrun `wasmcp lock` and review the changes")


class SignatureError(RegistryError):
    """A signature that is required and is missing or invalid."""


def _safe(text: str) -> str:
    return printable(without_password(text), keep="\n")
