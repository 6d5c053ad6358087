"""URIs of resources in Zig: the table that the guest libraries of all languages have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import AnyUrl
from support import uri_table

from wasmcp.compose import ComponentSpec, ServerMetadata, compose_server
from wasmcp.errors import RequestError, ToolchainError
from wasmcp.host import Server, open_server
from wasmcp.project.catalogue_recording import boot
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.zig import ZigToolchain, user_cache


def build(folder: Path, lines: list[str]) -> bytes:
    source = folder / "uris.zig"
    source.write_text("\n".join(['const mcp = @import("wasmcp");', *lines, ""]), "utf-8")
    output = folder / "uris.wasm"
    component = ComponentSource("uris", source, folder)
    ZigToolchain().build(component, output, cache=user_cache(), progress=lambda _: None)
    return output.read_bytes()


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@contextmanager
def serving(folder: Path, lines: list[str]) -> Iterator[Server]:
    component = build(folder, lines)
    spec = ComponentSpec("uris", component, catalogue=boot("uris", component))
    with open_server(compose_server([spec], ServerMetadata("uris", "1")).data) as running:
        yield running


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    offered = [f'mcp.resource({quoted(row[0])}, "r", "", Of({quoted(row[1])}).read),' for row in uri_table.FIXED]
    lines = [
        "fn Of(comptime uri: []const u8) type {",
        "    return struct { fn read() []const []const u8 { return &.{uri}; } };",
        "}",
    ]
    with serving(tmp_path_factory.mktemp("fixed"), ["pub const resources = .{", *offered, "};", *lines]) as server:
        yield server


def read(server: Server, uri: str) -> Any:
    """Return the JSON that a resource contains; None if no resource matches."""
    try:
        contents = server.request("resources/read", {"uri": uri})["contents"]
    except RequestError as error:
        if error.code != -32602:
            raise
        return None
    return json.loads(contents[0]["text"])


@pytest.mark.parametrize(("declared", "listed", "readable", "other"), uri_table.FIXED)
def test_a_resource_is_read_by_equivalent_uris(
    fixed: Server, declared: str, listed: str, readable: list[str], other: list[str]
) -> None:
    for uri in (declared, listed, *readable):
        assert read(fixed, uri) == [listed], uri
    for uri in other:
        assert read(fixed, uri) != [listed], uri


def test_lists_have_the_normal_form_that_the_official_python_client_sends(fixed: Server) -> None:
    """Releases before 2 parse each listed URI by `pydantic.AnyUrl`, and send what it makes of it."""
    listed = [resource.uri for resource in fixed.list_resources()]
    assert listed == [row[1] for row in uri_table.FIXED]
    assert [str(AnyUrl(uri)) for uri in listed] == listed


def test_uris_that_clients_cannot_read_do_not_compile(tmp_path: Path) -> None:
    refused = [*uri_table.REFUSED, "docs://a/../{x}"]
    lines = []
    for number, uri in enumerate(refused):
        make = "template" if "{" in uri else "resource"
        lines.append(f'pub const r{number} = mcp.{make}({quoted(uri)}, "r", "", f);')
        lines.append(f"comptime {{ _ = r{number}; }}")
    lines += ["pub const resources = .{};", "fn f() bool { return true; }"]
    with pytest.raises(ToolchainError) as caught:
        build(tmp_path, lines)
    words = caught.value.output
    assert set(re.findall(r"error: (?:resource|template) `(.*?)`: (?:it|the host) ", words)) == set(refused)
    for reason in (
        "it must begin with a scheme, such as `notes://`",
        "after the colon clients expect a number up to 65535",
        "or the `xn--` form",
        "a `.` or `..` segment, which clients remove",
    ):
        assert reason in words


def test_two_resources_that_a_client_cannot_tell_apart_do_not_compile(tmp_path: Path) -> None:
    lines = [
        'pub const resources = .{ mcp.resource("docs://a b", "r", "", f), mcp.resource("DOCS://A%20b", "r", "", f) };',
        "fn f() bool { return true; }",
    ]
    with pytest.raises(ToolchainError) as caught:
        build(tmp_path, lines)
    assert "two resources have the name `docs://a%20b`" in caught.value.output
