"""Dependencies of a Python component: packages that pip resolves and fetches, and local projects of the repository.

A component runs on another platform than the one it is built on: pip selects wheels for any platform
(``py3-none-any``), and those with native modules for WASI and for Emscripten (`native_modules`). Building a source
distribution runs its authors' code on this machine: only those listed in the option ``build-from-source`` are built, in
an environment without secrets and without a C compiler, so that packages with optional extensions become pure Python.
Packages with native code of another platform are rejected.

The modules of a local project, ``NAME @ file:../shared``, are sources of the component, imported from ``src/`` or the
project's folder, and its requirements (``[project] dependencies``) become requirements of the component. Local projects
are not built, so no build code runs.

Documents inside packages are licence files, and bills of materials of what is compiled into native modules. The files
come from strangers: what is too large is cut or left out, as is what is damaged, not text, or not identified by a
package URL. Source: PEP 639 (``.dist-info/licenses/``); before it, files at the top of ``.dist-info``; PEP 770
(``.dist-info/sboms/``); CycloneDX 1.x and SPDX 2.x as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wasmcp.errors import MissingToolchainError, NativeCodeError, ToolchainError
from wasmcp.toolchains.base import BundledPart, ComponentSource, Distribution, folder_problem, shared_folder
from wasmcp.toolchains.kept_folders import is_whole_folder, keep_folder, remove_folder
from wasmcp.toolchains.python.native_modules import (
    ABI,
    advice_for,
    advice_for_module,
    check_known,
    convert_packages,
    converter_key,
    information_of,
    normalised,
)
from wasmcp.toolchains.python.pip_resolver import UNFIT, WASI

_FOLDERS = ("licenses", "license_files")
_NAMED = re.compile(r"(licen[cs]e|copying|copyright|notice|authors)", re.IGNORECASE)
_MOST_BYTES = 256 << 10
_MOST_FILES = 200


def license_texts(fetched: Path, distributions: Iterable[Distribution]) -> dict[str, dict[str, str]]:
    """Return package URL -> name of the file -> text, for installed packages.

    Args:
        fetched: The folder of the packages.
        distributions: The packages.
    """
    found: dict[str, dict[str, str]] = {}
    for one in distributions:
        information = information_of(fetched, one)
        if information is not None:
            texts = dict(_texts(information))
            if texts:
                found[f"pkg:pypi/{one.name}@{one.version}"] = texts
    return found


def _texts(information: Path) -> Iterator[tuple[str, str]]:
    inside = [path for name in _FOLDERS for path in sorted((information / name).rglob("*"))]
    top = [path for path in sorted(information.iterdir()) if _NAMED.match(path.name)]
    for path in [path for path in (*inside, *top) if path.is_file()][:_MOST_FILES]:
        data = path.read_bytes()[:_MOST_BYTES]
        text = data.decode("utf-8", "replace")
        if "\0" not in text:
            yield path.relative_to(information).as_posix(), text.replace("\r\n", "\n")


_MOST_BYTES_OF_SBOM = 4 << 20
_MOST_PARTS = 5_000
_MOST_CHARACTERS = 300


def parts_of(information: Path) -> tuple[BundledPart, ...]:
    """Return the parts in the bills of materials of an installed package, sorted and without repetitions.

    Args:
        information: Its folder ``*.dist-info``.
    """
    found: dict[str, BundledPart] = {}
    for path in sorted((information / "sboms").rglob("*.json")):
        if not path.is_file() or path.stat().st_size > _MOST_BYTES_OF_SBOM:
            continue
        try:
            bom = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            continue
        for part in _parts(bom):
            found.setdefault(part.purl, part)
            if len(found) >= _MOST_PARTS:
                break
    return tuple(found[purl] for purl in sorted(found))


def _parts(bom: Any) -> Iterator[BundledPart]:
    for component in _items(bom, "components"):
        yield from _part(component.get("purl"), _cyclonedx_license(component))
    for package in _items(bom, "packages"):
        license_ = package.get("licenseConcluded") or package.get("licenseDeclared")
        for reference in _items(package, "externalRefs"):
            if reference.get("referenceType") == "purl":
                yield from _part(reference.get("referenceLocator"), license_)


def _items(value: Any, key: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _cyclonedx_license(component: dict[str, Any]) -> str:
    texts = []
    for entry in _items(component, "licenses"):
        inner = entry.get("license")
        named = (inner.get("id") or inner.get("name")) if isinstance(inner, dict) else None
        text = entry.get("expression") or named
        texts += [text] if isinstance(text, str) else []
    return texts[0] if len(texts) == 1 else " AND ".join(f"({text})" for text in texts)


def _part(purl: Any, license_: Any) -> Iterator[BundledPart]:
    if not isinstance(purl, str) or not purl.startswith("pkg:"):
        return
    bare = purl.partition("?")[0].partition("#")[0]  # qualifiers have paths of the machine that built the package
    known = license_ if isinstance(license_, str) and license_ not in {"NOASSERTION", "NONE"} else ""
    if "@" in bare and bare.isprintable() and known.isprintable() and len(bare) + len(known) <= _MOST_CHARACTERS:
        yield BundledPart(bare, known)


_FILE = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*@\s*file:(.*)", re.DOTALL)
_MOST = 100
"""Maximum number of local projects of a component."""


@dataclass(frozen=True)
class LocalProject:
    """Project of the same repository.

    Attributes:
        name: Its name in the requirement.
        document: Its ``pyproject.toml``.
        code: The folder of its modules.
        requirements: Its requirements from registries.
    """

    name: str
    document: Path
    code: Path
    requirements: tuple[str, ...]


def is_local(requirement: str) -> bool:
    """Return whether a requirement names a local project by its folder."""
    return _FILE.fullmatch(requirement.strip()) is not None


def local_projects(source: ComponentSource) -> list[LocalProject]:
    """Return the local projects that a component depends on, transitively.

    Raises:
        ToolchainError: Folders, or the projects in them, cannot be used; the message lists all of them.
    """
    configured = source.options.get("dependencies", [])
    waiting = [(str(item).strip(), ".") for item in (configured if isinstance(configured, list) else [])]
    found: dict[str, LocalProject] = {}
    problems: list[str] = []
    while waiting and len(found) < _MOST:
        requirement, base = waiting.pop(0)
        match = _FILE.fullmatch(requirement)
        if match is None:
            continue
        folder = match[2] if match[2].startswith("/") else posixpath.normpath(f"{base}/{match[2]}")
        if folder in found:
            continue
        try:
            found[folder], nested = _read(source.root, match[1], folder)
        except ValueError as error:
            problems.append(f"`{requirement}`, {error}")
            continue
        waiting += [(item, folder) for item in nested]
    if problems:
        message = f"component `{source.name}`: `dependencies` names {'; '.join(dict.fromkeys(problems))}"
        raise ToolchainError(message, source=source.label, toolchain="python")
    return list(found.values())


def _read(root: Path, name: str, folder: str) -> tuple[LocalProject, list[str]]:
    """Return a project, and its requirements of local projects.

    Raises:
        ValueError: The project cannot be used; the text is the end of a sentence.
    """
    problem = folder_problem(root, folder)
    if problem is not None:
        raise ValueError(problem)
    place = shared_folder(root, folder)
    document = place / "pyproject.toml"
    try:
        project = tomllib.loads(document.read_text("utf-8"))["project"]
        declared = str(project["name"])
    except OSError as error:
        raise ValueError(f"whose `pyproject.toml` cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("whose `pyproject.toml` has no `[project]` with a name") from None
    if normalised(declared) != normalised(name):
        raise ValueError(f"where the project is named `{declared}`")
    if "dependencies" in project.get("dynamic", ()):
        raise ValueError("whose dependencies are dynamic: only those in `[project] dependencies` can be read")
    requirements = list(_requirements(project))
    code = place / "src" if (place / "src").is_dir() else place
    remote = tuple(item for item in requirements if not is_local(item))
    return LocalProject(name, document, code, remote), [item for item in requirements if is_local(item)]


def _requirements(project: dict[str, Any]) -> Iterator[str]:
    listed = project.get("dependencies", [])
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise ValueError("whose `[project] dependencies` are not a list of strings")
    return (item.strip() for item in listed)


NATIVE = (".so", ".pyd", ".dylib", ".dll", ".a")
"""File extensions of native code."""

_PIP = Path(__file__).with_name("pip_resolver.py")
_TIMEOUT = 600.0
_SHOWN = 8
"""Maximum number of lines of pip's output in a message."""

