"""Command-line options of ``wasmcp run`` and of console scripts.

They are parsed with argparse, unlike those of the other commands: the import of click takes three to four times as
long, and more than the start of a server that is compiled already. A command line without options needs no parser.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from wasmcp.host.configuration.declared import REUSES, Given
from wasmcp.terminal import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from wasmcp.host.configuration.declared import Directory, Published, Variable
    from wasmcp.host.engine.limits import Limits


def add_options(parser: argparse.ArgumentParser, default: Limits | None = None) -> None:
    """Add the options for environment, directories, store and limits of a server.

    Args:
        parser: The parser to which they are added.
        default: The limits that apply where no option sets one.
    """
    from argparse import BooleanOptionalAction

    from wasmcp.host.engine.limits import Limits

    default = default or Limits()
    seconds = "none" if default.timeout is None else f"{default.timeout:g}"
    mebibytes = "none" if default.memory is None else str(default.memory >> 20)
    parser.add_argument(
        "--env", action="append", default=[], metavar="KEY[=VALUE]", help="pass an environment variable"
    )
    parser.add_argument(
        "--dir",
        action="append",
        default=[],
        metavar="HOST[:GUEST[:ro]]",
        help="give access to a directory (`:ro`: read only)",
    )
    parser.add_argument(
        "--timeout", type=number, metavar="SECONDS", help=f"time limit of a request (default: {seconds})"
    )
    parser.add_argument(
        "--memory", type=count, metavar="MIB", help=f"memory limit of each component (default: {mebibytes})"
    )
    parser.add_argument("--instances", type=count, metavar="N", help="concurrent requests (default: by load)")
    parser.add_argument(
        "--reuse", choices=REUSES, help=f"lifetime of an instance: the process, or one request (default: {REUSES[0]})"
    )
    parser.add_argument(
        "--traces", action=BooleanOptionalAction, help="export traces with OpenTelemetry (default: by OTEL_*)"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log details, such as the bound of instances")
    parser.add_argument(
        "--keyvalue",
        metavar="URL",
        help="where `wasi:keyvalue` keeps values: `memory:`, `sqlite:PATH` or `redis://HOST`",
    )


class Pooling(NamedTuple):
    """Options of the pool of instances, of its log and of traces.

    Attributes:
        instances: Exact number of instances; None for the declared one.
        reuse: One of `REUSES`; None for the declared one.
        verbose: Log details.
        traces: Export traces; None to do so if variables `OTEL_*` enable it.
    """

    instances: int | None = None
    reuse: str | None = None
    verbose: bool = False
    traces: bool | None = None


def read_options(parser: argparse.ArgumentParser, found: argparse.Namespace) -> tuple[Given, Limits | None, Pooling]:
    """Return the values of the options: environment, directories and store; the limits; those of the pool.

    The limits default to `None`. An invalid value ends the process with a usage message and
    status 2.
    """
    try:
        given = Given(environment(found.env), [directory(text) for text in found.dir], found.keyvalue)
        bounded = found.timeout is not None or found.memory is not None
        bounds = limits(found.timeout, found.memory) if bounded else None
        check_instances(found.instances)
    except ValueError as error:
        parser.error(str(error))
    return given, bounds, Pooling(found.instances, found.reuse, found.verbose, found.traces)


def limits(timeout: float | None, memory: int | None, default: Limits | None = None) -> Limits:
    """Return the limits with the given values.

    Args:
        timeout: Seconds, or None for the default.
        memory: MiB, or None for the default.
        default: The limits that apply otherwise.

    Raises:
        ValueError: A limit is not above zero.
    """
    from dataclasses import replace

    from wasmcp.host.engine.limits import Limits

    if timeout is not None and not 0 < timeout < 1e9:
        raise ValueError(f"--timeout must be a number of seconds above 0, not {timeout:g}")
    if memory is not None and memory <= 0:
        raise ValueError(f"--memory must be above 0, not {memory}")
    made = default or Limits()
    made = made if timeout is None else replace(made, timeout=timeout)
    return made if memory is None else replace(made, memory=memory << 20)


def number(text: str) -> float:
    """Parse a decimal number; `float` would also accept ``nan``, ``inf``, ``1_0`` and white space.

    Raises:
        ValueError: The text is not a number.
    """
    digits = text.removeprefix("-").replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"`{text}` is not a number")
    return float(text)


def check_instances(number: int | None) -> None:
    """Check the value of `--instances`.

    Raises:
        ValueError: It is not above 0.
    """
    if number is not None and number <= 0:
        raise ValueError(f"--instances must be above 0, not {number}")


def count(text: str) -> int:
    """Parse an integer in digits; `int` would also accept ``1_0`` and white space.

    Raises:
        ValueError: The text is not an integer.
    """
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
        raise ValueError(f"`{text}` is not an integer")
    return int(text)


def environment(given: Sequence[str]) -> dict[str, str]:
    """Parse `KEY=VALUE`, and `KEY` with the value in the environment of this process.

    Raises:
        ValueError: A variable has no name, or is not set.
    """
    result = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not key:
            raise ValueError(f"--env must be KEY or KEY=VALUE, not `{item}`")
        if not equals:
            if key not in os.environ:
                raise ValueError(f"--env {key}: the environment variable is not set; give `{key}=VALUE`")
            value = os.environ[key]
        result[key] = value
    return result


def directory(item: str) -> tuple[str, str, bool]:
    """Parse `HOST`, `HOST:GUEST` or `HOST:GUEST:ro`; GUEST is HOST by default.

    Raises:
        ValueError: The text has another form, or the directory does not exist.
    """
    parts = item.split(":")
    writable = True
    if parts[-1] == "ro":
        writable = False
        parts.pop()
    if not 1 <= len(parts) <= 2 or not all(parts):
        raise ValueError(f"--dir must be HOST, HOST:GUEST or HOST:GUEST:ro, not `{item}`")
    host, guest = parts[0], parts[-1]
    if not os.path.isdir(host):  # noqa: PTH112 - pathlib is not needed on this path otherwise
        raise ValueError(f"--dir {item}: `{host}` is not a directory")
    return host, guest, writable


def described(server: Published) -> str:
    """Describe the configuration of a server for its help: sections for variables, directories and stored values."""
    configuration = server.configuration
    sections = [
        ("environment variables", [(one.name, _of_variable(one)) for one in configuration.variables]),
        ("directories", [(one.path, _of_directory(server, one)) for one in configuration.directories]),
    ]
    store = server.keyvalue()
    if server.keeps_values or store is not None:
        sections.append(("stored values", [("wasi:keyvalue", f"{store or 'memory:'}; another with --keyvalue")]))
    return "\n\n".join(_section(title, rows) for title, rows in sections if rows)


def _of_variable(variable: Variable) -> str:
    facts = ["required"] if variable.required else []
    facts += ["secret"] if variable.secret else []
    facts += [f"one of {', '.join(variable.choices)}"] if variable.choices else []
    facts += [f"default: {variable.default}"] if variable.default is not None else []
    return _sentence(variable.description, facts)


def _of_directory(server: Published, directory: Directory) -> str:
    facts = ["required"] if directory.required else []
    facts.append("read and written" if directory.writable else "only read")
    facts += [f"default: {server.expanded(directory.default)}"] if directory.default is not None else []
    facts += [f"set by {directory.variable} or --dir HOST:{directory.path}"] if directory.variable else []
    facts += [] if directory.variable else [f"set by --dir HOST:{directory.path}"]
    return _sentence(directory.description, facts)


def _sentence(description: str, facts: Sequence[str]) -> str:
    remarks = f"({'; '.join(facts)})" if facts else ""
    return " ".join(part for part in (description, remarks) if part)


def _section(title: str, rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join([f"{title}:", *_rows(rows)])


def _rows(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    from shutil import get_terminal_size
    from textwrap import wrap

    columns = max(get_terminal_size().columns - 2, 60)  # as in argparse
    shown = [(printable(name), printable(text)) for name, text in rows]
    width = min(max(len(name) for name, _ in shown), 22)
    for name, text in shown:
        lines = wrap(text, columns - width - 4, break_long_words=False, break_on_hyphens=False) or [""]
        indent = " " * (width + 4)
        first = f"  {name:<{width}}  {lines[0]}".rstrip() if len(name) <= width else f"  {name}\n{indent}{lines[0]}"
        yield "\n".join([first.rstrip(), *(f"{indent}{line}" for line in lines[1:])])


def script_parser(name: str, server: Published, default: Limits | None = None) -> argparse.ArgumentParser:
    """Return the parser of a console script, whose help describes the configuration of the server.

    Args:
        name: The name of the script.
        server: The server that it runs.
        default: The limits that apply where no option sets one.
    """
    import argparse

    title = server.metadata.get("description") or server.metadata.get("title") or "An MCP server."
    parser = argparse.ArgumentParser(
        prog=name,
        description=f"{printable(title)}\n\nServes over standard input and output, as MCP clients expect.",
        epilog=(
            f"{described(server)}\n\nOnly MCP is written to standard output.\n"
            "Exit codes: 0 the input ended, 1 the server cannot be run, 2 wrong usage, 130 interrupted."
        ).lstrip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    version = f"{server.name} {server.metadata.get('version', '')}".rstrip()
    parser.add_argument("--version", action="version", version=printable(version).replace("%", "%%"))
    parser.add_argument("--name", default=server.path.stem, help="server of the package (default: %(default)s)")
    add_options(parser, default)
    return parser


def chosen_name(arguments: Sequence[str]) -> str | None:
    """Return the value of `--name` among the arguments of a console script, before the others are parsed."""
    import argparse

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--name")
    try:
        name: str | None = parser.parse_known_args(list(arguments))[0].name
    except argparse.ArgumentError:  # the full parser reports it
        return None
    return name


def merged(first: Given, then: Given) -> Given:
    """Merge the values of a program and of the operator, which take precedence per variable and guest path."""
    guests = {guest for _, guest, _ in then.directories}
    return Given(
        {**first.env, **then.env},
        [*(one for one in first.directories if one[1] not in guests), *then.directories],
        first.keyvalue if then.keyvalue is None else then.keyvalue,
    )
