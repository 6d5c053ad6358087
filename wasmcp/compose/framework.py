"""Framework components: those of the package, read and decoded once per process, and those that the composer generates.

The stores are the framework components behind `key-value` and `sessions`, added if a component uses them. One
`kv-store` serves all components; each component with session values has its own `session-store`, and a generated
component of constants that gives it the owner's name.

Generated constants are the server's metadata, the catalogue of a segment, a configuration and settings. The generated
dispatch imports a `server-handler` instance for each member of the segment, and exports `dispatch`: a `br_table` that
selects the member that owns a request's target by its index. Only handles are passed; nothing is copied, and the cost
does not grow with the number of members.

Source: wit/baked.wit, wit/config.wit, wit/handler.wit; component-model, CanonicalABI.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from wasmcp.component import binary_format, core_module, interface_names
from wasmcp.component.binary_format import CoreSort, Sort
from wasmcp.component.builder import ComponentBuilder, InstanceTypeBuilder
from wasmcp.component.canonical_abi import Case
from wasmcp.component.constant_component import constants
from wasmcp.component.custom_sections import custom_section
from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.graph import Node, Value
from wasmcp.component.types import ExternType, Func, Instance, Option, Primitive, mismatch
from wasmcp.compose.catalogue import Catalogue, segment_values
from wasmcp.compose.component_reader import Component
from wasmcp.compose.interfaces import (
    ACCESS_RULES,
    AUTHORIZER,
    AUTHORIZER_OPTIONS,
    CATALOGUE_DATA,
    CONFIG,
    DISPATCH,
    ENVIRONMENT,
    GRANTED,
    KEY_VALUE,
    MESSAGES,
    SERVER_METADATA,
    SESSION_BUCKETS,
    SESSION_OWNER,
    SESSIONS,
    TYPES,
    WIRE,
)
from wasmcp.compose.metadata import ServerMetadata, metadata_values
from wasmcp.errors import ComponentError, CompositionError, InvalidComponentError
from wasmcp.package_data import FRAMEWORK_COMPONENTS, framework_component
from wasmcp.revision_views import to_json_text
from wasmcp.wasi import FUNCTION


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


FIRST_DRAFT = "0.2.0-draft"
SECOND_DRAFT = "0.2.0-draft2"
DRAFTS = {FIRST_DRAFT: "kv-store-draft", SECOND_DRAFT: "kv-store"}
"""Drafts of `wasi:keyvalue`, and the framework component for each."""
SESSION_DRAFTS = {FIRST_DRAFT: "stored-sessions-draft", SECOND_DRAFT: "stored-sessions"}
"""The framework components that keep sessions over HTTP in the storage of the runtime, by draft."""
ISSUER_DRAFTS = {FIRST_DRAFT: "issuer-storage-draft", SECOND_DRAFT: "issuer-storage"}
"""The framework components that keep the keys of issuers in the storage of the runtime, by draft."""


class Instantiate(Protocol):
    """Maker of instances of framework components."""

    def __call__(
        self, name: str, services: Mapping[str, Value | None], *, label: str | None = None, component: str = ""
    ) -> Node:
        """Return a new instance for the whole server or one component of it."""


class Generate(Protocol):
    """Maker of instances of generated components."""

    def __call__(
        self, name: str, data: bytes, *, label: str | None = None, component: str = "", whole: bool = False
    ) -> Node:
        """Return a new instance for the whole server or one component of it."""


class Stores:
    """Stores of one server, which satisfy the grants of `key-value` and `sessions`."""

    def __init__(
        self,
        framework: Mapping[str, FrameworkComponent],
        instantiate: Instantiate,
        generated: Generate,
        draft: str | None,
    ) -> None:
        """Create the stores of a server without components.

        Args:
            framework: The framework components, by name.
            instantiate: Makes an instance of a framework component.
            generated: Makes an instance of a generated component.
            draft: The draft of `wasi:keyvalue`; None: the services are imported.

        Raises:
            CompositionError: The draft is unknown.
        """
        if draft is not None and draft not in DRAFTS:
            known = " and ".join(f"`{one}`" for one in DRAFTS)
            raise CompositionError(f"unknown draft `{draft}` of `wasi:keyvalue`; known: {known}")
        kv_store = DRAFTS[draft or SECOND_DRAFT]
        # A replacement of `kv-store` replaces the store of either draft.
        replaced = framework["kv-store"].ours is not None and framework[kv_store].ours is None
        self._kv_store = "kv-store" if replaced else kv_store
        self._framework = framework
        self._instantiate = instantiate
        self._generated = generated
        self._imported = draft is None
        self._node: Node | None = None

    def services(self, component: Component) -> dict[str, tuple[Value | None, Instance]]:
        """Return the services of a component: by contract, the instance and its type. Without instance: imported."""
        return {
            contract: (self._value(contract, component), type_) for contract, type_ in self.types(component).items()
        }

    def types(self, component: Component) -> dict[str, Instance]:
        """Return the types of a component's services, by contract."""
        return {
            contract: self._type(contract)
            for contract, family in GRANTED.items()
            if family in component.spec.grants and interface_names.find(contract, component.info.imports)
        }

    def _type(self, contract: str) -> Instance:
        return self._framework["session-store" if contract == SESSIONS else self._kv_store].provides(contract)

    def _value(self, contract: str, component: Component) -> Value | None:
        if self._imported:
            return None
        if self._node is None:
            self._node = self._instantiate(self._kv_store, {})
        if contract == KEY_VALUE:
            return self._node.export(KEY_VALUE)
        owner = {SESSION_OWNER: self._framework["session-store"].wants(SESSION_OWNER)}
        named = constants(owner, lambda _interface, _name, _type: component.name)
        services = {
            KEY_VALUE: self._node.export(KEY_VALUE),
            SESSION_BUCKETS: self._node.export(SESSION_BUCKETS),
            SESSION_OWNER: self._generated("session-owner", named, component=component.name).export(SESSION_OWNER),
        }
        return self._instantiate("session-store", services, component=component.name).export(SESSIONS)


