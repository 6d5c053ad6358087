"""`wasmcp inspect`, `graph`, `diff` and `policy`: contents, structure, changes and policy of a server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wasmcp.cli.parameters import FilePath
from wasmcp.cli.progress import say
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from wasmcp.apps_section import AppSummary
    from wasmcp.compose import Inspection
    from wasmcp.insight.access import Case
    from wasmcp.insight.diagram import Drawing
    from wasmcp.insight.roles import Reach, Structure
    from wasmcp.insight.server_diff import Difference, Side
    from wasmcp.insight.surface import Offers
    from wasmcp.skills_section import SkillSummary


@dataclass(frozen=True)
class Subject:
    """Component or server that a command reads.

    Attributes:
        name: The name shown to users.
        data: The file's bytes.
        path: The file; None for a component of the project.
    """

    name: str
    data: bytes
    path: Path | None = None


def read_subject(spec: str, *, offline: bool = False) -> Subject:
    """Read the file, package, alias or project component that a spec names.

    Raises:
        SpecError: The spec does not resolve, or the file cannot be read.
        RegistryError: It cannot be fetched.
        ToolchainError: The spec names a component of the project that does not compile.
    """
    from wasmcp.errors import SpecError
    from wasmcp.registry.names.aliases import Kind, classify

    if classify(spec) is not Kind.PATH:
        return _resolved(spec, offline=offline)
    path = Path(spec).expanduser()
    try:
        return Subject(path.name, path.read_bytes(), path)
    except OSError as error:
        raise SpecError(spec, f"`{spec}` cannot be read: {error.strerror or error}") from None


def _resolved(spec: str, *, offline: bool) -> Subject:
    from wasmcp.project.spec_components import build, read
    from wasmcp.registry import FetchOptions
    from wasmcp.registry.names.aliases import find_project
    from wasmcp.registry.names.spec_resolver import Request, Resolver

    resolver = Resolver(FetchOptions(root=find_project(Path.cwd()), offline=offline, progress=say))
    resolved = resolver.resolve(Request(spec, Path.cwd()))
    if resolved.path is None:
        return Subject(resolved.name, build(resolver, resolved).data)
    return Subject(resolved.name, read(resolved, resolved.path), resolved.path)


_UNPROVED = (
    "the filters and the policy that this file applies are not those of its record, or `access-control` is not that of "
    "this wasmcp"
)
_TITLES = {"tools": "tools", "resources": "resources", "templates": "resource templates", "prompts": "prompts"}


@click.command("inspect")
@click.argument("spec")
@click.option("--no-boot", is_flag=True, help="Do not start it to read its lists.")
@click.option("--offline", is_flag=True, help="Use the cache, contact no registry.")
@click.option("--path", metavar="PATH", help="Explain which entries exist under a path of the endpoint: /mcp/math.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def inspect_command(spec: str, *, no_boot: bool, offline: bool, path: str | None, as_json: bool) -> None:
    """Show the contents of a component or a server.

    SPEC is a file, a package in a registry, an alias or a component of the project. Its lists are read from
    FILE.catalogue.json or a manifest.json next to it; without these, it is started in the sandbox, without grants, and
    queried.

    With --path it explains the filters of a server: the recorded entries that exist under this path, and those that do
    not.
    """
    from wasmcp.compose import inspect_component
    from wasmcp.insight.access import policy_of
    from wasmcp.insight.roles import read_structure
    from wasmcp.insight.surface import recorded_offers

    subject = read_subject(spec, offline=offline)
    inspection = inspect_component(subject.data, name=subject.name)
    recorded = recorded_offers(subject.path, subject.data)
    offers = recorded.offers
    structure = read_structure(subject.data, subject.name)
    if path is not None:
        _explain(subject.name, structure, path, as_json=as_json)
        return
    if offers is None and not no_boot:
        offers = _booted(subject, inspection, recorded.entry)
    parts = structure.components if structure.topology.is_composition else []
    if as_json:
        lists = dict.fromkeys(_TITLES) if offers is None else offers.to_dict()
        document = {
            "name": subject.name,
            **inspection.to_dict(),
            **lists,
            "components": [part.to_dict() for part in parts],
            "recorded": structure.recorded,
            "foreign_framework": list(structure.foreign),
            "access": structure.access,
            "access_unproved": structure.access_unproved,
            "policy": policy_of(structure.access),
            "manifest": recorded.entry,
        }
        click.echo(json.dumps(document, indent=2))
    else:
        lines = _lines(subject.name, inspection, offers, structure, recorded.entry)
        click.echo("\n".join(map(printable, lines)))


def _booted(subject: Subject, inspection: Inspection, entry: Mapping[str, Any] | None) -> Offers | None:
    """Read its lists in the sandbox; None for components that cannot be part of a server, or that need more grants."""
    from wasmcp.compose.upstream_adapters import foreign
    from wasmcp.errors import CatalogueError, CompositionError
    from wasmcp.insight.surface import booted_offers

    if not inspection.is_server and not inspection.capabilities and foreign(inspection.exports) is None:
        return None
    try:
        return booted_offers(subject.name, subject.data, is_server=inspection.is_server, entry=entry)
    except (CatalogueError, CompositionError) as error:
        say(f"its lists cannot be read: {error}")
        return None


def _explain(name: str, structure: Structure, path: str, *, as_json: bool) -> None:
    """Print the entries that exist under a path, and those that do not."""
    from wasmcp.insight.access import entries_at

    if structure.access is None and structure.access_unproved:
        raise click.ClickException(f"`{name}` has no valid record of its filters: compose it again")
    if structure.access is None:
        raise click.ClickException(f"`{name}` has no filters: every entry exists under each path below `/mcp`")
    shown = entries_at(structure.access, path)
    if structure.access_unproved:
        click.echo(f"warning: {_UNPROVED}", err=True)
    if as_json:
        document = {"name": name, "unproved": structure.access_unproved, **shown.to_dict()}
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo("\n".join(map(printable, shown.lines())))


def _filters(access: Mapping[str, Any]) -> list[tuple[str, str]]:
    from wasmcp.insight.access import filter_text

    return [(path, filter_text(one)) for path, one in access.get("paths", {}).items()]


def _lines(
    name: str,
    inspection: Inspection,
    offers: Offers | None,
    structure: Structure,
    entry: Mapping[str, Any] | None,
) -> Iterator[str]:
    from wasmcp.compose.interfaces import CAPABILITY_NAMES
    from wasmcp.compose.upstream_adapters import foreign
    from wasmcp.insight.access import policy_of, policy_rows
    from wasmcp.insight.surface import task_rows

    offered = " and ".join(f"`{capability}`" for capability in inspection.capabilities)
    what = "a server" if inspection.is_server else f"a component that offers {offered}" if offered else "a component"
    theirs = None if inspection.is_server else foreign(inspection.exports)
    if theirs is not None:
        kinds = " and ".join(f"`{CAPABILITY_NAMES[ours]}`" for ours in theirs[1])
        what = f"a component that offers {kinds} of another tool's contract `{theirs[0].package}`"
    yield f"{name}: {what}, {inspection.size:,} bytes"
    if inspection.development:
        yield "development build: tests or `wasmcp dev` provide its code; it cannot be distributed"
    if inspection.world is not None:
        yield f"world: {inspection.world}"
    if entry is not None:
        yield from _manifest(entry)
    if not inspection.is_server:
        yield f"needs the grants: {', '.join(inspection.wants) or 'none'}"
    if inspection.files is not None:
        yield f"data files: {_counted(inspection.files.to_dict())}"
    if inspection.skills:
        yield from _table("skills", [(skill.path, _skill(skill)) for skill in inspection.skills])
    if inspection.apps:
        yield from _table("apps and their needs", [(app.uri, _app(app)) for app in inspection.apps])
    yield from _table("exports", _kinds(inspection.exports))
    yield from _table("imports", _kinds(inspection.imports))
    whole = inspection.size or 1
    nested = [
        (part.name or part.kind, f"{part.size:>12,} bytes {part.size / whole:>6.1%}") for part in inspection.nested
    ]
    yield from _table("nested modules and components", nested)
    if structure.topology.is_composition:
        parts = structure.components
        yield from _table("components and their grants", [(part.name, _may_use(part)) for part in parts])
        yield from _trust(structure)
    filters, policy = _filters(structure.access or {}), policy_of(structure.access)
    if filters:
        yield from _table("filters", filters)
    if policy is not None:
        yield from _table("policy", policy_rows(policy))
    if structure.access_unproved:
        yield f"warning: {_UNPROVED}"
    if offers is not None:
        for kind, title in _TITLES.items():
            if offers.lists.get(kind) or kind == "tools":
                yield from _table(title, _items(kind, offers))
        if tasks := task_rows(offers.lists.get("tools", ())):
            yield from _table("tools that can run as tasks", tasks)


def _manifest(entry: Mapping[str, Any]) -> Iterator[str]:
    metadata = entry.get("metadata")
    if isinstance(metadata, dict):
        yield f"server: {metadata.get('name')} {metadata.get('version')}"
    yield f"built by: wasmcp {entry.get('wasmcp', 'of an unknown version')}"
    yield from (
        _table("variables, directories and stores of the operator", _taken(entry)) if "configuration" in entry else ()
    )
    kept = [
        (str(part.get("name")), _counted(part["files"]))
        for part in entry.get("components", ())
        if isinstance(part, dict) and isinstance(part.get("files"), dict)
    ]
    yield from _table("data files", kept) if kept else ()


def _counted(files: Mapping[str, Any]) -> str:
    """Return the number and size of the data files in a component."""
    count, size = files.get("count"), files.get("size")
    if not isinstance(count, int) or not isinstance(size, int):
        return "unknown"
    return f"{count:,} {'file' if count == 1 else 'files'}, {size:,} bytes"


def _skill(skill: SkillSummary) -> str:
    of = f" of {skill.owner}" if skill.owner else ""
    files = "generated at each read" if skill.generated else _counted({"count": skill.files, "size": skill.size})
    return f"{files}{of}: {_first_line(skill.description)}"


def _app(app: AppSummary) -> str:
    size = f"{app.size:,} bytes" if app.digest else "made by its component"
    of = f" of {app.owner}" if app.owner else ""
    tools = f", shown for {', '.join(app.tools)}" if app.tools else ""
    return f"{size}{of}{tools}; needs {', '.join(app.needs) or 'nothing'}"


def _taken(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the variables, directories and store that an operator provides, with their descriptions."""
    from wasmcp.host.configuration.declared import Configuration

    try:
        found = Configuration.of_manifest(entry["configuration"])
    except ValueError as error:
        return [("?", str(error))]
    rows = [(one.name, _facts(one.description, required=one.required)) for one in found.variables]
    rows += [(one.path, _facts(one.description, required=one.required)) for one in found.directories]
    return rows + ([("wasi:keyvalue", found.keyvalue)] if found.keyvalue else [])


