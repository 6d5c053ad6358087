"""URI templates in composed servers: one table for the guest libraries of all languages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import uri_table
from support.guest_tables import LANGUAGES
from support.projects import project_files, write_project

from wasmcp.errors import CatalogueError, RequestError
from wasmcp.guest.json_types.uris import UriTemplate, Variable
from wasmcp.host import Server, open_server
from wasmcp.project import ensure_built

DECLARED = list(dict.fromkeys(row.declared for row in uri_table.ROWS))
FREE = ["free://a/{+path}", "free://b/{name}"]


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def is_free(template: str) -> bool:
    """Return True for a template whose variables can have any value."""
    return template in FREE


def zig(templates: list[str]) -> str:
    def kind(variable: Variable) -> str:
        return f"{'?' if variable.optional else ''}{'[]const []const u8' if variable.many else '[]const u8'}"

    lines = ['const mcp = @import("wasmcp");', "pub const resources = .{"]
    for template in templates:
        variables = UriTemplate(template).variables.values()
        fields = ", ".join(f"@{quoted(one.name)}: {kind(one)}" for one in variables)
        names = ", ".join(quoted(one.name) for one in variables)
        extra = f".with(.{{ .unchecked = &.{{{names}}} }})" if is_free(template) else ""
        read = f"Of({quoted(template)}, struct {{ {fields} }}).read"
        lines.append(f'mcp.template({quoted(template)}, "t", "", {read}){extra},')
    return "\n".join(
        [
            *lines,
            "};",
            "fn Of(comptime uri: []const u8, comptime T: type) type {",
            "    const Read = struct { declared: []const u8, variables: T };",
            "    return struct { fn read(v: T) Read { return .{ .declared = uri, .variables = v }; } };",
            "}",
            "",
        ]
    )


def rs(templates: list[str]) -> str:
    lines = [
        "use serde_json::{json, Map, Value};",
        "use wasmcp_guest::{component, serde_json, template, Component, Context, Json};",
        "component!(|| Component::new()",
    ]
    for template in templates:
        extra = "".join(f".unchecked({quoted(name)})" for name in UriTemplate(template).variables if is_free(template))
        read = f'Json(json!({{"declared": {quoted(template)}, "variables": v}}))'
        lines.append(
            f'.template(template({quoted(template)}, "t", |v: Map<String, Value>, _: &Context| {read}){extra})'
        )
    return "\n".join([*lines, ");", ""])


def ts(templates: list[str]) -> str:
    def member(variable: Variable) -> str:
        return f"{variable.name}{'?' if variable.optional else ''}: {'string[]' if variable.many else 'string'}"

    lines = ['import { resource } from "wasmcp";']
    for template in templates:
        names = list(UriTemplate(template).variables) if is_free(template) else []
        options = f"{{ uri: {quoted(template)}, unchecked: {json.dumps(names)} }}"
        members = "; ".join(map(member, UriTemplate(template).variables.values()))
        read = f"(args: {{ {members} }}) => ({{ declared: {quoted(template)}, variables: args }})"
        lines.append(f"resource({options}, {read});")
    return "\n".join([*lines, ""])


def py(templates: list[str]) -> str:
    def parameter(variable: Variable) -> str:
        kind = "list[str]" if variable.many else "str"
        return f"{variable.name}: {kind} | None = None" if variable.optional else f"{variable.name}: {kind}"

    lines = ["from wasmcp.guest import resource"]
    for number, template in enumerate(templates):
        variables = UriTemplate(template).variables.values()
        names = [one.name for one in variables] if is_free(template) else []
        lines += [
            f"@resource({template!r}, unchecked={names})",
            f"def read_{number}({', '.join(map(parameter, variables))}) -> dict:",
            f"    return {{'declared': {template!r}, 'variables': dict(locals())}}",
        ]
    return "\n".join([*lines, ""])


SOURCES = {"zig": zig, "rs": rs, "ts": ts, "py": py}


def built(folder: Path, language: str, templates: list[str]) -> Path:
    files = project_files("templates", {f"src/templates/main.{language}": SOURCES[language](templates)})
    return ensure_built(write_project(folder, files))


@pytest.fixture(scope="module", params=LANGUAGES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = built(tmp_path_factory.mktemp(request.param), request.param, [*DECLARED, *FREE])
    with open_server(path, instances=1) as opened:
        yield opened


def read(server: Server, uri: str) -> dict[str, Any] | None:
    """Return the template and the variables that a resource contains; None if no resource matches."""
    try:
        contents = server.request("resources/read", {"uri": uri})["contents"]
    except RequestError as error:
        if error.code != -32602:
            raise
        return None
    found: dict[str, Any] = json.loads(contents[0]["text"])
    found["variables"] = {name: value for name, value in found["variables"].items() if value is not None}
    return found


def test_templates_are_listed_in_normal_form(server: Server) -> None:
    normal = {row.declared: row.listed for row in uri_table.ROWS}
    listed = [one.uri_template for one in server.list_resource_templates()]
    assert listed == [*(normal[declared] for declared in DECLARED), *FREE]


def test_templates_give_decoded_values(server: Server) -> None:
    wrong = []
    for row in uri_table.ROWS:
        found = read(server, row.uri)
        expected = None if row.variables is None else {"declared": row.declared, "variables": row.variables}
        if found != expected:
            wrong.append((row, found))
    assert not wrong


def test_unchecked_variables_take_any_text(server: Server) -> None:
    for uri, value in (("free://a/x/../y", "x/../y"), ("free://b/a%2F..", "a/.."), ("free://b/%2Fetc", "/etc")):
        found = read(server, uri)
        assert found is not None
        assert list(found["variables"].values()) == [value]


def test_templates_that_cannot_be_matched_are_refused_at_build(tmp_path: Path) -> None:
    templates = [text.replace("a://", f"a{n}://") for n, (text, _) in enumerate(uri_table.UNMATCHABLE)]
    with pytest.raises(CatalogueError) as caught:
        built(tmp_path, "zig", templates)
    for template, (_, reason) in zip(templates, uri_table.UNMATCHABLE, strict=True):
        assert f"resource template `{template}`: {reason}" in str(caught.value)
