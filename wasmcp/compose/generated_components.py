"""Components that the composer generates: constants of a server, and the dispatch of a segment to its members.

Constants are the server's metadata, the catalogue of a segment, a configuration and settings. The dispatch imports a
`server-handler` instance for each member of the segment, and exports `dispatch`: a `br_table` that selects the member
that owns a request's target by its index. Only handles are passed; nothing is copied, and the cost does not grow with
the number of members.

Source: wit/baked.wit, wit/config.wit, wit/handler.wit; component-model, CanonicalABI.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wasmcp.component import binary_format, core_module, interface_names
from wasmcp.component.binary_format import CoreSort, Sort
from wasmcp.component.builder import ComponentBuilder, InstanceTypeBuilder
from wasmcp.component.canonical_abi import Case
from wasmcp.component.constant_component import constants
from wasmcp.component.custom_sections import custom_section
from wasmcp.component.types import Func, Instance, Option, Primitive
from wasmcp.compose.catalogue import Catalogue, segment_values
from wasmcp.compose.framework import FrameworkComponent
from wasmcp.compose.interfaces import (
    ACCESS_RULES,
    AUTHORIZER,
    AUTHORIZER_OPTIONS,
    CATALOGUE_DATA,
    CONFIG,
    DISPATCH,
    ENVIRONMENT,
    MESSAGES,
    SERVER_METADATA,
)
from wasmcp.compose.metadata import ServerMetadata, metadata_values
from wasmcp.revision_views import to_json_text
from wasmcp.wasi import FUNCTION

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
