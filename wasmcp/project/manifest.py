"""Server manifest, ``manifest.json`` next to the built servers, and the bill of materials of a server.

The manifest has the servers' entries, inputs and digests. The host reads it to answer lists while a server is compiled,
the build to find servers that are up to date: the digests of inputs and file equal the recorded ones.

The bill of materials is CycloneDX 1.6 JSON, for ``dist-info/sboms/`` (PEP 770). It is reproducible: without time, and
with a serial number derived from the content.
"""

from __future__ import annotations

import functools
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wasmcp
from wasmcp.component.custom_sections import Texts, license_texts
from wasmcp.compose.grant_rules import GrantRules
from wasmcp.declaration_section import declares
from wasmcp.file_writing import write_atomically
from wasmcp.package_data import wit_directory
from wasmcp.project.build_plan import ComponentStep, Plan, ServerStep
from wasmcp.project.model import Project
from wasmcp.storage import Cache, digest_of_chunks, digest_of_file, digest_of_own_code, digest_of_value

if TYPE_CHECKING:
    from cyclonedx.model import HashType
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License
    from packageurl import PackageURL

    from wasmcp.compose.catalogue import Catalogue
    from wasmcp.compose.composed_server import ComposedServer
    from wasmcp.compose.metadata import ServerMetadata
    from wasmcp.host.configuration.declared import Configuration


@dataclass(frozen=True)
class Built:
    """One component, ready to be composed.

    Attributes:
        step: Its step of the plan.
        data: The component.
        digest: Its digest.
        compiled: The digest that it had before extensions, skills and pages of apps were added.
        catalogue: Its catalogue; None for a dynamic component.
        built_with: The compilers, with their versions.
    """

    step: ComponentStep
    data: bytes
    digest: str
    compiled: str
    catalogue: Catalogue | None
    built_with: Mapping[str, str]


FORMAT = 1
"""Version under ``format``; a manifest with another one is ignored."""

_PACKAGE = re.compile(r"^package\s+([a-z0-9:-]+)@([0-9A-Za-z.+-]+)\s*;", re.MULTILINE)


def read(path: Path) -> dict[str, Any]:
    """Return the entries of a manifest by server; empty if it is missing or invalid."""
    try:
        document = json.loads(path.read_text("utf-8"))
        servers = document["servers"] if document["format"] == FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return (
        {key: entry for key, entry in servers.items() if isinstance(entry, dict)} if isinstance(servers, dict) else {}
    )


def write(path: Path, servers: Mapping[str, Any]) -> None:
    """Write the entries by server atomically; the same entries give the same bytes."""
    document = {"format": FORMAT, "servers": dict(sorted(servers.items()))}
    write_atomically(path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())


def stale(plan: Plan) -> list[str]:
    """Return the keys of the servers that differ from the plan."""
    entries = read(plan.project.manifest)
    return [key for key, step in plan.servers.items() if not is_fresh(entries.get(key), step.inputs, step.output)]


def is_fresh(entry: Mapping[str, Any] | None, inputs: str, output: Path) -> bool:
    """Return True if an entry has these inputs, and the file is the one that it describes."""
    if entry is None or entry.get("inputs") != inputs:
        return False
    try:
        return bool(entry.get("digest") == digest_of_file(output))
    except OSError:
        return False


@functools.cache
def wit_versions() -> dict[str, str]:
    """Return the version of each WIT package that wasmcp builds against."""
    found: dict[str, str] = {}
    for path in sorted(wit_directory().rglob("*.wit")):
        match = _PACKAGE.search(path.read_text("utf-8"))
        if match:
            found[match[1]] = match[2]
    return dict(sorted(found.items()))


def tool_version() -> str:
    """Return the version of wasmcp that writes the manifest."""
    return wasmcp.__version__


