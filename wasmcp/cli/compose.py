"""`wasmcp compose`: compose components into servers and handlers, and report the result."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wasmcp.cli.parameters import FilePath
from wasmcp.cli.progress import Bar, say
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.compose import ComposedServer, ServerMetadata
    from wasmcp.compose.chain_plan import OnDuplicate
    from wasmcp.compose.composed_server import Protection, Runtime, Transport
    from wasmcp.compose.grant_rules import GrantRules
    from wasmcp.compose.metadata import Authorization
    from wasmcp.project.spec_components import Prepared
    from wasmcp.registry.names.aliases import Layer


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
        grants: `NAME=GRANT[,GRANT]`.
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
        require_grants: The file of the policy for grants, or None.
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
    require_grants: Path | None = None


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
    from wasmcp.registry import FetchOptions
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.names.spec_resolver import Resolver

    try:
        return Resolver(FetchOptions(root=find_project(Path.cwd()))).layers
    except ConfigError:
        return ()


_OPTIONS = (
    click.argument("specs", nargs=-1, metavar="[SPEC]...", shell_complete=_spec_names),
    click.option(
        "-p",
        "--profile",
        "profiles",
        multiple=True,
        shell_complete=_profile_names,
        help="A profile whose components come first.",
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
        metavar="NAME=GRANT[,GRANT]",
        help="Imports to grant: env, fs, sockets, http, kv, sessions; and middleware. "
        "`http:URL`, `env:NAME`, `kv:bucket:NAME` and `fs:PATH` grant a part.",
    ),
    click.option(
        "--require-grants",
        type=FilePath(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Refuse components with grants that this policy does not permit.",
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
        type=FilePath(file_okay=False, path_type=Path),
        help="Copy each package to this directory.",
    ),
    click.option("--offline", "--skip-download", "offline", is_flag=True, help="Use the cache, contact no registry."),
    click.option("--locked", is_flag=True, help="Use exactly the versions in `wasmcp.lock`."),
    click.option("--force", is_flag=True, help="Overwrite an existing output."),
    click.option(
        "--project",
        type=FilePath(exists=True, file_okay=False, path_type=Path),
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
        from wasmcp.registry import FetchOptions
        from wasmcp.registry.names.aliases import find_project
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
        from wasmcp.compose.grants import read_policy
        from wasmcp.project.spec_components import prepare

        policy = None if self.options.require_grants is None else read_policy(self.options.require_grants)
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
        prepared = [
            prepare(self._resolver, one, *granted[one.name], dynamic=one.name in self.options.dynamic) for one in found
        ]
        if policy is not None:
            policy.check(one.spec for one in prepared)
        return prepared

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
            raise click.ClickException(f"the folder `{folder}` does not exist: create it, or name another output")
        if self.output.is_dir():
            raise click.ClickException(f"`{self.output}` is a folder: name a file")
        if self.output.exists() and not self.options.force:
            raise click.ClickException(f"`{self.output}` already exists: `--force` overwrites it")


def _check_known(name: str, known: Iterable[str], option: str) -> None:
    if name not in known:
        names = ", ".join(f"`{one}`" for one in known)
        raise click.UsageError(f"{option}: unknown component `{name}`; the components are {names}")


def _grants(grants: Sequence[str], names: Iterable[str]) -> dict[str, tuple[frozenset[str], GrantRules]]:
    """Return the granted families and the rules of each component."""
    from wasmcp.compose.grant_rules import RULES

    whole: dict[str, list[str]] = {name: [] for name in names}
    limited: dict[str, dict[str, list[str]]] = {name: {} for name in whole}
    for grant in grants:
        name, separator, given = grant.partition("=")
        if not separator:
            raise click.UsageError(f"--grant: `{grant}` is not NAME=GRANT[,GRANT]")
        _check_known(name, whole, "--grant")
        for one in filter(None, map(str.strip, given.split(","))):
            family, colon, rule = one.partition(":")
            if colon and family in RULES:
                limited[name].setdefault(family, []).append(rule)
            else:
                whole[name].append(one)
    problems: list[str] = []
    granted = {}
    for name, families in whole.items():
        problems += [
            f"--grant {name}: `{family}` is granted as a whole and in part: give one of them"
            for family in limited[name]
            if family in families
        ]
        rules = _rules(name, limited[name], problems)
        granted[name] = (frozenset({*families, *limited[name]}), rules)
    if problems:
        raise click.UsageError("\n".join(problems))
    return granted


def _rules(name: str, given: Mapping[str, list[str]], problems: list[str]) -> GrantRules:
    from wasmcp.compose.grant_rules import read_rules

    return read_rules(given, lambda place, text: problems.append(f"--grant {name}: `{place}` {text}"))


def record(job: Job, composed: ComposedServer, metadata: ServerMetadata, components: Sequence[Prepared]) -> None:
    """Write the requested files next to the server: the manifest and the bill of materials."""
    from wasmcp.component.custom_sections import license_texts
    from wasmcp.file_writing import write_atomically
    from wasmcp.project import manifest
    from wasmcp.project.manifest import render_sbom, server_entry

    if job.options.manifest is None and job.options.sbom is None:
        return
    known = all(one.spec.catalogue is not None for one in components)
    entry = server_entry(job.output.name, metadata, [one.entry for one in components], composed, known=known)
    try:
        if job.options.manifest is not None:
            before = manifest.read(job.options.manifest)
            manifest.write(job.options.manifest, {**before, job.output.stem: entry})
        if job.options.sbom is not None:
            texts = license_texts(job.output.read_bytes())
            write_atomically(job.options.sbom, render_sbom(metadata.name, job.output.stem, entry, texts).encode())
    except OSError as error:
        raise click.ClickException(f"`{error.filename}` cannot be written: {error.strerror or error}") from None
    except ModuleNotFoundError:
        raise click.ClickException("`--sbom` needs `cyclonedx-python-lib`: install `wasmcp[build]`") from None


def report(  # noqa: PLR0917 - one for each part of the summary
    job: Job,
    composed: ComposedServer,
    components: Sequence[Prepared],
    replaced: Iterable[str],
    commands: Sequence[str],
    protected: Protection | None = None,
) -> None:
    """Print a summary of the composition and the command that runs it."""
    import json

    from wasmcp.compose.grants import breadth_warnings, denial_warnings
    from wasmcp.storage import digest_of_chunks

    for warning in (*denial_warnings(composed.denied), *breadth_warnings(composed.unlimited)):
        click.echo(f"warning: {printable(warning)}", err=True)
    if job.options.as_json:
        whole = {
            "output": str(job.output),
            "size": composed.size,
            "digest": digest_of_chunks(composed.chunks),
            "components": [_component_json(one, composed.denied.get(one.spec.name, ())) for one in components],
            "tools": [tool["name"] for tool in composed.tools],
            "imports": list(composed.imports),
            "exports": list(composed.exports),
            "framework": dict(composed.framework),
            "replaced": sorted(replaced),
            "run": list(commands),
            "protect": [] if protected is None else list(protected.commands),
        }
        click.echo(json.dumps(whole, indent=2))
        return
    counted = f"components: {len(components)}, known tools: {len(composed.tools)}"
    click.echo(f"{job.output}: {composed.size:,} bytes; {counted}")
    for name, refused in composed.denied.items():
        click.echo(printable(f"imported and not granted: {name}: {', '.join(refused)}"))
    if job.options.verbose:
        for one in components:
            click.echo(printable(f"  {one.spec.name}: {one.source} ({one.digest})"))
            click.echo(printable(f"    {_offered(one)}"))
        for name in sorted(replaced):
            click.echo(f"  {name}: replaced ({composed.framework[name]})")
        for name in composed.imports:
            click.echo(printable(f"  needs {name}"))
    for lead, command in zip(("run it:", *["    or:"] * len(commands)), commands, strict=False):
        click.echo(f"{lead} {command}")
    for line in () if protected is None else protected.lines():
        click.echo(line)


def _names(one: Prepared) -> dict[str, list[str]]:
    """Return the names in a component's catalogue, by kind."""
    catalogue = one.spec.catalogue
    if catalogue is None:
        return {}
    return {
        "tools": list(catalogue.names),
        "resources": [str(item["uri"]) for item in catalogue.resources],
        "templates": [str(item["uriTemplate"]) for item in catalogue.templates],
        "prompts": [str(item["name"]) for item in catalogue.prompts],
    }


