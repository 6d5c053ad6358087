"""Facts of the descriptions of servers for clients and registries.

The metadata of the distribution (PyPA core metadata), and the values that a client has to give a server: environment
variables, and directories by a variable or an option.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from wasmcp.errors import ConfigError
from wasmcp.host.configuration.declared import Configuration

_HOSTS = {"github.com": "github", "gitlab.com": "gitlab"}


@dataclass(frozen=True)
class PackageMetadata:
    """Metadata of a distribution, after dynamic fields were computed.

    Attributes:
        name: The name.
        version: The version.
        description: The summary.
        readme: The text of the long description.
        authors: The authors and then the maintainers, each with `name`, `email` or both.
        urls: The URLs by label.
        license: The licence: an SPDX expression or a short text.
        keywords: The keywords.
        requires_python: The versions of Python, as in ``>=3.11``.
        scripts: The names of the console scripts.
        dependencies: The names of the required distributions, normalised.
    """

    name: str
    version: str
    description: str = ""
    readme: str = ""
    authors: tuple[Mapping[str, str], ...] = ()
    urls: Mapping[str, str] = field(default_factory=dict)
    license: str = ""
    keywords: tuple[str, ...] = ()
    requires_python: str = ""
    scripts: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()

    def url(self, *labels: str) -> str | None:
        """Return the URL with one of these labels; case, spaces and punctuation of labels are ignored."""
        plain = {"".join(filter(str.isalnum, label)).lower(): url for label, url in self.urls.items()}
        return next((plain[label] for label in labels if label in plain), None)

    @property
    def repository(self) -> tuple[str, str] | None:
        """The URL of the sources, and `github` or `gitlab` if it is there, else `git`."""
        url = self.url("repository", "source", "sourcecode", "sources", "github", "gitlab", "code")
        if url is None:
            return None
        return url, _HOSTS.get((urlsplit(url).hostname or "").removeprefix("www."), "git")

    def check_runs(self) -> list[str]:
        """Return a problem for each reason why a client could not run the package as a server."""
        if "wasmcp" in self.dependencies:
            return []
        return ["`project.dependencies` does not name `wasmcp`, which runs the server: add `wasmcp`"]


def refuse(problems: list[str]) -> None:
    """Raise an error if there are problems.

    Raises:
        ConfigError: There are.
    """
    if problems:
        raise ConfigError(problems)


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
        default: The default that a client may show; None without one, or if only the server can compute it.
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