def _facts(description: str, *, required: bool) -> str:
    return " ".join(part for part in (description, "(required)" if required else "") if part)


def _trust(structure: Structure) -> Iterator[str]:
    """Yield the caveats of a file's structure."""
    if not structure.recorded:
        yield "  (the file has no record of its parts: each instance counts as a component)"
    if structure.foreign:
        names = ", ".join(f"`{name}`" for name in structure.foreign)
        yield f"  (parts of the framework that are not those of this wasmcp: {names})"


def _may_use(part: Reach) -> str:
    granted = f"granted: {', '.join(_grant(part, one) for one in part.granted)}" if part.granted else "granted nothing"
    return f"{granted}; denied: {', '.join(part.refused)}" if part.refused else granted


def _grant(part: Reach, family: str) -> str:
    """Return a grant with its rules."""
    if family in part.unproved:
        return f"{family} (by rules that are not those of the file's record)"
    rules = part.rules.get(family)
    if rules is None:
        return family
    return f"{family} ({', '.join(one if isinstance(one, str) else json.dumps(one) for one in rules)})"


def _items(kind: str, offers: Offers) -> list[tuple[str, str]]:
    from wasmcp.protocol import IDENTITIES

    return [
        (str(item.get(IDENTITIES[kind])), _first_line(str(item.get("description") or item.get("title") or "")))
        for item in offers.lists.get(kind, ())
    ]


