"""Build a release into ``dist/``: sdist, wheel, bill of materials, provenance and checksums. Run by ``make release``.

The same commit gives the same bytes, on every machine with the pinned compilers. Source: CycloneDX 1.6; in-toto,
"Statement" v1; SLSA v1.0, "Provenance"; reproducible-builds.org, ``SOURCE_DATE_EPOCH``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
_URL = "https://github.com/wasmcp/wasmcp-python"


def git(*arguments: str) -> str:
    """Return the output of git in the checkout."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def problems(version: str, *, dirty: bool) -> list[str]:
    """Return the reasons why this checkout cannot be released."""
    found = []
    if not dirty and git("status", "--porcelain"):
        found.append("the checkout has changes that are not committed: commit them, or give `--dirty` for a trial")
    tag = os.environ.get("GITHUB_REF_NAME") if os.environ.get("GITHUB_REF_TYPE") == "tag" else None
    if tag is not None and tag != f"v{version}":
        found.append(f"the tag is `{tag}`, and `pyproject.toml` has version {version}: tag `v{version}`")
    return found


def built(output: Path, epoch: str) -> list[Path]:
    """Build the sdist, and the wheel from the checkout; return both."""
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--sdist",
        "--wheel",
        "--outdir",
        str(output),
        str(ROOT),
    ]
    subprocess.run(command, env={**os.environ, "SOURCE_DATE_EPOCH": epoch}, check=True)
    return sorted(output.glob("wasmcp-*"))


def digest(data: bytes) -> str:
    """Return the SHA-256 of data in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def bill_of_materials(wheel: Path, epoch: int) -> dict[str, Any]:
    """Return the CycloneDX document of a wheel: its requirements, and the components and guests in it."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata_file,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(metadata_file).decode())
        parts = {name: digest(archive.read(name)) for name in names if name.startswith("wasmcp/_framework/")}
    version = metadata["Version"]
    own = f"pkg:pypi/wasmcp@{version}"
    required = [text for text in metadata.get_all("Requires-Dist", []) if "extra ==" not in text]
    components: list[dict[str, Any]] = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{_name(text)}",
            "name": _name(text),
            "purl": f"pkg:pypi/{_name(text)}",
            "properties": [{"name": "wasmcp:requirement", "value": text}],
        }
        for text in sorted(required)
    ]
    components += [
        {
            "type": "file",
            "bom-ref": name,
            "name": name,
            "hashes": [{"alg": "SHA-256", "content": content}],
            "licenses": [{"expression": metadata["License-Expression"]}],
        }
        for name, content in sorted(parts.items())
    ]
    moment = dt.datetime.fromtimestamp(epoch, dt.UTC).isoformat().replace("+00:00", "Z")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": moment,
            "component": {
                "type": "library",
                "bom-ref": own,
                "name": "wasmcp",
                "version": version,
                "purl": own,
                "hashes": [{"alg": "SHA-256", "content": digest(wheel.read_bytes())}],
                "licenses": [{"expression": metadata["License-Expression"]}],
            },
        },
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": [one["bom-ref"] for one in components]}],
    }


def _name(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def provenance(files: list[Path], pyproject: dict[str, Any], epoch: str) -> dict[str, Any]:
    """Return the SLSA provenance of the files: the commit, and the pinned compilers."""
    revision = git("rev-parse", "HEAD")
    pinned = [text.partition("==") for text in pyproject["build-system"]["requires"] if "==" in text]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": path.name, "digest": {"sha256": digest(path.read_bytes())}} for path in files],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:wasmcp:release:1",
                "externalParameters": {"version": pyproject["project"]["version"], "command": "make release"},
                "internalParameters": {"SOURCE_DATE_EPOCH": epoch},
                "resolvedDependencies": [
                    {"uri": f"git+{_URL}", "digest": {"gitCommit": revision}},
                    *({"uri": f"pkg:pypi/{name}@{version}"} for name, _, version in sorted(pinned)),
                ],
            },
            "runDetails": {"builder": {"id": os.environ.get("GITHUB_WORKFLOW_REF") or "urn:wasmcp:local"}},
        },
    }


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a document with a fixed form."""
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


def release(output: Path, *, dirty: bool) -> None:
    """Build a release into an empty folder.

    Raises:
        SystemExit: The checkout cannot be released.
    """
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    version = pyproject["project"]["version"]
    found = problems(version, dirty=dirty)
    if found:
        raise SystemExit("\n".join(f"release: {problem}" for problem in found))
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct")
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    files = built(output, epoch)
    (wheel,) = [path for path in files if path.suffix == ".whl"]
    bill = output / f"wasmcp-{version}.cdx.json"
    write_json(bill, bill_of_materials(wheel, int(epoch)))
    statement = output / f"wasmcp-{version}.provenance.json"
    write_json(statement, provenance([*files, bill], pyproject, epoch))
    lines = [f"{digest(path.read_bytes())}  {path.name}\n" for path in sorted([*files, bill, statement])]
    (output / "SHA256SUMS").write_text("".join(lines), "utf-8")
    print("".join(lines), end="")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--dirty", action="store_true", help="a trial: also with changes that are not committed")
    given = parser.parse_args()
    release(given.output, dirty=given.dirty)
