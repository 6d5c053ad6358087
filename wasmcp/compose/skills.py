"""Skills of a server: those of its components and its own, and the component that holds their files.

Source: wit/baked.wit (`skills-data`); Model Context Protocol, extension `io.modelcontextprotocol/skills`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wasmcp.component import core_module
from wasmcp.component.binary_format import CoreSort, Sort
from wasmcp.component.builder import ComponentBuilder
from wasmcp.component.type_section import TypeWriter
from wasmcp.component.types import Func, List, Primitive
from wasmcp.compose.catalogue import Catalogue, index
from wasmcp.compose.chain_plan import Member
from wasmcp.compose.component_reader import Component
from wasmcp.compose.interfaces import SKILLS_DATA
from wasmcp.errors import CompositionError, DuplicateEntryError
from wasmcp.revision_views import to_json_text
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
    module = builder.core_instantiate(builder.core_module(_module(index_bytes, table, content)))
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


def _module(index_bytes: bytes, table: bytes, content: bytes) -> bytes:
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
