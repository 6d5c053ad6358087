"""Commands of registries: aliases and profiles, packages, and their signatures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from wasmcp.cli.parameters import FilePath
from wasmcp.errors import ConfigError

if TYPE_CHECKING:
    from wasmcp.registry.names.aliases import Profile, Registry

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("registry")
def registry_command() -> None:
    """Manage aliases of components and profiles of servers.

    They are stored in `config.toml` in the user's configuration directory, in the format of the Rust tool, so that both
    can share them. Those of a project, in `[tool.wasmcp]`, take precedence.
    """


@registry_command.group("component")
def component() -> None:
    """Manage aliases: short names of components."""


@registry_command.group("profile")
def profile() -> None:
    """Manage profiles: lists of components to compose."""


def _alias_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in _known().components if name.startswith(incomplete)]


def _profile_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in _known().profiles if name.startswith(incomplete)]


def _known() -> Registry:
    """Return candidates for shell completion; empty on errors, which the command itself will report."""
    from wasmcp.registry.names.aliases import Registry, read_registry

    try:
        return read_registry()
    except ConfigError:
        return Registry()


@component.command("add")
@click.argument("alias")
@click.argument("spec")
def add_component(alias: str, spec: str) -> None:
    """Add or replace an alias of a component.

    SPEC is a file, `ns:name@version`, `oci://host/repository`, or another alias.
    """
    from wasmcp.registry.names import aliases

    registry = aliases.add_component(alias, spec)
    click.echo(f"{alias} = {registry.components[alias]}")


@component.command("remove")
@click.argument("alias", shell_complete=_alias_names)
def remove_component(alias: str) -> None:
    """Remove an alias."""
    from wasmcp.registry.names import aliases

    aliases.remove_component(alias)
    click.echo(f"removed the alias {alias}")


@component.command("list")
@_JSON
def list_components(*, as_json: bool) -> None:
    """List the aliases."""
    registry = _read()
    if as_json:
        _print_json(dict(registry.components))
    else:
        _print(_component_lines(registry))


@profile.command("add")
@click.argument("name")
@click.argument("components", nargs=-1, metavar="[SPEC]...")
@click.option("-o", "--output", help="The server's file; without a path, in `composed/`.  [default: NAME.wasm]")
@click.option("-b", "--base", shell_complete=_profile_names, help="A profile whose components come first.")
def add_profile(name: str, components: Sequence[str], output: str | None, base: str | None) -> None:
    """Add or replace a profile: a list of components."""
    from wasmcp.registry.names import aliases

    if not components and base is None:
        raise click.UsageError("a profile without a base needs at least one component")
    registry = aliases.add_profile(name, components, output=output, base=base)
    _print(_profile_entry(name, registry.profiles[name]))


@profile.command("remove")
@click.argument("name", shell_complete=_profile_names)
def remove_profile(name: str) -> None:
    """Remove a profile; servers composed from it stay."""
    from wasmcp.registry.names import aliases

    aliases.remove_profile(name)
    click.echo(f"removed the profile {name}")


@profile.command("list")
@_JSON
def list_profiles(*, as_json: bool) -> None:
    """List the profiles."""
    registry = _read()
    if as_json:
        _print_json(_profiles_json(registry))
    else:
        _print(_profile_lines(registry))


@registry_command.command("info")
@click.option("-c", "--components", is_flag=True, help="Show only aliases.")
@click.option("-p", "--profiles", is_flag=True, help="Show only profiles.")
@_JSON
def info(*, components: bool, profiles: bool, as_json: bool) -> None:
    """Show the configuration file, its aliases and profiles, and problems."""
    from wasmcp.registry.names.aliases import composed_directory, config_path, problems

    if components and profiles:
        raise click.UsageError("--components and --profiles exclude each other")
    registry = _read(warn=False)
    wrong = problems(registry)
    if as_json:
        whole = {
            "config": str(config_path()),
            "composed": str(composed_directory()),
            "components": dict(registry.components),
            "profiles": _profiles_json(registry),
            "problems": wrong,
        }
        left_out = {"profiles"} if components else {"components"} if profiles else set()
        _print_json({key: value for key, value in whole.items() if key not in left_out})
        return
    if not components and not profiles:
        missing = "" if config_path().exists() else " (does not exist yet)"
        click.echo(f"configuration: {config_path()}{missing}")
        click.echo(f"composed servers: {composed_directory()}")
    if not profiles:
        _print(_component_lines(registry))
    if not components:
        _print(_profile_lines(registry))
    _warn(wrong)


def _read(*, warn: bool = True) -> Registry:
    from wasmcp.registry.names.aliases import problems, read_registry

    registry = read_registry()
    if warn:
        _warn(problems(registry))
    return registry


def _warn(problems: Iterable[str]) -> None:
    for problem in problems:
        click.echo(f"{click.style('warning', fg='yellow')}: {problem}", err=True)


def _component_lines(registry: Registry) -> Iterator[str]:
    yield f"aliases: {len(registry.components) or 'none'}"
    width = max(map(len, registry.components), default=0)
    for name, spec in registry.components.items():
        yield f"  {name:<{width}}  {spec}"


def _profile_lines(registry: Registry) -> Iterator[str]:
    yield f"profiles: {len(registry.profiles) or 'none'}"
    for name, entry in registry.profiles.items():
        yield from (f"  {line}" for line in _profile_entry(name, entry))


def _profile_entry(name: str, entry: Profile) -> Iterator[str]:
    base = [f"all of {entry.base}"] if entry.base else []
    yield f"{name} = {', '.join([*base, *entry.components])}"
    yield f"  output: {entry.path}"


def _profiles_json(registry: Registry) -> dict[str, Any]:
    return {
        name: {"base": entry.base, "components": list(entry.components), "output": str(entry.path)}
        for name, entry in registry.profiles.items()
    }


def _print(lines: Iterable[str]) -> None:
    click.echo("\n".join(lines))


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2))


@click.command("pull")
@click.argument("references", nargs=-1, required=True, metavar="REFERENCE...")
@click.option(
    "-o", "--output", type=FilePath(dir_okay=False, path_type=Path), help="Copy it to this file (one REFERENCE only)."
)
@click.option(
    "--deps-dir", type=FilePath(file_okay=False, path_type=Path), help="Copy it to this directory, under its name."
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
    from wasmcp.file_writing import write_atomically
    from wasmcp.registry import FetchOptions
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci.blob_store import writing
    from wasmcp.registry.oci.transfers import fetch

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
@click.argument("file", type=FilePath(exists=True, dir_okay=False, path_type=Path))
@click.argument("reference")
@click.option("--annotation", "annotations", multiple=True, metavar="KEY=VALUE", help="An annotation.  [repeatable]")
@click.option("--licence", metavar="SPDX", help="Its licence, e.g. Apache-2.0.")
@click.option("--source", metavar="URL", help="The URL of its sources.  [default: from git]")
@click.option("--revision", help="The revision of its sources.  [default: from git]")
@click.option("--description", help="A description.")
@click.option(
    "--sign", "key", metavar="KEY", type=FilePath(dir_okay=False, path_type=Path), help="Sign it with a private key."
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
    from wasmcp.registry.oci import transfers
    from wasmcp.registry.signing.signers import password

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
    pushed = publish(file, reference, transfers.resolver_for(find_project(Path.cwd())), publication, say)
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
    from wasmcp.registry.oci import transfers
    from wasmcp.terminal import printable

    resolver = transfers.resolver_for(find_project(Path.cwd()))
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
    from wasmcp.registry.oci import references, transfers
    from wasmcp.registry.oci.references import Package

    resolver = transfers.resolver_for(find_project(Path.cwd()), offline=offline)
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
    from wasmcp.registry.oci import transfers

    resolver = transfers.resolver_for(find_project(Path.cwd()))
    transfers.yank(reference, resolver, None if undo else reason or "no reason was given")
    click.echo(f"{reference} is {'restored' if undo else 'withdrawn'}")


def signer(key: Path | None, *, keyless: bool) -> None:
    """Check that exactly one of `--key` and `--keyless` is given."""
    if (key is None) != keyless:
        raise click.UsageError("pass either `--key FILE` or `--keyless`")


@click.command("sign")
@click.argument("reference")
@click.option("--key", type=FilePath(dir_okay=False, path_type=Path), help="The private key.")
@click.option("--keyless", is_flag=True, help="Sign with the identity of the CI job.")
def sign_command(reference: str, key: Path | None, *, keyless: bool) -> None:
    """Sign a component in a registry, as cosign does, and attach the signature to it.

    The key is ECDSA on P-256 in PEM, as OpenSSL or `cosign generate-key-pair` writes it. Its password is read from
    WASMCP_KEY_PASSWORD (or COSIGN_PASSWORD).

    With --keyless, Sigstore certifies the identity that the CI provides (or SIGSTORE_ID_TOKEN), and records it in a
    public log.
    """
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci import references, transfers
    from wasmcp.registry.signing import signatures
    from wasmcp.registry.signing.signers import password

    signer(key, keyless=keyless)
    resolver = transfers.resolver_for(find_project(Path.cwd()))
    resolution = resolver.resolve(references.parse(reference))
    if key is None:
        tag = signatures.sign_by_identity(resolution.place, resolver)
    else:
        tag = signatures.sign(resolution.place, key, password(), resolver)
    click.echo(f"signed {resolution.exact} ({tag})")


@click.command("attest")
@click.argument("reference")
@click.option("--key", type=FilePath(dir_okay=False, path_type=Path), help="The private key.")
@click.option("--keyless", is_flag=True, help="Sign with the identity of the CI job.")
@click.option(
    "--statement",
    required=True,
    type=click.File("rb"),
    help="An in-toto statement, such as the output of `wasmcp provenance`; `-` for standard input.",
)
def attest_command(reference: str, key: Path | None, statement: BinaryIO, *, keyless: bool) -> None:
    """Sign a statement about a component in a registry, as cosign does, and attach it to the component.

    The key's password is read from WASMCP_KEY_PASSWORD (or COSIGN_PASSWORD). For --keyless see `wasmcp sign`.
    `wasmcp verify --attestation` verifies the statement.
    """
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.oci import references, transfers
    from wasmcp.registry.signing import signatures
    from wasmcp.registry.signing.signers import password

    signer(key, keyless=keyless)
    resolver = transfers.resolver_for(find_project(Path.cwd()))
    resolution = resolver.resolve(references.parse(reference))
    tag = signatures.attest(resolution.place, statement.read(), key, password(), resolver)
    click.echo(f"attested {resolution.exact} ({tag})")


@click.command("verify")
@click.argument("reference")
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=FilePath(dir_okay=False, path_type=Path),
    help="A trusted public key.  [repeatable]  [default: those of the policies]",
)
@click.option(
    "--identity",
    metavar="WHO",
    help="A trusted identity: an e-mail address or a URI; `*` matches any characters.",
)
@click.option("--issuer", metavar="URL", help="The identity provider of --identity.")
@click.option(
    "--trusted-root",
    type=FilePath(exists=True, dir_okay=False, path_type=Path),
    help="A root of trust to use instead of the public Sigstore instance.",
)
@click.option("--attestation", is_flag=True, help="Verify and print attestations instead, one per line.")
def verify_command(
    reference: str,
    keys: tuple[Path, ...],
    identity: str | None,
    issuer: str | None,
    trusted_root: Path | None,
    *,
    attestation: bool,
) -> None:
    """Verify that a component in a registry has a trusted signature; exit with 1 if not.

    --key and --identity select the trusted signers; by default those of the policies.
    """
    import json

    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.names.namespace_policy import Trust, merged
    from wasmcp.registry.oci import references, transfers
    from wasmcp.registry.signing import signatures
    from wasmcp.registry.signing.signers import Identity

    if (identity is None) != (issuer is None):
        raise click.UsageError(
            "--identity and --issuer must be given together: names are unique only within a provider"
        )
    resolver = transfers.resolver_for(find_project(Path.cwd()))
    asked = references.parse(reference)
    resolution = resolver.resolve(asked)
    namespace = asked.namespace if isinstance(asked, references.Package) else None
    named = Trust(keys, (Identity(identity, issuer),) if identity and issuer else (), trusted_root)
    trust = named or merged(
        one for policy in resolver.settings.policies for one in policy.trusts(resolution.place, namespace)
    )
    if attestation:
        for statement in signatures.verify_attestations(resolution.place, trust, resolver):
            click.echo(json.dumps(statement))
        return
    who = signatures.verify(resolution, trust, resolver)
    click.echo(f"{resolution.exact} is signed by {who}")
