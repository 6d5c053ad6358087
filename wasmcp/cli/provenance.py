"""`wasmcp provenance`: print the provenance or the bill of materials of a project's server."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("provenance")
@click.argument("server", required=False)
@click.option(
    "--project",
    "root",
    default=".",
    metavar="DIRECTORY",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The directory of pyproject.toml.",
)
@click.option("--sbom", is_flag=True, help="Print the bill of materials (CycloneDX 1.6) instead.")
def command(server: str | None, root: Path, *, sbom: bool) -> None:
    """Print the provenance of a project's server: an in-toto statement with SLSA provenance.

    It has the digests of the server, its components and the framework, the origin and grants of each component, the
    compilers, and the revision of the sources. The server is built if it is not up to date. Sign the statement with
    `wasmcp attest` or another tool for attestations.
    """
    from wasmcp.cli.progress import say
    from wasmcp.errors import MissingPackageDataError
    from wasmcp.project import ensure_built, load, manifest, provenance
    from wasmcp.project.events import lines

    path = ensure_built(root, server, progress=lines(say))
    project = load(root)
    entry = manifest.read(project.manifest)[path.stem]
    if not sbom:
        click.echo(provenance.render(path.stem, entry, provenance.checkout_of(project.root)), nl=False)
        return
    from wasmcp.component.custom_sections import license_texts

    try:
        from wasmcp.project.sbom import render

        text = render(project.name, path.stem, entry, license_texts(path.read_bytes()))
    except ModuleNotFoundError as error:
        raise MissingPackageDataError(str(error.name), "install `wasmcp[build]`") from None
    click.echo(text, nl=False)
