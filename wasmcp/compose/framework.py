"""Framework components, read and decoded once per process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path

from wasmcp.component import interface_names
from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.type_mismatch import mismatch
from wasmcp.component.types import ExternType, Instance
from wasmcp.compose.interfaces import MESSAGES, SERVER_METADATA, TYPES, WIRE
from wasmcp.errors import ComponentError, InvalidComponentError
from wasmcp.package_data import FRAMEWORK_COMPONENTS, framework_component


@dataclass(frozen=True)
class FrameworkComponent:
    """Framework component.

    Attributes:
        name: One of `wasmcp.package_data.FRAMEWORK_COMPONENTS`.
        data: Its bytes.
        info: Its imports and exports.
        ours: The component of wasmcp that it replaces, if any.
    """

    name: str
    data: bytes
    info: ComponentInfo
    ours: FrameworkComponent | None = None

    def wants(self, contract: str) -> Instance:
        """Return the type of a contract that it imports, or would import if it used it."""
        found = interface_names.find(contract, self.info.imports)
        if found is None and self.ours is not None:
            return self.ours.wants(contract)
        return _instance(self.info.imports[found or contract])

    def provides(self, contract: str) -> Instance:
        """Return the type of a contract that it exports."""
        return _instance(self.info.exports[interface_names.find(contract, self.info.exports) or contract].type)

    @cached_property
    def digest(self) -> str:
        """Digest of the component, as `sha256:HEX`."""
        return f"sha256:{sha256(self.data).hexdigest()}"


def load_framework(given: Mapping[str, bytes | Path] | None = None) -> dict[str, FrameworkComponent]:
    """Return the framework components by name.

    Args:
        given: Replacements of the framework components of wasmcp, by name.

    Raises:
        MissingPackageDataError: A framework component of wasmcp is not built.
        InvalidComponentError: A replacement cannot be read, has an unknown name, or has another world.
    """
    ours = {name: _loaded(name, framework_component(name)) for name in FRAMEWORK_COMPONENTS}
    framework = dict(ours)
    for name, source in (given or {}).items():
        if name not in ours:
            known = ", ".join(f"`{one}`" for one in ours)
            raise InvalidComponentError(name, f"this is not a framework component; known: {known}")
        found = _decoded(name, source) if isinstance(source, bytes) else _loaded(name, source)
        _check_world(found, ours)
        framework[name] = replace(found, ours=ours[name])
    return framework


def _loaded(name: str, path: Path) -> FrameworkComponent:
    try:
        status = path.stat()
        return _read(name, path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise InvalidComponentError(name, f"`{path.name}` cannot be read: {error.strerror or error}") from error


def _check_world(found: FrameworkComponent, ours: Mapping[str, FrameworkComponent]) -> None:
    """Check that a component can replace one of wasmcp: it exports the same, and imports only what the framework has.

    Raises:
        InvalidComponentError: The error lists everything that is missing or different.
    """
    sides = ("wasmcp's own", "the replacement")
    problems = []
    for contract, export in ours[found.name].info.exports.items():
        given = interface_names.find(contract, found.info.exports)
        offered = None if given is None else found.info.exports[given].type
        if given is None:
            problems.append(f"it does not export `{contract}`")
        elif isinstance(export.type, Instance) and isinstance(offered, Instance) and contract.startswith("wasmcp:"):
            problem = mismatch(export.type, offered, sides)
            problems += [f"it exports `{given}` with other types: {problem}"] if problem else []
    known = {*ours[found.name].info.imports, SERVER_METADATA, TYPES}
    known |= {MESSAGES, WIRE} - set(ours[found.name].info.exports)
    provided = {contract: export.type for one in ours.values() for contract, export in one.info.exports.items()}
    for contract, expected in found.info.imports.items():
        offered = provided.get(interface_names.find(contract, provided) or "")
        if contract.startswith("wasi:"):
            continue
        if interface_names.find(contract, known) is None:
            problems.append(f"it imports `{contract}`, which is not provided there")
        elif isinstance(expected, Instance) and isinstance(offered, Instance):
            problem = mismatch(expected, offered, sides[::-1])
            problems += [f"it imports `{contract}` with other types: {problem}"] if problem else []
    if problems:
        listed = "\n".join(f"  * {problem}" for problem in problems)
        raise InvalidComponentError(found.name, f"the replacement of this framework component does not fit:\n{listed}")


@lru_cache(maxsize=32)
def _read(name: str, path: Path, _size: int, _modified: int) -> FrameworkComponent:
    return _decoded(name, path.read_bytes())


def _decoded(name: str, data: bytes) -> FrameworkComponent:
    try:
        return FrameworkComponent(name, data, decode(data, name, export_types=True))
    except ComponentError as error:
        raise InvalidComponentError(name, f"this framework component is not usable: {error.problem}") from error


def _instance(type_: ExternType | None) -> Instance:
    if not isinstance(type_, Instance):
        raise TypeError("a contract is an instance")
    return type_
