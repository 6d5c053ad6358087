"""Extensions of a server: its skills, apps and tasks, their checks, and the components that hold their data.

Skills are those of the components and the server's own. The pages of apps are held for each component. Tools that can
run as tasks are named by a component.

Source: wit/baked.wit (`skills-data`, `apps-data`), wit/tasks.wit (`task-tools`); Model Context Protocol, extensions
`io.modelcontextprotocol/skills`, `io.modelcontextprotocol/ui` and `io.modelcontextprotocol/tasks`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from wasmcp.apps_section import (
    MOST_BYTES,
    PAGE,
    SCHEME,
    AppPage,
    AppSummary,
    is_app,
    needed_by,
    shown_by,
    summary_of,
    tool_problems,
    ui_of,
    ui_problems,
)
from wasmcp.component import core_module
from wasmcp.component.binary_format import CoreSort, Sort
from wasmcp.component.builder import ComponentBuilder
from wasmcp.component.constant_component import constants
from wasmcp.component.type_section import TypeWriter
from wasmcp.component.types import Func, Instance, List, Primitive
from wasmcp.compose.catalogue import Catalogue, index
from wasmcp.compose.chain_plan import Member
from wasmcp.compose.component_reader import Component
from wasmcp.compose.framework import FIRST_DRAFT, SECOND_DRAFT
from wasmcp.compose.grant_rules import app_rule
from wasmcp.compose.interfaces import APPS, APPS_DATA, SKILLS_DATA, TASK_TOOLS
from wasmcp.errors import AppsError, CompositionError, DuplicateEntryError
from wasmcp.protocol import APP_MIME_TYPE, META_KEYS, TASK_DEFAULTS, TASK_LIMIT, TaskMode
from wasmcp.revision_views import Item, to_json_text
from wasmcp.skills_section import Skill, generated_skills, problem_of

SERVER = ""
"""Owner of the skills that belong to no component."""

_MOST_BYTES = 256 << 20  # bytes of the files of all skills
_BYTES = List(Primitive.U8)
_GENERATED = 2  # kind of a file that a component generates; 0 and 1 are bytes and text
_RESULT = 0  # address of a result: the pointer and the length of a list
_BASE = 16  # address of the first constant


@dataclass(frozen=True)
class OwnedSkill:
    """Skill, and the name of its component; `SERVER` for a skill of the server itself."""

    owner: str
    skill: Skill


def collect(components: Iterable[Component], own: Sequence[Skill]) -> tuple[OwnedSkill, ...]:
    """Return the skills of a server, sorted by path.

    Raises:
        CompositionError: The files of all skills are too large, or two skills have different files of one URI.
        DuplicateEntryError: Two owners have a skill of the same path.
    """
    found: dict[str, OwnedSkill] = {}
    for owner, skills in (*((one.name, one.skills) for one in components), (SERVER, own)):
        for skill in skills:
            problem = problem_of(skill)
            if problem is not None:
                of = f" of `{owner}`" if owner else ""
                raise CompositionError(f"the skill `{skill.path}`{of} {problem}")
            _add(found, OwnedSkill(owner, skill))
    size = sum(one.skill.size for one in found.values())
    if size > _MOST_BYTES:
        raise CompositionError(f"the files of the skills have {size:,} bytes; a server can have {_MOST_BYTES:,}")
    digests: dict[str, tuple[str, str]] = {}
    for one in found.values():
        for file in one.skill.files:
            uri = one.skill.uri_of(file.path)
            path, digest = digests.setdefault(uri, (one.skill.path, file.digest))
            if digest != file.digest:
                raise CompositionError(f"the skills `{path}` and `{one.skill.path}` have different files `{uri}`")
    return tuple(found[path] for path in sorted(found))


def with_generated(skills: Sequence[OwnedSkill], members: Sequence[Member]) -> tuple[OwnedSkill, ...]:
    """Return the skills of a server together with those that its components generate, sorted by path.

    Args:
        skills: The skills that are baked in.
        members: The components with recorded catalogues, and the entries that they own.

    Raises:
        CompositionError: A generated skill cannot be served.
        DuplicateEntryError: Two owners have a skill of the same path.
    """
    found = {one.skill.path: one for one in skills}
    for member in members:
        generated, problems = generated_skills(member.catalogue.resources)
        if problems:
            raise CompositionError("; ".join(f"`{member.component.name}`: {problem}" for problem in problems))
        owner = member.component.name
        for skill in generated:
            carried = found.get(skill.path)
            if carried is not None and carried.owner == owner and carried.skill.is_generated:
                del found[skill.path]  # a chain that was composed carries it; its catalogue has it as well
            _add(found, OwnedSkill(owner, skill))
    return tuple(found[path] for path in sorted(found))


def _add(found: dict[str, OwnedSkill], one: OwnedSkill) -> None:
    """Add a skill to those of a server, by path.

    Raises:
        DuplicateEntryError: There is one of the same path.
    """
    first = found.setdefault(one.skill.path, one)
    if first is not one:
        owners = (first.owner or "the server", one.owner or "the server")
        raise DuplicateEntryError("skill", one.skill.path, owners)


def catalogue_of_skills(skills: Sequence[OwnedSkill]) -> Catalogue:
    """Return the catalogue with the resources that list the skills: the `SKILL.md` of each.

    Components list the files that they generate themselves.
    """
    listed = []
    for one in skills:
        if one.skill.is_generated:
            continue
        file = next(file for file in one.skill.files if one.skill.uri_of(file.path) == one.skill.uri)
        listed.append(one.skill.resource(file))
    return Catalogue(resources=tuple(listed))


def skills_data(skills: Sequence[OwnedSkill]) -> bytes:
    """Return the component that exports `skills-data`."""
    content, places = bytearray(), dict[bytes, int]()

    def put(data: bytes) -> tuple[int, int]:
        """Add data, once for equal data; return its offset and its length."""
        if data not in places:
            places[data] = len(content)
            content.extend(data)
        return places[data], len(data)

    rows: dict[str, tuple[int, ...]] = {}
    entries = {one.skill.uri: to_json_text(one.skill.entry()).encode() for one in skills}
    for one in skills:
        for file in one.skill.files:
            uri = one.skill.uri_of(file.path)
            # The `SKILL.md` of a nested skill has the metadata of the skill, in whichever order both are read.
            if uri in rows and uri != one.skill.uri:
                continue
            resource = to_json_text(one.skill.resource(file)).encode()
            entry = put(entries[uri]) if uri in entries else (0, 0)
            rows[uri] = (*put(file.data), *put(resource), *entry, int(file.is_text))
    for one in skills:
        for generated in one.skill.resources:
            uri = str(generated["uri"])
            if uri not in rows:
                entry = put(entries[uri]) if uri in entries else (0, 0)
                rows[uri] = (0, 0, *put(to_json_text(dict(generated)).encode()), *entry, _GENERATED)
    ordered = sorted(rows, key=str.encode)
    table = b"".join(struct.pack("<7I", *rows[uri]) for uri in ordered)
    return data_component(SKILLS_DATA, {uri: number for number, uri in enumerate(ordered)}, table, bytes(content))


def data_component(interface: str, numbers: Mapping[str, int], table: bytes, content: bytes) -> bytes:
    """Return a component with two functions that return constants, and `read`, which returns a part of the content.

    Args:
        interface: The interface that it exports, `skills-data` or `apps-data`.
        numbers: The numbers of the URIs, for its index.
        table: The result of `table`.
        content: The bytes that `read` returns a part of.
    """
    index_bytes = index(numbers)
    builder = ComponentBuilder()
    types = TypeWriter(builder, lambda _: None)
    functions = {
        "index": Func((), _BYTES),
        "table": Func((), _BYTES),
        "read": Func((("offset", Primitive.U32), ("length", Primitive.U32)), _BYTES),
    }
    module = builder.core_instantiate(builder.core_module(_skills_module(index_bytes, table, content)))
    memory = builder.core_alias(module, "memory", CoreSort.MEMORY)
    exports = {
        name: (
            Sort.FUNC,
            builder.lift(builder.core_alias(module, name, CoreSort.FUNC), types.func(func), memory=memory),
        )
        for name, func in functions.items()
    }
    builder.export(interface, Sort.INSTANCE, builder.instance(exports))
    return builder.to_bytes()


def _skills_module(index_bytes: bytes, table: bytes, content: bytes) -> bytes:
    data = index_bytes + table + content
    module = core_module.CoreModule()
    module.memory((_BASE + len(data)) // core_module.PAGE + 1)
    module.export_memory("memory")
    module.data(_BASE, data)
    i32 = core_module.I32

    def stored(address: bytes, length: bytes) -> bytes:
        return (
            core_module.i32_const(_RESULT)
            + address
            + core_module.i32_store()
            + core_module.i32_const(_RESULT)
            + length
            + core_module.i32_store(4)
            + core_module.i32_const(_RESULT)
        )

    fixed = {"index": (_BASE, len(index_bytes)), "table": (_BASE + len(index_bytes), len(table))}
    for name, (at, length) in fixed.items():
        body = stored(core_module.i32_const(at), core_module.i32_const(length))
        module.export_function(name, module.function([], [i32], body))
    first = _BASE + len(index_bytes) + len(table)
    address = core_module.local_get(0) + core_module.i32_const(first) + core_module.i32_add()
    # A range outside of the content is outside of the memory, or reads what follows: only the framework calls this.
    body = stored(address, core_module.local_get(1))
    module.export_function("read", module.function([i32, i32], [i32], body))
    return module.encode()


def checked_apps(components: Sequence[Component], *, whole: bool = True) -> tuple[AppSummary, ...]:
    """Check the apps of components, and return them in the order of the components.

    Components without a recorded catalogue are not checked: their lists are unknown.

    Args:
        components: The components in the order of the chain.
        whole: True for those of a whole server, which has every page that a tool names.

    Raises:
        AppsError: The error lists every mistake: pages that do not exist, invalid metadata, and apps that need more
            than their component was granted.
    """
    tools = [tool for component in components if component.catalogue for tool in component.catalogue.tools]
    problems: list[str] = []
    found: list[AppSummary] = []
    for component in components:
        problems += _page_problems(component)
        if component.catalogue is None:
            continue
        pages = {page.uri: page for page in component.pages}
        for tool in component.catalogue.tools:
            problems += [f"the tool `{tool['name']}`: `_meta.ui`{problem}" for problem in tool_problems(tool)]
        for resource in component.catalogue.resources:
            if is_app(resource):
                wrong = list(_app_problems(component, resource, pages.get(str(resource["uri"]))))
                problems += [f"the app `{resource['uri']}` of `{component.name}` {problem}" for problem in wrong]
                if not wrong:
                    found.append(summary_of(resource, component.name, pages.get(str(resource["uri"])), tools))
    if whole:
        problems += _missing(components, tools)
    size = sum(page.size for component in components for page in component.pages)
    if size > MOST_BYTES:
        problems.append(f"the pages of all apps have {size:,} bytes; a server can have {MOST_BYTES:,}")
    if problems:
        raise AppsError(problems)
    return tuple(found)


def _app_problems(component: Component, resource: Item, page: AppPage | None) -> Iterator[str]:
    """Yield the mistakes in an app, as ends of sentences about it."""
    meta = resource.get("_meta")
    if page is None and isinstance(meta, dict) and PAGE in meta:
        yield (
            f"has no page: its component names `{meta[PAGE]}`, and was not built by a project of wasmcp, which "
            "includes it"
        )
    if not isinstance(meta, dict) or "ui" not in meta:
        return
    wrong = [f"has `_meta.ui`{problem}" for problem in ui_problems(meta["ui"])]
    yield from wrong
    if not wrong:
        yield from _excess(component, ui_of(resource))


def _page_problems(component: Component) -> Iterator[str]:
    """Yield the mistakes in the metadata of pages: hosts get it when they read a page, whatever the list has."""
    resources = () if component.catalogue is None else component.catalogue.resources
    listed = {str(resource["uri"]): resource for resource in resources}
    for page in component.pages:
        subject = f"the page of the app `{page.uri}` of `{component.name}`"
        resource = listed.get(page.uri)
        if component.catalogue is not None and resource is None:
            yield f"{subject} is not among the resources of its component"
        elif "ui" in page.meta and (resource is None or page.meta["ui"] != (resource.get("_meta") or {}).get("ui")):
            wrong = [f"{subject} has `_meta.ui`{problem}" for problem in ui_problems(page.meta["ui"])]
            yield from wrong
            if not wrong:
                for problem in _excess(component, ui_of({"_meta": page.meta})):
                    yield f"{subject} {problem}"


def _excess(component: Component, ui: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence about each thing that an app needs and its component was not granted."""
    spec = component.spec
    limits = spec.rules.apps
    if APPS in spec.grants and limits is None:
        return
    for asked in needed_by(ui):
        rule = app_rule(asked)
        if not any(one.covers(rule) for one in limits or ()):
            yield (
                f'needs `{asked}`, which its component is not granted: `apps = ["{asked}"]` in '
                f"`[tool.wasmcp.components.{component.name}.grants]`, or `--grant {component.name}=apps:{asked}`"
            )


