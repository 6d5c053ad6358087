"""Subjects of commands that read one component or server: a component spec, resolved to bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wasmcp.cli.progress import say


@dataclass(frozen=True)
class Subject:
    """Component or server that a command reads.

    Attributes:
        name: The name shown to users.
        data: The file's bytes.
        path: The file; None for a component of the project.
    """

    name: str
    data: bytes
    path: Path | None = None


def read_subject(spec: str, *, offline: bool = False) -> Subject:
    """Read the file, package, alias or project component that a spec names.

    Raises:
        SpecError: The spec does not resolve, or the file cannot be read.
        RegistryError: It cannot be fetched.
        ToolchainError: The spec names a component of the project that does not compile.
    """
    from wasmcp.errors import SpecError
    from wasmcp.registry.names.aliases import Kind, classify

    if classify(spec) is not Kind.PATH:
        return _resolved(spec, offline=offline)
    path = Path(spec).expanduser()
    try:
        return Subject(path.name, path.read_bytes(), path)
    except OSError as error:
        raise SpecError(spec, f"`{spec}` cannot be read: {error.strerror or error}") from None


def _resolved(spec: str, *, offline: bool) -> Subject:
    from wasmcp.project.spec_components import build, read
    from wasmcp.registry.fetch_options import FetchOptions
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.names.spec_resolver import Request, Resolver

    resolver = Resolver(FetchOptions(root=find_project(Path.cwd()), offline=offline, progress=say))
    resolved = resolver.resolve(Request(spec, Path.cwd()))
    if resolved.path is None:
        return Subject(resolved.name, build(resolver, resolved).data)
    return Subject(resolved.name, read(resolved, resolved.path), resolved.path)
