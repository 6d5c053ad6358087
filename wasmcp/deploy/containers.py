"""Containers of a server under `wasmcp serve`: the Dockerfile, and the manifests for Docker Compose and Kubernetes.

The manifest for Kubernetes has a Deployment, a Service and a NetworkPolicy.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from wasmcp.deploy.request import (
    KEYVALUE,
    LOCAL,
    Bundle,
    Mount,
    Request,
    keeps_values,
    replica_problems,
    yaml_documents,
)
from wasmcp.deploy.subject import Outgoing, Subject, requirement, settings_ports
from wasmcp.errors import DeploymentError
from wasmcp.terminal import printable

HOME = "/srv/mcp"
DATA = f"{HOME}/data"
_DIRECTORIES = f"{HOME}/directories"
"""The folder of the server's directories; at their own paths they could hide those of the image, or its store."""

PORT = 8000
"""The port in the container."""

USER = 10001
"""The user and group of the process, without privileges."""


@dataclass(frozen=True)
class Container:
    """Parts of a container that manifests refer to.

    Attributes:
        arguments: Arguments that follow those of the image's entry point.
        values: Environment variables by name.
        stores_data: True if the key-value store is a file in `DATA`, which has to be a volume.
    """

    arguments: tuple[str, ...]
    values: dict[str, str]
    stores_data: bool


def dockerfile(request: Request, subject: Subject) -> bytes:
    """Return a Dockerfile that installs the server and compiles it for the machine that builds the image."""
    extras = "serve,redis" if keeps_values(subject) else "serve"
    wasmcp = f"wasmcp[{extras}]{requirement()}"
    file = subject.path.name
    start = ["wasmcp", "serve", subject.target, "--host", "0.0.0.0", "--port", str(PORT)]  # noqa: S104
    if subject.server != "default":
        start += ["--name", subject.server]
    install = [f"RUN pip install --no-cache-dir {json.dumps(wasmcp)}", f"COPY {json.dumps([file, './'])}"]
    if subject.package:
        install.append(f"RUN pip install --no-cache-dir {json.dumps(f'./{file}')}")
    lines = [
        f"# {printable(subject.name)}: written by `wasmcp deploy`.",
        f"FROM {request.base_image}",
        f"ENV HOME={HOME} WASMCP_CACHE_DIR={HOME}/cache WASMCP_DATA_DIR={DATA}",
        f"WORKDIR {HOME}",
        f"RUN mkdir -p cache data && chown {USER}:{USER} cache data",
        *install,
        f"USER {USER}:{USER}",
        f"RUN wasmcp warm {json.dumps(subject.target)}",
        f"EXPOSE {PORT}",
        f"ENTRYPOINT {json.dumps(start)}",
    ]
    return ("\n".join(lines) + "\n").encode()


def place(mount: Mount) -> str:
    """Return the path of a directory in the container."""
    return f"{_DIRECTORIES}{mount.guest}"


def stores_data(request: Request, subject: Subject) -> bool:
    """Return true if the key-value store is a file in `DATA`."""
    return keeps_values(subject) and KEYVALUE not in request.values.keys() | request.secrets.keys()


def container(request: Request, subject: Subject, hosts: tuple[str, ...]) -> Container:
    """Return the arguments and the environment of a replica.

    Args:
        request: The operator's choices.
        subject: The server.
        hosts: The names by which clients reach it.
    """
    given = request.values.keys() | request.secrets.keys()
    values = dict(request.values)
    if "WASMCP_ALLOWED_HOSTS" not in given:
        values["WASMCP_ALLOWED_HOSTS"] = ",".join(dict.fromkeys((*hosts, *LOCAL)))
    if request.replicas > 1 and "WASMCP_SESSION_ENABLED" not in given:
        values["WASMCP_SESSION_ENABLED"] = "sealed"
    is_kept = stores_data(request, subject)
    if is_kept:
        values[KEYVALUE] = f"sqlite:{DATA}/values.sqlite3"
    declared = {one.name for one in subject.configuration.variables} if subject.package else set()
    arguments = [part for name in request.component_variables if name not in declared for part in ("--env", name)]
    for mount in request.mounts:
        arguments += ["--dir", f"{place(mount)}:{mount.guest}{'' if mount.writable else ':ro'}"]
    return Container(tuple(arguments), dict(sorted(values.items())), is_kept)