def _missing(components: Sequence[Component], tools: Sequence[Item]) -> Iterator[str]:
    """Yield a sentence about each tool whose page the server does not have."""
    if any(component.catalogue is None for component in components):
        return
    catalogues = [component.catalogue for component in components if component.catalogue is not None]
    resources = {str(item["uri"]): item for catalogue in catalogues for item in catalogue.resources}
    beginnings = [str(item["uriTemplate"]).partition("{")[0] for one in catalogues for item in one.templates]
    for tool in tools:
        uri = shown_by(tool)
        if uri is None or any(beginning and uri.startswith(beginning) for beginning in beginnings):
            continue
        resource = resources.get(uri)
        if resource is None:
            known = [f"`{one}`" for one in resources if one.startswith(SCHEME)]
            yield (
                f"the tool `{tool['name']}` names the app `{uri}`, which the server does not have; its apps: "
                f"{', '.join(known) or 'none'}"
            )
        elif not is_app(resource):
            kind = resource.get("mimeType", "no media type")
            yield (
                f"the tool `{tool['name']}` names the app `{uri}`, whose media type must be `{APP_MIME_TYPE}`, "
                f"not `{kind}`"
            )


def apps_data(pages: Sequence[AppPage]) -> bytes:
    """Return the component that exports `apps-data`."""
    ordered = sorted(pages, key=lambda page: page.uri.encode())
    content, table = bytearray(), bytearray()
    for page in ordered:
        for data in (page.html.encode(), to_json_text(dict(page.meta)).encode()):
            table += struct.pack("<2I", len(content), len(data))
            content += data
    numbers = {page.uri: number for number, page in enumerate(ordered)}
    return data_component(APPS_DATA, numbers, bytes(table), bytes(content))


