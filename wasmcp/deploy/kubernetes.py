"""Manifest for Kubernetes: Deployment, Service and NetworkPolicy, and a Dockerfile for the image."""

from __future__ import annotations

import re
from typing import Any

from wasmcp.deploy.bundle import Bundle, yaml_documents
from wasmcp.deploy.docker import DATA, PORT, USER, container, container_problems, dockerfile, place
from wasmcp.deploy.request import KEYVALUE, Request, replica_problems
from wasmcp.deploy.subject import Outgoing, Subject, settings_ports
from wasmcp.errors import DeploymentError

MANIFEST = "kubernetes.yaml"
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
    problems += [*container_problems(request, subject, store), *_problems(request)]
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
            MANIFEST: yaml_documents("kubernetes", documents, comment),
            "Dockerfile": dockerfile(request, subject),
            subject.path.name: subject.shipped,
        },
        (f"docker build -t {request.image} .", f"docker push {request.image}", f"kubectl apply -f {MANIFEST}"),
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


def _problems(request: Request) -> list[str]:
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
