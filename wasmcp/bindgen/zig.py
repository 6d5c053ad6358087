"""Zig of the bindings: names, types, and the generated file with its namespaces, imports and exports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from wasmcp.bindgen.resolved import Item, Resolved, TypeRef
from wasmcp.errors import BindgenError

__all__ = ["WORLD", "Naming", "Types", "backing", "docs", "split_member", "unsupported", "write_bindings"]


# https://ziglang.org/documentation/master/#Keyword-Reference, and the names of primitive types and values.
_KEYWORDS = frozenset(  # one text is easier to compare with the reference than seventy string literals
    """addrspace align allowzero and anyframe anytype asm async await break callconv catch comptime const continue
    defer else enum errdefer error export extern fn for if inline linksection noalias noinline nosuspend opaque or
    orelse packed pub resume return struct suspend switch test threadlocal try union unreachable usingnamespace var
    volatile while _ anyerror anyopaque bool comptime_float comptime_int false isize noreturn null true type undefined
    usize void c_char c_int c_uint c_short c_ushort c_long c_ulong c_longlong c_ulonglong c_longdouble
    f16 f32 f64 f80 f128""".split()  # noqa: SIM905 - see above
)
_INTEGER = re.compile(r"[iu][0-9]+")

# Names that generated code uses: names of a WIT package must not shadow them.
RESERVED = frozenset({"std", "abi", "memory", "bindings", "implementation", "exports", "self", "Self"})


def snake(name: str) -> str:
    """Return the `snake_case` name of a field, case, parameter or namespace: `mime-type` -> `mime_type`."""
    return name.replace("-", "_").lower()


def camel(name: str) -> str:
    """Return the `camelCase` name of a function: `call-tool` -> `callTool`."""
    first, *rest = name.split("-")
    return first.lower() + "".join(word.capitalize() for word in rest)


def title(name: str) -> str:
    """Return the `TitleCase` name of a type: `tool-result` -> `ToolResult`."""
    return "".join(word.capitalize() for word in name.split("-"))


def quote(name: str) -> str:
    """Return a Zig identifier: keywords and reserved names are quoted, `@"error"`."""
    return f'@"{name}"' if name in _KEYWORDS or _INTEGER.fullmatch(name) else name


class Scope:
    """Names of one Zig container: each WIT name gets a Zig name that is unique in it."""

    reserved = RESERVED

    def __init__(self, taken: frozenset[str] = RESERVED) -> None:
        """Start with the reserved names in `taken`."""
        self._taken = set(taken)
        self.given: set[str] = set()

    def give(self, name: str) -> str:
        """Reserve a name and return it, quoted if Zig requires it; `_` is appended while the name is taken."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        self.given.add(name)
        return quote(name)

    @property
    def names(self) -> set[str]:
        """All names that are taken in this scope."""
        return set(self._taken)

    def avoid(self, names: set[str]) -> None:
        """Mark these names as taken."""
        self._taken |= names


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


_HEAD = """\
// Generated by wasmcp.bindgen from the world `{world}`. Do not edit: the next build overwrites it.
pub const abi = @import("abi.zig");
pub const memory = abi.memory;
const bindings = @This();
const implementation = @import("implementation");
"""


def write_bindings(resolved: Resolved) -> str:
    """Return the text of `bindings.zig` for a world.

    Raises:
        BindgenError: The world uses types that bindings do not support.
    """
    return _Writer(resolved).text()


