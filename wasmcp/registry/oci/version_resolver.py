"""Resolution of references to manifests: versions, ranges, tags, digests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from wasmcp.errors import IntegrityError, UnknownPackageError
from wasmcp.registry.names.namespace_policy import Settings
from wasmcp.registry.oci.artifact import Artifact, member_of_index, read_manifest
from wasmcp.registry.oci.blob_store import Store
from wasmcp.registry.oci.client import Client
from wasmcp.registry.oci.references import Package, Place, Version
from wasmcp.storage.digest import of_bytes

_SHOWN = 20


@dataclass(frozen=True)
class Resolution:
    """Resolved reference.

    Attributes:
        reference: The reference.
        place: The place, with the digest of its manifest.
        version: The version or the tag; the empty string if only a digest is known.
        artifact: The manifest.
    """

    reference: Package | Place
    place: Place
    version: str
    artifact: Artifact

    @property
    def exact(self) -> str:
        """The reference with version and digest."""
        if isinstance(self.reference, Package):
            return f"{self.reference.title}@{self.version}@{self.artifact.digest}"
        return str(replace(self.place, tag=self.reference.tag))

    @property
    def origin(self) -> dict[str, str]:
        """The package, version and source, for manifests."""
        title = (
            self.reference.title if isinstance(self.reference, Package) else self.place.repository.rpartition("/")[2]
        )
        place = replace(self.place, tag=None, digest=None)
        return {"package": title, "version": self.version, "source": f"{place}@{self.artifact.digest}"}


class Resolver:
    """Resolver of references, from registries or (offline) from the store.

    Attributes:
        settings: The registry configuration.
        store: The blob store.
        offline: Do not contact registries.
    """

    def __init__(
        self, settings: Settings, store: Store, *, offline: bool = False, client: Callable[[str], Client] = Client
    ) -> None:
        self.settings = settings
        self.store = store
        self.offline = offline
        self._make = client
        self._clients: dict[str, Client] = {}

    def client(self, host: str) -> Client:
        """Return the client of a registry, one per host."""
        return self._clients.setdefault(host, self._clients.get(host) or self._make(host))

    def resolve(self, asked: Package | Place) -> Resolution:
        """Resolve a reference.

        Raises:
            UnknownPackageError: No version matches; the message lists the available ones.
            RegistryError: See `Client.request`.
        """
        if isinstance(asked, Place):
            try:
                artifact = self.artifact(asked, asked.version)
            except UnknownPackageError as error:
                raise self._without_tag(asked, error) from None
            return Resolution(asked, replace(asked, digest=artifact.digest), asked.tag or "", artifact)
        place = self.settings.place(asked)
        exact = Version.parse(asked.range.text.removeprefix("=").strip())
        if exact is not None:
            return self._exact(asked, place, exact)
        versions = self.versions(place, str(asked))
        yanked: dict[str, str] = {}
        for version in asked.range.choose(versions):
            if self.offline and not self._cached(place, version):
                continue
            artifact = self.artifact(place, version.tag, str(asked))
            if artifact.yanked is None:
                return Resolution(asked, replace(place, digest=artifact.digest), str(version), artifact)
            yanked[str(version)] = artifact.yanked
        raise self._missing(asked, versions, yanked)

    def versions(self, place: Place, reference: str = "") -> list[Version]:
        """Return the versions in a repository, lowest first; other tags are ignored.

        Raises:
            RegistryError: See `Client.request`.
        """
        key = f"{place.host}/{place.repository}"
        if self.offline:
            tags = list(self.store.tags(key))
        else:
            try:
                tags = self.client(place.host).tags(place)
            except UnknownPackageError:
                raise UnknownPackageError(
                    f"`{place.host}` has no `{place.repository}`", reference=reference or key
                ) from None
            self.store.remember(key, dict.fromkeys(tags, ""))
        return sorted(version for version in map(Version.of_tag, tags) if version is not None)

    def artifact(self, place: Place, version: str, reference: str = "") -> Artifact:
        """Return the verified manifest of a tag or digest.

        For an image index with one component, return the manifest of that component, under the digest of the index: the
        index is what the reference names, the lock pins, and signatures cover.

        Raises:
            UnknownPackageError: The manifest does not exist, or (offline) is not cached.
            IntegrityError: The digest does not match.
            InvalidArtifactError: The manifest is not that of a component.
        """
        reference = reference or str(place)
        data = self.manifest(place, version, reference)
        member = member_of_index(data, reference)
        if member is None:
            return read_manifest(data, reference)
        return replace(read_manifest(self.manifest(place, member, reference), reference), digest=of_bytes(data))

    def manifest(self, place: Place, version: str, reference: str) -> bytes:
        """Return the verified bytes of a manifest of any type, and store them."""
        key = f"{place.host}/{place.repository}"
        by_digest = version if version.startswith("sha256:") else ""
        known = by_digest or (self.store.tags(key).get(version, "") if self.offline else "")
        cached = self.store.get(known) if known else None
        if cached is not None:
            return cached.read_bytes()
        if self.offline:
            raise UnknownPackageError(f"not cached, and offline: `{version}` of `{key}`", reference=reference)
        data, said = self.client(place.host).manifest(place, version)
        found = of_bytes(data)
        expected = by_digest or (said if said.startswith("sha256:") else found)
        if found != expected:
            problem = f"the manifest that came has the digest `{found}`, not `{expected}`"
            raise IntegrityError(problem, reference=reference, expected=expected, found=found)
        self.store.put(found, [data])
        if not by_digest:
            self.store.remember(key, {**self.store.tags(key), version: found})
        return data

    def _exact(self, asked: Package, place: Place, version: Version) -> Resolution:
        try:
            artifact = self.artifact(place, version.tag, str(asked))
        except UnknownPackageError:
            raise self._missing(asked, self.versions(place, str(asked)), {}) from None
        if artifact.yanked is not None:
            raise self._missing(asked, [], {str(version): artifact.yanked})
        return Resolution(asked, replace(place, digest=artifact.digest), str(version), artifact)

    def _without_tag(self, asked: Place, error: UnknownPackageError) -> UnknownPackageError:
        """Return the error for a missing `latest` of a reference without tag; it lists the tags."""
        if asked.tag is not None or asked.digest is not None or self.offline:
            return error
        tags = self.client(asked.host).tags(asked)
        listed = ", ".join(f"`{tag}`" for tag in sorted(tags)[-_SHOWN:]) or "none"
        problem = f"the default tag `latest` does not exist; the tags are {listed}"
        return UnknownPackageError(problem, reference=str(asked), versions=tags)

    def _cached(self, place: Place, version: Version) -> bool:
        digest = self.store.tags(f"{place.host}/{place.repository}").get(version.tag)
        return bool(digest) and self.store.path(str(digest)).is_file()

    def _missing(self, asked: Package, versions: list[Version], yanked: dict[str, str]) -> UnknownPackageError:
        names = [str(version) for version in reversed(versions)]
        if yanked:
            reasons = "; ".join(f"`{version}` was withdrawn: {reason}" for version, reason in yanked.items())
            problem = f"no version is left that will do: {reasons}"
        elif self.offline:
            problem = "no version that will do is cached, and this is offline"
        else:
            listed = ", ".join(f"`{name}`" for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
            problem = f"no version matches; available are {listed}" if names else "the package has no versions"
        return UnknownPackageError(problem, reference=str(asked), versions=names)
