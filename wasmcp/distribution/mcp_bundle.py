"""MCP bundle (``.mcpb``): the project's wheel and a manifest, which desktop clients install with uv.

The client runs ``server.py`` of the bundle with uv, which installs the wheel and its dependencies for the user's
platform. Components are the same everywhere, so one bundle is for all platforms.

Source: MCPB manifest 0.4 (``@anthropic-ai/mcpb`` 2.1, `schemas/mcpb-manifest-v0.4.schema.json`), server type ``uv``.
"""

from __future__ import annotations

import json
import os
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wasmcp.distribution.descriptions import OperatorInput, PackageMetadata, operator_inputs, refuse
from wasmcp.file_writing import write_atomically
from wasmcp.project.model import Project, import_name

MANIFEST_VERSION = "0.4"
SUFFIX = ".mcpb"
ENTRY_POINT = "server.py"

_EPOCH = 1580601600  # hatchling's default of SOURCE_DATE_EPOCH
_PNG = b"\x89PNG\r\n\x1a\n"
_PLATFORMS = ("darwin", "linux", "win32")

_PYPROJECT = """\
[project]
name = {bundle}
version = {version}
requires-python = {python}
dependencies = [{name}]

[tool.uv]
package = false

[tool.uv.sources]
{name} = {{ path = {wheel} }}
"""

_SERVER = '''\
"""Server of the bundle over standard input and output."""

import os

from wasmcp.host import run

for name in {optional!r}:  # the client sets those without a value to the empty string
    if not os.environ.get(name):
        os.environ.pop(name, None)

run({package!r}, {server!r})
'''


def bundle_name(metadata: PackageMetadata, server: str) -> str:
    """Return the file name of a server's bundle."""
    middle = "" if server == "default" else f"-{server}"
    return f"{metadata.name}{middle}-{metadata.version}{SUFFIX}"


def bundle_manifest(
    project: Project, server: str, metadata: PackageMetadata, entry: Mapping[str, Any], icon: str | None = None
) -> dict[str, Any]:
    """Return the manifest of a bundle.

    Args:
        project: The project.
        server: The server's key.
        metadata: The metadata of its distribution.
        entry: The server's entry in the server manifest.
        icon: The name of the icon in the bundle.

    Raises:
        ConfigError: The project lacks metadata that a manifest must have.
    """
    config = project.servers[server]
    inputs = list(operator_inputs(config.configuration))
    author = next((one for one in metadata.authors if one.get("name")), None)
    problems = metadata.check_runs()
    if author is None:
        problems.append('`project.authors` is needed for a bundle: `authors = [{ name = "..." }]`')
    if not (config.description or metadata.description):
        problems.append("`project.description` is needed for a bundle")
    names = [one.name for one in inputs]
    problems += [
        f"`tool.wasmcp.servers.{server}` declares two values that a bundle would name `{name}`: rename one"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    refuse(problems)
    catalogue = entry.get("catalogue")
    lists = catalogue if isinstance(catalogue, dict) else {}
    repository = metadata.repository
    found: dict[str, Any] = {
        "manifest_version": MANIFEST_VERSION,
        "name": metadata.name if server == "default" else f"{metadata.name}-{server}",
        "display_name": config.title,
        "version": metadata.version,
        "description": config.description or metadata.description,
        "long_description": metadata.readme,
        "author": {key: value for key, value in (author or {}).items() if key in {"name", "email"}},
        "repository": repository and {"type": "git", "url": repository[0]},
        "homepage": config.website_url or metadata.url("homepage"),
        "documentation": metadata.url("documentation", "docs"),
        "support": metadata.url("support", "issues", "bugtracker", "tracker", "bugs"),
        "icon": icon,
        "server": {
            "type": "uv",
            "entry_point": ENTRY_POINT,
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", ENTRY_POINT, *_options(inputs)],
                "env": {one.variable: f"${{user_config.{one.name}}}" for one in inputs if one.variable},
            },
        },
        "tools": [_tool(one) for one in lists.get("tools", ())],
        "tools_generated": catalogue is None or None,
        "prompts_generated": bool(catalogue is None or lists.get("prompts")) or None,
        "keywords": list(metadata.keywords),
        "license": metadata.license,
        "compatibility": {"platforms": list(_PLATFORMS), "runtimes": {"python": _python(metadata)}},
        "user_config": {one.name: _user_config(one) for one in inputs if one.variable or one.required},
    }
    return {key: value for key, value in found.items() if value not in (None, "", [], {})}


