"""Bill of materials of a server, as CycloneDX 1.6 JSON: for ``dist-info/sboms/`` (PEP 770).

Reproducible: without time, and with a serial number derived from the content.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.component.custom_sections import Texts, license_texts
from wasmcp.file_writing import write_atomically
from wasmcp.project import manifest
from wasmcp.project.build_plan import ServerStep
from wasmcp.project.model import Project
from wasmcp.storage.cache import Cache
from wasmcp.storage.digest import of_own_code, of_value

if TYPE_CHECKING:
    from cyclonedx.model import HashType
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License
    from packageurl import PackageURL

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
        write_atomically(path, render(project.name, server, entry, texts).encode())
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
    entry = manifest.read(project.manifest).get(server)
    if entry is not None and manifest.is_fresh(entry, step.inputs, step.output):  # is not composed again
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
    key = of_value([of_own_code("project/sbom.py"), project.name, server, inputs, compiled])
    return cache.text_path("sboms", key, f"{project.name}-{server}.cdx.json")


def _is_about(path: Path, project: Project, server: str, entry: Mapping[str, Any]) -> bool:
    """Return True if a file is a bill of materials of a server with the digest in its entry."""
    try:
        return _serial_number(project.name, server, entry).urn in path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _serial_number(project: str, server: str, entry: Mapping[str, Any]) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, f"{project}:{server}:{entry['digest']}")


def render(project: str, server: str, entry: Mapping[str, Any], texts: Texts) -> str:
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
    for name, digest in entry["framework"].items():
        parts.append(
            Component(
                name=f"wasmcp-{name}",
                version=entry["wasmcp"],
                type=ComponentType.FRAMEWORK,
                bom_ref=f"framework:{name}",
                hashes=hashes(digest),
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
