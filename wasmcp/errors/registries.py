"""Errors of component specs, names and registries."""

from __future__ import annotations

from collections.abc import Sequence

from wasmcp.errors.root import WasmcpError
from wasmcp.terminal import printable, without_password


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
