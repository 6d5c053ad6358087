"""`wasmcp compose`: a server out of component files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wasmcp.compose import Catalogue, ComponentSpec

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?==)")


@click.group("compose")
def command() -> None:
    """Compose a server from components."""


@command.command("server")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The server's file."
)
@click.option("--name", help="The server's name.  [default: the output's name]")
@click.option("--version", default="0.0.0", show_default=True, help="The server's version.")
@click.option("--title", help="The server's name for people.")
@click.option("--description", help="What the server is.")
@click.option("--instructions", help="How the server is to be used, for the model.")
@click.option(
    "--grant",
    "grants",
    multiple=True,
    metavar="NAME=FAMILY[,FAMILY]",
    help="What a component may use: env, fs, http...",
)
@click.option("--dynamic", multiple=True, metavar="NAME", help="Ask this component at run time what it offers.")
@click.option(
    "--on-duplicate",
    type=click.Choice(["error", "first"]),
    default="error",
    show_default=True,
    help="What two tools of one name are.",
)
def server(  # noqa: PLR0917 (click passes options by name)
    specs: Sequence[str],
    output: Path,
    name: str | None,
    version: str,
    title: str | None,
    description: str | None,
    instructions: str | None,
    grants: Sequence[str],
    dynamic: Sequence[str],
    on_duplicate: str,
) -> None:
    """Compose a server of components, in the order of the chain.

    SPEC is a component's file, or NAME=FILE. What a component offers is read from FILE.catalogue.json where that is
    there; otherwise the component is booted once in the sandbox and asked.
    """
    from wasmcp.compose import ServerMetadata, compose_server

    files = dict(_named(spec) for spec in specs)
    if len(files) < len(specs):
        raise click.UsageError("two components have the same name: give them others with NAME=FILE")
    granted = _grants(grants, files)
    for asked in dynamic:
        _check_known(asked, files, "--dynamic")
    components = [_component(label, path, granted[label], label in dynamic) for label, path in files.items()]
    metadata = ServerMetadata(
        name=name or output.stem, version=version, title=title, description=description, instructions=instructions
    )
    composed = compose_server(components, metadata, on_duplicate="first" if on_duplicate == "first" else "error")
    try:
        composed.write(output)
    except OSError as error:
        raise click.ClickException(f"`{output}` cannot be written: {error.strerror or error}") from None
    click.echo(f"{output}: {composed.size:,} bytes; components: {len(files)}, known tools: {len(composed.tools)}")


def _named(spec: str) -> tuple[str, Path]:
    match = _NAME.match(spec)
    if match is None:
        path = Path(spec)
        return path.stem, path
    return match[0], Path(spec[match.end() + 1 :])


def _check_known(name: str, known: Iterable[str], option: str) -> None:
    if name not in known:
        names = ", ".join(f"`{one}`" for one in known)
        raise click.UsageError(f"{option}: there is no component `{name}`, only {names}")


def _grants(grants: Sequence[str], files: Iterable[str]) -> dict[str, frozenset[str]]:
    granted: dict[str, frozenset[str]] = dict.fromkeys(files, frozenset())
    for grant in grants:
        name, separator, families = grant.partition("=")
        if not separator:
            raise click.UsageError(f"--grant: `{grant}` is not NAME=FAMILY[,FAMILY]")
        _check_known(name, granted, "--grant")
        granted[name] |= {family.strip() for family in families.split(",") if family.strip()}
    return granted


def _component(name: str, path: Path, grants: frozenset[str], dynamic: bool) -> ComponentSpec:
    from wasmcp.compose import ComponentSpec

    try:
        data = path.read_bytes()
    except OSError as error:
        raise click.ClickException(f"component `{name}`: `{path}` cannot be read: {error.strerror or error}") from None
    catalogue = None if dynamic else _catalogue(name, path, data)
    return ComponentSpec(name, data, catalogue, grants, dynamic)


def _catalogue(name: str, path: Path, data: bytes) -> Catalogue | None:
    """Return what a component offers; None for one that offers no tools of its own."""
    from wasmcp.compose import Catalogue
    from wasmcp.compose.components import ComponentSpec, read_component
    from wasmcp.compose.contracts import SERVER_HANDLER
    from wasmcp.errors import CatalogueError

    sidecar = path.with_name(f"{path.name}.catalogue.json")
    if sidecar.is_file():
        catalogue = Catalogue.from_json(sidecar.read_bytes(), source=name)
        if catalogue.digest not in ("", f"sha256:{sha256(data).hexdigest()}"):
            raise CatalogueError(name, f"`{sidecar.name}` was recorded for another component: delete it")
        return catalogue
    if SERVER_HANDLER in read_component(ComponentSpec(name, data)).offers:
        return None
    from wasmcp.project.catalogue import boot

    return Catalogue(boot(name, data))
