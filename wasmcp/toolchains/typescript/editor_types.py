"""Type declarations of the modules ``wasmcp`` for editors; builds do not need them."""

from __future__ import annotations

import shutil
from pathlib import Path

from wasmcp.package_data import guest_directory, wit_declarations

FOLDER = ".wasmcp"
"""The default folder; not for version control."""

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
    """Write the guest library and the declarations of the WIT into a folder of a project.

    A ``tsconfig.json`` that points editors to it is written if the project has none.

    Args:
        root: The project's folder.
        folder: The folder for the types, relative to `root`.

    Returns:
        The folder, and the ``tsconfig.json`` if it was written.

    Raises:
        MissingPackageDataError: The declarations have not been built.
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
