"""`wasmcp warm`: compile servers before their first start, for instance while a container image is built."""

from __future__ import annotations

import click


@click.command("warm")
@click.argument("servers", nargs=-1, required=True, metavar="SERVER...")
def command(servers: tuple[str, ...]) -> None:
    """Compile servers before their first start.

    SERVER is the file of a composed server, or an import package that ships servers. The result is stored in the
    user's cache (WASMCP_CACHE_DIR), for this version of wasmtime and this kind of processor.
    """
    from wasmcp.host.engine import compile_cache
    from wasmcp.host.transports.stdio_server import find_servers

    for name in servers:
        for path in find_servers(name):
            compiled: list[bool] = []
            compile_cache.load(path, on_compile=lambda compiled=compiled: compiled.append(True))  # type: ignore[misc]
            click.echo(f"{path}: {'compiled' if compiled else 'was compiled before'}")
