"""The index spaces of a component."""

from __future__ import annotations

from wasmcp.component.model import ExternType, Func, Instance, Opaque, TypeBound
from wasmcp.component.reader import Reader
from wasmcp.component.scope import Scope, Unsupported

_KINDS = {1: "func", 2: "value", 3: "type", 4: "component", 5: "instance"}


class ComponentScope(Scope):
    """The types, instances, functions and components of a component, by index.

    Attributes:
        funcs: None where the type is not known.
        components: Where its bytes are; None when they are not in this one.
    """

    def __init__(self, parent: Scope | None = None) -> None:
        super().__init__(parent)
        self.funcs: list[Func | None] = []
        self.components: list[Reader | None] = []

    def copy(self) -> ComponentScope:
        """The same, to be continued without changing this one. Only for a scope without a parent."""
        copied = ComponentScope()
        copied.costs = self.costs.copy()
        copied.types.extend(self.types)
        copied.instances.extend(self.instances)
        copied.funcs.extend(self.funcs)
        copied.components.extend(self.components)
        return copied

    def read_reference(self, section: Reader) -> tuple[str, ExternType | None]:
        """Read a sort and an index: the kind of what they refer to, and its type where it is known."""
        start = section.position
        sort = section.byte()
        if sort == 0:
            if section.byte() != 0x11:
                raise section.fail("of core definitions only modules can be passed on", start)
            section.u32()
            return "core module", None
        index = section.u32()
        kind = _KINDS.get(sort)
        if kind is None:
            raise section.fail(f"there is no sort {sort}", start)
        if kind == "func":
            if index >= len(self.funcs):
                raise section.fail(f"there is no function {index}, only {len(self.funcs)}", start)
            return kind, self.funcs[index]
        if kind == "type":
            type_ = self.type_at(index, section, start)
            unknown = isinstance(type_, (Func, Instance, Opaque, Unsupported)) or self.costs.unsupported(type_)
            return kind, None if unknown else TypeBound(type_)  # type: ignore[arg-type]
        if kind == "instance":
            return kind, self.instance_at(index, section)[1]
        if kind == "component" and index >= len(self.components):
            raise section.fail(f"there is no component {index}, only {len(self.components)}", start)
        return kind, None

    def read_alias(self, section: Reader) -> None:
        """Read an alias, and give what it refers to its new index."""
        start = section.position
        sort = section.byte()
        core = section.byte() if sort == 0 else -1
        target = section.byte()
        if target == 0x01:
            section.u32()
            section.skip_name()
        elif target == 0x00 and sort in (3, 5):
            self.alias_export(section.u32(), sort, section.name(), section)
        elif target == 0x00 and (sort in (1, 4) or core == 0x11):
            _, instance = self.instance_at(section.u32(), section)
            found = instance.exports.get(section.name()) if instance else (section.name(), None)[1]
            if sort == 1:
                self.funcs.append(found if isinstance(found, Func) else None)
            elif sort == 4:
                self.components.append(None)
        elif target == 0x02 and (sort in (3, 4) or core in (0x10, 0x11)):
            outer = self.outer(section.u32(), section)
            index = section.u32()
            if sort == 3:
                self.types.append(outer.type_at(index, section, start))
            elif sort == 4:
                self.components.append(None)
        else:
            raise section.fail(f"an alias of sort {sort} cannot have target {target}", start)
