from __future__ import annotations

import json
from enum import Enum
from typing import Annotated
from uuid import UUID

import pytest
from support.uri_table import matched

from wasmcp.guest import (
    Cache,
    Context,
    DeclarationError,
    Field,
    McpError,
    ResourceContents,
    ResourceNotFoundError,
    ToolError,
    resource,
)
from wasmcp.guest.declarations.registry import RESOURCES, check, resource_of
from wasmcp.guest.testing import LocalContext


def read(function, uri, **context):
    declared = resource_of(function)
    return declared.read(uri, matched(declared, uri), LocalContext(**context))


@pytest.mark.parametrize(
    ("value", "data", "mime_type"),
    [
        ("text", "text", "text/plain"),
        (b"\x00", b"\x00", "application/octet-stream"),
        (bytearray(b"1"), b"1", "application/octet-stream"),
        ({"a": [1, None]}, '{"a":[1,null]}', "application/json"),
        ([1, 2], "[1,2]", "application/json"),
        (None, "null", "application/json"),
    ],
)
def test_results_of_resource_functions(value, data, mime_type):
    @resource("test://x")
    def x():
        return value

    (part,) = read(x, "test://x")
    assert (part.uri, part.data, part.mime_type) == ("test://x", data, mime_type)


def test_declared_media_type_is_used():
    @resource("test://x", mime_type="text/markdown")
    def x() -> str:
        return "# x"

    assert read(x, "test://x")[0].mime_type == "text/markdown"


def test_several_contents():
    @resource("test://x")
    def x() -> list[ResourceContents]:
        return [
            ResourceContents("a", uri="test://x/a"),
            ResourceContents({"b": 1}, "application/b+json", meta={"m": 1}),
        ]

    first, second = read(x, "test://x")
    assert (first.uri, first.data) == ("test://x/a", "a")
    assert (second.uri, second.mime_type, second.data, second.meta) == (
        "test://x",
        "application/b+json",
        '{"b":1}',
        {"m": 1},
    )


class Color(Enum):
    RED = "red"


def test_variables_are_converted():
    @resource("test://{number}/{color}/{id}{?big,ratio,tags*}")
    def x(  # noqa: PLR0917 - one of each kind
        number: Annotated[int, Field(ge=0)],
        color: Color,
        id: UUID,  # noqa: A002
        big: bool = False,
        ratio: float | None = None,
        tags: list[int] = [],  # noqa: B006
    ) -> dict[str, object]:
        assert isinstance(id, UUID)
        return {"number": number, "color": color.name, "big": big, "ratio": ratio, "tags": tags}

    some = "00000000-0000-0000-0000-000000000001"
    (part,) = read(x, f"test://7/red/{some}?big=true&ratio=0.5&tags=1&tags=2")
    assert json.loads(part.data) == {"number": 7, "color": "RED", "big": True, "ratio": 0.5, "tags": [1, 2]}
    (part,) = read(x, f"test://7/red/{some}")
    assert json.loads(part.data)["tags"] == []
    for uri, reason in [
        (f"test://-1/red/{some}", "number: expected"),
        *((f"test://{text}/red/{some}", "number: expected integer, got") for text in ("x", "%201", "1_0", "+1", "01")),
        (f"test://1/red/{some}?ratio=nan", "ratio: expected number, got"),
        (f"test://1/red/{some}?big=True", "big: expected boolean"),
        (f"test://x/red/{some}?tags=a&tags=1&tags=b", r"number: .*; tags\[0\]: .*; tags\[2\]: expected integer"),
        (f"test://1/blue/{some}", 'color: expected one of "red", got "blue"'),
        ("test://1/red/1", "id: expected"),
    ]:
        with pytest.raises(McpError, match=reason) as caught:
            read(x, uri)
        assert (caught.value.code, caught.value.data) == (-32602, {"uri": uri})


def test_numeric_text_stays_a_string():
    @resource("test://{id}")
    def x(id: str) -> str:  # noqa: A002
        return id

    assert read(x, "test://007")[0].data == "007"


