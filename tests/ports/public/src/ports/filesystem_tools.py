"""Files in folders of the operator. The setting `folders` names them, as the component sees them."""

import difflib
import errno
import json
import mimetypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, TypedDict

from wasmcp.guest import Audio, Context, EmbeddedResource, Field, Image, ToolError, config, tool

Content = Image | Audio | EmbeddedResource
Patterns = Annotated[list[str], Field(description="Glob patterns of what is left out")]


class Edit(TypedDict):
    """A replacement in a file."""

    oldText: Annotated[str, Field(description="Text to search for")]
    newText: Annotated[str, Field(description="Text to replace with")]


def folders() -> list[Path]:
    """Return the folders that the operator allows."""
    return [Path(folder) for folder in config.get("folders", list[str])]


def allowed(path: str) -> Path:
    """Return a path below an allowed folder, with symbolic links resolved.

    Raises:
        ToolError: It is not below one.
    """
    given = folders()
    full = os.path.normpath(given[0] / path)
    for place in (Path(full), Path(os.path.realpath(full))):
        if not any(place.is_relative_to(folder) for folder in given):
            named = ", ".join(map(str, given))
            raise ToolError(f"Access denied - path outside allowed directories: {place} not in {named}")
    return Path(os.path.realpath(full))


@contextmanager
def reported() -> Iterator[None]:
    """Report errors of the file system to the client."""
    try:
        yield
    except OSError as error:
        raise ToolError(described(error)) from None


def described(error: OSError) -> str:
    """Return the code, the words and the path of an error."""
    words = (error.strerror or "").lower()
    return f"{errno.errorcode.get(error.errno or 0, 'EIO')}: {words}, open '{error.filename}'"


