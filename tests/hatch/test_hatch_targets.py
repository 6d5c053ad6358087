"""Build targets `mcpb` and `server-json`: valid by the schemas and programs of those who read them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from mcp import Client, StdioServerParameters
from support.projects import write_project
from support.published_schemas import bundle_program, bundle_schema, registry_schemas

from wasmcp.distribution.publishing import markers

NAME = "io.github.ada/weather"
SOURCE = """\
const mcp = @import("wasmcp");

pub const tools = .{mcp.tool("variable", "Read a variable.", variable)};

fn variable(args: struct { name: []const u8 }) !?[]const u8 {
    return mcp.config.environment(args.name);
}
"""
PYPROJECT = """\
[build-system]
requires = ["hatchling", "wasmcp[build]"]
build-backend = "hatchling.build"

[project]
name = "weather"
version = "1.2.3"
description = "Forecasts of the weather service"
readme = "README.md"
license = "MIT"
requires-python = ">=3.11"
authors = [{ name = "Ada", email = "ada@example.com" }]
keywords = ["weather"]
dependencies = ["wasmcp"]
urls = { Homepage = "https://example.com/weather", Source = "https://github.com/ada/weather" }

[project.scripts]
weather = "weather.server:main"

[tool.hatch.build.targets.wheel]
packages = ["src/weather"]

[tool.hatch.build.hooks.wasmcp]

[tool.wasmcp.components.tools]
source = "zig/tools.zig"
grants = ["env", "fs"]

[tool.wasmcp.servers.default]
components = ["tools"]
title = "Weather"

[tool.wasmcp.servers.default.env]
API_KEY = { description = "Key of the weather service", required = true, secret = true }
UNITS = { description = "Units of temperatures", choices = ["metric", "imperial"] }

[tool.wasmcp.servers.default.directories]
"/maps" = { description = "Maps", required = true }
"/notes" = { description = "Your notes", writable = true, default = "{data}/notes", env = "NOTES_DIR" }
"/more" = { description = "More maps" }
"""
FILES = {
    "pyproject.toml": PYPROJECT,
    "README.md": f"# weather\n\n<!-- mcp-name: {NAME} -->\n",
    "src/weather/__init__.py": "",
    "src/weather/server.py": 'from wasmcp.host import run\n\n\ndef main() -> None:\n    run("weather")\n',
    "zig/tools.zig": SOURCE,
}
ICON = b"\x89PNG\r\n\x1a\n" + bytes(16)


@pytest.fixture(scope="module")
def weather(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project; its component is in the cache."""
    from wasmcp.project import ensure_built

    root = write_project(tmp_path_factory.mktemp("weather"), FILES)
    ensure_built(root)
    return root


@pytest.fixture
def project(weather: Path, tmp_path: Path) -> Path:
    """A copy of the project without what was built."""
    return Path(shutil.copytree(weather, tmp_path / "p", ignore=shutil.ignore_patterns("_wasmcp", "dist")))


def edit(root: Path, old: str, new: str, file: str = "pyproject.toml") -> None:
    text = (root / file).read_text("utf-8")
    assert old in text
    (root / file).write_text(text.replace(old, new), "utf-8")


def output_of(done: subprocess.CompletedProcess[str]) -> str:
    return re.sub(r"\s+", " ", done.stdout + done.stderr)


def manifest_of(bundle: Path) -> dict[str, Any]:
    with zipfile.ZipFile(bundle) as archive:
        found: dict[str, Any] = json.loads(archive.read("manifest.json"))
        return found


