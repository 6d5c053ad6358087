"""Zig for WIT types: expressions that name a type, and declarations that define one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wasmcp.bindgen.names import Scope, camel, quote, snake, title
from wasmcp.bindgen.resolved import Item, Resolved, TypeRef
from wasmcp.errors import BindgenError

PRIMITIVES = {
    "bool": "bool",
    "u8": "u8",
    "u16": "u16",
    "u32": "u32",
    "u64": "u64",
    "s8": "i8",
    "s16": "i16",
    "s32": "i32",
    "s64": "i64",
    "f32": "f32",
    "f64": "f64",
    "char": "u21",
    "string": "[]const u8",
}
_NUMBERS = PRIMITIVES.keys() - {"char", "string"}


def docs(entry: dict[str, Any]) -> Iterator[str]:
    """Return the documentation of a WIT item as Zig comment lines."""
    for line in ((entry.get("docs") or {}).get("contents") or "").splitlines():
        yield f"/// {line}".rstrip()


WORLD = -1
"""Stands for the world itself in place of the index of an interface."""


class Naming:
    """Names and namespaces of a world's items in the generated file.

    Attributes:
        root: The names at the top of the file.
        spaces: Names in the scope of each interface, which parameters must not shadow.
    """

    def __init__(self, resolved: Resolved) -> None:
        """Assign a Zig name to every interface, type, resource and function."""
        self.resolved = resolved
        self.root = Scope()
        self._paths: dict[int, tuple[str, ...]] = {}
        self._packages: dict[str, tuple[str, Scope]] = {}
        self.spaces: dict[int, Scope] = {}
        self.type_names: dict[int, str] = {}
        self.function_names: dict[tuple[int, str], str] = {}
        for item in [*resolved.imports, *resolved.exports]:
            if item.index not in self._paths:
                self._paths[item.index] = self._place(item)
                interface = resolved.interfaces[item.index]
                self.spaces[item.index] = Scope()
                self._name_members(item.index, interface["types"], list(interface["functions"].values()))
        self.spaces[WORLD] = self.root
        self._name_members(WORLD, resolved.world_types(), resolved.world_functions("imports"))
        # These are declared in the implementer's `exports`, next to its interfaces.
        self.exported_functions = {f["name"]: quote(camel(f["name"])) for f in resolved.world_functions("exports")}

    def _place(self, item: Item) -> tuple[str, ...]:
        package = item.package
        if package is None or package == self.resolved.package:
            return (self.root.give(snake(item.name)),)
        space = f"{snake(package.namespace)}_{snake(package.name)}"
        if len(self.resolved.versions(package)) > 1:
            space += "_" + "".join(c if c.isalnum() else "_" for c in package.version)
        if space not in self._packages:
            self._packages[space] = (self.root.give(space), Scope())
        name, scope = self._packages[space]
        return (name, scope.give(snake(item.name)))

    def _name_members(self, index: int, types: dict[str, int], functions: list[dict[str, Any]]) -> None:
        scope = self.spaces[index]
        resources: dict[str, Scope] = {}
        for name, ref in types.items():
            self.type_names[ref] = scope.give(title(name))
            if self.resolved.types[ref]["kind"] == "resource":
                taken = frozenset({"handle", "drop", "init", "deinit", "new", "rep", "wit_kind", "is_exported"})
                resources[name] = Scope(Scope.reserved | taken | {"BorrowedAs", "Object"})
        for function in functions:
            resource, member = split_member(function["name"])
            if resource and not member:
                self.function_names[index, function["name"]] = "init"
            elif resource:
                self.function_names[index, function["name"]] = resources[resource].give(camel(member))
            else:
                self.function_names[index, function["name"]] = scope.give(camel(function["name"]))
        for inner in resources.values():
            scope.avoid(inner.given)

    def path(self, index: int) -> tuple[str, ...]:
        """Return the namespaces of an interface, outermost first."""
        return self._paths[index]

    def parameters(self, function: dict[str, Any], index: int) -> list[str]:
        """Return names for a function's parameters that shadow no other names, which Zig forbids."""
        scope = Scope()
        scope.avoid(self.root.given)
        scope.avoid(self.spaces[index].names)
        for _, package in self._packages.values():
            scope.avoid(package.given)
        return ["self" if p["name"] == "self" else scope.give(snake(p["name"])) for p in function["params"]]


def split_member(name: str) -> tuple[str, str]:
    """Split a function's name into resource and member.

    `[method]request.name` -> `request`, `name`; `[constructor]request` -> `request`, ``; `run` -> ``, `run`.
    """
    if not name.startswith("["):
        return "", name
    resource, _, member = name.partition("]")[2].partition(".")
    return resource, member


