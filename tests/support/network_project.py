"""Project with a Python component that has the uses of all HTTP libraries, and one without the grant `http`."""

from __future__ import annotations

from pathlib import Path

from support.projects import write_project

SUPPORT = Path(__file__).parent
LIBRARIES = ("network_httpx", "network_requests", "network_aiohttp", "network_threads")
COMPONENT = '''\
"""Tools that execute uses of HTTP libraries."""

import json

from wasmcp.guest import tool

from libraries import network_aiohttp, network_httpx, network_requests, network_threads

MODULES = {"httpx": network_httpx, "httpx2": network_httpx, "requests": network_requests}
MODULES |= {"aiohttp": network_aiohttp, "threads": network_threads}


def call(library, name, base):
    function = getattr(MODULES[library], name)
    return function(network_httpx.LIBRARIES[library], base) if "httpx" in library else function(base)


@tool
def use(library: str, name: str, base: str) -> str:
    """Execute a use, and return its result as JSON."""
    return json.dumps(call(library, name, base))


@tool
async def use_async(library: str, name: str, base: str) -> str:
    """Execute a use that is a coroutine, and return its result as JSON."""
    return json.dumps(await call(library, name, base))
'''
UNGRANTED = '''\
"""A tool without the grant `http`."""

from urllib.request import urlopen

from wasmcp.guest import tool


@tool
def fetch(url: str) -> str:
    """Return the exception of a request."""
    try:
        return urlopen(url).read().decode()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
'''
PYPROJECT = """\
[project]
name = "libraries"
version = "0.1.0"

[tool.hatch.build.targets.wheel]
packages = ["src/libraries"]

[tool.wasmcp.components.uses]
source = "src/libraries/uses.py"
grants = ["http"]
dependencies = ["aiohttp>=3.14,<3.15", "anyio>=4", "httpx>=0.28,<0.29", "httpx2>=2.16,<3", "requests>=2.34,<3"]
imports = ["anyio._backends._asyncio"]

[tool.wasmcp.components.ungranted]
source = "src/libraries/ungranted.py"

[tool.wasmcp.servers.default]
components = ["uses", "ungranted"]
"""


def write_network_project(root: Path) -> Path:
    """Write the project, and return its folder."""
    package = "src/libraries"
    files = {"pyproject.toml": PYPROJECT, f"{package}/__init__.py": "", f"{package}/uses.py": COMPONENT}
    files[f"{package}/ungranted.py"] = UNGRANTED
    files |= {f"{package}/{name}.py": (SUPPORT / f"{name}.py").read_text("utf-8") for name in LIBRARIES}
    return write_project(root, files)
