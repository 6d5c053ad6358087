"""Credentials for registries: from the environment and from the files of `docker login` and `podman login`.

Unreadable sources are not fatal, because public components need no credentials. They are a warning, and part of the
error if the registry denies access. Source: Docker CLI, "docker login" (credential stores, helpers);
containers-auth.json(5).
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wasmcp.registry.oci.references import DOCKER_HUB, host_and_port
from wasmcp.revision_views import from_json_text
from wasmcp.terminal import printable

HELPER_SECONDS = 120.0
"""Time limit of a credential helper, in seconds; it can show a dialog to unlock a keychain."""

_FILE_LIMIT = 4 << 20
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TOKEN_USER = "<token>"  # noqa: S105 - the user name by which helpers mark an identity token


@dataclass(frozen=True)
class Credentials:
    """Credentials for one registry.

    Attributes:
        source: The origin of the credentials, for messages.
        user: The user name.
        password: The password.
        identity_token: A refresh token for the registry's token server, instead of a password.
        registry_token: A token for the registry itself.
    """

    source: str
    user: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str | None:
        """The value for Basic authentication (RFC 7617); None without user and password."""
        if not self.user or not self.password:
            return None
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True)
class Found:
    """Result of a search for credentials.

    Attributes:
        credentials: The credentials, or None.
        problems: One sentence per source that cannot be read.
    """

    credentials: Credentials | None
    problems: tuple[str, ...] = ()


def find(host: str, repository: str, default_port: int) -> Found:
    """Return the credentials for a repository, from the first source that has some.

    ``WASMCP_REGISTRY_USER`` and ``WASMCP_REGISTRY_PASSWORD``, for the host in ``WASMCP_REGISTRY_HOST`` only; then the
    files of `files`. Within a file: a credential helper of the host, an entry (the one with the longest path that
    contains the repository), the credential store.

    Args:
        host: The registry, in normal form.
        repository: The repository, or the empty string.
        default_port: The port of hosts that have none: that of the registry's scheme.
    """
    search = _Search(host, repository, default_port)
    found = search.environment()
    for path in () if found is not None else files():
        found = search.file(path)
        if found is not None:
            break
    return Found(found, tuple(dict.fromkeys(search.problems)))


def files() -> list[Path]:
    """Return the files that can hold credentials, in order of precedence.

    That of ``REGISTRY_AUTH_FILE``; Docker's ``config.json`` (in ``DOCKER_CONFIG`` or ``~/.docker``); Podman's
    ``auth.json``, of the session and of the user.
    """
    named = os.environ.get("REGISTRY_AUTH_FILE")
    try:
        home: Path | None = Path.home()
    except RuntimeError:  # a process without HOME and without an entry in the user database
        home = None
    docker, run = os.environ.get("DOCKER_CONFIG"), os.environ.get("XDG_RUNTIME_DIR")
    config = os.environ.get("XDG_CONFIG_HOME")
    found = [
        Path(named) if named else None,
        Path(docker) / "config.json" if docker else home and home / ".docker" / "config.json",
        Path(run) / "containers" / "auth.json" if run else None,
        Path(config) / "containers" / "auth.json" if config else home and home / ".config" / "containers" / "auth.json",
    ]
    return [path for path in found if path is not None]


class _Search:
    """Search for the credentials of one repository; collects unreadable sources."""

    def __init__(self, host: str, repository: str, default_port: int) -> None:
        self.problems: list[str] = []
        self._host = host
        self._repository = repository
        self._default = default_port
        self._wanted = host_and_port(host, default_port)

    def environment(self) -> Credentials | None:
        values = [os.environ.get(f"WASMCP_REGISTRY_{name}", "") for name in ("HOST", "USER", "PASSWORD")]
        if not any(values):
            return None
        missing = [name for name, value in zip(("HOST", "USER", "PASSWORD"), values, strict=True) if not value]
        if missing:
            names = ", ".join(f"`WASMCP_REGISTRY_{name}`" for name in missing)
            self.problems.append(f"credentials of the environment need {names} too")
            return None
        host, user, password = values
        if self._fit(host) is None:
            return None
        return Credentials("`WASMCP_REGISTRY_USER` and `WASMCP_REGISTRY_PASSWORD`", user, password)

    def file(self, path: Path) -> Credentials | None:
        document = self._document(path)
        if document is None:
            return None
        helper = self._best(self._table(document, "credHelpers", path))
        found = self._ask(helper, path) if helper else None
        if found is None:
            entries = self._table(document, "auths", path)
            for key in self._keys(entries):
                found = found or self._entry(entries[key], key, path)
        store = document.get("credsStore")
        if found is None and store:
            found = self._ask(store, path)
        return found

    def _document(self, path: Path) -> Mapping[str, Any] | None:
        try:
            with path.open("rb") as file:
                data = file.read(_FILE_LIMIT)  # a truncated document is not JSON
            document = from_json_text(data)  # accepts a byte order mark and UTF-16, which PowerShell writes
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self.problems.append(f"`{path}` cannot be read: {error.strerror or error}")
            return None
        except ValueError as error:
            why = f"not JSON ({error})" if data.strip() else "empty"
            self.problems.append(f"`{path}` has no credentials that can be read: it is {why}")
            return None
        if not isinstance(document, dict):
            self.problems.append(f"`{path}` has no credentials that can be read: it is not a JSON object")
            return None
        return document

    def _table(self, document: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
        found = document.get(key) or {}
        if isinstance(found, dict):
            return found
        self.problems.append(f"`{key}` of `{path}` is not an object")
        return {}

    def _keys(self, table: Mapping[str, Any]) -> list[str]:
        """Return the keys of a table that match the repository, the most specific first."""
        fits = [(fit, key) for key in table if (fit := self._fit(key)) is not None]
        return [key for _, key in sorted(fits, key=lambda one: -one[0])]

    def _best(self, table: Mapping[str, Any]) -> Any:
        return next((table[key] for key in self._keys(table)), None)

    def _fit(self, key: str) -> int | None:
        """Return the length of the part of the repository's path in a key; None if the key does not match.

        Keys are hosts (`registry.example.com:5000`), hosts with a path (`registry.example.com/team`, of Podman), and
        addresses (`https://registry.example.com/v1/`, of older versions of Docker), whose path is ignored.
        """
        bare = _SCHEME.sub("", key, count=1)
        name, _, path = bare.partition("/")
        path = path.strip("/")
        if bare != key or path in {"v1", "v2"}:
            path = ""
        try:
            if host_and_port(name, self._default) != self._wanted:
                return None
        except ValueError:
            return None
        inside = not path or self._repository == path or self._repository.startswith(f"{path}/")
        return len(path) if inside else None

    def _entry(self, entry: Any, key: str, path: Path) -> Credentials | None:
        source = f"`{path}`"
        if not isinstance(entry, dict):
            self.problems.append(f"the entry `{key}` of {source} is not an object")
            return None
        texts = {name: entry.get(name) for name in ("auth", "username", "password", "identitytoken", "registrytoken")}
        if not all(value is None or isinstance(value, str) for value in texts.values()):
            self.problems.append(f"the entry `{key}` of {source} has a value that is not a string")
            return None
        user, password = texts["username"] or "", texts["password"] or ""
        if texts["auth"]:
            decoded = _decoded(texts["auth"])
            if decoded is None:
                self.problems.append(f"`auth` of the entry `{key}` of {source} is not `USER:PASSWORD` in base64")
                return None
            user, password = decoded
        found = Credentials(source, user, password, texts["identitytoken"] or "", texts["registrytoken"] or "")
        return found if found.basic or found.identity_token or found.registry_token else None

    def _ask(self, suffix: Any, path: Path) -> Credentials | None:
        """Query a credential helper. Source: docker-credential-helpers, "Development"."""
        if not isinstance(suffix, str) or not _HELPER.fullmatch(suffix):
            self.problems.append(f"`{path}` names a credential helper by something that is not the end of its name")
            return None
        name = f"docker-credential-{suffix}"
        source = f"the credential helper `{name}`"
        for server in self._servers():
            try:
                answer = _asked(name, server)
            except _HelperError as error:
                self.problems.append(f"{source}, named in `{path}`, {error}")
                return None
            user, secret = answer
            if user == _TOKEN_USER:
                return Credentials(source, identity_token=secret)
            if secret:
                return Credentials(source, user, secret)
        return None

    def _servers(self) -> Iterator[str]:
        """Yield the possible spellings of the registry in a helper."""
        if self._host == DOCKER_HUB:
            yield from (_DOCKER_HUB_KEY, DOCKER_HUB)
            return
        yield self._host
        name, port = self._wanted
        if port == self._default:
            yield name if self._host != name else f"{name}:{port}"


class _HelperError(Exception):
    """Failure of a credential helper."""


def _decoded(auth: str) -> tuple[str, str] | None:
    """Return user and password of an `auth` value; None if it has none."""
    try:
        text = base64.b64decode("".join(auth.split()), validate=True).decode()
    except ValueError:
        return None
    user, colon, password = text.partition(":")
    return (user, password.strip("\0")) if colon else None


def _asked(name: str, server: str) -> tuple[str, str]:
    """Return the user and the secret from a credential helper; empty if it has none for the server.

    Raises:
        _HelperError: The helper fails.
    """
    program = shutil.which(name)
    if program is None:
        raise _HelperError("is not installed")
    try:
        done = subprocess.run(
            [program, "get"], input=server.encode(), capture_output=True, timeout=HELPER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise _HelperError(f"does not answer within {HELPER_SECONDS:.0f} s") from None
    except OSError as error:
        raise _HelperError(f"cannot be run: {error.strerror or error}") from None
    if done.returncode:
        said = (done.stdout.strip() or done.stderr.strip()).decode("utf-8", "replace")
        if "credentials not found" in said:
            return "", ""
        short = f": {printable(said.splitlines()[0])[:200]}" if said else ""
        raise _HelperError(f"fails with exit code {done.returncode}{short}")
    try:
        answer = json.loads(done.stdout)
    except (ValueError, RecursionError):
        raise _HelperError("answers with something that is not JSON") from None
    user, secret = (answer.get("Username"), answer.get("Secret")) if isinstance(answer, dict) else (None, None)
    if not isinstance(user, str) or not isinstance(secret, str):
        raise _HelperError("answers without the strings `Username` and `Secret`")
    return user, secret