def container_problems(request: Request, subject: Subject, store: str) -> list[str]:
    """Return the problems of a server in a container.

    Args:
        request: The operator's choices.
        subject: The server.
        store: The source of the directory with the key-value store.
    """
    found = []
    if stores_data(request, subject):
        found += [
            f"`--dir {mount.guest}` must not have `{store}` as its source, which holds the server's key-value store"
            for mount in request.mounts
            if mount.source == store
        ]
    if any(character in subject.path.name for character in "\"'`$\\\n\r*?["):
        found.append(f"the name of the file `{subject.path.name}` cannot be written into a Dockerfile: rename it")
    found += [
        f"`--dir {mount.guest}` must not have a `:` in the path" for mount in request.mounts if ":" in mount.guest
    ]
    if request.values.get(KEYVALUE, "").startswith("memory:") and request.replicas > 1:
        found.append(f"`{KEYVALUE}=memory:` is not shared by {request.replicas} replicas: use a Redis server")
    return found


COMPOSE_MANIFEST = "compose.yaml"
_STORE = "data"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


def docker_compose(request: Request, subject: Subject) -> Bundle:
    """Return the files of a deployment with Docker Compose.

    Raises:
        DeploymentError: The request cannot be fulfilled; the error lists all problems.
    """
    problems = [*request.problems(subject), *container_problems(request, subject, _STORE)]
    for name, reference in request.secrets.items():
        if not _VARIABLE.fullmatch(reference):
            problems.append(f"`--secret {name}` must refer to an environment variable of Compose, not `{reference}`")
    if problems:
        raise DeploymentError("compose", problems)
    parts = container(request, subject, (*request.hosts, request.name))
    # Compose interpolates `$`; `$$` is a literal one.
    environment = {name: value.replace("$", "$$") for name, value in parts.values.items()}
    environment |= {name: f"${{{variable}:?is not set}}" for name, variable in request.secrets.items()}
    volumes: list[Any] = [f"{_STORE}:{DATA}"] if parts.stores_data else []
    named: dict[str, Any] = {_STORE: {}} if parts.stores_data else {}
    for mount in request.mounts:
        is_volume = bool(_VOLUME.fullmatch(mount.source))
        named |= {mount.source: {}} if is_volume else {}
        volumes.append(
            {
                "type": "volume" if is_volume else "bind",
                "source": mount.source.replace("$", "$$"),
                "target": place(mount).replace("$", "$$"),
                **({} if mount.writable else {"read_only": True}),
            }
        )
    health = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{PORT}/readyz', timeout=5)"
    service: dict[str, Any] = {
        "build": {"context": "."},
        "image": request.image or f"{request.name}:latest",
        **({"command": [one.replace("$", "$$") for one in parts.arguments]} if parts.arguments else {}),
        "environment": environment,
        "ports": [f"127.0.0.1:{request.port}:{PORT}"],
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 - in the container
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "unless-stopped",
        "stop_grace_period": "75s",
        "healthcheck": {"test": ["CMD", "python", "-c", health], "interval": "10s", "timeout": "10s", "retries": 3},
        **({"volumes": volumes} if volumes else {}),
    }
    document = {
        "name": request.name,
        "services": {request.name: service},
        **({"volumes": named} if named else {}),
    }
    comment = f"{subject.name}: written by `wasmcp deploy compose`. Validated against the schema, not run."
    notes = [f"set `{variable}` in the environment, or in a file `.env`" for variable in request.secrets.values()]
    return Bundle(
        "compose",
        {
            COMPOSE_MANIFEST: yaml_documents("compose", [document], comment),
            "Dockerfile": dockerfile(request, subject),
            subject.path.name: subject.shipped,
        },
        ("docker compose up --build --detach",),
        tuple(notes),
    )


KUBERNETES_MANIFEST = "kubernetes.yaml"
_QUANTITY = re.compile(r"[1-9][0-9]*(Ki|Mi|Gi|Ti|k|M|G|T)?")
_REFERENCE = re.compile(r"(?P<secret>[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)/(?P<key>[A-Za-z0-9._-]{1,253})")
_CLAIM = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_REDIS = 6379


