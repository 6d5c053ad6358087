"""The packages that a project's components are compiled with, against its ``wasmcp.lock``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from wasmcp.errors import LockDriftError, ToolchainError
from wasmcp.project.component_source import source_of
from wasmcp.project.model import Project
from wasmcp.registry import lock
from wasmcp.registry.lock import Dependencies
from wasmcp.storage.cache import Cache
from wasmcp.storage.digest import of_value
from wasmcp.toolchains.base import ComponentSource, Distribution, Resolver, Toolchain

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What one component depends on.

    Attributes:
        source: The component.
        toolchain: Of its language.
        requirements: What it requires of the registry.
    """

    source: ComponentSource
    toolchain: Toolchain
    requirements: tuple[str, ...]

    def __str__(self) -> str:
        return f"the dependencies of component `{self.source.name}`"

    def locked(self, found: lock.Lock) -> Dependencies | None:
        """Return what they are pinned to."""
        return found.dependencies_of(self.source.name, self.toolchain.name, self.requirements)

    def resolve(self, progress: Progress) -> Dependencies:
        """Return what they are now.

        Raises:
            ToolchainError: They cannot be resolved, or do not work in a component.
        """
        assert isinstance(self.toolchain, Resolver)  # noqa: S101 - see `asked_of`
        cache = Cache().toolchain(self.toolchain.name)
        found = self.toolchain.resolve(self.source, cache=cache, progress=progress)
        return Dependencies(self.source.name, self.toolchain.name, self.requirements, found)


def asked_of(source: ComponentSource, toolchain: Toolchain) -> Asked | None:
    """Return what a component depends on; None when it names nothing."""
    if not isinstance(toolchain, Resolver) or not source.options.get("dependencies"):
        return None
    requirements = toolchain.requirements(source)
    return Asked(source, toolchain, tuple(requirements)) if requirements else None


def wanted(project: Project) -> list[Asked]:
    """Return what each of a project's components depends on."""
    found = (
        asked_of(*source_of(project, config)) for config in project.components.values() if config.language is not None
    )
    return [asked for asked in found if asked is not None]


def pinned(
    root: Path, asked: Asked, *, locked: bool = False, offline: bool = False, progress: Progress | None = None
) -> tuple[Distribution, ...]:
    """Return what a component's dependencies are pinned to; new ones are resolved and written into the lock.

    Args:
        root: The project's folder.
        asked: What the component depends on.
        locked: Fail instead of resolving.
        offline: The same, because nobody can be asked.
        progress: Told when something slow begins.

    Raises:
        LockDriftError: They must be locked, and are not.
        ToolchainError: They cannot be resolved, or do not work in a component.
    """
    found = asked.locked(lock.read(root))
    if found is None and locked:
        raise LockDriftError([f"{asked} are not in it, or others are"])
    if found is None:
        with Cache().lock(of_value(str(root / lock.NAME))):
            before = lock.read(root)
            found = asked.locked(before)
            if found is None:
                found = _resolved(asked, progress or (lambda _: None), offline=offline)
                kept = tuple(one for one in before.dependencies if one.component != found.component)
                lock.write(root, replace(before, dependencies=(*kept, found)))
    return found.distributions


def _resolved(asked: Asked, progress: Progress, *, offline: bool) -> Dependencies:
    if offline:
        message = f"{asked} are not in `{lock.NAME}`, and nobody may be asked: run `wasmcp lock` with a network"
        raise ToolchainError(message, source=asked.source.label, toolchain=asked.toolchain.name)
    return asked.resolve(progress)


def relock(
    project: Project,
    before: lock.Lock,
    progress: Progress,
    *,
    upgrade: Iterable[str] | None = (),
    offline: bool = False,
) -> tuple[Dependencies, ...]:
    """Return the dependencies that a project's lock should have; what is pinned stays, unless it is to be upgraded.

    Args:
        project: As configured.
        before: What the lock has.
        progress: Told when something slow begins.
        upgrade: The names of packages: what depends on one is resolved anew; None: everything.
        offline: Fail instead of resolving.

    Raises:
        ToolchainError: They cannot be resolved, or do not work in a component.
    """
    again = None if upgrade is None else set(upgrade)
    found = []
    for asked in wanted(project):
        known = asked.locked(before)
        if known is None or again is None or again & {one.name for one in known.distributions}:
            known = _resolved(asked, progress, offline=offline)
        found.append(known)
    return tuple(found)


def drift(project: Project) -> list[str]:
    """Return a sentence for each difference between a project's lock and what its components depend on."""
    found, asked = lock.read(project.root), wanted(project)
    problems = [f"{one} are not in it, or others are" for one in asked if one.locked(found) is None]
    there = {(one.component, one.language) for one in found.dependencies}
    gone = there - {(one.source.name, one.toolchain.name) for one in asked}
    return problems + [f"it has dependencies of component `{name}`, which has none" for name, _ in sorted(gone)]
