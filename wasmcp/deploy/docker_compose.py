"""Manifest for Docker Compose, and a Dockerfile for the image."""

from __future__ import annotations

import re
from typing import Any

from wasmcp.deploy.bundle import Bundle, yaml_documents
from wasmcp.deploy.container import DATA, PORT, container, container_problems, dockerfile, place
from wasmcp.deploy.request import Request
from wasmcp.deploy.subject import Subject
from wasmcp.errors import DeploymentError

MANIFEST = "compose.yaml"
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
            MANIFEST: yaml_documents("compose", [document], comment),
            "Dockerfile": dockerfile(request, subject),
            subject.path.name: subject.shipped,
        },
        ("docker compose up --build --detach",),
        tuple(notes),
    )