def test_bundle_has_the_wheel_and_a_manifest_of_the_project(project: Path, hatchling) -> None:
    hatchling(project, "-t", "mcpb", "-t", "wheel")
    bundle, wheel = project / "dist/weather-1.2.3.mcpb", next((project / "dist").glob("*.whl"))
    with zipfile.ZipFile(bundle) as archive:
        assert archive.namelist() == ["manifest.json", "pyproject.toml", "server.py", wheel.name]
        assert archive.read(wheel.name) == wheel.read_bytes()
        pyproject = tomllib.loads(archive.read("pyproject.toml").decode())
    assert pyproject["tool"]["uv"]["sources"] == {"weather": {"path": wheel.name}}
    assert pyproject["project"]["dependencies"] == ["weather"]
    assert manifest_of(bundle) == {
        "manifest_version": "0.4",
        "name": "weather",
        "display_name": "Weather",
        "version": "1.2.3",
        "description": "Forecasts of the weather service",
        "long_description": FILES["README.md"],
        "author": {"name": "Ada", "email": "ada@example.com"},
        "repository": {"type": "git", "url": "https://github.com/ada/weather"},
        "homepage": "https://example.com/weather",
        "server": {
            "type": "uv",
            "entry_point": "server.py",
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", "server.py", "--dir", "${user_config.maps}:/maps"],
                "env": {
                    "API_KEY": "${user_config.api_key}",
                    "UNITS": "${user_config.units}",
                    "NOTES_DIR": "${user_config.notes_dir}",
                },
            },
        },
        "tools": [{"name": "variable", "description": "Read a variable."}],
        "keywords": ["weather"],
        "license": "MIT",
        "compatibility": {"platforms": ["darwin", "linux", "win32"], "runtimes": {"python": ">=3.11"}},
        "user_config": {
            "api_key": {
                "type": "string",
                "title": "API_KEY",
                "description": "Key of the weather service",
                "required": True,
                "sensitive": True,
            },
            "units": {
                "type": "string",
                "title": "UNITS",
                "description": "Units of temperatures. One of: metric, imperial.",
                "required": False,
                "default": "",
            },
            "maps": {"type": "directory", "title": "/maps", "description": "Maps", "required": True},
            "notes_dir": {
                "type": "directory",
                "title": "NOTES_DIR",
                "description": "Your notes",
                "required": False,
                "default": "",
            },
        },
    }


def test_bundle_is_valid_for_the_program_mcpb(project: Path, hatchling, tmp_path: Path) -> None:
    (project / "art").mkdir()
    (project / "art/logo.png").write_bytes(ICON)
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[tool.hatch.build.targets.mcpb]\nicon = "art/logo.png"\n')
    hatchling(project, "-t", "mcpb")
    bundle = project / "dist/weather-1.2.3.mcpb"
    jsonschema.Draft7Validator(bundle_schema()).validate(manifest_of(bundle))
    folder = tmp_path / "unpacked"
    for arguments in (("unpack", str(bundle), str(folder)), ("validate", str(folder)), ("info", str(bundle))):
        done = bundle_program(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "icon.png").read_bytes() == ICON
    (folder / "manifest.json").write_text("{}")
    assert bundle_program("validate", str(folder)).returncode != 0


