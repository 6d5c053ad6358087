"""Differences between two versions of a server or component for its clients, and breaking changes among them.

A change is breaking if a client of the old version can fail with the new one: an entry is removed, arguments can be
rejected, results can differ from the old schema, or the host needs to provide a new import.

Surfaces of servers, which are what clients see of them, are kept in files to be compared with later versions. A file
has the JSON text of `wasmcp.host.Server.surface`, in sorted order, so that the same surface is the same text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wasmcp.apps_section import AppSummary
from wasmcp.component import interface_names
from wasmcp.compose.interfaces import MIDDLEWARE
from wasmcp.errors import SurfaceFileError
from wasmcp.insight.access import entries_at, filter_text, policy_of, policy_rows
from wasmcp.insight.surface import Item, Offers, task_changes
from wasmcp.protocol import IDENTITIES
from wasmcp.schemas.comparison import Rejection, rejections
from wasmcp.skills_section import SkillSummary
from wasmcp.terminal import printable

NOUNS = {"tools": "tool", "resources": "resource", "templates": "resource template", "prompts": "prompt"}

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_BREAKING_MEMBERS = {"resources": ("mimeType",), "templates": ("mimeType",)}
_SCHEMAS = ("inputSchema", "outputSchema")


@dataclass(frozen=True)
class Difference:
    """Difference.

    Attributes:
        kind: `tool`, `resource`, `resource template`, `prompt`, `skill`, `app`, `import`, `export`, `grant`,
            `framework`, `authorization`, `filter` or `policy`.
        name: The name of the entry; for a grant the component, for the framework the framework component.
        change: `added`, `removed` or `changed`.
        breaking: The change can break clients of the old version.
        details: One sentence per changed property.
    """

    kind: str
    name: str
    change: str
    breaking: bool
    details: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The change in one line, without its details."""
        return f"{_SIGNS[self.change]} {self.kind} `{self.name}`"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON representation."""
        return {
            "kind": self.kind,
            "name": self.name,
            "change": self.change,
            "breaking": self.breaking,
            "details": list(self.details),
        }


@dataclass(frozen=True)
class Side:
    """One of the two compared versions.

    Attributes:
        offers: Its lists.
        imports: Its imports by name.
        exports: Its exports by name.
        grants: For a composed server or handler: the granted families of each component, in the order of the chain.
        replaced: The framework components that differ from those of this wasmcp.
        rules: The rules of the grants of each component by family, by its name.
        access: The compiled access rules of a server; see `wasmcp.compose.access_rules`.
        authorization: The authorization of a server, of `wasmcp.compose.metadata.AUTHORIZATIONS`; None if unknown.
        skills: Its skills.
        apps: Its apps.
    """

    offers: Offers
    imports: Sequence[str]
    exports: Sequence[str]
    grants: Sequence[tuple[str, Sequence[str]]] = ()
    replaced: Sequence[str] = ()
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    access: Mapping[str, Any] | None = None
    authorization: str | None = None
    skills: Sequence[SkillSummary] = ()
    apps: Sequence[AppSummary] = ()


def count_text(found: Sequence[Difference]) -> str:
    """Return the number of differences, and of the breaking ones, in words."""
    if not found:
        return "no difference"
    count = "1 difference" if len(found) == 1 else f"{len(found)} differences"
    return f"{count}, {sum(one.breaking for one in found) or 'none'} breaking"


def difference_lines(found: Sequence[Difference]) -> list[str]:
    """Return differences as lines of text, as `wasmcp diff` prints them, escaped."""
    lines: list[str] = []
    for one in found:
        lines.append(printable(one.headline) + ("  breaking" if one.breaking else ""))
        lines += [printable(f"    {detail}") for detail in one.details]
    return [*lines, count_text(found)]


def differences(old: Side, new: Side) -> list[Difference]:
    """Return the differences of `new` from `old`: lists first, then imports, exports and grants."""
    found: list[Difference] = []
    for kind, noun in NOUNS.items():
        found += _items(kind, noun, old.offers.lists.get(kind, ()), new.offers.lists.get(kind, ()))
    found += _skills(old.skills, new.skills)
    found += _apps(old.apps, new.apps)
    found += _interfaces("export", old.exports, new.exports, gained=False, lost=True)
    found += _interfaces("import", old.imports, new.imports, gained=True, lost=False)
    found += _grants(old.grants, new.grants)
    found += _rules(old, new)
    found += _framework(old.replaced, new.replaced)
    found += authorization_differences(old, new)
    found += filter_differences(old.access, new.access)
    found += policy_differences(old.access, new.access)
    return found


def _skills(old: Sequence[SkillSummary], new: Sequence[SkillSummary]) -> Iterator[Difference]:
    """Yield the differences of skills. Other files are not breaking: clients ask their user for consent again."""
    before, after = ({skill.path: skill for skill in skills} for skills in (old, new))
    for path, skill in before.items():
        now = after.get(path)
        if now is None:
            yield Difference("skill", path, "removed", breaking=True)
        elif skill.digest != now.digest or skill.owner != now.owner:
            details = []
            for name, was, is_now in (
                ("description", skill.description, now.description),
                ("owner", skill.owner or "the server", now.owner or "the server"),
            ):
                details += [f"`{name}` {_from_to(was, is_now)}"] if was != is_now else []
            if skill.digest != now.digest:
                details.append(f"{_changed_files(skill, now)}; clients ask for consent again")
            yield Difference("skill", path, "changed", breaking=False, details=tuple(details))
    for path in after:
        if path not in before:
            yield Difference("skill", path, "added", breaking=False)


def _changed_files(was: SkillSummary, now: SkillSummary) -> str:
    """Return how the entry of a skill changed."""
    if was.generated and now.generated:
        return "its front matter changed"
    if was.generated or now.generated:
        return f"its files are {'generated now' if now.generated else 'baked in now'}"
    return f"its files changed: {now.files} with {now.size:,} bytes, before {was.files} with {was.size:,}"


def _apps(old: Sequence[AppSummary], new: Sequence[AppSummary]) -> Iterator[Difference]:
    """Yield the differences of apps. Changed origins and permissions are not breaking: hosts decide on them."""
    before, after = ({app.uri: app for app in apps} for apps in (old, new))
    for uri, app in before.items():
        now = after.get(uri)
        if now is None:
            yield Difference("app", uri, "removed", breaking=True)
        elif app != now:
            details = [f"needs `{one}` now" for one in now.needs if one not in app.needs]
            details += [f"does not need `{one}` any more" for one in app.needs if one not in now.needs]
            details += [f"is shown for `{one}` now" for one in now.tools if one not in app.tools]
            details += [f"is not shown for `{one}` any more" for one in app.tools if one not in now.tools]
            if app.owner != now.owner:
                details.append(f"`owner` {_from_to(app.owner, now.owner)}")
            if app.digest != now.digest:
                details.append(f"its page changed: {now.size:,} bytes, before {app.size:,}")
            if details:
                yield Difference("app", uri, "changed", breaking=False, details=tuple(details))
    for uri, app in after.items():
        if uri not in before:
            details = [f"needs `{one}`" for one in app.needs]
            yield Difference("app", uri, "added", breaking=False, details=tuple(details))


def _items(kind: str, noun: str, old: Sequence[Item], new: Sequence[Item]) -> Iterator[Difference]:
    identity = IDENTITIES[kind]
    before, after = ({str(item[identity]): item for item in items} for items in (old, new))
    for name, item in before.items():
        if name not in after:
            yield Difference(noun, name, "removed", breaking=True)
        elif item != after[name]:
            yield _changed(kind, noun, name, item, after[name])
    for name in after:
        if name not in before:
            yield Difference(noun, name, "added", breaking=False)


def _changed(kind: str, noun: str, name: str, old: Item, new: Item) -> Difference:
    broken: list[str] = []
    fine: list[str] = []
    if kind == "tools":
        refused = rejections(old.get("inputSchema", {}), new.get("inputSchema", {}))
        broken += _input(old.get("inputSchema", {}), new.get("inputSchema", {}), refused)
        broken += _output(old.get("outputSchema"), new.get("outputSchema"))
        fine += _widened(old, new, refused, breaking=bool(broken))
        for sentence, breaks in task_changes(old, new):
            (broken if breaks else fine).append(sentence)
    if kind == "prompts":
        for sentence, breaks in _arguments(old.get("arguments") or [], new.get("arguments") or []):
            (broken if breaks else fine).append(sentence)
    for member in dict.fromkeys((*old, *new)):
        if member in _SCHEMAS or (kind == "prompts" and member == "arguments") or old.get(member) == new.get(member):
            continue
        sentence = f"`{member}` {_from_to(old.get(member), new.get(member))}"
        (broken if member in _BREAKING_MEMBERS.get(kind, ()) else fine).append(sentence)
    return Difference(noun, name, "changed", bool(broken), (*broken, *fine))


def _input(old: Any, new: Any, refused: Sequence[Rejection]) -> list[str]:
    gone = {
        "type": "no longer takes `{what}`",
        "value": "no longer takes `{what}`",
        "missing": "needs `{what}` now",
        "member": "no longer takes `{what}`",
        "enum": "takes only {what} now",
    }
    found = [_sentence("argument", "arguments", each, gone, "is `{what}` now") for each in refused]
    named = {each.path or each.what for each in refused}
    return found + [f"no longer has the argument `{name}`" for name in _lost(old, new) if name not in named]


def _output(old: Any, new: Any) -> list[str]:
    if old == new or old is None:
        return []
    if new is None:
        return ["has no `outputSchema` any more"]
    came = {
        "type": "may be `{what}` now",
        "value": "may be `{what}` now",
        "missing": "may lack `{what}` now",
        "member": "may have `{what}` now",
        "enum": "may be other than {what} now",
    }
    # The new results must be allowed by the old schema.
    return [_sentence("result's", "result", each, came, "`{what}` no longer applies") for each in rejections(new, old)]


def _sentence(part: str, whole: str, found: Rejection, words: Mapping[str, str], keyword: str) -> str:
    subject = f"{part} `{found.path}`" if found.path else whole
    if found.kind in words:
        plural = "the arguments " if not found.path and whole == "arguments" else ""
        text = words[found.kind].format(what=found.what)
        return text if plural else f"{subject} {text}"
    return f"{subject}: `{found.kind}` {keyword.format(what=found.what)}"


def _lost(old: Any, new: Any) -> list[str]:
    """Return removed top-level arguments that are not rejected: they no longer have an effect."""
    before, after = (schema.get("properties") if isinstance(schema, dict) else None for schema in (old, new))
    if not isinstance(before, dict):
        return []
    return [name for name in before if name not in (after if isinstance(after, dict) else {})]


def _widened(old: Item, new: Item, refused: Sequence[Rejection], *, breaking: bool) -> Iterator[str]:
    """Describe compatible changes of schemas."""
    needed = {each.what for each in refused if each.kind == "missing" and not each.path}
    before, after = old.get("inputSchema"), new.get("inputSchema")
    if before != after:
        known = before.get("properties") if isinstance(before, dict) else None
        now = after.get("properties") if isinstance(after, dict) else None
        added = [name for name in now or {} if name not in (known or {})]
        for name in added:
            if name not in needed:
                yield f"takes `{name}` too"
        if not added and not breaking:
            yield "`inputSchema` changed; all earlier arguments remain valid"
    if old.get("outputSchema") is None and new.get("outputSchema") is not None:
        yield "has an `outputSchema` now"
    elif old.get("outputSchema") != new.get("outputSchema") and not _output(
        old.get("outputSchema"), new.get("outputSchema")
    ):
        yield "`outputSchema` changed; its results are valid under the old one as well"


def _arguments(old: Sequence[Any], new: Sequence[Any]) -> Iterator[tuple[str, bool]]:
    before, after = (
        {str(argument.get("name")): argument for argument in arguments if isinstance(argument, dict)}
        for arguments in (old, new)
    )
    for name, argument in before.items():
        if name not in after:
            yield f"no longer takes `{name}`", True
        elif after[name].get("required") and not argument.get("required"):
            yield f"needs `{name}` now", True
        elif argument != after[name]:
            yield f"argument `{name}` changed", False
    for name, argument in after.items():
        if name not in before:
            required = bool(argument.get("required"))
            yield (f"needs `{name}` now" if required else f"takes `{name}` too"), required


def _interfaces(kind: str, old: Sequence[str], new: Sequence[str], *, gained: bool, lost: bool) -> Iterator[Difference]:
    before, after = ({name.partition("@")[0]: name for name in each} for each in (old, new))
    for bare, name in before.items():
        if bare not in after:
            yield Difference(kind, name, "removed", breaking=lost)
        elif name != after[bare]:
            breaking = not interface_names.compatible(name, after[bare])
            yield Difference(kind, bare, "changed", breaking, (f"`{name}` is `{after[bare]}` now",))
    for bare, name in after.items():
        if bare not in before:
            yield Difference(kind, name, "added", breaking=gained)


def _grants(old: Sequence[tuple[str, Sequence[str]]], new: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Difference]:
    before, after = _families(old), _families(new)
    for name in dict.fromkeys((*before, *after)):
        gained, lost = (
            sorted(after.get(name, set()) - before.get(name, set())),
            sorted(before.get(name, set()) - after.get(name, set())),
        )
        details = [f"may use `{family}` now" for family in gained] + [
            f"may not use `{family}` any more" for family in lost
        ]
        if MIDDLEWARE in gained:
            details[gained.index(MIDDLEWARE)] = "is a `middleware` now: it receives requests for other components"
        if MIDDLEWARE in lost:
            details[len(gained) + lost.index(MIDDLEWARE)] = "is not a `middleware` any more"
        if details:
            yield Difference("grant", name, "changed", breaking=False, details=tuple(details))


def _rules(old: Side, new: Side) -> Iterator[Difference]:
    """Yield the changed rules of grants that components have in both versions."""
    before, after = _families(old.grants), _families(new.grants)
    for name in dict.fromkeys((*before, *after)):
        details: list[str] = []
        for family in sorted(before.get(name, set()) & after.get(name, set())):
            was, now = old.rules.get(name, {}).get(family), new.rules.get(name, {}).get(family)
            if was == now:
                continue
            if was is None:
                details.append(f"may use only {_short(now)} of `{family}` now, no longer all of it")
            elif now is None:
                details.append(f"may use all of `{family}` now, no longer only {_short(was)}")
            else:
                details += [f"may use `{family}` for {_short(rule)} now" for rule in now if rule not in was]
                details += [f"may not use `{family}` for {_short(rule)} any more" for rule in was if rule not in now]
        if details:
            yield Difference("grant", name, "changed", breaking=False, details=tuple(details))


def authorization_differences(old: Side, new: Side) -> Iterator[Difference]:
    """Yield the change of a server's authorization; a change to `required` can break clients."""
    before, after = old.authorization, new.authorization
    if before is not None and after is not None and before != after:
        detail = f'`auth` is "{after}" now; it was "{before}"'
        yield Difference("authorization", "server", "changed", after == "required", (detail,))


