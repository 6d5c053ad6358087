"""Names of modules: those of a server in its folders, and those of FastMCP and the official SDK.

A file that belongs to no package is a script: the modules next to it are its own, as when Python runs it. Packages are
found below the folder above them (the root of a repository, or ``src/``), and folders without ``__init__.py`` are
namespace packages (PEP 420).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from pathlib import Path

from wasmcp.guest import fastmcp
from wasmcp.guest.fastmcp.errors import RefusedMethod
from wasmcp.guest.fastmcp.server import IGNORED, REFUSED

_MOST_FOLDERS = 4
"""The number of folders above a file that its imports can name."""


def imported_names(tree: ast.AST, name: str, *, is_package: bool) -> set[str]:
    """Return the absolute names that a module imports: of modules, and of what can be modules below them.

    Imports by constant name (``importlib.import_module("a.b")``) are among them.

    Args:
        tree: The parsed module.
        name: The dotted name of the module; that of a package for its ``__init__``.
        is_package: True for the ``__init__`` of a package.
    """
    found: set[str] = set()
    package = name.split(".") if is_package else name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: max(len(package) - node.level + 1, 0)] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.update(filter(None, [module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names)]))
        elif isinstance(node, ast.Call) and node.args and _called(node) in ("import_module", "__import__"):
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and not first.value.startswith("."):
                found.add(first.value)
    return found


def root_of(file: Path, tree: ast.AST) -> Path:
    """Return the folder that the names of a file's modules begin in.

    It is the folder of a file without a package, and the folder above the topmost package of another one. Relative
    imports and absolute ones that begin with the name of a folder around the file show namespace packages: the root is
    above these. A file of a package that imports modules next to it by absolute names is a script.

    Args:
        file: The file, absolute.
        tree: The parsed file.
    """
    package = package_around(file)
    root = file.parent if package is None else package.parent
    levels = [node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    names = {name for name in imported_names(tree, "", is_package=False) if name}
    absent = {name for name in names if unit(root, name) is None and not is_standard(name)}
    if package is not None and not levels and any(unit(file.parent, name) is not None for name in absent):
        return file.parent
    if package is None and levels and max(levels) <= len(file.parent.parents):
        root = file.parent.parents[max(levels) - 1]
    for folder in (root, *root.parents)[:_MOST_FOLDERS]:
        if any(name.partition(".")[0] == folder.name and unit(folder.parent, name) is not None for name in absent):
            root = folder.parent
    return root


def package_around(module: Path) -> Path | None:
    """Return the topmost regular package that a module belongs to; None for a module without a package."""
    found = None
    folder = module.parent
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        found, folder = folder, folder.parent
    return found


def unit(root: Path, name: str) -> Path | None:
    """Return the file or the regular package that a dotted name belongs to below a root; None if it does not exist."""
    folder = root
    for part in name.split("."):
        package = folder / part
        if (package / "__init__.py").is_file():
            return package
        module = folder / f"{part}.py"
        if module.is_file():
            return module
        if not package.is_dir():
            return None
        folder = package
    return None


def is_standard(name: str) -> bool:
    """Return True for a dotted name in the standard library."""
    return name.partition(".")[0] in sys.stdlib_module_names


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


REPLACEMENT = "wasmcp.guest.fastmcp"
LIBRARIES = frozenset({"fastmcp", "mcp", "mcp_types"})
"""The top-level modules of the two libraries."""

REPLACED = frozenset(
    {
        "fastmcp",
        "fastmcp.dependencies",
        "fastmcp.exceptions",
        "fastmcp.prompts",
        "fastmcp.prompts.base",
        "fastmcp.prompts.prompt",
        "fastmcp.resources",
        "fastmcp.resources.base",
        "fastmcp.resources.resource",
        "fastmcp.resources.types",
        "fastmcp.server",
        "fastmcp.server.context",
        "fastmcp.server.dependencies",
        "fastmcp.server.elicitation",
        "fastmcp.server.server",
        "fastmcp.tools",
        "fastmcp.tools.base",
        "fastmcp.tools.function_tool",
        "fastmcp.tools.tool",
        "fastmcp.utilities.logging",
        "fastmcp.utilities.types",
        "mcp",
        "mcp.server",
        "mcp.server.elicitation",
        "mcp.server.fastmcp",
        "mcp.server.fastmcp.exceptions",
        "mcp.server.fastmcp.prompts",
        "mcp.server.fastmcp.prompts.base",
        "mcp.server.fastmcp.resources",
        "mcp.server.fastmcp.server",
        "mcp.server.fastmcp.tools",
        "mcp.server.fastmcp.utilities.logging",
        "mcp.server.fastmcp.utilities.types",
        "mcp.server.mcpserver",
        "mcp.server.mcpserver.exceptions",
        "mcp.server.mcpserver.prompts",
        "mcp.server.mcpserver.prompts.base",
        "mcp.server.mcpserver.resources",
        "mcp.server.mcpserver.server",
        "mcp.server.mcpserver.tools",
        "mcp.server.mcpserver.utilities.logging",
        "mcp.server.mcpserver.utilities.types",
        "mcp.server.session",
        "mcp.server.transport_security",
        "mcp.shared.exceptions",
        "mcp.types",
        "mcp_types",
    }
)
"""Modules whose names are in `wasmcp.guest.fastmcp`."""

NAMES = frozenset(fastmcp.__all__)
"""The names of `wasmcp.guest.fastmcp`."""

_OTHER_MEANING = frozenset({"Tool", "Prompt", "Resource", "ResourceTemplate"})
"""Names of `mcp.types` that mean descriptions for the low-level server there."""

SERVERS = ("FastMCP", "MCPServer")
LOW_LEVEL = "declare each tool by `@mcp.tool()` of `FastMCP`: types take the place of hand-written schemas"

ADVICE: Mapping[str, str] = {
    "Client": "test the server by the fixture `wasmcp_server`, and compose servers instead of calling them",
    "ClientSession": "test the server by the fixture `wasmcp_server`, and compose servers instead of calling them",
    "Server": LOW_LEVEL,
    "stdio_server": "the host runs the server: leave it out",
    "InitializationOptions": "the host runs the server: leave it out",
    "NotificationOptions": "the host runs the server: leave it out",
    "Middleware": REFUSED["middleware"],
    "settings": "the settings of the host are in the reference of the environment",
    "FileResource": "read the file in a function with `@mcp.resource`",
    "DirectoryResource": "list the folder in a function with `@mcp.resource`",
    "HttpResource": "request the page in a function with `@mcp.resource`",
}
"""Names without a counterpart that many servers use, and what to do instead."""

_NO_COUNTERPART = "it has no counterpart in `wasmcp.guest.fastmcp`"

SERVER_METHODS: Mapping[str, str] = {
    name: member.advice for name, member in vars(fastmcp.FastMCP).items() if isinstance(member, RefusedMethod)
}
CONTEXT_METHODS: Mapping[str, str] = {
    name: member.advice for name, member in vars(fastmcp.Context).items() if isinstance(member, RefusedMethod)
}
SERVER_ARGUMENTS: Mapping[str, str] = REFUSED
IGNORED_ARGUMENTS: Mapping[str, str] = IGNORED
DECORATOR_ARGUMENTS: Mapping[str, str] = {
    "auth": REFUSED["auth"],
    "task": "tools that become tasks are declared by `@tool(task=True)` of `wasmcp.guest`",
    "app": "declare user interfaces by `app` and `@tool(ui=...)` of `wasmcp.guest`",
    "serializer": "return a `ToolResult`",
}
DECORATORS: Mapping[str, str] = {"tool": "tools", "resource": "resources", "prompt": "prompts"}
"""Decorators, and the capabilities that they declare."""

ADDERS: Mapping[str, str] = {
    "add_tool": "tools",
    "add_resource": "resources",
    "add_template": "resources",
    "add_prompt": "prompts",
}


def has_counterpart(module: str, name: str) -> bool:
    """Return True if a name of a module is in `wasmcp.guest.fastmcp` with the same meaning."""
    return name in NAMES and not (module in ("mcp.types", "mcp_types") and name in _OTHER_MEANING)


def advice_for(module: str, name: str) -> str:
    """Return what to do about a name without a counterpart."""
    if "lowlevel" in module or (module in ("mcp.types", "mcp_types") and name in _OTHER_MEANING):
        return LOW_LEVEL
    return ADVICE.get(name, _NO_COUNTERPART)
