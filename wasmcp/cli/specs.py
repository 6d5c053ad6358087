"""What commands that look at one component or server take: a spec, read to a file's bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wasmcp.cli.progress import say


@dataclass(frozen=True)
class Subject:
    """What a command looks at.

    Attributes:
        name: What it is called.
        data: Its bytes.
        path: Its file; None for a component of the project.
    """

    name: str
    data: bytes
    path: Path | None = None


def read_subject(spec: str, *, offline: bool = False) -> Subject:
    """Read what a spec names: a file, a package of a registry, an alias, or a component of the project at hand.

    Raises:
        SpecError: It names nothing, or what cannot be read.
        RegistryError: It cannot be fetched.
        ToolchainError: It is a component of the project and does not compile.
    """
    from wasmcp.errors import SpecError
    from wasmcp.registry.names.component_spec import Kind, classify

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
    from wasmcp.registry.names.name_scopes import find_project
    from wasmcp.registry.names.spec_resolver import Request, Resolver

    resolver = Resolver(FetchOptions(root=find_project(Path.cwd()), offline=offline, progress=say))
    resolved = resolver.resolve(Request(spec, Path.cwd()))
    if resolved.path is None:
        return Subject(resolved.name, build(resolver, resolved).data)
    return Subject(resolved.name, read(resolved, resolved.path), resolved.path)
