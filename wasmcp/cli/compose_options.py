"""Options shared by `wasmcp compose server` and `wasmcp compose handler`, and their processing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wasmcp.cli.progress import Bar, say

if TYPE_CHECKING:
    from wasmcp.compose import ComposedServer
    from wasmcp.compose.chain_plan import OnDuplicate
    from wasmcp.project.spec_components import Prepared
    from wasmcp.registry.names.name_scopes import Layer

_Command = TypeVar("_Command", bound=Callable[..., Any])
_OVERRIDE = re.compile(r"([a-z][a-z0-9-]*)=(.+)")


@dataclass(frozen=True)
class Options:
    """Values of the shared options, as given.

    Attributes:
        specs: Specs of the components to compose.
        output: The output file, or None.
        profiles: Profiles whose components come first.
        overrides: `COMPONENT=SPEC`, for framework components.
        grants: `NAME=FAMILY[,FAMILY]`.
        dynamic: Names of components whose lists are read at run time.
        on_duplicate: The policy for duplicate tool names.
        deps_dir: A directory for copies of fetched components.
        offline: Do not contact registries.
        locked: Use exactly the versions in the lock file.
        force: Overwrite an existing output.
        verbose: Print the origin of each component.
        as_json: Print JSON.
        project: The project whose names apply; by default the nearest one.
        manifest: The manifest's file, or None.
        sbom: The file of the bill of materials, or None.
    """

    specs: tuple[str, ...]
    output: Path | None
    profiles: tuple[str, ...]
    overrides: tuple[str, ...]
    grants: tuple[str, ...]
    dynamic: tuple[str, ...]
    on_duplicate: OnDuplicate
    deps_dir: Path | None
    offline: bool
    locked: bool
    force: bool
    verbose: bool
    as_json: bool
    project: Path | None
    manifest: Path | None = None
    sbom: Path | None = None


def _profile_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [name for layer in _layers() for name in layer.registry.profiles if name.startswith(incomplete)]


def _spec_names(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[str | click.shell_completion.CompletionItem]:
    known = [name for layer in _layers() for name in layer.names() if name.startswith(incomplete)]
    files = click.shell_completion.CompletionItem(incomplete, type="file")
    return [*known, files]


def _layers() -> Sequence[Layer]:
    """Return candidates for shell completion; empty on errors, which the command itself will report."""
    from wasmcp.errors import ConfigError
    from wasmcp.registry.fetch_options import FetchOptions
    from wasmcp.registry.names.name_scopes import find_project
    from wasmcp.registry.names.spec_resolver import Resolver

    try:
        return Resolver(FetchOptions(root=find_project(Path.cwd()))).layers
    except ConfigError:
        return ()


_OPTIONS = (
    click.argument("specs", nargs=-1, metavar="[SPEC]...", shell_complete=_spec_names),
    click.option(
        "-p", "--profile", "profiles", multiple=True, shell_complete=_profile_names, help="Put its components first."
    ),
    click.option(
        "--override",
        "overrides",
        multiple=True,
        metavar="COMPONENT=SPEC",
        help="Replace a framework component: transport, server-io...",
    ),
    click.option(
        "--grant",
        "grants",
        multiple=True,
        metavar="NAME=FAMILY[,FAMILY]",
        help="Imports to grant: env, fs, sockets, http, kv, sessions; and middleware.",
    ),
    click.option(
        "--dynamic",
        multiple=True,
        metavar="NAME",
        help="Read the component's lists at run time (needs the grant middleware).",
    ),
    click.option(
        "--on-duplicate",
        type=click.Choice(["error", "first"]),
        default="error",
        show_default=True,
        help="How to handle duplicate tool names.",
    ),
    click.option(
        "--deps-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Copy each package to this directory.",
    ),
    click.option("--offline", "--skip-download", "offline", is_flag=True, help="Use the cache, contact no registry."),
    click.option("--locked", is_flag=True, help="Use exactly the versions in `wasmcp.lock`."),
    click.option("--force", is_flag=True, help="Overwrite an existing output."),
    click.option(
        "--project",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="DIRECTORY",
        help="The project whose names and lock apply.  [default: the nearest project]",
    ),
    click.option("-v", "--verbose", is_flag=True, help="Print the origin of each component."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
)


def shared(command: _Command) -> _Command:
    """Add the shared options to a command."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