def kubernetes(request: Request, subject: Subject) -> Bundle:
    """Return the files of a deployment to Kubernetes.

    Raises:
        DeploymentError: The request cannot be fulfilled; the error lists all problems.
    """
    store = f"{request.name}-data"
    problems = [*request.problems(subject), *replica_problems(request, subject)]
    problems += [*container_problems(request, subject, store), *_kubernetes_problems(request)]
    if problems:
        raise DeploymentError("kubernetes", problems)
    name = request.name
    namespace = request.namespace or "default"
    served = (name, f"{name}.{namespace}", f"{name}.{namespace}.svc", f"{name}.{namespace}.svc.cluster.local")
    parts = container(request, subject, (*request.hosts, *served))
    labels = {"app.kubernetes.io/name": name}
    metadata = {"name": name, **({"namespace": request.namespace} if request.namespace else {}), "labels": labels}
    environment: list[dict[str, Any]] = [{"name": key, "value": _literal(value)} for key, value in parts.values.items()]
    for variable, reference in request.secrets.items():
        secret, _, key = reference.partition("/")
        environment.append({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - in the container
    if parts.stores_data:
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": store}})
        mounts.append({"name": "data", "mountPath": DATA})
    for number, mount in enumerate(request.mounts):
        claim = {"claimName": mount.source, **({} if mount.writable else {"readOnly": True})}
        volumes.append({"name": f"dir-{number}", "persistentVolumeClaim": claim})
        mounts.append(
            {"name": f"dir-{number}", "mountPath": place(mount), **({} if mount.writable else {"readOnly": True})}
        )
    probe = {"port": "http"}
    process: dict[str, Any] = {
        "name": "server",
        "image": request.image,
        **({"args": [_literal(one) for one in parts.arguments]} if parts.arguments else {}),
        "env": environment,
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "startupProbe": {"httpGet": {"path": "/readyz", **probe}, "periodSeconds": 2, "failureThreshold": 60},
        "readinessProbe": {"httpGet": {"path": "/readyz", **probe}, "periodSeconds": 5},
        "livenessProbe": {"httpGet": {"path": "/healthz", **probe}, "periodSeconds": 10, "timeoutSeconds": 5},
        "resources": {"requests": {"cpu": "100m", "memory": request.memory}, "limits": {"memory": request.memory}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    deployment: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": request.replicas,
            "selector": {"matchLabels": labels},
            # Two processes do not share a file of SQLite on a volume of one node.
            **({"strategy": {"type": "Recreate"}} if parts.stores_data else {}),
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "automountServiceAccountToken": False,
                    "terminationGracePeriodSeconds": 75,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": USER,
                        "runAsGroup": USER,
                        "fsGroup": USER,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [process],
                    "volumes": volumes,
                },
            },
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "selector": labels,
            "ports": [{"name": "http", "port": request.port, "targetPort": "http", "protocol": "TCP"}],
        },
    }
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": {
            "podSelector": {"matchLabels": labels},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [{"protocol": "TCP", "port": "http"}]}],
            "egress": Outgoing.of(subject.components).network_policy(_ports(request, subject)),
        },
    }
    documents: list[dict[str, Any]] = [deployment, service, policy]
    if parts.stores_data:
        documents.insert(0, _claim(metadata, store, request.storage))
    comment = f"{subject.name}: written by `wasmcp deploy kubernetes`. Validated against the schemas, not run."
    notes = [f"the Secret `{one}` must exist" for one in _secret_names(request)]
    return Bundle(
        "kubernetes",
        {
            KUBERNETES_MANIFEST: yaml_documents("kubernetes", documents, comment),
            "Dockerfile": dockerfile(request, subject),
            subject.path.name: subject.shipped,
        },
        (
            f"docker build -t {request.image} .",
            f"docker push {request.image}",
            f"kubectl apply -f {KUBERNETES_MANIFEST}",
        ),
        tuple(notes),
    )


def _literal(text: str) -> str:
    """Return a text with `$(NAME)` escaped, which Kubernetes would otherwise expand."""
    return text.replace("$(", "$$(")


def _ports(request: Request, subject: Subject) -> list[int]:
    """Return the ports that the process itself connects to."""
    ports = [*settings_ports({**(subject.settings or {}), **request.values})[0], *request.egress]
    address = request.redis
    redis = [_REDIS] if KEYVALUE in request.secrets else [] if address is None else [address.port]
    return sorted({*ports, *redis})


def _claim(metadata: dict[str, Any], name: str, size: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {**metadata, "name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    }


def _secret_names(request: Request) -> list[str]:
    return list(dict.fromkeys(reference.partition("/")[0] for reference in request.secrets.values()))


def _kubernetes_problems(request: Request) -> list[str]:
    found = [] if request.image else ["`--image` is required: the reference under which the image is pushed"]
    if len(request.name) > 58:
        found.append(f"`--name` must have at most 58 characters in Kubernetes, not {len(request.name)}")
    for option, size in (("--memory", request.memory), ("--storage", request.storage)):
        if not _QUANTITY.fullmatch(size):
            found.append(f"`{option}` must be a quantity such as `512Mi`, not `{size}`")
    for variable, reference in request.secrets.items():
        if not _REFERENCE.fullmatch(reference):
            found.append(f"`--secret {variable}` must refer to SECRET/KEY of Kubernetes, not `{reference}`")
    found += [
        f"`--dir {mount.guest}` must name a PersistentVolumeClaim, not `{mount.source}`"
        for mount in request.mounts
        if mount.source and not _CLAIM.fullmatch(mount.source)
    ]
    return found
