"""`wasmcp pull`, `push`, `search`, `versions` and `yank`: packages in registries."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("pull")
@click.argument("references", nargs=-1, required=True, metavar="REFERENCE...")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Copy it to this file (one REFERENCE only)."
)
@click.option(
    "--deps-dir", type=click.Path(file_okay=False, path_type=Path), help="Copy it to this directory, under its name."
)
@click.option("--offline", is_flag=True, help="Use the cache, contact no registry.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def pull_command(
    references: tuple[str, ...], output: Path | None, deps_dir: Path | None, *, offline: bool, as_json: bool
) -> None:
    """Pull components from registries into the user's cache.

    REFERENCE is `ns:name`, optionally with `@1.2.3` or a range such as `@^1.2`, or `oci://host/repository`, with `:tag`
    or `@sha256:...`. Prints the path of each file.
    """
    from wasmcp.cli.progress import Bar, say
    from wasmcp.registry.fetch_options import FetchOptions
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci.blob_store import writing
    from wasmcp.registry.oci.pull import fetch
    from wasmcp.storage.cache import write_atomically

    if output is not None and len(references) > 1:
        raise click.UsageError("--output is for one REFERENCE; use --deps-dir for several")
    options = FetchOptions(root=find_project(Path.cwd()), offline=offline, deps_dir=deps_dir, progress=say, bar=Bar())
    for reference in references:
        fetched = fetch(reference, options)
        path = fetched.path
        if output is not None:
            with writing(output):
                write_atomically(output, path.read_bytes())
            path = output
        if as_json:
            entry = {"reference": fetched.reference, "digest": fetched.digest, "path": str(path)}
            click.echo(json.dumps(entry))
        else:
            click.echo(path)


@click.command("push")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("reference")
@click.option("--annotation", "annotations", multiple=True, metavar="KEY=VALUE", help="An annotation.  [repeatable]")
@click.option("--licence", metavar="SPDX", help="Its licence, e.g. Apache-2.0.")
@click.option("--source", metavar="URL", help="The URL of its sources.  [default: from git]")
@click.option("--revision", help="The revision of its sources.  [default: from git]")
@click.option("--description", help="A description.")
@click.option(
    "--sign", "key", metavar="KEY", type=click.Path(dir_okay=False, path_type=Path), help="Sign it with a private key."
)
@click.option("--sign-keyless", "keyless", is_flag=True, help="Sign it with the identity of the CI job.")
@click.option("--no-catalogue", is_flag=True, help="Attach no catalogue: for lists that change at run time.")
@click.option("--force", is_flag=True, help="Replace an existing version with different content.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def push_command(  # noqa: PLR0917 (click passes options by name)
    file: Path,
    reference: str,
    annotations: tuple[str, ...],
    licence: str | None,
    source: str | None,
    revision: str | None,
    description: str | None,
    key: Path | None,
    *,
    keyless: bool,
    no_catalogue: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Push a component or a composed server to a registry.

    REFERENCE is `ns:name@1.2.3` or `oci://host/repository:tag`. The artifact has the CNCF's format for WebAssembly,
    which other tools read. It is started in the sandbox and its catalogue is attached, so that composing it need not
    start it again. The key's password is read from WASMCP_KEY_PASSWORD.
    """
    from wasmcp.cli.progress import say
    from wasmcp.distribution.publishing import Publication, publish
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci import push
    from wasmcp.registry.signing.keys import password

    more = {}
    for annotation in annotations:
        name, separator, value = annotation.partition("=")
        if not separator or not name:
            raise click.UsageError(f"--annotation: `{annotation}` is not KEY=VALUE")
        more[name] = value
    publication = Publication(
        facts={"source": source, "revision": revision, "licenses": licence, "description": description},
        annotations=more,
        catalogue=not no_catalogue,
        key=key,
        password=password(),
        keyless=keyless,
        force=force,
    )
    pushed = publish(file, reference, push.resolver_for(find_project(Path.cwd())), publication, say)
    if as_json:
        found = {"reference": pushed.place, "digest": pushed.digest, "signatures": pushed.signatures}
        click.echo(json.dumps(found))
    else:
        click.echo(pushed.place)


@click.command("search")
@click.argument("words", nargs=-1, metavar="[WORD...]")
@click.option("--namespace", help="Search only this namespace.  [default: all configured namespaces]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def search_command(words: tuple[str, ...], namespace: str | None, *, as_json: bool) -> None:
    """List the packages of the configured namespaces whose names contain all WORDs.

    Requests each registry's list of repositories. Many public registries, such as GitHub's, do not have one; these are
    reported on standard error.
    """
    from wasmcp.errors import RegistryError
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci import push
    from wasmcp.terminal import printable

    resolver = push.resolver_for(find_project(Path.cwd()))
    places = resolver.settings.namespaces
    if namespace is not None and namespace not in places:
        raise click.UsageError(f"--namespace: `{namespace}` is not configured, only {', '.join(sorted(places))}")
    listed: dict[str, list[str]] = {}
    found, failed = [], []
    for name in sorted(places) if namespace is None else [namespace]:
        host, _, prefix = places[name].partition("/")
        try:
            if host not in listed:
                listed[host] = resolver.client(host).repositories()
        except RegistryError as error:
            failed.append(f"{name}: {host} does not list its repositories: {error}")
            continue
        start = f"{prefix}/" if prefix else ""
        inside = [one.removeprefix(start) for one in listed[host] if one.startswith(start)]
        found += [f"{name}:{one}" for one in inside if "/" not in one and all(word in one for word in words)]
    if as_json:
        click.echo(json.dumps(found))
    else:
        for one in found:
            click.echo(printable(one))
    for line in failed:
        click.echo(line, err=True)
    if failed and len(failed) == len(places if namespace is None else [namespace]):
        raise click.exceptions.Exit(1)


@click.command("versions")
@click.argument("reference")
@click.option("--offline", is_flag=True, help="List cached versions, contact no registry.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def versions_command(reference: str, *, offline: bool, as_json: bool) -> None:
    """List the versions of a package, highest first.

    REFERENCE is `ns:name`, optionally with a range such as `@^1.2` to filter, or `oci://host/repository`.
    """
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci import push, references
    from wasmcp.registry.oci.references import Package

    resolver = push.resolver_for(find_project(Path.cwd()), offline=offline)
    asked = references.parse(reference)
    place = resolver.settings.place(asked) if isinstance(asked, Package) else asked
    found = resolver.versions(place, reference)
    versions = asked.range.choose(found) if isinstance(asked, Package) and asked.range.text else sorted(found)[::-1]
    if as_json:
        click.echo(json.dumps([str(version) for version in versions]))
    else:
        for version in versions:
            click.echo(version)


@click.command("yank")
@click.argument("reference")
@click.option("--reason", default="", help="The reason, shown to users of the version.")
@click.option("--undo", is_flag=True, help="Restore the version.")
def yank_command(reference: str, reason: str, *, undo: bool) -> None:
    """Mark a version as withdrawn.

    Ranges no longer select it. Projects that have locked it still get it, by its digest.
    """
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci import push

    resolver = push.resolver_for(find_project(Path.cwd()))
    push.yank(reference, resolver, None if undo else reason or "no reason was given")
    click.echo(f"{reference} is {'back' if undo else 'withdrawn'}")
