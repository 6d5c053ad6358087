"""`wasmcp serve`: serve over HTTP."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from wasmcp.cli.parameters import FilePath
from wasmcp.host.configuration.command_options import check_instances, count, directory, environment, limits, number
from wasmcp.host.configuration.declared import REUSES, Given, complete, operator_store
from wasmcp.host.configuration.settings import SEALED, SESSIONS
from wasmcp.host.operations.rate_limits import CLIENTS, RateLimits
from wasmcp.host.transports.stdio_server import published, server_name

_PATH = FilePath(path_type=Path)
_COUNT = click.IntRange(1, 1_000_000)


@click.command("serve")
@click.argument("server")
@click.option("--name", help="The server's name in the package.  [default: default]")
@click.option("--host", metavar="ADDRESS", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 for any.  [default: 8000]")
@click.option("--unix", "unix_socket", type=_PATH, metavar="PATH", help="Listen on a Unix socket instead.")
@click.option("--unix-mode", "socket_mode", metavar="MODE", help="Permissions of that socket, octal.  [default: 600]")
@click.option("--tls-cert", "tls_certificate", type=_PATH, metavar="FILE", help="Certificate and chain, in PEM.")
@click.option("--tls-key", type=_PATH, metavar="FILE", help="Private key in PEM, if not with the certificate.")
@click.option("--path", metavar="PATH", help="Path of the endpoint.  [default: /mcp]")
@click.option("--root-path", metavar="PREFIX", help="Prefix that a proxy passes on.")
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="NETWORK",
    help="Proxies whose X-Forwarded-* fields are used.",
)
@click.option("--workers", type=count, metavar="N", help="Number of processes.  [default: 1]")
@click.option("--watch", is_flag=True, help="Reload when the file changes, as at SIGHUP.")
@click.option(
    "--rate-limit",
    "rate_limits",
    multiple=True,
    metavar="KIND=RATE",
    help="Rate limit of each client: requests=60/minute.",
)
@click.option(
    "--rate-limit-by", type=click.Choice(CLIENTS), help="Property that distinguishes clients.  [default: address]"
)
@click.option("--access-log", type=_PATH, metavar="FILE", help="Append a line for each request.")
@click.option("--audit-log", type=_PATH, metavar="FILE", help="Append a JSON object for each message.")
@click.option("--audit-arguments", is_flag=True, help="Include arguments in the audit log.")
@click.option("--metrics", metavar="[HOST:]PORT", help="Serve metrics for Prometheus at this address.")
@click.option("--traces/--no-traces", default=None, help="Export traces with OpenTelemetry.  [default: by OTEL_*]")
@click.option("--env", "variables", multiple=True, metavar="KEY[=VALUE]", help="Pass an environment variable.")
@click.option("--dir", "folders", multiple=True, metavar="HOST[:GUEST[:ro]]", help="Grant access to a directory.")
@click.option("--timeout", type=number, metavar="SECONDS", help="Time limit of a request.  [default: 60]")
@click.option("--memory", type=count, metavar="MIB", help="Memory limit of each component.  [default: 1024]")
@click.option("--instances", type=count, metavar="N", help="Concurrent requests.  [default: by load]")
@click.option(
    "--reuse",
    type=click.Choice(REUSES),
    help="Lifetime of an instance: the process, or one request.  [default: process]",
)
@click.option("--keyvalue", metavar="URL", help="Key-value store: memory:, sqlite:PATH or redis://HOST.")
@click.option("--connections", type=_COUNT, metavar="N", help="Limit of connections.  [default: 1000 at most]")
@click.option("--sessions", type=_COUNT, metavar="N", help="Limit of sessions.  [default: 10000]")
@click.option("--streams", type=_COUNT, metavar="N", help="Limit of notification streams.  [default: 250]")
@click.option("--task-runs", type=count, metavar="N", help="Tasks that run at a time.  [default: 2 for each core]")
@click.option("-v", "--verbose", is_flag=True, help="Log details, such as the bound of instances.")
def serve_command(  # noqa: PLR0917 - click passes by name
    server: str,
    name: str | None,
    variables: tuple[str, ...],
    folders: tuple[str, ...],
    timeout: float | None,
    memory: int | None,
    instances: int | None,
    keyvalue: str | None,
    connections: int | None,
    sessions: int | None,
    streams: int | None,
    task_runs: int | None,
    socket_mode: str | None,
    metrics: str | None,
    rate_limits: tuple[str, ...],
    rate_limit_by: str | None,
    reuse: str | None,
    verbose: bool,
    **given_options: Any,
) -> None:
    """Serve over HTTP at /mcp (the extra `serve`).

    GET /healthz answers 200 as long as the process handles requests, /readyz as long as requests can be processed.
    SIGHUP loads the file again.

    SERVER is the file of a composed server, or an import package that ships one. A file gets only the environment
    variables and directories given here; an installed package also gets those declared in
    [tool.wasmcp.servers.NAME].
    """
    from wasmcp.host.transports.http_options import HttpOptions
    from wasmcp.host.transports.http_server import serve

    try:
        bounds, env = limits(timeout, memory), environment(variables)
        counts = {"connections": connections, "sessions": sessions, "streams": streams}
        bounds = replace(bounds, task_runs=task_runs, http=replace(bounds.http, **_given(counts)))
        options = HttpOptions(
            **_given({**given_options, "socket_mode": _mode(socket_mode), "metrics": _address(metrics)})
        )
        given = Given(env, [directory(item) for item in folders], operator_store(keyvalue, os.environ))
        RateLimits().with_options(rate_limits)
        check_instances(instances)
        _check_unix(given_options, socket_mode)
        _check_sessions(sessions, given_options["workers"], os.environ)
        chosen = server_name(server, name)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    declared = published(server, chosen)
    rates = declared.configuration.limits.with_options(rate_limits, rate_limit_by)
    if rate_limit_by is not None and not rates:
        raise click.UsageError("--rate-limit-by needs a rate limit, and the server has none: give --rate-limit, too")
    whole = complete(declared, given, os.environ)
    serve(
        server,
        chosen,
        options=options,
        limits=bounds,
        instances=instances,
        env=whole.env,
        directories=whole.directories,
        keyvalue=whole.keyvalue,
        rates=rates,
        reuse=reuse,
        verbose=verbose,
    )


def _check_unix(options: dict[str, Any], mode: str | None) -> None:
    """Check the options of addresses, also those with the values that are the defaults.

    Raises:
        ValueError: An option has no effect.
    """
    is_unix = options["unix_socket"] is not None
    if is_unix and (options["host"] is not None or options["port"] is not None):
        raise ValueError("--unix listens on a Unix socket instead of --host and --port: leave them out")
    if not is_unix and mode is not None:
        raise ValueError("--unix-mode sets the permissions of a Unix socket: give --unix, or leave it out")
    for proxy in options["trusted_proxies"]:
        if (proxy == "unix") != is_unix:
            has = "a Unix socket, whose peers have no addresses" if is_unix else "an address"
            raise ValueError(f"--trusted-proxy {proxy} has no effect: the server listens on {has}")


def _check_sessions(most: int | None, workers: int | None, environment: Mapping[str, str]) -> None:
    """Check that the process keeps the sessions whose number is limited.

    Raises:
        ValueError: Sessions are off, or their ids carry them.
    """
    if most is None:
        return
    mode = environment.get(SESSIONS, "").strip().lower()
    if workers is not None and workers > 1:
        reason = "with several workers their ids carry them"
    elif mode in {SEALED, "false"}:
        reason = f"{SESSIONS} is `{mode}`"
    else:
        return
    raise ValueError(f"--sessions has no effect, because the process keeps no sessions: {reason}; leave it out")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that have a value."""
    return {name: value for name, value in options.items() if value is not None}


def _mode(text: str | None) -> int | None:
    """Parse permissions in octal digits.

    Raises:
        ValueError: The text is not octal.
    """
    if text is not None and not (text.isascii() and text.isdigit() and len(text) <= 4 and set(text) <= set("01234567")):
        raise ValueError(f"--unix-mode must be permissions in octal digits such as 660, not `{text}`")
    return None if text is None else int(text, 8)


def _address(text: str | None) -> tuple[str, int] | None:
    """Parse `PORT` or `HOST:PORT`.

    Raises:
        ValueError: The text has another form.
    """
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and len(port) <= 5):
        raise ValueError(f"--metrics must be PORT or HOST:PORT, not `{text}`")
    return host.strip("[]") or "127.0.0.1", int(port)
