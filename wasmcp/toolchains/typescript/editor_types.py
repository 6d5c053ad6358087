"""What an editor needs to know the modules ``wasmcp``: the build itself needs none of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from wasmcp.package_data import guest_directory, wit_declarations

FOLDER = ".wasmcp"
"""Where it goes by default; not for version control."""

_CONFIG = """\
{
  "compilerOptions": {
    "strict": true,
    "noEmit": true,
    "target": "es2024",
    "lib": ["es2024", "esnext.disposable"],
    "types": [],
    "module": "esnext",
    "moduleResolution": "bundler",
    "allowImportingTsExtensions": true,
    "paths": { "wasmcp": ["./@/index.ts"], "wasmcp/*": ["./@/*.ts"] }
  },
  "exclude": ["node_modules"],
  "include": ["**/*.ts", "./@/*.d.ts"]
}
"""


def write_types(root: Path, folder: str = FOLDER) -> tuple[Path, Path | None]:
    """Write our guest library and the declarations of the WIT into a folder of a project.

    A ``tsconfig.json`` that leads editors there is written where the project has none.

    Args:
        root: The project's folder.
        folder: Where the types go, relative to it.

    Returns:
        The folder, and the ``tsconfig.json`` where one was written.

    Raises:
        MissingPackageDataError: The declarations are not built.
    """
    target = root / folder
    declarations = wit_declarations()
    shutil.copytree(guest_directory("typescript"), target, dirs_exist_ok=True)
    shutil.copyfile(declarations, target / "wit.d.ts")
    (target / ".gitignore").write_text("*\n", "utf-8")
    config = root / "tsconfig.json"
    if config.exists():
        return target, None
    config.write_text(_CONFIG.replace("@", folder), "utf-8")
    return target, config