_TARGET = (
    *(option for platform in (*ABI.platforms, "any") for option in ("--platform", platform)),
    *("--implementation", "cp", "--python-version", ABI.python),
    *("--abi", ABI.interpreter, "--abi", "abi3", "--abi", "none"),
)
"""pip's options for the interpreter in a component."""

_WITHOUT_COMPILER = {"CC": "false", "CXX": "false", "FC": "false", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
# These build backends never produce pure Python, and take minutes: no version of them is allowed.
_NATIVE_BACKENDS = ("maturin", "meson-python", "puccinialin", "scikit-build", "scikit-build-core", "setuptools-rust")
_NAME = re.compile(r"[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]")
_ON_REQUEST = (
    "building one runs its authors' code on this machine, with your files and the network: allow it with "
    "`build-from-source = [{}]`"
)
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\s*\[[A-Za-z0-9._,\s-]*\])?\s*([<>=!~(;].*)?")
_CULPRIT = (
    re.compile(r"Failed to build '?([A-Za-z0-9._-]+)'?"),
    re.compile(r"^╰─> ([A-Za-z0-9._-]+)\s*$", re.MULTILINE),
    re.compile(r"No matching distribution found for ([A-Za-z0-9._-]+)"),
)
_UNREACHABLE = "Retrying (Retry(total=0,"
"""Text of pip's warning before its last attempt to reach an index."""


def requirements_of(source: ComponentSource) -> list[str]:
    """Return the requirements of a component's option ``dependencies``, and those of local projects among them.

    Raises:
        ToolchainError: A requirement is not a name with a version range, or a project cannot be used.
    """
    configured = source.options.get("dependencies", [])
    given = [str(item).strip() for item in configured] if isinstance(configured, list) else []
    nested = [requirement for project in local_projects(source) for requirement in project.requirements]
    found = list(dict.fromkeys([*(item for item in given if not is_local(item)), *nested]))
    wrong = [item for item in found if not _REQUIREMENT.fullmatch(item)]
    if wrong:
        listed = ", ".join(f"`{item}`" for item in wrong)
        kind = "which is not a requirement" if len(wrong) == 1 else "which are not requirements"
        message = (
            f"component `{source.name}`: `dependencies` names {listed}, {kind} such as `inflection>=0.5,<1`; a "
            "project of the same repository is `NAME @ file:../FOLDER`, other code goes into a folder of `python-path`"
        )
        raise ToolchainError(message, source=source.label, toolchain="python")
    return found


def name_of(requirement: str) -> str:
    """Return the normalised name of the package that a requirement is about."""
    return normalised(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])


