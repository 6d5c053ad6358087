"""Entries of a project in ``wasmcp.lock``: remote components, compilers, and dependencies to compile with.

A compiler is identified by the files that its wheel contained. Source: Python packaging, "Recording installed
projects", `RECORD`.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wasmcp.errors import LockDriftError, ToolchainError
from wasmcp.project.model import Project, source_of
from wasmcp.registry import FetchOptions, environment_says, lock
from wasmcp.registry.lock import Dependencies, Lock, Pin, ToolchainPin
from wasmcp.registry.names import namespace_policy
from wasmcp.registry.names.aliases import Kind, classify, project_registry, read_toml, split_label, tool_table
from wasmcp.registry.oci import references
from wasmcp.registry.oci.blob_store import Store
from wasmcp.registry.oci.manifests import Resolution, Resolver
from wasmcp.registry.oci.references import Package, Place
from wasmcp.registry.oci.transfers import obtain, pinned
from wasmcp.registry.signing import signatures
from wasmcp.storage import Cache, digest_of_value
from wasmcp.toolchains.base import ComponentSource, Distribution, Toolchain
from wasmcp.toolchains.base import Resolver as DependencyResolver

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
        assert isinstance(self.toolchain, DependencyResolver)  # noqa: S101 - see `requirements_of`
        cache = Cache().toolchain(self.toolchain.name)
        found = self.toolchain.resolve(self.source, cache=cache, progress=progress)
        return Dependencies(self.source.name, self.toolchain.name, self.requirements, found)


def requirements_of(source: ComponentSource, toolchain: Toolchain) -> ComponentRequirements | None:
    """Return the requirements of a component, or None."""
    if not isinstance(toolchain, DependencyResolver):
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


def pinned_dependencies(
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
        raise LockDriftError([f"{required} are missing in it, or differ"])
    if found is None:
        with Cache().lock(digest_of_value(str(root / lock.NAME))):
            before = lock.read(root)
            found = required.locked(before)
            if found is None:
                found = _resolved(required, progress or (lambda _: None), offline=offline)
                kept = tuple(one for one in before.dependencies if one.component != found.component)
                lock.write(root, replace(before, dependencies=(*kept, found)))
    return found.distributions


def _resolved(required: ComponentRequirements, progress: Progress, *, offline: bool) -> Dependencies:
    if offline:
        message = f"{required} are not in `{lock.NAME}`, and the build is offline: run `wasmcp lock` online"
        raise ToolchainError(message, source=required.source.label, toolchain=required.toolchain.name)
    return required.resolve(progress)


def relock_dependencies(
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


def dependency_drift(project: Project) -> list[str]:
    """Return a sentence for each difference between a project's lock file and its components' requirements."""
    found, required = lock.read(project.root), project_requirements(project)
    problems = [f"{one} are missing in it, or differ" for one in required if one.locked(found) is None]
    there = {(one.component, one.language) for one in found.dependencies}
    gone = there - {(one.source.name, one.toolchain.name) for one in required}
    return problems + [f"it has dependencies for component `{name}`, which has none" for name, _ in sorted(gone)]


OFFLINE = "WASMCP_OFFLINE"
LOCKED = "WASMCP_LOCKED"
Reference = Package | Place


@dataclass(frozen=True)
class Change:
    """Difference between two versions of a lock file.

    Attributes:
        name: The package, with its range, or the compiler.
        before: The previous entry; None for a new one.
        after: The new entry; None for a removed one.
    """

    name: str
    before: str | None
    after: str | None


def options_for(
    root: Path, *, offline: bool = False, locked: bool = False, progress: Callable[[str], None] | None = None
) -> FetchOptions:
    """Return the options for fetching in a project's build, also set by ``WASMCP_OFFLINE`` and ``WASMCP_LOCKED``."""
    options = FetchOptions(
        root=root, offline=offline or environment_says(OFFLINE), locked=locked or environment_says(LOCKED)
    )
    return options if progress is None else replace(options, progress=progress)


