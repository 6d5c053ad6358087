"""`wasmcp prompt`: get a prompt of a server."""

from __future__ import annotations

import click

from wasmcp.cli.client import Options, base_arguments, client_command, connected, echo_lines


@client_command("prompt")
@click.argument("prompt")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("-a", "--arguments", "base", metavar="JSON", help="Arguments: JSON, @FILE, or - for standard input.")
def command(options: Options, prompt: str, arguments: tuple[str, ...], base: str | None) -> None:
    """Get a prompt of a server, and print its messages.

    TARGET is the file of a server, an installed package, a console script, the URL of an endpoint, or a command after
    `--`.
    """
    from wasmcp.client import rendering
    from wasmcp.client.arguments import prompt_arguments

    whole = prompt_arguments(arguments, base_arguments(base))
    with connected(options) as client:
        params = {"name": prompt, "arguments": whole} if whole else {"name": prompt}
        result = client.request("prompts/get", params, progress=True)
    if options.as_json:
        click.echo(rendering.pretty(result))
    else:
        echo_lines(rendering.messages(result))