@pytest.mark.parametrize(("version", "code"), [("2026-07-28", -32602), ("2025-11-25", -32002)])
def test_resource_not_found(version, code):
    @resource("test://{id}")
    def x(id: str) -> str:  # noqa: A002
        raise ResourceNotFoundError

    with pytest.raises(McpError) as caught:
        read(x, "test://1", protocol_version=version)
    assert (caught.value.code, caught.value.data) == (code, {"uri": "test://1"})


def test_exceptions_are_masked_except_mcp_errors(capsys):
    @resource("test://a")
    def a() -> str:
        raise ToolError("the disk is full")

    @resource("test://b")
    def b() -> str:
        raise OSError("/secret")

    @resource("test://c")
    def c() -> object:
        return object()

    with pytest.raises(McpError, match=r"^the disk is full$"):
        read(a, "test://a")
    with pytest.raises(McpError, match=r"^Error reading resource test://b$") as caught:
        read(b, "test://b")
    assert caught.value.code == -32603
    assert "resource `test://b` failed:" in capsys.readouterr().err
    with pytest.raises(McpError, match=r"^Error reading"):
        read(c, "test://c")


def test_async_and_context():
    @resource("test://a")
    async def a(context: Context) -> str:
        return context.target

    assert read(a, "test://a", tool_name="test://a")[0].data == "test://a"


def test_declared_attributes():
    @resource("test://{id}", title="T", size=3, meta={"m": 1}, cache=Cache(1.5, "public"))
    def x(id: str) -> str:  # noqa: A002
        """Things.

        Args:
            id: Of the thing.
        """
        return id

    found = resource_of(x)
    assert (found.name, found.title, found.size) == ("x", "T", 3)
    assert found.description == "Things.\n\nid: Of the thing."
    assert found.is_template
    assert found.variables["id"].documentation == {"description": "Of the thing."}
    assert found.cache == Cache(1.5, "public")
    assert x("1") == "1"
    assert check() == 1


@pytest.mark.parametrize(
    "path", ["../x", "a/../b", "..", "a/..", "%2e%2e/x", "..%2fx", "..%5Cx", "/etc", "C:/x", "a%00b"]
)
def test_path_traversal_is_not_found(path):
    @resource("test://{+path}{?q}")
    def checked(path: str, q: str = "") -> str: ...

    @resource("test://free/{+path}", unchecked=["path"])
    def free(path: str) -> str: ...

    assert matched(resource_of(checked), f"test://{path}") is None
    assert matched(resource_of(checked), f"test://x?q={path}") is None
    assert matched(resource_of(free), f"test://free/{path}") is not None
    assert matched(resource_of(checked), "test://a..b/..c/d..?q=1..2") == {"path": "a..b/..c/d..", "q": "1..2"}


def test_invalid_resources_are_refused():
    with pytest.raises(DeclarationError, match=r"resource `a`: `test://{id}` has the variable `id`, but"):

        @resource("test://{id}")
        def a() -> str: ...

    with pytest.raises(DeclarationError, match="parameter `q`: a URI can omit `q`: give it a default"):

        @resource("test://x{?q}")
        def b(q: str) -> str: ...

    with pytest.raises(DeclarationError, match="parameter `x`: `test://x` has no variable `x`"):

        @resource("test://x")
        def c(x: str) -> str: ...

    with pytest.raises(DeclarationError, match="must begin with a scheme"):

        @resource("x")
        def d() -> str: ...

    @resource("test://e")
    def e() -> str: ...

    with pytest.raises(DeclarationError, match="`test://e` is already the resource at line"):

        @resource("test://e")
        def f() -> str: ...

    with pytest.raises(DeclarationError, match="`unchecked` names `x`, which is not a variable of `test://g`"):

        @resource("test://g", unchecked=["x"])
        def g() -> str: ...

    with pytest.raises(ValueError, match="seconds >= 0"):
        Cache(-1)
    assert list(RESOURCES.all()) == ["test://e"]
