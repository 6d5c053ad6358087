"""Packages by name: the normal form of names, and replacements for packages with native code in a component.

Source: PEP 503.
"""

from __future__ import annotations

import re
from collections.abc import Mapping


def normalised(name: str) -> str:
    """Return the normal form of a package's name: in lower case, with one hyphen for each run of `-`, `_` and `.`."""
    return re.sub(r"[-_.]+", "-", name).lower()


_JSON = "use `json` of the standard library"
_DATABASE = "reach the database over HTTP (the grant `http`), or from another server outside of the component"
_NUMBERS = "compute with `math`, `statistics` and lists, or leave the work to a component in Rust or Zig"

ADVICE: Mapping[str, str] = {
    "asyncpg": _DATABASE,
    "bcrypt": "derive keys by a loop over `hmac.digest` (PBKDF2), or check passwords in a component in Rust or Zig",
    "brotli": "use `zlib`, which components have",
    "cffi": "a component has no C libraries: look for a package without them",
    "cryptography": (
        "use `hashlib`, `hmac` and `secrets`; check tokens with wasmcp's authorization, which is outside of the "
        "component, or leave signatures to a component in Rust or Zig"
    ),
    "duckdb": "use `sqlite3` with `:memory:`, which components have",
    "gevent": "use `asyncio`: components have neither threads nor greenlets",
    "gitpython": "it starts the program `git`, and components start no programs: use the HTTP API of the Git host",
    "greenlet": "SQLAlchemy works without it (`sqlalchemy`, not `sqlalchemy[asyncio]`)",
    "grpcio": "call the service's HTTP API with the grant `http`: components have no sockets",
    "httptools": "components serve no HTTP themselves: `wasmcp serve` does",
    "lxml": "use `xml.etree.ElementTree`, or `html.parser` for HTML; `beautifulsoup4` works with `html.parser`",
    "mysqlclient": _DATABASE,
    "numpy": _NUMBERS,
    "opencv-python": "leave images to a component in Rust or Zig",
    "orjson": _JSON,
    "pandas": f"read tables with `csv`; {_NUMBERS}",
    "pillow": "leave images to a component in Rust or Zig",
    "polars": f"read tables with `csv`; {_NUMBERS}",
    "psutil": "components do not see the processes of their machine",
    "psycopg": _DATABASE,
    "psycopg-binary": _DATABASE,
    "psycopg-c": _DATABASE,
    "psycopg2": _DATABASE,
    "psycopg2-binary": _DATABASE,
    "pyarrow": f"read tables with `csv`; {_NUMBERS}",
    "pydantic": "require `pydantic>=2.14.1`, the first version with a wheel for WebAssembly",
    "pydantic-core": "require `pydantic>=2.14.1`, the first version with a wheel for WebAssembly",
    "pymongo": _DATABASE,
    "pynacl": "use `hashlib`, `hmac` and `secrets`",
    "pyzmq": "components have no sockets: call a service over HTTP with the grant `http`",
    "regex": "use `re` of the standard library, which has possessive quantifiers and atomic groups",
    "rpds-py": "it comes with `jsonschema>=4.18`: require `jsonschema<4.18`",
    "scikit-learn": _NUMBERS,
    "scipy": _NUMBERS,
    "tiktoken": "count tokens with the service's HTTP API",
    "tokenizers": "count tokens with the service's HTTP API",
    "torch": "call the model over HTTP with the grant `http`",
    "ujson": _JSON,
    "uvloop": "components run their own event loop: leave it out",
    "watchfiles": "components do not see changes of files: leave it out",
}
"""Normalised name of a package -> the replacement, as a clause."""

_SERVERS = (
    "declare tools with `wasmcp.guest`; a server for FastMCP or the official SDK runs with `wasmcp.guest.fastmcp`, and "
    "`wasmcp import fastmcp` makes a project of it"
)
_MODULES: Mapping[str, str] = {
    "fastmcp": _SERVERS,
    "git": ADVICE["gitpython"],
    "mcp": _SERVERS,
}
"""Top-level module of a package in Python alone -> the replacement, where it cannot be imported in a component."""

_OTHER = (
    "look for a package that does the same in Python, leave the work to a component in another language, or build a "
    "wheel for WASI (docs/guides/native-packages.md)"
)


def advice_for(package: str) -> str:
    """Return the advice for a package that a component cannot use, as the end of a message."""
    return ADVICE.get(package, _OTHER)


def advice_for_module(module: str) -> str:
    """Return the advice for a package that cannot be imported in a component, by its top-level module, or ""."""
    return _MODULES.get(module, "")
