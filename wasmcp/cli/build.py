"""`wasmcp build`, `dev`, `lock` and `provenance`: servers of a project, their sources, and their statements."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wasmcp.cli.parameters import FilePath
from wasmcp.host.configuration.command_options import count, directory, environment, limits, number
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.playground.serving import Version
    from wasmcp.project import Project
    from wasmcp.registry import FetchOptions
    from wasmcp.registry.lock import Lock

PROJECT = click.option(
    "--project",
    "root",
    default=".",
    metavar="DIRECTORY",
    type=FilePath(exists=True, file_okay=False, path_type=Path),
    help="The directory of pyproject.toml.",
)
"""Option of the commands that build a project."""


@click.command("build")
@click.argument("servers", nargs=-1, metavar="[SERVER...]")
@PROJECT
@click.option("--force", is_flag=True, help="Compose servers even if nothing changed.")
@click.option("--locked", is_flag=True, help="Fail if wasmcp.lock is not up to date.")
@click.option("--offline", is_flag=True, help="Use cached remote components, contact no registry.")
@click.option("-v", "--verbose", is_flag=True, help="Show output of modules while components are built.")
@click.option(
    "--components",
    "folder",
    metavar="DIRECTORY",
    type=FilePath(file_okay=False, path_type=Path),
    help="Write components and their catalogues to this directory, instead of servers.",
)
def build_command(
    servers: tuple[str, ...],
    root: Path,
    *,
    force: bool,
    locked: bool,
    offline: bool,
    verbose: bool,
    folder: Path | None,
) -> None:
    """Build the servers of a project that changed.

    SERVER is a table in `[tool.wasmcp.servers]`; by default all are built. Compiled components are stored in the user's
    cache (WASMCP_CACHE_DIR). Prints the path of each server; progress goes to standard error.
    """
    from wasmcp.cli.progress import Steps
    from wasmcp.errors import ConfigError
    from wasmcp.project import build, load, plan, resolve
    from wasmcp.toolchains.base import did_you_mean

    project = load(root)
    if folder is not None:
        if servers:
            raise click.UsageError("--components writes all components of the project: leave out SERVER")
        _write_components(project, folder, _fetching(project, locked=locked, offline=offline), verbose=verbose)
        return
    unknown = [name for name in servers if name not in project.servers]
    if unknown:
        problem = "`tool.wasmcp.servers` has no server `{}`{}"
        raise ConfigError([problem.format(name, did_you_mean(name, project.servers)) for name in unknown])
    planned = plan(resolve(project, fetching=_fetching(project, locked=locked, offline=offline)))
    with Steps(verbose=verbose) as steps:
        paths = build(planned, servers=servers or None, progress=steps, force=force)
    for path in paths:
        click.echo(path)
    for step in planned.servers.values():
        for line in step.protected_run() if step.output in paths else ():
            click.echo(printable(line), err=True)


def _write_components(project: Project, folder: Path, fetching: FetchOptions | None, *, verbose: bool) -> None:
    from wasmcp.cli.progress import Steps
    from wasmcp.file_writing import write_atomically
    from wasmcp.project.build_steps import build_component

    for name in project.components:
        with Steps(verbose=verbose) as steps:
            built = build_component(project, name, progress=steps, fetching=fetching)
        path = folder / f"{name}.wasm"
        sidecar = path.with_name(f"{path.name}.catalogue.json")
        try:
            sidecar.unlink(missing_ok=True)  # of an earlier build
            write_atomically(path, built.data)
            if built.catalogue is not None:
                write_atomically(sidecar, built.catalogue.to_json().encode())
        except OSError as error:
            raise click.ClickException(f"`{path}` cannot be written: {error.strerror or error}") from None
        click.echo(path)


def _fetching(project: Project, *, locked: bool, offline: bool) -> FetchOptions | None:
    """Return the options for fetching remote components; None without remote components, to avoid the import."""
    remote = any(one.package or one.options.get("dependencies") for one in project.components.values())
    if not locked and not offline and not remote:
        return None
    from wasmcp.cli.progress import Bar, say
    from wasmcp.project.lock_entries import options_for

    return replace(options_for(project.root, locked=locked, offline=offline, progress=say), bar=Bar())


@click.command("lock")
@PROJECT
@click.option("--upgrade", "names", multiple=True, metavar="NAME", help="Upgrade this package.  [repeatable]")
@click.option("--upgrade-all", is_flag=True, help="Upgrade all packages.")
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if the lock is not up to date.")
@click.option("--offline", is_flag=True, help="Use cached versions, contact no registry.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def lock_command(
    root: Path, names: tuple[str, ...], *, upgrade_all: bool, check: bool, offline: bool, as_json: bool
) -> None:
    """Write `wasmcp.lock`: the project's remote components, compilers and dependencies, by digest.

    Pinned versions stay, unless they are upgraded or the project's requirements change. Commit the file.
    """
    from wasmcp.cli.progress import say
    from wasmcp.project import load, lock_entries
    from wasmcp.registry import lock

    project = load(root)
    toolchains = lock_entries.toolchains(project)
    if check:
        lock_entries.check(project, toolchains)
        return
    options = lock_entries.options_for(project.root, offline=offline, progress=say)
    upgrade = None if upgrade_all else names
    after, changes = lock_entries.relock(project.root, toolchains, options, upgrade=upgrade, project=project)
    lock.write(project.root, after)
    if as_json:
        click.echo(json.dumps([{"name": one.name, "before": one.before, "after": one.after} for one in changes]))
        return
    for one in changes:
        click.echo(f"{one.name}: {one.before or 'new'} -> {one.after or 'removed'}")
    click.echo(f"{lock.NAME}: {len(after.components)} components, {len(after.toolchains)} compilers{_packages(after)}")


def _packages(after: Lock) -> str:
    count = sum(len(needed.distributions) for needed in after.dependencies)
    return f", {count} packages of components" if count else ""


@click.command("provenance")
@click.argument("server", required=False)
@PROJECT
@click.option("--sbom", is_flag=True, help="Print the bill of materials (CycloneDX 1.6) instead.")
def provenance_command(server: str | None, root: Path, *, sbom: bool) -> None:
    """Print the provenance of a project's server: an in-toto statement with SLSA provenance.

    It has the digests of the server, its components and the framework, the origin and grants of each component, the
    compilers, and the revision of the sources. The server is built if it is not up to date. Sign the statement with
    `wasmcp attest` or another tool for attestations.
    """
    from wasmcp.cli.progress import say
    from wasmcp.errors import MissingPackageDataError
    from wasmcp.project import ensure_built, load, manifest, provenance
    from wasmcp.project.events import lines

    path = ensure_built(root, server, progress=lines(say))
    project = load(root)
    entry = manifest.read(project.manifest)[path.stem]
    if not sbom:
        click.echo(provenance.render(path.stem, entry, provenance.checkout_of(project.root)), nl=False)
        return
    from wasmcp.component.custom_sections import license_texts

    try:
        from wasmcp.project.manifest import render_sbom

        text = render_sbom(project.name, path.stem, entry, license_texts(path.read_bytes()))
    except ModuleNotFoundError as error:
        raise MissingPackageDataError(str(error.name), "install `wasmcp[build]`") from None
    click.echo(text, nl=False)


@click.command("dev")
@click.argument("server", required=False)
@PROJECT
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, help="The port; 0 for any.  [default: 8000]")
@click.option("--no-playground", is_flag=True, help="Serve the endpoint only.")
@click.option("--env", "variables", multiple=True, metavar="KEY[=VALUE]", help="Pass an environment variable.")
@click.option("--dir", "folders", multiple=True, metavar="HOST[:GUEST[:ro]]", help="Grant access to a directory.")
@click.option("--keyvalue", metavar="URL", help="Key-value store: memory:, sqlite:PATH or redis://HOST.")
@click.option("--timeout", type=number, metavar="SECONDS", help="Time limit of a request.  [default: 60]")
@click.option("--memory", type=count, metavar="MIB", help="Memory limit of each component.  [default: 1024]")
@click.option("--traces/--no-traces", default=None, help="Export traces with OpenTelemetry.  [default: by OTEL_*]")
@click.option("-v", "--verbose", is_flag=True, help="Show output of modules while components are built.")
def dev_command(  # noqa: PLR0917 - click passes by name
    server: str | None,
    root: Path,
    host: str,
    port: int,
    variables: tuple[str, ...],
    folders: tuple[str, ...],
    keyvalue: str | None,
    timeout: float | None,
    memory: int | None,
    *,
    traces: bool | None,
    no_playground: bool,
    verbose: bool,
) -> None:
    """Serve a project over HTTP, rebuild and reload it when its files change, with a playground at /.

    SERVER is a table in `[tool.wasmcp.servers]`. Edits of Python modules need no build. Sessions, streams and stored
    values are kept; if a version has errors, they are printed, and the previous version is still served.
    """
    from wasmcp.cli.progress import Steps
    from wasmcp.host.configuration.declared import Given
    from wasmcp.playground.serving import DevelopmentOptions, Reports, serve_project

    try:
        given = Given(environment(variables), [directory(item) for item in folders], keyvalue)
        bounds = limits(timeout, memory)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    options = DevelopmentOptions(host, port, given, bounds, has_page=not no_playground, traces=traces)
    with Steps(verbose=verbose) as steps:
        reports = Reports(lambda url: _listening(url, options.host, page=options.has_page), _started, _version, steps)
        serve_project(root, server, options, reports)


def _listening(url: str, host: str, *, page: bool) -> None:
    click.echo(f"endpoint: {url}/mcp", err=True)
    if page:
        click.echo(f"playground: {url}/", err=True)
    if not host.startswith("127.") and host not in {"localhost", "::1"}:
        click.echo("warning: other machines can call the tools and read all messages", err=True)


def _started(files: tuple[str, ...]) -> None:
    if files:
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        click.echo(f"changed: {', '.join(printable(name) for name in files[:3])}{more}", err=True)


def _version(version: Version) -> None:
    if version.error:
        click.secho(printable(version.error, keep="\n\t"), fg="red", err=True)
        goes_on = f"version {version.serving} is still served" if version.serving else "nothing is served yet"
        click.echo(f"version {version.number} has errors: {goes_on}", err=True)
    else:
        click.echo(f"version {version.number} is served ({version.seconds:.2f} s)", err=True)