def test_bundle_is_reproducible_in_other_folders(project: Path, hatchling, tmp_path: Path) -> None:
    digests = set()
    for folder in (project, Path(shutil.copytree(project, tmp_path / "other" / "place"))):
        hatchling(folder, "-t", "mcpb", SOURCE_DATE_EPOCH="1700000000")
        digests.add(hashlib.sha256((folder / "dist/weather-1.2.3.mcpb").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_missing_metadata_of_a_bundle_is_reported_at_once(project: Path, hatchling) -> None:
    edit(project, 'authors = [{ name = "Ada", email = "ada@example.com" }]\n', "")
    edit(project, 'dependencies = ["wasmcp"]\n', "")
    text = output_of(hatchling(project, "-t", "mcpb", ok=False))
    assert "`project.authors` is needed for a bundle" in text
    assert "`project.dependencies` does not name `wasmcp`" in text
    assert "Traceback" not in text
    assert not list((project / "dist").glob("*"))


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('[tool.hatch.build.targets.mcpb]\nserver = "x"', "must name a server of the project (`default`), not `x`"),
        ("[tool.hatch.build.targets.mcpb]\nicon = 1", "`tool.hatch.build.targets.mcpb.icon` must be a string, not 1"),
        ('[tool.hatch.build.targets.mcpb]\nicon = "README.md"', "must be a PNG file, which `README.md` is not"),
        ('[tool.hatch.build.targets.mcpb]\nicon = "../x.png"', "is not a file of the project: `../x.png`"),
        ('[tool.hatch.build.targets.mcpb]\nicons = "a"', "`tool.hatch.build.targets.mcpb.icons` is unknown"),
        ('[tool.hatch.build.targets.server-json]\nremotes = ["x"]', "must have URLs that begin with `https://`"),
        ('[tool.hatch.build.targets.server-json]\nname = "x"', "`x` is not a name of the registry"),
        ('[tool.hatch.build.targets.server-json]\nname = "a.b/c"', "the README does not have `mcp-name: a.b/c`"),
    ],
)
def test_wrong_options_of_targets_are_refused(project: Path, hatchling, table: str, problem: str) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write(f"\n{table}\n")
    target = "mcpb" if "mcpb" in table else "server-json"
    assert problem in output_of(hatchling(project, "-t", target, ok=False))


def test_registry_document_of_the_project(project: Path, hatchling) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[tool.hatch.build.targets.server-json]\nremotes = ["https://mcp.example.com/mcp"]\n')
    hatchling(project, "-t", "server-json")
    document = json.loads((project / "dist/server.json").read_text("utf-8"))
    assert not (project / "src/weather/_wasmcp").exists()  # nothing is compiled
    for schema in registry_schemas():
        jsonschema.Draft7Validator(schema).validate(document)
    assert document == {
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": NAME,
        "title": "Weather",
        "description": "Forecasts of the weather service",
        "version": "1.2.3",
        "websiteUrl": "https://example.com/weather",
        "repository": {"url": "https://github.com/ada/weather", "source": "github"},
        "packages": [
            {
                "registryType": "pypi",
                "registryBaseUrl": "https://pypi.org",
                "identifier": "weather",
                "version": "1.2.3",
                "runtimeHint": "uvx",
                "transport": {"type": "stdio"},
                "packageArguments": [
                    {
                        "type": "named",
                        "name": "--dir",
                        "description": description,
                        "isRequired": required,
                        "value": f"{{{name}}}:/{name}",
                        "variables": {name: {"description": description, **more, "format": "filepath"}},
                    }
                    for name, description, required, more in (
                        ("maps", "Maps", True, {"isRequired": True}),
                        ("more", "More maps", False, {}),
                    )
                ],
                "environmentVariables": [
                    {
                        "name": "API_KEY",
                        "description": "Key of the weather service",
                        "isRequired": True,
                        "isSecret": True,
                    },
                    {"name": "UNITS", "description": "Units of temperatures", "choices": ["metric", "imperial"]},
                    {"name": "NOTES_DIR", "description": "Your notes", "format": "filepath"},
                ],
            }
        ],
        "remotes": [{"type": "streamable-http", "url": "https://mcp.example.com/mcp"}],
    }


def test_draft_of_the_registry_differs_from_the_released_schema_in_urls_with_variables() -> None:
    released, draft = registry_schemas()
    texts = {"description", "$id", "$comment", "example", "examples"}

    def differences(one: Any, other: Any, place: str = "") -> list[str]:
        if isinstance(one, dict) and isinstance(other, dict):
            keys = sorted((one.keys() | other.keys()) - texts)
            return [found for key in keys for found in differences(one.get(key), other.get(key), f"{place}/{key}")]
        return [] if one == other else [place]

    assert differences(released, draft) == [
        "/definitions/SseTransport/properties/url/pattern",
        "/definitions/StreamableHttpTransport/properties/url/pattern",
    ]


