"""Errors of creating and building a project: names, configuration, WIT, toolchains and files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import ClassVar

from wasmcp.errors.root import WasmcpError


class ConfigError(WasmcpError):
    """All mistakes in ``[tool.wasmcp]``.

    Attributes:
        problems: One sentence per mistake, each beginning with its TOML path in backticks.
        path: The file's path as shown to users, or the command whose options have the mistakes.
    """

    def __init__(self, problems: Sequence[str], *, path: str = "pyproject.toml") -> None:
        self.problems = tuple(problems)
        self.path = path
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        super().__init__("\n".join([f"{count} in `{path}`:", *(f"  * {problem}" for problem in self.problems)]))


class SkillsError(WasmcpError):
    """Skills of a project that cannot be served.

    Attributes:
        problems: One sentence per mistake, each with the file in backticks.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        super().__init__("\n".join([f"{count} in the skills:", *(f"  * {problem}" for problem in self.problems)]))


class BindgenError(WasmcpError):
    """A WIT package, or an item of it, for which no bindings can be generated.

    Attributes:
        path: The WIT directory or file, or the empty string.
        item: The item's name in WIT, or the empty string.
    """

    def __init__(self, message: str, *, path: str = "", item: str = "") -> None:
        self.path = path
        self.item = item
        super().__init__(message)


class ToolchainError(WasmcpError):
    """A source that does not compile to a component.

    Attributes:
        source: The source file, relative to the project.
        toolchain: The name of the toolchain (``python``, ``zig``).
        output: The compiler's output, or the empty string.
    """

    def __init__(self, message: str, *, source: str = "", toolchain: str = "", output: str = "") -> None:
        self.source = source
        self.toolchain = toolchain
        self.output = output
        super().__init__(f"{message}\n{output.rstrip()}" if output.strip() else message)


class MissingToolchainError(ToolchainError):
    """A compiler that is not installed, or not in the version that wasmcp requires."""


class NativeCodeError(ToolchainError):
    """Packages with native modules that do not work in a component.

    Attributes:
        packages: The problems of each package, by its name; each names the file.
    """

    def __init__(self, message: str, *, source: str = "", packages: Mapping[str, Sequence[str]]) -> None:
        self.packages = {name: tuple(problems) for name, problems in packages.items()}
        super().__init__(message, source=source, toolchain="python")


class _PartsError(WasmcpError):
    """Errors of several parts of a project.

    Attributes:
        errors: The error of each part, by its name.
    """

    _part: ClassVar[str]
    _failure: ClassVar[str]

    def __init__(self, errors: Mapping[str, WasmcpError]) -> None:
        self.errors = dict(errors)
        names = ", ".join(f"`{name}`" for name in self.errors)
        texts = (f"{self._part} `{name}`: {error}" for name, error in self.errors.items())
        super().__init__("\n\n".join([f"{len(self.errors)} {self._part}s cannot be {self._failure}: {names}", *texts]))

    @classmethod
    def raise_any(cls, errors: Mapping[str, WasmcpError]) -> None:
        """Raise these errors: the only one itself, several as one. Without errors, return."""
        if len(errors) == 1:
            raise next(iter(errors.values()))
        if errors:
            raise cls(errors)


class ComponentsError(_PartsError):
    """Several components of a project that cannot be built.

    Attributes:
        errors: The error of each component, by its name.
    """

    _part, _failure = "component", "built"


class ServersError(_PartsError):
    """Several servers of a project that cannot be composed.

    Attributes:
        errors: The error of each server, by its key.
    """

    _part, _failure = "server", "composed"


class ClientConfigurationError(WasmcpError):
    """An entry of an MCP client's configuration that cannot be made or installed; nothing was written.

    Attributes:
        client: The client.
        problems: One sentence per reason.
        file: The client's file; the empty string if none was read.
    """

    def __init__(self, client: str, problems: Sequence[str], *, file: str = "") -> None:
        self.client = client
        self.problems = tuple(problems)
        self.file = file
        place = f"`{file}`" if file else f"configuration of `{client}`"
        super().__init__("\n".join([f"{place}:", *(f"  * {problem}" for problem in self.problems)]))


class UnfitServerError(WasmcpError):
    """Built servers that cannot be distributed: they are missing, out of date, or of another version.

    Attributes:
        problems: One sentence per server or reason.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        listed = "\n".join(f"  * {problem}" for problem in self.problems)
        super().__init__(f"the built servers cannot be distributed:\n{listed}\nbuild them with `hatch build`")


class CatalogueError(WasmcpError):
    """A component whose catalogue cannot be recorded: it does not start, or its lists are not valid MCP.

    Attributes:
        component: The component's name in the configuration.
        stderr: The component's output on stderr.
    """

    def __init__(self, component: str, reason: str, *, stderr: str = "") -> None:
        self.component = component
        self.stderr = stderr
        message = f"component `{component}`: {reason}"
        super().__init__(f"{message}\nits stderr:\n{stderr.rstrip()}" if stderr.strip() else message)


class WitError(WasmcpError):
    """WIT packages that cannot be written into a project.

    Attributes:
        directory: The project's WIT folder.
        files: Existing files that differ from those of wasmcp; empty for other errors.
    """

    def __init__(self, directory: os.PathLike[str], files: Sequence[os.PathLike[str]], reason: str = "") -> None:
        self.directory = directory
        self.files = tuple(files)
        listed = "\n".join(f"  * `{os.fspath(file)}`" for file in self.files)
        problem = f"these differ from those of this wasmcp:\n{listed}\nreplace them with `--force`"
        super().__init__(f"`{os.fspath(directory)}`: {reason or problem}")


class StorageError(WasmcpError):
    """A file or directory of a project or a cache that cannot be created, read, written or removed.

    Attributes:
        path: The file, or the empty string if the operating system does not name it.
        reason: The reason that the operating system gives.
    """

    def __init__(self, path: str, reason: str, advice: str = "") -> None:
        self.path = path
        self.reason = reason
        place = f"`{path}`: {reason}" if path else reason
        super().__init__(f"{place}; {advice}" if advice else place)


class MissingPackageDataError(WasmcpError):
    """A file of the wasmcp distribution that is missing.

    Attributes:
        path: The path at which it was expected.
    """

    def __init__(self, path: str, advice: str) -> None:
        self.path = path
        super().__init__(f"`{path}` is missing: {advice}")


class ScaffoldError(WasmcpError):
    """A project, or a component of one, that cannot be created; no file was changed.

    Attributes:
        name: The requested name.
        problems: One sentence per reason.
        files: Existing files that conflict, relative to the project's directory.
    """

    def __init__(self, name: str, problems: Sequence[str], *, files: Sequence[str] = ()) -> None:
        self.name = name
        self.problems = tuple(problems)
        self.files = tuple(files)
        listed = [f"  * `{file}`" for file in self.files]
        super().__init__("\n".join([*self.problems, *listed]))


class MigrationError(WasmcpError):
    """A server of another library that cannot be imported; nothing was written.

    Attributes:
        source: The file, folder or package.
    """

    def __init__(self, source: str, message: str) -> None:
        self.source = source
        super().__init__(message)


class SurfaceFileError(WasmcpError):
    """A file with the surface of a server that cannot be read or written.

    Attributes:
        path: The file.
        reason: The problem.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"`{path}` {reason}")
