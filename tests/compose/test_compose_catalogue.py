from __future__ import annotations

import json

import pytest
from support.compose_inputs import FULL, catalogue, tool

from wasmcp.compose.catalogue import Catalogue
from wasmcp.errors import CatalogueError

EVERYTHING = Catalogue(
    (FULL,),
    "sha256:00",
    resources=({"uri": "a:b", "name": "b"},),
    templates=({"uriTemplate": "a:{b}", "name": "b"},),
    prompts=({"name": "p", "arguments": [{"name": "x"}]},),
    completions=({"type": "ref/prompt", "name": "p"}, {"type": "ref/resource", "uri": "a:{b}"}),
    cache={"prompts": {"ttlMs": 5, "cacheScope": "private"}},
)


class TestSidecar:
    def test_all_fields_survive_a_round_trip(self) -> None:
        assert Catalogue.from_json(EVERYTHING.to_json()) == EVERYTHING
        assert EVERYTHING.capabilities == ("tools", "resources", "prompts", "completions")
        assert Catalogue(templates=EVERYTHING.templates).capabilities == ("resources",)
        assert set(Catalogue().to_dict()) == {"tools"}

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ({"resources": {}}, "`resources` in its catalogue must be an array"),
            ({"resources": [{"name": "a"}]}, "resource number 1 has no `uri`"),
            ({"resources": [{"uri": "a:b"}]}, "resource number 1 has no `name`"),
            ({"resources": [{"uri": "a:b", "name": "b"}] * 2}, "the resource `a:b` occurs twice"),
            ({"templates": [{"uriTemplate": "", "name": "b"}]}, "resource template number 1 has no `uriTemplate`"),
            ({"prompts": [{"name": "p"}, {"name": "p"}]}, "the prompt `p` occurs twice"),
            ({"completions": [{"type": "ref/prompt", "uri": "p"}]}, "completion number 1 is neither"),
            ({"completions": [{"type": []}]}, "completion number 1 is neither"),
            ({"cache": []}, "`cache` must be an object"),
            ({"cache": {"tools": {"ttlMs": True, "cacheScope": "public"}}}, "hint of `cache.tools`"),
            ({"cache": {"tools": {"ttlMs": 1}}}, "hint of `cache.tools`"),
            ({"cache": {"other": {"ttlMs": 1, "cacheScope": "public"}}}, "hint of `cache.other`"),
        ],
    )
    def test_invalid_entries(self, more: dict[str, object], message: str) -> None:
        with pytest.raises(CatalogueError, match=message):
            Catalogue.from_json(json.dumps({"format": 1, "tools": [], **more}))

    def test_a_round_trip(self) -> None:
        one = Catalogue((FULL, tool("é")), "sha256:00")
        assert Catalogue.from_json(one.to_json()) == one
        assert one.to_json() == Catalogue.from_json(one.to_json().encode()).to_json()
        assert json.loads(one.to_json())["format"] == 1
        assert one.names == ("full", "é")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "not JSON"),
            ("[" * 100_000, "not JSON"),
            ("[]", "format `list`, expected `1`"),
            ('{"format": 2, "tools": []}', "format `2`, expected `1`: build it again"),
            ('{"format": 1, "tools": {}}', "needs `tools`, an array"),
            ('{"format": 1, "tools": [], "digest": 3}', "`digest`, a string"),
            ('{"format": 1, "tools": [{"name": ""}]}', "tool number 1 has no `name`"),
            ('{"format": 1, "tools": [3]}', "tool number 1 has no `name`"),
            ('{"format": 1, "tools": [{"name": "a", "inputSchema": null}]}', "tool `a` needs an `inputSchema`"),
            ('{"format": 1, "tools": [{"name": "a", "inputSchema": {"type": "array"}}]}', '"type": "object"'),
            (
                '{"format": 1, "tools": [{"name": "a", "inputSchema": {"type": "object", "x": NaN}}]}',
                "`NaN` is not JSON",
            ),
            (
                '{"format": 1, "tools": [{"name": "a", "inputSchema": {"type": "object"}, "outputSchema": 1}]}',
                "`outputSchema` of the tool `a` is not an object",
            ),
        ],
    )
    def test_invalid_sidecar(self, text: str, message: str) -> None:
        with pytest.raises(CatalogueError, match=message) as caught:
            Catalogue.from_json(text, source="calc")
        assert "component `calc`" in str(caught.value)

    def test_a_number_too_large_for_json(self) -> None:
        text = '{"format": 1, "tools": [{"name": "a", "inputSchema": {"type": "object", "maximum": 1e400}}]}'
        with pytest.raises(CatalogueError, match="tool `a` cannot be written as JSON"):
            Catalogue.from_json(text)

    def test_a_tool_twice(self) -> None:
        with pytest.raises(ValueError, match="the tool `a` occurs twice"):
            catalogue("a", "a")

    def test_name_that_is_not_a_string(self) -> None:
        with pytest.raises(ValueError, match="cannot be written"):
            catalogue("\ud800")
