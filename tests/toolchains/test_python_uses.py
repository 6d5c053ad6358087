"""Detection of the server capabilities that Python components can use."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.toolchains.python.code_checks import FUNCTIONS, uses
from wasmcp.toolchains.python.modules import Module, read_module

EVERYTHING = set(FUNCTIONS.values())
HEAD = "from wasmcp.guest import Context, tool\nimport logging, math\nfrom pathlib import Path\n"


def used(folder: Path, text: str, *others: tuple[str, str, bool]) -> set[str]:
    modules = []
    for name, content, fetched in (("tools", text, False), *others):
        path = folder / f"{name}.py"
        path.write_text(content)
        module = Module(name, path, f"{name}.py", own=not fetched, fetched=fetched)
        read_module(module)
        modules.append(module)
    return set(uses(modules))


@pytest.mark.parametrize(
    ("body", "functions"),
    [
        ("def f(ctx: Context):\n    ctx.info('x')", {"log"}),
        ("def f(ctx: Context):\n    say = ctx.log", {"log"}),
        ("def f(ctx: 'Context'):\n    ctx.tools_changed()", {"notify-tools-changed"}),
        ("def f(ctx):\n    ctx.error(1)", {"log"}),
        ("def f(x):\n    c = x.context\n    c.resource_updated('a:b')", {"notify-resource-updated"}),
        ("class C:\n    def f(self):\n        self.ctx.warning('x')", {"log"}),
        ("def f(ctx: Context | None):\n    ctx and ctx.prompts_changed()", {"notify-prompts-changed"}),
        ("Ctx = Context\ndef f(c: Ctx):\n    c.resources_changed()", {"notify-resources-changed"}),
        ("def f(ctx: Context):\n    getattr(ctx, 'debug')('x')", {"log"}),
        ("def f(ctx: Context, level: str):\n    getattr(ctx, level)('x')", EVERYTHING),
        ("def f(ctx: Context):\n    def g(text: str):\n        ctx.info(text)\n    g('')", {"log"}),
        ("def f(ctx: Context):\n    ctx.progress(1)\n    return ctx.meta", set()),
        ("def f(ctx: Context):\n    logging.info('x')\n    return math.log(2)", set()),
        ("logger = logging.getLogger(__name__)\ndef f(ctx: Context):\n    logger.error('x')", set()),
        ("def f(ctx: Context):\n    logging.getLogger('x').warning('x')", set()),
        ("def f(ctx: Context, log: logging.Logger, p: Path, t: str):\n    log.info(p.info, t.error)", set()),
        ("class C:\n    def f(self, c: Context):\n        self.logger.info('x')", set()),
        ("def f(ctx: Context):\n    getattr(ctx, 'meta')", set()),
        ("def f(p: Path, name: str):\n    return getattr(p, name)", set()),
        ("def f(ctx: Context):\n    ctx.info = 1", set()),
    ],
)
def test_functions_used_by_a_module(tmp_path: Path, body: str, functions: set[str]) -> None:
    assert used(tmp_path, HEAD + body) == functions


def test_module_without_a_context(tmp_path: Path) -> None:
    assert used(tmp_path, "from wasmcp.guest import tool\ndef f(x):\n    x.info()\n    getattr(x, y)") == set()


@pytest.mark.parametrize(
    "head",
    ["from wasmcp.guest import *", "import wasmcp.guest as g", "from wasmcp import guest", "import wit_world"],
)
def test_calls_on_each_form_of_context_are_found(tmp_path: Path, head: str) -> None:
    assert used(tmp_path, f"{head}\ndef f(x):\n    x.info()") == {"log"}


def test_other_modules_count(tmp_path: Path) -> None:
    head = "from wasmcp.guest import Context\n"
    assert used(tmp_path, head, ("helper", "def say(x):\n    x.info('')", False)) == {"log"}
    # What others wrote is handed contexts only when it knows what they are.
    assert used(tmp_path, head, ("package", "def say(x):\n    x.info('')", True)) == set()
    known = "import wasmcp.guest\ndef say(x):\n    x.info('')"
    assert used(tmp_path, "", ("package", known, True)) == {"log"}


def test_a_newer_python(tmp_path: Path) -> None:
    newer = "from wasmcp.guest import Context\ntype A[T] = list[T]\ndef f[T](c: Context) -> T:\n    %s\n"
    assert used(tmp_path, newer % "c.info('')") == {"log"}
    assert used(tmp_path, newer % "getattr(c, x)") >= {"log"}
    assert used(tmp_path, newer % "pass") == set()