def pin(package: str, options: FetchOptions) -> Pin:
    """Return the pin of one of a project's packages; a new package is resolved and added to the lock file.

    Raises:
        LockDriftError: The lock file must not change and lacks the package.
        RegistryError: The package cannot be resolved.
    """
    root, reference = _root(options), references.parse(package)
    found = lock.read(root).pin(reference)
    if found is not None:
        return found
    if options.locked:
        raise LockDriftError([f"`{reference}` is not in it"])
    with Cache().lock(digest_of_value(str(root / lock.NAME))):
        before = lock.read(root)
        found = before.pin(reference)
        if found is None:
            options.progress(f"resolving {reference}")
            found = pin_of(_resolver(options).resolve(reference))
            keys = {lock.key_of(one) for one in project_references(root)}
            kept = tuple(one for one in before.components if (one.package, one.requirement) in keys)
            lock.write(root, replace(before, components=(*kept, found)))
    return found


def checked_pin(package: str, options: FetchOptions) -> Pin:
    """Return the pin of one of a project's packages, and verify its signature if a policy demands it.

    A plan needs only the digest of a package. The signature is verified nevertheless, so that an existing build is
    checked against a later policy as well.

    Raises:
        SignatureError: The package lacks a signature that the policy accepts.
        RegistryError: See `pin`.
    """
    found, resolver, reference = pin(package, options), _resolver(options), references.parse(package)
    place = references.parse_place(found.source)
    namespace = reference.namespace if isinstance(reference, Package) else None
    if any(policy.demands(place, namespace) for policy in resolver.settings.policies):
        signatures.enforce(pinned(reference, found, resolver), resolver)
    return found


def fetch_pinned(package: str, options: FetchOptions) -> Path:
    """Return the file of one of a project's packages, as pinned in the lock file.

    Raises:
        RegistryError: The file cannot be fetched, or differs from the lock file.
    """
    resolver, reference = _resolver(options), references.parse(package)
    return obtain(pinned(reference, pin(package, options), resolver), resolver, options)


def project_references(root: Path) -> list[Reference]:
    """Return the registry references of a project: its packages, and those of its aliases and profiles.

    Raises:
        ConfigError: Its aliases or profiles have mistakes.
        InvalidReferenceError: A reference is invalid.
    """
    table = tool_table(read_toml(root / "pyproject.toml"))
    components = table.get("components", {})
    tables = components.values() if isinstance(components, dict) else ()
    specs = [one["package"] for one in tables if isinstance(one, dict) and isinstance(one.get("package"), str)]
    names = project_registry(table)
    specs += names.components.values()
    specs += (split_label(spec)[1] for profile in names.profiles.values() for spec in profile.components)
    remote = (spec for spec in specs if classify(spec) in {Kind.PACKAGE, Kind.OCI})
    return [references.parse(spec) for spec in dict.fromkeys(remote)]


def relock(
    root: Path,
    toolchains: Mapping[str, str],
    options: FetchOptions,
    *,
    upgrade: Iterable[str] | None = (),
    project: Project | None = None,
) -> tuple[Lock, list[Change]]:
    """Return the updated lock of a project, and its differences from the present one; nothing is written.

    Existing pins stay, unless they are to be upgraded.

    Args:
        root: The project's folder.
        toolchains: Distribution -> version: the compilers that it needs.
        options: Options for fetching.
        upgrade: The packages to resolve again, without ranges; None: all.
        project: The configuration of the project, to lock the dependencies of its components as well.

    Raises:
        LockDriftError: A package to upgrade is unknown.
        RegistryError: A package cannot be resolved.
        ToolchainError: A component's dependencies cannot be resolved.
    """
    before, resolver = lock.read(root), _resolver(replace(options, root=root))
    required = project_references(root)
    again = None if upgrade is None else set(upgrade)
    packages = {one.name for needed in before.dependencies for one in needed.distributions}
    unknown = (again or set()) - {lock.key_of(one)[0] for one in required} - set(toolchains) - packages
    if unknown:
        known = ", ".join(f"`{lock.key_of(one)[0]}`" for one in required) or "none"
        raise LockDriftError([f"the project has no package `{name}` (it has: {known})" for name in sorted(unknown)])
    pins = []
    for one in required:
        found = None if again is None or lock.key_of(one)[0] in again else before.pin(one)
        if found is None:
            options.progress(f"resolving {one}")
            found = pin_of(resolver.resolve(one))
        pins.append(found)
    tools = tuple(_toolchain(name, version, before.toolchain(name)) for name, version in sorted(toolchains.items()))
    needed = (
        before.dependencies
        if project is None
        else relock_dependencies(project, before, options.progress, upgrade=upgrade, offline=options.offline)
    )
    after = Lock(tuple(pins), tools, needed)
    return after, _changes(before, after)


