"""Request for a deployment, with the operator's choices and the checks that all targets share, and its files.

All files are written or none, and files that were changed by others are not replaced.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wasmcp.deploy.subject import Subject, settings_ports
from wasmcp.environment import INTROSPECTION_SECRET, SERVER, problems
from wasmcp.errors import DeploymentError, HostError
from wasmcp.file_writing import write_atomically
from wasmcp.host.stores.redis_store import Address
from wasmcp.terminal import printable

KEYVALUE = "WASMCP_KEYVALUE"
STATE_KEYS = "WASMCP_STATE_KEYS"
SECRETS = frozenset({STATE_KEYS, KEYVALUE, INTROSPECTION_SECRET})
"""Settings whose values are secret, or can contain a password."""

PROCESS = frozenset({*SERVER, KEYVALUE})
"""Settings that `wasmcp serve` reads from its environment."""

LOCAL = ("localhost", "127.0.0.1", "[::1]")
"""Names of hosts that are allowed in addition to those of the operator."""

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
# Reference of an image. Source: the distribution's grammar of references (docker.io/distribution/reference).
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_UNNAMED = re.compile(r"[^a-z0-9]+")
MAX_REPLICAS = 1000


@dataclass(frozen=True)
class Mount:
    """Directory that a server sees.

    Attributes:
        guest: Its absolute path in the server.
        source: Its source: a claim (Kubernetes), a volume or a path (Compose), a path (wasmCloud), a folder (Spin).
        writable: True if the server can write to it.
    """

    guest: str
    source: str
    writable: bool = True


@dataclass(frozen=True)
class Request:
    """Choices of the operator.

    Attributes:
        name: The name of the deployment, a DNS label; by default derived from the server's name.
        image: The reference of the image; the empty string without one.
        replicas: Number of replicas.
        port: The TCP port on which clients reach the server.
        hosts: Names by which clients reach the server, in addition to those of the target.
        values: Settings and environment variables by name, which are not secret.
        secrets: Name of a secret setting or variable -> the target's reference to its value.
        mounts: Directories.
        namespace: The namespace in Kubernetes, or the empty string.
        base_image: The image that containers are built from.
        memory: Memory limit of a replica, a quantity of Kubernetes.
        storage: Size of the volume for the key-value store, a quantity of Kubernetes.
        egress: Further TCP ports that the process can connect to.
        host_group: The group of hosts of wasmCloud.
    """

    name: str
    image: str = ""
    replicas: int = 1
    port: int = 8000
    hosts: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    namespace: str = ""
    base_image: str = "python:3.13-slim"
    memory: str = "512Mi"
    storage: str = "1Gi"
    egress: tuple[int, ...] = ()
    host_group: str = "default"

    def problems(self, subject: Subject) -> list[str]:
        """Return the problems that no target accepts, one sentence each."""
        found = []
        if not _LABEL.fullmatch(self.name):
            found.append(
                f"`--name` must be a DNS label (a-z, 0-9 and `-`, at most 63, a letter first), not `{self.name}`"
            )
        for option, image in (("--image", self.image), ("--base-image", self.base_image)):
            if image and not _IMAGE.fullmatch(image):
                found.append(f"`{option}` must be the reference of an image such as `host/name:tag`, not `{image}`")
        if self.namespace and not _NAMESPACE.fullmatch(self.namespace):
            found.append(f"`--namespace` must be a DNS label, not `{self.namespace}`")
        found += [f"`--host` must be the name of a host without a port, not `{host}`" for host in self._wrong_hosts()]
        found += list(self._variable_problems(subject))
        found += list(self._mount_problems(subject))
        found += self._store_problems()
        malformed = settings_ports(self.values)[1]
        found += [f"`{name}` must be a URL with http or https" for name in malformed]
        return found

    @property
    def redis(self) -> Address | None:
        """The address of the Redis server that is not secret; None without one.

        Raises:
            HostError: It is invalid.
        """
        url = self.values.get(KEYVALUE, "")
        return Address.parse(url) if url.startswith(("redis:", "rediss:")) else None

    def _store_problems(self) -> list[str]:
        try:
            _ = self.redis
        except HostError as error:
            return [f"`{KEYVALUE}`: {error}"]
        return []

    def _wrong_hosts(self) -> list[str]:
        return [host for host in self.hosts if not _HOST.fullmatch(host)]

    def _variable_problems(self, subject: Subject) -> Iterable[str]:
        declared = {one.name: one for one in subject.configuration.variables}
        given = {**self.values, **self.secrets}
        for name in given:
            if not _VARIABLE.fullmatch(name):
                yield f"`{name}` cannot be the name of an environment variable"
        for name in self.values:
            if name in self.secrets:
                yield f"`{name}` has a value and a secret: leave one of them out"
        for name in given:
            if name in PROCESS:
                continue
            found = problems({name: self.values.get(name, "1")})
            if not found and name.upper().startswith("WASMCP_"):
                found = [f"`{name}` is not a setting of a server"]
            yield from found
        for name, value in self.values.items():
            variable = declared.get(name)
            hidden = name in SECRETS and not (name == KEYVALUE and _without_password(value))
            if hidden or (variable is not None and variable.secret):
                yield f"`{name}` is secret: name a reference to its value with `--secret {name}`"
            elif variable is not None and (problem := variable.problem(value)):
                yield f"`{name}` {problem}"
        if self.component_variables and not subject.granted("env"):
            listed = ", ".join(f"`{name}`" for name in self.component_variables)
            yield f"no component is granted `env`, so that {listed} would have no effect: leave them out"
        for variable in declared.values():
            if variable.required and variable.default is None and variable.name not in given:
                option = f"--secret {variable.name}" if variable.secret else f"--env {variable.name}=VALUE"
                yield f"the server requires `{variable.name}`: `{option}`"

    def _mount_problems(self, subject: Subject) -> Iterable[str]:
        guests = [mount.guest for mount in self.mounts]
        for mount in self.mounts:
            parts = mount.guest.split("/")
            if parts[0] or not parts[-1] or {".", ".."} & set(parts) or "" in parts[1:]:
                yield f"`--dir` must name an absolute path in the server, such as `/data`, not `{mount.guest}`"
            if not mount.source or set(mount.source) & set("\0\n\r"):
                yield f"`--dir {mount.guest}` must name a source: `--dir {mount.guest}=SOURCE`"
            if guests.count(mount.guest) > 1 and guests.index(mount.guest) == self.mounts.index(mount):
                yield f"`--dir {mount.guest}` is given {guests.count(mount.guest)} times"
        if self.mounts and not subject.granted("fs"):
            yield "no component of the server is granted `fs`, so that `--dir` has no effect: leave it out"
        for directory in subject.configuration.directories:
            if directory.required and directory.default is None and directory.path not in guests:
                yield f"the server requires the directory `{directory.path}`: `--dir {directory.path}=SOURCE`"

    @property
    def settings(self) -> dict[str, str]:
        """The values of settings."""
        return {name: value for name, value in self.values.items() if name in PROCESS}

    @property
    def component_variables(self) -> list[str]:
        """The names of the variables that are passed to components."""
        return [name for name in (*self.values, *self.secrets) if name not in PROCESS]


def default_name(subject: Subject) -> str:
    """Return the server's name as a DNS label, or the empty string if the name has no ASCII letter."""
    return _UNNAMED.sub("-", subject.name.lower()).strip("-0123456789")[:63].strip("-")