def resolve(
    source: ComponentSource, cache: Path, progress: Callable[[str], None], added: Sequence[str] = ()
) -> tuple[Distribution, ...]:
    """Resolve a component's dependencies; return the packages, transitive dependencies included.

    They are fetched as well (see `install`): only their files show whether they work in a component.

    Args:
        source: The component.
        cache: The folder for packages.
        progress: Called when a slow step begins.
        added: Further requirements.

    Raises:
        MissingToolchainError: pip is not installed.
        NativeCodeError: Packages have native modules that do not work in a component.
        ToolchainError: No packages match, or one contains native code of another platform.
    """
    requirements = [*requirements_of(source), *added]
    if not requirements:
        return ()
    progress(f"resolving the dependencies of component `{source.name}`")
    arguments = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-", *_TARGET]
    built = _from_source(source)
    with tempfile.TemporaryDirectory(prefix="wasmcp-pip-") as folder:
        arguments += ["--target", folder, *_formats(built)]
        run = _pip([*arguments, *requirements], source)
        output = run.errors
        if run.code:
            raise _unresolved(source, requirements, run)
    try:
        found = [_distribution(item) for item in json.loads(run.output)["install"]]
    except (ValueError, KeyError, TypeError) as error:
        message = f"component `{source.name}`: pip's report cannot be read ({error}): pip 23 or newer is needed"
        raise ToolchainError(message, source=source.label, toolchain="python", output=output) from None
    distributions = tuple(sorted(found, key=lambda one: one.name))
    unpacked = install(replace(source, dependencies=distributions), cache, progress)
    return tuple(replace(one, bundled=_bundled(unpacked, one)) for one in distributions)


