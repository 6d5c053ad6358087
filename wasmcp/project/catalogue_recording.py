"""Recording of a component's catalogue: the component is booted once in the sandbox.

The component is composed alone without grants, and its lists are requested as from any server; the results are checked
and cached by digest. Framework components that builds and commands call outside of servers, each through one interface,
are among the checks: one checks and matches URI templates, with the code that matches them in servers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wasmcp import apps_section
from wasmcp.apps_section import listed, pages_of
from wasmcp.component.custom_sections import without_sections
from wasmcp.compose.catalogue import UNCHANGING, Catalogue, nothing_offered
from wasmcp.compose.component_reader import ComponentSpec
from wasmcp.compose.composition import compose_server
from wasmcp.compose.interfaces import CAPABILITY_NAMES, MIDDLEWARE, STRICT
from wasmcp.compose.metadata import ServerMetadata
from wasmcp.errors import CatalogueError, HostError
from wasmcp.file_writing import write_atomically
from wasmcp.package_data import framework_component
from wasmcp.project.events import CatalogueRecorded, Progress
from wasmcp.protocol import IDENTITIES, LISTS
from wasmcp.skills_section import SECTION, generated_skills
from wasmcp.storage import Cache, digest_of_own_code, digest_of_value

if TYPE_CHECKING:
    from wasmcp.host import Server


class BuildComponent:
    """Instance of one of `wasmcp.package_data.BUILD_COMPONENTS`.

    Args:
        name: Its name.
        interface: The interface that it exports.
    """

    def __init__(self, name: str, interface: str) -> None:
        import wasmtime
        from wasmtime.component import Linker

        from wasmcp.host.engine.compile_cache import load
        from wasmcp.host.engine.engine import engine

        self._name, self._interface = name, interface
        component = load(framework_component(name))
        self._store = wasmtime.Store(engine())
        self._store.set_epoch_deadline(1 << 32)
        self._instance = Linker(engine()).instantiate(self._store, component)

    def call(self, function: str, *values: Any) -> Any:
        """Call a function of its interface."""
        interface = self._instance.get_export_index(self._store, self._interface)
        index = self._instance.get_export_index(self._store, function, interface)
        found = self._instance.get_func(self._store, index) if index is not None else None
        if found is None:
            raise AssertionError(f"`{self._name}` does not export `{function}`")
        return found(self._store, *values)


_INTERFACE = "wasmcp:mcp-v20260728/uri-templates@0.1.0"


class UriTemplates:
    """The interface `uri-templates` of a new instance of the component `uri-templates-checker`."""

    def __init__(self) -> None:
        self._component = BuildComponent("uri-templates-checker", _INTERFACE)

    def problem(self, template: str) -> str | None:
        """Return the reason why URIs cannot be matched against a template; None if they can.

        A template that a URI can match in more than one way has a problem, too.
        """
        reason: str | None = self._component.call("problem", template)
        return reason

    def match(self, uri: str, templates: Sequence[tuple[str, Sequence[str]]]) -> Any:
        """Return the first template that a URI matches, the record `uri-match`; None if it matches none.

        Args:
            uri: The URI.
            templates: Templates with the names of their variables that can have any value.
        """
        from wasmtime.component import Record

        records = []
        for text, unchecked in templates:
            record = Record()
            record.text, record.unchecked = text, list(unchecked)  # type: ignore[attr-defined]
            records.append(record)
        return self._component.call("match", uri, records)


def check_templates(items: Sequence[dict[str, Any]]) -> list[str]:
    """Return a sentence for each resource template that URIs cannot be matched against.

    Source: RFC 6570, section 1.4: not all templates can be used to extract values.
    """
    if not items:
        return []
    templates = UriTemplates()
    problems = [(item["uriTemplate"], templates.problem(item["uriTemplate"])) for item in items]
    return [f"resource template `{text}`: {reason}" for text, reason in problems if reason]


ITEMS_LIMIT = 10_000
"""Limit on the items in one list of a component."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_TEXTS = ("title", "description")
_OBJECTS = ("outputSchema", "annotations", "_meta")
_IDENTITIES = {
    "resources": ("uri", "resource"),
    "templates": ("uriTemplate", "resource template"),
    "prompts": ("name", "prompt"),
}


