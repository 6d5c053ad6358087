"""Preparation of resolved specs for composition: bytes, catalogue, grants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.compose.catalogue import Catalogue
from wasmcp.compose.component_reader import ComponentSpec, read_component
from wasmcp.compose.grant_rules import GrantRules
from wasmcp.compose.interfaces import SERVER_HANDLER
from wasmcp.errors import CatalogueError, SpecError
from wasmcp.project.build_steps import build_component
from wasmcp.project.catalogue_recording import catalogue_of
from wasmcp.project.config import load
from wasmcp.project.events import lines
from wasmcp.project.manifest import Built, built_entry, given_entry
from wasmcp.storage import Cache, digest_of_bytes, digests_of_framework

if TYPE_CHECKING:
    from wasmcp.registry.names.spec_resolver import Resolved, Resolver


@dataclass(frozen=True)
class Prepared:
    """Component ready to be composed.

    Attributes:
        spec: The specification for the composition.
        digest: The digest of the component.
        source: Its origin, for people: a file, a package with its version, a component of the project.
        entry: Its entry in the server manifest.
    """

    spec: ComponentSpec
    digest: str
    source: str
    entry: Mapping[str, Any] = field(default_factory=dict)


def prepare(
    resolver: Resolver,
    resolved: Resolved,
    grants: Collection[str] = (),
    rules: GrantRules | None = None,
    *,
    dynamic: bool = False,
) -> Prepared:
    """Read a component and its catalogue, which is recorded by booting it in the sandbox unless it comes with it.

    Args:
        resolver: The resolver of the spec.
        resolved: The resolved spec.
        grants: Families of host interfaces, in addition to those that the project grants its own components.
        rules: Rules of these grants. A family that is granted here replaces the project's rules of it.
        dynamic: Read its lists at run time instead.

    Raises:
        SpecError: The file cannot be read.
        CatalogueError: The component does not boot, or its catalogue was recorded for another component.
        CompositionError: The component cannot be part of a server.
    """
    if resolved.path is None:
        built = build(resolver, resolved)
        config = built.step.config
        at_run_time = dynamic or config.dynamic
        catalogue = None if at_run_time else built.catalogue
        spec = ComponentSpec(
            resolved.name,
            built.data,
            catalogue,
            config.grants | frozenset(grants),
            at_run_time,
            config.values,
            config.rules.replaced(grants, rules or GrantRules()),
        )
        entry = {
            **built_entry(built),
            "name": resolved.name,
            "grants": sorted(spec.grants),
            "rules": spec.rules.to_dict(),
            "dynamic": at_run_time,
        }
        if not spec.rules:
            del entry["rules"]
        return Prepared(spec, built.digest, f"component `{resolved.request.spec}` of the project", entry)
    data = read(resolved, resolved.path)
    found = digest_of_bytes(data)
    catalogue = None if dynamic else _catalogue(resolved, resolved.path, data, found)
    source = resolved.fetched.reference if resolved.fetched is not None else str(resolved.path)
    origin = resolved.fetched.origin if resolved.fetched is not None else {}
    entry = given_entry(resolved.name, found, sorted(grants), dynamic=catalogue is None, origin=origin, rules=rules)
    spec = ComponentSpec(resolved.name, data, catalogue, frozenset(grants), dynamic, rules=rules or GrantRules())
    return Prepared(spec, found, source, entry)


def read(resolved: Resolved, path: Path) -> bytes:
    """Read a component's file.

    Raises:
        SpecError: The file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        spec = resolved.request.spec
        raise SpecError(spec, f"`{spec}` cannot be read: {error.strerror or error}") from None


def build(resolver: Resolver, resolved: Resolved) -> Built:
    """Return a component of the project, compiled now or from the cache.

    Raises:
        ConfigError: The project has mistakes.
        ToolchainError: The component does not compile.
    """
    root = resolver.options.root
    if root is None:
        raise SpecError(
            resolved.request.spec, f"`{resolved.request.spec}` names a component of a project, but no project was found"
        )
    options = resolver.options
    return build_component(load(root), resolved.request.spec, progress=lines(options.progress), fetching=options)


def _catalogue(resolved: Resolved, path: Path, data: bytes, found: str) -> Catalogue | None:
    """Return the catalogue of a component; None for one with a server handler."""
    name = resolved.name
    sidecar = path.with_name(f"{path.name}.catalogue.json")
    if resolved.fetched is not None and resolved.fetched.catalogue is not None:
        return _recorded(name, resolved.fetched.catalogue, found, "the catalogue in its manifest", "push it again")
    if sidecar.is_file():
        return _recorded(name, sidecar.read_bytes(), found, f"`{sidecar.name}`", "delete it")
    if SERVER_HANDLER in read_component(ComponentSpec(name, data)).offers:
        return None
    cache = Cache()
    with cache.lock(found):
        return catalogue_of(name, data, found, digests_of_framework(), cache)


def _recorded(name: str, text: str | bytes, found: str, where: str, advice: str) -> Catalogue:
    catalogue = Catalogue.from_json(text, source=name)
    if not catalogue.digest:
        raise CatalogueError(name, f"{where} does not name the digest of its component: {advice}")
    if catalogue.digest != found:
        raise CatalogueError(name, f"{where} was recorded for another component: {advice}")
    return catalogue
