"""Resources and templates."""

from __future__ import annotations

from everything.media import PNG
from wasmcp.guest import Annotations, Cache, ResourceContents, ResourceNotFoundError, resource


@resource(
    "test://static-text",
    title="Static text",
    mime_type="text/plain",
    size=48,
    annotations=Annotations(audience=["user", "assistant"], priority=0.8, last_modified="2026-01-01T00:00:00Z"),
    cache=Cache(60, "public"),
)
def static_text() -> str:
    """A text that is always the same."""
    return "This is the content of the static text resource."


@resource("test://static-binary", mime_type="image/png", size=len(PNG), cache=Cache(60, "public"))
def static_binary() -> bytes:
    """A picture that is always the same."""
    return PNG


@resource("test://watched-resource", cache=Cache(0))
def watched_resource() -> str:
    """A resource to subscribe to."""
    return "This is the content of the watched resource."


@resource("test://folder")
def folder() -> list[ResourceContents]:
    """A resource of two parts."""
    return [
        ResourceContents("first", uri="test://folder/first"),
        ResourceContents(b"second", "application/octet-stream", "test://folder/second", {"example.com/part": 2}),
    ]


@resource("test://menu/café du jour")
def menu() -> str:
    """A resource whose name has to be encoded in a URI."""
    return "soup"


@resource("test://template/{id}/data", mime_type="application/json")
def template(id: str) -> dict[str, object]:  # noqa: A002 - the name of the variable
    """Data by id."""
    return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}


@resource("test://files/{+path}{?line}")
def files(path: str, line: int = 1) -> str:
    """Files by path: all but those whose name begins with a dot."""
    if path.rpartition("/")[2].startswith("."):
        raise ResourceNotFoundError
    return f"line {line} of {path}"
