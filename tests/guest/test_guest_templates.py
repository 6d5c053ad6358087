"""URI templates of the Python guest library, and their matching by the framework's component."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import uri_table
from support.uri_table import uri_templates

from wasmcp.guest.json_types.uris import UriTemplate, Variable


def match(template: str, uri: str, unchecked: tuple[str, ...] = ()) -> dict[str, list[str]] | None:
    found = uri_templates().match(uri, [(template, unchecked)])
    return None if found is None else dict(found.variables)


@pytest.mark.parametrize(
    ("template", "variables"),
    [
        ("a://b", []),
        ("a://{x}/{+y}", [Variable("x", False, False), Variable("y", False, False)]),
        ("a://h{/x,y*}{.z}", [Variable("x", False, False), Variable("y", True, False), Variable("z", False, False)]),
        ("a://h{;x}{?y,z*}{#f}", [Variable(name, name == "z", True) for name in "xyzf"]),
        ("a://h?a=1{&x}", [Variable("x", False, True)]),
        ("a://{a.b_1}", [Variable("a.b_1", False, False)]),
    ],
)
def test_variables(template, variables):
    assert list(UriTemplate(template).variables.values()) == variables


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("no-scheme", "must begin with a scheme"),
        ("a://{id", "an unmatched brace"),
        ("a://id}", "an unmatched brace"),
    ],
)
def test_texts_that_are_not_templates(template, reason):
    with pytest.raises(ValueError, match=reason):
        UriTemplate(template)


@pytest.mark.parametrize("template", dict.fromkeys(row.listed for row in uri_table.ROWS))
def test_templates_of_the_table_match_in_one_way(template):
    assert uri_templates().problem(template) is None


@pytest.mark.parametrize(("template", "reason"), uri_table.UNMATCHABLE)
def test_templates_that_cannot_be_matched(template, reason):
    problem = uri_templates().problem(template)
    assert problem is not None
    assert problem.startswith(reason)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{x}", "it must begin with a scheme"),
        ("a://{x", "it has an unmatched brace"),
        ("a://{}", "``: the name of a variable has letters, digits, `_` and `.`"),
        ("a://{x y}", "`x y`: the name of a variable has letters, digits, `_` and `.`"),
        ("a://{x.}", "`x.`: the name of a variable has letters, digits, `_` and `.`"),
        ("a://b/" + "".join(f"{{/v{n}}}" for n in range(40)), "it has too many variables"),
        ("a://" + "b" * 1000, "it is longer than 1,000 bytes"),
        ("a://{x}" + "a" * 900, "it is too long to be matched"),
    ],
)
def test_texts_and_long_templates_are_refused(template, reason):
    assert (uri_templates().problem(template) or "").startswith(reason)


def test_the_first_template_that_matches_is_found():
    templates = [("a://{x}", ()), ("b://{x}", ()), ("b://{+y}", ())]
    first, second = (uri_templates().match(uri, templates) for uri in ("b://1", "b://1/2"))
    assert (first.template, first.variables) == (1, [("x", ["1"])])
    assert (second.template, second.variables) == (2, [("y", ["1/2"])])
    assert uri_templates().match("c://1", templates) is None
    assert uri_templates().match("no uri", templates) is None


def test_a_template_with_a_problem_matches_nothing():
    assert match("a://{x:3}", "a://abc") is None


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_values_round_trip(x, y):
    x, y = (text.encode("utf-8", "replace").decode() for text in (x, y))
    uri = f"a://{quote(x, safe='')}/tail?q={quote(y, safe='')}"
    assert match("a://{x}/tail{?q}", uri, ("x", "q")) == {"x": [x], "q": [y]}


@settings(deadline=None)
@given(st.text(st.sampled_from("aé/%.?#;=,&\\2f5cCE:\x00"), max_size=12), st.booleans())
def test_no_uri_gives_a_value_that_its_expression_does_not_allow(text, encoded):
    uri = "a:" + (quote(text, safe="%") if encoded else text)
    for template in ("a:{x}{?q,r*}{#f}", "a:{+p}{;z}{#f}", "a:b{/l*}{.e}"):
        for name, values in (match(template, uri) or {}).items():
            for value in values:
                assert ".." not in value.replace("\\", "/").split("/")
                assert not value.startswith(("/", "\\"))
                assert "\0" not in value
                assert "/" not in value or name in "qrfp"


@settings(deadline=None)
@given(st.text(st.sampled_from("ax{}{}+#./;?&,*:=%2"), max_size=20), st.text(max_size=10))
def test_no_text_ends_the_component(template, uri):
    uri_templates().problem("a:" + template)
    match("a:" + template, "a:" + uri)
    assert match("a:{x}", "a:b") == {"x": ["b"]}
