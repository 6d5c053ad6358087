"""Surface of a component or a server: its lists, recorded or from a run in the sandbox, and their usage by tests.

Tools that can run as tasks are marked. Source: docs/reference/protocol.md, `_meta["wasmcp/task"]`.

A part of the surface is a tool, resource, resource template, prompt or completion, its error path, or a branch of a
tool's input schema. Usage comes from messages alone, so that it is the same for all transports and languages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any

from wasmcp.errors import CatalogueError, HostError
from wasmcp.protocol import IDENTITIES, LISTS, META_KEYS, TASK_DEFAULTS
from wasmcp.schemas.comparison import branches, used_branches

PAGES = 10_000

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Offers:
    """Lists of a component or a server, in the wire form of MCP 2026-07-28.

    Attributes:
        lists: `tools`, `resources`, `templates` and `prompts`, each the items in order.
        origin: The source of the lists: `catalogue`, `manifest` or `booted`.
        entry: The server's entry in the manifest next to it, or None.
    """

    lists: Mapping[str, Sequence[Item]]
    origin: str
    entry: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON representation."""
        return {**{kind: list(self.lists.get(kind, ())) for kind in IDENTITIES}, "origin": self.origin}


@dataclass(frozen=True)
class Recorded:
    """Records next to a file.

    Attributes:
        offers: The recorded lists, or None.
        entry: The server's entry in the manifest, or None.
    """

    offers: Offers | None = None
    entry: Mapping[str, Any] | None = field(default=None)


def recorded_offers(path: Path | None, data: bytes) -> Recorded:
    """Read the records in `FILE.catalogue.json` or `manifest.json` next to a file, if they match its digest.

    Args:
        path: The file, or None.
        data: The file's bytes; records of other content are ignored.
    """
    if path is None:
        return Recorded()
    digest = f"sha256:{sha256(data).hexdigest()}"
    entry = _manifest_entry(path, digest)
    sidecar = _read(path.with_name(f"{path.name}.catalogue.json"))
    if isinstance(sidecar, dict) and sidecar.get("digest") == digest:
        return Recorded(Offers(_lists(sidecar), "catalogue", entry), entry)
    if entry is not None and isinstance(entry.get("catalogue"), dict):
        return Recorded(Offers(_lists(entry["catalogue"]), "manifest", entry), entry)
    return Recorded(None, entry)


def booted_offers(name: str, data: bytes, *, is_server: bool, entry: Mapping[str, Any] | None = None) -> Offers:
    """Start a server, or a component composed by itself, in the sandbox and request its lists.

    It gets no grants, whatever its components were granted, and is compiled without optimization.

    Args:
        name: The name in errors.
        data: The file's bytes.
        is_server: The file is a composed server.
        entry: The server's entry in a manifest, or None.

    Raises:
        CatalogueError: It does not start, or its responses are invalid.
        CompositionError: The component cannot be composed, or has imports that cannot be denied.
    """
    from wasmcp.compose import ComponentSpec, ServerMetadata, compose_server
    from wasmcp.compose.deny_stubs import sealed
    from wasmcp.compose.interfaces import MIDDLEWARE
    from wasmcp.host import Limits, open_server
    from wasmcp.project.catalogue_recording import BOOT_SECONDS

    if not is_server:
        spec = ComponentSpec(name=name, data=data, catalogue=None, grants=frozenset({MIDDLEWARE}), dynamic=True)
        data = compose_server([spec], ServerMetadata(name=name, version="0")).data
    data = sealed(data, name)
    stderr = ""
    try:
        with open_server(data, limits=Limits(timeout=BOOT_SECONDS), instances=1, quick=True) as server:
            try:
                capabilities = server.discover().get("capabilities", {})
                lists = {
                    kind: list(_pages(server, method, member)) if capability in capabilities else []
                    for kind, method, capability, member, _ in LISTS
                }
            finally:
                stderr = server.stderr
    except HostError as error:
        raise CatalogueError(name, f"it cannot list what it offers: {error}", stderr=stderr) from error
    return Offers(lists, "booted", entry)