def _offered(one: Prepared) -> str:
    if one.spec.catalogue is None:
        return "read at run time"
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in _names(one).items() if names) or "offers nothing"


def _component_json(one: Prepared, denied: Sequence[str]) -> dict[str, Any]:
    return {
        "name": one.spec.name,
        "source": one.source,
        "digest": one.digest,
        "grants": sorted(one.spec.grants),
        **({"rules": one.spec.rules.to_dict()} if one.spec.rules else {}),
        "denied": list(denied),
        "dynamic": one.spec.catalogue is None,
        "offers": _names(one) or None,
    }


_OUTPUT = FilePath(path_type=Path)


_SPECS = """\b
A SPEC is
  ./calc.wasm            a file
  acme:calc@^1.0         a package in a registry (with a colon)
  oci://host/repo:tag    a package at this location
  calc                   an alias, a profile or a component of the project
and NAME=SPEC names the component. Their order is the order of the chain."""


@click.group("compose", epilog=_SPECS)
def compose_command() -> None:
    """Compose a server, or a handler for use in servers, from components."""


@compose_command.command("server", epilog=_SPECS)
@shared
@click.option("-o", "--output", type=_OUTPUT, help="The output file.  [default: the profile's, or mcp-server.wasm]")
@click.option(
    "-t",
    "--transport",
    type=click.Choice(["http", "stdio"]),
    default="http",
    show_default=True,
    help="The command to print; every server has both entry points.",
)
@click.option(
    "--runtime",
    type=click.Choice(["wasmtime", "spin", "wasmcloud"]),
    default="wasmtime",
    show_default=True,
    help="The target runtime.",
)
@click.option("--name", help="The server's name.  [default: the output's name]")
@click.option("--version", default="0.0.0", show_default=True, help="The server's version.")
@click.option("--title", help="The server's display name.")
@click.option("--description", help="A description of the server.")
@click.option("--instructions", help="Instructions for the model on how to use the server.")
@click.option(
    "--extension",
    "extensions",
    multiple=True,
    metavar="ID[=JSON]",
    help="An MCP extension to announce, with its settings.  [repeatable]",
)
@click.option("--manifest", type=_OUTPUT, help="Add the server to this manifest: its lists and its components.")
@click.option("--sbom", type=_OUTPUT, help="Write the server's bill of materials (CycloneDX 1.6).")
@click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting (WASMCP_*) to bake in, such as its host names.  [repeatable]",
)
@click.option(
    "--auth",
    type=click.Choice(["operator", "required", "none"]),
    default="operator",
    show_default=True,
    help="Authorization: configured by the operator, denied until it is configured, or left out.",
)
@click.option("--environment", is_flag=True, help="Read settings (WASMCP_*) from the environment, in every runtime.")
def server(  # noqa: PLR0917 (click passes options by name)
    output: Path | None,
    transport: Transport,
    runtime: Runtime,
    name: str | None,
    version: str,
    title: str | None,
    description: str | None,
    instructions: str | None,
    extensions: tuple[str, ...],
    settings: tuple[str, ...],
    auth: Authorization,
    *,
    environment: bool,
    **given: Any,
) -> None:
    """Compose a server from components, in the order of the chain.

    The lists of a component are read from FILE.catalogue.json if it exists; otherwise the component is started once in
    the sandbox and queried.
    """
    from wasmcp.compose import ServerMetadata, compose_server
    from wasmcp.compose.composed_server import KEYVALUE, STORED_SESSIONS, check_runtime, protection, run_commands

    announced = dict(map(_extension, extensions))
    job = Job(Options(output=output, **given), "mcp-server.wasm")
    components = job.components()
    framework = job.framework()
    metadata = ServerMetadata(
        name=name or job.output.stem,
        version=version,
        title=title,
        description=description,
        instructions=instructions,
        extensions=announced,
    )
    specs = [one.spec for one in components]
    baked = dict(map(_setting, settings))
    composed = compose_server(
        specs,
        metadata,
        on_duplicate=job.options.on_duplicate,
        framework=framework,
        environment=environment,
        settings=baked,
        keyvalue=KEYVALUE[runtime],
        auth=auth,
        stored_sessions=runtime in STORED_SESSIONS,
    )
    check_runtime(runtime, composed.imports)
    job.write(composed)
    record(job, composed, metadata, components)
    commands = run_commands(runtime, transport, job.output, composed.imports)
    protected = None
    if transport == "http":
        protected = protection(
            runtime, job.output, composed.imports, auth=auth, environment=environment, settings=baked
        )
    report(job, composed, components, framework, commands, protected)


