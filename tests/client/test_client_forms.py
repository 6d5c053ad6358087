"""Values of elicitation forms from texts."""

from __future__ import annotations

from typing import Any

import pytest

from wasmcp.client.texts import fields

FORM = {
    "requestedSchema": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "title": "Name", "minLength": 2, "maxLength": 5},
            "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
            "ratio": {"type": "number"},
            "sure": {"type": "boolean"},
            "color": {"type": "string", "enum": ["r", "g"], "enumNames": ["Red", "Green"]},
            "size": {"type": "string", "oneOf": [{"const": "s", "title": "Small"}, {"const": "l", "title": "Large"}]},
            "many": {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}},
            "titled": {"type": "array", "items": {"anyOf": [{"const": "p", "title": "Pea"}]}},
        },
        "required": ["name"],
    }
}
BY_NAME = {field.name: field for field in fields(FORM)}


def test_fields_have_titles_defaults_and_choices() -> None:
    assert BY_NAME["name"].title == "Name"
    assert [name for name, field in BY_NAME.items() if field.is_required] == ["name"]
    assert BY_NAME["count"].default == 3
    assert BY_NAME["color"].choices == (("r", "Red"), ("g", "Green"))
    assert BY_NAME["size"].choices == (("s", "Small"), ("l", "Large"))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("name", "Ada", "Ada"),
        ("count", "5", 5),
        ("ratio", "0.5", 0.5),
        ("sure", "Yes", True),
        ("sure", "n", False),
        ("color", "2", "g"),
        ("color", "Red", "r"),
        ("color", "r", "r"),
        ("size", "1", "s"),
        ("many", "x, 2", ["x", "y"]),
        ("many", "", []),
        ("titled", "Pea", ["p"]),
    ],
)
def test_value_of_a_text(name: str, text: str, value: Any) -> None:
    assert BY_NAME[name].value(text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("name", "A"),
        ("name", "Ada Lovelace"),
        ("count", "0"),
        ("count", "10"),
        ("count", "1.5"),
        ("ratio", "nan"),
        ("ratio", "inf"),
        ("sure", "perhaps"),
        ("color", "3"),
        ("color", "0"),
        ("many", "x, z"),
    ],
)
def test_text_that_is_not_valid(name: str, text: str) -> None:
    with pytest.raises(ValueError, match="answer"):
        BY_NAME[name].value(text)


@pytest.mark.parametrize("params", [{}, {"requestedSchema": []}, {"requestedSchema": {"properties": {"a": 1}}}])
def test_form_without_fields(params: dict[str, Any]) -> None:
    assert list(fields(params)) == []
