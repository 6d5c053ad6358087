"""Constructor of outgoing requests of `wasi:http` that adds header fields of the host to them.

The fields of a request cannot be changed once it exists, so that they are added before. They belong together
(`tracestate` is about the trace of `traceparent`): the first that the request has ends the addition.

Source: WASI 0.2, `wasi:http/types`; component-model, design/mvp/CanonicalABI.md, "Flattening" and "Storing".
"""

from __future__ import annotations

from dataclasses import dataclass

from wasmcp.component import core_module
from wasmcp.component.decode import ComponentInfo
from wasmcp.component.types import (
    Borrow,
    Func,
    Instance,
    List,
    Own,
    Primitive,
    Result,
    TypeBound,
    TypeName,
    resolve,
    resource_of,
)

CONSTRUCTOR = "[constructor]outgoing-request"
HAS = "[method]fields.has"
APPEND = "[method]fields.append"
_TYPES = "wasi:http/types@"
_ERROR = "header-error"
_FIELD = 16  # bytes of a name and a value: address and length of each
_RESULT = 8  # bytes of a list; more than those of the result of `append`


@dataclass(frozen=True)
class RequestHeaders:
    """Import of `wasi:http/types` by a component that makes requests.

    Attributes:
        interface: Its name.
        imported: Its type, with the functions that add header fields.
        constructor: The type of the constructor of requests.
    """

    interface: str
    imported: Instance
    constructor: Func

    @classmethod
    def of(cls, info: ComponentInfo) -> RequestHeaders | None:
        """Return the import of a component; None if it makes no requests, or only such without header fields."""
        for name, extern in info.imports.items():
            if not name.startswith(_TYPES) or not isinstance(extern, Instance):
                continue
            constructor, error = extern.exports.get(CONSTRUCTOR), extern.exports.get(_ERROR)
            if not isinstance(constructor, Func) or not isinstance(error, TypeBound) or len(constructor.params) != 1:
                return None
            fields = resolve(constructor.params[0][1])
            if not isinstance(fields, Own) or not hasattr(error.type, "cases"):
                return None
            self = ("self", Borrow(resource_of(fields)))
            key = ("name", Primitive.STRING)
            failure = TypeName(name, _ERROR, error.type)
            added = {
                HAS: Func((self, key), Primitive.BOOL),
                APPEND: Func((self, key, ("value", List(Primitive.U8))), Result(None, failure)),
            }
            missing = {function: func for function, func in added.items() if function not in extern.exports}
            return cls(name, Instance({**extern.exports, **missing}), constructor)
        return None


def constructor_module(memory: str, realloc: str, reset: str) -> bytes:
    """Return the core module that exports the constructor as `construct`.

    It imports `source`, `has`, `append` and `construct` from `imports`, lowered.

    Args:
        memory: The name of the memory in the import `memory`.
        realloc: The name of its function `realloc`.
        reset: The name of the function that frees the memory.
    """
    module = core_module.CoreModule()
    i32 = core_module.I32
    source = module.import_function("imports", "source", [i32], [])
    has = module.import_function("imports", "has", [i32] * 3, [i32])
    append = module.import_function("imports", "append", [i32] * 6, [])
    construct = module.import_function("imports", "construct", [i32], [i32])
    free = module.import_function("memory", reset, [i32], [])
    allocate = module.import_function("memory", realloc, [i32] * 4, [i32])
    module.import_memory("memory", memory, 1)
    fields, area, field, left = range(4)
    get, put, call = core_module.local_get, core_module.local_set, core_module.call
    name = get(field) + core_module.i32_load(0) + get(field) + core_module.i32_load(4)
    value = get(field) + core_module.i32_load(8) + get(field) + core_module.i32_load(12)
    one = get(fields) + name + call(has) + core_module.br_if(1) + get(fields) + name + value + get(area) + call(append)
    step = (
        get(left)
        + core_module.i32_eqz()
        + core_module.br_if(1)
        + one
        + get(field)
        + core_module.i32_const(_FIELD)
        + core_module.i32_add()
        + put(field)
        + get(left)
        + core_module.i32_const(1)
        + core_module.i32_sub()
        + put(left)
        + core_module.br(0)
    )
    sizes = b"".join(map(core_module.i32_const, (0, 0, 4, _RESULT)))
    body = (
        sizes
        + call(allocate)
        + put(area)
        + get(area)
        + call(source)
        + get(area)
        + core_module.i32_load(0)
        + put(field)
        + get(area)
        + core_module.i32_load(4)
        + put(left)
        + core_module.block(core_module.loop(step))
        + core_module.i32_const(0)
        + call(free)
        + get(fields)
        + call(construct)
    )
    module.export_function("construct", module.function([i32], [i32], body, [i32] * 3))
    return module.encode()