class _Writer:
    def __init__(self, resolved: Resolved) -> None:
        self.resolved = resolved
        self.naming = Naming(resolved)
        self.imports = Types(self.naming, exports=False)
        self.exports = Types(self.naming, exports=True)

    def text(self) -> str:
        spaces: dict[tuple[str, ...], list[str]] = {}
        for item in self.resolved.imports:
            spaces[self.naming.path(item.index)] = list(self._imported(item))
        exported: dict[tuple[str, ...], list[str]] = {}
        for item in self.resolved.exports:
            path = self.naming.path(item.index)
            exported[path] = list(self._exported(item))
            if item.index not in self.resolved.imported:
                spaces[path] = [f"pub const {path[-1]} = {self.exports.space(item.index)};"]
        lines = [_HEAD.format(world=self.resolved.world["name"])]
        functions = self.resolved.world_functions("imports")
        lines += self._members(WORLD, "$root", self.resolved.world_types(), functions)
        lines += _nested(spaces)
        lines += [
            "/// The exports of this component: the same namespaces as in `implementation.exports`.",
            "pub const exports = struct {",
        ]
        lines += _indent(_nested(exported))
        lines += ["};", "", *self._export_world()]
        return "\n".join(lines) + "\n"

    def _imported(self, item: Item) -> Iterator[str]:
        interface = self.resolved.interfaces[item.index]
        yield from docs(interface)
        yield f"pub const {self.naming.path(item.index)[-1]} = struct {{"
        functions = list(interface["functions"].values())
        yield from _indent(self._members(item.index, item.module, interface["types"], functions))
        yield "};"

    def _members(
        self, index: int, module: str, types: dict[str, int], functions: list[dict[str, Any]]
    ) -> Iterator[str]:
        for name, ref in types.items():
            if self.resolved.types[ref]["kind"] == "resource":
                mine = [f for f in functions if split_member(f["name"])[0] == name]
                yield from self._imported_resource(ref, module, mine, index)
            else:
                yield from self.imports.declaration(ref)
            yield ""
        for function in functions:
            if not split_member(function["name"])[0]:
                yield from self._import_function(function, module, index)
                yield ""

    def _imported_resource(self, ref: int, module: str, functions: list[dict[str, Any]], index: int) -> Iterator[str]:
        entry = self.resolved.types[ref]
        yield from docs(entry)
        yield f"pub const {self.naming.type_names[ref]} = struct {{"
        yield "    handle: u32,"
        yield ""
        yield "    pub const wit_kind: abi.Kind = .own;"
        yield "    pub const is_exported = false;"
        yield "    pub const BorrowedAs = @This();"
        yield ""
        yield "    /// Drop an owned handle. Not for a `borrow` parameter, which is dropped after the call."
        yield "    pub fn drop(self: @This()) void {"
        symbol = f'"{module}", "[resource-drop]{entry["name"]}"'
        yield f"        return abi.call({symbol}, &.{{u32}}, void, .{{self.handle}});"
        yield "    }"
        for function in functions:
            yield ""
            yield from _indent(self._import_function(function, module, index))
        yield "};"

    def _import_function(self, function: dict[str, Any], module: str, index: int) -> Iterator[str]:
        _reject_async(function)
        name = self.naming.function_names[index, function["name"]]
        names = self.naming.parameters(function, index)
        refs = [p["type"] for p in function["params"]]
        result = self.imports.expression(function.get("result"))
        borrowed = [self.imports.borrowed(ref) is not None for ref in refs]
        arguments = [f".{{ .resource = {n} }}" if borrow else n for n, borrow in zip(names, borrowed, strict=True)]
        params = [self.imports.expression(r) for r in refs]
        yield from docs(function)
        yield f"pub fn {name}({self._parameters(names, refs, self.imports)}) {result} {{"
        yield f'    return abi.call("{module}", "{function["name"]}", {_types(params)}, {result}, {_tuple(arguments)});'
        yield "}"

    def _parameters(self, names: list[str], refs: list[Any], types: Types) -> str:
        parts = []
        for name, ref in zip(names, refs, strict=True):
            resource = types.borrowed(ref)
            if resource is None:
                parts.append(f"{name}: {types.expression(ref)}")
            elif self._is_own_resource(resource, types):
                parts.append(f"{name}: {types.expression(resource)}.BorrowedAs")
            else:
                parts.append(f"{name}: {types.expression(resource)}")
        return ", ".join(parts)

    def _is_own_resource(self, resource: int, types: Types) -> bool:
        return types.exports and self.resolved.holds_exported_resource(resource)

    def _exported(self, item: Item) -> Iterator[str]:
        interface = self.resolved.interfaces[item.index]
        yield from docs(interface)
        yield f"pub const {self.naming.path(item.index)[-1]} = struct {{"
        for ref in interface["types"].values():
            entry = self.resolved.types[ref]
            if entry["kind"] == "resource":
                name = self.naming.type_names[ref]
                yield from _indent(docs(entry))
                identity = f'"[export]{item.module}", "{entry["name"]}"'
                yield f"    pub const {name} = abi.Exported({self._implementer(item)}.{name}, {identity});"
            else:
                yield from _indent(self.exports.declaration(ref))
            yield ""
        yield "};"

    def _implementer(self, item: Item) -> str:
        return "implementation.exports." + ".".join(self.naming.path(item.index))

    def _export_world(self) -> Iterator[str]:
        yield "/// Export all exports of the world, implemented by `implementation.exports`."
        yield "pub fn exportWorld() void {"
        yield "    abi.exportRealloc();"
        for item in self.resolved.exports:
            interface = self.resolved.interfaces[item.index]
            for name, ref in interface["types"].items():
                if self.resolved.types[ref]["kind"] == "resource":
                    implementer = f"{self._implementer(item)}.{self.naming.type_names[ref]}"
                    yield f'    abi.exportDestructor("{item.module}#[dtor]{name}", {implementer});'
            for function in interface["functions"].values():
                resource, _ = split_member(function["name"])
                implementer = self._implementer(item)
                if resource:
                    implementer += f".{self.naming.type_names[interface['types'][resource]]}"
                member = self.naming.function_names[item.index, function["name"]]
                yield self._export_function(
                    function, f"{item.module}#{function['name']}", implementer, member, item.index
                )
        for function in self.resolved.world_functions("exports"):
            member = self.naming.exported_functions[function["name"]]
            yield self._export_function(function, function["name"], "implementation.exports", member, WORLD)
        yield "}"

    def _export_function(self, function: dict[str, Any], symbol: str, implementer: str, member: str, index: int) -> str:
        _reject_async(function)
        refs = [p["type"] for p in function["params"]]
        result = self.exports.expression(function.get("result"))
        names = self.naming.parameters(function, index)
        signature = f"{member}({self._parameters(names, refs, self.exports)}) {result}"
        plain = member[2:-1] if member.startswith("@") else member
        params = _types([self.exports.expression(r) for r in refs])
        text = signature.replace("\\", "\\\\").replace('"', '\\"')
        return f'    abi.exportFunction("{symbol}", {params}, {result}, {implementer}, "{plain}", "{text}");'


def _reject_async(function: dict[str, Any]) -> None:
    kind = function["kind"]
    tag = kind if isinstance(kind, str) else next(iter(kind))
    if tag not in ("freestanding", "method", "static", "constructor"):
        raise BindgenError(
            f"`{function['name']}`: `{tag}` functions belong to WASI 0.3 and are not supported", item=function["name"]
        )


def _types(expressions: list[str]) -> str:
    return f"&{_tuple(expressions)}"


def _tuple(expressions: list[str]) -> str:
    return f".{{ {', '.join(expressions)} }}" if len(expressions) > 1 else f".{{{''.join(expressions)}}}"


def _indent(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"    {line}" if line else line


def _nested(spaces: dict[tuple[str, ...], list[str]]) -> list[str]:
    """Group interfaces of one package under its namespace."""
    lines: list[str] = []
    packages: dict[str, list[str]] = {}
    for path, body in spaces.items():
        if len(path) == 1:
            lines += [*body, ""]
        else:
            packages.setdefault(path[0], []).extend([*_indent(body), ""])
    for name, body in packages.items():
        lines += [f"pub const {name} = struct {{", *body, "};", ""]
    return lines
