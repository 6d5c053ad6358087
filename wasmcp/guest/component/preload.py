"""Imports inside the component while it is built: all modules that it will ever need.

A component contains only the modules that are imported now. Later imports inside functions of the author's modules,
and those of the standard library, would fail at run time: so they are made here. The toolchain writes the list of
imports (a plan) and reads their outcome (a report); both are files in the folder of the application.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import sys
from typing import Any, TextIO

from wasmcp.guest.component import lazy_metadata, lean_code, standard_streams
from wasmcp.guest.component.compressed_modules import explain_missing, keep_later, keep_sources, list_directories
from wasmcp.guest.component.error_reporting import describe, remember
from wasmcp.guest.component.snapshot import (
    clear_freed_memory,
    descriptors,
    drop_compiled_annotations,
    fix_memory,
    open_files,
    watched,
)
from wasmcp.guest.component.stdlib_guards import guard_sqlite, install, open_sockets
from wasmcp.guest.declarations.rules import ToolOptions, collected, warned
from wasmcp.guest.network.seams import install as install_seams

PLAN = "_wasmcp_plan.json"
REPORT = "_wasmcp_report.json"


_FOR_ASYNCIO = ("event_loop", "pollables")
_MOST_PRINTED = 100_000
_GENERATED = frozenset({"componentize_py_runtime", "componentize_py_types", "wit_world"})


class _Recorder:
    """A standard stream that records output while the component is built, and forwards later output.

    Modules can keep a reference to it: a logging handler keeps the stream that it was made with.

    Args:
        stream: The stream that it replaces.
        printed: The list that texts are recorded in.

    Attributes:
        ended: True if texts are forwarded.
    """

    def __init__(self, stream: TextIO, printed: list[str]) -> None:
        self.stream = stream
        self.ended = False
        self._printed = printed

    def write(self, text: str) -> int:
        """Record a text, or forward it."""
        if self.ended:
            return self.stream.write(text)
        self._printed.append(str(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the replaced stream."""
        return getattr(self.stream, name)


def boot(folder: str, core: frozenset[str]) -> None:
    """Execute the plan and write the report.

    Args:
        folder: The folder of the plan and of the report.
        core: The modules that the interpreter started with.

    Raises:
        RuntimeError: The component cannot be built; the report contains the reason.
    """
    with open(f"{folder}/{PLAN}", encoding="utf-8") as file:  # noqa: PTH123 - pathlib would stay in the component
        plan = json.load(file)
    report: dict[str, Any] = {"errors": [], "missing": [], "optional": [], "open": [], "sockets": [], "warnings": []}
    report["printed"] = ""
    printed: list[str] = []
    if sys.platform == "wasi":
        standard_streams.install()
    out, err = _Recorder(sys.stdout, printed), _Recorder(sys.stderr, printed)
    sys.stdout, sys.stderr = out, err
    if sys.platform == "wasi":
        _guard(plan, folder)
    try:
        _import(plan, report, core, folder)
    except BaseException as error:  # noqa: BLE001 - also SystemExit and KeyboardInterrupt of the author's modules
        report["errors"].append(describe(error))
    out.ended = err.ended = True
    sys.stdout = out.stream if sys.stdout is out else sys.stdout
    sys.stderr = err.stream if sys.stderr is err else sys.stderr
    report["printed"] = "".join(printed)[:_MOST_PRINTED]
    printed.clear()
    with open(f"{folder}/{REPORT}", "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(report, file)
    if report["errors"] or report["missing"] or report["open"]:
        raise RuntimeError("the component cannot be built: see the report")


def _guard(plan: dict[str, Any], folder: str) -> None:
    """Replace or guard what does not work in a component, before other modules import it."""
    install()
    lazy_metadata.install()
    if plan["files"]:
        from wasmcp.guest.component.stdlib_guards import keep_zones
        from wasmcp.guest.files import FileFunctions, Tree, read_archive

        archive = read_archive(*(f"{folder}/{name}" for name in plan["files"]))
        FileFunctions(Tree(archive)).install()
        if plan["zones"]:
            keep_zones(archive, f"{folder}/tzdata/zoneinfo/")
    install_seams(plan["libraries"])
    if plan["sqlite"]:
        guard_sqlite()


def _import(plan: dict[str, Any], report: dict[str, Any], core: frozenset[str], folder: str) -> None:
    ToolOptions.update(plan["options"])
    before = descriptors()
    with collected() as refused:
        try:
            with watched() if plan["random"] else contextlib.nullcontext():
                importlib.import_module(plan["module"])
            remember(plan["sources"], plan["labels"])
            if plan["declared"] and not plan.get("development"):
                from wasmcp.guest.declarations.registry import check_declared  # after files and networks are guarded

                check_declared(refused)
        finally:
            report["errors"] += map(describe, refused)
            report["warnings"] = warned()
    for later in plan["later"]:
        problem = _missing(later["module"], folder) if later["fetched"] else _later(later["module"], later["names"])
        if problem is not None:
            report["missing" if later["required"] else "optional"].append({**later, "problem": problem})
    if sys.platform == "wasi":
        report["open"] = open_files(before)
        report["sockets"] = open_sockets()
    if report["errors"] or report["missing"] or report["open"]:
        return
    if sys.platform == "wasi":
        lazy_metadata.finish()
    keep_later(core, {**_own_modules(folder), **plan["packages"]}, plan["standard"])
    lean_code.remove()
    if sys.platform == "wasi":
        if plan.get("development"):
            from wasmcp.guest.component.development import prepare

            prepare(plan.get("development"), folder)
        keep_sources(folder)
        list_directories()
        explain_missing()
        drop_compiled_annotations()
        fix_memory()
        gc.collect()
        clear_freed_memory()
        gc.freeze()  # garbage collections in a call need not visit the objects of the snapshot


def _own_modules(folder: str) -> dict[str, str]:
    """Return path -> name, of the modules of the guest library that an import of `asyncio` in a call needs."""
    return {f"{folder}/wasmcp/guest/component/{name}.py": f"wasmcp.guest.component.{name}" for name in _FOR_ASYNCIO}


def _missing(module: str, folder: str) -> str | None:
    """Return the problem of a later import of a package, which is not made now; None if the module exists."""
    top = module.partition(".")[0]
    if top in sys.modules or top in sys.stdlib_module_names or top in _GENERATED:
        return None
    if any(os.path.exists(f"{folder}/{top}{end}") for end in ("", ".py", ".so")):  # noqa: PTH110 - no pathlib here
        return None
    return f"ModuleNotFoundError: No module named '{top}'"


def _later(module: str, names: list[str]) -> str | None:
    """Import a module, and those of its names that are submodules; return the problem, or None."""
    try:
        found = importlib.import_module(module)
        for name in names:
            if not hasattr(found, name):
                importlib.import_module(f"{module}.{name}")
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported
        return f"{type(error).__name__}: {error}"
    return None
