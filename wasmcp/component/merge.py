"""Merger of the imports of several components.

Compatible versions of an interface become one import, under the highest version, with the functions and types of all of
them; items that two of them declare must have the same structure.
Source: component-model, design/mvp/Explainer.md ("canonical interface name"), semver.org 2.0.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wasmcp.component import interface_names
from wasmcp.component.import_renaming import Renaming, dependencies
from wasmcp.component.type_mismatch import difference
from wasmcp.component.types import ExternType, Func, Instance, Opaque, kind_of
from wasmcp.errors import ImportConflictError


@dataclass
class _Request:
    owner: str
    name: str
    extern: ExternType
    renaming: Renaming | None = None


@dataclass
class MergedImport:
    """Import of the composition.

    `type` is the union of the merged imports; `owners` are the names of the components that import each item (of
    several instances of one component the first); `uses` are the names of the other merged imports that its types refer
    to.
    """

    name: str
    type: ExternType
    owners: list[str]
    uses: tuple[str, ...] = ()
    item_owners: dict[str, str] = field(default_factory=dict)


class ImportMerger:
    """Collector of imports that are merged together."""

    def __init__(self) -> None:
        self._requests: list[_Request] = []
        self._asked: set[tuple[int, str, bool]] = set()
        self._contexts: list[Mapping[str, ExternType]] = []  # stored, so that their ids are not reused

    def add(self, owner: str, name: str, imports: Mapping[str, ExternType]) -> None:
        """Add an import, and those whose types it uses.

        Args:
            owner: The component that needs it, for errors.
            name: The import.
            imports: All imports of that component, by name.
        """
        self._contexts.append(imports)
        queue = [name]
        while queue:
            current = queue.pop()
            if (id(imports), current, current == name) in self._asked:
                continue
            self._asked.add((id(imports), current, current == name))
            extern = imports.get(current)
            if extern is None:
                raise ImportConflictError(
                    f"`{name}` of `{owner}` uses types of `{current}`, which `{owner}` does not import",
                    interface=current,
                    components=(owner,),
                )
            if current != name:
                extern = _types_of(extern)
            self._requests.append(_Request(owner, current, extern))
            queue.extend(dependencies(current, extern))

    def merge(self) -> dict[str, MergedImport]:
        """Return the merged imports, each after those it uses.

        Raises:
            ImportConflictError: Two components declare an item of an import differently, or imports use each other.
        """
        canonical = self.canonical_names()
        renaming = Renaming(canonical)
        merged: dict[str, MergedImport] = {}
        for request in self._requests:
            name = canonical[request.name]
            extern = renaming.extern(request.extern)
            _unite(merged.setdefault(name, MergedImport(name, extern, [], ())), request, extern)
        for entry in merged.values():
            entry.uses = tuple(dependencies(entry.name, entry.type))
        return _ordered(merged)

    def canonical_names(self) -> dict[str, str]:
        """Return the name of the merged import for every name that was added."""
        tracks: dict[str, list[str]] = {}
        for request in self._requests:
            tracks.setdefault(interface_names.track(request.name), []).append(request.name)
        return {name: interface_names.newest(members) for members in tracks.values() for name in members}


def _types_of(extern: ExternType) -> ExternType:
    """Return the types of an import. Its functions are added only for the components that import it by name."""
    if not isinstance(extern, Instance):
        return extern
    return Instance({name: item for name, item in extern.exports.items() if not isinstance(item, Func)})


def _unite(merged: MergedImport, request: _Request, extern: ExternType) -> None:
    first = merged.owners[0] if merged.owners else request.owner
    if request.owner not in merged.owners:
        merged.owners.append(request.owner)
    if isinstance(extern, Opaque):
        raise ImportConflictError(
            f"`{request.owner}` imports `{request.name}`, a {extern.kind}: only instances, functions and types can be "
            "left to be imported",
            interface=request.name,
            components=(request.owner,),
        )
    if not isinstance(extern, Instance) or not isinstance(merged.type, Instance):
        problem = None if extern is merged.type else difference(merged.type, extern, "it", _sides(first, request))
        if problem:
            raise _conflict(merged.name, "", first, request, problem)
        return
    items = dict(merged.type.exports)
    for item, type_ in extern.exports.items():
        if isinstance(type_, (Opaque, Instance)):
            raise ImportConflictError(
                f"`{item}` of `{request.name}`, which `{request.owner}` imports, is of kind {kind_of(type_)}: only "
                "functions and types are supported",
                interface=request.name,
                item=item,
                components=(request.owner,),
            )
        known = items.setdefault(item, type_)
        owner = merged.item_owners.setdefault(item, request.owner)
        if known is type_ or known == type_:
            continue
        problem = difference(known, type_, f"`{item}`", _sides(owner, request))
        if problem:
            raise _conflict(merged.name, item, owner, request, problem)
    merged.type = Instance(items)


def _sides(owner: str, request: _Request) -> tuple[str, str]:
    return f"`{owner}`", f"`{request.owner}`"


def _conflict(name: str, item: str, owner: str, request: _Request, problem: str) -> ImportConflictError:
    return ImportConflictError(
        f"`{owner}` and `{request.owner}` both import `{interface_names.track(name)}` "
        f"(`{request.owner}` as `{request.name}`), "
        f"but not the same: {problem}; build both against the same version",
        interface=name,
        item=item,
        components=(owner, request.owner),
    )


def _ordered(merged: dict[str, MergedImport]) -> dict[str, MergedImport]:
    ordered: dict[str, MergedImport] = {}
    for root, entry in merged.items():
        stack = [(root, iter(entry.uses))] if root not in ordered else []
        path = {root: None}
        while stack:
            name, uses = stack[-1]
            following = next((use for use in uses if use not in ordered), None)
            if following is None:
                ordered[name] = merged[name]
                stack.pop()
                path.pop(name)
            elif following in path:
                cycle = [*list(path)[list(path).index(following) :], following]
                raise ImportConflictError(
                    "the merged imports use each other's types: " + " uses ".join(f"`{step}`" for step in cycle),
                    interface=following,
                    components=merged[following].owners,
                )
            else:
                path[following] = None
                stack.append((following, iter(merged[following].uses)))
    return ordered
