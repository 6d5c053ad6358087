"""How two versions of a server or component differ for those who use it, and what of it breaks them.

Breaking is what can make a client fail that works with the old one: something it uses is gone, arguments it sends may
be refused, results it gets may be other than announced; and a need of the host that was not there before.
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
    """One difference.

    Attributes:
        kind: `tool`, `resource`, `resource template`, `prompt`, `import`, `export`, `grant` or `framework`.
        name: Of what; for a grant the component, for the framework the part.
        change: `added`, `removed` or `changed`.
        breaking: Whether it can break those who use the old one.
        details: A sentence for each thing about it that is another one.
    """

    kind: str
    name: str
    change: str
    breaking: bool
    details: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "change": self.change,
            "breaking": self.breaking,
            "details": list(self.details),
        }


@dataclass(frozen=True)
class Side:
    """One of the two that are compared.

    Attributes:
        offers: What it offers.
        imports: What it needs, by name.
        exports: What it exports, by name.
        grants: Of a composed server or part: the families that each of its components has, in the order of the chain.
        replaced: The parts of the framework in it that are not those of this wasmcp.
    """

    offers: Offers
    imports: Sequence[str]
    exports: Sequence[str]
    grants: Sequence[tuple[str, Sequence[str]]] = ()
    replaced: Sequence[str] = ()


def differences(old: Side, new: Side) -> list[Difference]:
    """Return how `new` differs from `old`: what it offers first, then what it needs."""
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
    # What the new one may give must be something that the old one announced.
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
    """Return the top-level arguments that are gone, though they are not refused: they have no effect any more."""
    before, after = (schema.get("properties") if isinstance(schema, dict) else None for schema in (old, new))
    if not isinstance(before, dict):
        return []
    return [name for name in before if name not in (after if isinstance(after, dict) else {})]


def _widened(old: Item, new: Item, refused: Sequence[Rejection], *, breaking: bool) -> Iterator[str]:
    """Say what became of schemas where nothing in it breaks."""
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
            details[len(gained) + lost.index(MIDDLEWARE)] = "is no `middleware` any more"
        if details:
            yield Difference("grant", name, "changed", breaking=False, details=tuple(details))


def _framework(old: Sequence[str], new: Sequence[str]) -> Iterator[Difference]:
    """Tell which parts of the framework, which see every request, became others or ours again."""
    for part in sorted({*old, *new}):
        if part not in old:
            details = ("it is not the part of this wasmcp any more: it was replaced, or is of another version",)
            yield Difference("framework", part, "changed", breaking=False, details=details)
        elif part not in new:
            yield Difference(
                "framework", part, "changed", breaking=False, details=("it is the part of this wasmcp now",)
            )


def _families(grants: Sequence[tuple[str, Sequence[str]]]) -> dict[str, set[str]]:
    """Return the grants by component; those of components of one name together."""
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
