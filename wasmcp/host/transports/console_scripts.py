"""Console scripts of packages that have no module of their own for them.

A script's entry point is ``wasmcp.host.transports.console_scripts:servers.PACKAGE.SERVER``: the attributes of `servers`
are names of packages, and those of a package the names of its servers, with ``_`` in place of ``-`` and ``.``.

Source: PyPA, "Entry points specification", object references.
"""

from __future__ import annotations

import re

MODULE = __name__


def attribute(server: str) -> str:
    """Return the attribute that stands for a server."""
    return re.sub(r"[-.]", "_", server)


class ServerScript:
    """Callable that serves a server of a package over standard input and output."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __getattr__(self, name: str) -> ServerScript:
        """Return the callable for a name below this one."""
        if name.startswith("__"):
            raise AttributeError(name)
        return ServerScript(*self._names, name)

    def __call__(self) -> None:
        """Serve until the input ends, as `wasmcp.host.run` does.

        Raises:
            SystemExit: The server has ended.
        """
        from wasmcp.errors import WasmcpError
        from wasmcp.host.transports.stdio_server import find_servers, run

        *parts, wanted = self._names
        package = ".".join(parts)
        try:
            server = next((path.stem for path in find_servers(package) if attribute(path.stem) == wanted), wanted)
        except WasmcpError:
            server = wanted  # `run` reports the error
        run(package, server)


servers = ServerScript()
"""The scripts of all installed packages."""