def _kinds(entries: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, "" if kind == "instance" else kind) for name, kind in entries.items()]


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _table(title: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    rows = [(printable(name), printable(text)) for name, text in rows]
    yield ""
    yield f"{title}:" if rows else f"{title}: none"
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        yield f"  {name:<{width}}  {text}".rstrip()


_ENDINGS = {".mmd": "mermaid", ".mermaid": "mermaid", ".svg": "svg", ".html": "html", ".json": "json"}


@click.command("graph")
@click.argument("spec")
@click.option(
    "-o",
    "--output",
    type=FilePath(dir_okay=False, path_type=Path),
    help="The output file.  [default: standard output]",
)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["mermaid", "svg", "html", "json"]),
    help="The output format.  [default: by the output's extension, or mermaid]",
)
@click.option("--offline", is_flag=True, help="Use the cache, contact no registry.")
def graph_command(spec: str, output: Path | None, form: str | None, *, offline: bool) -> None:
    """Draw the structure of a server: its components, the calls between them, and their grants.

    SPEC is a file, a package in a registry, an alias or a component of the project. An existing output is overwritten.
    """
    from wasmcp.file_writing import write_atomically
    from wasmcp.insight.diagram import draw

    if form is None and output is not None and output.suffix not in _ENDINGS:
        endings = ", ".join(f"`{ending}`" for ending in _ENDINGS)
        raise click.UsageError(f"`{output.name}` ends in none of {endings}: name the format with --format")
    form = form or (_ENDINGS[output.suffix] if output is not None else "mermaid")
    subject = read_subject(spec, offline=offline)
    text = _rendered(draw(subject.data, subject.name), form)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        if not output.parent.is_dir():
            raise FileNotFoundError(2, "No such file or directory")
        write_atomically(output, text.encode())
    except OSError as error:
        raise click.ClickException(f"`{output}` cannot be written: {error.strerror or error}") from None
    click.echo(f"{output}: {form}, {len(text.encode()):,} bytes")


