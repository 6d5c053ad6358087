"""Host of wasmCloud (`wash host`) with NATS and a registry, to which the manifests of deployments are applied.

In a cluster, the operator of wasmCloud reads a WorkloadDeployment and sends its workload to the hosts; here `apply`
does that. Source: wasmcloud.runtime.v2 (`WorkloadStart`, JSON over NATS), subjects `runtime.host.ID.COMMAND`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats as nats_client
import yaml

from support.registries import docker_registry
from support.server_processes import free_port, listening
from support.wash_servers import nats


@dataclass
class WashHost:
    """A running host.

    Attributes:
        command: The program `wash`.
        registry: The host of a registry without TLS.
        nats: The URL of NATS.
        port: The port for HTTP.
        id: The host's id.
    """

    command: str
    registry: str
    nats: str
    port: int
    id: str

    def push(self, folder: Path, image: str) -> None:
        """Run the printed command that pushes the server."""
        command = [self.command, "oci", "push", "--insecure", image, "server.wasm"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    def apply(self, manifest: Path, secrets: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, Any]:
        """Start the workload of a WorkloadDeployment; return its status.

        Args:
            manifest: The file.
            secrets: The data of each Secret, by name.
        """
        document = yaml.safe_load(manifest.read_text())
        assert (document["apiVersion"], document["kind"]) == ("runtime.wasmcloud.dev/v1alpha1", "WorkloadDeployment")
        spec = document["spec"]["template"]["spec"]
        name = document["metadata"]["name"]
        workload = {
            "namespace": document["metadata"].get("namespace", "default"),
            "name": name,
            "annotations": {},
            "witWorld": {
                "components": [_component(one, secrets or {}) for one in spec["components"]],
                "hostInterfaces": [{"version": "", "config": {}, "name": "", **one} for one in spec["hostInterfaces"]],
            },
            "volumes": [
                {"name": one["name"], "hostPath": {"localPath": one["hostPath"]["path"]}}
                for one in spec.get("volumes", [])
            ],
        }
        answer = self.request("workload.start", {"workloadId": name, "workload": workload})
        status: dict[str, Any] = answer["workloadStatus"]
        return status

    def stop(self, name: str) -> None:
        """Stop a workload."""
        self.request("workload.stop", {"workloadId": name})

    def request(self, command: str, body: Any) -> Any:
        """Send a command to the host; return its answer."""

        async def send() -> Any:
            client = await nats_client.connect(self.nats)
            try:
                subject = f"runtime.host.{self.id}.{command}"
                answer = await client.request(subject, json.dumps(body).encode(), timeout=240)
                return json.loads(answer.data)
            finally:
                await client.close()

        return asyncio.run(send())


def _component(one: Mapping[str, Any], secrets: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    resources = dict(one["localResources"])
    environment = dict(resources.pop("environment", {}))
    values = dict(environment.get("config", {}))
    for reference in environment.get("secretFrom", []):
        values |= secrets[reference["name"]]
    given = {"memoryLimitMb": 0, "cpuLimit": 0, "config": {}, "environment": values, "volumeMounts": [], **resources}
    return {"name": one["name"], "image": one["image"], "localResources": given, "poolSize": 0, "maxInvocations": 0}


@contextlib.contextmanager
def wash_host(command: str, folder: Path) -> Iterator[WashHost]:
    """Run a host until the block ends."""
    with docker_registry(folder / "registry") as registry, nats(folder) as url:
        port = free_port()
        run = [command, "--non-interactive", "host", "--scheduler-nats-url", url, "--data-nats-url", url]
        run += ["--http-addr", f"127.0.0.1:{port}", "--allow-insecure-registries", "--deny-special-ranges=false"]
        run += [
            "--oci-cache-dir",
            str(folder / "oci"),
            "--nats-connect-timeout",
            "60s",
            "--registry-pull-timeout",
            "120s",
        ]
        with listening(run, port):
            yield WashHost(command, registry, url, port, asyncio.run(_id(url)))


async def _id(url: str) -> str:
    """Return the id in a heartbeat, which each host sends every few seconds."""
    client = await nats_client.connect(url)
    try:
        heartbeats = await client.subscribe("runtime.operator.heartbeat.*")
        message = await heartbeats.next_msg(timeout=90)
        return str(message.subject.rpartition(".")[2])
    finally:
        await client.close()
