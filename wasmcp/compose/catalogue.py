"""Catalogue of a component: its lists, recorded when it was built.

Source: Model Context Protocol 2026-07-28, schemas `Tool`, `Resource`, `ResourceTemplate`, `Prompt`; server/utilities.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wasmcp.errors import CatalogueError
from wasmcp.protocol import IDENTITIES
from wasmcp.revision_views import Item, from_json_text

FORMAT = 1
"""Version of the sidecar's format."""

NOUNS = {"tools": "tool", "resources": "resource", "templates": "resource template", "prompts": "prompt"}
"""Noun for an item of each list."""

_COMPLETED = {"ref/prompt": "name", "ref/resource": "uri"}


@dataclass(frozen=True)
class Catalogue:
    """Lists of one component: items in their wire form of 2026-07-28, in the component's order.

    Attributes:
        tools: Its tools.
        digest: The digest of the component, as `sha256:HEX`; empty if unknown.
        resources: Its resources.
        templates: Its resource templates.
        prompts: Its prompts.
        completions: References whose arguments it completes: objects like the `ref` of `completion/complete`.
        cache: The cache hints of its lists, by list: objects with `ttlMs` and `cacheScope`. A list without a hint can
            be cached like any list that does not change.
    """

    tools: tuple[Item, ...] = field(default=())
    digest: str = ""
    resources: tuple[Item, ...] = field(default=())
    templates: tuple[Item, ...] = field(default=())
    prompts: tuple[Item, ...] = field(default=())
    completions: tuple[Item, ...] = field(default=())
    cache: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind in IDENTITIES:
            _check(kind, self.items(kind))
        _check_completions(self.completions)
        _check_cache(self.cache)

    def items(self, kind: str) -> tuple[Item, ...]:
        """Return one of its lists: `tools`, `resources`, `templates` or `prompts`."""
        found: tuple[Item, ...] = getattr(self, kind)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tools, in order."""
        return tuple(tool["name"] for tool in self.tools)

    @property
    def capabilities(self) -> tuple[str, ...]:
        """Capabilities with at least one entry in the catalogue: `tools`, `resources`, `prompts`, `completions`."""
        has = {
            "tools": self.tools,
            "resources": self.resources or self.templates,
            "prompts": self.prompts,
            "completions": self.completions,
        }
        return tuple(name for name, found in has.items() if found)

    def to_dict(self) -> dict[str, Any]:
        """Return the catalogue as JSON values: the tools always, each other list unless it is empty."""
        lists = {kind: list(self.items(kind)) for kind in IDENTITIES}
        value = {**lists, "completions": list(self.completions), "cache": dict(self.cache)}
        return {name: found for name, found in value.items() if found or name == "tools"}

    def to_json(self) -> str:
        """Return the sidecar's text, which ends with a line feed."""
        value = {"format": FORMAT, "digest": self.digest, **self.to_dict()}
        return json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, *, source: str = "catalogue") -> Catalogue:
        """Read a sidecar.

        Args:
            text: The result of `to_json`.
            source: The component's name in an error.

        Raises:
            CatalogueError: The text is not a catalogue, or has another format version.
        """
        try:
            value = from_json_text(text)
        except ValueError as error:
            raise CatalogueError(source, f"its catalogue is not JSON: {error}") from None
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            found = value.get("format") if isinstance(value, dict) else type(value).__name__
            raise CatalogueError(source, f"its catalogue has format `{found}`, expected `{FORMAT}`: build it again")
        digest, cache = value.get("digest", ""), value.get("cache", {})
        lists = {name: value.get(name, []) for name in (*IDENTITIES, "completions")}
        if not isinstance(value.get("tools"), list) or not isinstance(digest, str):
            raise CatalogueError(source, "its catalogue needs `tools`, an array, and `digest`, a string")
        for name, items in lists.items():
            if not isinstance(items, list):
                raise CatalogueError(source, f"`{name}` in its catalogue must be an array")
        try:
            return cls(digest=digest, cache=cache, **{name: tuple(items) for name, items in lists.items()})
        except ValueError as error:
            raise CatalogueError(source, str(error)) from None


def nothing_offered(component: str, capabilities: Iterable[str]) -> str:
    """Return an error about a component with an empty catalogue, as a sentence about the component.

    A list that depends on the client or on the time is empty at build time, and a server would keep that list.

    Args:
        component: The component's name.
        capabilities: The names of the interfaces that it exports, `tools` for example.
    """
    exported = " and ".join(f"`{capability}`" for capability in capabilities)
    return (
        f"it exports {exported} and lists nothing, so a server would never offer anything of it. If its lists depend "
        "on the client or change at run time, make the component dynamic: `dynamic = true` and "
        f'`grants = ["middleware"]` in `[tool.wasmcp.components.{component}]`, or '
        f"`--dynamic {component} --grant {component}=middleware`"
    )


def _check(kind: str, items: tuple[Any, ...]) -> None:
    """Raise ValueError for items that no server could list."""
    noun, identity = NOUNS[kind], IDENTITIES[kind]
    known: set[str] = set()
    for position, item in enumerate(items):
        for member in dict.fromkeys((identity, "name")):
            if not isinstance(item, Mapping) or not isinstance(item.get(member), str) or not item[member]:
                raise ValueError(f"{noun} number {position + 1} has no `{member}`")
        name = item[identity]
        if name in known:
            raise ValueError(f"the {noun} `{name}` is there twice")
        known.add(name)
        if kind == "tools":
            _check_schemas(item)
        try:
            json.dumps(item, allow_nan=False).encode()
            name.encode()
        except (TypeError, ValueError) as error:
            raise ValueError(f"the {noun} `{name}` cannot be written as JSON: {error}") from None


def _check_schemas(tool: Item) -> None:
    schema = tool.get("inputSchema")
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        raise ValueError(f'the tool `{tool["name"]}` needs an `inputSchema` with `"type": "object"`')
    if "outputSchema" in tool and not isinstance(tool["outputSchema"], Mapping):
        raise ValueError(f"the `outputSchema` of the tool `{tool['name']}` is not an object")


def _check_completions(completions: tuple[Any, ...]) -> None:
    for position, reference in enumerate(completions):
        kind = reference.get("type") if isinstance(reference, Mapping) else None
        member = _COMPLETED.get(kind) if isinstance(kind, str) else None
        if member is None or not isinstance(reference.get(member), str):
            raise ValueError(f"completion number {position + 1} is neither of a prompt nor of a resource template")


def _check_cache(cache: Any) -> None:
    if not isinstance(cache, Mapping):
        raise ValueError("`cache` must be an object")  # noqa: TRY004 - like every other mistake in a sidecar
    for kind, hint in cache.items():
        time = hint.get("ttlMs") if isinstance(hint, Mapping) else None
        if (
            kind not in IDENTITIES
            or not isinstance(time, int)
            or isinstance(time, bool)
            or not 0 <= time < 2**64
            or hint.get("cacheScope") not in ("public", "private")
        ):
            raise ValueError(f"the hint of `cache.{kind}` needs `ttlMs`, an integer, and `cacheScope`")