def test_registry_reasons_are_reported_at_once(project: Path, hatchling) -> None:
    (project / "README.md").write_text("# weather\n")
    edit(project, "Forecasts of the weather service", "x" * 101)
    edit(project, 'weather = "weather.server:main"', 'serve = "weather.server:main"')
    text = output_of(hatchling(project, "-t", "server-json", ok=False))
    assert "the README claims no name: add the line `mcp-name: io.github.OWNER/NAME`" in text
    assert "`tool.wasmcp.servers.default.description` is needed, with at most 100 characters" in text
    assert "`project.scripts` has no `weather`" in text
    assert not (project / "dist/server.json").exists()


@pytest.mark.parametrize(
    ("readme", "names"),
    [
        ("mcp-name: a.b/c", ("a.b/c",)),
        ("<!-- mcp-name: a.b/c-->", ("a.b/c",)),
        ("<!-- mcp-name: a.b/c --> mcp-name: a.b/c-pro\n", ("a.b/c", "a.b/c-pro")),
        ("mcp-name: a.b/c</p>", ("a.b/c",)),
        ("mcp-name:a.b/c", ()),
        ("MCP-NAME: a.b/c", ()),
        ("mcp-name: a.b/c--!>", ("a.b/c",)),
    ],
)
def test_names_of_a_readme_end_where_the_registry_ends_them(readme: str, names: tuple[str, ...]) -> None:
    assert markers(readme) == names


def test_commands_and_tables_of_the_guide(project: Path, hatchling) -> None:
    page = (Path(__file__).parents[2] / "docs/guides/distributing.md").read_text("utf-8")
    tables = "\n".join(re.findall(r"```toml\n(.*?)```", page, re.DOTALL))
    marker = re.findall(r"```markdown\n(.*?)```", page, re.DOTALL)[0]
    with (project / "pyproject.toml").open("a") as file:
        file.write(f"\n{tables}")
    (project / "README.md").write_text(marker)
    (project / "art").mkdir()
    (project / "art/logo.png").write_bytes(ICON)
    for arguments in re.findall(r"^\$ hatch build (.*)$", page, re.MULTILINE):
        hatchling(project, *arguments.split())
    assert {path.name for path in (project / "dist").iterdir()} == {"weather-1.2.3.mcpb", "server.json"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_unpacked_bundle_is_served_by_uv(
    project: Path, hatchling, with_our_wheel: dict[str, str], tmp_path: Path
) -> None:
    edit(project, '"/maps" = { description = "Maps", required = true }\n', "")  # the component opens no files
    hatchling(project, "-t", "mcpb")
    bundle, folder = project / "dist/weather-1.2.3.mcpb", tmp_path / "bundle"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    config = manifest_of(bundle)["server"]["mcp_config"]
    values = {"api_key": "secret", "units": "", "notes_dir": ""}

    def replaced(text: str) -> str:
        return re.sub(r"\$\{user_config\.(\w+)\}", lambda match: values[match[1]], text).replace(
            "${__dirname}", str(folder)
        )

    uv = Path(sys.executable).with_name("uv")
    server = StdioServerParameters(
        command=str(uv),
        args=[replaced(one) for one in config["args"]],
        env={
            **{name: replaced(value) for name, value in config["env"].items()},
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "WASMCP_CACHE_DIR": os.environ["WASMCP_CACHE_DIR"],
            "WASMCP_DATA_DIR": str(tmp_path / "data"),
            "UV_FIND_LINKS": with_our_wheel["PIP_FIND_LINKS"].replace(" ", ","),
            "UV_PYTHON": sys.executable,
            "SSL_CERT_FILE": os.environ.get("PIP_CERT", os.environ.get("SSL_CERT_FILE", "")),
        },
    )

    async def session() -> list[Any]:
        async with Client(server, read_timeout_seconds=300) as client:
            names = ("API_KEY", "UNITS", "HOME")
            return [(await client.call_tool("variable", {"name": name})).structured_content for name in names]

    assert anyio.run(session) == [{"result": "secret"}, {"result": None}, {"result": None}]
