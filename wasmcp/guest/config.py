"""Configuration of a component: values of its author for one server, overridden by the operator's environment.

.. code-block:: python

    from wasmcp.guest import config

    greeting = config.get("greeting", default="Hello")   # call it in a function: values are read at each call
    retries = config.get("retries", int, default=3)
    api_key = config.get("API_KEY")                      # required: raises `MissingConfigError` if it is not set

The environment has precedence; the component needs the grant ``env`` for it. Otherwise the value comes from the table
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
from wasmcp.guest.json_types.annotations import json_type_of, loaded, written
from wasmcp.guest.json_types.conversions import load_text
from wasmcp.guest.json_types.json_codec import decode

__all__ = ["ConfigError", "InvalidConfigError", "MissingConfigError", "baked_in", "get"]

T = TypeVar("T")
D = TypeVar("D")

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class ConfigError(Exception):
    """A configuration value that is missing or invalid.

    Attributes:
        key: The key of the value.
    """

    def __init__(self, key: str, message: str) -> None:
        Exception.__init__(self, f"configuration `{key}`: {message}")
        self.key = key


class MissingConfigError(ConfigError, LookupError):
    """A required value that is neither in the environment nor in the table ``config``."""

    def __init__(self, key: str) -> None:
        super().__init__(
            key,
            "it is not set. For a secret or a value of one machine use an environment variable: grant the "
            f"component `env` and declare `{key} = {{}}` in `[tool.wasmcp.servers.NAME.env]` of `pyproject.toml`. "
            "Write a value that is the same everywhere and not confidential into "
            "`[tool.wasmcp.components.NAME.config]`",
        )


class InvalidConfigError(ConfigError, ValueError):
    """A value that is not of the requested type."""


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
    """Return a configuration value.

    Args:
        key: The name of an environment variable, and of a key in the table ``config``. The environment has precedence.
        kind: The type of the value: any type that a parameter of a tool can have. In the environment a boolean is
            ``true``, ``yes``, ``on`` or ``1``, or ``false``, ``no``, ``off`` or ``0``; a value that is neither a string
            nor a number is JSON.
        default: The value to return if the key is not set; without a default the key is required.

    Raises:
        MissingConfigError: The key is not set, and has no default.
        InvalidConfigError: The value is not of the type `kind`.
    """
    text = SOURCES[-1].environment().get(key)
    try:
        if text is not None:
            return _read(text, kind)
        values = SOURCES[-1].values()
        if key in values:
            return loaded(values[key], kind)
    except (MismatchError, ValueError) as error:
        # A value of the environment can be a secret: the message must not contain it.
        if text is not None:
            problem = f"in the environment: expected the type `{written(kind)}`"
        else:
            problem = f"in the table: {error}"
        raise InvalidConfigError(key, problem) from None
    if default is _REQUIRED:
        raise MissingConfigError(key)
    return default


def baked_in() -> dict[str, Any]:
    """Return the whole table ``config`` of the component; empty if it has none."""
    return dict(SOURCES[-1].values())


def _read(text: str, kind: Any) -> Any:
    if kind is str:
        return text
    if kind is bool:
        try:
            return _WORDS[text.lower()]
        except KeyError:
            raise ValueError("expected a boolean") from None
    json_type = json_type_of(kind)
    try:
        return load_text(json_type, text)
    except MismatchError:
        value = decode(text)
        if type(value) not in (list, dict, type(None)):  # `load_text` has already rejected this scalar
            raise
        return json_type.load(value)


class Source:
    """Source of configuration values.

    Args:
        values: A function that returns the table ``config``.
        environment: A function that returns the environment variables.
    """

    def __init__(
        self, values: Callable[[], Mapping[str, Any]], environment: Callable[[], Mapping[str, str]] = lambda: os.environ
    ) -> None:
        self.values = values
        self.environment = environment


def _default_source() -> Source:
    if sys.platform == "wasi":
        try:
            from wit_world.imports import config  # type: ignore[import-not-found]
        except ImportError:  # the compiler found no use of the interface, so that the component does not import it
            return Source(dict)
        return Source(cache(lambda: decode(config.all())))
    return Source(dict)


SOURCES: list[Source] = [_default_source()]
"""The source of the component, and those of tests; the last one is used."""
