"""Documentation of tools, prompts and resources: all of the author's texts reach the clients."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, NamedTuple, NewType, TypedDict, Union

import pytest

from wasmcp.guest import DeclarationError, Field, prompt, resource, tool
from wasmcp.guest.declarations.registry import prompt_of, resource_of, tool_of
from wasmcp.guest.testing import LocalContext

City = Annotated[str, Field(description="W-city", title="W-city-title", examples=["W-city-example"], min_length=1)]
UserId = NewType("UserId", City)


class Color(Enum):
    """W-color."""

    RED = "red"


class Options(TypedDict, total=False):
    """W-options.

    Attributes:
        loud: W-loud.
    """

    loud: bool


class Pair(NamedTuple):
    """W-pair."""

    left: Annotated[int, "W-left"]
    right: list[Annotated[int, "W-right"]]


@dataclass
class Place:
    """W-place.

    Attributes:
        name: W-name.
        gone: W-gone.
    """

    name: str
    inner: Annotated[int, Field(description="W-inner", ge=1)] | None = None
    each: list[Annotated[str, Field(description="W-each")]] = field(default_factory=list)


@dataclass
class Result:
    """W-result-type."""

    value: Annotated[City | None, "W-value"] = None


@pytest.fixture(autouse=True)
def _unread() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*stays in the description")
        yield


def described(function: Any) -> str:
    found = tool_of(function)
    return json.dumps([found.description, found.input_schema, found.output_schema], ensure_ascii=False)


def test_all_documentation_is_in_the_list():
    @tool
    def f(  # noqa: PLR0917
        a: City,
        b: City | None = None,
        c: Annotated[int, "W-number"] | Annotated[str, "W-text"] | None = None,
        d: list[City] = [],  # noqa: B006 - a default to be shown
        e: dict[Annotated[str, "W-key"], Annotated[str, "W-member"]] = {},  # noqa: B006
        g: tuple[Annotated[int, "W-first"], Annotated[int, "W-second"]] = (1, 2),
        h: UserId = UserId("x"),  # noqa: B008
        i: Annotated[Annotated[str, "W-within"] | None, "W-around"] = None,
        j: Place | None = None,
        k: Color = Color.RED,
        l: Options = {},  # noqa: B006, E741
        m: Pair | None = None,
        n: Annotated[Place, "W-the-place"] | None = None,
    ) -> Annotated[Result, Field(title="W-result-title")]:
        """W-summary.

        W-more.

        Args:
            W-prose before the first.
            - `c` (Union[int, str], default=(0, 0)): W-c,
              W-c-continued.
            **d**: W-d
            j: W-j.
            k - W-k.
            l: W-l.
            typo: W-typo.

        Returns:
            W-returned.

        Note:
            W-note.
        """

    import re
    from pathlib import Path

    assert "$ref" not in json.dumps(tool_of(f).input_schema)
    written = set(re.findall(r"W-[a-z-]+", Path(__file__).read_text(encoding="utf-8").partition("def test_the_")[0]))
    lost = {word for word in written - {"W-"} if not re.search(rf"{word}(?![a-z-])", described(f))}
    assert lost == set()


def test_documentation_is_in_the_expected_members():
    @tool
    def f(  # noqa: PLR0917
        x: City | None = None,
        y: list[City] = [],  # noqa: B006
        z: Annotated[City | None, "outer"] = None,
        p: Place | None = None,
        r: Annotated[str, Field(header="Region")] | None = None,
        u: Annotated[UserId, Field(description="The author")] = UserId("x"),  # noqa: B008
    ) -> list[Annotated[str, Field(description="each result")]]:
        """F.

        Args:
            p: Its place.
            x: The target.

        Returns:
            All results.
        """
        return []

    found = tool_of(f)
    properties = found.input_schema["properties"]
    city = {"title": "W-city-title", "examples": ["W-city-example"]}
    assert properties["x"] == {
        "anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}],
        **city,
        "description": "The target.\n\nW-city",
        "default": None,
    }
    assert properties["y"]["items"] == {"type": "string", "minLength": 1, **city, "description": "W-city"}
    assert properties["z"]["description"] == "outer\n\nW-city"
    assert properties["p"]["description"] == "Its place."
    assert properties["p"]["anyOf"][0]["description"].startswith("W-place.")
    assert properties["r"] == {"type": ["string", "null"], "x-mcp-header": "Region", "default": None}
    assert properties["u"]["description"] == "The author\n\nW-city"
    result = found.output_schema["properties"]["result"]
    assert (result["description"], result["items"]["description"]) == ("All results.", "each result")


def test_result_without_schema_is_described_with_the_tool():
    @tool
    def f() -> None:
        """Do it.

        Returns:
            Nothing at all.
        """

    assert tool_of(f).description == "Do it.\n\nReturns: Nothing at all."


def test_parameter_text_is_kept_with_an_input_schema():
    @tool(input_schema={"type": "object"})
    def f(**arguments: Any) -> None:
        """Do it.

        Args:
            a: Given to the tool.
        """

    assert "a: Given to the tool." in str(tool_of(f).description)


def test_arguments_of_prompts():
    @prompt
    def f(x: City | None = None, y: list[Annotated[str, "W-item"]] | None = None) -> str:
        """F.

        Args:
            x: The target.
        """
        return ""

    known = {name: member.documentation for name, member in prompt_of(f).variables.items()}
    assert (known["x"]["description"], known["x"]["title"]) == ("The target.\n\nW-city", "W-city-title")
    assert known["y"]["description"] == "W-item"


def test_variables_of_templates():
    @resource("notes://{name}{?kind}")
    def f(name: str, kind: City | None = None) -> str:
        """A note.

        Args:
            name: As it was given.

        Returns:
            Its text.
        """
        return ""

    assert resource_of(f).description == "A note.\n\nReturns: Its text.\n\nname: As it was given.\nkind: W-city"


def test_documentation_does_not_change_conversion():
    @tool
    def f(x: Annotated[Place, "documented"] | None, y: list[City], z: UserId) -> Annotated[Result, "documented"]:
        assert x == Place("a", 3)
        return Result(y[0] + z)

    found = tool_of(f).call('{"x": {"name": "a", "inner": 3}, "y": ["b"], "z": "c"}', LocalContext())
    assert found.structured == '{"value":"bc"}'
    refused = tool_of(f).call('{"x": {"name": "a", "inner": 0}, "y": [""], "z": "c"}', LocalContext())
    assert refused.is_error
    assert "x.inner: expected at least 1" in refused.content[0].text
    assert "y[0]: expected at least 1 characters" in refused.content[0].text


@pytest.mark.parametrize(
    "annotation",
    [
        list[Annotated[str, Field(header="Region")]],
        dict[str, Annotated[str, Field(header="Region")]],
        tuple[Annotated[str, Field(header="Region")], int],
        Union[Annotated[str, Field(header="Region")], int],  # noqa: UP007
        Annotated[float, Field(header="Region")],
        Annotated[list[str], Field(header="Region")],
    ],
)
def test_header_field_in_unsupported_place_is_refused(annotation):
    def f(x) -> None: ...

    f.__annotations__["x"] = annotation
    with pytest.raises(DeclarationError, match=r"parameter `x`: `Field\(header=\.\.\.\)`"):
        tool(f)
