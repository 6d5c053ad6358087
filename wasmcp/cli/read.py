"""`wasmcp read`: read a resource of a server."""

from __future__ import annotations

from pathlib import Path

import click

from wasmcp.cli.client import Options, client_command, connected


@client_command("read")
@click.argument("uri")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the contents to this file, byte for byte.",
)
def command(options: Options, uri: str, output: Path | None) -> None:
    """Read a resource of a server, and print its contents.

    TARGET is the file of a server, an installed package, a console script, the URL of an endpoint, or a command after
    `--`. Control characters are escaped, and binary contents are described; with --output they are written unchanged.
    """
    from wasmcp.client import rendering
    from wasmcp.host.client.types import ResourceResult

    with connected(options) as client:
        result = client.request("resources/read", {"uri": uri}, progress=True)
    if output is not None:
        from wasmcp.storage.cache import write_atomically

        data = ResourceResult.from_wire(result).data
        try:
            write_atomically(output, data)
        except OSError as error:
            raise click.ClickException(f"`{output}` cannot be written: {error.strerror or error}") from None
        click.echo(f"{output}: {len(data):,} bytes", err=options.as_json)
    if options.as_json:
        click.echo(rendering.pretty(result))
    elif output is None:
        for part in result.get("contents", []):
            click.echo(rendering.contents(part) if isinstance(part, dict) else rendering.pretty(part))
