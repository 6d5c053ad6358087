"""Locations of wasmcp's own files: the WIT packages, the guest libraries and the framework components.

A wheel has all of them inside the package. In a checkout (also with an editable install) the WIT is the repository's
``wit/``, the guest libraries are in ``guests/``, and ``hatch_build.py`` builds the components into the package.
"""

from __future__ import annotations

from pathlib import Path

from wasmcp.errors import MissingPackageDataError

GUARDS = ("http-guard", "env-guard", "kv-guard", "fs-guard")
"""Framework components between a component and what it imports, for grants with rules: the folders of
``framework/guards/``."""

FRAMEWORK_COMPONENTS = (
    "transport",
    "server-io",
    "tools-middleware",
    "resources-middleware",
    "prompts-middleware",
    "completions-middleware",
    "dynamic-tools-middleware",
    "catalogue",
    "method-not-found",
    "skills",
    "apps",
    "tasks",
    "tasks-draft",
    "access-control",
    "kv-store",
    "kv-store-draft",
    "session-store",
    "stored-sessions",
    "stored-sessions-draft",
    "insecure-seed",
    *GUARDS,
    "authorization",
    "key-fetcher",
    "issuer-storage",
    "issuer-storage-draft",
)
"""The names of the framework's components, as the folders of ``framework/``."""

ADAPTERS = (
    "capabilities-of-20251125",
    "capabilities-of-20250618",
    "services-of-20251125",
    "services-of-20250618",
    "helpers-of-auth",
    "store-of-keyvalue",
)
"""Components that adapt the contracts of another tool: ``KIND-of-CONTRACT``, each with the world of that name, built
from ``framework/adapters/KIND.zig``."""

BUILD_COMPONENTS = ("uri-templates-checker", "access-checker")
"""Components that builds call; servers do not contain them."""

TEST_COMPONENTS = ("test-imports",)
"""Components that hosts of tests instantiate next to servers."""

_PACKAGE = Path(__file__).resolve().parent
_GENERATED = {"typescript": "protocol.ts", "rust": "src/protocol.rs"}
"""Language -> the source of its guest library that is generated from the table of the protocol."""


def wit_directory() -> Path:
    """Return the folder with the WIT package ``wasmcp:mcp-v20260728`` and its dependencies below ``deps/``.

    Raises:
        MissingPackageDataError: The installation is incomplete.
    """
    shipped = _PACKAGE / "_wit"
    if shipped.is_dir():
        return shipped
    checkout = _PACKAGE.parent / "wit"
    if (checkout / "worlds.wit").is_file():
        return checkout
    raise MissingPackageDataError(str(shipped), "the installation of wasmcp is incomplete; install it again")


def guest_directory(language: str) -> Path:
    """Return the folder with the guest library of a language: the code that is compiled into its components.

    Python's is not here: it is the package `wasmcp.guest`, which authors also import natively.

    Args:
        language: `typescript`, `rust` or `zig`.

    Raises:
        MissingPackageDataError: The installation is incomplete.
    """
    shipped = _PACKAGE / "_guests" / language
    checkout = _PACKAGE.parent / "guests" / language
    for path in (shipped, checkout):
        if path.is_dir():
            break
    else:
        raise MissingPackageDataError(str(shipped), "the installation of wasmcp is incomplete; install it again")
    generated = path / _GENERATED.get(language, "")
    if not generated.exists():
        advice = "it is made with `python hatch_build.py` in a checkout; a wheel carries it"
        raise MissingPackageDataError(str(generated), advice)
    return path


def framework_directory() -> Path:
    """Return the folder of the framework components, which can be missing in a checkout."""
    return _PACKAGE / "_framework"


def framework_component(name: str) -> Path:
    """Return the path of a framework component.

    Args:
        name: One of `FRAMEWORK_COMPONENTS`, `ADAPTERS`, `BUILD_COMPONENTS` or `TEST_COMPONENTS`.

    Raises:
        MissingPackageDataError: The name is unknown, or the component is not built.
    """
    path = framework_directory() / f"{name}.wasm"
    if not path.is_file():
        known = ", ".join(f"`{known}`" for known in FRAMEWORK_COMPONENTS)
        advice = (
            "it is built with `python hatch_build.py` in a checkout; a wheel carries it"
            if name in (*FRAMEWORK_COMPONENTS, *ADAPTERS, *BUILD_COMPONENTS, *TEST_COMPONENTS)
            else f"the framework has {known}"
        )
        raise MissingPackageDataError(str(path), advice)
    return path


def wit_declarations() -> Path:
    """Return the file with the TypeScript declarations of the WIT, which scripts import.

    Raises:
        MissingPackageDataError: The file is not built.
    """
    path = framework_directory() / "wit.d.ts"
    if not path.is_file():
        raise MissingPackageDataError(
            str(path), "it is made with `python hatch_build.py` in a checkout; a wheel carries it"
        )
    return path