_TEXT = Func((), Primitive.STRING)
_METADATA = Instance(
    {"implementation": _TEXT, "instructions": Func((), Option(Primitive.STRING)), "capabilities": _TEXT}
)

CONFIG_TYPE = Instance({"all": _TEXT})
"""Type of the interface `config`."""

DEVELOPMENT_TYPE = Instance({FUNCTION: Func((("component", Primitive.STRING),), Primitive.STRING)})
"""Type of the interface of development builds; see `wasmcp.wasi`."""


def server_metadata(metadata: ServerMetadata, capabilities: dict[str, Any]) -> bytes:
    """Return the component that exports `server-metadata`."""
    values = metadata_values(metadata, capabilities)
    return constants({SERVER_METADATA: _METADATA}, lambda _interface, name, _type: values[name])


def access_rules(rules: str) -> bytes:
    """Return the component that exports `access-rules`."""
    return constants({ACCESS_RULES: Instance({"rules": _TEXT})}, lambda _interface, _name, _type: rules)


def catalogue_data(imported: Instance, catalogues: Sequence[Catalogue], *, completions: bool) -> bytes:
    """Return the component that exports the `catalogue-data` of a segment; see `segment_values`.

    Args:
        imported: The type of the interface, as the framework's `catalogue` imports it.
        catalogues: The catalogue of each component of the segment.
        completions: True if the server offers completion.
    """
    values = segment_values(catalogues, completions=completions)
    return constants({CATALOGUE_DATA: imported}, lambda _interface, name, _type: values[name])


def configuration(values: Mapping[str, Any]) -> bytes:
    """Return the component that exports `config`.

    Args:
        values: The configuration of one component, a JSON object.

    Raises:
        TypeError: A value has a type that JSON does not have.
        ValueError: A number is infinite or not a number.
    """
    text = to_json_text(dict(values))
    return constants({CONFIG: CONFIG_TYPE}, lambda _interface, _name, _type: text)


def baked_environment(interface: str, type_: Instance, settings: Mapping[str, str]) -> bytes:
    """Return the component that exports `wasi:cli/environment` with the baked settings and nothing else.

    Args:
        interface: The name that the framework imports, with its version.
        type_: The type that the framework imports.
        settings: The checked settings, by name.
    """
    answers = {"get-environment": sorted(settings.items()), "get-arguments": [], "initial-cwd": None}
    return constants({interface: type_}, lambda _interface, name, _type: answers[name])


def authorizer_options(type_: Instance, *, required: bool) -> bytes:
    """Return the component that exports `authorizer-options`.

    Args:
        type_: The type that the framework's `authorization` imports.
        required: True if every request is denied until authorization is configured.
    """
    return constants({AUTHORIZER_OPTIONS: type_}, lambda _interface, _name, _type: required)


def no_authorization(type_: Instance) -> bytes:
    """Return the component that exports `authorizer` in a server without authorization.

    Args:
        type_: The type that the framework's transport imports.
    """
    answers = {
        "configure": Case("ok", Case("absent")),
        "set-keys": Case("ok"),
        "authorize": Case("allowed", Case("none")),
        "deny": {"status": 403, "headers": [], "body": '{"error":"access_denied"}', "needs": Case("none")},
    }
    return constants({AUTHORIZER: type_}, lambda _interface, name, _type: answers[name])


# Address of an inner call's result, option<own<reply>>: discriminant and handle, 4 bytes each. The same 8 bytes are the
# result of `dispatch.handle`, which is read before the next call.
_RESULT = 16


def import_name(component: int) -> str:
    """Return the name of the import for the component with this index."""
    return f"component{component}"


