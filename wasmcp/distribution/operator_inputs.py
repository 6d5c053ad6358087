"""Values that a client has to give a server: environment variables, and directories by a variable or an option."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wasmcp.host.configuration.declared import Configuration

_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class OperatorInput:
    """Value that the operator gives.

    Attributes:
        name: An identifier of lower-case letters, digits and `_`.
        title: A short name for people.
        description: One line, or the empty string.
        variable: The environment variable; the empty string for a directory that only an option names.
        directory: The path that components see; the empty string for a value that is not a directory.
        required: True if the server does not start without it.
        secret: True if it must not be shown.
        default: The default that a client may show; None without one, or if only the server knows it.
        choices: The accepted values; empty: any.
    """

    name: str
    title: str
    description: str = ""
    variable: str = ""
    directory: str = ""
    required: bool = False
    secret: bool = False
    default: str | None = None
    choices: tuple[str, ...] = ()


def operator_inputs(configuration: Configuration) -> Iterator[OperatorInput]:
    """Yield the declared variables and directories, in the order of their tables."""
    for one in configuration.variables:
        yield OperatorInput(
            _word(one.name),
            one.name,
            one.description,
            variable=one.name,
            required=one.required,
            secret=one.secret,
            default=one.default,
            choices=one.choices,
        )
    for directory in configuration.directories:
        yield OperatorInput(
            _word(directory.variable or directory.path),
            directory.variable or directory.path,
            directory.description,
            variable=directory.variable,
            directory=directory.path,
            required=directory.required,
        )


def _word(text: str) -> str:
    return _NOT_A_WORD.sub("_", text.lower()).strip("_") or "root"