def _extension(given: str) -> tuple[str, Any]:
    from wasmcp.declaration_section import extension_problem
    from wasmcp.revision_views import from_json_text

    identifier, _, text = given.partition("=")
    try:
        settings = from_json_text(text or "{}")
    except ValueError as error:
        raise click.UsageError(f"--extension `{identifier}`: its settings are not JSON: {error}") from None
    problem = extension_problem(identifier, settings)
    if problem is not None:
        raise click.UsageError(f"--extension `{identifier}` {problem}")
    return identifier, settings


def _setting(given: str) -> tuple[str, str]:
    from wasmcp.compose.metadata import setting_problem

    name, _, value = given.partition("=")
    problem = setting_problem(name, value)
    if problem is not None:
        raise click.UsageError(f"--setting `{name}` {problem}")
    return name, value


@compose_command.command("handler", epilog=_SPECS)
@shared
@click.option("-o", "--output", type=_OUTPUT, help="The output file.  [default: the profile's, or handler.wasm]")
def handler(output: Path | None, **given: Any) -> None:
    """Compose a handler: a chain without `transport` and `method-not-found`.

    It exports `server-handler` and can be composed into servers and other handlers like any component.
    """
    from wasmcp.compose.composition import compose_handler

    job = Job(Options(output=output, **given), "handler.wasm")
    components = job.components()
    framework = job.framework()
    specs = [one.spec for one in components]
    composed = compose_handler(specs, on_duplicate=job.options.on_duplicate, framework=framework)
    job.write(composed)
    report(job, composed, components, framework, ())
