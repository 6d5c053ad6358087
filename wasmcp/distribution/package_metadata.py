"""Metadata of the project's distribution (PyPA core metadata) that descriptions of servers use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from wasmcp.errors import ConfigError

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