class Types:
    """Zig for the types of one world, seen from its imports or from its exports.

    Seen from an export, a type of an interface that is itself exported is the exported one (WIT.md, "worlds": an
    export's dependencies are its world's exports where they are exported).
    """

    def __init__(self, naming: Naming, *, exports: bool) -> None:
        """Select the side of the world: its imports or its exports."""
        self.naming = naming
        self.resolved = naming.resolved
        self.exports = exports

    def space(self, index: int) -> str:
        """Return the full path of an interface's namespace."""
        top = "bindings.exports." if self.exports and index in self.resolved.exported else "bindings."
        return top + ".".join(self.naming.path(index))

    def named(self, ref: int) -> str:
        """Return the full path of a named type."""
        owner = self.resolved.types[ref].get("owner") or {}
        if "interface" in owner:
            return f"{self.space(owner['interface'])}.{self.naming.type_names[ref]}"
        return f"bindings.{self.naming.type_names[ref]}"

    def expression(self, ref: TypeRef | None) -> str:
        """Return the Zig type of a reference to a WIT type; `void` for None."""
        if ref is None:
            return "void"
        if isinstance(ref, str):
            if ref not in PRIMITIVES:
                raise unsupported(ref)
            return PRIMITIVES[ref]
        if self.resolved.types[ref]["name"] is not None:
            return self.named(ref)
        return self.anonymous(self.resolved.types[ref]["kind"])

    def anonymous(self, kind: Any) -> str:
        """Return the Zig type of a type constructor."""
        if not isinstance(kind, dict):
            raise unsupported(str(kind))
        ((tag, body),) = kind.items()
        if tag == "list":
            return self._list(body)
        if tag == "option":
            return f"?{self.expression(body)}"
        if tag == "tuple":
            return f"struct {{ {', '.join(map(self.expression, body['types']))} }}"
        if tag == "result":
            return f"abi.Result({self.expression(body.get('ok'))}, {self.expression(body.get('err'))})"
        if tag == "type":
            return self.expression(body)
        if tag == "handle" and "own" in body:
            return self.expression(body["own"])
        if tag == "handle":
            return f"abi.Borrowed({self.expression(body['borrow'])})"
        raise unsupported(tag)

    def borrowed(self, ref: TypeRef) -> int | None:
        """Return the resource if a type is `borrow<resource>` itself."""
        origin = self.resolved.origin(ref)
        if not isinstance(origin, int):
            return None
        kind = self.resolved.types[origin]["kind"]
        if isinstance(kind, dict) and "borrow" in kind.get("handle", {}):
            borrow: int = kind["handle"]["borrow"]
            return borrow
        return None

    def declaration(self, ref: int) -> Iterator[str]:
        """Return the lines that define a named type, other than a resource."""
        entry = self.resolved.types[ref]
        kind = entry["kind"]
        name = self.naming.type_names[ref]
        yield from docs(entry)
        index = (entry.get("owner") or {}).get("interface")
        if self.exports and index in self.resolved.imported and not self.resolved.holds_exported_resource(ref):
            # One type for both sides, so that values are passed through without conversion.
            yield f"pub const {name} = bindings.{'.'.join(self.naming.path(index))}.{name};"
            return
        tag = next(iter(kind)) if isinstance(kind, dict) else kind
        if tag == "record":
            yield from self._record(name, kind["record"]["fields"])
        elif tag == "variant":
            yield from self._cases(f"pub const {name} = union(enum({backing(len(kind['variant']['cases']))})) {{", kind)
        elif tag == "enum":
            yield from self._cases(f"pub const {name} = enum({backing(len(kind['enum']['cases']))}) {{", kind)
        elif tag == "flags":
            yield from self._flags(name, kind["flags"]["flags"])
        else:
            yield f"pub const {name} = {self.anonymous(kind)};"

    def _record(self, name: str, fields: list[dict[str, Any]]) -> Iterator[str]:
        scope = Scope(frozenset())
        yield f"pub const {name} = struct {{"
        for field in fields:
            for line in docs(field):
                yield f"    {line}"
            default = self._default(field["type"])
            yield f"    {scope.give(snake(field['name']))}: {self.expression(field['type'])}{default},"
        yield "};"

    def _default(self, ref: TypeRef) -> str:
        # Defaults let authors omit absent fields, and keep their code valid if a later package adds fields.
        origin = self.resolved.origin(ref)
        kind = self.resolved.types[origin]["kind"] if isinstance(origin, int) else None
        if isinstance(kind, dict) and "option" in kind:
            return " = null"
        if isinstance(kind, dict) and "list" in kind:
            return self._none(kind["list"])
        return ""

    def _list(self, element: TypeRef) -> str:
        # `abi.List` keeps the layout in memory if the component opts into it.
        expression = self.expression(element)
        return f"[]const {expression}" if element in _NUMBERS else f"abi.List({expression})"

    def _none(self, element: TypeRef) -> str:
        return " = &.{}" if element in _NUMBERS else f" = abi.none({self.expression(element)})"

    def _cases(self, head: str, kind: dict[str, Any]) -> Iterator[str]:
        ((_, body),) = kind.items()
        scope = Scope(frozenset())
        yield head
        for case in body["cases"]:
            for line in docs(case):
                yield f"    {line}"
            payload = case.get("type")
            suffix = "" if payload is None else f": {self.expression(payload)}"
            yield f"    {scope.give(snake(case['name']))}{suffix},"
        yield "};"

    def _flags(self, name: str, flags: list[dict[str, Any]]) -> Iterator[str]:
        # WIT allows at most 32 flags.
        size = next(bits for bits in (8, 16, 32) if len(flags) <= bits)
        scope = Scope(frozenset({"_unused"}))
        yield f"pub const {name} = packed struct(u{size}) {{"
        for flag in flags:
            for line in docs(flag):
                yield f"    {line}"
            yield f"    {scope.give(snake(flag['name']))}: bool = false,"
        if len(flags) < size:
            yield f"    _unused: u{size - len(flags)} = 0,"
        yield "};"


def backing(cases: int) -> str:
    """Return the integer type of a discriminant (CanonicalABI.md, `discriminant_type`)."""
    return "u8" if cases <= 1 << 8 else "u16" if cases <= 1 << 16 else "u32"


def unsupported(kind: str) -> BindgenError:
    """Return the error for a type that needs the asynchronous ABI, or is newer than this generator."""
    return BindgenError(
        f"`{kind}`: bindings support the types of WASI 0.2; streams, futures, error contexts and other types of "
        "WASI 0.3 are not supported yet",
        item=kind,
    )


__all__ = ["WORLD", "Naming", "Types", "backing", "docs", "split_member", "unsupported"]
