"""`wasmcp serve`: serve over HTTP."""

from __future__ import annotations

import os
from dataclasses import replace

import click

from wasmcp.host.configuration.command_options import count, directory, environment, limits, number
from wasmcp.host.configuration.declared import Given, complete
from wasmcp.host.transports.stdio_server import published

_COUNT = click.IntRange(1, 1_000_000)


@click.command("serve")
@click.argument("server")
@click.option("--name", default="default", show_default=True, help="The server's name in the package.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="The port; 0 for any.")
@click.option("--env", "variables", multiple=True, metavar="KEY[=VALUE]", help="Pass an environment variable.")
@click.option("--dir", "folders", multiple=True, metavar="HOST[:GUEST[:ro]]", help="Grant access to a directory.")
@click.option("--timeout", type=number, metavar="SECONDS", help="Time limit of a request.  [default: 60]")
@click.option("--memory", type=count, metavar="MIB", help="Memory limit of each component.  [default: 1024]")
@click.option("--instances", type=count, metavar="N", help="Concurrent requests.  [default: as useful]")
@click.option("--keyvalue", metavar="URL", help="Key-value store: memory: or sqlite:PATH.  [default: memory:]")
@click.option("--connections", type=_COUNT, metavar="N", help="Limit of connections.  [default: 1000 at most]")
@click.option("--sessions", type=_COUNT, metavar="N", help="Limit of sessions.  [default: 10000]")
@click.option("--streams", type=_COUNT, metavar="N", help="Limit of notification streams.  [default: 250]")
def command(  # noqa: PLR0917 - click passes by name
    server: str,
    name: str,
    host: str,
    port: int,
    variables: tuple[str, ...],
    folders: tuple[str, ...],
    timeout: float | None,
    memory: int | None,
    instances: int | None,
    keyvalue: str | None,
    **counts: int | None,
) -> None:
    """Serve over HTTP at /mcp, with uvicorn (the extra `serve`).

    SERVER is the file of a composed server, or an import package that ships one. A file gets only the environment
    variables and directories given here; an installed package also gets those declared in
    [tool.wasmcp.servers.NAME].
    """
    from wasmcp.host.transports.uvicorn_server import serve

    try:
        bounds, env = limits(timeout, memory), environment(variables)
        given_counts = {name: count for name, count in counts.items() if count is not None}
        bounds = replace(bounds, http=replace(bounds.http, **given_counts))
        given = Given(env, [directory(item) for item in folders], keyvalue)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    whole = complete(published(server, name), given, os.environ)
    serve(
        server,
        name,
        host=host,
        port=port,
        limits=bounds,
        instances=instances,
        env=whole.env,
        directories=whole.directories,
        keyvalue=whole.keyvalue,
    )
