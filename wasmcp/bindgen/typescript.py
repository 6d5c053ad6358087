"""TypeScript declarations from WIT: the modules that a script imports, as QuickJS and StarlingMonkey provide them.

An interface becomes a module with its name. 64-bit integers are `number | bigint`, because the engines differ; an
option can be passed as `undefined` and received as `null`; a function with a `result` returns the value or throws.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from wasmcp.bindgen.resolved import Item, Resolved, TypeRef

_PRIMITIVES = {
    "bool": "boolean",
    "string": "string",
    "char": "string",
    **dict.fromkeys(("u8", "u16", "u32", "s8", "s16", "s32", "f32", "f64"), "number"),
    **dict.fromkeys(("u64", "s64"), "number | bigint"),
}

_RESERVED = {
    "this",
    "case",
    "default",
    "delete",
    "do",
    "else",
    "export",
    "for",
    "function",
    "if",
    "import",
    "in",
    "new",
    "void",
}


def declarations(wit: str | Path, worlds: Iterable[str]) -> str:
    """Return the declarations of all interfaces that some worlds import or export.

    Args:
        wit: A directory with WIT files and its `deps` folder.
        worlds: Names of worlds of its main package.

    Raises:
        BindgenError: The package is invalid, or does not have one of the worlds.
        MissingToolchainError: wasm-tools is not installed.
    """
    modules: dict[str, str] = {}
    for world in worlds:
        resolved = Resolved(wit, world)
        for item in (*resolved.imports, *resolved.exports):
            if item.module not in modules:
                modules[item.module] = "\n".join(_Module(resolved, item).lines())
    heading = "// Generated from the WIT; see wasmcp/bindgen/typescript.py."
    return "\n\n".join([heading, *(modules[name] for name in sorted(modules))]) + "\n"


def _upper(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("-"))


def _lower(name: str) -> str:
    upper = _upper(name)
    return upper[:1].lower() + upper[1:]


def _comment(docs: dict[str, Any] | None, indent: str) -> Iterator[str]:
    text = (docs or {}).get("contents", "")
    if not text:
        return
    lines = text.replace("*/", "* /").splitlines()
    if len(lines) == 1:
        yield f"{indent}/** {lines[0]} */"
        return
    yield f"{indent}/**"
    yield from (f"{indent} * {line}".rstrip() for line in lines)
    yield f"{indent} */"


class _Module:
    """The declaration of one interface."""

    def __init__(self, resolved: Resolved, item: Item) -> None:
        self._resolved = resolved
        self._item = item
        self._interface = resolved.interfaces[item.index]

    def lines(self) -> Iterator[str]:
        yield f'declare module "{self._item.module}" {{'
        functions = self._interface["functions"].values()
        for name, index in self._interface["types"].items():
            yield from self._type(name, self._resolved.types[index], functions)
        for function in functions:
            if function["kind"] in ("freestanding", "async-freestanding"):
                yield from _comment(function.get("docs"), "  ")
                name = _lower(function["name"])
                if name in _RESERVED:
                    yield f"  function {name}_{self._signature(function)};"
                    yield f"  export {{ {name}_ as {name} }};"
                else:
                    yield f"  export function {name}{self._signature(function)};"
        yield "}"

    def _type(self, name: str, type_: dict[str, Any], functions: Iterable[dict[str, Any]]) -> Iterator[str]:
        yield from _comment(type_.get("docs"), "  ")
        kind = type_["kind"]
        if kind == "resource":
            yield f"  export class {_upper(name)} {{"
            yield from self._methods(name, functions)
            yield "    [Symbol.dispose](): void;"
            yield "  }"
            return
        if "record" in kind:
            yield f"  export interface {_upper(name)} {{"
            for field in kind["record"]["fields"]:
                yield from _comment(field.get("docs"), "    ")
                mark = "?" if self._is_option(field["type"]) else ""
                yield f"    {_lower(field['name'])}{mark}: {self._written(field['type'])};"
            yield "  }"
            return
        yield f"  export type {_upper(name)} = {self._definition(kind)};"

    def _is_option(self, ref: TypeRef) -> bool:
        origin = self._resolved.origin(ref)
        return isinstance(origin, int) and "option" in self._resolved.types[origin]["kind"]

    def _methods(self, resource: str, functions: Iterable[dict[str, Any]]) -> Iterator[str]:
        constructed = False
        for function in functions:
            match = re.fullmatch(r"\[(method|static|constructor)\]([^.]+)(?:\.(.+))?", function["name"])
            if match is None or match[2] != resource:
                continue
            yield from _comment(function.get("docs"), "    ")
            if match[1] == "constructor":
                constructed = True
                yield f"    constructor({self._parameters(function['params'])});"
            else:
                word = "static " if match[1] == "static" else ""
                yield f"    {word}{_lower(match[3])}{self._signature(function, method=match[1] == 'method')};"
        if not constructed:
            yield "    private constructor();"

    def _signature(self, function: dict[str, Any], *, method: bool = False) -> str:
        parameters = self._parameters(function["params"][1:] if method else function["params"])
        result = function.get("result")
        return f"({parameters}): {'void' if result is None else self._returned(result)}"

    def _parameters(self, parameters: list[dict[str, Any]]) -> str:
        names = [_lower(one["name"]) for one in parameters]
        names = [f"{name}_" if name in _RESERVED else name for name in names]
        types = [self._written(one["type"]) for one in parameters]
        return ", ".join(f"{name}: {type_}" for name, type_ in zip(names, types, strict=True))

    def _returned(self, ref: TypeRef) -> str:
        origin = self._resolved.origin(ref)
        kind = self._resolved.types[origin]["kind"] if isinstance(origin, int) else {}
        if isinstance(kind, dict) and "result" in kind:
            ok = kind["result"]["ok"]
            return "void" if ok is None else self._written(ok)
        return self._written(ref)

    def _written(self, ref: TypeRef) -> str:
        if isinstance(ref, str):
            return _PRIMITIVES[ref]
        type_ = self._resolved.types[ref]
        if type_["name"] is None:
            return self._definition(type_["kind"])
        return self._named(type_)

    def _named(self, type_: dict[str, Any]) -> str:
        owner: int = type_["owner"]["interface"]
        name = _upper(type_["name"])
        if owner == self._item.index:
            return name
        return f'import("{self._resolved.module(owner)}").{name}'

    def _definition(self, kind: Any) -> str:
        ((tag, body),) = kind.items()
        if tag == "type":
            return self._written(body)
        if tag == "handle":
            ((_, resource),) = body.items()
            return self._written(resource)
        if tag == "option":
            return f"{self._written(body)} | null | undefined"
        if tag == "list":
            return "Uint8Array" if body == "u8" else f"({self._written(body)})[]"
        if tag == "tuple":
            return f"[{', '.join(self._written(item) for item in body['types'])}]"
        if tag == "enum":
            return " | ".join(f'"{case["name"]}"' for case in body["cases"])
        if tag == "flags":
            members = [f"{_lower(flag['name'])}?: boolean" for flag in body["flags"]]
            return f"{{ {'; '.join(members)} }}"
        if tag == "result":
            return f"{self._case('ok', body['ok'])} | {self._case('err', body['err'])}"
        if tag == "variant":
            return " | ".join(self._case(case["name"], case["type"]) for case in body["cases"])
        return "never"  # streams and futures: no interface of WASI 0.2 has them

    def _case(self, name: str, payload: TypeRef | None) -> str:
        return f'{{ tag: "{name}" }}' if payload is None else f'{{ tag: "{name}"; val: {self._written(payload)} }}'
