"""Errors and warnings of the compilers, mapped to the author's lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.toolchains.base import ComponentSource, relative_label

_MOST = 20
_FRAME = re.compile(r"^\s*at (?P<name>.*?)\s*\(?[^\s(]*script\.js:(?P<line>\d+)(?::\d+)?\)?$")
_ENGINE = re.compile(r"^.*?Failed to finish JavaScript module evaluation: ", re.DOTALL)
_UNRESOLVED = re.compile(r"TS(?:2307|2591|2580|2792): .*?'(?P<name>[^']+)'")
_OWN_ERROR = re.compile(
    r"^(?:Uncaught )?(?:\w*Error: )+(?=(?:a |the )?(?:tool|prompt|resource|completion|nothing|there)\b)"
)


def failure(source: ComponentSource, answer: Mapping[str, Any], packages: Path | None) -> ToolchainError:
    """Return the error for a failure reported by the compilers."""
    if "problems" in answer:
        return _refused(source, answer["stage"], answer["problems"], packages)
    output = str(answer.get("message", ""))
    if answer.get("stage") == "unavailable":
        message = f'component `{source.name}` (`{source.label}`): {output}: set `engine = "starlingmonkey"` for it'
        return MissingToolchainError(message, source=source.label, toolchain="typescript")
    if answer.get("stage") == "engine":
        return _evaluated(source, output, answer.get("places") or {})
    return ToolchainError(
        f"`{source.label}` was not compiled:", source=source.label, toolchain="typescript", output=output
    )


def warnings(source: ComponentSource, answer: Mapping[str, Any]) -> list[str]:
    """Return a warning for each piece of code that probably was not intended."""
    return [f"warning: {_place(source, one)}{one['text']}" for one in answer.get("warnings", [])]


def _label(source: ComponentSource, file: str, packages: Path | None = None) -> str:
    path = Path(file)
    if packages is not None and path.is_relative_to(packages):
        return path.relative_to(packages).as_posix()
    return relative_label(path, source.root)


def _place(source: ComponentSource, problem: Mapping[str, Any], packages: Path | None = None) -> str:
    if not problem.get("file"):
        return ""
    return f"{_label(source, problem['file'], packages)}:{problem['line']}:{problem['column']}: "


def _refused(
    source: ComponentSource, stage: str, problems: Sequence[Mapping[str, Any]], packages: Path | None
) -> ToolchainError:
    lines: list[str] = []
    for problem in problems[:_MOST]:
        lines.append(_place(source, problem, packages) + _words(problem))
        if problem.get("source", "").strip():
            text = problem["source"].rstrip()
            lines.append(f"    {text}")
            lines.append("    " + re.sub(r"[^\t]", " ", text[: problem["column"] - 1]) + "^")
    if len(problems) > _MOST:
        lines.append(f"... and {len(problems) - _MOST} more")
    who = "the type checker refuses" if stage == "types" else "the bundler refuses"
    return ToolchainError(
        f"{who} `{source.label}`:", source=source.label, toolchain="typescript", output="\n".join(lines)
    )


def _words(problem: Mapping[str, Any]) -> str:
    text = str(problem["text"])
    name = problem.get("module")
    if not name:
        # The type checker reports a missing module first, and suggests to install the types of Node.
        unresolved = _UNRESOLVED.match(text)
        if unresolved is None or unresolved["name"].startswith((".", "/")):
            return text
        is_node = not text.startswith("TS2307") or unresolved["name"].startswith("node:")
        words = text.partition(". Do you")[0].rstrip(".")
        return f"{words}: {_advice(unresolved['name'], is_node=is_node, owner='it')}"
    if str(name).startswith((".", "/")) and not problem.get("builtin"):
        return text
    owner = f"package `{problem['package']}`" if problem.get("package") else "it"
    return _advice(str(name), is_node=bool(problem.get("builtin")), owner=owner)


def _advice(name: str, *, is_node: bool, owner: str) -> str:
    if is_node:
        return f"{owner} imports `{name}`, a module of Node, which is not available in components"
    return (
        f"package `{name}` was not found: add it to the `dependencies` of a `package.json` in the source's folder or "
        "above it, and write the lock file with `npm install --package-lock-only`"
    )


def _evaluated(source: ComponentSource, output: str, places: Mapping[str, Any]) -> ToolchainError:
    """Return the error for a script that the engine rejects, or that throws while it is evaluated."""
    lines = _ENGINE.sub("", output).strip().splitlines() or [output]
    known = {line: f"{places['files'][file]}:{own}" for line, file, own in places.get("lines", [])}
    head: list[str] = []
    frames: list[str] = []
    for line in lines:
        match = _FRAME.match(line)
        if match is None:
            if not frames:
                head.append(line)
            continue
        place = known.get(int(match["line"]))
        if place is not None:
            name = match["name"]
            frames.append(f"    at {name} ({place})" if name and name != "<anonymous>" else f"    at {place}")
    message = _OWN_ERROR.sub("", "\n".join(head))
    where = frames[0].partition("at ")[2] if frames else ""
    place = re.sub(r"^.*\((.*)\)$", r"\1", where) or f"`{source.label}`"
    return ToolchainError(
        f"{place}: {message}", source=source.label, toolchain="typescript", output="\n".join(frames[1:])
    )
