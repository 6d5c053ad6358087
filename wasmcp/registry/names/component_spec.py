"""Syntax of component specs."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?==)")
_PACKAGE = re.compile(r"[a-z][a-z0-9-]*:[a-z][a-z0-9-]*(?:/[a-z][a-z0-9-]*)*(?:@\S.*)?")
_URL = re.compile(r"https?://\S+", re.IGNORECASE)


class Kind(Enum):
    """Kinds of component specs."""

    PATH = "path"
    """A file: begins with `./`, `../`, `~/` or `/`, contains a separator, or ends in `.wasm`."""
    PACKAGE = "package"
    """`ns:name`, `ns:name@version`: a package in a registry."""
    OCI = "oci"
    """`oci://host/repository[:tag][@digest]`."""
    URL = "url"
    """`https://.../x.wasm`."""
    NAME = "name"
    """A bare name: a profile, an alias or a component of the project."""


def classify(spec: str) -> Kind:
    """Return the kind of a spec by its syntax, without resolving it."""
    if spec.startswith("oci://"):
        return Kind.OCI
    if _URL.fullmatch(spec):
        return Kind.URL
    if _PACKAGE.fullmatch(spec):
        return Kind.PACKAGE
    if "/" in spec or "\\" in spec or spec.endswith(".wasm") or spec in {".", ".."}:
        return Kind.PATH
    return Kind.NAME


def is_remote(spec: str) -> bool:
    """Return if a spec names a remote component."""
    return classify(spec) in {Kind.PACKAGE, Kind.OCI, Kind.URL}


def split_label(argument: str) -> tuple[str | None, str]:
    """Split `NAME=SPEC` into name and spec; return None as the name if not given."""
    match = _LABEL.match(argument)
    return (None, argument) if match is None else (match[0], argument[match.end() + 1 :])


def label_of(spec: str) -> str:
    """Return the default name of a component: the last part of its spec, without version."""
    kind = classify(spec)
    if kind is Kind.PACKAGE:
        return spec.partition("@")[0].partition(":")[2].rpartition("/")[2] or spec
    if kind is Kind.OCI:
        return spec.partition("@")[0].rpartition("/")[2].partition(":")[0]
    if kind is Kind.URL:
        return Path(spec.partition("#")[0].partition("?")[0]).stem
    return Path(spec).stem if kind is Kind.PATH else spec