def check_tools(tools: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each error in a list of tools.

    Specification: 2026-07-28, server/tools: "Tool", "Tool Names" (there a SHOULD, here required: clients refuse
    others).
    """
    if len(tools) > ITEMS_LIMIT:
        return [f"it offers {len(tools)} tools; {ITEMS_LIMIT} is the limit"]
    problems = []
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        name = tool.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            problems.append(f"tool {index}: the name must be 1 to 128 of `A-Z a-z 0-9 _ . -`, not {name!r:.160}")
            continue
        if name in seen:
            problems.append(f"tool `{name}`: listed a second time by the same component")
        seen.add(name)
        schema = tool.get("inputSchema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            problems.append(f'tool `{name}`: `inputSchema` must be a JSON Schema object with `"type": "object"`')
        wrong = [(key, "a string") for key in _TEXTS if not isinstance(tool.get(key, ""), str)]
        wrong += [(key, "a JSON object") for key in _OBJECTS if not isinstance(tool.get(key, {}), dict)]
        problems.extend(f"tool `{name}`: `{key}` must be {kind}" for key, kind in wrong)
    return problems


def check_items(kind: str, items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each error in a list of resources, templates or prompts.

    Specification: 2026-07-28, server/resources, server/prompts; RFC 3986, section 3 (a URI begins with its scheme, and
    so do the URIs of a template); RFC 6570, section 2.

    Args:
        kind: `resources`, `templates` or `prompts`.
        items: The list.
    """
    identity, noun = _IDENTITIES[kind]
    if len(items) > ITEMS_LIMIT:
        return [f"it offers {len(items)} {noun}s; {ITEMS_LIMIT} is the limit"]
    problems = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        key = item.get(identity)
        if not isinstance(key, str) or not key:
            problems.append(f"{noun} {index}: `{identity}` must be a string that is not empty")
            continue
        if key in seen:
            problems.append(f"{noun} `{key}`: listed a second time by the same component")
        seen.add(key)
        if not item.get("name"):
            problems.append(f"{noun} `{key}`: `name` must be a string that is not empty")
        if kind == "resources" and not _SCHEME.match(key):
            problems.append(f"{noun} `{key}`: a URI begins with its scheme, as in `file:///notes.txt`")
        if kind == "templates" and not _is_template(key):
            problems.append(f"{noun} `{key}`: its braces are not balanced, as they are in `file:///{{name}}`")
    return problems


def _is_template(text: str) -> bool:
    return "{" not in re.sub(r"\{[^{}]+\}", "", text) and "}" not in re.sub(r"\{[^{}]+\}", "", text)


BOOT_SECONDS = 10.0
"""Time limit for each list of a component, in seconds. A list takes milliseconds, even on a busy machine."""

PAGES_LIMIT = 10_000
"""Limit on the pages of a list."""

_REFERENCES = "wasmcp/completions/references"
"""Method that returns the completion references of a component (framework/completions-middleware)."""


def catalogue_of(
    name: str,
    data: bytes,
    component: str,
    framework: Mapping[str, str],
    cache: Cache,
    *,
    progress: Progress | None = None,
) -> Catalogue:
    """Return the catalogue of a component, recorded now or earlier.

    Args:
        name: The component's name, for messages.
        data: The component.
        component: Its digest.
        framework: The digests of the framework that boots it.
        cache: The cache of catalogues.
        progress: Called when a catalogue was recorded now.

    Raises:
        CatalogueError: The component does not boot, or its catalogue is not valid.
        CompositionError: The component cannot be composed.
    """
    key = digest_of_value(
        [
            component,
            dict(framework),
            digest_of_own_code("apps_section.py", "compose", "project/catalogue_recording.py"),
        ]
    )
    path = cache.text_path("catalogues", key)
    try:
        return Catalogue.from_json(path.read_text("utf-8"))
    except FileNotFoundError:
        pass
    except Exception:  # noqa: BLE001 - an invalid cached file is recorded again
        path.unlink(missing_ok=True)
    begun = time.perf_counter()
    catalogue = replace(boot(name, data), digest=component)
    write_atomically(path, catalogue.to_json().encode())
    if progress is not None:
        entries = sum(len(catalogue.items(kind)) for kind in IDENTITIES)
        progress(CatalogueRecorded(name, entries, time.perf_counter() - begun))
    return catalogue


def boot(name: str, data: bytes) -> Catalogue:
    """Boot a component in the sandbox and return its catalogue, with items in their wire form of MCP 2026-07-28.

    It is compiled without optimisation, because it is called once.

    Raises:
        CatalogueError: The component does not boot, cannot list its entries, lists invalid ones, or lists none.
        CompositionError: The component cannot be composed.
    """
    from wasmcp.host import Limits, open_server

    pages = {page.uri: page for page in pages_of(data)}
    # Skills are those of the server, not entries of the component; no page is read here.
    data = without_sections(without_sections(data, SECTION), apps_section.SECTION)
    server = compose_server(
        [ComponentSpec(name=name, data=data, catalogue=None, grants=frozenset({MIDDLEWARE}), dynamic=True)],
        ServerMetadata(name=name, version="0"),
    )
    lists: dict[str, list[dict[str, Any]]] = {}
    cache: dict[str, dict[str, Any]] = {}
    completions: list[dict[str, Any]] = []
    stderr, what = "", "tools"
    try:
        with open_server(server.data, limits=Limits(timeout=BOOT_SECONDS), instances=1, quick=True) as running:
            try:
                for what, method, member in _lists_of(server.capabilities):
                    lists[what], hint = _list(running, method, member)
                    if hint is not None:
                        cache[what] = hint
                if "completions" in server.capabilities:
                    what = "completions"
                    completions = _strictly(running, _REFERENCES)["references"]
            finally:
                stderr = running.stderr
    except HostError as error:
        raise CatalogueError(name, f"it cannot list its {what}: {error}", stderr=stderr) from error
    _check(name, lists)
    try:
        catalogue = Catalogue(
            tools=tuple(lists.get("tools", ())),
            resources=tuple(listed(resource, pages) for resource in lists.get("resources", ())),
            templates=tuple(lists.get("templates", ())),
            prompts=tuple(lists.get("prompts", ())),
            completions=tuple(completions),
            cache=cache,
        )
    except ValueError as error:
        raise CatalogueError(name, f"its catalogue is not valid: {error}") from None
    if not catalogue.capabilities:
        raise CatalogueError(
            name, nothing_offered(name, (one for one in CAPABILITY_NAMES.values() if one in server.capabilities))
        )
    return catalogue


def check_lists(name: str, running: Server) -> None:
    """Check the lists of a running server as those of a component whose catalogue is recorded.

    Args:
        name: The name in errors.
        running: The server.

    Raises:
        CatalogueError: A list is not valid.
        HostError: A component cannot list; `wasmcp.errors.RequestError` if it responds with an error.
    """
    capabilities = running.discover()["capabilities"]
    lists = {what: _list(running, method, member)[0] for what, method, member in _lists_of(capabilities)}
    _check(name, lists)


def _lists_of(capabilities: Container[str]) -> list[tuple[str, str, str]]:
    return [(what, method, member) for what, method, capability, member, _ in LISTS if capability in capabilities]


def _check(name: str, lists: Mapping[str, list[dict[str, Any]]]) -> None:
    problems = [problem for kind, items in lists.items() for problem in _problems(kind, items)]
    if problems:
        raise CatalogueError(name, "\n".join(["its catalogue is not valid:", *(f"  * {x}" for x in problems)]))


def _problems(kind: str, items: list[dict[str, Any]]) -> list[str]:
    if kind == "tools":
        return check_tools(items)
    problems = check_items(kind, items)
    if not problems and kind == "templates":
        return check_templates(items)
    return problems or (generated_skills(items)[1] if kind == "resources" else [])


def _list(running: Server, method: str, member: str) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return a whole list and its cache hint, or None if the component does not set one."""
    items: list[dict[str, Any]] = []
    hints = []
    for page in _pages(running, method):
        items.extend(page[member])
        hints.append({"ttlMs": page["ttlMs"], "cacheScope": page["cacheScope"]})
    # The wire value of a missing hint; a list that does not change can be cached nevertheless.
    if all(hint == {"ttlMs": 0, "cacheScope": "private"} for hint in hints):
        return items, None
    scope = "private" if any(hint["cacheScope"] == "private" for hint in hints) else "public"
    hint = {"ttlMs": min(hint["ttlMs"] for hint in hints), "cacheScope": scope}
    return items, None if hint == UNCHANGING else hint


def _pages(running: Server, method: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    for _page in range(PAGES_LIMIT):
        page = _strictly(running, method, {} if cursor is None else {"cursor": cursor})
        yield page
        cursor = page.get("nextCursor")
        if cursor is None:
            return
    raise HostError(f"`{method}` did not end after {PAGES_LIMIT} pages")


def _strictly(running: Server, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Send a request in strict mode: items that cannot be listed cause an error instead of a shorter list."""
    return running.request(method, {**(params or {}), "_meta": {STRICT: True}})