def sized(size: int) -> str:
    """Return a size in bytes with its unit."""
    if size < 1024:
        return f"{size} B"
    amount = float(size)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if amount < 1024 or unit == "TB":
            return f"{amount:.2f} {unit}"
        amount /= 1024
    raise AssertionError


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder, sorted by name."""
    return sorted(os.scandir(folder), key=lambda entry: entry.name)


def label(entry: os.DirEntry[str]) -> str:
    """Return the mark of files and folders in lists."""
    return "[DIR]" if entry.is_dir(follow_symlinks=False) else "[FILE]"


def matches(path: PurePath, pattern: str) -> bool:
    """Return True if a relative path matches a glob pattern with ``**``."""
    return path.full_match(pattern)


def text_of(path: str, head: float = 0, tail: float = 0) -> str:
    """Return the text of a file, or of its first or last lines."""
    if head and tail:
        raise ToolError("Cannot specify both head and tail parameters simultaneously")
    with reported():
        text = allowed(path).read_bytes().decode("utf-8", "replace")
    if tail:
        return "\n".join(text.replace("\r\n", "\n").split("\n")[-int(tail) :])
    if head:
        lines = text.split("\n")
        return "\n".join((lines if lines[-1] else lines[:-1])[: int(head)])
    return text


First = Annotated[float, Field(description="If provided, returns only the first N lines of the file")]
Last = Annotated[float, Field(description="If provided, returns only the last N lines of the file")]


@tool(read_only=True)
def read_file(path: str, tail: Last = 0, head: First = 0) -> str:
    """Read the complete contents of a file as text. Deprecated: use `read_text_file`."""
    return text_of(path, head, tail)


@tool(read_only=True)
def read_text_file(path: str, tail: Last = 0, head: First = 0) -> str:
    """Read a file as text: all of it, its first lines (`head`), or its last ones (`tail`)."""
    return text_of(path, head, tail)


@tool(read_only=True)
def read_media_file(path: str) -> list[Content]:
    """Read an image or audio file as such, and another file as an embedded resource."""
    found = allowed(path)
    with reported():
        data = found.read_bytes()
    kind = mimetypes.guess_type(found.name)[0] or ""
    if kind.startswith("image/"):
        return [Image(data, kind)]
    if kind.startswith("audio/"):
        return [Audio(data, kind)]
    return [EmbeddedResource(found.as_uri(), data, "application/octet-stream")]


@tool(read_only=True)
def read_multiple_files(paths: Annotated[list[str], Field(min_length=1)]) -> str:
    """Read several files. The error of one of them stands in its place."""

    def one(path: str) -> str:
        try:
            return f"{path}:\n{text_of(path)}\n"
        except ToolError as error:
            return f"{path}: Error - {error}"

    return "\n---\n".join(map(one, paths))


def replace_contents(path: Path, text: str) -> None:
    """Write a file at once: a reader sees the old or the new contents."""
    with reported():
        new = path.with_name(f"{path.name}.new")
        new.write_text(text, "utf-8", newline="")
        new.replace(path)


@tool(destructive=True, idempotent=True)
def write_file(path: str, content: str) -> str:
    """Create a file, or overwrite it without a warning."""
    replace_contents(allowed(path), content)
    return f"Successfully wrote to {path}"


def indent_of(line: str) -> str:
    """Return the blanks at the beginning of a line."""
    return line[: len(line) - len(line.lstrip())]


def edited(text: str, edit: Edit) -> str:
    """Return a text after one edit: an exact match, else one of lines that differ in blanks at their ends."""
    old, new = (edit[key].replace("\r\n", "\n") for key in ("oldText", "newText"))  # type: ignore[literal-required]
    if old in text:
        return text.replace(old, new, 1)
    lines, wanted = text.split("\n"), old.split("\n")
    for start in range(len(lines) - len(wanted) + 1):
        if all(a.strip() == b.strip() for a, b in zip(lines[start:], wanted, strict=False)):
            first = indent_of(lines[start])
            written = []
            for number, line in enumerate(new.split("\n")):
                before = indent_of(wanted[number]) if number < len(wanted) else ""
                if number and not (before and indent_of(line)):
                    written.append(line)
                else:
                    deeper = max(0, len(indent_of(line)) - len(before)) if number else 0
                    written.append(first + " " * deeper + line.lstrip())
            return "\n".join([*lines[:start], *written, *lines[start + len(wanted) :]])
    raise ToolError(f"Could not find exact match for edit:\n{edit['oldText']}")


def patch(path: Path, old: str, new: str) -> str:
    """Return a unified diff with four lines of context, in a block of Markdown."""
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), n=4)
    body = [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in list(lines)[2:]]
    text = f"Index: {path}\n{'=' * 67}\n--- {path}\toriginal\n+++ {path}\tmodified\n{''.join(body)}"
    ticks = "```"
    while ticks in text:
        ticks += "`"
    return f"{ticks}diff\n{text}{ticks}\n\n"


@tool(destructive=True)
def edit_file(path: str, edits: list[Edit], dryRun: bool = False) -> str:
    """Replace texts in a file, and return the changes as a diff. `dryRun` changes nothing."""
    found = allowed(path)
    with reported():
        old = found.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
    new = old
    for edit in edits:
        new = edited(new, edit)
    if not dryRun:
        replace_contents(found, new)
    return patch(found, old, new)


@tool(destructive=False, idempotent=True)
def create_directory(path: str) -> str:
    """Create a directory, and the missing ones above it."""
    with reported():
        allowed(path).mkdir(parents=True, exist_ok=True)
    return f"Successfully created directory {path}"


@tool(read_only=True)
def list_directory(path: str) -> str:
    """List a directory: `[FILE]` or `[DIR]`, and the name of each entry."""
    with reported():
        return "\n".join(f"{label(entry)} {entry.name}" for entry in entries(allowed(path)))


@tool(read_only=True)
def list_directory_with_sizes(path: str, sortBy: Literal["name", "size"] = "name") -> str:
    """List a directory with sizes, and the sum of all."""
    with reported():
        found = [(entry, entry.stat().st_size) for entry in entries(allowed(path))]
    found.sort(key=lambda one: -one[1] if sortBy == "size" else one[0].name.casefold())
    files = [size for entry, size in found if label(entry) == "[FILE]"]
    rows = [f"{label(e)} {e.name:30} {sized(size).rjust(10) if label(e) == '[FILE]' else ''}" for e, size in found]
    total = f"Total: {len(files)} files, {len(found) - len(files)} directories"
    return "\n".join([*rows, "", total, f"Combined size: {sized(sum(files))}"])


@tool(read_only=True)
def directory_tree(path: str, excludePatterns: Patterns = []) -> str:  # noqa: B006 - never changed
    """Return a directory and everything below it as JSON: name, type, and the children of directories."""
    root = allowed(path)

    def is_excluded(below: PurePath) -> bool:
        every = [(pattern, f"**/{pattern}", f"**/{pattern}/**") for pattern in excludePatterns]
        return any(matches(below, one) for group in every for one in (group[:1] if "*" in group[0] else group))

    def tree(folder: Path) -> list[dict[str, Any]]:
        found = []
        for entry in entries(folder):
            if is_excluded(PurePath(entry.path).relative_to(root)):
                continue
            if entry.is_dir(follow_symlinks=False):
                found.append({"name": entry.name, "type": "directory", "children": tree(Path(entry.path))})
            else:
                found.append({"name": entry.name, "type": "file"})
        return found

    with reported():
        return json.dumps(tree(root), indent=2, ensure_ascii=False)


@tool(destructive=True)
def move_file(source: str, destination: str) -> str:
    """Move or rename a file or directory. A destination that exists is an error."""
    old, new = allowed(source), allowed(destination)
    if os.path.lexists(new):
        raise ToolError(f"Destination already exists: {new}")
    with reported():
        old.rename(new)
    return f"Successfully moved {source} to {destination}"


@tool(read_only=True)
def search_files(path: str, pattern: str, excludePatterns: Patterns = []) -> str:  # noqa: B006 - never changed
    """Search files and directories below a directory by a glob pattern, such as `**/*.py`."""
    root = allowed(path)

    def search(folder: Path) -> Iterator[str]:
        for entry in entries(folder):
            below = PurePath(entry.path).relative_to(root)
            if any(matches(below, excluded) for excluded in excludePatterns):
                continue
            if matches(below, pattern):
                yield entry.path
            if entry.is_dir(follow_symlinks=False):
                yield from search(Path(entry.path))

    with reported():
        return "\n".join(search(root)) or "No matches found"


def date(seconds: float) -> str:
    """Return a time as JavaScript writes dates, in UTC."""
    return time.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)", time.gmtime(seconds))


@tool(read_only=True)
def get_file_info(path: str) -> str:
    """Return size, times and kind of a file or directory. A component does not see its permissions."""
    found = allowed(path)
    with reported():
        facts = found.stat()
    is_folder = found.is_dir()
    return "\n".join(
        (
            f"size: {facts.st_size}",
            f"modified: {date(facts.st_mtime)}",
            f"accessed: {date(facts.st_atime)}",
            f"isDirectory: {str(is_folder).lower()}",
            f"isFile: {str(not is_folder).lower()}",
        )
    )


def allowed_folders(_: Context) -> str:
    """Return the description of the folders that the operator allows."""
    return f"List the directories that this server is allowed to access: {', '.join(map(str, folders()))}."


@tool(read_only=True, description=allowed_folders)
def list_allowed_directories() -> str:
    """List the directories that this server is allowed to access."""
    return "\n".join(["Allowed directories:", *map(str, folders())])
