"""Strategies for imports: interfaces of every shape of type, which use each other's."""

from __future__ import annotations

from hypothesis import strategies as st

from wasmcp.component.merge import Renaming, walk
from wasmcp.component.types import (
    Borrow,
    Enum,
    ExternType,
    Flags,
    Func,
    Instance,
    List,
    Option,
    Own,
    Primitive,
    Record,
    Resource,
    Result,
    Tuple,
    TypeBound,
    TypeName,
    ValueType,
    Variant,
)

LABELS = st.integers(1, 5).map(lambda count: tuple(f"l{n}" for n in range(count)))


@st.composite
def parts(draw: st.DrawFn, named: list[TypeName], resources: list[TypeName], depth: int = 2) -> ValueType:
    """A type that needs no name of its own: a primitive, a named one, or a shape around such."""
    kinds = ["primitive"] + (["named"] if named else []) + (["own"] if resources else [])
    if depth:
        kinds += ["list", "tuple", "option", "result"]
    kind = draw(st.sampled_from(kinds))
    if kind == "primitive":
        return draw(st.sampled_from(list(Primitive)))
    if kind == "named":
        return draw(st.sampled_from(named))
    if kind == "own":
        return Own(draw(st.sampled_from(resources)))
    inner = parts(named, resources, depth - 1)
    if kind == "list":
        return List(draw(inner))
    if kind == "tuple":
        return Tuple(tuple(draw(st.lists(inner, min_size=1, max_size=3))))
    if kind == "option":
        return Option(draw(inner))
    return Result(draw(st.none() | inner), draw(st.none() | inner))


@st.composite
def definitions(draw: st.DrawFn, named: list[TypeName], resources: list[TypeName]) -> ValueType:
    """Draw the definition of a type name."""
    kind = draw(st.sampled_from(["record", "variant", "enum", "flags", "part"]))
    inner = parts(named, resources)
    if kind == "enum":
        return Enum(draw(LABELS))
    if kind == "flags":
        return Flags(draw(LABELS))
    if kind == "record":
        return Record(tuple((label, draw(inner)) for label in draw(LABELS)))
    if kind == "variant":
        return Variant(tuple((label, draw(st.none() | inner)) for label in draw(LABELS)))
    return draw(inner)


@st.composite
def interfaces(draw: st.DrawFn) -> dict[str, ExternType]:
    """One to three interfaces, which use each other's types."""
    found: dict[str, ExternType] = {}
    outside: list[TypeName] = []
    outside_resources: list[TypeName] = []
    for number in range(draw(st.integers(1, 3))):
        name = f"demo:p{number}/i@0.{number + 1}.1"
        exports: dict[str, ExternType] = {}
        named: list[TypeName] = []
        resources: list[TypeName] = []
        for n, use in enumerate(draw(st.lists(st.sampled_from(outside), max_size=2)) if outside else []):
            exports[f"u{n}"] = TypeBound(use)
            named.append(TypeName(name, f"u{n}", use))
        for n, use in enumerate(
            draw(st.lists(st.sampled_from(outside_resources), max_size=1)) if outside_resources else []
        ):
            exports[f"v{n}"] = TypeBound(use)
            resources.append(TypeName(name, f"v{n}", use))
        for n in range(draw(st.integers(0, 2))):
            exports[f"r{n}"] = TypeBound(Resource(name, f"r{n}"))
            resources.append(TypeName(name, f"r{n}", Resource(name, f"r{n}")))
        for n in range(draw(st.integers(0, 3))):
            type_ = draw(definitions(named, resources))
            exports[f"t{n}"] = TypeBound(type_)
            named.append(TypeName(name, f"t{n}", type_))
        for n in range(draw(st.integers(0, 3))):
            inner = parts(named, resources)
            params = [(f"p{m}", draw(inner)) for m in range(draw(st.integers(0, 3)))]
            if resources and draw(st.booleans()):
                params.append(("b", Borrow(draw(st.sampled_from(resources)))))
            exports[f"f{n}"] = Func(tuple(params), draw(st.none() | inner))
        found[name] = Instance(exports)
        outside += [entry for entry in named if entry.name.startswith("t")]
        outside_resources += [entry for entry in resources if entry.name.startswith("r")]
    return found


@st.composite
def parts_of(draw: st.DrawFn, imports: dict[str, ExternType], patch: int) -> dict[str, ExternType]:
    """Return the imports of a component that uses part of these interfaces, in another patch version."""
    kept: dict[str, dict[str, ExternType]] = {}
    needed: set[tuple[str | None, str]] = set()
    for name, instance in reversed(imports.items()):
        assert isinstance(instance, Instance)
        for item, extern in reversed(instance.exports.items()):
            if (name, item) not in needed and not draw(st.booleans()):
                continue
            kept.setdefault(name, {})[item] = extern
            for type_ in walk(Instance({item: extern})):
                if isinstance(type_, (TypeName, Resource)):
                    needed.add((type_.interface, type_.name))
    renaming = Renaming({name: f"{name.rpartition('.')[0]}.{patch}" for name in imports})
    return {
        renaming.name(name): renaming.extern(Instance(dict(reversed(kept[name].items()))))
        for name in imports
        if name in kept
    }