TASK_DRAFTS = {FIRST_DRAFT: "tasks-draft", SECOND_DRAFT: "tasks"}
"""The framework component of the tasks extension for each draft of `wasi:keyvalue`."""

_KEY = META_KEYS["task"]
_MODES: tuple[TaskMode, ...] = get_args(TaskMode)

TaskTools = Mapping[str, Mapping[str, Any]]
"""Name of a tool -> its `_meta["wasmcp/task"]`, with all members."""


def task_tools(tools: Sequence[Item]) -> dict[str, dict[str, Any]]:
    """Return the tools that can run as tasks.

    Args:
        tools: The tools of a server, in their wire form.

    Raises:
        CompositionError: The `_meta["wasmcp/task"]` of a tool is not valid; the error lists all problems.
    """
    found: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for tool in tools:
        meta = tool.get("_meta")
        if not isinstance(meta, dict) or _KEY not in meta:
            continue
        given = meta[_KEY]
        wrong = list(_task_problems(given))
        problems += [f'`_meta["{_KEY}"]` of the tool `{tool["name"]}` {problem}' for problem in wrong]
        if not wrong:
            found[tool["name"]] = {"mode": given["mode"], **TASK_DEFAULTS, "required": False, **given}
    if problems:
        listed = "".join(f"\n  * {problem}" for problem in problems)
        raise CompositionError(problems[0] if len(problems) == 1 else f"tools that run as tasks:{listed}")
    return found


