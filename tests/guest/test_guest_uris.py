"""URIs of resources: normal form, comparison and templates, by the table that all languages share."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AnyUrl
from support import uri_table
from support.uri_table import matched

from wasmcp.guest import DeclarationError, ResourceContents, resource
from wasmcp.guest.declarations.registry import RESOURCES, resource_of
from wasmcp.guest.json_types.uris import UriTemplate, key_of, normalized
from wasmcp.guest.testing import LocalContext


@pytest.mark.parametrize(("declared", "listed", "readable", "other"), uri_table.FIXED)
def test_resource_has_normal_form_and_is_read_by_equivalent_uris(declared, listed, readable, other):
    found = UriTemplate(declared).normal
    assert found.text == listed
    assert [uri for uri in (declared, listed, *readable) if key_of(uri) != found.key] == []
    assert [uri for uri in other if key_of(uri) == found.key] == []


@pytest.mark.parametrize("row", uri_table.ROWS)
def test_template_has_normal_form_and_decoded_values(row):
    variables = UriTemplate(row.declared).variables.values()
    parameters = ", ".join(
        f"{one.name}: {'list[str]' if one.many else 'str'} | None{' = None' if one.optional else ''}"
        for one in variables
    )
    namespace = {"resource": resource}
    exec(f"@resource({row.declared!r})\ndef f({parameters}) -> str: ...", namespace)  # noqa: S102
    found = resource_of(namespace["f"])
    assert found.uri == row.listed
    assert matched(found, row.uri) == row.variables


@pytest.mark.parametrize("declared", uri_table.REFUSED)
def test_uri_that_clients_cannot_parse_is_refused(declared):
    with pytest.raises(DeclarationError, match="resource `f`: `"):

        @resource(declared)
        def f() -> str: ...


def test_error_contains_the_correction():
    for declared, reason in (
        ("notes", "`notes` must begin with a scheme, such as `notes://`"),
        ("notes://a:b", "after the colon clients expect a number up to 65535"),
        ("http://café.example/", "or the `xn--` form"),
        ("docs://a/../{x}", "a `.` or `..` segment, which clients remove"),
    ):
        with pytest.raises(ValueError) as caught:
            UriTemplate(declared)
        assert reason in str(caught.value)


@pytest.mark.parametrize("declared", [row[0] for row in uri_table.FIXED])
def test_official_python_client_reads_listed_resources(declared):
    """Clients before release 2 parse each listed URI by `pydantic.AnyUrl`, and send its normal form."""
    found = UriTemplate(declared)
    sent = str(AnyUrl(found.normal.text))
    assert sent == found.normal.text
    assert key_of(sent) == found.normal.key


_TEXT = st.text(st.sampled_from("aZ09-._~!$&()*+,;=:@/ %éß漢🎉\"<>[]\\^`|'\n\x00%41%2f%zz.."), max_size=8)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(["docs", "http", "wss", "urn"]), _TEXT, _TEXT, _TEXT)
def test_normal_form_is_stable_and_equals_url_parsers(scheme, path, query, fragment):
    uri = f"{scheme}:{'' if scheme == 'urn' else '//host/'}{path}?{query}#{fragment}"
    listed = normalized(uri).text
    assert normalized(listed).text == listed
    assert key_of(listed) == key_of(uri)
    assert str(AnyUrl(listed)) == listed


@settings(deadline=None)
@given(st.text())
def test_key_never_raises(text):
    key = key_of(text)
    assert key == "" or key_of(key) == key


def test_updated_notification_has_the_listed_uri():
    context = LocalContext()
    context.resource_updated("docs://café/a b")
    assert context.changes == ["docs://caf%C3%A9/a%20b"]
    with pytest.raises(ValueError, match="`notes/1` must begin with a scheme"):
        context.resource_updated("notes/1")


def test_uris_of_contents():
    @resource("docs://x")
    def x() -> list[ResourceContents]:
        return [ResourceContents("a", uri="docs://x/é"), ResourceContents("b")]

    context = LocalContext()
    parts = resource_of(x).read("DOCS://x", {}, context)
    assert [part.uri for part in parts] == ["docs://x/%C3%A9", "DOCS://x"]


def test_equivalent_uris_are_duplicates():
    @resource("docs://a b")
    def first() -> str: ...

    with pytest.raises(DeclarationError, match="is already the resource at line"):

        @resource("docs://A%20b")
        def second() -> str: ...

    assert len(RESOURCES.all()) == 1