def drift(root: Path, toolchains: Mapping[str, str]) -> list[str]:
    """Return a sentence for each difference between a project's lock file and its configuration.

    Args:
        root: The project's folder.
        toolchains: Distribution -> version: the compilers that it needs.
    """
    found = lock.read(root)
    required = {lock.key_of(one): str(one) for one in project_references(root)}
    there = {(one.package, one.requirement) for one in found.components}
    problems = [f"`{name}` is not in it" for key, name in required.items() if key not in there]
    problems += [
        f"`{package}@{text}` is in it, but the project does not use it"
        for package, text in sorted(there - set(required))
    ]
    for name, version in toolchains.items():
        known = found.toolchain(name)
        if known is None:
            problems.append(f"the compiler `{name}` is not in it")
        elif known.version != version:
            problems.append(f"it has `{name}` {known.version}, but the project is compiled with {version}")
        else:
            problems += _other_files(known)
    return problems


def toolchains(project: Project) -> dict[str, str]:
    """Return the distributions that compile a project's components, with their required versions.

    Raises:
        ToolchainError: A source cannot be read.
    """
    compiled = [one for one in project.components.values() if one.language is not None]
    found = (tools.inputs(source).pins for source, tools in (source_of(project, one) for one in compiled))
    return {name: version for pins in found for name, version in pins.items()}


def check(project: Project, toolchains: Mapping[str, str]) -> None:
    """Check that a project's lock file matches its configuration; see `drift`.

    Raises:
        LockDriftError: It does not match.
    """
    problems = [*drift(project.root, toolchains), *dependency_drift(project)]
    if problems:
        raise LockDriftError(problems)


def pin_of(resolution: Resolution) -> Pin:
    """Return the pin of a resolved reference."""
    package, requirement = lock.key_of(resolution.reference)
    source = str(replace(resolution.place, tag=None, digest=None))
    artifact = resolution.artifact
    return Pin(package, requirement, resolution.version, source, artifact.digest, artifact.layer, artifact.size)


def _toolchain(name: str, version: str, before: ToolchainPin | None) -> ToolchainPin:
    digests = dict(before.digests) if before is not None and before.version == version else {}
    found = installed(name)
    if found is not None and found.version == version and found.tag:
        digests[found.tag] = found.digest
    return ToolchainPin(name, version, digests)


def _other_files(known: ToolchainPin) -> list[str]:
    """Compare an installed compiler with the lock file; on a platform without a locked digest only its version."""
    found = installed(known.name)
    if found is None or known.digests.get(found.tag, found.digest) == found.digest:
        return []
    return [f"`{known.name}` {known.version} is installed with other files than locked (wheel `{found.tag}`)"]


def _changes(before: Lock, after: Lock) -> list[Change]:
    def entries(one: Lock) -> dict[str, str]:
        pins = {f"{pin.package}@{pin.requirement}".rstrip("@"): f"{pin.version} {pin.digest}" for pin in one.components}
        needed = {
            f"{needed.component}: {item.name}": f"{item.version} {item.digest}"
            for needed in one.dependencies
            for item in needed.distributions
        }
        return {**pins, **{tool.name: tool.version for tool in one.toolchains}, **needed}

    old, new = entries(before), entries(after)
    names = dict.fromkeys([*old, *new])
    return [Change(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def _resolver(options: FetchOptions) -> Resolver:
    return Resolver(namespace_policy.load(options.root), Store(), offline=options.offline)


def _root(options: FetchOptions) -> Path:
    if options.root is None:
        raise ValueError("a project's folder is needed")
    return options.root


# Written by the installer, not part of the wheel.
_OF_THE_INSTALLER = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


@dataclass(frozen=True)
class Installed:
    """Installed distribution.

    Attributes:
        version: The distribution's version.
        tag: The first tag of its wheel; wheels for different platforms contain different files.
        digest: The digest of the names and digests of the wheel's files.
    """

    version: str
    tag: str
    digest: str


def installed(name: str) -> Installed | None:
    """Return the installed distribution of a name, or None."""
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    wheel = (found.read_text("WHEEL") or "").splitlines()
    tag = next((line.partition(":")[2].strip() for line in wheel if line.lower().startswith("tag:")), "")
    files = sorted(
        (path.as_posix(), path.hash.value)
        for path in found.files or ()
        # Files without a digest are compiled by the installer; those outside of site-packages name the interpreter.
        if path.hash is not None and path.name not in _OF_THE_INSTALLER and ".." not in path.parts
    )
    return Installed(found.version, tag, digest_of_value(files))