def _bundled(folder: Path | None, one: Distribution) -> tuple[BundledPart, ...]:
    information = None if folder is None else information_of(folder, one)
    return () if information is None else parts_of(information)


def _from_source(source: ComponentSource) -> list[str]:
    """Return the package names of the option ``build-from-source``, normalised.

    Raises:
        ToolchainError: A value is not the name of a package.
    """
    configured = source.options.get("build-from-source", [])
    names = [str(item).strip() for item in configured] if isinstance(configured, list) else []
    wrong = [name for name in names if not _NAME.fullmatch(name)]
    if wrong:
        listed = ", ".join(f"`{name}`" for name in wrong)
        message = f"component `{source.name}`: `build-from-source` names {listed}: expected names of packages alone"
        raise ToolchainError(message, source=source.label, toolchain="python")
    return [normalised(name) for name in names]


def _formats(built: Sequence[str]) -> list[str]:
    """Return pip's options that allow source distributions only of these packages."""
    return ["--only-binary=:all:", *(f"--no-binary={name}" for name in built)]


def install(source: ComponentSource, cache: Path, progress: Callable[[str], None]) -> Path | None:
    """Return a folder with the modules of a component's locked dependencies; None without dependencies.

    Args:
        source: The component.
        cache: The folder for them; an existing and unchanged one is used without fetching.
        progress: Called when packages are fetched.

    Raises:
        NativeCodeError: Packages have native modules that do not work in a component.
        ToolchainError: They cannot be fetched, do not match the lock file, or contain native code of another platform.
    """
    if not source.dependencies:
        return None
    pinned = [f"{one.name}=={one.version} --hash={one.digest}" for one in source.dependencies]
    key = hashlib.sha256("\n".join([_PIP.read_text("utf-8"), converter_key(), *pinned]).encode()).hexdigest()
    folder = cache / "dependencies" / key
    if is_whole_folder(folder):
        return folder
    check_known(source, cache)
    if source.offline:
        names = ", ".join(f"`{one.name}` {one.version}" for one in source.dependencies)
        state = "changed in the cache since they were unpacked" if folder.is_dir() else "not in the cache"
        message = f"component `{source.name}` depends on {names}: {state}, and the build is offline"
        raise ToolchainError(message, source=source.label, toolchain="python")
    allowed = _from_source(source)
    built = [one.name for one in source.dependencies if not one.file.endswith(".whl")]
    unexpected = [name for name in built if name not in allowed]
    if unexpected:
        names = ", ".join(f"`{name}`" for name in unexpected)
        request = _ON_REQUEST.format(", ".join(map(json.dumps, unexpected)))
        message = f"component `{source.name}`: `wasmcp.lock` has source distributions of {names}; {request}"
        raise ToolchainError(message, source=source.label, toolchain="python")
    remove_folder(folder)
    progress(f"fetching {len(pinned)} packages for component `{source.name}`")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder.parent) as partial:
        listed = Path(partial) / "requirements.txt"
        listed.write_text("\n".join(pinned) + "\n", encoding="utf-8")
        target = Path(partial) / "modules"
        arguments = [
            "install",
            "--no-deps",
            "--no-compile",
            "--quiet",
            "--ignore-installed",
            *_TARGET,
            *_formats(built),
        ]
        run = _pip([*arguments, "--target", str(target), "--require-hashes", "-r", str(listed)], source)
        if run.code:
            raise _refusal(source, run)
        _check_native(source, target, convert_packages(source, target, cache, progress))
        shutil.rmtree(target / "bin", ignore_errors=True)  # console scripts that name this machine's interpreter
        keep_folder(target, folder)
    return folder


def packages_of(folder: Path) -> dict[str, str]:
    """Return path -> name of its package, for each file below a folder of `install`."""
    found: dict[str, str] = {}
    for record in folder.glob("*.dist-info/RECORD"):
        name = record.parent.name.partition("-")[0]
        for line in record.read_text("utf-8").splitlines():
            found[line.partition(",")[0].strip('"')] = name
    return found