def offers_of(name: str, path: Path | None, data: bytes, *, is_server: bool) -> Offers:
    """Return the recorded lists, or else those of a run in the sandbox.

    Args:
        name: The name in errors.
        path: The file, or None.
        data: The file's bytes.
        is_server: The file is a composed server.

    Raises:
        CatalogueError: Without records: it does not start, or its responses are invalid.
        CompositionError: Without records: the component cannot be composed.
    """
    recorded = recorded_offers(path, data)
    if recorded.offers is not None:
        return recorded.offers
    return booted_offers(name, data, is_server=is_server, entry=recorded.entry)


def _pages(server: Any, method: str, member: str) -> Iterator[Item]:
    cursor: str | None = None
    for _ in range(PAGES):
        result = server.request(method, {} if cursor is None else {"cursor": cursor})
        yield from result.get(member, [])
        cursor = result.get("nextCursor")
        if cursor is None:
            return
    raise HostError(f"`{method}` did not end after {PAGES} pages")


def _manifest_entry(path: Path, digest: str) -> Mapping[str, Any] | None:
    from wasmcp.project.manifest import read

    entries = read(path.with_name("manifest.json")).values()
    return next((entry for entry in entries if entry.get("digest") == digest), None)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _lists(value: Mapping[str, Any]) -> dict[str, list[Item]]:
    """Return the lists of a record; other values, and entries that are not objects with a name, are ignored."""
    lists: dict[str, list[Item]] = {}
    for kind, identity in IDENTITIES.items():
        items = value.get(kind, [])
        items = items if isinstance(items, list) else []
        lists[kind] = [item for item in items if isinstance(item, dict) and isinstance(item.get(identity), str)]
    return lists


_WAYS = {"run": "runs on after its request", "steps": "continues by steps"}


def task_rows(tools: Sequence[Item]) -> list[tuple[str, str]]:
    """Return the names of the tools that can run as tasks, each with the way in which it runs."""
    return [(str(tool.get("name")), _text(task)) for tool in tools if (task := _task(tool)) is not None]


def task_changes(old: Item, new: Item) -> Iterator[tuple[str, bool]]:
    """Yield the changes of the task of a tool, each with True if it breaks clients."""
    before, after = _task(old), _task(new)
    if before == after:
        return
    needed = after is not None and after.get("required") is True
    if needed and not (before is not None and before.get("required") is True):
        yield "refuses clients without the tasks extension now", True
    if before is None and after is not None:
        yield f"can run as a task now: {_text(after)}", False
    elif after is None:
        yield "does not run as a task any more", False
    elif before is not None and _text(before) != _text(after):
        yield f"runs as a task in another way: {_text(after)}, before {_text(before)}", False


def _task(tool: Item) -> dict[str, Any] | None:
    meta = tool.get("_meta")
    found = meta.get(META_KEYS["task"]) if isinstance(meta, dict) else None
    return found if isinstance(found, dict) else None


def _text(task: dict[str, Any]) -> str:
    way = _WAYS.get(str(task.get("mode")), f"unknown mode {task.get('mode')!r:.40}")
    kept, polled = (task.get(name, TASK_DEFAULTS[name]) for name in ("ttlMs", "pollIntervalMs"))
    required = "; clients need the extension" if task.get("required") is True else ""
    return f"{way}; kept for {_seconds(kept)}, polled every {_seconds(polled)}{required}"


def _seconds(milliseconds: Any) -> str:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int):
        return "an unknown time"
    return f"{milliseconds / 1000:,g} s"


Parts = dict[tuple[str, str, str], bool]
"""True for a part that was used, by kind, name and use: `("tool", "convert", "from = \\"kelvin\\"")`."""

_REQUESTS = {
    "tools/call": ("tool", "name", "called"),
    "resources/read": ("resource", "uri", "read"),
    "prompts/get": ("prompt", "name", "got"),
}
_MOST_OPEN = 10_000  # requests without a response that are kept
_VARIABLE = re.compile(r"\{[+#./;?&]?([^}]*)\}")
ERROR = "error"
"""The use of an error path: a tool error, or an error response."""