def _rendered(drawing: Drawing, form: str) -> str:
    if form == "mermaid":
        from wasmcp.insight.diagram import mermaid

        return mermaid(drawing)
    if form == "svg":
        from wasmcp.insight.pictures import svg

        return svg(drawing)
    if form == "html":
        from wasmcp.insight.pictures import page

        return page(drawing)
    return json.dumps(drawing.to_dict(), indent=2) + "\n"


BREAKING = 3
"""The exit code for breaking differences."""

_DIFF_EXIT_CODES = f"""\b
Exit codes: 0 no breaking difference, {BREAKING} breaking (--strict: any) difference, 1 error, 2 wrong usage."""


@click.command("diff", epilog=_DIFF_EXIT_CODES)
@click.argument("old")
@click.argument("new")
@click.option("--strict", is_flag=True, help=f"Exit with {BREAKING} on any difference.")
@click.option("--offline", is_flag=True, help="Use the cache, contact no registry.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def diff_command(ctx: click.Context, old: str, new: str, *, strict: bool, offline: bool, as_json: bool) -> None:
    """Compare two versions of a server or component from a client's point of view.

    OLD and NEW are files, packages in a registry, aliases or components of the project. Their lists are read from
    FILE.catalogue.json or manifest.json, or by starting them in the sandbox.
    """
    from wasmcp.insight.server_diff import differences

    found = differences(_side(old, offline=offline), _side(new, offline=offline))
    breaking = sum(one.breaking for one in found)
    if as_json:
        document = {"old": old, "new": new, "breaking": breaking, "differences": [one.to_dict() for one in found]}
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo("\n".join(_differences(found)))
    if breaking or (strict and found):
        ctx.exit(BREAKING)


def _side(spec: str, *, offline: bool) -> Side:
    from wasmcp.compose import inspect_component
    from wasmcp.insight.roles import read_structure
    from wasmcp.insight.server_diff import Side
    from wasmcp.insight.surface import offers_of

    subject = read_subject(spec, offline=offline)
    inspection = inspect_component(subject.data, name=subject.name)
    offers = offers_of(subject.name, subject.path, subject.data, is_server=inspection.is_server)
    structure = read_structure(subject.data, subject.name)
    parts = structure.components if structure.topology.is_composition else []
    grants = tuple((part.name, part.granted) for part in parts)
    rules = {part.name: part.rules for part in parts}
    return Side(
        offers,
        tuple(inspection.imports),
        tuple(inspection.exports),
        grants,
        structure.foreign,
        rules,
        structure.access,
        structure.authorization,
        inspection.skills,
        inspection.apps,
    )


_COLORS = {"added": "green", "removed": "red", "changed": "yellow"}


def _differences(found: Sequence[Difference]) -> Iterator[str]:
    from wasmcp.insight.server_diff import count_text

    for one in found:
        mark = click.style("  breaking", fg="red", bold=True) if one.breaking else ""
        yield f"{click.style(printable(one.headline), fg=_COLORS[one.change])}{mark}"
        yield from (printable(f"    {detail}") for detail in one.details)
    yield count_text(found)


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_OFFLINE = click.option("--offline", is_flag=True, help="Use the cache, contact no registry.")


@click.group("policy")
def policy_command() -> None:
    """Show the policy of a server, and test it with cases."""


@policy_command.command("show")
@click.argument("spec")
@_OFFLINE
@_JSON
def show(spec: str, *, offline: bool, as_json: bool) -> None:
    """Show the effective policy of a server: its rules, and the conditions of its entries.

    SPEC is a file, a package in a registry or an alias.
    """
    from wasmcp.insight.access import policy_of, policy_rows
    from wasmcp.insight.roles import read_structure

    subject = read_subject(spec, offline=offline)
    structure = read_structure(subject.data, subject.name)
    if structure.access_unproved:
        click.echo("warning: the policy that this file applies is not that of its record", err=True)
    policy = policy_of(structure.access)
    if as_json:
        click.echo(
            json.dumps({"name": subject.name, "unproved": structure.access_unproved, "policy": policy}, indent=2)
        )
    elif policy is None:
        click.echo(printable(f"{subject.name}: no policy; every principal may send every request"))
    else:
        for effect, text in policy_rows(policy):
            click.echo(printable(f"{effect:<9}  {text}"))


@policy_command.command("test")
@click.argument("file", type=FilePath(path_type=Path))
@click.argument("server", required=False)
@_OFFLINE
@_JSON
@click.pass_context
def test(ctx: click.Context, file: Path, server: str | None, *, offline: bool, as_json: bool) -> None:
    """Send the requests of a table of cases to a server, and compare its decisions with the expected ones.

    FILE is TOML with a table `[[case]]` for each request. SERVER is a composed server: a file, a package or an alias;
    by default the one that FILE names as `server`. It runs in the sandbox, without grants, and accepts the tokens of a
    key that is made for the test. Exit code 1 if a decision differs.
    """
    from wasmcp.insight.access import read_cases, run_cases

    cases, named = read_cases(file)
    spec = server if server is not None else None if named is None else str(file.parent / named)
    if spec is None:
        raise click.UsageError("name the server: `wasmcp policy test FILE SERVER`, or `server` in FILE")
    subject = read_subject(spec, offline=offline)
    token, settings = _tokens()
    outcomes = list(run_cases(subject.data, subject.name, cases, token, settings))
    failed = [one for one in outcomes if one.problem is not None]
    if as_json:
        click.echo(json.dumps({"failed": len(failed), "cases": [one.to_dict() for one in outcomes]}, indent=2))
    else:
        for one in outcomes:
            click.echo(printable(f"{'failed' if one.problem else 'ok':<6}  {one.case.name}"))
            if one.problem:
                click.echo(printable(f"        {one.problem}"))
        click.echo(f"{len(outcomes)} cases, {len(failed) or 'none'} failed")
    if failed:
        ctx.exit(1)


def _tokens() -> tuple[Any, list[Mapping[str, str]]]:
    """Return a function that makes the token of a case, and the settings with its key in two forms."""
    from wasmcp.auth.access_tokens import SigningKey, mint
    from wasmcp.insight.access import ADDRESS, ISSUER

    key = SigningKey.generate()
    base = {"WASMCP_AUTH_MODE": "oauth", "JWT_ISSUER": ISSUER, "JWT_AUDIENCE": ADDRESS, "WASMCP_SERVER_URI": ADDRESS}

    def token(case: Case) -> str:
        return mint(
            key, issuer=ISSUER, audience=[ADDRESS], scopes=case.scopes, subject=case.subject, claims=dict(case.claims)
        )

    keys = json.dumps({"keys": [key.jwk]})
    return token, [{**base, "JWT_JWKS": keys}, {**base, "JWT_PUBLIC_KEY": key.public_pem}]
