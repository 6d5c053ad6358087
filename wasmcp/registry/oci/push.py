"""Pushing of components to registries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wasmcp.errors import InvalidReferenceError, RegistryError, UnknownPackageError
from wasmcp.registry.names import namespace_policy
from wasmcp.registry.oci import artifact, references
from wasmcp.registry.oci.blob_store import Store
from wasmcp.registry.oci.references import Package, Place, Version
from wasmcp.registry.oci.version_resolver import Resolver
from wasmcp.storage.digest import of_bytes


@dataclass(frozen=True)
class Pushed:
    """Pushed component.

    Attributes:
        place: The place, with tag and digest of the manifest.
        digest: The digest of the component.
    """

    place: Place
    digest: str


def resolver_for(root: Path | None, *, offline: bool = False) -> Resolver:
    """Return a resolver with the configuration of the user and of the project, if any.

    Raises:
        ConfigError: The configuration has mistakes.
    """
    return Resolver(namespace_policy.load(root), Store(), offline=offline)


def target(reference: str, resolver: Resolver) -> Place:
    """Return the place, with tag, for a reference to one version.

    Raises:
        InvalidReferenceError: The reference has no version, or a range.
        RegistryError: The namespace is not configured.
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
    """Push a component to a registry.

    Args:
        path: The component's file.
        reference: `ns:name@1.2.3` or `oci://host/repository:tag`.
        resolver: The resolver with the registry's configuration.
        annotations: Annotations in addition to title and version.
        force: Replace an existing version with different content.

    Raises:
        InvalidArtifactError: The file is not a component.
        RegistryError: The version exists with different content, or the registry rejects it.
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
            problem = f"this version already exists with other content (`{of_bytes(there)}`): raise it, or `--force`"
            raise RegistryError(problem, reference=reference)
    store = resolver.store
    client.push_blob(place, of_bytes(config), store.put(of_bytes(config), [config]))
    client.push_blob(place, of_bytes(data), store.put(of_bytes(data), [data]))
    client.push_manifest(place, tag, manifest)
    return Pushed(replace(place, digest=digest), of_bytes(data))


def yank(reference: str, resolver: Resolver, reason: str | None) -> Place:
    """Mark a version as yanked, or (`reason` None) remove the mark.

    Ranges no longer select it; projects that have locked it still get it, by its digest.

    Raises:
        RegistryError: The version does not exist, or the registry rejects the manifest.
    """
    place = target(reference, resolver)
    before = resolver.manifest(place, str(place.tag), reference)
    artifact.read_manifest(before, reference)
    after = artifact.yank(before, reason)
    client = resolver.client(place.host)
    # Push it by digest too: a registry can delete a manifest without tags.
    client.push_manifest(place, of_bytes(before), before)
    client.push_manifest(place, str(place.tag), after)
    return replace(place, digest=of_bytes(after))
