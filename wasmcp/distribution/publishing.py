"""Publication of components and servers in OCI registries, with their catalogue, origin and signatures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wasmcp.errors import CatalogueError, CompositionError, ConfigError, UnfitServerError

if TYPE_CHECKING:
    from wasmcp.project.model import Project
    from wasmcp.registry.oci.manifests import Resolver

_ANNOTATION = "org.opencontainers.image."


@dataclass(frozen=True)
class Publication:
    """Annotations, catalogue and signature of a component that is published.

    Attributes:
        facts: `source`, `revision`, `licenses` and `description`; those that are empty are left out. By default source
            and revision are those of the git checkout.
        annotations: Further annotations.
        catalogue: Attach the catalogue of a component, so that composing it need not start it.
        key: The private key to sign with.
        password: The password of that key.
        keyless: Sign with the identity of the CI job.
        force: Replace an existing version with different content.
    """

    facts: Mapping[str, str | None] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    catalogue: bool = True
    key: Path | None = None
    password: bytes | None = None
    keyless: bool = False
    force: bool = False


@dataclass(frozen=True)
class Published:
    """A published component.

    Attributes:
        place: Its place, with tag and digest.
        digest: The digest of the component.
        signatures: The tag of its signature, or None.
    """

    place: str
    digest: str
    signatures: str | None


def publish(
    file: Path, reference: str, resolver: Resolver, publication: Publication, say: Callable[[str], None]
) -> Published:
    """Push a component or a server, and sign it.

    Args:
        file: Its file.
        reference: `ns:name@1.2.3` or `oci://host/repository:tag`.
        resolver: The resolver with the configuration of registries.
        publication: Its annotations, catalogue and signature.
        say: Called with a line for the user.

    Raises:
        WasmcpError: The file is not a component, the reference is invalid, or the registry rejects it.
    """
    from wasmcp.insight.roles import grant_annotations
    from wasmcp.project import provenance
    from wasmcp.registry.oci import transfers
    from wasmcp.registry.signing import signatures

    annotations = provenance.of_checkout(file.resolve().parent) | grant_annotations(file.read_bytes())
    if publication.catalogue:
        try:
            annotations |= provenance.of_catalogue(file, file.stem)
        except (CatalogueError, CompositionError) as error:
            say(f"no catalogue is attached, its lists cannot be read: {error}")
    annotations |= {f"{_ANNOTATION}{name}": value for name, value in publication.facts.items() if value}
    annotations |= publication.annotations
    pushed = transfers.push(file, reference, resolver, annotations=annotations, force=publication.force)
    signed = None
    if publication.key is not None:
        signed = signatures.sign(pushed.place, publication.key, publication.password, resolver)
    if publication.keyless:
        signed = signatures.sign_by_identity(pushed.place, resolver)
    return Published(str(pushed.place), pushed.digest, signed)


def publish_built(
    project: Project,
    version: str,
    references: Mapping[str, str],
    publication: Publication,
    say: Callable[[str], None],
) -> dict[str, Published]:
    """Publish servers that were built in the tree.

    Nothing is built or published if a server is missing, is of another version, or if its sources changed.

    Args:
        project: The project.
        version: The version of its distribution.
        references: Server -> its reference without a version: `ns:name` or `oci://host/repository`.
        publication: Its annotations, catalogue and signature.
        say: Called with a line for the user.

    Raises:
        ConfigError: A server does not exist, a reference has a version, or two servers have the same place.
        UnfitServerError: The servers in the tree cannot be published.
        WasmcpError: As for `publish`.
    """
    from wasmcp.project.build_steps import changed, unfit
    from wasmcp.registry.oci import transfers
    from wasmcp.registry.oci.references import Place, parse

    problems = []
    exact = {}
    for key, reference in references.items():
        if key not in project.servers:
            known = ", ".join(f"`{one}`" for one in project.servers)
            problems.append(f"`tool.hatch.publish.oci` names the server `{key}`; the project has {known}")
            continue
        parsed = parse(reference)
        if "@" in reference or (isinstance(parsed, Place) and parsed.tag is not None):
            problems.append(f"`tool.hatch.publish.oci`: `{reference}` has a version; the project's is added to it")
        exact[key] = (
            f"{reference}:{version.replace('+', '_')}" if isinstance(parsed, Place) else f"{reference}@{version}"
        )
    if problems:
        raise ConfigError(problems)
    resolver = transfers.resolver_for(project.root)
    places: dict[Place, str] = {}
    for key, reference in exact.items():  # all of them are checked before the first is pushed
        place = transfers.target(reference, resolver)
        if place in places:
            problems.append(
                f"`tool.hatch.publish.oci`: the servers `{places[place]}` and `{key}` have one place, `{place}`"
            )
        places[place] = key
    if problems:
        raise ConfigError(problems)
    faults = [*unfit(project, version), *changed(project, version)]
    if faults:
        raise UnfitServerError(faults)
    return {
        key: publish(project.output(key), reference, resolver, publication, say) for key, reference in exact.items()
    }
