"""Errors of reading, encoding and composing components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wasmcp.errors.root import WasmcpError


class ComponentError(WasmcpError):
    """A WebAssembly component that cannot be read or encoded.

    Attributes:
        problem: The message without position and name.
        offset: Position in the file, in bytes from its start; None if the error has no single position.
        component: The component's name or file, or the empty string if unknown.
    """

    def __init__(self, problem: str, *, offset: int | None = None, component: str = "") -> None:
        self.problem = problem
        self.offset = offset
        self.component = component
        place = "" if offset is None else f" (at byte {offset})"
        super().__init__(f"`{component}`: {problem}{place}" if component else f"{problem}{place}")


class UnknownInstructionError(ComponentError):
    """An instruction of a core module that is unknown or not supported.

    Attributes:
        opcode: Its bytes in hexadecimal, for example ``0xfe 0x10``.
        subject: The proposal that it belongs to, or the empty string.
    """

    def __init__(self, opcode: str, *, offset: int, subject: str = "") -> None:
        self.opcode = opcode
        self.subject = subject
        super().__init__(f"the opcode {opcode} is {subject or 'unknown'}, which is not supported", offset=offset)


class CompositionError(WasmcpError):
    """Components that cannot be composed."""


class AppsError(CompositionError):
    """Apps that cannot be served: mistakes in their pages or metadata, or more powers than they were granted.

    Attributes:
        problems: One sentence per mistake, each with the app, the tool or the file in backticks.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        super().__init__("\n".join([f"{count} in the apps:", *(f"  * {problem}" for problem in self.problems)]))


class GraphCycleError(CompositionError):
    """Instances that depend on each other, so that none can be created first.

    Attributes:
        instances: The labels of the instances on the cycle, each needing the next, the last needing the first.
    """

    def __init__(self, instances: Sequence[str], arguments: Sequence[str]) -> None:
        self.instances = tuple(instances)
        following = (*self.instances[1:], self.instances[0])
        steps = zip(self.instances, arguments, following, strict=True)
        drawing = "\n".join(f"  `{one}` needs `{argument}` from `{other}`" for one, argument, other in steps)
        super().__init__(
            f"the instances depend on each other, so that none can be instantiated first:\n{drawing}\n"
            "break the cycle: provide one of these imports from another instance"
        )


class ImportConflictError(CompositionError):
    """Imports of two components that have the same name and cannot be merged.

    Attributes:
        interface: The import's name.
        item: The function or type in it that differs; the empty string for the whole import.
        components: The names of the two components, or of one, if it conflicts with the wiring.
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
    """A component that cannot be part of a server.

    Attributes:
        component: The component's name.
        interface: The interface in question, or the empty string.
        wanted: The expected version, or the empty string.
        found: The version found, or the empty string.
    """

    def __init__(self, component: str, problem: str, *, interface: str = "", wanted: str = "", found: str = "") -> None:
        self.component = component
        self.interface = interface
        self.wanted = wanted
        self.found = found
        super().__init__(f"component `{component}`: {problem}")


class InvalidComponentsError(CompositionError):
    """Several components that cannot be part of a server.

    Attributes:
        refused: The error of each component, in the order of the chain.
    """

    def __init__(self, refused: Sequence[InvalidComponentError]) -> None:
        self.refused = tuple(refused)
        super().__init__("\n".join(map(str, self.refused)))


class LimitExceededError(CompositionError):
    """A composition that exceeds a limit of the engines.

    Attributes:
        limit: The limited quantity: `core modules and components`, or `instances`.
        found: Their number.
        allowed: The highest number that engines accept.
    """

    def __init__(self, limit: str, found: int, allowed: int, largest: Sequence[tuple[str, int]]) -> None:
        self.limit = limit
        self.found = found
        self.allowed = allowed
        listed = ", ".join(f"`{component}` {count:,}" for component, count in largest)
        where = f" (before identical ones are shared, most are in {listed})" if listed else ""
        super().__init__(
            f"the composition has {found:,} {limit}; engines accept {allowed:,} in one file"
            f"{where}: compose fewer components, put several tools into one "
            "component, or compose several servers"
        )


class MissingGrantError(CompositionError):
    """Components without a grant that their position in the chain requires.

    Attributes:
        grant: The grant's name.
        components: The reason for each component, by its name, in the order of the chain.
    """

    def __init__(self, grant: str, components: Mapping[str, str]) -> None:
        self.grant = grant
        self.components = dict(components)
        lines = [
            f"component `{name}` needs the grant `{grant}`: {reason}, so it receives requests for "
            f"other components, and can answer them. To allow that: `--grant {name}={grant}`, or `{grant}` in the "
            f"`grants` of `[tool.wasmcp.components.{name}]`"
            for name, reason in self.components.items()
        ]
        super().__init__("\n".join(lines))


class GrantPolicyError(CompositionError):
    """Components with grants that a policy does not have.

    Attributes:
        policy: The name of the policy's file.
        components: The excess grants of each component, by its name: a family, or a family and a rule.
    """

    def __init__(self, policy: str, components: Mapping[str, Sequence[str]]) -> None:
        self.policy = policy
        self.components = {name: tuple(grants) for name, grants in components.items()}
        lines = [f"  * `{name}`: {grant}" for name, grants in self.components.items() for grant in grants]
        super().__init__(
            "\n".join([f"the policy `{policy}` does not permit these grants:", *lines])
            + "\nremove them from the components, or change the policy"
        )


class DuplicateEntryError(CompositionError):
    """Two components of one server with an entry of the same name.

    Attributes:
        kind: `tool`, `resource`, `resource template` or `prompt`.
        name: The entry's name, or a resource's URI.
        components: The names of the two components, in the order of the chain.
    """

    def __init__(self, kind: str, name: str, components: Sequence[str]) -> None:
        self.kind = kind
        self.name = name
        self.components = tuple(components)
        first, second = self.components
        super().__init__(
            f"the components `{first}` and `{second}` both have a {kind} `{name}`: rename one of them, "
            'or use that of the first component: `on-duplicate = "first"`, or `--on-duplicate first`'
        )


class DeploymentError(WasmcpError):
    """A server that cannot be deployed as requested; no file was written.

    Attributes:
        target: The kind of deployment: `kubernetes`, `compose`, `spin` or `wasmcloud`.
        problems: One sentence per reason.
    """

    def __init__(self, target: str, problems: Sequence[str]) -> None:
        self.target = target
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = [f"  * {problem}" for problem in self.problems]
        super().__init__("\n".join([f"the deployment for {target} cannot be written, {count}:", *lines]))
