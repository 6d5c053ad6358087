"""Command line of the generator: `python -m wasmcp.bindgen WIT WORLD -o DIRECTORY`."""

from __future__ import annotations

import argparse
import sys

from wasmcp.bindgen import generate
from wasmcp.errors import WasmcpError


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m wasmcp.bindgen", description="Generate Zig bindings from WIT.")
    parser.add_argument("wit", help="directory with WIT files (and deps/), or one WIT file")
    parser.add_argument("world", help="a world of its main package")
    parser.add_argument("-o", "--output", required=True, help="directory to write bindings.zig and its runtime to")
    options = parser.parse_args(arguments)
    try:
        path = generate(options.wit, options.world, options.output)
    except WasmcpError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command writes to its streams
        return 1
    print(path)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
