"""Errors and warnings of a build, in the form of Python's own: failures, and code that probably was not intended."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from wasmcp.errors import MissingToolchainError, ToolchainError
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.python.module_ast import DEPENDENCIES, Module, refusal
from wasmcp.toolchains.python.packages import advice_for_module
from wasmcp.toolchains.python.staging import APPLICATION, labels_of

_LACKING = re.compile(rf"module '{APPLICATION}' has no attribute '(\w+)'")
_ONCE = "is called once, when the component is built, and its value kept"
_SOCKET = "this import got an `OSError`, as without a network"
_ENVIRONMENT = "is read when the component is built, where the environment is empty: read it inside a function"


def failure_of(
    source: ComponentSource, modules: Mapping[str, Module], application: Path, output: str
) -> ToolchainError:
    """Return the error for a failure of the compiler, or of the author's modules while it imported them.

    Args:
        source: The source of the component.
        modules: All modules of the component.
        application: The folder that `wasmcp.toolchains.python.staging.stage_application` returned.
        output: The output of the compiler.
    """
    if "No module named 'componentize_py'" in output:
        message = f'`{source.label}` needs componentize-py: `pip install "wasmcp[python]"`'
        return MissingToolchainError(message, source=source.label, toolchain="python")
    report = report_of(application)
    labels = labels_of(modules.values())
    problems = problems_of(source, modules, report.get("errors", ()))
    missing = [f"{_place(item)}: `{item['module']}`: {item['problem']}" for item in report.get("missing", ())]
    if missing:
        problems.append((f"`{source.label}` imports later what is not in the component:", missing))
    if report.get("open"):
        names = ", ".join(f"`{labels.get(name, name)}`" for name in report["open"])
        message = (
            f"`{source.label}` leaves files open when it has been imported: {names}. A component has none: read what "
            "is needed and close the file (`with open(...)`), or keep the data in a module"
        )
        problems.append((message, []))
    if problems:
        return refusal(source.label, problems)
    output = output.partition("\nStack backtrace:")[0].rstrip()  # the compiler's own, not Python's
    lacking = _LACKING.search(output)
    if lacking is not None:
        message = (
            f"`{source.label}` has no `{lacking[1]}`: a component of the world `{source.world}` exports that "
            "interface, and a class of this name has its functions"
        )
        return ToolchainError(message, source=source.label, toolchain="python")
    for staged, label in labels.items():
        output = output.replace(staged, label)
    return ToolchainError(f"`{source.label}` was not compiled", source=source.label, toolchain="python", output=output)


def problems_of(
    source: ComponentSource, modules: Mapping[str, Module], errors: Iterable[Mapping[str, Any]]
) -> list[tuple[str, list[str]]]:
    """Return the problems for errors that `wasmcp.guest.component.import_report` describes."""
    return [_author_error(source, modules, error) for error in errors]


def _author_error(
    source: ComponentSource, modules: Mapping[str, Module], error: Mapping[str, Any]
) -> tuple[str, list[str]]:
    """Return the message for an exception in the author's modules, and its traceback."""
    labels = labels_of(modules.values())
    frames = [{**frame, "file": labels[frame["file"]]} for frame in error["frames"] if frame["file"] in labels]
    place = f"`{frames[-1]['file']}`, line {frames[-1]['line']}" if frames else f"`{source.label}`"
    message = f"{place}: {error['kind']}: {error['message']}"
    if error["kind"] in {"ImportError", "ModuleNotFoundError"}:
        message += f"; not every module of Python {error['python']} is there in WebAssembly"
        message += _advice_for(frames)
    if error["kind"] in {"FileNotFoundError", "NotADirectoryError", "PermissionError"}:
        message += "; a component has no files: keep the data in a module, or ask for it in a call"
    if "no socket can be opened while a component is built" in error["message"]:
        message = f"{place}: {error['message'].partition('] ')[2]}"
    frozen = {(module.label, line): name for module in modules.values() for name, line in module.frozen}
    if any(frozen.get((frame["file"], frame["line"])) == "os.environ" for frame in frames):
        message += "; the environment is empty when a component is built: read it inside a function"
    if error["kind"] in {"LookupError", "DeclarationError"}:
        message = f"{place}: {error['message']}"
    lines = []
    for frame in frames:
        if frame["name"] or frame["text"]:
            lines.append(f"  {frame['file']}:{frame['line']}" + (f", in {frame['name']}" if frame["name"] else ""))
        if frame["text"]:
            lines.append(f"    {frame['text']}")
    return message, lines


def _advice_for(frames: Sequence[Mapping[str, Any]]) -> str:
    """Return the advice for the packages through which an import failed, as the end of a message."""
    files = [PurePosixPath(frame["file"]) for frame in frames]
    modules = dict.fromkeys(file.parts[1].removesuffix(".py") for file in files if file.parts[0] == DEPENDENCIES)
    return "".join(f". `{module}`: {advice}" for module in modules if (advice := advice_for_module(module)))


def report_of(application: Path) -> dict[str, Any]:
    """Return the report of `wasmcp.guest.component.preload`; empty if it cannot be read."""
    from wasmcp.guest.component.preload import REPORT

    try:
        found = json.loads((application / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def printed_of(application: Path) -> list[str]:
    """Return the lines that modules printed during import, escaped for a terminal."""
    from wasmcp.terminal import printable

    return [printable(line) for line in str(report_of(application).get("printed", "")).splitlines()]


def _place(item: Mapping[str, Any]) -> str:
    return f"`{item['file']}`, line {item['line']}" if item["line"] else f"`{item['file']}`"


def warnings_of(modules: Mapping[str, Module], application: Path) -> list[str]:
    """Return a warning for each piece of code that probably was not intended."""
    lines = [
        f"warning: {_place(item)}: `{item['module']}` is not in the component ({item['problem']})"
        for item in report_of(application).get("optional", [])
        if item["told"]
    ]
    labels = labels_of(modules.values())
    lines += [
        f"warning: `{labels[item['file']]}`, line {item['line']}: {item['message']}"
        for item in report_of(application).get("warnings", ())
        if item["file"] in labels
    ]
    lines += [
        f"warning: `{labels[file]}`, line {line}: no socket can be opened while a component is built: {_SOCKET}"
        for file, line in report_of(application).get("sockets", ())
        if file in labels
    ]
    for module in modules.values():
        for name, line in dict.fromkeys(module.frozen):
            what = _ENVIRONMENT if name.startswith(("os.environ", "os.getenv")) else _ONCE
            lines.append(f"warning: `{module.label}`, line {line}: `{name}` {what}")
    return lines
