"""`wasmcp call`: call a tool of a server."""

from __future__ import annotations

import click

from wasmcp.cli.client import TOOL_ERROR, Options, base_arguments, client_command, connected, similar
from wasmcp.cli.progress import say


@client_command("call")
@click.argument("tool")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("-a", "--arguments", "base", metavar="JSON", help="Arguments: JSON, @FILE, or - for standard input.")
def command(options: Options, tool: str, arguments: tuple[str, ...], base: str | None) -> None:
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
