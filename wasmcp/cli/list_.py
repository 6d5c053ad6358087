"""`wasmcp list`: list the tools, resources and prompts of a server."""

from __future__ import annotations

import click

from wasmcp.cli.client import Options, client_command, connected, echo_lines


@client_command("list")
def command(options: Options) -> None:
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
