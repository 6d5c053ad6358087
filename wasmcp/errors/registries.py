"""Specs, names and registries: getting components, and putting them there."""

from __future__ import annotations

from collections.abc import Sequence

from wasmcp.errors.root import WasmcpError
from wasmcp.terminal import printable, without_password


class SpecError(WasmcpError):
    """A spec that names no component, or more than one.

    Attributes:
        spec: The spec, as it was written.
        origin: Who wrote it, where that was not the caller: the alias or the profile; else the empty string.
    """

    def __init__(self, spec: str, problem: str, *, origin: str = "") -> None:
        self.spec = spec
        self.origin = origin
        super().__init__(_safe(f"{origin}: {problem}" if origin else problem))


class InvalidNameError(WasmcpError):
    """An alias or a profile that cannot be kept, or not be removed.

    Attributes:
        name: Its name.
        problems: A sentence for each reason.
    """

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class RegistryError(WasmcpError):
    """Getting components from registries and putting them there.

    The text of registries may be in the message, and what a user wrote: it is printable, and has no password.

    Attributes:
        reference: What it is about, as a person would name it: a package, an OCI reference or a registry.
        problem: The message without the reference.
    """

    def __init__(self, message: str, *, reference: str = "") -> None:
        self.reference = _safe(reference)
        self.problem = _safe(message)
        super().__init__(f"`{self.reference}`: {self.problem}" if reference else self.problem)


class InvalidReferenceError(RegistryError):
    """A reference that names nothing a registry could have."""


class RegistryUnreachableError(RegistryError):
    """A registry gives no answer, or none that means anything, even after some tries.

    Attributes:
        status: The last HTTP status; None when there was no answer.
    """

    def __init__(self, message: str, *, reference: str = "", status: int | None = None) -> None:
        self.status = status
        super().__init__(message, reference=reference)


class RegistryDeniedError(RegistryError):
    """A registry does not allow it: 401 (who are you?) or 403 (not you).

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, message: str, *, reference: str = "", status: int = 401) -> None:
        self.status = status
        super().__init__(message, reference=reference)


class UnknownPackageError(RegistryError):
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


class InvalidArtifactError(RegistryError):
    """Something in a registry that is no WebAssembly component."""


class LockDriftError(RegistryError):
    """``wasmcp.lock`` and what is asked for differ.

    Attributes:
        problems: One sentence a difference.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  * {problem}" for problem in self.problems)
        super().__init__(f"`wasmcp.lock` is not up to date:\n{lines}\nrun `wasmcp lock` and look at what it changes")


class SignatureError(RegistryError):
    """A signature that is required or asked for is missing, or is wrong."""


def _safe(text: str) -> str:
    return printable(without_password(text), keep="\n")
