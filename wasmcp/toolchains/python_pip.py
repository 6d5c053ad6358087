"""pip, choosing for the Python inside a component instead of the one that it runs on.

Run as a file, by `wasmcp.toolchains.python_dependencies`; it needs pip and nothing of wasmcp. pip can be told another
platform's wheels, but it asks the running interpreter for the markers of requirements (``; python_version < "3.11"``),
and it refuses source distributions for another platform, though one that holds only Python fits every one.
"""

from __future__ import annotations

import sys

GUEST = {
    "implementation_name": "cpython",
    "implementation_version": "3.14.0",
    "os_name": "posix",
    "platform_machine": "wasm32",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "wasi",
    "platform_version": "",
    "python_full_version": "3.14.0",
    "python_version": "3.14",
    "sys_platform": "wasi",
}
"""The environment of markers inside a component. Source: Python packaging, "Dependency specifiers"."""


def main(arguments: list[str]) -> int:
    """Run pip with some arguments; return its exit code."""
    from pip._internal.cli import cmdoptions
    from pip._internal.cli.main import main as pip
    from pip._vendor.packaging import markers

    markers.default_environment = lambda: dict(GUEST)  # type: ignore[assignment,return-value]
    cmdoptions.check_dist_restriction = lambda *_, **__: None
    return int(pip(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
