"""`wasmcp doctor`: check this machine for missing tools and wrong configuration."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

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
def command(ctx: click.Context, root: Path | None, *, offline: bool, as_json: bool) -> None:
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