def replica_problems(request: Request, subject: Subject) -> list[str]:
    """Return the problems of several replicas of `wasmcp serve` behind one address."""
    if request.replicas == 1:
        return []
    found = []
    if STATE_KEYS not in request.secrets:
        found.append(
            f"{request.replicas} replicas need one key for what clients keep: `--secret {STATE_KEYS}` "
            "(at least 32 characters)"
        )
    if keeps_values(subject) and KEYVALUE not in request.secrets | request.values.keys():
        found.append(
            f"{request.replicas} replicas need a common key-value store: `--secret {KEYVALUE}` with the URL of a Redis "
            "server"
        )
    if request.values.get("WASMCP_SESSION_ENABLED", "sealed") == "true":
        found.append("`WASMCP_SESSION_ENABLED=true` keeps sessions in one process: use `sealed` with several replicas")
    return found


def keeps_values(subject: Subject) -> bool:
    """Return true if the server has a key-value store."""
    return subject.imports_any("wasi:keyvalue/")


def _without_password(url: str) -> bool:
    try:
        return urlsplit(url).password is None
    except ValueError:
        return False


RECORD = ".wasmcp-deploy.json"
"""The file with the digest of each written file, by which changes of others are detected."""


@dataclass(frozen=True)
class Bundle:
    """Files of a deployment.

    Attributes:
        target: The kind of deployment.
        files: Path relative to the output folder -> content.
        commands: Commands that deploy them, run in the output folder.
        notes: Remarks for the operator, one sentence each.
    """

    target: str
    files: Mapping[str, bytes]
    commands: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    def write(self, folder: Path, *, force: bool = False) -> list[Path]:
        """Write the files into a folder; if one cannot be written, all are restored.

        Args:
            folder: The folder; it is created.
            force: Replace files that were changed, or that this command did not write.

        Returns:
            The files that are new or have new content.

        Raises:
            DeploymentError: Files would be replaced that were changed since they were written.
            OSError: A file cannot be written.
        """
        written = _read_record(folder / RECORD)
        current = {name: _read(folder / name) for name in self.files}
        changed = [
            name
            for name, data in current.items()
            if data is not None and data != self.files[name] and written.get(name) != _digest(data)
        ]
        if changed and not force:
            raise DeploymentError(
                self.target,
                [
                    f"`{folder / name}` was changed, or was not written by this command: keep a copy, and use `--force`"
                    for name in changed
                ],
            )
        record = {**written, **{name: _digest(data) for name, data in self.files.items()}}
        text = json.dumps({"format": 1, "files": dict(sorted(record.items()))}, indent=1) + "\n"
        replaced = {name: data for name, data in self.files.items() if current[name] != data}
        with contextlib.ExitStack() as undo:
            for parent in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
                parent.mkdir()
                undo.callback(_remove_folder, parent)
            for name, data in {**replaced, RECORD: text.encode()}.items():
                path = folder / name
                undo.callback(_restore, path, _read(path))
                write_atomically(path, data)
            undo.pop_all()
        return [folder / name for name in replaced]


def yaml_documents(target: str, documents: list[dict[str, Any]], comment: str) -> bytes:
    """Return YAML documents after a comment of one or more lines.

    Raises:
        DeploymentError: PyYAML is not installed.
    """
    try:
        import yaml  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        problem = 'YAML needs PyYAML, which is not installed: `pip install "wasmcp[deploy]"`'
        raise DeploymentError(target, [problem]) from None
    head = "".join(f"# {printable(line)}\n" for line in comment.splitlines())

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, unused-ignore]
        """Dumper without anchors and aliases."""

        def ignore_aliases(self, data: object) -> bool:
            """Return true: equal values are written out."""
            del data
            return True

    text = yaml.dump_all(documents, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return f"{head}{text}".encode()


def _digest(data: bytes) -> str:
    return f"sha256:{sha256(data).hexdigest()}"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _read_record(path: Path) -> dict[str, str]:
    try:
        files = json.loads(path.read_text("utf-8"))["files"]
        return {str(name): str(digest) for name, digest in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _restore(path: Path, data: bytes | None) -> None:
    if data is None:
        path.unlink(missing_ok=True)
    else:
        write_atomically(path, data)


def _remove_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # another process has put a file into it
        folder.rmdir()
