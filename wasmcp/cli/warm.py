"""`wasmcp warm`: compile servers ahead of their first start, for instance while an image is built."""

from __future__ import annotations

import click


@click.command("warm")
@click.argument("servers", nargs=-1, required=True, metavar="SERVER...")
def command(servers: tuple[str, ...]) -> None:
    """Compile servers ahead of their first start.

    SERVER is a composed server's file, or an import package that ships one or several. The compiled form goes into
    the user's cache (WASMCP_CACHE_DIR), for this version of wasmtime and this kind of processor.
    """
    from wasmcp.host.engine import compile_cache
    from wasmcp.host.transports.stdio_server import find_servers

    for name in servers:
        for path in find_servers(name):
            compiled: list[bool] = []
            compile_cache.load(path, on_compile=lambda compiled=compiled: compiled.append(True))  # type: ignore[misc]
            click.echo(f"{path}: {'compiled' if compiled else 'was compiled before'}")
