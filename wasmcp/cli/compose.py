"""`wasmcp compose`: compose components into servers and handlers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wasmcp.cli.compose_options import Job, Options, shared

if TYPE_CHECKING:
    from wasmcp.compose.deployment_targets import Runtime, Transport

_OUTPUT = click.Path(path_type=Path)


_SPECS = """\b
A SPEC is
  ./calc.wasm            a file
  acme:calc@^1.0         a package in a registry (with a colon)
  oci://host/repo:tag    a package at this location
  calc                   an alias, a profile or a component of the project
and NAME=SPEC names the component. Their order is the order of the chain."""


@click.group("compose", epilog=_SPECS)
def command() -> None:
    """Compose a server, or a handler for use in servers, from components."""


@command.command("server", epilog=_SPECS)
@shared
@click.option("-o", "--output", type=_OUTPUT, help="The output file.  [default: the profile's, or mcp-server.wasm]")
@click.option(
    "-t",
    "--transport",
    type=click.Choice(["http", "stdio"]),
    default="http",
    show_default=True,
    help="The command to print; every server has both entry points.",
)
@click.option(
    "--runtime",
    type=click.Choice(["wasmtime", "spin", "wasmcloud"]),
    default="wasmtime",
    show_default=True,
    help="The target runtime.",
)
@click.option("--name", help="The server's name.  [default: the output's name]")
@click.option("--version", default="0.0.0", show_default=True, help="The server's version.")
@click.option("--title", help="The server's display name.")
@click.option("--description", help="A description of the server.")
@click.option("--instructions", help="Instructions for the model on how to use the server.")
@click.option(
    "--extension",
    "extensions",
    multiple=True,
    metavar="ID[=JSON]",
    help="An MCP extension to announce, with its settings.  [repeatable]",
)
@click.option("--manifest", type=_OUTPUT, help="Add the server to this manifest: its lists and its components.")
@click.option("--sbom", type=_OUTPUT, help="Write the server's bill of materials (CycloneDX 1.6).")
@click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting (WASMCP_*) to bake in, such as its host names.  [repeatable]",
)
@click.option("--environment", is_flag=True, help="Read settings (WASMCP_*) from the environment, in every runtime.")
def server(  # noqa: PLR0917 (click passes options by name)
    output: Path | None,
    transport: Transport,
    runtime: Runtime,
    name: str | None,
    version: str,
    title: str | None,
    description: str | None,
    instructions: str | None,
    extensions: tuple[str, ...],
    settings: tuple[str, ...],
    *,
    environment: bool,
    **given: Any,
) -> None:
    """Compose a server from components, in the order of the chain.

    The lists of a component are read from FILE.catalogue.json if it exists; otherwise the component is started once in
    the sandbox and queried.
    """
    from wasmcp.cli.compose_report import record, report
    from wasmcp.compose import ServerMetadata, compose_server
    from wasmcp.compose.deployment_targets import KEYVALUE, check_runtime, run_commands

    announced = dict(map(_extension, extensions))
    job = Job(Options(output=output, **given), "mcp-server.wasm")
    components = job.components()
    framework = job.framework()
    metadata = ServerMetadata(
        name=name or job.output.stem,
        version=version,
        title=title,
        description=description,
        instructions=instructions,
        extensions=announced,
    )
    specs = [one.spec for one in components]
    composed = compose_server(
        specs,
        metadata,
        on_duplicate=job.options.on_duplicate,
        framework=framework,
        environment=environment,
        settings=dict(map(_setting, settings)),
        keyvalue=KEYVALUE[runtime],
    )
    check_runtime(runtime, composed.imports)
    job.write(composed)
    record(job, composed, metadata, components)
    commands = run_commands(runtime, transport, job.output, composed.imports)
    report(job, composed, components, framework, commands)


def _extension(given: str) -> tuple[str, Any]:
    from wasmcp.declaration_section import extension_problem
    from wasmcp.revision_views import from_json_text

    identifier, _, text = given.partition("=")
    try:
        settings = from_json_text(text or "{}")
    except ValueError as error:
        raise click.UsageError(f"--extension `{identifier}`: its settings are not JSON: {error}") from None
    problem = extension_problem(identifier, settings)
    if problem is not None:
        raise click.UsageError(f"--extension `{identifier}` {problem}")
    return identifier, settings


def _setting(given: str) -> tuple[str, str]:
    from wasmcp.compose.baked_settings import setting_problem

    name, _, value = given.partition("=")
    problem = setting_problem(name, value)
    if problem is not None:
        raise click.UsageError(f"--setting `{name}` {problem}")
    return name, value


@command.command("handler", epilog=_SPECS)
@shared
@click.option("-o", "--output", type=_OUTPUT, help="The output file.  [default: the profile's, or handler.wasm]")
def handler(output: Path | None, **given: Any) -> None:
    """Compose a handler: a chain without transport and end.

    It exports `server-handler` and can be composed into servers and other handlers like any component.
    """
    from wasmcp.cli.compose_report import report
    from wasmcp.compose.handler import compose_handler

    job = Job(Options(output=output, **given), "handler.wasm")
    components = job.components()
    framework = job.framework()
    specs = [one.spec for one in components]
    composed = compose_handler(specs, on_duplicate=job.options.on_duplicate, framework=framework)
    job.write(composed)
    report(job, composed, components, framework, ())