def _check_native(source: ComponentSource, folder: Path, accepted: set[str]) -> None:
    """Reject native code that a component cannot load, also in wheels that are tagged for any platform.

    Tags of wheels built here cannot be used: with an optional extension, they are those of this machine.
    """
    owners = packages_of(folder)
    for path in sorted(folder.rglob("*")):
        file = path.relative_to(folder).as_posix()
        if path.suffix in NATIVE and path.is_file() and file not in accepted:
            raise _native(source, owners.get(file, file.partition("/")[0]), file)


def _native(source: ComponentSource, package: str, file: str, request: str = "") -> NativeCodeError:
    name = normalised(package)
    message = (
        f"component `{source.name}`: its dependency `{package}` is native code (`{file}`), and has no build "
        f"for WebAssembly: {advice_for(name)}{request}"
    )
    return NativeCodeError(message, source=source.label, packages={name: [f"`{file}` is for another platform"]})


def _unresolved(source: ComponentSource, requirements: Sequence[str], run: _Run) -> ToolchainError:
    """Return the error for requirements without a solution.

    Where every version of a package needs native code, pip reports a conflict of versions. The packages with native
    code are those that this machine would get for the same requirements, and that have no wheel for WebAssembly.
    """
    if "ResolutionImpossible" not in run.errors:
        return _refusal(source, run)
    arguments = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-", "--only-binary=:all:"]
    found = _reported(_pip([*arguments, *requirements], source, own_platform=True))
    lacking = [one for one in found if not one.file.endswith("-none-any.whl") and not _has_wheel(source, one)]
    if not lacking:
        return _refusal(source, run)
    errors = [_native(source, one.name, one.file) for one in lacking]
    packages = {name: problems for error in errors for name, problems in error.packages.items()}
    lines = [str(error) for error in errors]
    lines += [f"`{name}`: {advice}" for name in map(name_of, requirements) if (advice := advice_for_module(name))]
    return NativeCodeError("\n".join(lines), source=source.label, packages=packages)


def _has_wheel(source: ComponentSource, one: Distribution) -> bool:
    """Return True if a package has a wheel that a component takes, in any version."""
    with tempfile.TemporaryDirectory(prefix="wasmcp-pip-") as folder:
        arguments = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet", "--report", "-", *_TARGET]
        run = _pip([*arguments, "--target", folder, "--only-binary=:all:", one.name], source)
    return run.code == 0


def _unfit(run: _Run, package: str) -> str:
    """Return a sentence that names the wheels of a package for other versions of WebAssembly platforms or Python."""
    wheels = [name for name in run.unfit if normalised(name.partition("-")[0]) == normalised(package)]
    if not wheels:
        return ""
    named = ", ".join(f"`{name}`" for name in wheels[:_SHOWN])
    return (
        f". A component cannot load {named}: it takes wheels tagged `{ABI.interpreter}` or `abi3` for `{WASI}`, with "
        f"or without a version, and for `{ABI.emscripten}`"
    )


def _refusal(source: ComponentSource, run: _Run) -> ToolchainError:
    """Return the error for a failure of pip; if native code is the reason, it names the package and the file."""
    output = run.errors
    if "No module named pip" in output or "No module named 'pip'" in output:
        message = (
            f"component `{source.name}` has `dependencies`, which pip resolves, and pip is not installed next to "
            'wasmcp: add the extra (`pip install "wasmcp[python]"`, or in `build-system.requires`)'
        )
        return MissingToolchainError(message, source=source.label, toolchain="python")
    if _UNREACHABLE in output:
        return _unreachable(source, output)
    culprit = next((match[1] for pattern in _CULPRIT if (match := pattern.search(output))), None)
    allowed = _from_source(source)
    request = ""
    if culprit is not None:
        built = normalised(culprit) in allowed
        if not built:
            request = _ON_REQUEST.format(json.dumps(culprit))
            request = f". Where it has a source distribution that may be Python alone: {request}"
        arguments = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet", "--report", "-"]
        native = _pip([*arguments, "--only-binary=:all:", culprit], source, own_platform=True)
        if native.code != 0 and _UNREACHABLE in native.errors:
            return _unreachable(source, native.errors)
        for one in _reported(native):
            if not one.file.endswith("-none-any.whl"):
                return _native(source, culprit, one.file, f"{request}{_unfit(run, culprit)}")
        if built and "No matching distribution" not in output:
            message = (
                f"component `{source.name}`: its dependency `{culprit}` cannot be built from source as Python alone: "
                "a component has no C compiler"
            )
            return ToolchainError(message, source=source.label, toolchain="python", output=_last_lines(output))
    about = f" (`{culprit}`)" if culprit else ""
    message = f"component `{source.name}`: pip finds no packages for its `dependencies`{about}{request}"
    message += "" if culprit is None else _unfit(run, culprit)
    return ToolchainError(message, source=source.label, toolchain="python", output=_last_lines(output))