def dispatch(count: int) -> bytes:
    """Return the dispatch component of a segment of `count` components."""
    builder = ComponentBuilder()
    scope = InstanceTypeBuilder()
    scope.export_resource("request")
    scope.export_resource("reply")
    messages = builder.import_instance(MESSAGES, builder.type(scope.definition()))
    request = builder.alias_export(messages, "request", Sort.TYPE)
    reply = builder.alias_export(messages, "reply", Sort.TYPE)

    link = _link_type(builder, request, reply)
    links = [builder.import_instance(import_name(index), link) for index in range(count)]

    memory_module = core_module.CoreModule()
    memory_module.memory(1)
    memory_module.export_memory("memory")
    memory_instance = builder.core_instantiate(builder.core_module(memory_module.encode()))
    memory = builder.core_alias(memory_instance, "memory", CoreSort.MEMORY)
    functions = {"drop": (CoreSort.FUNC, builder.resource_drop(request))}
    for index, instance in enumerate(links):
        handle = builder.alias_export(instance, "handle", Sort.FUNC)
        functions[str(index)] = (CoreSort.FUNC, builder.lower(handle, memory=memory))
    arguments = {"memory": memory_instance, "links": builder.core_instance(functions)}
    code = builder.core_instantiate(builder.core_module(_module(count)), arguments)

    borrow, option = (
        builder.type(binary_format.borrow(request)),
        builder.type(binary_format.option(builder.type(binary_format.own(reply)))),
    )
    params: list[tuple[str, binary_format.TypeRef]] = [("component", Primitive.U32), ("request", borrow)]
    func_type = builder.type(binary_format.func(params, option))
    handle = builder.lift(builder.core_alias(code, "handle", CoreSort.FUNC), func_type, memory=memory)
    exports = {"request": (Sort.TYPE, request), "reply": (Sort.TYPE, reply), "handle": (Sort.FUNC, handle)}
    builder.export(DISPATCH, Sort.INSTANCE, builder.instance(exports))
    return builder.to_bytes()


def _link_type(builder: ComponentBuilder, request: int, reply: int) -> int:
    """Define the instance type of `server-handler`, limited to the functions that the dispatch uses."""
    scope = InstanceTypeBuilder()
    borrow = scope.type(binary_format.borrow(scope.alias_outer_type(request)))
    option = scope.type(binary_format.option(scope.type(binary_format.own(scope.alias_outer_type(reply)))))
    scope.export_func("handle", scope.type(binary_format.func([("request", borrow)], option)))
    return builder.type(scope.definition())


def _module(count: int) -> bytes:
    """Return the core module: `handle(component, request) -> address of the result`."""
    module = core_module.CoreModule()
    module.import_memory("memory", "memory", 1)
    drop = module.import_function("links", "drop", [core_module.I32], [])
    links = [
        module.import_function("links", str(index), [core_module.I32, core_module.I32], []) for index in range(count)
    ]
    component, request = 0, 1
    # Nested blocks, one for each component, the first innermost; the outermost is for an index out of range.
    body = core_module.local_get(component) + core_module.br_table(range(count), count)
    for index, link in enumerate(links):
        call = core_module.local_get(request) + core_module.i32_const(_RESULT) + core_module.call(link)
        body = core_module.block(body) + call + core_module.br(count - index)
    unanswered = core_module.i32_const(_RESULT) + core_module.i32_const(0) + core_module.i32_store()
    body = core_module.block(core_module.block(body) + unanswered)
    body += core_module.local_get(request) + core_module.call(drop) + core_module.i32_const(_RESULT)
    module.export_function("handle", module.function([core_module.I32, core_module.I32], [core_module.I32], body))
    return module.encode()


SETTINGS_SECTION = "wasmcp-settings"
"""Custom section with the settings that are baked into a server, as a JSON object."""


def settings_section(settings: Mapping[str, str]) -> bytes:
    """Return the custom section with baked settings."""
    return custom_section(SETTINGS_SECTION, to_json_text(dict(sorted(settings.items()))).encode())


def read_settings(sections: Sequence[bytes]) -> dict[str, str] | None:
    """Return the settings in the sections of a server; None if it has none, more than one record, or an invalid one."""
    try:
        found = json.loads(sections[0]) if len(sections) == 1 else None
    except (ValueError, RecursionError):
        return None
    valid = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if valid else None


def settings_component(settings: Mapping[str, str], transport: FrameworkComponent) -> bytes | None:
    """Return the component of constants that gives the transport these settings; None if it reads none.

    Args:
        settings: The settings by name.
        transport: The framework component.
    """
    imported = interface_names.find(ENVIRONMENT, transport.info.imports)
    type_ = transport.info.imports[imported] if imported else None
    return baked_environment(imported, type_, settings) if imported and isinstance(type_, Instance) else None
