"""Discovery of an issuer's keys from its metadata: RFC 8414, and OpenID Connect Discovery 1.0."""

from __future__ import annotations

from urllib.parse import urlsplit

from wasmcp.errors import IssuerDocumentError
from wasmcp.host.authorization.documents import check_url, fetch


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Return the addresses of an issuer's metadata, in the order in which they are tried.

    Specification: MCP basic/authorization, "Authorization Server Metadata Discovery": RFC 8414, section 3.1, and OpenID
    Connect Discovery 1.0, section 4, with the path of the issuer inserted and appended.
    """
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    found = (
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}/.well-known/openid-configuration{path}",
        f"{origin}{path}/.well-known/openid-configuration",
    )
    return tuple(dict.fromkeys(found))


def discover(issuer: str) -> str:
    """Return the address of an issuer's key set, from its metadata.

    Raises:
        IssuerDocumentError: Metadata are missing, of another issuer, or do not name a key set that can be fetched.
    """
    check_url(issuer)
    problems = []
    for url in metadata_urls(issuer):
        try:
            _, metadata = fetch(url)
        except IssuerDocumentError as error:
            if error.status is None or error.status >= 500:
                raise
            problems.append(str(error))
            continue
        if metadata.get("issuer") != issuer:
            other = metadata.get("issuer")
            raise IssuerDocumentError(url, f"the metadata is of another issuer, `{other}`, not of `{issuer}`")
        keys = metadata.get("jwks_uri")
        if not isinstance(keys, str):
            raise IssuerDocumentError(url, "the metadata has no `jwks_uri`, the address of the key set")
        check_url(keys)
        if issuer.startswith("https://") and not keys.startswith("https://"):
            raise IssuerDocumentError(url, f"the key set of an `https` issuer must begin with `https://`, not `{keys}`")
        return keys
    raise IssuerDocumentError(issuer, f"the issuer has no metadata ({'; '.join(problems)})")
