from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from wasmcp.guest import config
from wasmcp.guest.testing import fake_config


@dataclass
class Point:
    x: int
    y: int = 0


def test_baked_in_values():
    with fake_config({"text": "a", "number": 3, "point": {"x": 1}, "list": ["a"]}) as values:
        assert (config.get("text"), config.get("number", int)) == ("a", 3)
        assert config.get("point", Point) == Point(1)
        assert config.get("list", list[str]) == ["a"]
        values["text"] = "b"
        assert config.get("text") == "b"
        assert config.baked_in()["text"] == "b"


def test_environment_has_precedence():
    values = {"text": "a", "number": 3}
    with fake_config(values, environment={"text": "b", "number": "4"}):
        assert (config.get("text"), config.get("number", int)) == ("b", 4)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("12", str, "12"),
        ("12", int, 12),
        ("1.5", float, 1.5),
        ("Yes", bool, True),
        ("0", bool, False),
        (' ["a"]\n', list[str], ["a"]),
        ('{"x": 2}', Point, Point(2)),
    ],
)
def test_values_of_the_environment_are_converted(text, kind, value):
    with fake_config(environment={"KEY": text}):
        assert config.get("KEY", kind) == value


@pytest.mark.parametrize(
    ("text", "kind"), [("maybe", bool), ("hunter2", int), ("hunter2", list[str]), ('{"y": 1}', Point)]
)
def test_invalid_environment_value_is_not_in_the_message(text, kind):
    with fake_config(environment={"KEY": text}), pytest.raises(config.InvalidConfigError) as caught:
        config.get("KEY", kind)
    assert isinstance(caught.value, ValueError)
    assert caught.value.key == "KEY"
    assert text not in str(caught.value)


def test_invalid_value_of_the_table():
    with fake_config({"retries": "many"}):
        with pytest.raises(config.InvalidConfigError, match="configuration `retries`: in the table: expected `int`"):
            config.get("retries", int)
        with pytest.raises(TypeError, match="has no JSON Schema"):
            config.get("retries", complex)


def test_missing_value():
    with fake_config({}):
        assert config.get("x", default="y") == "y"
        assert config.get("x", int, default=None) is None
        with pytest.raises(
            config.MissingConfigError,
            match=r"configuration `x`: it is not set.*grant the component `env`.*declare `x = {}`.*pyproject.toml",
        ) as caught:
            config.get("x")
    assert isinstance(caught.value, LookupError)


def test_environment_is_read_without_a_fake(monkeypatch):
    monkeypatch.setenv("WASMCP_TEST_KEY", "value")
    assert config.get("WASMCP_TEST_KEY") == "value"
    assert config.baked_in() == {}


def test_component_without_the_import(monkeypatch):
    monkeypatch.setattr(sys, "platform", "wasi")
    monkeypatch.setattr(config, "SOURCES", [config._default_source()])
    assert config.baked_in() == {}
