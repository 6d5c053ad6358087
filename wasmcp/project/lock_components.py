"""A project's remote components and compilers against its ``wasmcp.lock``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wasmcp.errors import LockDriftError
from wasmcp.project import lock_dependencies
from wasmcp.project.component_source import source_of
from wasmcp.project.model import Project
from wasmcp.registry import lock
from wasmcp.registry.distribution_digest import installed
from wasmcp.registry.fetch_options import FetchOptions, environment_says
from wasmcp.registry.lock import Lock, Pin, ToolchainPin
from wasmcp.registry.names import namespace_policy
from wasmcp.registry.names.aliases import read_toml
from wasmcp.registry.names.component_spec import Kind, classify, split_label
from wasmcp.registry.names.name_scopes import project_registry, tool_table
from wasmcp.registry.oci import references
from wasmcp.registry.oci.blob_store import Store
from wasmcp.registry.oci.pull import obtain, pinned
from wasmcp.registry.oci.references import Package, Place
from wasmcp.registry.oci.version_resolver import Resolution, Resolver
from wasmcp.registry.signing import signatures
from wasmcp.storage.cache import Cache
from wasmcp.storage.digest import of_value

OFFLINE = "WASMCP_OFFLINE"
LOCKED = "WASMCP_LOCKED"
Reference = Package | Place


@dataclass(frozen=True)
class Change:
    """One difference between a lock and the one before.

    Attributes:
        name: The package, with its range, or the compiler.
        before: What it was; None when it is new.
        after: What it is; None when it is gone.
    """

    name: str
    before: str | None
    after: str | None


def options_for(
    root: Path, *, offline: bool = False, locked: bool = False, progress: Callable[[str], None] | None = None
) -> FetchOptions:
    """Return how a project's build fetches: as asked, or as ``WASMCP_OFFLINE`` and ``WASMCP_LOCKED`` say."""
    options = FetchOptions(
        root=root, offline=offline or environment_says(OFFLINE), locked=locked or environment_says(LOCKED)
    )
    return options if progress is None else replace(options, progress=progress)


def pin(package: str, options: FetchOptions) -> Pin:
    """Return the pin of one of a project's packages; one that is new is resolved and written into the lock.

    Raises:
        LockDriftError: It must be locked and is not.
        RegistryError: It cannot be resolved.
    """
    root, asked = _root(options), references.parse(package)
    found = lock.read(root).pin(asked)
    if found is not None:
        return found
    if options.locked:
        raise LockDriftError([f"`{asked}` is not in it"])
    with Cache().lock(of_value(str(root / lock.NAME))):
        before = lock.read(root)
        found = before.pin(asked)
        if found is None:
            options.progress(f"resolving {asked}")
            found = pin_of(_resolver(options).resolve(asked))
            keys = {lock.key_of(one) for one in wanted(root)}
            kept = tuple(one for one in before.components if (one.package, one.requirement) in keys)
            lock.write(root, replace(before, components=(*kept, found)))
    return found


def checked_pin(package: str, options: FetchOptions) -> Pin:
    """Return the pin of one of a project's packages, its signature checked where a policy asks for one.

    A plan needs no more of a package than its digest; but what is built already must not outlive a policy that came
    after it.

    Raises:
        SignatureError: It is not signed as it must be.
        RegistryError: See `pin`.
    """
    found, resolver, asked = pin(package, options), _resolver(options), references.parse(package)
    place, namespace = references.parse_place(found.source), asked.namespace if isinstance(asked, Package) else None
    if any(policy.demands(place, namespace) for policy in resolver.settings.policies):
        signatures.enforce(pinned(asked, found, resolver), resolver)
    return found


def fetch_pinned(package: str, options: FetchOptions) -> Path:
    """Return the file of one of a project's packages, as its lock pins it.

    Raises:
        RegistryError: It cannot be fetched, or is not what the lock says.
    """
    resolver, asked = _resolver(options), references.parse(package)
    return obtain(pinned(asked, pin(package, options), resolver), resolver, options)


