"""Putting components into registries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wasmcp.errors import InvalidReferenceError, RegistryError, UnknownPackageError
from wasmcp.registry.names import namespace_policy
from wasmcp.registry.oci import artifact, references
from wasmcp.registry.oci.blob_store import Store
from wasmcp.registry.oci.references import Package, Place
from wasmcp.registry.oci.version_resolver import Resolver
from wasmcp.registry.oci.versions import Version
from wasmcp.storage.digest import of_bytes


@dataclass(frozen=True)
class Pushed:
    """A component that was put into a registry.

    Attributes:
        place: Where, with tag and digest of the manifest.
        digest: Of the component.
    """

    place: Place
    digest: str


def resolver_for(root: Path | None, *, offline: bool = False) -> Resolver:
    """Return a resolver as the user and (where there is one) a project configure it.

    Raises:
        ConfigError: The configuration has mistakes.
    """
    return Resolver(namespace_policy.load(root), Store(), offline=offline)


def target(reference: str, resolver: Resolver) -> Place:
    """Return the place, with tag, that a reference of one version names.

    Raises:
        InvalidReferenceError: It names no version, or a range.
        RegistryError: Its namespace is not configured.
    """
    asked = references.parse(reference)
    if isinstance(asked, Place):
        if asked.tag is None or asked.digest is not None:
            raise InvalidReferenceError(
                "a tag is needed, and no digest: `oci://HOST/REPOSITORY:TAG`", reference=reference
            )
        return asked
    version = Version.parse(asked.range.text)
    if version is None:
        raise InvalidReferenceError("one whole version is needed: `NAMESPACE:NAME@1.2.3`", reference=reference)
    return replace(resolver.settings.place(asked), tag=version.tag)


def push(
    path: Path, reference: str, resolver: Resolver, *, annotations: Mapping[str, str] | None = None, force: bool = False
) -> Pushed:
    """Put a component into a registry.

    Args:
        path: The component.
        reference: `ns:name@1.2.3` or `oci://host/repository:tag`.
        resolver: For the registry.
        annotations: What to say about it, beside its title and version.
        force: Replace a version that is there and is another.

    Raises:
        InvalidArtifactError: It is no component.
        RegistryError: The version is there and is another, or the registry does not take it.
    """
    place = target(reference, resolver)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RegistryError(f"`{path}` cannot be read: {error.strerror or error}", reference=reference) from None
    tag = str(place.tag)
    asked = references.parse(reference)
    title = asked.title if isinstance(asked, Package) else place.repository.rpartition("/")[2]
    said = {
        artifact.TITLE: title,
        artifact.VERSION: tag.replace("_", "+"),
        **(annotations or {}),
    }
    config, manifest = artifact.make(data, said, reference)
    digest = of_bytes(manifest)
    client = resolver.client(place.host)
    if not force:
        try:
            there, _ = client.manifest(place, tag)
        except UnknownPackageError:
            there = manifest
        if there != manifest:
            problem = (
                f"this version is there already and is another (`{of_bytes(there)}`): raise the version, or `--force`"
            )
            raise RegistryError(problem, reference=reference)
    store = resolver.store
    client.push_blob(place, of_bytes(config), store.put(of_bytes(config), [config]))
    client.push_blob(place, of_bytes(data), store.put(of_bytes(data), [data]))
    client.push_manifest(place, tag, manifest)
    return Pushed(replace(place, digest=digest), of_bytes(data))


def yank(reference: str, resolver: Resolver, reason: str | None) -> Place:
    """Mark a version as not to be used any more, or (`reason` None) take the mark back.

    Ranges do not choose it any more; who has locked it still gets it, by its digest.

    Raises:
        RegistryError: There is no such version, or the registry does not take it.
    """
    place = target(reference, resolver)
    before = resolver.manifest(place, str(place.tag), reference)
    artifact.read_manifest(before, reference)
    after = artifact.yank(before, reason)
    client = resolver.client(place.host)
    # Under its own digest too: a registry may forget a manifest that no tag names.
    client.push_manifest(place, of_bytes(before), before)
    client.push_manifest(place, str(place.tag), after)
    return replace(place, digest=of_bytes(after))
