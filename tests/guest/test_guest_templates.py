from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmcp.guest.declarations.uri_template import UriTemplate


@pytest.mark.parametrize(
    ("template", "uri", "found"),
    [
        ("a://b", "a://b", {}),
        ("a://b", "a://b/", None),
        ("a://b.c", "a://bxc", None),
        ("a://{id}", "a://7", {"id": "7"}),
        ("a://{id}", "a://", None),
        ("a://{id}", "a://7/8", None),
        ("a://{id}", "a://7?x=1", None),
        ("a://{id}", "a://%2F%20x", {"id": "/ x"}),
        ("a://{id}/data", "a://7/data", {"id": "7"}),
        ("a://{x,y}", "a://1,2", {"x": "1", "y": "2"}),
        ("a://{x,y}", "a://1", None),
        ("a://{x}-{y}", "a://1-2", {"x": "1", "y": "2"}),
        ("a://{+path}", "a://x/y/z.txt", {"path": "x/y/z.txt"}),
        ("a://{+path}/tail", "a://x/y/tail", {"path": "x/y"}),
        ("a://host{/x,y}", "a://host/1/2", {"x": "1", "y": "2"}),
        ("a://host{/x*}", "a://host/1/2%2F3", {"x": ["1", "2/3"]}),
        ("a://host{/x*}", "a://host", None),
        ("a://name{.ext}", "a://name.txt", {"ext": "txt"}),
        ("a://name{;v,w}", "a://name;v=1;w=2", {"v": "1", "w": "2"}),
        ("a://name{;v}", "a://name", {}),
        ("a://b{?q,n}", "a://b?n=1&q=x%20y", {"n": "1", "q": "x y"}),
        ("a://b{?q,n}", "a://b", {}),
        ("a://b{?q}", "a://b?q=1&q=2", None),
        ("a://b{?q}", "a://b?other=1", None),
        ("a://b{?q}", "a://b?q=a=b", {"q": "a=b"}),
        ("a://b{?tags*}", "a://b?tags=1&tags=2,3", {"tags": ["1", "2", "3"]}),
        ("a://b?fixed=1{&q}", "a://b?q=2&fixed=1", {"q": "2"}),
        ("a://b?fixed=1{&q}", "a://b?q=2", None),
        ("a://b{#part}", "a://b#top/x", {"part": "top/x"}),
        ("a://b{#part}", "a://b", {}),
        ("a://b{?q}{#part}", "a://b?q=1#top", {"q": "1", "part": "top"}),
        ("a://{id}{?q}", "a://7?q=1", {"id": "7", "q": "1"}),
    ],
)
def test_match(template, uri, found):
    assert UriTemplate(template).match(uri) == found


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("no-scheme", "must begin with a scheme"),
        ("a://{id:3}", "prefixes cannot be read back"),
        ("a://{}", "it is not a valid name of a variable"),
        ("a://{id", "a brace without a partner"),
        ("a://id}", "a brace without a partner"),
        ("a://{x}/{x}", "has the variable `x` twice"),
        ("a://{;x*}", "cannot be read back"),
        ("a://b?x={x}", r"write `\{\?name\}`"),
    ],
)
def test_invalid_templates(template, reason):
    with pytest.raises(ValueError, match=reason):
        UriTemplate(template)


@settings(deadline=None)
@given(st.text(min_size=1), st.text())
def test_values_round_trip(x, y):
    x, y = (text.encode("utf-8", "replace").decode() for text in (x, y))
    uri = f"a://{quote(x, safe='')}/tail?q={quote(y, safe='')}"
    assert UriTemplate("a://{x}/tail{?q}").match(uri) == {"x": x, "q": y}


@settings(deadline=None)
@given(st.text())
def test_match_never_raises(uri):
    for template in ("a://{x}{?q,r*}", "a:{+x}{#y}", "a:{/x*}{.y}{;z}"):
        found = UriTemplate(template).match(uri)
        assert found is None or set(found) <= {"x", "y", "z", "q", "r"}