def server_entry(
    file: str,
    metadata: ServerMetadata,
    components: Sequence[Mapping[str, Any]],
    composed: ComposedServer,
    *,
    inputs: str = "",
    known: bool,
    configuration: Configuration | None = None,
    development: bool = False,
) -> dict[str, Any]:
    """Return the entry of a server.

    Args:
        file: The name of its file, next to the manifest.
        metadata: Its description of itself.
        components: The entries of its components, in the order of the chain.
        composed: The server.
        inputs: The digest of all its inputs; computed from the arguments if omitted.
        known: True if its whole catalogue is recorded, so that the host can answer while it compiles.
        configuration: The configuration that it takes from its operator.
        development: True for a development build.
    """
    # The host answers with these members in this order, as the server does.
    described = metadata.implementation()
    if metadata.instructions is not None:
        described["instructions"] = metadata.instructions
    framework = dict(composed.framework)
    takes = configuration.to_manifest() if configuration is not None else {}
    return {
        "file": file,
        "digest": digest_of_chunks(composed.chunks),
        "inputs": inputs or digest_of_value([described, [dict(one) for one in components], framework]),
        "metadata": described,
        "capabilities": dict(composed.capabilities),
        "catalogue": composed.catalogue.to_dict() if known else None,
        "components": [dict(one) for one in components],
        "wit": wit_versions(),
        "framework": framework,
        "imports": list(composed.imports),
        **({"configuration": takes} if takes else {}),
        **({"development": True} if development else {}),
        **({"fixedLists": True} if known and composed.has_fixed_lists else {}),
        **({"access": dict(composed.access)} if composed.access else {}),
        **({"skills": [skill.to_dict() for skill in composed.skills]} if composed.skills else {}),
        **({"apps": [app.to_dict() for app in composed.apps]} if composed.apps else {}),
        "wasmcp": tool_version(),
    }


def built_entry(part: Built, root: Path | None = None) -> dict[str, Any]:
    """Return the entry of a component; with the digests of its sources if `root`, its project, is given."""
    step = part.step
    entry: dict[str, Any] = {
        "name": step.config.name,
        "digest": part.digest,
        "language": step.config.language,
        "toolchain": dict(part.built_with),
        "grants": sorted(step.config.grants),
        **rules_entry(step.config.rules),
        "dynamic": step.config.dynamic,
        "inputs": step.inputs,
    }
    if part.compiled != part.digest:
        entry["compiled"] = part.compiled
    files = declares(part.data).files
    if files is not None:
        entry["files"] = files.to_dict()
    if step.pin is not None:
        source = f"{step.pin.source}@{step.pin.manifest}"
        entry |= {"package": step.pin.package, "version": step.pin.version, "source": source}
    if root is not None:
        inside = [file for file in step.files if file.is_relative_to(root)]
        entry["sources"] = {file.relative_to(root).as_posix(): digest_of_file(file) for file in inside}
    needed = step.source.dependencies if step.source is not None else ()
    return {**entry, "dependencies": [asdict(one) for one in needed]} if needed else entry


def rules_entry(rules: GrantRules | None) -> dict[str, Any]:
    """Return the member of an entry for the rules of grants; empty without rules."""
    return {"rules": rules.to_dict()} if rules else {}


def given_entry(
    name: str,
    component: str,
    grants: Sequence[str],
    *,
    dynamic: bool,
    origin: Mapping[str, str],
    rules: GrantRules | None = None,
) -> dict[str, Any]:
    """Return the entry of a component from a file or a package.

    Args:
        name: The component's name.
        component: Its digest.
        grants: Its grants.
        dynamic: True for a dynamic component.
        origin: `package`, `version` and `source` of a component from a registry.
        rules: The rules of its grants.
    """
    return {
        "name": name,
        "digest": component,
        "language": None,
        "toolchain": {},
        "grants": sorted(grants),
        **rules_entry(rules),
        "dynamic": dynamic,
        "inputs": component,
        **origin,
    }


_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/wasmcp")


def sbom_file(project: Project, server: str, entry: Mapping[str, Any], cache: Cache) -> Path:
    """Return the path of a server's bill of materials, written if it is not in the cache.

    Args:
        project: The project of the server.
        server: The server's key.
        entry: Its entry in the server manifest.
        cache: The cache: outside the tree, so that the package contains only the files it ships.

    Raises:
        ModuleNotFoundError: cyclonedx-python-lib (``wasmcp[build]``) is not installed.
    """
    path = _path(project, server, entry["inputs"], _compiled(entry), cache)
    if not _is_about(path, project, server, entry):
        texts = license_texts(project.output(server).read_bytes())
        write_atomically(path, render_sbom(project.name, server, entry, texts).encode())
    return path


