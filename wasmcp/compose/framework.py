"""The framework's components, read and decoded once a process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path

from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.model import ExternType, Instance
from wasmcp.errors import ComponentError, ComponentRefused
from wasmcp.resources import FRAMEWORK_COMPONENTS, framework_component


@dataclass(frozen=True)
class FrameworkComponent:
    """A component of the framework.

    Attributes:
        name: one of `wasmcp.resources.FRAMEWORK_COMPONENTS`.
        data: its bytes.
        info: what it imports and exports.
    """

    name: str
    data: bytes
    info: ComponentInfo

    def wants(self, contract: str) -> Instance:
        """Return the type in which it imports a contract."""
        return _instance(self.info.imports[contract])

    def provides(self, contract: str) -> Instance:
        """Return the type in which it exports a contract."""
        return _instance(self.info.exports[contract].type)

    @cached_property
    def digest(self) -> str:
        """Its digest, as `sha256:HEX`."""
        return f"sha256:{sha256(self.data).hexdigest()}"


def load_framework(given: Mapping[str, bytes | Path] | None = None) -> dict[str, FrameworkComponent]:
    """Return the framework's components by name.

    Args:
        given: what to take instead of our own, by name.

    Raises:
        ResourceMissing: one of our own is not built.
        ComponentRefused: one that was given cannot be read.
    """
    given = given or {}
    framework = {}
    for name in FRAMEWORK_COMPONENTS:
        source = given.get(name)
        if isinstance(source, bytes):
            framework[name] = _decoded(name, source)
        else:
            path = framework_component(name) if source is None else source
            try:
                status = path.stat()
                framework[name] = _read(name, path, status.st_size, status.st_mtime_ns)
            except OSError as error:
                raise ComponentRefused(name, f"`{path.name}` cannot be read: {error.strerror or error}") from error
    return framework


@lru_cache(maxsize=32)
def _read(name: str, path: Path, _size: int, _modified: int) -> FrameworkComponent:
    return _decoded(name, path.read_bytes())


def _decoded(name: str, data: bytes) -> FrameworkComponent:
    try:
        return FrameworkComponent(name, data, decode(data, name, export_types=True))
    except ComponentError as error:
        raise ComponentRefused(name, f"this component of the framework is not usable: {error.problem}") from error


def _instance(type_: ExternType | None) -> Instance:
    if not isinstance(type_, Instance):
        raise TypeError("a contract is an instance")
    return type_