def _unreachable(source: ComponentSource, output: str) -> ToolchainError:
    """Return the error for an index that does not answer: pip then reports that it has no such package."""
    message = (
        f"component `{source.name}`: the package index does not respond to pip for its `dependencies`: check the "
        "network, and pip's settings such as `PIP_INDEX_URL`, and try again"
    )
    return ToolchainError(message, source=source.label, toolchain="python", output=_last_lines(output))


def _last_lines(output: str) -> str:
    """Return the last lines of pip's output: a failed build prints hundreds."""
    lines = _readable(output).splitlines()
    return "\n".join(lines if len(lines) <= _SHOWN else ["...", *lines[-_SHOWN:]])


def _readable(output: str) -> str:
    # Remove the paths of pip's own temporary folders.
    return re.sub(r"(/[^\s/:]+)+/pip-[a-z-]+-\w+/", "", output).strip()


def _distribution(item: Mapping[str, Any]) -> Distribution:
    metadata, download = item["metadata"], item["download_info"]
    hashes = download.get("archive_info", {}).get("hashes", {})
    url = str(download["url"])
    digest = hashes.get("sha256") or hashlib.sha256(_local(url).read_bytes()).hexdigest()
    name = normalised(str(metadata["name"]))
    file = url.partition("#")[0].rpartition("/")[2]
    return Distribution(name, str(metadata["version"]), file, f"sha256:{digest}", license_of(metadata))


def _local(url: str) -> Path:
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    return Path(url2pathname(urlsplit(url).path))


def license_of(metadata: Mapping[str, Any]) -> str:
    """Return the licence in a distribution's metadata, as one line. Source: Python packaging, core metadata."""
    expression = metadata.get("license_expression")
    if expression:
        return str(expression)
    text = str(metadata.get("license") or "").strip()
    if text and "\n" not in text and len(text) <= 80:
        return text
    classifiers: Sequence[str] = metadata.get("classifier") or []
    found = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License :: ")]
    return ", ".join(found) or text.partition("\n")[0][:80]


@dataclass(frozen=True)
class _Run:
    """Result of pip.

    Attributes:
        code: Its exit code.
        output: Its text on stdout.
        errors: Its text on stderr.
        unfit: The file names of wheels for WebAssembly that it found and that a component cannot load.
    """

    code: int
    output: str
    errors: str
    unfit: tuple[str, ...] = ()


def _reported(run: _Run) -> list[Distribution]:
    """Return the packages in a report of pip; an empty list if it failed."""
    if run.code or not run.output.startswith("{"):
        return []
    return [_distribution(item) for item in json.loads(run.output)["install"]]


def _pip(arguments: Sequence[str], source: ComponentSource, *, own_platform: bool = False) -> _Run:
    """Run pip."""
    command = [sys.executable, *(("-m", "pip") if own_platform else (str(_PIP),)), *arguments]
    with tempfile.TemporaryDirectory(prefix="wasmcp-pip-") as folder:
        constraints, unfit = Path(folder) / "constraints.txt", Path(folder) / "unfit.txt"
        constraints.write_text("".join(f"{name}==0\n" for name in _NATIVE_BACKENDS), encoding="utf-8")
        try:
            done = subprocess.run(
                command,
                cwd=folder,  # an empty folder: nothing can be imported by accident
                env={
                    **os.environ,
                    **_WITHOUT_COMPILER,
                    "PIP_BUILD_CONSTRAINT": str(constraints),
                    UNFIT: str(unfit),
                },
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            message = f"component `{source.name}`: pip did not end within {_TIMEOUT:.0f} s"
            raise ToolchainError(message, source=source.label, toolchain="python") from None
        names = dict.fromkeys(unfit.read_text("utf-8").splitlines()) if unfit.is_file() else ()
    output, errors = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    return _Run(done.returncode, output, errors, tuple(names))
