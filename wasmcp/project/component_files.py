"""Files of a project that are put into components: skills in folders, and pages of apps.

Skills are found by patterns, read and checked at build. A component lists an app as a resource whose `_meta` names its
page, a file of the project, which is bundled.

Source: Agent Skills specification (front matter); YAML 1.1 and 1.2 (resolution of plain scalars); Model Context
Protocol, extension `io.modelcontextprotocol/skills`.
"""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from wasmcp.app_pages import bundled
from wasmcp.apps_section import PAGE, AppPage, listed, ui_of, ui_problems
from wasmcp.compose.catalogue import Catalogue
from wasmcp.errors import AppsError, SkillsError
from wasmcp.project.model import SkillFolders
from wasmcp.skills_section import LIMITS, SKILL_FILE, Skill, SkillFile, problem_of, size_problem

_FENCE = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_MOST_FRONT_MATTER = 64 << 10
_TYPES = {".md": "text/markdown", ".py": "text/x-python", ".sh": "application/x-sh", ".yaml": "application/yaml"}
_TYPES |= {".yml": "application/yaml", ".toml": "application/toml", ".ts": "text/x-typescript"}
_TAG = "tag:yaml.org,2002:"
# The core schema of YAML 1.2 (section 10.3.2), by tag.
_CORE = {
    "null": re.compile(r"null|Null|NULL|~|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "float": re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
}


def folders_of(root: Path, table: SkillFolders) -> tuple[list[tuple[str, Path]], list[str]]:
    """Find the folders of skills.

    The path of a skill in the server is that of its folder below the part of the pattern that has no wildcard.

    Args:
        root: The folder of the project.
        table: The patterns, and the prefix of the paths.

    Returns:
        The path in the server and the folder of each skill, sorted; and a sentence about each pattern without a match.
    """
    found: dict[str, Path] = {}
    problems = []
    for pattern in table.paths:
        parts = PurePosixPath(pattern).parts
        fixed = list(parts[:-1])
        for index, part in enumerate(parts):
            if any(mark in part for mark in "*?["):
                fixed = list(parts[:index])
                break
        base = root.joinpath(*fixed)
        matches = sorted(path for path in root.glob(pattern) if path.is_dir() and (path / SKILL_FILE).is_file())
        if not matches:
            problems.append(f"`{pattern}` matches no folder with a `{SKILL_FILE}`")
        for folder in matches:
            path = folder.relative_to(base).as_posix()
            found[f"{table.prefix}/{path}" if table.prefix else path] = folder
    return sorted(found.items()), problems


def files_of(root: Path, table: SkillFolders) -> list[Path]:
    """Return the files of all skills, sorted."""
    return sorted({file for _, folder in folders_of(root, table)[0] for file in _files(folder)})


def read_skills(root: Path, table: SkillFolders) -> tuple[Skill, ...]:
    """Read the skills of a table.

    Raises:
        SkillsError: The error lists every mistake in them.
    """
    missing = [name for name in ("yaml", "markdown_it") if find_spec(name) is None]
    if missing:
        raise SkillsError([f'`{name}` is not installed: `pip install "wasmcp[skills]"`' for name in missing])
    folders, problems = folders_of(root, table)
    skills = []
    for path, folder in folders:
        label = folder.relative_to(root).as_posix()
        skill, wrong = _read(path, folder, label)
        problems += wrong
        if skill is not None:
            skills.append(skill)
    if problems:
        raise SkillsError(problems)
    return tuple(skills)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a skill, without hidden ones and caches of Python."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in inside):
            yield path


def _read(path: str, folder: Path, label: str) -> tuple[Skill | None, list[str]]:
    problems = []
    files = []
    paths = list(_files(folder))
    too_large = size_problem(len(paths), sum(file.stat().st_size for file in paths))
    if too_large is not None:  # the files are not read
        return None, [f"the skill in `{label}` {too_large}"]
    for file in paths:
        name = file.relative_to(folder).as_posix()
        if not file.resolve().is_relative_to(folder.resolve()):
            problems.append(f"`{label}/{name}` is a link to a file outside of the folder of the skill: copy that file")
            continue
        files.append(SkillFile(name, _media_type(name), file.read_bytes()))
    text = next((file.data for file in files if file.path == SKILL_FILE), b"")
    where = f"`{label}/{SKILL_FILE}`"
    try:
        written = text.decode()
    except UnicodeDecodeError as error:
        return None, [*problems, f"{where} is not UTF-8 (byte {error.start})"]
    front_matter, wrong = _front_matter(written, where)
    problems += wrong
    if front_matter is None:
        return None, problems
    skill = Skill(path, front_matter, tuple(sorted(files, key=lambda file: file.path)))
    problem = problem_of(skill)
    if problem is not None:
        problems.append(f"the skill in `{label}` {problem}")
    problems += _broken_links(skill, label)
    return skill, problems


def _media_type(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(name, strict=False)[0] or "application/octet-stream"


def _front_matter(text: str, where: str) -> tuple[dict[str, Any] | None, list[str]]:
    """Read the front matter of a `SKILL.md`. Return it as JSON values, or None, and the mistakes in it."""
    import yaml  # type: ignore[import-untyped]

    found = _FENCE.match(text)
    if found is None:
        return None, [f"{where} must begin with front matter: a line `---`, YAML with `name` and `description`, `---`"]
    if len(found[1]) > _MOST_FRONT_MATTER:
        return None, [f"{where} has front matter of more than {_MOST_FRONT_MATTER >> 10} KiB"]
    try:
        tokens = list(yaml.scan(found[1], Loader=yaml.SafeLoader))
        if any(isinstance(token, (yaml.AliasToken, yaml.AnchorToken, yaml.TagToken)) for token in tokens):
            return None, [f"{where} has an anchor, an alias or a tag in its front matter: write the value itself"]
        node = yaml.compose(found[1], Loader=yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode):
            return None, [f"{where} has front matter that is not a mapping of keys to values"]
        problems = [f"{where}: {problem}" for problem in _ambiguous(node)]
        value = yaml.safe_load(found[1])
        json.dumps(value, allow_nan=False)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f" (line {mark.line + 2})"
        return None, [f"{where} has front matter that is not YAML{line}: {getattr(error, 'problem', None) or error}"]
    except (TypeError, ValueError, RecursionError):
        return None, problems or [f"{where} has a value in its front matter that JSON cannot hold: put it into quotes"]
    problems += [
        f"{where}: `{key}` has more than {most} characters"
        for key, most in LIMITS.items()
        if key != "description" and isinstance(value.get(key), str) and len(value[key]) > most
    ]
    return value, problems


def _ambiguous(node: Any) -> Iterator[str]:
    """Yield a sentence about each value that readers of YAML 1.1 and 1.2 read differently, and each doubled key.

    Clients compare the front matter that they read with the one that the server sends.
    """
    import yaml

    if isinstance(node, yaml.ScalarNode):
        core = next((f"{_TAG}{tag}" for tag, form in _CORE.items() if form.fullmatch(node.value)), f"{_TAG}str")
        octal = node.tag == f"{_TAG}int" and re.fullmatch(r"[-+]?0[0-9]+", node.value) is not None
        if node.style is None and (node.tag != core or octal):
            line = node.start_mark.line + 2
            yield f"line {line} has `{node.value}`, which readers of YAML interpret differently: put it into quotes"
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _ambiguous(item)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != f"{_TAG}str":
                yield f"line {key.start_mark.line + 2} has a key that is not a text: put it into quotes"
                continue
            if key.value in seen:
                yield f"line {key.start_mark.line + 2} has the key `{key.value}` a second time"
            seen.add(key.value)
            yield from _ambiguous(value)


def _broken_links(skill: Skill, label: str) -> list[str]:
    """Return a sentence about each relative link in Markdown files that leads to no file of the skill."""
    paths = {file.path for file in skill.files}
    folders = {"", *(parent.as_posix() for path in paths for parent in PurePosixPath(path).parents)} - {"."}
    problems = []
    for file in skill.files:
        if file.mime_type != "text/markdown" or not file.is_text:
            continue
        # Links are relative to the root of the skill; many authors write those of other files relative to the file.
        bases = dict.fromkeys(["", "" if "/" not in file.path else file.path.rpartition("/")[0]])
        for line, target in _links(file.data.decode()):
            reached = [_joined(base, target) for base in bases]
            if any(path is not None and (path in paths or path in folders) for path in reached):
                continue
            reason = "leads outside of the folder of the skill" if None in reached else "does not exist in the skill"
            problems.append(f"`{label}/{file.path}` has a link to `{target}` (line {line}), which {reason}")
    return problems


def _links(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the path of each relative link and image of a Markdown text."""
    from markdown_it import MarkdownIt

    body = _FENCE.match(text)
    skipped = 0 if body is None else body[0].count("\n")
    for token in MarkdownIt().parse("\n" * skipped + text[0 if body is None else body.end() :]):
        for child in token.children or ():
            target = child.attrGet("href") if child.type == "link_open" else child.attrGet("src")
            if not isinstance(target, str):
                continue
            parts = urlsplit(target)
            if not parts.scheme and not parts.netloc and parts.path and not parts.path.startswith("/"):
                yield (token.map[0] + 1 if token.map else 1), unquote(parts.path)


def _joined(base: str, target: str) -> str | None:
    """Return the path that a link leads to; None if it leaves the folder of the skill."""
    parts: list[str] = [part for part in base.split("/") if part]
    for part in target.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)


def pages_in(root: Path, component: str, catalogue: Catalogue, known: Mapping[str, Path]) -> tuple[AppPage, ...]:
    """Return the pages of the apps in a catalogue that name one.

    Args:
        root: The folder of the project.
        component: The name of the component.
        catalogue: Its catalogue.
        known: The pages that its sources name, by their path in the project.

    Raises:
        AppsError: The error lists every mistake in the pages.
    """
    problems: list[str] = []
    found: list[AppPage] = []
    for resource in catalogue.resources:
        meta = dict(resource.get("_meta") or {})
        page = meta.get(PAGE)
        if page is None:
            continue
        about = f"the app `{resource['uri']}` of `{component}`"
        if not isinstance(page, str) or (page not in known and (root / page).is_file()):
            problems.append(
                f"{about} has the page {page!r:.200}, which no source of the component names: write its path as one "
                'string, `"src/page.html"`, so that builds find its files'
            )
            continue
        wrong = [f"{about} has `_meta.ui`{problem}" for problem in ui_problems(meta.get("ui", {}))]
        csp: Any = {} if wrong else ui_of(resource).get("csp", {})
        made, mistakes = bundled(root, page, csp)
        problems += [*wrong, *(f"{about}: {mistake}" for mistake in mistakes)]
        if made is not None:
            found.append(AppPage(str(resource["uri"]), {"ui": dict(ui_of(resource))}, made.html))
    if problems:
        raise AppsError(problems)
    return tuple(found)


def with_pages(catalogue: Catalogue, pages: tuple[AppPage, ...]) -> Catalogue:
    """Return a catalogue whose apps are listed as servers list them."""
    if not pages:
        return catalogue
    by_uri = {page.uri: page for page in pages}
    return replace(catalogue, resources=tuple(listed(resource, by_uri) for resource in catalogue.resources))
