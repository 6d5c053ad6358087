"""The world of a Zig component: what its file lists, and everything it may import."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wasmcp.bindgen.files import write_atomically

CAPABILITIES = ("tools", "resources", "prompts", "completions")
"""What a file may list, as `pub const tools = ...`; each is an interface."""

DECLARED = ("tools-component", "component")
"""The worlds that stand for "what the file lists"."""

_PACKAGE = "wasmcp:mcp-v20260728@0.1.0"
# Nothing is imported that is not called, so that everything may be offered; what was not granted is denied by a stub.
_IMPORTS = ("http-imports", "kv-imports", "sessions-imports", "config-imports")
_TOKENS = re.compile(
    r"""//[^\n]*                        # a comment
    | \\\\[^\n]*                        # a line of a multiline string
    | "(?:\\.|[^"\\\n])*"               # a string, or a quoted name
    | '(?:\\.|[^'\\\n])*'               # a character
    | [{}]
    | pub\s+const\s+(?P<name>[a-z]+)\b""",
    re.VERBOSE,
)


def listed(text: str) -> Iterator[str]:
    """The public constants of a Zig file, those at its top level: `tools`, `exports` and the like."""
    depth = 0
    for token in _TOKENS.finditer(text):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
        elif token["name"] and depth == 0:
            yield token["name"]


def world_of(text: str, wit: Path, world: str, cache: Path) -> tuple[Path, str]:
    """The WIT folder and the world that a component is built for.

    Args:
        text: The author's file.
        wit: The folder of our contracts.
        world: The world that was configured.
        cache: Where a world that is made goes.

    Returns:
        `wit` and `world` for a file with `exports` of its own or another world than the default one; else a folder with
        a world of what the file lists.
    """
    names = set(listed(text))
    if world not in DECLARED or "exports" in names:
        return wit, world
    # Without any, the compiler says what is missing.
    offered = [name for name in CAPABILITIES if name in names] or ["tools"]
    lines = ["import messages;", *(f"export {name};" for name in offered), *(f"include {name};" for name in _IMPORTS)]
    lines += ["import wasi:cli/environment@0.2.8;", "import wasi:cli/stderr@0.2.8;"]
    definition = f"package {_PACKAGE};\n\nworld offering-{'-'.join(offered)} {{\n  " + "\n  ".join(lines) + "\n}\n"
    return _merged(wit, definition, cache), f"offering-{'-'.join(offered)}"


def _merged(wit: Path, definition: str, cache: Path) -> Path:
    """A folder with our contracts and a world more: the same one every time, so that the compiler knows its files."""
    files = {path.relative_to(wit).as_posix(): path.read_bytes() for path in sorted(wit.rglob("*.wit"))}
    digest = hashlib.sha256(definition.encode())
    for name, content in files.items():
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    target = cache / "worlds" / digest.hexdigest()[:20]
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = Path(
                shutil.copytree(wit, Path(folder) / "wit", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
            )
            write_atomically(made / "offering.wit", definition.encode())
            try:
                made.replace(target)
            except OSError:
                if not target.is_dir():  # else somebody else was faster
                    raise
    return target
