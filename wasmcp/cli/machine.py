"""`wasmcp cache`, `doctor` and `warm`: caches, tools and compiled servers of this machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from wasmcp.host.configuration.command_options import number


@click.group("cache")
def cache_command() -> None:
    """Show and prune the caches: components from registries, and compiled code."""


@cache_command.command("info")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(*, as_json: bool) -> None:
    """Show the location and size of the caches."""
    from wasmcp.storage.cache import caches

    found = caches()
    if as_json:
        entries = {one.name: {"path": str(one.path), "files": one.files, "bytes": one.size} for one in found}
        click.echo(json.dumps(entries))
        return
    for one in found:
        click.echo(f"{one.name:<12} {one.files:>7,} files {one.size / 1024:>12,.0f} KB  {one.path}")


@cache_command.command("prune")
@click.option("--days", default="30", show_default=True, help="Remove files unused for this many days.", type=number)
@click.option("--all", "everything", is_flag=True, help="Remove everything.")
def prune(days: float, *, everything: bool) -> None:
    """Remove components and compiled code that were not used recently."""
    from wasmcp.storage.cache import prune as prune_caches

    if days < 0:
        raise click.UsageError(f"--days must be 0 or more, not {days:g}")
    size, files = 0, 0
    for one in prune_caches(0.0 if everything else days):
        size, files = size + one.size, files + one.files
    click.echo(f"removed {files:,} files, {size / 1024:,.0f} KB")


_EXIT_CODES = """\b
Exit codes: 0 no problem (notes do not count), 1 a problem was found, 2 wrong usage."""
_MARKS = {"ok": ("✓", "green"), "note": ("○", "yellow"), "problem": ("✗", "red")}


@click.command("doctor", epilog=_EXIT_CODES)
@click.option(
    "--project",
    "root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="The project to check.  [default: the nearest project]",
)
@click.option("--offline", is_flag=True, help="Contact no registry.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor_command(ctx: click.Context, root: Path | None, *, offline: bool, as_json: bool) -> None:
    """Check compilers, caches, configuration and registries, and show how to fix what is missing."""
    from wasmcp.insight.doctor import PROBLEM, examine
    from wasmcp.registry.names.aliases import find_project

    root = root.absolute() if root is not None else find_project(Path.cwd())
    found = []
    group = ""
    for finding in examine(root, offline=offline):
        found.append(finding)
        if as_json:
            continue
        if finding.group != group:
            group = finding.group
            click.echo(f"{group}:")
        mark, color = _MARKS[finding.status]
        mark = mark if _can_print(mark) else finding.status
        click.echo(f"  {click.style(mark, fg=color)} {finding.name}: " + finding.found.replace("\n", "\n    "))
        if finding.advice:
            click.echo(f"      {finding.advice}")
    problems = sum(finding.status == PROBLEM for finding in found)
    if as_json:
        document = {"problems": problems, "findings": [finding.to_dict() for finding in found]}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo("no problem" if not problems else "1 problem" if problems == 1 else f"{problems} problems")
    if problems:
        ctx.exit(1)


def _can_print(mark: str) -> bool:
    try:
        mark.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


@click.command("warm")
@click.argument("servers", nargs=-1, required=True, metavar="SERVER...")
def warm_command(servers: tuple[str, ...]) -> None:
    """Compile servers before their first start.

    SERVER is the file of a composed server, or an import package that ships servers. The result is stored in the
    user's cache (WASMCP_CACHE_DIR), for this version of wasmtime and this kind of processor.
    """
    from wasmcp.host.engine import compile_cache
    from wasmcp.host.transports.stdio_server import find_servers

    for name in servers:
        for path in find_servers(name):
            compiled: list[bool] = []
            compile_cache.load(path, on_compile=lambda compiled=compiled: compiled.append(True))  # type: ignore[misc]
            click.echo(f"{path}: {'compiled' if compiled else 'was compiled before'}")