def wanted(root: Path) -> list[Reference]:
    """Return what a project names of registries: its packages, and what its aliases and profiles stand for.

    Raises:
        ConfigError: Its aliases or profiles have mistakes.
        InvalidReferenceError: One of these is none.
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
    """Return the lock that a project should have, and what is other than before; nothing is written.

    What is pinned stays, unless it is to be upgraded.

    Args:
        root: The project's folder.
        toolchains: Distribution -> version: the compilers that it needs.
        options: How.
        upgrade: The packages to be resolved anew, without ranges; None: all.
        project: The project as configured, where the dependencies of its components are locked as well.

    Raises:
        LockDriftError: There is no such package to be upgraded.
        RegistryError: Something cannot be resolved.
        ToolchainError: A component's dependencies cannot be resolved.
    """
    before, resolver = lock.read(root), _resolver(replace(options, root=root))
    asked = wanted(root)
    again = None if upgrade is None else set(upgrade)
    packages = {one.name for needed in before.dependencies for one in needed.distributions}
    unknown = (again or set()) - {lock.key_of(one)[0] for one in asked} - set(toolchains) - packages
    if unknown:
        known = ", ".join(f"`{lock.key_of(one)[0]}`" for one in asked) or "none"
        raise LockDriftError([f"the project has no package `{name}` (it has: {known})" for name in sorted(unknown)])
    pins = []
    for one in asked:
        found = None if again is None or lock.key_of(one)[0] in again else before.pin(one)
        if found is None:
            options.progress(f"resolving {one}")
            found = pin_of(resolver.resolve(one))
        pins.append(found)
    tools = tuple(_toolchain(name, version, before.toolchain(name)) for name, version in sorted(toolchains.items()))
    needed = (
        before.dependencies
        if project is None
        else lock_dependencies.relock(project, before, options.progress, upgrade=upgrade, offline=options.offline)
    )
    after = Lock(tuple(pins), tools, needed)
    return after, _changes(before, after)


def drift(root: Path, toolchains: Mapping[str, str]) -> list[str]:
    """Return a sentence for each difference between a project's lock and what the project asks for.

    Args:
        root: The project's folder.
        toolchains: Distribution -> version: the compilers that it needs.
    """
    found = lock.read(root)
    asked = {lock.key_of(one): str(one) for one in wanted(root)}
    there = {(one.package, one.requirement) for one in found.components}
    problems = [f"`{name}` is not in it" for key, name in asked.items() if key not in there]
    problems += [
        f"`{package}@{text}` is in it, and nothing asks for it" for package, text in sorted(there - set(asked))
    ]
    for name, version in toolchains.items():
        known = found.toolchain(name)
        if known is None:
            problems.append(f"the compiler `{name}` is not in it")
        elif known.version != version:
            problems.append(f"it has `{name}` {known.version}, and {version} is what compiles")
        else:
            problems += _other_files(known)
    return problems


def toolchains(project: Project) -> dict[str, str]:
    """Return the distributions that compile a project's components, with the versions that are required of them.

    Raises:
        ToolchainError: A source cannot be read.
    """
    compiled = [one for one in project.components.values() if one.language is not None]
    found = (tools.inputs(source).pins for source, tools in (source_of(project, one) for one in compiled))
    return {name: version for pins in found for name, version in pins.items()}


def check(project: Project, toolchains: Mapping[str, str]) -> None:
    """Make sure that a project's lock is what the project asks for; see `drift`.

    Raises:
        LockDriftError: It is not.
    """
    problems = [*drift(project.root, toolchains), *lock_dependencies.drift(project)]
    if problems:
        raise LockDriftError(problems)


def pin_of(resolution: Resolution) -> Pin:
    """Return the pin of what a reference turned out to be."""
    package, requirement = lock.key_of(resolution.asked)
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
    """Compare an installed compiler; for a platform that nobody has locked it on, its version must do."""
    found = installed(known.name)
    if found is None or known.digests.get(found.tag, found.digest) == found.digest:
        return []
    return [f"`{known.name}` {known.version} is installed with other files than it says (wheel `{found.tag}`)"]


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
