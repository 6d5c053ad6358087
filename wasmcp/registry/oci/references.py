"""References to components in a registry: ``ns:name@^1``, ``oci://host/repository:tag``, and exact forms of both."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wasmcp.errors import InvalidReferenceError
from wasmcp.registry.hosts import HOST, normal_host
from wasmcp.registry.oci.versions import Range

# WIT package names (component-model, WIT.md, "Package names"): words of lower-case letters, digits and hyphens.
_WORD = r"[a-z][0-9a-z]*(?:-[0-9a-z]+)*"
_PACKAGE = re.compile(rf"({_WORD}):({_WORD})(?:@(.*))?", re.DOTALL)
# OCI distribution 1.1, "Pulling manifests".
_REPOSITORY = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_OCI = re.compile(
    rf"oci://({HOST})/({_REPOSITORY})(?::([A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}))?(?:@(sha256:[0-9a-f]{{64}}))?"
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Package:
    """Package of a namespace, with a range of versions.

    Attributes:
        namespace: The part before the colon, which selects the registry.
        name: The part after the colon.
        range: The accepted versions.
    """

    namespace: str
    name: str
    range: Range

    def __str__(self) -> str:
        return f"{self.title}@{self.range.text}" if self.range.text else self.title

    @property
    def title(self) -> str:
        """The package name without versions."""
        return f"{self.namespace}:{self.name}"


@dataclass(frozen=True)
class Place:
    """Place in a registry.

    Attributes:
        host: The registry's host in normal form (`hosts.normal_host`), with an optional port.
        repository: The repository's path.
        tag: A tag, or None.
        digest: The digest of a manifest, or None.
    """

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        text = f"oci://{self.host}/{self.repository}"
        text += f":{self.tag}" if self.tag else ""
        return text + (f"@{self.digest}" if self.digest else "")

    @property
    def version(self) -> str:
        """The tag or digest to request: the digest, the tag, or `latest`."""
        return self.digest or self.tag or "latest"


def parse(reference: str) -> Package | Place:
    """Parse a reference.

    Raises:
        InvalidReferenceError: The reference is invalid.
    """
    if reference.startswith("oci://"):
        match = _OCI.fullmatch(reference)
        if match is None:
            problem = "not `oci://HOST/REPOSITORY` in lower case, with `:TAG`, `@sha256:DIGEST` or both after it"
            raise InvalidReferenceError(problem, reference=reference)
        try:
            return Place(normal_host(match[1]), match[2], match[3], match[4])
        except ValueError as error:
            raise InvalidReferenceError(f"not a valid host: {error}", reference=reference) from None
    match = _PACKAGE.fullmatch(reference)
    if match is None:
        raise InvalidReferenceError("not `NAMESPACE:NAME`, with `@VERSION` or a range after it", reference=reference)
    if match[3] is not None and not match[3].strip():
        raise InvalidReferenceError("the version after the `@` is missing", reference=reference)
    try:
        return Package(match[1], match[2], Range.parse((match[3] or "").strip()))
    except InvalidReferenceError as error:
        raise InvalidReferenceError(str(error), reference=reference) from None


def parse_place(reference: str) -> Place:
    """Parse an OCI reference.

    Raises:
        InvalidReferenceError: The reference is invalid.
    """
    place = parse(reference)
    if not isinstance(place, Place):
        raise InvalidReferenceError("an `oci://` reference is needed here", reference=reference)
    return place
