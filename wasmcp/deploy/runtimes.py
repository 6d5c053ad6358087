"""Manifests for runtimes of WebAssembly: `spin.toml` for Spin, and a `WorkloadDeployment` for wasmCloud 2.

Sources: the manifest reference of Spin 3, version 2 of the manifest; runtime.wasmcloud.dev/v1alpha1.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

import tomlkit

from wasmcp.component import interface_names
from wasmcp.compose.composed_server import KEYVALUE as DRAFTS
from wasmcp.compose.composed_server import check_runtime
from wasmcp.compose.grant_rules import GrantRules
from wasmcp.deploy.request import KEYVALUE, LOCAL, PROCESS, Bundle, Request, keeps_values, yaml_documents
from wasmcp.deploy.subject import Outgoing, Subject, fetched_hosts
from wasmcp.errors import CompositionError, DeploymentError
from wasmcp.terminal import printable

SPIN_MANIFEST = "spin.toml"
SERVER = "server.wasm"
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")


def spin(request: Request, subject: Subject) -> Bundle:
    """Return the files of a deployment to Spin.

    Raises:
        DeploymentError: The request cannot be fulfilled; the error lists all problems.
    """
    problems = [*request.problems(subject), *runtime_problems("spin", request, subject)]
    if not _KEBAB.fullmatch(request.name):
        problems.append(f"`--name` must be words of letters and digits with `-` between them in Spin: `{request.name}`")
    problems += [
        f"`--dir {mount.guest}` must end in `:ro`: Spin gives components copies of files, which are read-only"
        for mount in request.mounts
        if mount.writable
    ]
    for name, reference in request.secrets.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", reference):
            problems.append(f"`--secret {name}` must refer to an environment variable, not `{reference}`")
    if problems:
        raise DeploymentError("spin", problems)
    values = dict(sorted(request.values.items()))
    if request.hosts and "WASMCP_ALLOWED_HOSTS" not in values and subject.reads_settings:
        values["WASMCP_ALLOWED_HOSTS"] = ",".join(dict.fromkeys((*request.hosts, *LOCAL)))
    component: dict[str, object] = {
        "description": subject.name,
        "source": SERVER,
        "allowed_outbound_hosts": outgoing(request, subject).spin(),
    }
    if keeps_values(subject):
        component["key_value_stores"] = _stores(subject)
    if values:
        component["environment"] = values
    if request.mounts:
        component["files"] = [{"source": one.source, "destination": one.guest} for one in request.mounts]
    document = {
        "spin_manifest_version": 2,
        "application": {
            "name": request.name,
            **({"version": subject.version} if _VERSION.fullmatch(subject.version) else {}),
        },
        "trigger": {"http": [{"route": "/...", "component": request.name}]},
        "component": {request.name: component},
    }
    head = f"# {printable(subject.name)}: written by `wasmcp deploy spin`. Validated, not run.\n"
    passed = "".join(f' --env {name}="${variable}"' for name, variable in request.secrets.items())
    return Bundle(
        "spin",
        {SPIN_MANIFEST: (head + tomlkit.dumps(document)).encode(), SERVER: subject.data},
        (f"spin up --listen 127.0.0.1:{request.port}{passed}",),
        tuple(host_notes(request, subject, "allowed_outbound_hosts")),
    )


def outgoing(request: Request, subject: Subject) -> Outgoing:
    """Return the connections of a server without `wasmcp serve`: the server itself fetches the keys of issuers."""
    return Outgoing.of(subject.components).permitting(fetched_hosts(_settings(request, subject))[0])


def _settings(request: Request, subject: Subject) -> Mapping[str, str]:
    """Return the settings that the server reads; secret ones are empty strings."""
    if not subject.reads_settings:
        return subject.settings or {} if subject.fetches_keys else {}
    return {**dict.fromkeys(request.secrets, ""), **request.values}


def runtime_problems(runtime: str, request: Request, subject: Subject) -> list[str]:
    """Return the problems of a server under a runtime without `wasmcp serve`."""
    found = []
    try:
        check_runtime(runtime, subject.imports)  # type: ignore[arg-type]
    except CompositionError as error:
        found.append(f"{error} (`--runtime {runtime}`; its draft is {DRAFTS[runtime]})")
    given = {*request.values, *request.secrets}
    if KEYVALUE in given:
        found.append(f"`{KEYVALUE}` has no effect under {runtime}, which provides the store: leave it out")
    settings = sorted(name for name in given if name in PROCESS and name != KEYVALUE)
    if settings and not subject.reads_settings:
        listed = ", ".join(f"`{name}`" for name in settings)
        found.append(
            f"the server does not read {listed} under {runtime}: compose it with `--environment`, or bake values in "
            "with `--setting NAME=VALUE`"
        )
    given_by = "given by `--env`" if subject.reads_settings else "baked in"
    found += [
        f"`{name}` must be {given_by} as a URL with a host: {runtime} permits requests to named hosts only"
        for name in fetched_hosts(_settings(request, subject))[1]
    ]
    return found


def host_notes(request: Request, subject: Subject, permitted: str) -> list[str]:
    """Return notes about a server with baked settings: names by which clients reach it, and hosts that it needs.

    Args:
        request: The operator's choices.
        subject: The server.
        permitted: The key of the manifest with the hosts that the server can connect to.
    """
    if subject.reads_settings:
        return []
    found = []
    if subject.fetches_keys and subject.settings is None:
        found.append(
            "the server fetches keys with settings that are baked in, and its file has no valid record of them: "
            f"compose it again, or add the host of `JWT_JWKS_URI` or `JWT_ISSUER` to `{permitted}`"
        )
    if request.hosts:
        names = ",".join(request.hosts)
        found.append(
            "the server reads no settings from the runtime: it answers requests for other names than localhost only if "
            f"they are baked in: `wasmcp compose server --setting {shlex.quote(f'WASMCP_ALLOWED_HOSTS={names}')}`"
        )
    return found


def _stores(subject: Subject) -> list[str]:
    """Return the names of the stores: the default one, and the buckets that rules name."""
    names = {"default": None}
    for one in subject.components:
        rules = GrantRules.from_dict({"kv": one.rules["kv"]}).kv if "kv" in one.rules else None
        names |= {rule.bucket: None for rule in rules or () if rule.bucket and not rule.below}
    return list(names)


WASMCLOUD_MANIFEST = "workload.yaml"
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
    problems += _wasmcloud_problems(request)
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
        {WASMCLOUD_MANIFEST: yaml_documents("wasmcloud", [document], comment), SERVER: subject.data},
        (f"wash oci push {shlex.quote(request.image)} {SERVER}", f"kubectl apply -f {WASMCLOUD_MANIFEST}"),
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


def _wasmcloud_problems(request: Request) -> list[str]:
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
