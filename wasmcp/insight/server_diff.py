"""Differences between two versions of a server or component for its clients, and breaking changes among them.

A change is breaking if a client of the old version can fail with the new one: an entry is removed, arguments can be
rejected, results can differ from the old schema, or the host needs to provide a new import.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wasmcp.component import interface_names
from wasmcp.compose.interfaces import MIDDLEWARE
from wasmcp.insight.listing import Item, Offers
from wasmcp.insight.schema_compat import Rejection, rejections
from wasmcp.protocol import IDENTITIES

NOUNS = {"tools": "tool", "resources": "resource", "templates": "resource template", "prompts": "prompt"}

_BREAKING_MEMBERS = {"resources": ("mimeType",), "templates": ("mimeType",)}
_SCHEMAS = ("inputSchema", "outputSchema")


@dataclass(frozen=True)
class Difference:
    """Difference.

    Attributes:
        kind: `tool`, `resource`, `resource template`, `prompt`, `import`, `export`, `grant` or `framework`.
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
    """

    offers: Offers
    imports: Sequence[str]
    exports: Sequence[str]
    grants: Sequence[tuple[str, Sequence[str]]] = ()
    replaced: Sequence[str] = ()


def differences(old: Side, new: Side) -> list[Difference]:
    """Return the differences of `new` from `old`: lists first, then imports, exports and grants."""
    found: list[Difference] = []
    for kind, noun in NOUNS.items():
        found += _items(kind, noun, old.offers.lists.get(kind, ()), new.offers.lists.get(kind, ()))
    found += _interfaces("export", old.exports, new.exports, gained=False, lost=True)
    found += _interfaces("import", old.imports, new.imports, gained=True, lost=False)
    found += _grants(old.grants, new.grants)
    found += _framework(old.replaced, new.replaced)
    return found


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
    return found + [f"no longer knows the argument `{name}`" for name in _lost(old, new) if name not in named]


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
    return [
        _sentence("result's", "result", each, came, "is not held to `{what}` any more") for each in rejections(new, old)
    ]


def _sentence(part: str, whole: str, found: Rejection, words: Mapping[str, str], keyword: str) -> str:
    subject = f"{part} `{found.path}`" if found.path else whole
    if found.kind in words:
        plural = "the arguments " if not found.path and whole == "arguments" else ""
        text = words[found.kind].format(what=found.what)
        return text if plural else f"{subject} {text}"
    return f"{subject}: `{found.kind}` {keyword.format(what=found.what)}"


def _lost(old: Any, new: Any) -> list[str]:
    """Return removed top-level arguments that are not rejected: they have no effect any more."""
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
            yield "`inputSchema` changed, and takes what it took"
    if old.get("outputSchema") is None and new.get("outputSchema") is not None:
        yield "has an `outputSchema` now"
    elif old.get("outputSchema") != new.get("outputSchema") and not _output(
        old.get("outputSchema"), new.get("outputSchema")
    ):
        yield "`outputSchema` changed, and keeps what it announced"


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
            details[gained.index(MIDDLEWARE)] = (
                "is a `middleware` now: it gets requests that are not for its own offers"
            )
        if MIDDLEWARE in lost:
            details[len(gained) + lost.index(MIDDLEWARE)] = "is not a `middleware` any more"
        if details:
            yield Difference("grant", name, "changed", breaking=False, details=tuple(details))


def _framework(old: Sequence[str], new: Sequence[str]) -> Iterator[Difference]:
    """Yield changes of framework components, which see every request: replaced, or original again."""
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
        return f"is gone; it was {_short(old)}"
    return f"is {_short(new)} now; it was {_short(old)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 100 else f"{text[:97]}..."