def _python(metadata: PackageMetadata) -> str:
    return metadata.requires_python or ">=3.11"


def _options(inputs: list[OperatorInput]) -> list[str]:
    """Return the options for the directories that no variable names; only required ones have a value for certain."""
    named = [one for one in inputs if one.directory and not one.variable and one.required]
    return [word for one in named for word in ("--dir", f"${{user_config.{one.name}}}:{one.directory}")]


def _tool(tool: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(tool[key]) for key in ("name", "description") if tool.get(key)}


def _user_config(one: OperatorInput) -> dict[str, Any]:
    choices = f"One of: {', '.join(one.choices)}." if one.choices else ""
    kind = f"Directory {one.directory} of the server." if one.directory else f"Environment variable {one.title}."
    description = one.description or kind
    if choices:
        description = f"{description.rstrip('.')}. {choices}"
    found: dict[str, Any] = {
        "type": "directory" if one.directory else "string",
        "title": one.title,
        "description": description,
        "required": one.required,
    }
    if one.secret:
        found["sensitive"] = True
    if not one.required:
        found["default"] = one.default or ""  # without a default, clients pass on the name of the placeholder
    return found


def write_bundle(
    project: Project,
    server: str,
    metadata: PackageMetadata,
    entry: Mapping[str, Any],
    *,
    wheel: Path,
    output: Path,
    icon: str | None = None,
) -> Path:
    """Write the bundle of a server; the same inputs give the same bytes.

    Args:
        project: The project.
        server: The server's key.
        metadata: The metadata of its distribution.
        entry: The server's entry in the server manifest.
        wheel: The project's wheel.
        output: The folder of the bundle.
        icon: The path of a PNG file, relative to the project.

    Raises:
        ConfigError: The project lacks metadata, or the icon is not a PNG file of the project.
    """
    files: dict[str, bytes] = {}
    if icon is not None:
        files["icon.png"] = _icon(project, icon)
    manifest = bundle_manifest(project, server, metadata, entry, "icon.png" if icon is not None else None)
    optional = [one.variable for one in operator_inputs(project.servers[server].configuration) if not one.required]
    values = {"bundle": f"{metadata.name}-bundle", "version": metadata.version, "python": _python(metadata)}
    quoted = {key: json.dumps(value) for key, value in {**values, "name": metadata.name, "wheel": wheel.name}.items()}
    files |= {
        "manifest.json": _json(manifest),
        "pyproject.toml": _PYPROJECT.format(**quoted).encode(),
        ENTRY_POINT: _SERVER.format(
            optional=[name for name in optional if name], package=import_name(project), server=server
        ).encode(),
        wheel.name: wheel.read_bytes(),
    }
    path = output / bundle_name(metadata, server)
    write_atomically(path, _archive(files))
    return path


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _icon(project: Project, icon: str) -> bytes:
    key = "tool.hatch.build.targets.mcpb.icon"
    path = (project.root / icon).resolve()
    if not path.is_relative_to(project.root.resolve()) or not path.is_file():
        refuse([f"`{key}` is not a file of the project: `{icon}`"])
    data = path.read_bytes()
    if not data.startswith(_PNG):
        refuse([f"`{key}` must be a PNG file, which `{icon}` is not"])
    return data


def _archive(files: Mapping[str, bytes]) -> bytes:
    import io

    moment = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", _EPOCH)), 315532800))[:6]  # zip begins in 1980
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, moment)
            info.external_attr = 0o100644 << 16
            info.create_system = 3  # Unix, on every platform
            # A wheel is compressed already.
            info.compress_type = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return buffer.getvalue()
