"""Components that cannot be read, or not be put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wasmcp.errors.root import WasmcpError


class ComponentError(WasmcpError):
    """A WebAssembly component that cannot be read or encoded.

    Attributes:
        problem: What is wrong, without place and name.
        offset: Where in the file, in bytes from its start; None when no single place is to blame.
        component: The component's name or file, where it is known; else the empty string.
    """

    def __init__(self, problem: str, *, offset: int | None = None, component: str = "") -> None:
        self.problem = problem
        self.offset = offset
        self.component = component
        place = "" if offset is None else f" (at byte {offset})"
        super().__init__(f"`{component}`: {problem}{place}" if component else f"{problem}{place}")


class CompositionError(WasmcpError):
    """Components that cannot be put together."""


class GraphCycleError(CompositionError):
    """Instances that need each other: none of them could be made first.

    Attributes:
        instances: The labels of the instances on the cycle, each needing the next, the last needing the first.
    """

    def __init__(self, instances: Sequence[str], arguments: Sequence[str]) -> None:
        self.instances = tuple(instances)
        following = (*self.instances[1:], self.instances[0])
        steps = zip(self.instances, arguments, following, strict=True)
        drawing = "\n".join(f"  `{one}` needs `{argument}` from `{other}`" for one, argument, other in steps)
        super().__init__(
            f"the instances need each other, so that none can be made first:\n{drawing}\n"
            "break the cycle: give one of them this import from elsewhere"
        )


class ImportConflictError(CompositionError):
    """Imports of two components that would have to be one and cannot.

    Attributes:
        interface: The import's name.
        item: The function or type in it that differs; the empty string when it is the import as a whole.
        components: The names of the two components (of one, when it conflicts with the wiring).
    """

    def __init__(self, message: str, *, interface: str, item: str = "", components: Sequence[str] = ()) -> None:
        self.interface = interface
        self.item = item
        self.components = tuple(components)
        super().__init__(message)


class WiringError(CompositionError):
    """An argument or an export that does not exist, is given twice, or is of another kind.

    Attributes:
        instance: The label of the instance, or the empty string for the composition itself.
        name: The argument or export.
    """

    def __init__(self, message: str, *, instance: str = "", name: str = "") -> None:
        self.instance = instance
        self.name = name
        super().__init__(message)


class InvalidComponentError(CompositionError):
    """A component that no server can be made with.

    Attributes:
        component: Its name.
        interface: The interface it is about, or the empty string.
        wanted: The version that was expected, or the empty string.
        found: The version that is there, or the empty string.
    """

    def __init__(self, component: str, problem: str, *, interface: str = "", wanted: str = "", found: str = "") -> None:
        self.component = component
        self.interface = interface
        self.wanted = wanted
        self.found = found
        super().__init__(f"component `{component}`: {problem}")


class InvalidComponentsError(CompositionError):
    """Several components that no server can be made with.

    Attributes:
        refused: What is wrong with each, in the order of the chain.
    """

    def __init__(self, refused: Sequence[InvalidComponentError]) -> None:
        self.refused = tuple(refused)
        super().__init__("\n".join(map(str, self.refused)))


class LimitExceededError(CompositionError):
    """A composition that engines refuse because it is too large.

    Attributes:
        limit: What is limited: `core modules and components`, or `instances`.
        found: How many there are.
        allowed: How many there may be.
    """

    def __init__(self, limit: str, found: int, allowed: int, largest: Sequence[tuple[str, int]]) -> None:
        self.limit = limit
        self.found = found
        self.allowed = allowed
        listed = ", ".join(f"`{component}` {count:,}" for component, count in largest)
        super().__init__(
            f"the composition has {found:,} {limit}; engines take {allowed:,} in one file"
            f"{f' (most are in {listed})' if listed else ''}: compose fewer components, put several tools into one "
            "component, or make several servers of them"
        )


class MissingGrantError(CompositionError):
    """Components of a server whose place in the chain needs a grant that they do not have.

    Attributes:
        grant: The family.
        components: The names of the components, in the order of the chain, and why each of them needs it.
    """

    def __init__(self, grant: str, components: Mapping[str, str]) -> None:
        self.grant = grant
        self.components = dict(components)
        lines = [
            f"component `{name}` needs the grant `{grant}`: {reason}, so it gets requests that are not for its own "
            f"offers, and can answer them. To allow that: `--grant {name}={grant}`, or `{grant}` in the `grants` of "
            f"`[tool.wasmcp.components.{name}]`"
            for name, reason in self.components.items()
        ]
        super().__init__("\n".join(lines))


class DuplicateEntryError(CompositionError):
    """Two components of one server offer something of the same name.

    Attributes:
        kind: What it is: `tool`, `resource`, `resource template` or `prompt`.
        name: Its name; a resource's URI.
        components: The names of the two components, in the order of the chain.
    """

    def __init__(self, kind: str, name: str, components: Sequence[str]) -> None:
        self.kind = kind
        self.name = name
        self.components = tuple(components)
        first, second = self.components
        super().__init__(
            f"the components `{first}` and `{second}` both have a {kind} `{name}`: rename one of them, "
            'or keep that of the first: `on-duplicate = "first"`, or `--on-duplicate first`'
        )