def is_written(project: Project, server: str, entry: Mapping[str, Any], cache: Cache) -> bool:
    """Return True if `sbom_file` finds the bill of materials of a server, given its entry, in the cache."""
    try:
        return _is_about(_path(project, server, entry["inputs"], _compiled(entry), cache), project, server, entry)
    except (KeyError, TypeError):  # the entry is not one of this version
        return False


def is_cached(project: Project, step: ServerStep, cache: Cache) -> bool:
    """Return True if `sbom_file` will find the bill of materials of a server in the cache after its next build."""
    server = step.config.key
    entry = read(project.manifest).get(server)
    if entry is not None and is_fresh(entry, step.inputs, step.output):  # is not composed again
        return is_written(project, server, entry, cache)
    compiled = {}
    for part in step.components:
        if part.toolchain is None:
            continue
        found = cache.component(part.inputs)
        if found is None:
            return False
        compiled[part.config.name] = [found[1], {**part.pins, **cache.built_with(part.inputs)}]
    return _path(project, server, step.inputs, compiled, cache).is_file()


def _compiled(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the digests and compilers of a server's compiled components, which its inputs do not determine."""
    return {
        part["name"]: [part.get("compiled", part["digest"]), part["toolchain"]]
        for part in entry["components"]
        if part["language"] is not None
    }


def _path(project: Project, server: str, inputs: str, compiled: Mapping[str, Any], cache: Cache) -> Path:
    key = digest_of_value([digest_of_own_code("project/manifest.py"), project.name, server, inputs, compiled])
    return cache.text_path("sboms", key, f"{project.name}-{server}.cdx.json")


def _is_about(path: Path, project: Project, server: str, entry: Mapping[str, Any]) -> bool:
    """Return True if a file is a bill of materials of a server with the digest in its entry."""
    try:
        return _serial_number(project.name, server, entry).urn in path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _serial_number(project: str, server: str, entry: Mapping[str, Any]) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, f"{project}:{server}:{entry['digest']}")


def render_sbom(project: str, server: str, entry: Mapping[str, Any], texts: Texts) -> str:
    """Return the bill of materials of a server.

    It lists the server, each component with its digest, its grants, its packages and the compilers that made it or the
    registry that it comes from, and the framework. The licences that a package declares are its `licenses`, the texts
    of its licence files its `evidence.licenses`: an SPDX expression has no place for a text.

    Args:
        project: The distribution's name.
        server: The server's key.
        entry: Its entry in the server manifest.
        texts: The texts of licences of the packages inside; see `wasmcp.component.custom_sections`.
    """
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion
    from packageurl import PackageURL

    def hashes(digest: str) -> list[HashType]:
        return [HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:"))]

    def pypi(name: str, version: str) -> Component:
        return Component(
            name=name,
            version=version,
            type=ComponentType.APPLICATION,
            bom_ref=f"pypi:{name}",
            purl=PackageURL("pypi", name=name, version=version),
        )

    metadata = entry["metadata"]
    root = Component(
        name=f"{project}:{server}",
        version=metadata["version"],
        type=ComponentType.APPLICATION,
        bom_ref="server",
        description=metadata.get("description"),
        hashes=hashes(entry["digest"]),
    )
    bom = Bom(serial_number=_serial_number(project, server, entry))
    bom.metadata.component = root
    parts, tools = [], {"wasmcp": entry["wasmcp"]}
    for component in entry["components"]:
        tools.update(component["toolchain"])
        properties = {
            "wasmcp:language": component["language"] or "",
            "wasmcp:inputs": component["inputs"],
            "wasmcp:grants": " ".join(component["grants"]),
            "wasmcp:grant-rules": json.dumps(component["rules"], sort_keys=True) if "rules" in component else "",
            "wasmcp:source": component.get("source", ""),
            **{f"wasmcp:toolchain:{name}": version for name, version in component["toolchain"].items()},
        }
        part = Component(
            name=component["name"],
            version=component.get("version", metadata["version"]),
            type=ComponentType.LIBRARY,
            bom_ref=f"component:{component['name']}",
            purl=_purl(component),
            hashes=hashes(component["digest"]),
            properties=[Property(name=name, value=value) for name, value in properties.items() if value],
        )
        parts.append(part)
        needed = component.get("dependencies", ())
        packages = [_package(one, component["language"], hashes(one["digest"]), texts) for one in needed]
        bom.components.update(packages)
        bom.register_dependency(part, packages)
        for package, found in zip(needed, packages, strict=True):
            bundled = [_bundled(one) for one in package.get("bundled", ())]
            if bundled:
                bom.components.update(bundled)
                bom.register_dependency(found, bundled)
    for name, of_file in entry["framework"].items():
        parts.append(
            Component(
                name=f"wasmcp-{name}",
                version=entry["wasmcp"],
                type=ComponentType.FRAMEWORK,
                bom_ref=f"framework:{name}",
                hashes=hashes(of_file),
            )
        )

    def data(name: str, ref: str, digest: str, properties: list[Property], description: str | None = None) -> Component:
        return Component(
            name=name,
            version=metadata["version"],
            type=ComponentType.DATA,
            bom_ref=ref,
            description=description,
            hashes=hashes(digest) if digest else [],
            properties=properties,
        )

    for skill in entry.get("skills", ()):
        owned = [Property(name="wasmcp:component", value=skill["owner"])] if skill["owner"] else []
        parts.append(data(skill["path"], f"skill:{skill['path']}", skill["digest"], owned, skill["description"]))
    for app in entry.get("apps", ()):
        needs = [Property(name="wasmcp:needs", value=one) for one in app["needs"]]
        owned = [Property(name="wasmcp:component", value=app["owner"])]
        parts.append(data(app["uri"], f"app:{app['uri']}", app["digest"], [*owned, *needs]))
    bom.components.update(parts)
    bom.metadata.tools.components.update(pypi(name, version) for name, version in tools.items())
    bom.register_dependency(root, parts)
    # The outputter would set the current time.
    bom.metadata.timestamp = None  # type: ignore[assignment]
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1) + "\n"


