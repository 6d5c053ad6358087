"""Manifest for wasmCloud 2: a `WorkloadDeployment`. Source: runtime.wasmcloud.dev/v1alpha1."""

from __future__ import annotations

import re
import shlex
from typing import Any

from wasmcp.component import interface_names
from wasmcp.deploy.bundle import Bundle, yaml_documents
from wasmcp.deploy.request import LOCAL, Request
from wasmcp.deploy.spin import host_notes, outgoing, runtime_problems
from wasmcp.deploy.subject import Subject
from wasmcp.errors import DeploymentError

MANIFEST = "workload.yaml"
SERVER = "server.wasm"
_SECRET = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def wasmcloud(request: Request, subject: Subject) -> Bundle:
    """Return the files of a deployment to wasmCloud.

    Raises:
        DeploymentError: The request cannot be fulfilled; the error lists all problems.
    """
    allowed, unwritable = outgoing(request, subject).wasmcloud()
    problems = [*request.problems(subject), *runtime_problems("wasmcloud", request, subject)]
    problems += [
        f"`allowedHosts` of wasmCloud cannot hold `{rule}`, of the grant `http` or of a setting" for rule in unwritable
    ]
    problems += _problems(request)
    if problems:
        raise DeploymentError("wasmcloud", problems)
    values = dict(sorted(request.values.items()))
    if request.hosts and "WASMCP_ALLOWED_HOSTS" not in values and subject.reads_settings:
        values["WASMCP_ALLOWED_HOSTS"] = ",".join(dict.fromkeys((*request.hosts, *LOCAL)))
    environment = {
        **({"config": values} if values else {}),
        **({"secretFrom": [{"name": one} for one in _secrets(request)]} if request.secrets else {}),
    }
    mounts = [
        {"name": f"dir-{number}", "mountPath": one.guest, "readOnly": not one.writable}
        for number, one in enumerate(request.mounts)
    ]
    resources = {
        "allowedHosts": allowed,
        **({"environment": environment} if environment else {}),
        **({"volumeMounts": mounts} if mounts else {}),
    }
    volumes = [{"name": f"dir-{number}", "hostPath": {"path": one.source}} for number, one in enumerate(request.mounts)]
    spec: dict[str, Any] = {
        "hostSelector": {"hostgroup": request.host_group},
        "components": [{"name": request.name, "image": request.image, "localResources": resources}],
        "hostInterfaces": _interfaces(request, subject),
        **({"volumes": volumes} if volumes else {}),
    }
    document = {
        "apiVersion": "runtime.wasmcloud.dev/v1alpha1",
        "kind": "WorkloadDeployment",
        "metadata": {"name": request.name, **({"namespace": request.namespace} if request.namespace else {})},
        "spec": {"replicas": request.replicas, "template": {"spec": spec}},
    }
    comment = f"{subject.name}: written by `wasmcp deploy wasmcloud`."
    return Bundle(
        "wasmcloud",
        {MANIFEST: yaml_documents("wasmcloud", [document], comment), SERVER: subject.data},
        (f"wash oci push {shlex.quote(request.image)} {SERVER}", f"kubectl apply -f {MANIFEST}"),
        (
            *(f"the Secret `{one}` must exist" for one in _secrets(request)),
            *host_notes(request, subject, "allowedHosts"),
        ),
    )


def _interfaces(request: Request, subject: Subject) -> list[dict[str, Any]]:
    """Return the interfaces that the host provides: HTTP under the first of the names, and the key-value store."""
    first, *others = request.hosts or ("localhost",)
    http = ["incoming-handler"]
    if subject.imports_any("wasi:http/outgoing-handler"):
        http.append("outgoing-handler")
    config = {"host": first, **({"host-aliases": ",".join(others)} if others else {})}
    found: list[dict[str, Any]] = [{"namespace": "wasi", "package": "http", "interfaces": http, "config": config}]
    stores = [name for name in subject.imports if name.startswith("wasi:keyvalue/")]
    if stores:
        parsed = [one for one in map(interface_names.parse, stores) if one is not None]
        found.append(
            {
                "namespace": "wasi",
                "package": "keyvalue",
                "version": stores[0].partition("@")[2],
                "interfaces": sorted({one.interface for one in parsed}),
            }
        )
    return found


def _secrets(request: Request) -> list[str]:
    return list(dict.fromkeys(reference.partition("/")[0] for reference in request.secrets.values()))


def _problems(request: Request) -> list[str]:
    found = [] if request.image else ["`--image` is required: the reference under which the server is pushed"]
    for name, reference in request.secrets.items():
        secret, _, key = reference.partition("/")
        if not _SECRET.fullmatch(secret):
            found.append(f"`--secret {name}` must refer to a Secret, not `{reference}`")
        elif key != name:
            found.append(
                f"`--secret {name}` must refer to the key `{name}` of a Secret, not `{reference}`: wasmCloud passes "
                "each key under its own name"
            )
    found += [
        f"`--dir {mount.guest}` must name an absolute path on the hosts, not `{mount.source}`"
        for mount in request.mounts
        if mount.source and not mount.source.startswith("/")
    ]
    return found