class Job:
    """A composition from the command line: resolved specs, validated names, validated output."""

    def __init__(self, options: Options, default_output: str) -> None:
        from wasmcp.registry.fetch_options import FetchOptions
        from wasmcp.registry.names.name_scopes import find_project
        from wasmcp.registry.names.spec_resolver import Resolver

        self.options = options
        root = options.project.absolute() if options.project is not None else find_project(Path.cwd())
        fetching = FetchOptions(
            root=root,
            offline=options.offline,
            locked=options.locked,
            deps_dir=options.deps_dir,
            progress=say,
            bar=Bar(),
        )
        self._resolver = Resolver(fetching)
        self._requests, profile_output = self._resolver.expand(options.specs, options.profiles)
        if not self._requests:
            raise click.UsageError("nothing to compose: name at least one component, or a profile")
        self.output = options.output or profile_output or Path(default_output)
        self._check_output(make=options.output is None and profile_output is not None)

    def components(self) -> list[Prepared]:
        """Resolve, fetch and read the components, in the order of the chain."""
        from wasmcp.project.spec_components import prepare

        found = self._resolver.resolve_all(self._requests)
        names = [one.name for one in found]
        for name in names:
            if names.count(name) > 1:
                raise click.UsageError(f"two components have the same name, `{name}`: give them others with NAME=SPEC")
        granted = _grants(self.options.grants, names)
        for asked in self.options.dynamic:
            _check_known(asked, names, "--dynamic")
        for one in found:
            if one.path is not None and self.output.exists() and one.path.samefile(self.output):
                raise click.UsageError(f"`{self.output}` is one of the components: name another output")
        return [
            prepare(self._resolver, one, grants=granted[one.name], dynamic=one.name in self.options.dynamic)
            for one in found
        ]

    def framework(self) -> dict[str, bytes | Path]:
        """Resolve the components that replace framework components."""
        from wasmcp.package_data import FRAMEWORK_COMPONENTS
        from wasmcp.project.spec_components import build
        from wasmcp.registry.names.spec_resolver import Request
        from wasmcp.toolchains.base import did_you_mean

        found: dict[str, bytes | Path] = {}
        for override in self.options.overrides:
            match = _OVERRIDE.fullmatch(override)
            if match is None:
                raise click.UsageError(f"--override: `{override}` is not COMPONENT=SPEC")
            name, spec = match.groups()
            if name not in FRAMEWORK_COMPONENTS:
                known = did_you_mean(name, FRAMEWORK_COMPONENTS)
                raise click.UsageError(f"--override: the framework has no component `{name}`{known}")
            resolved = self._resolver.resolve(Request(spec, Path.cwd(), name))
            found[name] = build(self._resolver, resolved).data if resolved.path is None else resolved.path
        return found

    def write(self, composed: ComposedServer) -> None:
        """Write the result atomically."""
        try:
            composed.write(self.output)
        except OSError as error:
            raise click.ClickException(f"`{self.output}` cannot be written: {error.strerror or error}") from None

    def _check_output(self, *, make: bool) -> None:
        """Fail early if the output cannot be written."""
        folder = self.output.parent
        try:
            if make:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.ClickException(f"the folder `{folder}` cannot be made: {error.strerror or error}") from None
        if not folder.is_dir():
            raise click.ClickException(f"the folder `{folder}` is not there: make it, or name another output")
        if self.output.is_dir():
            raise click.ClickException(f"`{self.output}` is a folder: name a file")
        if self.output.exists() and not self.options.force:
            raise click.ClickException(f"`{self.output}` is there already: `--force` writes over it")


def _check_known(name: str, known: Iterable[str], option: str) -> None:
    if name not in known:
        names = ", ".join(f"`{one}`" for one in known)
        raise click.UsageError(f"{option}: unknown component `{name}`; the components are {names}")


def _grants(grants: Sequence[str], names: Iterable[str]) -> dict[str, frozenset[str]]:
    granted: dict[str, frozenset[str]] = dict.fromkeys(names, frozenset())
    for grant in grants:
        name, separator, families = grant.partition("=")
        if not separator:
            raise click.UsageError(f"--grant: `{grant}` is not NAME=FAMILY[,FAMILY]")
        _check_known(name, granted, "--grant")
        granted[name] |= {family.strip() for family in families.split(",") if family.strip()}
    return granted
