"""The configuration of a component: what its author wrote for this server, and what whoever runs it says.

.. code-block:: python

    from wasmcp.guest import config

    greeting = config.get("greeting", default="Hello")   # in a function: values are read when they are asked for
    retries = config.get("retries", int, default=3)
    api_key = config.get("API_KEY")                      # required: a `MissingConfigError` when nobody says it

A key is looked for in the environment first, for which the component needs the grant ``env``, and then in the table
``config`` of the component in ``pyproject.toml``, which is baked in when the server is composed:

.. code-block:: toml

    [tool.wasmcp.components.greeter.config]
    greeting = "Good morning"
    retries = 5

In unit tests `wasmcp.guest.testing` has `fake_config`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeVar, overload

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.annotations import written
from wasmcp.guest.json_types.coerce import loaded, shape_of
from wasmcp.guest.json_types.json_codec import decode
from wasmcp.guest.json_types.text_params import load_text

__all__ = ["ConfigError", "InvalidConfigError", "MissingConfigError", "baked_in", "get"]

T = TypeVar("T")
D = TypeVar("D")

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class ConfigError(Exception):
    """The configuration is not what the component needs.

    Attributes:
        key: Which value of it.
    """

    def __init__(self, key: str, message: str) -> None:
        Exception.__init__(self, f"configuration `{key}`: {message}")
        self.key = key


class MissingConfigError(ConfigError, LookupError):
    """Nobody says a value that is required."""

    def __init__(self, key: str) -> None:
        super().__init__(
            key,
            "it is not set. A secret, or what differs from machine to machine, is an environment variable: grant the "
            f"component `env` and declare `{key} = {{}}` in `[tool.wasmcp.servers.NAME.env]` of `pyproject.toml`. "
            "What is the same everywhere, and may be read by all who have the wheel, goes into "
            "`[tool.wasmcp.components.NAME.config]`",
        )


class InvalidConfigError(ConfigError, ValueError):
    """A value is of another type than the component wants."""


class _Required:
    def __repr__(self) -> str:
        return "required"


_REQUIRED: Final = _Required()


@overload
def get(key: str) -> str: ...
@overload
def get(key: str, kind: type[T]) -> T: ...
@overload
def get(key: str, *, default: D) -> str | D: ...
@overload
def get(key: str, kind: type[T], *, default: D) -> T | D: ...


def get(key: str, kind: Any = str, *, default: Any = _REQUIRED) -> Any:
    """Return a value of the configuration.

    Args:
        key: The name of an environment variable, and of the key in the table ``config``. The environment counts first.
        kind: Any type that a parameter of a tool may have. In the environment a boolean is ``true``, ``yes``, ``on`` or
            ``1``, or the opposite; what is neither a text nor a number is JSON.
        default: What to return when nobody says it; without a default it is required.

    Raises:
        MissingConfigError: Nobody says it, and there is no default.
        InvalidConfigError: It is not of that type.
    """
    text = _SOURCES[-1].environment().get(key)
    try:
        if text is not None:
            return _read(text, kind)
        values = _SOURCES[-1].values()
        if key in values:
            return loaded(values[key], kind)
    except (MismatchError, ValueError) as error:
        # What the environment holds may be a secret: it is not told.
        told = f"in the environment: it is no `{written(kind)}`" if text is not None else f"in the table: {error}"
        raise InvalidConfigError(key, told) from None
    if default is _REQUIRED:
        raise MissingConfigError(key)
    return default


def baked_in() -> dict[str, Any]:
    """Return the whole table ``config`` of the component; empty where there is none."""
    return dict(_SOURCES[-1].values())


def _read(text: str, kind: Any) -> Any:
    if kind is str:
        return text
    if kind is bool:
        try:
            return _WORDS[text.lower()]
        except KeyError:
            raise ValueError("it is no boolean") from None
    shape = shape_of(kind)
    try:
        return load_text(shape, text)
    except MismatchError:
        value = decode(text)
        if type(value) not in (list, dict, type(None)):  # a scalar was read already, strictly
            raise
        return shape.load(value)


class Source:
    """Where values come from.

    Args:
        values: Gives the table ``config``.
        environment: Gives the environment variables.
    """

    def __init__(
        self, values: Callable[[], Mapping[str, Any]], environment: Callable[[], Mapping[str, str]] = lambda: os.environ
    ) -> None:
        self.values = values
        self.environment = environment


def _own() -> Source:
    if sys.platform == "wasi":
        try:
            from wit_world.imports import config  # type: ignore[import-not-found]
        except ImportError:  # nothing that the compiler could see asks for it
            return Source(dict)
        return Source(cache(lambda: decode(config.all())))
    return Source(dict)


_SOURCES: list[Source] = [_own()]
