"""`wasmcp search`: list the packages of registries."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("search")
@click.argument("words", nargs=-1, metavar="[WORD...]")
@click.option("--namespace", help="Search only this namespace.  [default: all configured namespaces]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(words: tuple[str, ...], namespace: str | None, *, as_json: bool) -> None:
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
