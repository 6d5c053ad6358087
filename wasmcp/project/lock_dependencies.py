"""Dependencies that a project's components are compiled with, and their entries in ``wasmcp.lock``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from wasmcp.errors import LockDriftError, ToolchainError
from wasmcp.project.model import Project, source_of
from wasmcp.registry import lock
from wasmcp.registry.lock import Dependencies
from wasmcp.storage.cache import Cache
from wasmcp.storage.digest import of_value
from wasmcp.toolchains.base import ComponentSource, Distribution, Resolver, Toolchain

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ComponentRequirements:
    """Requirements of one component.

    Attributes:
        source: The component.
        toolchain: The toolchain of its language.
        requirements: Its requirements of the package registry.
    """

    source: ComponentSource
    toolchain: Toolchain
    requirements: tuple[str, ...]

    def __str__(self) -> str:
        return f"the dependencies of component `{self.source.name}`"

    def locked(self, found: lock.Lock) -> Dependencies | None:
        """Return the locked dependencies."""
        return found.dependencies_of(self.source.name, self.toolchain.name, self.requirements)

    def resolve(self, progress: Progress) -> Dependencies:
        """Resolve the dependencies.

        Raises:
            ToolchainError: They cannot be resolved, or do not work in a component.
        """
        assert isinstance(self.toolchain, Resolver)  # noqa: S101 - see `requirements_of`
        cache = Cache().toolchain(self.toolchain.name)
        found = self.toolchain.resolve(self.source, cache=cache, progress=progress)
        return Dependencies(self.source.name, self.toolchain.name, self.requirements, found)


def requirements_of(source: ComponentSource, toolchain: Toolchain) -> ComponentRequirements | None:
    """Return the requirements of a component, or None."""
    if not isinstance(toolchain, Resolver):
        return None
    requirements = toolchain.requirements(source)
    return ComponentRequirements(source, toolchain, tuple(requirements)) if requirements else None


def project_requirements(project: Project) -> list[ComponentRequirements]:
    """Return the requirements of each of a project's components."""
    found = (
        requirements_of(*source_of(project, config))
        for config in project.components.values()
        if config.language is not None
    )
    return [required for required in found if required is not None]


def pinned(
    root: Path,
    required: ComponentRequirements,
    *,
    locked: bool = False,
    offline: bool = False,
    progress: Progress | None = None,
) -> tuple[Distribution, ...]:
    """Return the locked dependencies of a component; new ones are resolved and added to the lock file.

    Args:
        root: The project's folder.
        required: The requirements of the component.
        locked: Fail instead of resolving.
        offline: Fail instead of resolving, because the network must not be used.
        progress: Called when a slow step begins.

    Raises:
        LockDriftError: The lock file must not change and lacks them.
        ToolchainError: They cannot be resolved, or do not work in a component.
    """
    found = required.locked(lock.read(root))
    if found is None and locked:
        raise LockDriftError([f"{required} are not in it, or others are"])
    if found is None:
        with Cache().lock(of_value(str(root / lock.NAME))):
            before = lock.read(root)
            found = required.locked(before)
            if found is None:
                found = _resolved(required, progress or (lambda _: None), offline=offline)
                kept = tuple(one for one in before.dependencies if one.component != found.component)
                lock.write(root, replace(before, dependencies=(*kept, found)))
    return found.distributions


def _resolved(required: ComponentRequirements, progress: Progress, *, offline: bool) -> Dependencies:
    if offline:
        message = f"{required} are not in `{lock.NAME}`, and the network must not be used: run `wasmcp lock` online"
        raise ToolchainError(message, source=required.source.label, toolchain=required.toolchain.name)
    return required.resolve(progress)


def relock(
    project: Project,
    before: lock.Lock,
    progress: Progress,
    *,
    upgrade: Iterable[str] | None = (),
    offline: bool = False,
) -> tuple[Dependencies, ...]:
    """Return the updated dependencies of a project's lock; existing pins stay, unless they are to be upgraded.

    Args:
        project: The configuration of the project.
        before: The present lock.
        progress: Called when a slow step begins.
        upgrade: The names of packages whose dependents are resolved again; None: all.
        offline: Fail instead of resolving.

    Raises:
        ToolchainError: They cannot be resolved, or do not work in a component.
    """
    again = None if upgrade is None else set(upgrade)
    found = []
    for required in project_requirements(project):
        known = required.locked(before)
        if known is None or again is None or again & {one.name for one in known.distributions}:
            known = _resolved(required, progress, offline=offline)
        found.append(known)
    return tuple(found)


def drift(project: Project) -> list[str]:
    """Return a sentence for each difference between a project's lock file and its components' requirements."""
    found, required = lock.read(project.root), project_requirements(project)
    problems = [f"{one} are not in it, or others are" for one in required if one.locked(found) is None]
    there = {(one.component, one.language) for one in found.dependencies}
    gone = there - {(one.source.name, one.toolchain.name) for one in required}
    return problems + [f"it has dependencies of component `{name}`, which has none" for name, _ in sorted(gone)]
