"""`wasmcp dev`: serve a project while it is edited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wasmcp.cli.build import PROJECT
from wasmcp.host.configuration.command_options import count, directory, environment, limits, number
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.playground.builds import Version


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
