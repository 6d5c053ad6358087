"""Python source -> component, with componentize-py.

What goes into the component: our guest library, the source, and what it imports from its own source root and from
the folders of the ``python-path`` option, under their own dotted names. Everything else comes from the interpreter
inside (CPython 3.14 and its standard library).

A component holds only modules imported while it is built. Imports inside functions, and those that the standard
library makes behind the scenes, are therefore made beforehand (`wasmcp.guest.boot`). Frozen with them: what modules
compute when they are imported, random values and times included, and the seed of ``hash``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wasmcp.errors import ToolchainError, ToolchainMissing
from wasmcp.resources import wit_directory
from wasmcp.toolchains.base import PINS, ComponentSource, Inputs, Option, own_files, relative_label
from wasmcp.toolchains.python_imports import (
    Import,
    Module,
    is_provided,
    is_standard,
    module_name,
    reachable,
    source_root,
)

_APPLICATION = "_wasmcp_app"
_TIMEOUT = 600.0
_DECLARED = ("tools-component", "component")
_GUEST = Path(__file__).resolve().parent.parent / "guest"
_OWN = sorted(Path(__file__).resolve().parent.glob("python*.py"))
_STAGED = "/0/"  # where the component sees the first folder of its Python path while it is built


class PythonToolchain:
    """The toolchain for Python sources; see `wasmcp.toolchains.base.Toolchain`."""

    name = "python"
    suffixes = (".py",)
    extra = "python"
    options = (Option("python-path", "strings"),)

    def inputs(self, source: ComponentSource) -> Inputs:
        """Return the modules that the source can import, our guest library and the WIT."""
        files = {relative_label(module.path, source.root): module.path for module in _modules(source).values()}
        files.update(own_files("guest", _GUEST, [".py"]))
        files.update(own_files("wit", wit_directory(), [".wit"]))
        files.update({f"wasmcp:toolchains/{path.name}": path for path in _OWN})
        return Inputs(files, {"componentize-py": PINS["componentize-py"]})

    def build(self, source: ComponentSource, output: Path, *, cache: Path, progress: Callable[[str], None]) -> None:
        """Build the component; see `wasmcp.toolchains.base.Toolchain`."""
        del cache  # componentize-py keeps none
        modules = _modules(source)
        _check(source, modules)
        progress(f"compiling `{source.label}` with componentize-py")
        with tempfile.TemporaryDirectory(prefix="wasmcp-python-") as folder:
            stage = Path(folder)
            application = _stage(source, modules, stage)
            partial = output.with_name(f".{output.name}.{os.getpid()}")
            output.parent.mkdir(parents=True, exist_ok=True)
            try:
                said = _componentize(source, stage, partial)
                if said is not None:
                    raise _failure(source, modules, application, said)
                partial.replace(output)
            finally:
                partial.unlink(missing_ok=True)
            for line in _warnings(source, modules, application):
                progress(line)


def _folders(source: ComponentSource) -> list[Path]:
    configured = source.options.get("python-path", [])
    folders = [source_root(source.path, source.root)]
    for item in configured if isinstance(configured, list) else []:
        folder = Path(os.path.normpath(source.root / str(item)))
        if not folder.is_dir():
            message = f"component `{source.name}`: `python-path` names `{item}`, which is not a folder of the project"
            raise ToolchainError(message, source=source.label, toolchain="python")
        folders.append(folder)
    return folders


def _modules(source: ComponentSource) -> dict[str, Module]:
    return reachable(source.path, _folders(source), source.root)


def _check(source: ComponentSource, modules: Mapping[str, Module]) -> None:
    """Refuse what can be known beforehand not to be in the component: the compiler takes much longer to say so."""
    for module in modules.values():
        label = relative_label(module.path, source.root)
        if "." not in module.name and (is_provided(module.name) or is_standard(module.name)):
            owner = "wasmcp" if is_provided(module.name) else "the standard library"
            message = f"`{label}` would be hidden by the `{module.name}` of {owner}: give it another name"
            raise ToolchainError(message, source=source.label, toolchain="python")
        for statement in module.imports:
            name = statement.module
            top = name.partition(".")[0]
            if statement.later or statement.optional or name in modules or top in modules:
                continue
            host_side = _is_host_side(statement)
            if not host_side and (is_provided(name) or is_standard(top) or _is_folder(name, source)):
                continue
            advice = (
                "of wasmcp only `wasmcp.guest` is there; import the rest in a module that the source does not import"
                if host_side
                else "put it into the project and name its folder in `python-path` (pure Python only)"
            )
            message = f"`{label}`, line {statement.line}: `{name}` is not in the component: {advice}"
            raise ToolchainError(message, source=source.label, toolchain="python")


def _is_folder(name: str, source: ComponentSource) -> bool:
    """Whether a name is a package without ``__init__.py`` (PEP 420)."""
    return any(folder.joinpath(*name.split(".")).is_dir() for folder in _folders(source))


def _stage(source: ComponentSource, modules: Mapping[str, Module], stage: Path) -> Path:
    """Fill the folder that the compiler sees; return the part with the application."""
    from wasmcp.guest.boot import PLAN  # here, so that finding a component fresh does not import the guest library

    application = stage / "app"
    (application / "wasmcp").mkdir(parents=True)
    (application / "wasmcp" / "__init__.py").write_text(
        '"""What of wasmcp is inside a component."""\n', encoding="utf-8"
    )
    shutil.copytree(_GUEST, application / "wasmcp" / "guest", ignore=shutil.ignore_patterns("__pycache__"))
    for module in modules.values():
        target = application / _staged_name(module)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(module.path, target)
    name = module_name(source.path, source_root(source.path, source.root))
    declared = source.world in _DECLARED
    files = _labels(modules, source)
    plan = {"module": name, "declared": declared, "files": files, "later": _later(name, modules, source)}
    (application / PLAN).write_text(json.dumps(plan), encoding="utf-8")
    exported = (
        "from wasmcp.guest.adapter import Completions, Prompts, Resources, Tools"
        if declared
        else f"from {name} import *"
    )
    lines = [
        "import sys",
        "core = frozenset(sys.modules)",
        "from wasmcp.guest.boot import boot",
        f"boot({_STAGED.rstrip('/')!r}, core)",
        exported,
    ]
    (application / f"{_APPLICATION}.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # Without one, componentize-py would take the site-packages of the environment that it runs in.
    (stage / "environment" / "lib" / "python3.14" / "site-packages").mkdir(parents=True)
    return application


def _labels(modules: Mapping[str, Module], source: ComponentSource) -> dict[str, str]:
    """Return what the project calls each file that the component sees."""
    return {_STAGED + _staged_name(module): relative_label(module.path, source.root) for module in modules.values()}


def _staged_name(module: Module) -> str:
    base = module.name.replace(".", "/")
    return f"{base}/__init__.py" if module.path.name == "__init__.py" else f"{base}.py"


def _later(name: str, modules: Mapping[str, Module], source: ComponentSource) -> list[dict[str, Any]]:
    """Return the imports that are made only when a function runs, as `wasmcp.guest.boot` wants them."""
    wanted: list[dict[str, Any]] = []
    for module in modules.values():
        # A package's __init__ may hold what only the outside calls, such as a console script.
        required = module.own and not (name.startswith(f"{module.name}.") and module.path.name == "__init__.py")
        wanted.extend(
            {
                "module": statement.module,
                "names": list(statement.names),
                "file": relative_label(module.path, source.root),
                "line": statement.line,
                "required": required and not statement.optional,
            }
            for statement in module.imports
            if statement.later and not _is_host_side(statement)
        )
    return wanted


def _is_host_side(statement: Import) -> bool:
    """Whether a statement imports what of wasmcp is not inside a component: everything but the guest library."""
    name = statement.module
    if name.partition(".")[0] != "wasmcp":
        return False
    return not f"{name}.".startswith("wasmcp.guest.") and statement.names != ("guest",)


def _componentize(source: ComponentSource, stage: Path, output: Path) -> str | None:
    """Run the compiler; return what it said when it failed."""
    script = "import sys; from componentize_py import script; sys.argv[0] = 'componentize-py'; sys.exit(script())"
    command = [sys.executable, "-c", script, "-q", "-d", str(wit_directory()), "-w", _world(source), "componentize"]
    command += [_APPLICATION, "-p", str(stage / "app"), "-o", str(output)]
    environment = {**os.environ, "VIRTUAL_ENV": str(stage / "environment")}
    try:
        done = subprocess.run(
            command,
            cwd=stage / "environment",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"`{source.label}`: the component was not built within {_TIMEOUT:.0f} s; does a module never end?"
        raise ToolchainError(message, source=source.label, toolchain="python") from None
    return None if done.returncode == 0 else done.stdout.decode("utf-8", "replace")


def _world(source: ComponentSource) -> str:
    """Return the world that is compiled for: what is declared with decorators may be of any kind."""
    return "component" if source.world in _DECLARED else source.world


def _failure(source: ComponentSource, modules: Mapping[str, Module], application: Path, said: str) -> ToolchainError:
    if "No module named 'componentize_py'" in said:
        message = f'`{source.label}` needs componentize-py: `pip install "wasmcp[python]"`'
        return ToolchainMissing(message, source=source.label, toolchain="python")
    report = _report(application)
    labels = _labels(modules, source)
    if report.get("missing"):
        missing = report["missing"]
        lines = [f"`{item['file']}`, line {item['line']}: `{item['module']}`: {item['problem']}" for item in missing]
        message = f"`{source.label}` imports inside functions what is not in the component:"
        return ToolchainError(message, source=source.label, toolchain="python", output="\n".join(lines))
    error = report.get("error")
    if error:
        return _author_error(source, error, labels)
    for staged, label in labels.items():
        said = said.replace(staged, label)
    return ToolchainError(f"`{source.label}` was not compiled", source=source.label, toolchain="python", output=said)


def _author_error(source: ComponentSource, error: dict[str, Any], labels: Mapping[str, str]) -> ToolchainError:
    """Return the error for an exception in the author's modules, told as Python would."""
    frames = [{**frame, "file": labels[frame["file"]]} for frame in error["frames"] if frame["file"] in labels]
    place = f"`{frames[-1]['file']}`, line {frames[-1]['line']}" if frames else f"`{source.label}`"
    message = f"{place}: {error['kind']}: {error['message']}"
    if error["kind"] in {"ImportError", "ModuleNotFoundError"}:
        message += f"; not every module of Python {error['python']} is there in WebAssembly"
    if error["kind"] in {"LookupError", "DeclarationError"}:
        message = f"{place}: {error['message']}"
    lines = []
    for frame in frames:
        lines.append(f"  {frame['file']}:{frame['line']}" + (f", in {frame['name']}" if frame["name"] else ""))
        if frame["text"]:
            lines.append(f"    {frame['text']}")
    return ToolchainError(message, source=source.label, toolchain="python", output="\n".join(lines))


def _report(application: Path) -> dict[str, Any]:
    from wasmcp.guest.boot import REPORT

    try:
        found = json.loads((application / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _warnings(source: ComponentSource, modules: Mapping[str, Module], application: Path) -> list[str]:
    """Return a line for each thing that is as written, but perhaps not as meant."""
    lines = []
    for item in _report(application).get("optional", []):
        place = f"`{item['file']}`, line {item['line']}"
        lines.append(f"warning: {place}: `{item['module']}` is not in the component ({item['problem']})")
    for module in modules.values():
        for name, line in module.frozen:
            place = f"`{relative_label(module.path, source.root)}`, line {line}"
            lines.append(f"warning: {place}: `{name}` is called once, when the component is built, and its value kept")
    return lines
