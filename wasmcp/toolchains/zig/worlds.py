"""World of a Zig component: exports for the capabilities that its file declares, and all possible imports."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wasmcp.bindgen.files import write_atomically

CAPABILITIES = ("tools", "resources", "prompts", "completions")
"""Constants that a file can declare (`pub const tools = ...`); each corresponds to an interface."""

DECLARED = ("tools-component", "component")
"""Worlds that are replaced by one for the declared capabilities."""

_PACKAGE = "wasmcp:mcp-v20260728@0.1.0"
# Unused imports are not linked, so all can be listed. Without a grant, a stub denies the calls.
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
    """Yield the public top-level constants of a Zig file, such as `tools` and `exports`."""
    depth = 0
    for token in _TOKENS.finditer(text):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
        elif token["name"] and depth == 0:
            yield token["name"]


def world_of(text: str, wit: Path, world: str, cache: Path) -> tuple[Path, str]:
    """Return the WIT folder and the world to build a component for.

    Args:
        text: The text of the author's file.
        wit: The folder of wasmcp's WIT.
        world: The configured world.
        cache: The folder for generated worlds.

    Returns:
        `wit` and `world` for a file that declares `exports`, or for a world other than `DECLARED`; else a folder with
        a world generated for the declared capabilities.
    """
    names = set(listed(text))
    if world not in DECLARED or "exports" in names:
        return wit, world
    if names & {"resources", "prompts"}:
        names.add("completions")  # of arguments whose type has few values
    # If none is declared, the compiler reports that `tools` is missing.
    offered = [name for name in CAPABILITIES if name in names] or ["tools"]
    lines = ["import messages;", *(f"export {name};" for name in offered), *(f"include {name};" for name in _IMPORTS)]
    lines += ["import wasi:cli/environment@0.2.8;", "import wasi:cli/stderr@0.2.8;"]
    definition = f"package {_PACKAGE};\n\nworld offering-{'-'.join(offered)} {{\n  " + "\n  ".join(lines) + "\n}\n"
    return _merged(wit, definition, cache), f"offering-{'-'.join(offered)}"


def _merged(wit: Path, definition: str, cache: Path) -> Path:
    """Return a folder with wasmcp's WIT and one more world: a stable path, for the compiler's cache."""
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
                if not target.is_dir():  # else another process was faster
                    raise
    return target