def check_storage(tools: TaskTools, components: Sequence[str]) -> None:
    """Check that no component can change the stored tasks, which have the principal of their call.

    Args:
        tools: The tools that can run as tasks.
        components: The names of the components with the whole of `wasi:keyvalue`.

    Raises:
        CompositionError: There are both.
    """
    if tools and components:
        wide, running = (", ".join(f"`{name}`" for name in names) for names in (components, tools))
        raise CompositionError(
            f"{wide} with the whole of `wasi:keyvalue` has access to the tasks of every principal. A server whose "
            f"tools run as tasks ({running}) cannot contain such a component: use wasmcp's interface `key-value` in "
            "it, or remove the option `task` of the tools"
        )


def _task_problems(given: object) -> list[str]:
    if not isinstance(given, dict):
        return [f"must be an object, not {given!r}"]
    modes = " or ".join(f'"{mode}"' for mode in _MODES)
    known = ("mode", *TASK_DEFAULTS, "required")
    problems = [f"has an unknown member `{name}`" for name in given if name not in known]
    if given.get("mode") not in _MODES:
        problems.append(f"must have the `mode` {modes}, not {given.get('mode')!r}")
    if not isinstance(given.get("required", False), bool):
        problems.append(f"must have a boolean as `required`, not {given['required']!r}")
    for name in TASK_DEFAULTS:
        number = given.get(name, 1)
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= TASK_LIMIT:
            problems.append(f"must have milliseconds from 1 to {TASK_LIMIT:,} as `{name}`, not {number!r}")
    return problems


def task_values(tools: TaskTools, capabilities: Mapping[str, Any], *, notifies: bool) -> dict[str, str | bool]:
    """Return the values of the functions of `task-tools`.

    Args:
        tools: The tools that can run as tasks.
        capabilities: The capabilities of the server without the extension.
        notifies: True if clients can listen to tasks; see the interface.
    """
    return {"tools": to_json_text(tools), "notifies": notifies, "capabilities": to_json_text(capabilities)}


def listed_tasks(values: str, tools: Sequence[Item]) -> str:
    """Return the values of `task-tools` of a development build, with the tools that it lists, as JSON.

    Args:
        values: Its values before, as JSON.
        tools: All tools, in their wire form.

    Raises:
        CompositionError: See `task_tools`.
    """
    return to_json_text({**json.loads(values), "tools": to_json_text(task_tools(tools))})


def names_of_tasks(imported: Instance, values: Mapping[str, str | bool]) -> bytes:
    """Return the component that exports `task-tools`.

    Args:
        imported: The type of the interface, as the framework's component imports it.
        values: The values of its functions.
    """
    return constants({TASK_TOOLS: imported}, lambda _interface, name, _type: values[name])
