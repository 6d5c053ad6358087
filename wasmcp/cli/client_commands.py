"""`wasmcp list`, `call`, `read` and `prompt`: requests to a server."""

from __future__ import annotations

from pathlib import Path

import click

from wasmcp.cli.client import TOOL_ERROR, Options, base_arguments, client_command, connected, echo_lines, similar
from wasmcp.cli.progress import say


@client_command("list")
def list_command(options: Options) -> None:
    """List the tools, resources, resource templates and prompts of a server.

    TARGET is the file of a server, an installed package, a console script, the URL of an endpoint, or a command after
    `--`: wasmcp list -- npx -y @modelcontextprotocol/server-everything
    """
    from wasmcp.client import rendering
    from wasmcp.errors import RequestError
    from wasmcp.protocol import CODES, LISTS

    with connected(options) as client:
        found = {}
        for one in LISTS:
            if one.capability not in client.capabilities:
                continue
            try:
                found[one.kind] = client.list_all(one.method, one.member)
            except RequestError as error:
                if error.code != CODES["method_not_found"]:  # resources without templates
                    raise
        server, revision, instructions = client.server, client.revision, client.instructions
        capabilities = client.capabilities
    if options.as_json:
        document = {
            "target": options.target.shown,
            "protocol": revision,
            "server": server,
            "capabilities": capabilities,
            "instructions": instructions,
            **{one.kind: found.get(one.kind, []) for one in LISTS},
        }
        click.echo(rendering.pretty(document))
    else:
        echo_lines(rendering.lists(server, revision, found))


@client_command("call")
@click.argument("tool")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("-a", "--arguments", "base", metavar="JSON", help="Arguments: JSON, @FILE, or - for standard input.")
def call_command(options: Options, tool: str, arguments: tuple[str, ...], base: str | None) -> None:
    """Call a tool of a server, and print its result.

    TARGET is the file of a server, an installed package, a console script, the URL of an endpoint, or a command after
    `--`: wasmcp call echo message=hello -- npx -y @modelcontextprotocol/server-everything

    NAME=VALUE has the type that the tool's schema gives NAME; arrays and objects are JSON, and a NAME of an array can
    be repeated.
    """
    from wasmcp.client import rendering
    from wasmcp.client.arguments import tool_arguments
    from wasmcp.errors import RequestError

    given = base_arguments(base)
    with connected(options) as client:
        tools = {str(one.get("name")): one for one in client.list_all("tools/list", "tools")}
        schema = tools[tool].get("inputSchema") if tool in tools else None
        whole = tool_arguments(arguments, given, schema)
        hint = "" if tool in tools else similar(tool, list(tools))
        try:
            result = client.request("tools/call", {"name": tool, "arguments": whole}, progress=True)
        except RequestError:
            if hint:
                say(hint)
            raise
    is_error = result.get("isError") is True
    if is_error and hint:
        say(hint)
    if options.as_json:
        click.echo(rendering.pretty(result))
    else:
        for text in rendering.blocks(result):
            click.echo(text, err=is_error)
    if is_error:
        raise SystemExit(TOOL_ERROR)


@client_command("read")
@click.argument("uri")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the contents to this file, byte for byte.",
)
def read_command(options: Options, uri: str, output: Path | None) -> None:
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


@client_command("prompt")
@click.argument("prompt")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("-a", "--arguments", "base", metavar="JSON", help="Arguments: JSON, @FILE, or - for standard input.")
def prompt_command(options: Options, prompt: str, arguments: tuple[str, ...], base: str | None) -> None:
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
