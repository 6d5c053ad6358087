"""Publication of components and servers in OCI registries, and the document of the MCP Registry for a server.

Components are published with their catalogue, origin and signatures.

The document (``server.json``) is for a server that the project publishes on PyPI. The registry accepts a package if its
README, as PyPI has it, contains ``mcp-name: NAME`` with the name of the document. Source: schema 2025-12-11 of
``server.json``, and `ValidatePyPI` of github.com/modelcontextprotocol/registry v1.8.9.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.distribution.descriptions import OperatorInput, PackageMetadata, operator_inputs, refuse
from wasmcp.errors import CatalogueError, CompositionError, ConfigError, UnfitServerError
from wasmcp.file_writing import write_atomically
from wasmcp.project.model import Project

if TYPE_CHECKING:
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


SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
FILE = "server.json"

_NAME = re.compile(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+")
_MARKER = re.compile(r"mcp-name: ([A-Za-z0-9._/-]+?)(?=-->|--!>|[^A-Za-z0-9._/-]|$)")
_MOST = 100  # characters of a description or a title
_REMOTE = re.compile(r"https?://[^\s]+")


def markers(readme: str) -> tuple[str, ...]:
    """Return the names of servers that a README claims, in order, without repetitions."""
    return tuple(dict.fromkeys(match[1] for match in _MARKER.finditer(readme)))


def registry_document(
    project: Project,
    server: str,
    metadata: PackageMetadata,
    *,
    name: str | None = None,
    remotes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the document of a server.

    Args:
        project: The project.
        server: The server's key.
        metadata: The metadata of its distribution.
        name: The name in the registry; by default the one that the README claims.
        remotes: URLs at which the server is offered over HTTP.

    Raises:
        ConfigError: The registry would refuse the document or the package; the error lists all reasons.
    """
    config = project.servers[server]
    problems = metadata.check_runs()
    name = _name(name, markers(metadata.readme), problems)
    description = config.description or metadata.description
    if not description:
        problems.append("`project.description` is needed for `server.json`")
    for key, text in (("description", description), ("title", config.title or "")):
        if len(text) > _MOST:
            problems.append(
                f"`tool.wasmcp.servers.{server}.{key}` is needed, with at most {_MOST} characters: the registry "
                f"refuses this one, which has {len(text)}: `{text[:40]}...`"
            )
    if metadata.name not in metadata.scripts:
        problems.append(
            f"`project.scripts` has no `{metadata.name}`: clients start the package with `uvx {metadata.name}`, which "
            "runs the script of this name"
        )
    problems += [
        "`tool.hatch.build.targets.server-json.remotes` must have URLs that begin with `https://` or `http://`, not "
        f"`{url}`"
        for url in remotes
        if not _REMOTE.fullmatch(url)
    ]
    refuse(problems)
    repository = metadata.repository
    document: dict[str, Any] = {
        "$schema": SCHEMA,
        "name": name,
        "title": config.title,
        "description": description,
        "version": metadata.version,
        "websiteUrl": config.website_url or metadata.url("homepage"),
        "repository": {"url": repository[0], "source": repository[1]}
        if repository is not None and repository[1] != "git"
        else None,
        "packages": [_package(metadata, list(operator_inputs(config.configuration)))],
        "remotes": [{"type": "streamable-http", "url": url} for url in remotes],
    }
    return {key: value for key, value in document.items() if value not in (None, "", [])}


def _name(name: str | None, claimed: Sequence[str], problems: list[str]) -> str:
    key = "tool.hatch.build.targets.server-json.name"
    if name is None and len(claimed) == 1:
        name = claimed[0]
    if name is None:
        found = ", ".join(f"`{one}`" for one in claimed)
        has = f"claims several names ({found}): set `{key}` to one of them" if claimed else "claims no name"
        line = (
            "" if claimed else ": add the line `mcp-name: io.github.OWNER/NAME`, in a comment if it is not to be seen"
        )
        problems.append(f"the README {has}{line}")
        return ""
    if not _NAME.fullmatch(name) or not 3 <= len(name) <= 200:
        problems.append(f"`{name}` is not a name of the registry, such as `io.github.OWNER/NAME`")
    elif name not in claimed:
        other = f"; it has {', '.join(f'`mcp-name: {one}`' for one in claimed)}" if claimed else ""
        problems.append(
            f"the README does not have `mcp-name: {name}`, by which the registry identifies the package{other}"
        )
    return name


def _package(metadata: PackageMetadata, inputs: Sequence[OperatorInput]) -> dict[str, Any]:
    variables = [_input(one) | {"name": one.variable} for one in inputs if one.variable]
    options = [
        {
            "type": "named",
            "name": "--dir",
            "description": one.description or f"Directory {one.directory} of the server.",
            "isRequired": one.required,
            "value": f"{{{one.name}}}:{one.directory}",
            "variables": {one.name: _input(one)},
        }
        for one in inputs
        if one.directory and not one.variable
    ]
    package: dict[str, Any] = {
        "registryType": "pypi",
        "registryBaseUrl": "https://pypi.org",
        "identifier": metadata.name,
        "version": metadata.version,
        "runtimeHint": "uvx",
        "transport": {"type": "stdio"},
        "packageArguments": options,
        "environmentVariables": variables,
    }
    return {key: value for key, value in package.items() if value != []}


def _input(one: OperatorInput) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": one.description,
        "isRequired": one.required,
        "isSecret": one.secret,
        "default": one.default,
        "choices": list(one.choices),
        "format": "filepath" if one.directory else None,
    }
    return {key: value for key, value in found.items() if value not in (None, "", False, [])}


def write_document(document: dict[str, Any], output: Path) -> Path:
    """Write a document into a folder, as ``server.json``."""
    path = output / FILE
    write_atomically(path, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())
    return path