@dataclass
class Usage:
    """Usage of one server.

    Attributes:
        parts: The known parts, and whether they were used.
        problems: Reasons why parts are not known.
    """

    parts: Parts = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _is_complete: bool = False  # the whole lists were read
    _tools: dict[str, Any] = field(default_factory=dict)
    _optional: dict[str, dict[str, None]] = field(default_factory=dict)  # arguments of prompts
    _templates: list[str] = field(default_factory=list)
    _early: list[tuple[str, Mapping[str, Any], bool]] = field(default_factory=list)  # before the lists were known
    _open: dict[tuple[object, str], tuple[str, Mapping[str, Any]]] = field(default_factory=dict)

    def record_lists(
        self,
        lists: Mapping[str, Iterable[Mapping[str, Any]]],
        *,
        completions: bool = False,
        complete: bool = False,
    ) -> None:
        """Add the parts of a server.

        Args:
            lists: The listed objects by kind: `tools`, `resources`, `templates`, `prompts`.
            completions: The server has completions.
            complete: These are all lists of the server.
        """
        for tool in lists.get("tools", ()):
            name = str(tool.get("name"))
            self._tools[name] = tool.get("inputSchema", {})
            self._add("tool", name, "called", ERROR, *branches(self._tools[name]))
        for resource in lists.get("resources", ()):
            self._add("resource", str(resource.get("uri")), "read")
        for template in lists.get("templates", ()):
            name = str(template.get("uriTemplate"))
            if name not in self._templates:
                self._templates.append(name)
            self._add("template", name, "read", ERROR)
            if completions:
                self._add("completion", name, *_variables(name))
        for prompt in lists.get("prompts", ()):
            name = str(prompt.get("name"))
            arguments = [one for one in prompt.get("arguments") or () if isinstance(one, dict)]
            self._add("prompt", name, "got", *([ERROR] if arguments else []))
            for argument in arguments:
                if not argument.get("required"):
                    optional = str(argument.get("name"))
                    self._optional.setdefault(name, {})[optional] = None
                    self._add("prompt", name, f"{optional} given", f"{optional} left out")
            if completions:
                self._add("completion", name, *(str(argument.get("name")) for argument in arguments))

        for method, params, failed in self._early:
            self._use(method, params, failed=failed)
        if complete:
            self._is_complete = True
            self._early.clear()

    def opened(self) -> None:
        """Expect lists of a further instance of the server, which can differ."""
        self._is_complete = False

    def record_message(self, direction: str, message: Any, client: object = None) -> None:
        """Record a JSON-RPC message.

        Args:
            direction: `->` for a message to the server, `<-` for one from it.
            message: The message, or a batch.
            client: The client that the ids of requests belong to, hashable.
        """
        if isinstance(message, list):
            for one in message:
                self.record_message(direction, one, client)
            return
        if not isinstance(message, dict) or message.get("id") is None:
            return
        key = (client, json.dumps(message["id"]))
        if direction == "->" and isinstance(message.get("method"), str):
            params = message.get("params")
            if len(self._open) < _MOST_OPEN:
                self._open[key] = (message["method"], params if isinstance(params, dict) else {})
        elif direction == "<-" and "method" not in message and key in self._open:
            method, params = self._open.pop(key)
            result = message.get("result")
            self._listed(method, result)
            if isinstance(result, dict) and result.get("resultType") == "input_required":
                return
            failed = "error" in message or (isinstance(result, dict) and result.get("isError") is True)
            if method in _REQUESTS or method == "completion/complete":
                self._use(method, params, failed=failed)
                if len(self._early) < _MOST_OPEN and not self._is_complete:
                    self._early.append((method, params, failed))

    def _listed(self, method: str, result: Any) -> None:
        """Add the parts of a list that a test has requested."""
        for one in LISTS:
            if method == one.method and isinstance(result, dict) and isinstance(result.get(one.member), list):
                self.record_lists({one.kind: [item for item in result[one.member] if isinstance(item, dict)]})

    def _use(self, method: str, params: Mapping[str, Any], *, failed: bool) -> None:
        if method == "completion/complete":
            reference, argument = params.get("ref"), params.get("argument")
            if isinstance(reference, dict) and isinstance(argument, dict) and not failed:
                name = str(reference.get("name", reference.get("uri")))
                self._mark("completion", name, str(argument.get("name")))
            return
        kind, identity, use = _REQUESTS[method]
        name = str(params.get(identity))
        arguments = params.get("arguments")
        arguments = arguments if isinstance(arguments, dict) else {}
        if kind == "resource" and (kind, name, use) not in self.parts:
            kind, name = "template", self._template_of(name)
        self._mark(kind, name, ERROR if failed else use)
        if kind == "tool" and not failed and name in self._tools:
            for branch in used_branches(self._tools[name], arguments):
                self._mark(kind, name, branch)
        if kind == "prompt" and not failed:
            for argument in self._optional.get(name, ()):
                self._mark(kind, name, f"{argument} {'given' if argument in arguments else 'left out'}")

    def _template_of(self, uri: str) -> str:
        """Return the template with the most literal text that a URI can match; the empty string without one."""
        fitting = [template for template in self._templates if _pattern(template).fullmatch(uri)]
        return max(fitting, key=lambda template: len(_VARIABLE.sub("", template)), default="")

    def _add(self, kind: str, name: str, *uses: str) -> None:
        for use in uses:
            self.parts.setdefault((kind, name, use), False)

    def _mark(self, kind: str, name: str, use: str) -> None:
        if (kind, name, use) in self.parts:
            self.parts[kind, name, use] = True

    def merge(self, parts: Iterable[Sequence[Any]], problems: Iterable[str]) -> None:
        """Add the usage of another process: `kind, name, use, used` for each part."""
        for kind, name, use, used in parts:
            key = (kind, name, use)
            self.parts[key] = self.parts.get(key, False) or bool(used)
        self.problems += [problem for problem in problems if problem not in self.problems]

    def rows(self) -> list[list[Any]]:
        """Return the parts as lists, for `merge`."""
        return [[*key, used] for key, used in self.parts.items()]

    def without(self, patterns: Sequence[str]) -> Usage:
        """Return the usage without the parts whose text matches one of the patterns of `fnmatch`."""
        kept = {
            key: used for key, used in self.parts.items() if not any(fnmatchcase(" ".join(key), p) for p in patterns)
        }
        return Usage(kept, self.problems)

    @property
    def percent(self) -> float:
        """The used parts of 100; 100 without parts."""
        return 100 * sum(self.parts.values()) / len(self.parts) if self.parts else 100.0

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON representation."""
        listed = [
            {"kind": kind, "name": name, "use": use, "used": used} for (kind, name, use), used in self.parts.items()
        ]
        used = sum(self.parts.values())
        return {
            "used": used,
            "total": len(listed),
            "percent": round(self.percent, 2),
            "problems": self.problems,
            "parts": listed,
        }

    def by_entry(self) -> Iterator[tuple[str, str, int, int, list[str]]]:
        """Yield kind, name, used and total number of parts, and the unused uses, of each entry."""
        entries: dict[tuple[str, str], list[tuple[str, bool]]] = {}
        for (kind, name, use), used in self.parts.items():
            entries.setdefault((kind, name), []).append((use, used))
        for (kind, name), uses in sorted(entries.items()):
            yield kind, name, sum(used for _, used in uses), len(uses), [use for use, used in uses if not used]


def _variables(template: str) -> list[str]:
    return [part.partition(":")[0].rstrip("*") for listed in _VARIABLE.findall(template) for part in listed.split(",")]


def _pattern(template: str) -> re.Pattern[str]:
    """Return a regular expression that matches all URIs of a template; it can match others as well."""
    parts = _VARIABLE.split(template)
    return re.compile(
        "".join(re.escape(part) if index % 2 == 0 else ".*" for index, part in enumerate(parts)), re.DOTALL
    )
