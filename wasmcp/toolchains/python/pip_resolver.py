"""pip, resolving for the Python inside a component instead of the interpreter that it runs on.

Run as a script by `wasmcp.toolchains.python.dependencies`; it needs pip and nothing of wasmcp. pip can select wheels of
another platform, but evaluates markers of requirements (``; python_version < "3.11"``) for the running interpreter, and
rejects source distributions for another platform, although a pure Python one fits every platform.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

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


_KEPT = {
    "APPDATA", "COMSPEC", "HOME", "LANG", "LANGUAGE", "LOCALAPPDATA", "PATH", "PATHEXT", "SYSTEMDRIVE", "SYSTEMROOT",
    "TEMP", "TMP", "TMPDIR", "TZ", "USERPROFILE", "WINDIR",
    "CC", "CXX", "FC", "PIP_BUILD_CONSTRAINT", "PIP_DISABLE_PIP_VERSION_CHECK",
    "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE",
    "PYTHONNOUSERSITE", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONPATH",
}  # fmt: skip
"""Environment variables passed on to programs that pip starts, such as the build code of source distributions."""


WASI = "wasi_wasm32"
"""The platform tag that stands for all of WASI on 32 bits."""

UNFIT = "_WASMCP_UNFIT_WHEELS"
"""Environment variable with the path of a file, to which names of wheels for WebAssembly that do not fit are added."""

_WASI = re.compile(r"wasi(_\d+)*_wasm32")
_WEB_ASSEMBLY = re.compile(r"wasi|pyemscripten|pyodide|emscripten")


def is_wasi(platform: str) -> bool:
    """Return True for a platform tag of WASI: build tools write versions of their own into it."""
    return _WASI.fullmatch(platform) is not None


def _accept_all_wasi(wheel: Any, tag: Any) -> None:
    """Make pip treat all platform tags of WASI as one, and record wheels for WebAssembly that do not fit."""
    start, supported = wheel.__init__, wheel.supported

    def init(self: Any, filename: str) -> None:
        start(self, filename)
        self.file_tags = frozenset(
            tag(one.interpreter, one.abi, WASI) if is_wasi(one.platform) else one for one in self.file_tags
        )

    def is_supported(self: Any, tags: Iterable[Any]) -> bool:
        fits: bool = supported(self, tags)
        if not fits and any(_WEB_ASSEMBLY.match(one.platform) for one in self.file_tags) and UNFIT in os.environ:
            with open(os.environ[UNFIT], "a", encoding="utf-8") as file:  # noqa: PTH123 - of one line
                file.write(f"{self.filename}\n")
        return fits

    wheel.__init__, wheel.supported = init, is_supported


class _Subprocess:
    """Replacement of the module `subprocess` that starts programs in an environment without secrets.

    pip itself reads its settings and credentials from the whole environment. The pip that it starts to install build
    requirements gets them as arguments.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    @staticmethod
    def Popen(*arguments: Any, env: Mapping[str, str] | None = None, **options: Any) -> Any:  # noqa: N802 - the name in `subprocess`
        """Start a program in the reduced environment."""
        start: Any = subprocess.Popen
        return start(*arguments, env=environment_of(os.environ if env is None else env), **options)


def environment_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the part of an environment for programs that pip starts: without tokens and passwords."""
    return {
        name: value
        for name, value in environment.items()
        if name.upper() in _KEPT or name.startswith(("LC_", "PEP517_", "_PYPROJECT_HOOKS_"))
    }


def main(arguments: list[str]) -> int:
    """Run pip with these arguments; return its exit code."""
    from pip._internal.cli import cmdoptions
    from pip._internal.cli.main import main as pip
    from pip._internal.models.wheel import Wheel
    from pip._internal.utils import subprocess as programs
    from pip._vendor.packaging import markers
    from pip._vendor.packaging.tags import Tag

    markers.default_environment = lambda: dict(GUEST)  # type: ignore[assignment,return-value]
    programs.subprocess = _Subprocess()  # type: ignore[assignment,attr-defined]
    _accept_all_wasi(Wheel, Tag)
    cmdoptions.check_dist_restriction = lambda *_, **__: None
    return int(pip(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
