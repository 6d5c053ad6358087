"""Transfers of components from and to registries: pull, push, yank.

A pulled component is accepted if its digest matches the manifest, the manifest's digest matches the lock or the
reference, and the required signatures are valid.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wasmcp.errors import IntegrityError, InvalidReferenceError, LockDriftError, RegistryError, UnknownPackageError
from wasmcp.registry import Fetched, FetchOptions, lock
from wasmcp.registry.lock import Pin
from wasmcp.registry.names import namespace_policy
from wasmcp.registry.oci import manifests, references
from wasmcp.registry.oci.blob_store import Store, writing
from wasmcp.registry.oci.manifests import SIZE_LIMIT, Resolution, Resolver, check_component
from wasmcp.registry.oci.references import Origin, Package, Place, Version, normal_host
from wasmcp.registry.oci.transport import shown
from wasmcp.registry.signing import signatures
from wasmcp.storage import digest_of_bytes

_LOGIN = "credentials come from `docker login` or WASMCP_REGISTRY_HOST, _USER and _PASSWORD, never from an address"


def fetch(reference: str, options: FetchOptions | None = None) -> Fetched:
    """Return a component of a registry, from the store if possible.

    Args:
        reference: `ns:name[@range]`, `oci://host/repository[:tag][@sha256:...]`, or the `https` address of a file.
        options: Options for fetching.

    Raises:
        InvalidReferenceError: The reference is invalid.
        UnknownPackageError: The version does not exist, or (offline) is not cached.
        LockDriftError: The component must be locked and is not.
        IntegrityError: The content does not match its digest.
        InvalidArtifactError: The artifact is not a component.
        SignatureError: The component must be signed and is not.
        RegistryError: The registry does not respond or denies access, or the store is not writable.
    """
    options = FetchOptions() if options is None else options
    store = Store()
    if reference.lower().startswith(("https://", "http://")):
        fetched = _file(reference, options, store)
    else:
        resolver = Resolver(namespace_policy.load(options.root), store, offline=options.offline)
        resolution = locate(references.parse(reference), resolver, options)
        path = obtain(resolution, resolver, options)
        artifact = resolution.artifact
        fetched = Fetched(path, artifact.layer, resolution.exact, artifact.catalogue, resolution.origin)
    if options.deps_dir is not None:
        fetched = replace(fetched, path=_copied(fetched.path, reference, options.deps_dir))
    return fetched


def locate(asked: Package | Place, resolver: Resolver, options: FetchOptions) -> Resolution:
    """Resolve a reference with the project's lock, or else with the registry.

    Raises:
        LockDriftError: The component must be locked and is not.
        RegistryError: See `fetch`.
    """
    pin = lock.read(options.root).pin(asked) if options.root is not None else None
    if pin is not None:
        return pinned(asked, pin, resolver)
    if options.locked:
        raise LockDriftError([f"`{asked}` is not in it"])
    options.progress(f"resolving {asked}")
    return resolver.resolve(asked)


def pinned(asked: Package | Place, pin: Pin, resolver: Resolver) -> Resolution:
    """Return the resolution of a reference in a lock.

    Raises:
        IntegrityError: The place or manifest in the lock differs from the reference, or the component in the manifest
            differs from the lock.
        RegistryError: See `fetch`.
    """
    place = references.parse_place(f"{pin.source}@{pin.manifest}")
    if isinstance(asked, Place):
        if (asked.host, asked.repository) != (place.host, place.repository):
            raise IntegrityError(f"the lock has another source, `{pin.source}`", reference=str(asked))
        if asked.digest not in (None, pin.manifest):
            problem = f"the lock has `{pin.manifest}`"
            raise IntegrityError(problem, reference=str(asked), expected=str(asked.digest), found=pin.manifest)
    artifact = resolver.artifact(place, pin.manifest, str(asked))
    if artifact.layer != pin.digest:
        problem = f"the lock has `{pin.digest}`, its manifest names `{artifact.layer}`"
        raise IntegrityError(problem, reference=str(asked), expected=pin.digest, found=artifact.layer)
    return Resolution(asked, place, pin.version, artifact)


def obtain(resolution: Resolution, resolver: Resolver, options: FetchOptions) -> Path:
    """Return the file of a component; pull it if it is not in the store, and verify its signature if required.

    Raises:
        RegistryError: See `fetch`.
    """
    signatures.enforce(resolution, resolver)
    store, artifact, reference = resolver.store, resolution.artifact, str(resolution.reference)
    path = store.get(artifact.layer)
    if path is None:
        with store.lock(artifact.layer):
            path = store.get(artifact.layer) or _pull(resolution, resolver, options)
    with path.open("rb") as file:
        check_component(file.read(8), reference)
    return path


def _pull(resolution: Resolution, resolver: Resolver, options: FetchOptions) -> Path:
    artifact, place, reference = resolution.artifact, resolution.place, str(resolution.reference)
    if resolver.offline:
        raise UnknownPackageError(f"not cached, and offline: `{artifact.layer}`", reference=reference)
    options.progress(f"pulling {resolution.exact} ({artifact.size / 1024:,.0f} KB)")
    pieces = options.watched(reference, artifact.size, resolver.client(place.host).blob(place, artifact.layer))
    return resolver.store.put(artifact.layer, pieces, size=artifact.size, reference=reference)


def _file(url: str, options: FetchOptions, store: Store) -> Fetched:
    """Return a component from a plain address; its digest is pinned by the lock or by the first download."""
    from wasmcp.registry.oci.client import Client

    try:
        origin = Origin.of(url)
        host = normal_host(origin.authority)
    except ValueError as error:
        raise InvalidReferenceError(f"{error}: it is not allowed; {_LOGIN}", reference=shown(url)) from None
    signatures.refuse_unsigned(url, host, namespace_policy.load(options.root))
    if options.locked:
        raise LockDriftError(
            [f"`{url}` is an address, which a lock cannot pin: use a package or a file of the project"]
        )
    known = store.tags(url).get("latest", "")
    path = store.get(known) if known and options.offline else None
    if path is None:
        if options.offline:
            raise UnknownPackageError("not cached, and offline", reference=url)
        options.progress(f"getting {shown(url)}")
        pieces = Client(host, scheme=origin.scheme).file(url)
        known = store.add(pieces, limit=SIZE_LIMIT, reference=url, check=lambda head: check_component(head, url))
        path = store.path(known)
        store.remember(url, {"latest": known})
    return Fetched(path, known, f"{url}#{known}")


def _copied(path: Path, reference: str, folder: Path) -> Path:
    """Copy a component into a directory, under a descriptive name."""
    bare = reference.partition("://")[2] or reference
    name = re.split(r"[?#]", bare)[0].replace(":", "_").replace("/", "_").removesuffix(".wasm")
    target = folder / f"{name}.wasm"
    with writing(target):
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".part-", dir=folder)
        os.close(handle)
        try:
            shutil.copyfile(path, temporary)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(target)
        finally:
            Path(temporary).unlink(missing_ok=True)
    return target


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
        manifests.TITLE: title,
        manifests.VERSION: tag.replace("_", "+"),
        **(annotations or {}),
    }
    config, manifest = manifests.make_manifest(data, said, reference)
    digest = digest_of_bytes(manifest)
    client = resolver.client(place.host)
    if not force:
        try:
            there, _ = client.manifest(place, tag)
        except UnknownPackageError:
            there = manifest
        if there != manifest:
            problem = (
                f"this version already exists with other content (`{digest_of_bytes(there)}`): raise it, or `--force`"
            )
            raise RegistryError(problem, reference=reference)
    store = resolver.store
    client.push_blob(place, digest_of_bytes(config), store.put(digest_of_bytes(config), [config]))
    client.push_blob(place, digest_of_bytes(data), store.put(digest_of_bytes(data), [data]))
    client.push_manifest(place, tag, manifest)
    return Pushed(replace(place, digest=digest), digest_of_bytes(data))


def yank(reference: str, resolver: Resolver, reason: str | None) -> Place:
    """Mark a version as yanked, or (`reason` None) remove the mark.

    Ranges no longer select it; projects that have locked it still get it, by its digest.

    Raises:
        RegistryError: The version does not exist, or the registry rejects the manifest.
    """
    place = target(reference, resolver)
    before = resolver.manifest(place, str(place.tag), reference)
    manifests.read_manifest(before, reference)
    after = manifests.yanked_manifest(before, reason)
    client = resolver.client(place.host)
    # Push it by digest too: a registry can delete a manifest without tags.
    client.push_manifest(place, digest_of_bytes(before), before)
    client.push_manifest(place, str(place.tag), after)
    return replace(place, digest=digest_of_bytes(after))