def _package(package: Mapping[str, Any], language: str, hashes: list[HashType], texts: Texts) -> Component:
    """Return a package that a component was compiled with. A package of two components is listed once."""
    from cyclonedx.model import AttachedText
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.component_evidence import ComponentEvidence
    from cyclonedx.model.license import DisjunctiveLicense
    from packageurl import PackageURL

    kind = {"python": "pypi", "typescript": "npm", "rust": "cargo"}.get(language, "generic")
    purl = PackageURL(kind, name=package["name"], version=package["version"])
    files = [
        DisjunctiveLicense(name=name, text=AttachedText(content=text, content_type="text/plain"))
        for name, text in texts.get(f"pkg:{kind}/{package['name']}@{package['version']}", {}).items()
    ]
    return Component(
        name=package["name"],
        version=package["version"],
        type=ComponentType.LIBRARY,
        bom_ref=f"{kind}:{package['name']}@{package['version']}",
        purl=purl,
        hashes=hashes,
        evidence=ComponentEvidence(licenses=files) if files else None,
        licenses=[_license(package["license"])] if package["license"] else [],
    )


def _bundled(part: Mapping[str, str]) -> Component:
    """Return a library that is compiled into a package. A library of two packages is listed once."""
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    try:
        purl = PackageURL.from_string(part["purl"])
    except ValueError:  # the package wrote it
        purl = None
    return Component(
        name=purl.name if purl else part["purl"],
        group=purl.namespace if purl else None,
        version=purl.version if purl else None,
        type=ComponentType.LIBRARY,
        bom_ref=part["purl"],
        purl=purl,
        licenses=[_license(part["license"])] if part["license"] else [],
    )


def _license(text: str) -> License:
    """Return a licence: an SPDX identifier or expression if valid, else a name."""
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
    from cyclonedx.spdx import fixup_id, is_expression

    known = fixup_id(text)
    if known is not None:
        return DisjunctiveLicense(id=known)
    return LicenseExpression(text) if is_expression(text) else DisjunctiveLicense(name=text)


def _purl(component: Mapping[str, Any]) -> PackageURL | None:
    """Return the address of a component of a registry (purl-spec, type `oci`), None for one of the project."""
    from packageurl import PackageURL

    place, separator, digest = str(component.get("source", "")).removeprefix("oci://").partition("@")
    if not separator:
        return None
    name = place.rpartition("/")[2]
    return PackageURL(
        "oci", name=name, version=digest, qualifiers={"repository_url": place, "tag": component["version"]}
    )
