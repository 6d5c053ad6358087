"""`wasmcp registry`: aliases of components and profiles of servers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

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
    from wasmcp.registry.names import alias_edits

    registry = alias_edits.add_component(alias, spec)
    click.echo(f"{alias} = {registry.components[alias]}")


@component.command("remove")
@click.argument("alias", shell_complete=_alias_names)
def remove_component(alias: str) -> None:
    """Remove an alias."""
    from wasmcp.registry.names import alias_edits

    alias_edits.remove_component(alias)
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
    from wasmcp.registry.names import alias_edits

    if not components and base is None:
        raise click.UsageError("a profile without a base needs at least one component")
    registry = alias_edits.add_profile(name, components, output=output, base=base)
    _print(_profile_entry(name, registry.profiles[name]))


@profile.command("remove")
@click.argument("name", shell_complete=_profile_names)
def remove_profile(name: str) -> None:
    """Remove a profile; servers composed from it stay."""
    from wasmcp.registry.names import alias_edits

    alias_edits.remove_profile(name)
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
        missing = "" if config_path().exists() else " (not there yet)"
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