def filter_differences(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[Difference]:
    """Yield the changed filters; a path or an entry that does not exist any more can break clients."""
    before, after = ((access or {}).get("paths", {}) for access in (old, new))
    for path in dict.fromkeys((*before, *after)):
        was, now = before.get(path), after.get(path)
        if was == now:
            continue
        change = "added" if was is None else "removed" if now is None else "changed"
        existing = [None if access is None else entries_at(access, path) for access in (old, new)]
        lost = [
            f"`{name}` does not exist there any more"
            for kind, names in (existing[1].hidden if existing[1] else {}).items()
            for name in names
            if existing[0] is None or name in existing[0].existing.get(kind, ())
        ]
        gone = existing[1] is not None and not existing[1].found
        details = [f"it {filter_text(now)} now" if now is not None else "it has no filter any more", *lost]
        if gone:
            details.append("requests to it get 404")
        yield Difference("filter", path, change, bool(lost) or gone, tuple(details))
    if bool(before) != bool(after):
        text = "only the paths of filters are endpoints now" if after else "every path below `/mcp` is an endpoint now"
        yield Difference("filter", "other paths", "changed", bool(after), (text,))


def policy_differences(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[Difference]:
    """Yield the change of a policy; it can break clients if a request can be denied that was permitted."""
    policies = [policy_of(access) for access in (old, new)]
    before, after = (
        [("otherwise", "allow")] if policy is None else list(dict.fromkeys(policy_rows(policy))) for policy in policies
    )
    lost = [row for row in before if row not in after]
    gained = [row for row in after if row not in before]
    if not lost and not gained:
        return
    closed = ("otherwise", "deny")
    broken = (
        any(effect == "allow" for effect, _ in lost)
        or any(effect in ("deny", "require") for effect, _ in gained)
        or closed in gained
        or (closed in after and any(effect == "require" for effect, _ in lost))
    )
    details = [f"`{effect} {text}` was removed" for effect, text in lost if effect != "otherwise"]
    details += [
        f"other requests: {text}" if effect == "otherwise" else f"`{effect} {text}` is new" for effect, text in gained
    ]
    change = "added" if policies[0] is None else "removed" if policies[1] is None else "changed"
    yield Difference("policy", "server", change, broken, tuple(details))


def _framework(old: Sequence[str], new: Sequence[str]) -> Iterator[Difference]:
    """Yield changes of framework components, which get every request: replaced ones, and restored original ones."""
    for part in sorted({*old, *new}):
        if part not in old:
            details = ("it is not the part of this wasmcp any more: it was replaced, or is of another version",)
            yield Difference("framework", part, "changed", breaking=False, details=details)
        elif part not in new:
            yield Difference(
                "framework", part, "changed", breaking=False, details=("it is the part of this wasmcp now",)
            )


def _families(grants: Sequence[tuple[str, Sequence[str]]]) -> dict[str, set[str]]:
    """Return the grants by component name; components of the same name are merged."""
    found: dict[str, set[str]] = {}
    for name, families in grants:
        found.setdefault(name, set()).update(families)
    return found


def _from_to(old: Any, new: Any) -> str:
    if old is None:
        return f"is {_short(new)} now"
    if new is None:
        return f"was removed; it was {_short(old)}"
    return f"is {_short(new)} now; it was {_short(old)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 100 else f"{text[:97]}..."


Surface = Mapping[str, Any]


def surface_text(surface: Surface) -> str:
    """Return the text of a surface: JSON, sorted, with a line feed at its end."""
    return json.dumps(surface, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def surface_differences(old: Surface, new: Surface) -> list[Difference]:
    """Return the differences of `new` from `old`, and which of them can break clients."""
    return differences(_side(old), _side(new))


def read_surface(path: Path) -> dict[str, Any] | None:
    """Read a surface from a file; None if the file does not exist.

    Raises:
        SurfaceFileError: The file cannot be read, or has no surface.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SurfaceFileError(str(path), f"cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise SurfaceFileError(str(path), f"is not JSON: {error}") from None
    parts = (*IDENTITIES, "grants")
    wrong = [part for part in parts if not isinstance(found, dict) or not _is_table(found.get(part))]
    if wrong:
        names = ", ".join(f"`{part}`" for part in wrong)
        raise SurfaceFileError(str(path), f"is not the surface of a server: {names} must be objects of objects")
    return {part: found[part] for part in parts}


def write_surface(path: Path, surface: Surface) -> None:
    """Write a surface to a file, whole or not at all.

    Raises:
        SurfaceFileError: The file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_text(surface_text(surface), "utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SurfaceFileError(str(path), f"cannot be written: {error.strerror or error}") from None


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, dict) for one in value.values())


def _side(surface: Surface) -> Side:
    lists = {
        kind: [{**item, identity: name} for name, item in surface[kind].items()]
        for kind, identity in IDENTITIES.items()
    }
    grants = tuple((name, tuple(families)) for name, families in surface["grants"].items())
    rules = {
        name: {family: rule for family, rule in families.items() if rule is not True}
        for name, families in surface["grants"].items()
    }
    return Side(Offers(lists, "surface"), (), (), grants, rules=rules)
