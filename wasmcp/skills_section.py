"""Skills inside a component or a server: their front matter and their files, in a custom section.

A component with skills carries them, so that servers which are composed of it serve them, from a registry as well. The
section is called `wasmcp-skills`. Its content: the length of a header as little-endian u32; the header, a JSON array of
skills with `path`, `frontmatter` and `files`, each of which has `path`, `mimeType` and `size`; then the files' bytes in
the same order. A skill whose files a component generates has no files, but their `Resource` objects: `resources`.

Source: Model Context Protocol, extension `io.modelcontextprotocol/skills`; Agent Skills specification;
component-model, design/mvp/Binary.md (custom sections); RFC 3986, section 3.3.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any
from urllib.parse import quote, unquote

from wasmcp.component.custom_sections import custom_section, custom_sections
from wasmcp.errors import ComponentError
from wasmcp.protocol import META_KEYS
from wasmcp.revision_views import to_json_text

SECTION = "wasmcp-skills"
RECORD = "wasmcp-served-skills"
"""Custom section of a server with the summaries of its skills, a JSON array."""
EXTENSION = "io.modelcontextprotocol/skills"
"""Identifier of the extension."""
SETTINGS = {"directoryRead": True}
"""Settings of the extension that a server with skills declares."""
FRONT_MATTER = META_KEYS["front_matter"]
"""Key of `_meta` of a resource that is the `SKILL.md` of a generated skill: its value is the front matter."""
SKILL_FILE = "SKILL.md"
MOST_FILES = 512
"""Maximum number of files of a skill that every client accepts."""
MOST_BYTES = 16 << 20
"""Maximum size in bytes of a skill's files that every client accepts."""
NAME = re.compile(r"(?!.*--)[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
"""Name of a skill, which is also the name of its folder."""

LIMITS = {"description": 1024, "compatibility": 500}
"""Maximum length in characters of texts of the front matter."""

_SAFE = "!$&'()*+,;=:@-._~"
_SCHEME = "skill://"
# Readers of YAML fold these line breaks, or refuse these characters: they cannot stand in a quoted text as themselves.
_UNREADABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


@dataclass(frozen=True)
class SkillFile:
    """File of a skill.

    Attributes:
        path: Its path in the skill's folder, with forward slashes.
        mime_type: Its media type.
        data: Its bytes.
    """

    path: str
    mime_type: str
    data: bytes

    @cached_property
    def digest(self) -> str:
        """Digest of the file, as `sha256:HEX`."""
        return f"sha256:{sha256(self.data).hexdigest()}"

    @property
    def is_text(self) -> bool:
        """True if the file is UTF-8: such a file is sent as text."""
        try:
            self.data.decode()
        except UnicodeDecodeError:
            return False
        return True


@dataclass(frozen=True)
class Skill:
    """Skill.

    Attributes:
        path: Its path in the server: a prefix, if it has one, and its name.
        frontmatter: The front matter of its `SKILL.md`: JSON values.
        files: Its files, sorted by path; `SKILL.md` is one of them. Empty for a generated skill.
        resources: The `Resource` objects of a generated skill's files, as far as they are listed, `SKILL.md` first:
            a component generates their contents at each read, so that they have no digests.
    """

    path: str
    frontmatter: Mapping[str, Any]
    files: tuple[SkillFile, ...]
    resources: tuple[Mapping[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """Name of the skill."""
        return str(self.frontmatter["name"])

    @property
    def uri(self) -> str:
        """URI of its `SKILL.md`."""
        return self.uri_of(SKILL_FILE)

    @property
    def size(self) -> int:
        """Size of its files in bytes."""
        return sum(len(file.data) for file in self.files)

    @property
    def is_generated(self) -> bool:
        """True if a component generates its files."""
        return bool(self.resources)

    def uri_of(self, path: str) -> str:
        """Return the URI of one of its files."""
        return _SCHEME + "/".join(quote(part, safe=_SAFE) for part in f"{self.path}/{path}".split("/"))

    def entry(self) -> dict[str, Any]:
        """Return its entry in `skills/list`: the schema `Skill` of the extension."""
        if self.is_generated:
            return {"uri": self.uri, "frontmatter": dict(self.frontmatter), "resources": "dynamic"}
        files = [
            {"uri": self.uri_of(file.path), "digest": file.digest, "size": len(file.data)}
            for file in sorted(self.files, key=lambda file: file.path != SKILL_FILE)
        ]
        return {"uri": self.uri, "frontmatter": dict(self.frontmatter), "resources": files}

    def resource(self, file: SkillFile) -> dict[str, Any]:
        """Return the `Resource` object of one of its files."""
        found: dict[str, Any] = {"uri": self.uri_of(file.path), "name": file.path.rpartition("/")[2]}
        if file.path == SKILL_FILE:
            found |= {"name": self.name, "description": self.frontmatter["description"]}
        return {**found, "mimeType": file.mime_type, "size": len(file.data)}


@dataclass(frozen=True)
class SkillSummary:
    """Skill without its files.

    Attributes:
        path: Its path in the server.
        owner: The component that carries it; the empty string for a skill of the server itself.
        description: Its description.
        files: The number of its files; of a generated skill, of those that are listed.
        size: Their size in bytes; 0 for a generated skill.
        digest: The digest of its entry in `skills/list`, which has the digests of all files.
        generated: True if a component generates its files.
    """

    path: str
    owner: str
    description: str
    files: int
    size: int
    digest: str
    generated: bool = False

    @classmethod
    def of(cls, skill: Skill, owner: str) -> SkillSummary:
        """Return the summary of a skill."""
        entry = to_json_text(skill.entry()).encode()
        description = str(skill.frontmatter["description"])
        return cls(
            path=skill.path,
            owner=owner,
            description=description,
            files=len(skill.files) or len(skill.resources),
            size=skill.size,
            digest=f"sha256:{sha256(entry).hexdigest()}",
            generated=skill.is_generated,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON representation."""
        return asdict(self)


def record(skills: Sequence[SkillSummary]) -> bytes:
    """Return the custom section of a server with these skills; empty bytes without skills."""
    text = to_json_text([skill.to_dict() for skill in skills])
    return custom_section(RECORD, text.encode()) if skills else b""


def summaries(data: bytes) -> tuple[SkillSummary, ...]:
    """Return the skills of a server by its record, or those that a component carries.

    Raises:
        ComponentError: A section is damaged.
    """
    recorded = custom_sections(data, RECORD)
    if not recorded:
        return tuple(SkillSummary.of(skill, "") for skill in skills_of(data))
    try:
        return tuple(
            SkillSummary(
                path=str(one["path"]),
                owner=str(one["owner"]),
                description=str(one["description"]),
                files=int(one["files"]),
                size=int(one["size"]),
                digest=str(one["digest"]),
                generated=bool(one.get("generated", False)),
            )
            for one in json.loads(recorded[-1])
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ComponentError(f"its section `{RECORD}` is damaged: compose the server again") from None


def problem_of(skill: Skill) -> str | None:
    """Return why a skill cannot be served, as the end of a sentence about it; None if it can."""
    parts = skill.path.split("/")
    name, description = skill.frontmatter.get("name"), skill.frontmatter.get("description")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return (
            f"has the name {name!r}, which must have 1 to 64 lower-case letters, digits and single hyphens, without a "
            "hyphen at the beginning or the end"
        )
    if parts[-1] != name:
        return f"has the name `{name}`, but its folder is named `{parts[-1]}`: both must be the same"
    if not isinstance(description, str) or not description.strip() or len(description) > LIMITS["description"]:
        return f"needs a `description` of 1 to {LIMITS['description']:,} characters in its front matter"
    paths = [file.path for file in skill.files]
    if not skill.is_generated and SKILL_FILE not in paths:
        return f"has no `{SKILL_FILE}`"
    if any(not part or part in {".", ".."} for path in (skill.path, *paths) for part in path.split("/")):
        return "has a path with an empty part, `.` or `..`"
    if len(set(paths)) < len(paths):
        return "has a file twice"
    return size_problem(len(paths), skill.size)


def size_problem(files: int, size: int) -> str | None:
    """Return why a skill with so many files of so many bytes in all cannot be served, as `problem_of`."""
    if files > MOST_FILES:
        return f"has {files} files; clients accept {MOST_FILES}"
    if size > MOST_BYTES:
        return f"has files of {size:,} bytes; clients accept {MOST_BYTES:,}"
    return None


def generated_skills(resources: Sequence[Mapping[str, Any]]) -> tuple[list[Skill], list[str]]:
    """Find the skills that a component generates, in the list of its resources.

    The `SKILL.md` of a skill has its front matter in `_meta`; the other resources below the path of the skill are its
    files. Readers of the file must find the same front matter.

    Args:
        resources: The `Resource` objects of the component.

    Returns:
        The skills, in the order of the list; and a sentence about each mistake in the others.
    """
    skills: list[Skill] = []
    problems = []
    for item in resources:
        meta = item.get("_meta")
        if not isinstance(meta, Mapping) or FRONT_MATTER not in meta:
            continue
        uri, front_matter = str(item["uri"]), meta[FRONT_MATTER]
        folder = uri.removesuffix(f"/{SKILL_FILE}")
        if not uri.startswith(_SCHEME) or folder == uri:
            problems.append(f"the skill `{uri}` must have a URI of the form `{_SCHEME}PATH/{SKILL_FILE}`")
            continue
        if not isinstance(front_matter, Mapping):
            problems.append(f"the skill `{uri}` must have an object as its front matter, `_meta[{FRONT_MATTER!r}]`")
            continue
        files = (one for one in resources if one is not item and str(one["uri"]).startswith(f"{folder}/"))
        skill = Skill(unquote(folder.removeprefix(_SCHEME)), front_matter, (), (item, *files))
        problem = problem_of(skill) or _problem_of_texts(front_matter)
        if problem is not None:
            problems.append(f"the skill `{uri}` {problem}")
        else:
            skills.append(skill)
    return skills, problems


def _problem_of_texts(front_matter: Mapping[str, Any]) -> str | None:
    """Return why readers can refuse a front matter or find other values in it; None otherwise."""
    for key, most in LIMITS.items():
        if isinstance(front_matter.get(key), str) and len(front_matter[key]) > most:
            return f"has `{key}` of more than {most} characters in its front matter"
    found = _UNREADABLE.search(json.dumps(dict(front_matter), ensure_ascii=False))
    if found is not None:
        return f"has the character U+{ord(found[0]):04X} in its front matter, which readers of YAML do not accept"
    return None


def section(skills: Sequence[Skill]) -> bytes:
    """Return the custom section, to append to a component; empty bytes without skills."""
    if not skills:
        return b""
    header = to_json_text(
        [
            {
                "path": skill.path,
                "frontmatter": dict(skill.frontmatter),
                "files": [
                    {"path": file.path, "mimeType": file.mime_type, "size": len(file.data)} for file in skill.files
                ],
                **({"resources": [dict(one) for one in skill.resources]} if skill.is_generated else {}),
            }
            for skill in skills
        ]
    ).encode()
    content = b"".join(file.data for skill in skills for file in skill.files)
    return custom_section(SECTION, struct.pack("<I", len(header)) + header + content)


def skills_of(data: bytes) -> tuple[Skill, ...]:
    """Return the skills of a component, from all of its sections.

    Raises:
        ComponentError: A section is damaged, or has a skill that cannot be served.
    """
    return tuple(skill for text in custom_sections(data, SECTION) for skill in _read(bytes(text)))


def _read(text: bytes) -> Iterable[Skill]:
    try:
        skills, end = _parsed(text)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        skills, end = [], -1
    if end != len(text):
        raise ComponentError(f"its section `{SECTION}` is damaged: build the component again")
    for skill in skills:
        problem = problem_of(skill)
        if problem is not None:
            raise ComponentError(f"its skill `{skill.path}` {problem}")
    return skills


def _parsed(text: bytes) -> tuple[list[Skill], int]:
    """Parse a section. Return its skills and the offset where its files end.

    Raises:
        KeyError, TypeError, ValueError, struct.error: It has another format.
    """
    (length,) = struct.unpack_from("<I", text)
    at = 4 + length
    skills = []
    for one in json.loads(text[4:at]):
        files = []
        for file in one["files"]:
            size = file["size"]
            if type(size) is not int or size < 0:
                raise ValueError(size)
            files.append(SkillFile(str(file["path"]), str(file["mimeType"]), text[at : at + size]))
            at += size
        resources = tuple({**resource, "uri": str(resource["uri"])} for resource in one.get("resources", ()))
        skills.append(Skill(str(one["path"]), dict(one["frontmatter"]), tuple(files), resources))
    return skills, at
