"""Pydantic 2 in tools: schemas, parameters, unions, validators, results, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Annotated, Any

import jsonschema
import pydantic
import pydantic_core
import pytest
from pydantic import BaseModel, ConfigDict, EmailStr, Field, HttpUrl, SecretStr
from pydantic_core import core_schema
from support.pydantic_models import (
    Aliased,
    Cat,
    Closed,
    Customer,
    Login,
    Node,
    Numbers,
    Open,
    Page,
    Pet,
    Point,
    Range,
    Written,
    call,
    json_type_of,
    schema_of,
)

from wasmcp.guest import DeclarationError, config, prompt, resource, tool
from wasmcp.guest import Field as OurField
from wasmcp.guest.declarations.registry import prompt_of, tool_of
from wasmcp.guest.errors import MismatchError, UnsupportedTypeError
from wasmcp.guest.json_types import annotated, pydantic_errors
from wasmcp.guest.json_types.annotations import Resolver, loaded
from wasmcp.guest.json_types.conversions import dump_any
from wasmcp.guest.json_types.pydantic2 import Adapted
from wasmcp.guest.testing import LocalContext, fake_config


class TestSchema:
    def test_model(self):
        assert schema_of(Customer)["properties"]["value"] == {
            "type": "object",
            "description": "A customer.",
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 8},
                "age": {"type": "integer", "minimum": 0, "maximum": 150},
                "tier": {"type": "string", "enum": ["free", "pro"], "default": "free"},
                "addresses": {
                    "type": "array",
                    "default": [],
                    "items": {
                        "type": "object",
                        "properties": {
                            "street": {"type": "string"},
                            "zip_code": {"type": "string", "pattern": r"^\d{5}$", "description": "Five digits."},
                        },
                        "required": ["street", "zip_code"],
                    },
                },
            },
            "required": ["name", "age"],
        }

    def test_results_have_computed_fields_and_serialization_aliases(self):
        found = schema_of(Range, output=True)["properties"]["value"]
        assert found["properties"]["width"] == {"type": "integer", "readOnly": True, "description": "The distance."}
        assert found["required"] == ["low", "high", "width"]
        assert "width" not in schema_of(Range)["properties"]["value"]["properties"]
        assert list(schema_of(Aliased)["properties"]["value"]["properties"]) == ["firstName", "bornOn", "nickIn"]
        assert list(schema_of(Aliased, output=True)["properties"]["value"]["properties"])[2] == "nickOut"

    def test_results_have_only_formats_that_every_value_has(self):
        found = schema_of(Written, output=True)["properties"]["value"]["properties"]
        assert "format" not in found["when"]
        assert found["when"]["pattern"].startswith("^[0-9]{4}")
        assert found["stamp"] == {}, "the serializer has no return annotation"
        assert schema_of(Written)["properties"]["value"]["properties"]["when"]["format"] == "date-time"
        assert schema_of(pydantic.AwareDatetime, output=True)["properties"]["value"]["format"] == "date-time"
        assert "format" not in schema_of(EmailStr, output=True)["properties"]["value"]
        assert schema_of(EmailStr)["properties"]["value"] == {"type": "string", "format": "email"}

    def test_discriminated_union_has_keywords_of_json_schema_only(self):
        found = schema_of(Pet)["properties"]["value"]
        assert list(found) == ["oneOf"]
        assert [one["properties"]["kind"]["const"] for one in found["oneOf"]] == ["cat", "dog"]

    def test_extra_decides_about_further_members(self):
        assert schema_of(Closed)["properties"]["value"]["additionalProperties"] is False
        assert schema_of(Open)["properties"]["value"]["additionalProperties"] is True
        assert "additionalProperties" not in schema_of(Cat)["properties"]["value"]

    def test_a_title_of_the_author_stays(self):
        class Titled(BaseModel):
            model_config = ConfigDict(title="A title")

            x: int = Field(title="An x", examples=[1], json_schema_extra={"unit": "m"})

        found = schema_of(Titled)["properties"]["value"]
        assert found["title"] == "A title"
        assert found["properties"]["x"] == {"type": "integer", "title": "An x", "examples": [1], "unit": "m"}

    def test_recursive_model_stays_a_reference(self):
        found = schema_of(Node)
        assert found["properties"]["value"] == {"$ref": "#/$defs/Node"}
        assert found["$defs"]["Node"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}

        @tool
        def grow(node: Node) -> Node:
            return node

        output = tool_of(grow).output_schema
        assert (output["type"], output["$ref"]) == ("object", "#/$defs/Node")

    def test_repeated_models_are_references_in_results_and_written_out_in_arguments(self):
        @tool
        def swap(one: Closed, other: Closed, both: list[Closed]) -> tuple[Closed, Closed]:
            return other, one

        @tool(references=True)
        def kept(one: Closed, other: Closed) -> None: ...

        assert "$ref" not in json.dumps(tool_of(swap).input_schema)
        assert list(tool_of(swap).output_schema["$defs"]) == ["Closed"]
        assert tool_of(kept).input_schema["properties"]["one"] == {"$ref": "#/$defs/Closed"}
        assert call(swap, one={"x": 1}, other={"x": 2}, both=[])["result"] == [{"x": 2, "y": 0}, {"x": 1, "y": 0}]

    def test_models_of_the_same_name_have_separate_definitions(self):
        first = pydantic.create_model("Item", size=(int, ...))
        second = pydantic.create_model("Item", size=(str, ...))
        namespace = {"first": first, "second": second}

        def compare(a: Any, b: Any, c: Any, d: Any) -> None: ...

        compare.__annotations__ = {"a": first, "b": second, "c": first, "d": second, "return": None}
        found = tool_of(tool(references=True)(compare)).input_schema
        assert sorted(found["$defs"]) == ["Item", "Item2"]
        jsonschema.validate({"a": {"size": 1}, "b": {"size": "x"}, "c": {"size": 1}, "d": {"size": "y"}}, found)
        assert namespace

    def test_generated_models_of_a_result_are_objects_and_others_are_wrapped(self):
        @tool
        def numbers() -> Numbers:
            return Numbers([1])

        @tool
        def page() -> Page[int]:
            return Page[int](items=[1])

        @tool
        def point() -> Point:
            return Point(1)

        assert call(numbers) == {"result": [1]}
        assert call(page) == {"items": [1], "next": None}
        assert call(point) == {"x": 1, "y": 0}


class TestParameters:
    def test_field_as_a_default(self):
        @tool
        def search(
            query: str = Field(description="Words.", min_length=1),
            limit: int = Field(10, ge=1, le=50),
            tags: list[str] = Field(default_factory=list),  # noqa: B008
            mail: EmailStr = Field("a@example.org", description="A mail."),  # noqa: B008
        ) -> list[Any]:
            return [query, limit, tags, mail]

        assert tool_of(search).input_schema == {
            "type": "object",
            "properties": {
                "query": {"type": "string", "minLength": 1, "description": "Words."},
                "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10},
                "tags": {"type": "array", "items": {"type": "string"}, "default": []},
                "mail": {"type": "string", "format": "email", "description": "A mail.", "default": "a@example.org"},
            },
            "required": ["query"],
            "additionalProperties": False,
        }
        assert call(search, query="a") == {"result": ["a", 10, [], "a@example.org"]}
        wrong = "query: expected at least 1 characters, got 0; limit: expected at most 50, got 51"
        assert call(search, query="", limit=51).endswith(f"tool search: {wrong}")
        first = tool_of(search)._signature.load({"query": "a"})
        assert first == {"query": "a"}, "defaults are made anew in each call"

    def test_field_within_annotated_has_the_constraints_and_words_of_our_own(self):
        @tool
        def f(
            a: Annotated[int, Field(ge=1, description="Text.", examples=[3], json_schema_extra={"unit": "m"})],
            b: Annotated[str, Field(pattern="^a$")] = "a",
            c: Annotated[int, Field(default=5)] = 6,
            d: Annotated[int, Field(default=7)] = Field(8),
        ) -> list[Any]:
            """Do.

            Args:
                a: The docstring has less weight.
            """
            return [a, b, c, d]

        found = tool_of(f).input_schema["properties"]
        assert found["a"] == {"type": "integer", "minimum": 1, "description": "Text.", "examples": [3], "unit": "m"}
        assert call(f, a=1.0) == {"result": [1, "a", 6, 8]}
        assert call(f, a="1", b="b").endswith('a: expected integer, got string; b: expected a match of "^a$", got "b"')

    def test_alias_of_a_parameter_is_its_name_in_json(self):
        @tool
        def f(from_: Annotated[int, Field(alias="from", ge=1)], to: str = Field("x", validation_alias="until")) -> str:
            return f"{from_} {to}"

        assert list(tool_of(f).input_schema["properties"]) == ["from", "until"]
        assert call(f, **{"from": 1, "until": "y"}) == {"result": "1 y"}
        assert call(f, from_=1).endswith("from_: unexpected; expected only from, until; from: required, but missing")

    def test_alias_path_of_a_parameter_is_refused(self):
        with pytest.raises(DeclarationError, match=r"parameter `x`: .*a parameter has one name, a string"):

            @tool
            def f(x: Annotated[int, Field(validation_alias=pydantic.AliasPath("a", 0))]) -> None: ...

    def test_our_constraints_on_a_type_of_pydantic_are_refused(self):
        with pytest.raises(DeclarationError, match=r"`Field\(max_length=...\)` does not apply to `EmailStr`"):

            @tool
            def f(x: Annotated[EmailStr, OurField(max_length=3)]) -> None: ...

    def test_our_documentation_on_a_model(self):
        @tool
        def f(
            x: Annotated[Closed, OurField(description="Text.")], y: Annotated[EmailStr, OurField(header="Mail")]
        ) -> None: ...

        found = tool_of(f).input_schema["properties"]
        assert found["x"]["description"] == "Text."
        assert found["y"]["x-mcp-header"] == "Mail"

    def test_all_mistakes_of_all_arguments_are_reported(self):
        @tool
        def f(one: Closed, other: Closed, count: int) -> None: ...

        assert call(f, one={}, other={"x": "a"}, count="b", more=1) == (
            "Invalid arguments for tool f: one.x: required, but missing; "
            'other.x: expected integer, got "a"; count: expected integer, got string; '
            "more: unexpected; expected only one, other, count"
        )

    def test_mistakes_are_limited(self):
        with pytest.raises(MismatchError) as caught:
            json_type_of(list[Closed]).load([{"x": "a"}] * 50)
        assert len(caught.value.problems) == 20
        with pytest.raises(MismatchError) as caught:
            json_type_of(Numbers).load(["a"] * 50)
        assert len(caught.value.problems) == 20
        assert caught.value.more

    def test_many_mistakes_cost_little(self):
        assert str(self.mismatch([None] * 300)).endswith("; and more")
        assert str(self.mismatch([None] * 1000)).endswith("; and more")
        assert str(self.mismatch([None] * 100_000)) == "does not fit: 100000 problems, too many to list"

    @staticmethod
    def mismatch(value: Any) -> MismatchError:
        with pytest.raises(MismatchError) as caught:
            json_type_of(Numbers).load(value)
        assert len(caught.value.problems) <= 20
        return caught.value

    def test_json_inside_a_string_is_decoded_for_a_model_on_request(self):
        @tool(coerce=True)
        def f(one: Closed) -> Closed:
            return one

        assert call(f, one='{"x": 1}') == {"x": 1, "y": 0}

    def test_prompts_and_resources(self):
        @prompt
        def greet(mail: EmailStr, count: int = Field(2, ge=1)) -> str:
            return f"{mail} {count}"

        assert (
            prompt_of(greet).get('{"mail": "a@example.org"}', LocalContext()).messages[0].content == "a@example.org 2"
        )

        @resource("mails://{mail}")
        def mails(mail: EmailStr) -> str:
            return mail

    def test_deeply_nested_value_is_refused(self):
        value: dict[str, Any] = {"value": 1}
        for _ in range(300):
            value = {"value": 1, "children": [value]}
        with pytest.raises(MismatchError, match=r"nested too deeply"):
            json_type_of(Node).load(value)

    def test_text_that_is_not_unicode_is_refused(self):
        with pytest.raises(MismatchError, match=r"expected valid Unicode"):
            json_type_of(Cat).load({"kind": "\ud800"})


class TestUnions:
    def test_path_is_that_of_the_value_even_if_a_member_is_named_like_the_class(self):
        class A(BaseModel):
            x: int

        class B(BaseModel):
            y: list[int]
            z: int

        with pytest.raises(MismatchError, match=r"^x: required, but missing$"):
            Resolver({"A": A, "B": B}).json_type(A | B).load({"A": {"y": 1}})

    def test_alternative_that_matched_furthest_is_reported(self):
        class A(BaseModel):
            rows: list[int]

        class B(BaseModel):
            rows: str

        union = A | B
        with pytest.raises(MismatchError, match=r'^rows\[1\]: expected integer, got "x"$'):
            Resolver().json_type(union).load({"rows": [1, "x"]})

    def test_callable_discriminator(self):
        def tag(value: Any) -> str | None:
            return ("many" if "rows" in value else "one") if isinstance(value, dict) else None

        class Many(BaseModel):
            rows: list[int]

        one = Annotated[Closed, pydantic.Tag("one")]
        union = Annotated[one | Annotated[Many, pydantic.Tag("many")], pydantic.Discriminator(tag)]
        json_type = Resolver().json_type(union)
        assert json_type.load({"rows": [1]}) == Many(rows=[1])
        with pytest.raises(MismatchError, match=r'^rows\[0\]: expected integer, got "x"$'):
            json_type.load({"rows": ["x"]})
        with pytest.raises(MismatchError, match=r"discriminator"):
            json_type.load(5)


class TestValidators:
    def test_members_made_by_a_validator_keep_the_path_of_the_value_sent(self):
        class Text(BaseModel):
            point: Closed

            @pydantic.field_validator("point", mode="before")
            @classmethod
            def parse(cls, value: Any) -> Any:
                return dict(zip("xy", value.split(","), strict=False)) if isinstance(value, str) else value

        json_type = Resolver().json_type(Text)
        assert json_type.load({"point": "1,2"}).point == Closed(x=1, y=2)
        with pytest.raises(MismatchError, match=r'^point: expected integer, got "a"$'):
            json_type.load({"point": "a,2"})

    def test_errors_of_a_model_inside_a_validator_have_our_words(self):
        class Outer(BaseModel):
            inner: dict[str, Any]

            @pydantic.field_validator("inner")
            @classmethod
            def check(cls, value: dict[str, Any]) -> dict[str, Any]:
                Closed.model_validate(value)
                return value

        with pytest.raises(MismatchError, match=r'^inner.x: expected integer, got "a"$'):
            Resolver().json_type(Outer).load({"inner": {"x": "a"}})

    def test_custom_error_keeps_its_text(self):
        def check(value: str) -> str:
            raise pydantic_core.PydanticCustomError("odd", "The value is odd: {why}", {"why": "yes"})

        with pytest.raises(MismatchError, match=r"^the value is odd: yes$"):
            Resolver().json_type(Annotated[str, pydantic.AfterValidator(check)]).load("a")

    def test_other_exceptions_are_masked(self):
        class Broken(BaseModel):
            x: int

            @pydantic.field_validator("x")
            @classmethod
            def check(cls, value: int) -> int:
                raise KeyError(value)

        def f(x: Any) -> None: ...

        f.__annotations__ = {"x": Broken, "return": None}
        assert call(tool(f), x={"x": 1}) == "Error executing tool f"

    def test_assertion_without_a_text(self):
        def check(value: int) -> int:
            raise AssertionError

        with pytest.raises(MismatchError, match=r"^rejected$"):
            Resolver().json_type(Annotated[int, pydantic.AfterValidator(check)]).load(1)


class TestResults:
    def test_result_of_another_type_is_refused(self):
        with pytest.raises(MismatchError, match=r"^expected Closed, got dict$"):
            json_type_of(Closed).dump({"x": 1})
        with pytest.raises(MismatchError, match=r"^expected Point, got Closed$"):
            json_type_of(Point).dump(Closed(x=1))
        with pytest.raises(MismatchError, match=r"^expected HttpUrl, got str$"):
            json_type_of(HttpUrl).dump("https://example.org")

    def test_values_without_annotation(self):
        value = {
            "point": Point(1),
            "range": [Range(low=1, high=2)],
            "url": HttpUrl("https://example.org"),
            "secret": SecretStr("geheim"),
            "alias": Aliased(first_name="A"),
        }
        assert dump_any(value) == {
            "point": {"x": 1, "y": 0},
            "range": [{"low": 1, "high": 2, "width": 1}],
            "url": "https://example.org/",
            "secret": "**********",
            "alias": {"firstName": "A", "bornOn": None, "nickOut": ""},
        }

    def test_stored_values_are_converted_back(self):
        assert loaded(dump_any(Range(low=1, high=2)), Range) == Range(low=1, high=2)
        with pytest.raises(ValueError, match=r"expected `Range`: high: required, but missing"):
            loaded({"low": 1}, Range)

    def test_configuration_is_converted(self):
        with fake_config(
            {"range": {"low": 1, "high": 2}}, environment={"login": '{"user": "u", "password": "geheim"}'}
        ):
            assert config.get("range", Range) == Range(low=1, high=2)
            with pytest.raises(config.InvalidConfigError) as caught:
                config.get("login", Login)
        assert "geheim" not in str(caught.value)


class TestRefusals:
    def test_type_without_a_schema(self):
        class Foreign:
            pass

        class Odd(BaseModel):
            model_config = ConfigDict(arbitrary_types_allowed=True)

            value: Foreign

        def f(x: Any) -> None: ...

        f.__annotations__ = {"x": Odd, "return": None}
        with pytest.raises(DeclarationError, match=r"tool `f`, parameter `x`: `Odd` has no JSON Schema: "):
            tool(f)

        def g() -> Any: ...

        g.__annotations__ = {"return": Odd}
        with pytest.raises(DeclarationError, match=r"tool `g`, return: `Odd` has no JSON Schema: "):
            tool(g)

    def test_type_that_pydantic_cannot_convert(self):
        class Foreign:
            pass

        with pytest.raises(UnsupportedTypeError, match=r"pydantic cannot convert .*Foreign"):
            Resolver().json_type(Annotated[Foreign, pydantic.AfterValidator(id)])

    def test_pattern_that_clients_cannot_compile(self):
        class Strange(BaseModel):
            x: str = Field(pattern=r"^(?i)a$")

        def f(x: Any) -> None: ...

        f.__annotations__ = {"x": Strange, "return": None}
        with pytest.raises(DeclarationError, match=r"input schema: `properties.x.properties.x.pattern`"):
            tool(f)


def test_model_whose_members_are_defined_later(tmp_path, monkeypatch):
    lines = [
        "from pydantic import BaseModel",
        "from wasmcp.guest import tool",
        "class Early(BaseModel):",
        "    later: 'Later'",
        "@tool",
        "def f(early: Early) -> Early:",
        "    return early",
        "class Later(BaseModel):",
        "    x: int",
    ]
    (tmp_path / "late_models.py").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import late_models

    found = tool_of(late_models.f)
    assert found.input_schema["properties"]["early"]["properties"]["later"]["required"] == ["x"]
    assert call(late_models.f, early={"later": {"x": 1}}) == {"later": {"x": 1}}


def test_model_with_a_name_that_does_not_exist_is_refused(tmp_path, monkeypatch):
    lines = [
        "from pydantic import BaseModel",
        "from wasmcp.guest import tool",
        "class Early(BaseModel):",
        "    later: 'Never'",
        "@tool",
        "def f(early: Early) -> Early:",
        "    return early",
    ]
    (tmp_path / "never_models.py").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import never_models

    with pytest.raises(DeclarationError, match=r"tool `f`: its annotations name `Never`, which does not exist"):
        tool_of(never_models.f)


def test_every_error_of_pydantic_has_words_or_keeps_its_own():
    known = {*pydantic_errors._KINDS, *pydantic_errors._VALUES, *pydantic_errors._LENGTHS}
    types = set(core_schema.ErrorType.__args__)
    assert known <= types


def test_metadata_that_means_the_same_is_our_own():
    assert annotated.translated([Field(ge=1, le=5)]) == [OurField(ge=1, le=5)]
    assert annotated.translated(pydantic.PositiveInt.__metadata__) == [OurField(gt=0)]
    assert annotated.translated([pydantic.AfterValidator(abs)]) is None
    assert annotated.translated([Field(strict=False)]) is None
    assert annotated.translated(["text", OurField(ge=1)]) == ["text", OurField(ge=1)]
    assert not isinstance(json_type_of(pydantic.PositiveInt), Adapted)
    assert isinstance(json_type_of(Annotated[float, Field(multiple_of=0.5)]), Adapted)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("from pydantic import HttpUrl", True),
        ("from pydantic import BaseModel", True),
        ("from pydantic import v1", False),
    ],
)
def test_what_results_without_annotation_need_is_imported_with_the_declaration(statement, expected):
    code = (
        f"import sys\nfrom wasmcp.guest import tool\n{statement}\n"
        "@tool\ndef f():\n    return None\n"
        f"assert ('wasmcp.guest.json_types.pydantic2' in sys.modules) is {expected}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_guest_library_does_not_import_pydantic():
    code = (
        "import sys, typing, annotated_types\n"
        "from dataclasses import dataclass\n"
        "from wasmcp.guest import tool\n"
        "from wasmcp.guest.declarations.registry import tool_of\n"
        "@dataclass\n"
        "class A:\n    x: int\n"
        "class Hooked(str):\n    __get_pydantic_core_schema__ = None\n"
        "@tool\n"
        "def f(a: A, b: typing.Annotated[int, annotated_types.Ge(3)]) -> A:\n    return a\n"
        "assert tool_of(f).input_schema['properties']['b'] == {'type': 'integer', 'minimum': 3}\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('pydantic', 'pydantic_core')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
