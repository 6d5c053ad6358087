"""Coverage of servers: tools, resources, prompts, error paths and branches of schemas that no test has used."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_wasmcp.report import messages_of

if TYPE_CHECKING:
    from pytest_wasmcp.report import Recording
    from wasmcp.insight.surface import Usage

EXCLUDE = "wasmcp_cov_exclude"
FAIL_UNDER = "wasmcp_cov_fail_under"
_OUTPUT = "wasmcp_coverage"
_PLUGIN = "wasmcp-coverage"
_SHOWN = 8  # unused uses of an entry in the table


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of coverage."""
    group = parser.getgroup("wasmcp")
    group.addoption("--wasmcp-cov", action="store_true", help="show the parts of servers that no test has used")
    group.addoption("--wasmcp-cov-json", metavar="FILE", help="write the coverage of servers to a file")
    text = "fail if fewer than this percentage of the parts of servers are used"
    group.addoption("--wasmcp-cov-fail-under", type=float, metavar="PERCENT", help=text)
    parser.addini(FAIL_UNDER, text + ", with `--wasmcp-cov`", default="")
    parser.addini(EXCLUDE, "patterns of parts that need not be used: `tool crash *`", type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Start to record the usage of servers."""
    under = config.getoption("wasmcp_cov_fail_under")
    enabled = bool(config.getoption("wasmcp_cov") or config.getoption("wasmcp_cov_json") or under is not None)
    if under is None and (text := str(config.getini(FAIL_UNDER))):
        try:
            under = float(text)
        except ValueError:
            raise pytest.UsageError(f"`{FAIL_UNDER}` must be a percentage from 0 to 100, got {text!r}") from None
    if under is not None and not 0 <= under <= 100:
        raise pytest.UsageError(f"`--wasmcp-cov-fail-under` must be a percentage from 0 to 100, got {under:g}")
    if enabled:
        config.pluginmanager.register(Coverage(config, under), _PLUGIN)


class Coverage:
    """Usage of the servers of a run, by their files."""

    def __init__(self, config: pytest.Config, under: float | None) -> None:
        self._config = config
        self._under = under
        self._usages: dict[str, Usage] = {}
        self._silent: set[int] = set()
        self._lock = threading.Lock()
        self._lost = 0

    def _usage(self, name: str) -> Usage:
        from wasmcp.insight.surface import Usage

        return self._usages.setdefault(name, Usage())

    def _name(self, recording: Recording) -> str:
        root = self._config.rootpath
        path = recording.path
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name

    def pytest_wasmcp_server_opened(self, recording: Recording) -> None:
        """Learn of a server, also without requests."""
        self._usage(self._name(recording)).opened()

    def pytest_wasmcp_message(self, recording: Recording, direction: str, text: str, client: object) -> None:
        """Take a message of a test."""
        if id(recording) in self._silent:
            return
        with self._lock:  # several servers of one file have one usage
            usage = self._usage(self._name(recording))
            for one in messages_of(text):
                usage.record_message(direction, one, client)

    def pytest_wasmcp_server_closing(self, recording: Recording) -> None:
        """Read the lists of a server, so that parts are known that no test has listed."""
        from wasmcp.errors import WasmcpError

        server = recording.server
        if server is None:
            return
        usage = self._usage(self._name(recording))
        self._silent.add(id(recording))
        try:
            surface = server.surface()
            capabilities = server.discover().get("capabilities", {})
        except WasmcpError as error:
            problem = f"its lists could not be read after a test: {str(error).splitlines()[0]}"
            if problem not in usage.problems:
                usage.problems.append(problem)
        else:
            lists = {kind: list(surface[kind].values()) for kind in ("tools", "resources", "templates", "prompts")}
            with self._lock:
                usage.record_lists(lists, completions="completions" in capabilities, complete=True)
        finally:
            self._silent.discard(id(recording))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Merge the usage of a worker of pytest-xdist."""
        output = getattr(node, "workeroutput", {}).get(_OUTPUT)
        if output is None:
            self._lost += 1
            return
        for name, (parts, problems) in json.loads(output).items():
            self._usage(name).merge(parts, problems)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Compare the coverage with the required one, after all tests."""
        result = yield
        if hasattr(self._config, "workeroutput"):
            rows = {name: (usage.rows(), usage.problems) for name, usage in self._usages.items()}
            self._config.workeroutput[_OUTPUT] = json.dumps(rows)
        elif not self._config.option.collectonly:
            excluded = self._config.getini(EXCLUDE)
            self._usages = {name: usage.without(excluded) for name, usage in sorted(self._usages.items())}
            self._write()
            if self._under is not None and self._percent() < self._under:
                session.testsfailed += 1
        return result

    def _percent(self) -> float:
        used = sum(sum(usage.parts.values()) for usage in self._usages.values())
        total = sum(len(usage.parts) for usage in self._usages.values())
        return 100 * used / total if total else 0.0

    def _write(self) -> None:
        given = self._config.getoption("wasmcp_cov_json")
        if not given:
            return
        path = Path(self._config.invocation_params.dir, given)
        document = {
            "format": 1,
            "percent": round(self._percent(), 2),
            "servers": {name: usage.to_dict() for name, usage in self._usages.items()},
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
        except OSError as error:
            raise pytest.UsageError(f"`--wasmcp-cov-json`: `{path}` cannot be written: {error.strerror}") from None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the coverage of each server."""
        from wasmcp.terminal import printable

        show = self._config.getoption("wasmcp_cov")
        write = terminalreporter.line
        if show:
            terminalreporter.section("coverage of servers")
            for name, usage in self._usages.items():
                write(f"{printable(name)}: {usage.percent:.0f}% of {len(usage.parts)} parts")
                for kind, entry, used, total, unused in usage.by_entry():
                    left = len(unused) - _SHOWN
                    listed = ", ".join(unused[:_SHOWN]) + (f" and {left} more" if left > 0 else "")
                    missing = f"  not used: {listed}" if unused else ""
                    write(printable(f"  {kind} {entry}: {used}/{total}{missing}"))
                for problem in usage.problems:
                    write(printable(f"  {problem}"))
            if not self._usages:
                write("no test has opened a server in this process")
        if self._lost:
            write(f"the coverage of {self._lost} workers is lost, because they did not end normally", yellow=True)
        if self._under is not None:
            percent = self._percent()
            verdict = "reached" if percent >= self._under else "not reached"
            write(
                f"required coverage of servers of {self._under:g}% {verdict}: {percent:.2f}%",
                red=percent < self._under,
                green=percent >= self._under,
            )
