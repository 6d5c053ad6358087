"""Manifests of deployments, validated against the schemas of Kubernetes, of Compose, and the reference of Spin."""

from __future__ import annotations

import json
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner, Result
from support.compose_inputs import METADATA, spec
from support.published_schemas import COMPOSE, module
from support.zig_servers import granted_server

from wasmcp.cli.group import commands
from wasmcp.compose import ServerMetadata, compose_server

RULES = {
    "http": ["https://api.example.com", "http://*.example.org:8080", "https://192.0.2.7:8443"],
    "env": ["TOKEN", "PLACE"],
    "kv": ["bucket:notes"],
    "fs": [{"path": "/data", "access": "write"}],
}
STATE_KEYS = ["--secret", "WASMCP_STATE_KEYS"]


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return granted_server(tmp_path_factory.mktemp("granted") / "granted.wasm", RULES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return granted_server(tmp_path_factory.mktemp("whole") / "whole.wasm", {"http": True})


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "plain.wasm"
    compose_server([spec("calc", "1", "add")], METADATA).write(path)
    return path


@pytest.fixture(scope="module")
def for_wasmcloud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wasmcloud") / "granted.wasm"
    return granted_server(path, RULES, keyvalue="0.2.0-draft", stored_sessions=True, environment=True)


@pytest.fixture(scope="module")
def for_spin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spin") / "granted.wasm"
    return granted_server(path, RULES, keyvalue="0.2.0-draft2", stored_sessions=True, environment=True)


def deploy(target: str, server: Path, output: Path, *options: str) -> Result:
    return CliRunner().invoke(commands, ["deploy", target, str(server), "-o", str(output), *options])


def deployed(target: str, server: Path, output: Path, *options: str) -> Path:
    done = deploy(target, server, output, *options)
    assert done.exit_code == 0, done.output
    return output


def kubernetes(folder: Path) -> dict[str, Any]:
    """Validate the manifest strictly; return its documents by kind."""
    documents = list(yaml.safe_load_all((folder / "kubernetes.yaml").read_text()))
    for one in documents:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    return {one["kind"]: one for one in documents}


def compose(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((folder / "compose.yaml").read_text())
    jsonschema.validate(document, json.loads((module(COMPOSE) / "schema" / "compose-spec.json").read_text()))
    return document


def test_kubernetes_of_a_server_without_grants(plain: Path, tmp_path: Path) -> None:
    found = kubernetes(deployed("kubernetes", plain, tmp_path / "out", "--image", "r.example/plain:1"))
    assert list(found) == ["Deployment", "Service", "NetworkPolicy"]
    assert found["NetworkPolicy"]["spec"]["egress"] == []
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (process,) = pod["containers"]
    assert (process["image"], found["Deployment"]["spec"]["replicas"]) == ("r.example/plain:1", 1)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert process["securityContext"]["readOnlyRootFilesystem"] is True
    port = found["Service"]["spec"]["ports"][0]
    assert (port["port"], port["targetPort"]) == (80, process["ports"][0]["name"])
    assert (tmp_path / "out" / "plain.wasm").read_bytes() == plain.read_bytes()


def test_kubernetes_of_grants_and_secrets(granted: Path, tmp_path: Path) -> None:
    options = ["--image", "r.example/x/granted:1", "--replicas", "3", "--namespace", "tools", "--name", "weather"]
    options += ["--secret", "TOKEN=tokens/api.token", *STATE_KEYS, "--secret", "WASMCP_KEYVALUE"]
    options += ["--env", "PLACE=a $(HOME)", "--dir", "/data=claim", "--host", "mcp.example.com", "--egress", "5432"]
    found = kubernetes(deployed("kubernetes", granted, tmp_path, *options))
    assert "PersistentVolumeClaim" not in found
    deployment = found["Deployment"]
    (process,) = deployment["spec"]["template"]["spec"]["containers"]
    environment = {one["name"]: one.get("value", one.get("valueFrom")) for one in process["env"]}
    assert environment == {
        "PLACE": "a $$(HOME)",
        "WASMCP_ALLOWED_HOSTS": "mcp.example.com,weather,weather.tools,weather.tools.svc,"
        "weather.tools.svc.cluster.local,localhost,127.0.0.1,[::1]",
        "WASMCP_SESSION_ENABLED": "sealed",
        "TOKEN": {"secretKeyRef": {"name": "tokens", "key": "api.token"}},
        "WASMCP_STATE_KEYS": {"secretKeyRef": {"name": "weather", "key": "WASMCP_STATE_KEYS"}},
        "WASMCP_KEYVALUE": {"secretKeyRef": {"name": "weather", "key": "WASMCP_KEYVALUE"}},
    }
    assert process["args"] == ["--env", "PLACE", "--env", "TOKEN", "--dir", "/srv/mcp/directories/data:/data"]
    assert {one["metadata"]["namespace"] for one in found.values()} == {"tools"}
    egress = found["NetworkPolicy"]["spec"]["egress"]
    opened = {
        (to["ipBlock"]["cidr"], port["port"]) for rule in egress for to in rule.get("to", []) for port in rule["ports"]
    }
    assert opened == {
        *((network, port) for network in ("0.0.0.0/0", "::/0") for port in (443, 5432, 6379, 8080)),
        ("192.0.2.7/32", 8443),
    }
    assert [rule["to"][0]["ipBlock"].get("except") for rule in egress if "to" in rule] == [
        ["169.254.0.0/16"],
        ["fe80::/10"],
        None,
    ]


def test_kubernetes_keeps_values_of_one_replica_on_a_volume(granted: Path, tmp_path: Path) -> None:
    options = ["--image", "g", "--storage", "5Gi", "--dir", "/data=claim:ro"]
    found = kubernetes(deployed("kubernetes", granted, tmp_path, *options))
    claim = found["PersistentVolumeClaim"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    pod = found["Deployment"]["spec"]["template"]["spec"]
    assert found["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    assert claim["metadata"]["name"] in [
        one.get("persistentVolumeClaim", {}).get("claimName") for one in pod["volumes"]
    ]
    process = pod["containers"][0]
    assert {"name": "WASMCP_KEYVALUE", "value": "sqlite:/srv/mcp/data/values.sqlite3"} in process["env"]
    assert process["args"] == ["--dir", "/srv/mcp/directories/data:/data:ro"]


def test_kubernetes_opens_the_port_of_a_redis_server(granted: Path, tmp_path: Path) -> None:
    options = ["--image", "g", "--env", "WASMCP_KEYVALUE=redis://redis.tools.svc:6400/1"]
    found = kubernetes(deployed("kubernetes", granted, tmp_path / "out", *options))
    ports = {port["port"] for rule in found["NetworkPolicy"]["spec"]["egress"] for port in rule["ports"]}
    assert (6400 in ports, 6379 in ports) == (True, False)
    wrong = deploy("kubernetes", granted, tmp_path / "wrong", "--image", "g", "--env", "WASMCP_KEYVALUE=redis://r:x")
    assert (wrong.exit_code, "is not a key-value store" in wrong.output) == (1, True), wrong.output


@pytest.mark.parametrize("guest", ["/tmp", "/srv/mcp/data", "/usr"])  # noqa: S108 - in the server
def test_directories_of_a_server_hide_none_of_its_container(guest: str, granted: Path, tmp_path: Path) -> None:
    deployment = kubernetes(deployed("kubernetes", granted, tmp_path / "k", "--image", "g", "--dir", f"{guest}=claim"))
    (process,) = deployment["Deployment"]["spec"]["template"]["spec"]["containers"]
    paths = [one["mountPath"] for one in process["volumeMounts"]]
    assert paths == ["/tmp", "/srv/mcp/data", f"/srv/mcp/directories{guest}"]  # noqa: S108
    document = compose(deployed("compose", granted, tmp_path / "c", "--dir", f"{guest}=claim"))
    (service,) = document["services"].values()
    assert service["volumes"][1]["target"] == f"/srv/mcp/directories{guest}"
    assert service["command"] == process["args"] == ["--dir", f"/srv/mcp/directories{guest}:{guest}"]


@pytest.mark.parametrize(
    ("target", "source", "options"), [("compose", "data", []), ("kubernetes", "notes-data", ["--image", "g"])]
)
def test_components_do_not_get_the_volume_of_the_store(
    target: str, source: str, options: list[str], granted: Path, tmp_path: Path
) -> None:
    done = deploy(target, granted, tmp_path / "out", "--name", "notes", "--dir", f"/data={source}", *options)
    assert (done.exit_code, f"must not have `{source}` as its source" in done.output) == (1, True), done.output


def test_every_host_opens_every_address(whole: Path, tmp_path: Path) -> None:
    egress = kubernetes(deployed("kubernetes", whole, tmp_path, "--image", "w"))["NetworkPolicy"]["spec"]["egress"]
    assert [rule["to"][0]["ipBlock"] for rule in egress if "to" in rule] == [{"cidr": "0.0.0.0/0"}, {"cidr": "::/0"}]


def test_compose_of_grants_and_secrets(granted: Path, tmp_path: Path) -> None:
    options = ["--secret", "TOKEN=API_TOKEN", "--env", "PLACE=50 $", "--dir", "/data=./files", "--port", "8123"]
    document = compose(deployed("compose", granted, tmp_path, *options))
    (service,) = document["services"].values()
    assert service["environment"]["TOKEN"] == "${API_TOKEN:?is not set}"  # noqa: S105 - a reference
    assert service["environment"]["PLACE"] == "50 $$"
    assert service["ports"] == ["127.0.0.1:8123:8000"]
    assert service["volumes"] == [
        "data:/srv/mcp/data",
        {"type": "bind", "source": "./files", "target": "/srv/mcp/directories/data"},
    ]
    assert document["volumes"] == {"data": {}}
    assert service["command"] == ["--env", "PLACE", "--env", "TOKEN", "--dir", "/srv/mcp/directories/data:/data"]


def test_spin(for_spin: Path, tmp_path: Path) -> None:
    options = [
        "--secret",
        "TOKEN=API_TOKEN",
        "--env",
        "PLACE=x",
        "--dir",
        "/data=files:ro",
        "--host",
        "mcp.example.com",
    ]
    done = deploy("spin", for_spin, tmp_path, *options)
    assert done.exit_code == 0, done.output
    document = tomllib.loads((tmp_path / "spin.toml").read_text())
    assert set(document) == {"spin_manifest_version", "application", "trigger", "component"}
    assert document["spin_manifest_version"] == 2
    (trigger,) = document["trigger"]["http"]
    assert trigger["route"] == "/..."
    component = document["component"][trigger["component"]]
    assert (tmp_path / component["source"]).read_bytes() == for_spin.read_bytes()
    assert component["allowed_outbound_hosts"] == [
        "https://api.example.com:443",
        "http://*.example.org:8080",
        "https://192.0.2.7:8443",
    ]
    assert component["key_value_stores"] == ["default", "notes"]
    assert component["environment"] == {
        "PLACE": "x",
        "WASMCP_ALLOWED_HOSTS": "mcp.example.com,localhost,127.0.0.1,[::1]",
    }
    assert component["files"] == [{"source": "files", "destination": "/data"}]
    assert 'spin up --listen 127.0.0.1:3000 --env TOKEN="$API_TOKEN"' in done.output


def test_wasmcloud(for_wasmcloud: Path, tmp_path: Path) -> None:
    options = ["--image", "r.example/granted:1", "--host", "mcp.example.com", "--host", "mcp", "--replicas", "2"]
    options += ["--secret", "TOKEN", *STATE_KEYS, "--dir", "/data=/srv/data:ro"]
    deployed("wasmcloud", for_wasmcloud, tmp_path, *options)
    document = yaml.safe_load((tmp_path / "workload.yaml").read_text())
    assert (document["apiVersion"], document["kind"]) == ("runtime.wasmcloud.dev/v1alpha1", "WorkloadDeployment")
    assert document["spec"]["replicas"] == 2
    spec = document["spec"]["template"]["spec"]
    (component,) = spec["components"]
    assert component["localResources"] == {
        "allowedHosts": ["https://api.example.com:443", "http://*.example.org:8080", "https://192.0.2.7:8443"],
        "environment": {
            "config": {"WASMCP_ALLOWED_HOSTS": "mcp.example.com,mcp,localhost,127.0.0.1,[::1]"},
            "secretFrom": [{"name": document["metadata"]["name"]}],
        },
        "volumeMounts": [{"name": "dir-0", "mountPath": "/data", "readOnly": True}],
    }
    assert spec["volumes"] == [{"name": "dir-0", "hostPath": {"path": "/srv/data"}}]
    http, keyvalue = spec["hostInterfaces"]
    assert http["config"] == {"host": "mcp.example.com", "host-aliases": "mcp"}
    assert http["interfaces"] == ["incoming-handler", "outgoing-handler"]
    assert (keyvalue["package"], keyvalue["version"]) == ("keyvalue", "0.2.0-draft")
    assert "store" in keyvalue["interfaces"]


ISSUER = ["--env", "WASMCP_AUTH_MODE=oauth", "--env", "WASMCP_SERVER_URI=https://mcp.example.com/mcp"]


@pytest.mark.parametrize(
    ("settings", "hosts"),
    [
        (["--env", "JWT_ISSUER=https://Issuer.example/tenant"], ["https://issuer.example:443"]),
        (
            ["--env", "JWT_ISSUER=https://issuer.example", "--env", "JWT_JWKS_URI=https://keys.example:8443/jwks"],
            ["https://keys.example:8443"],
        ),
        (
            [
                *("--env", "JWT_ISSUER=any", "--env", "JWT_INTROSPECTION_URI=https://issuer.example/introspect"),
                *("--env", "JWT_INTROSPECTION_CLIENT_ID=notes", "--secret", "JWT_INTROSPECTION_CLIENT_SECRET"),
            ],
            ["https://issuer.example:443"],
        ),
        (["--env", "JWT_ISSUER=https://issuer.example", "--secret", "JWT_PUBLIC_KEY"], []),
    ],
)
def test_runtimes_permit_the_hosts_that_keys_are_fetched_from(
    settings: list[str], hosts: list[str], for_spin: Path, for_wasmcloud: Path, tmp_path: Path
) -> None:
    granted = ["https://api.example.com:443", "http://*.example.org:8080", "https://192.0.2.7:8443"]
    deployed("spin", for_spin, tmp_path / "spin", *ISSUER, *settings)
    (component,) = tomllib.loads((tmp_path / "spin" / "spin.toml").read_text())["component"].values()
    assert component["allowed_outbound_hosts"] == [*granted, *hosts]
    deployed("wasmcloud", for_wasmcloud, tmp_path / "wash", "--image", "g", *ISSUER, *settings)
    document = yaml.safe_load((tmp_path / "wash" / "workload.yaml").read_text())
    (component,) = document["spec"]["template"]["spec"]["components"]
    assert component["localResources"]["allowedHosts"] == [*granted, *hosts]


@pytest.mark.parametrize(
    "setting",
    [
        ["--env", "JWT_ISSUER=name"],
        ["--env", "JWT_ISSUER=https://*"],
        ["--env", "JWT_ISSUER=https://*.example.com"],
        ["--secret", "JWT_ISSUER"],
    ],
)
def test_settings_without_a_host_to_permit_are_refused(setting: list[str], for_spin: Path, tmp_path: Path) -> None:
    done = deploy("spin", for_spin, tmp_path / "out", *ISSUER, *setting)
    assert (done.exit_code, "`JWT_ISSUER` must be given by `--env` as a URL with a host" in done.output) == (1, True)
    assert not (tmp_path / "out").exists()


def protected(path: Path, **settings: str) -> Path:
    baked = {"WASMCP_AUTH_MODE": "oauth", "WASMCP_SERVER_URI": "https://mcp.example.com/mcp", **settings}
    compose_server([spec("calc", "1", "add")], METADATA, settings=baked, keyvalue="0.2.0-draft").write(path)
    return path


@pytest.mark.parametrize(
    ("settings", "hosts", "port"),
    [
        ({"JWT_ISSUER": "https://Issuer.example:8443/tenant"}, ["https://issuer.example:8443"], 8443),
        (
            {"JWT_ISSUER": "any", "JWT_JWKS_URI": "https://keys.example:9443/jwks"},
            ["https://keys.example:9443"],
            9443,
        ),
        ({"JWT_ISSUER": "any", "JWT_JWKS": '{"keys":[]}'}, [], None),
    ],
)
def test_the_hosts_of_baked_settings_are_permitted(
    settings: dict[str, str], hosts: list[str], port: int | None, tmp_path: Path
) -> None:
    path = protected(tmp_path / "protected.wasm", **settings)
    deployed("wasmcloud", path, tmp_path / "wash", "--image", "g")
    document = yaml.safe_load((tmp_path / "wash" / "workload.yaml").read_text())
    (component,) = document["spec"]["template"]["spec"]["components"]
    assert component["localResources"]["allowedHosts"] == hosts
    found = kubernetes(deployed("kubernetes", path, tmp_path / "kube", "--image", "g"))
    ports = {one["port"] for rule in found["NetworkPolicy"]["spec"]["egress"] for one in rule["ports"]}
    assert ports - {53} == ({port} if port else set())


def test_baked_settings_without_a_host_to_permit_are_refused(tmp_path: Path) -> None:
    path = protected(tmp_path / "protected.wasm", JWT_ISSUER="name")
    done = deploy("wasmcloud", path, tmp_path / "out", "--image", "g")
    assert done.exit_code == 1
    assert "`JWT_ISSUER` must be baked in as a URL with a host" in done.output
    assert not (tmp_path / "out").exists()


def test_hosts_of_settings_that_are_not_those_of_the_record_are_left_to_the_operator(tmp_path: Path) -> None:
    path = protected(tmp_path / "protected.wasm", JWT_ISSUER="https://issuer.example")
    data = path.read_bytes()
    for index in (data.index(b"issuer.example"), data.rindex(b"issuer.example")):
        changed = tmp_path / "changed.wasm"
        changed.write_bytes(data[:index] + b"attack.example" + data[index + len(b"issuer.example") :])
        out = tmp_path / f"out{index}"
        done = deploy("wasmcloud", changed, out, "--image", "g")
        assert done.exit_code == 0, done.output
        assert "add the host of `JWT_JWKS_URI` or `JWT_ISSUER` to `allowedHosts`" in " ".join(done.output.split())
        document = yaml.safe_load((out / "workload.yaml").read_text())
        (component,) = document["spec"]["template"]["spec"]["components"]
        assert component["localResources"].get("allowedHosts", []) == []


def test_all_problems_are_reported_at_once_and_nothing_is_written(granted: Path, tmp_path: Path) -> None:
    options = ["--name", "Not A Label", "--replicas", "2", "--host", "http://x", "--memory", "much"]
    options += ["--env", "WASMCP_STATE_KEYS=abc", "--env", "WASMCP_ALOWED_HOSTS=x", "--secret", "TOKEN=no key"]
    options += ["--dir", "data=claim", "--dir", "/other=Not_A_Claim", "--env", "JWT_JWKS_URI=keys"]
    done = deploy("kubernetes", granted, tmp_path / "out", *options)
    assert done.exit_code == 1
    for problem in (
        "`--name` must be a DNS label",
        "`--image` is required",
        "`--host` must be the name of a host without a port, not `http://x`",
        "`--memory` must be a quantity",
        "`WASMCP_STATE_KEYS` is secret: name a reference to its value with `--secret WASMCP_STATE_KEYS`",
        "did you mean `WASMCP_ALLOWED_HOSTS`?",
        "`--secret TOKEN` must refer to SECRET/KEY",
        "2 replicas need one key",
        "2 replicas need a common key-value store",
        "`--dir` must name an absolute path in the server",
        "`--dir /other` must name a PersistentVolumeClaim",
        "`JWT_JWKS_URI` must be a URL",
    ):
        assert problem in done.output, problem
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("target", "options", "problem"),
    [
        (
            "wasmcloud",
            ["--image", "g", "--env", "JWT_ISSUER=x"],
            "the server does not read `JWT_ISSUER` under wasmcloud",
        ),
        ("wasmcloud", ["--image", "g", "--secret", "WASMCP_KEYVALUE"], "which provides the store: leave it out"),
        ("spin", [], "spin offers 0.2.0-draft2 of `wasi:keyvalue`"),
        ("spin", ["--dir", "/data=files"], "`--dir /data` must end in `:ro`"),
        ("compose", ["--secret", "TOKEN=a/b"], "must refer to an environment variable of Compose"),
        ("compose", ["--env", "WASMCP_HOST_FETCHES=1"], "`WASMCP_HOST_FETCHES`"),
        ("compose", ["--env", "WASMCP_CACHE_DIR=x"], "`WASMCP_CACHE_DIR` is not a setting of a server"),
    ],
)
def test_problems_of_targets(
    target: str, options: list[str], problem: str, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    server = granted_server(tmp_path / "g.wasm", RULES, keyvalue="0.2.0-draft")
    done = deploy(target, server, tmp_path / "out", *options)
    assert (done.exit_code, problem in done.output) == (1, True), done.output
    assert not (tmp_path / "out").exists()


def test_changed_files_are_kept(plain: Path, granted: Path, tmp_path: Path) -> None:
    options = ["--name", "calc", "--image", "r.example/calc:1"]
    deployed("kubernetes", plain, tmp_path, *options)
    assert "nothing has changed" in deploy("kubernetes", plain, tmp_path, *options).output
    newer = deploy("kubernetes", plain, tmp_path, "--name", "calc", "--image", "r.example/calc:2")
    assert (newer.exit_code, newer.output.count("wrote ")) == (0, 1)
    manifest = tmp_path / "kubernetes.yaml"
    edited = manifest.read_text().replace("512Mi", "1Gi")
    manifest.write_text(edited)
    refused = deploy("kubernetes", plain, tmp_path, *options)
    assert (refused.exit_code, "was changed" in refused.output) == (1, True)
    assert manifest.read_text() == edited
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "Dockerfile").write_text("FROM scratch\n")
    refused = deploy("kubernetes", plain, tmp_path / "other", *options)
    assert (refused.exit_code, [one.name for one in (tmp_path / "other").iterdir()]) == (1, ["Dockerfile"])
    assert deploy("kubernetes", plain, tmp_path, *options, "--force").exit_code == 0
    assert "512Mi" in manifest.read_text()


def test_values_that_no_component_can_read_are_refused(plain: Path, tmp_path: Path) -> None:
    done = deploy("compose", plain, tmp_path / "out", "--env", "PLACE=x", "--secret", "TOKEN", "--dir", "/data=files")
    assert done.exit_code == 1
    assert "no component is granted `env`, so that `PLACE`, `TOKEN` would have no effect" in done.output
    assert "no component of the server is granted `fs`" in done.output


def test_files_that_are_not_servers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    (tmp_path / "x.whl").write_bytes(b"PK")
    for name, problem in (
        ("text", "neither a composed server nor a wheel"),
        ("x.whl", "not a wheel"),
        ("no", "cannot"),
    ):
        done = deploy("compose", tmp_path / name, tmp_path / "out")
        assert (done.exit_code, problem in done.output) == (1, True), done.output


@pytest.mark.parametrize("damage", ["content", "encryption"])
def test_damaged_wheels_are_refused(damage: str, plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "calc-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.write(plain, "calc/_wasmcp/default.wasm")
    data = bytearray(path.read_bytes())
    if damage == "content":
        data[data.index(b".wasm") + 5] = 0xFF  # the first block of the compressed content has no such type
    else:
        data[6] |= 1  # a flag in the local header, and in that of the central directory
        data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    done = deploy("compose", path, tmp_path / "out")
    assert (done.exit_code, "is not a wheel" in done.output) == (1, True), (done.output, done.exception)
    assert not (tmp_path / "out").exists()


def test_text_of_a_server_stays_in_its_comment(tmp_path: Path) -> None:
    path = tmp_path / "server.wasm"
    compose_server([spec("calc", "1", "add")], ServerMetadata("x\nRUN evil\x1b[31m", "1")).write(path)
    (tmp_path / "manifest.json").write_text(
        json.dumps(
            {"format": 1, "servers": {"a": {"file": "server.wasm", "metadata": {"name": "x\nRUN evil\x1b[31m"}}}}
        )
    )
    out = deployed("kubernetes", path, tmp_path / "out", "--image", "x")
    for name in ("Dockerfile", "kubernetes.yaml"):
        assert "\nRUN evil" not in (out / name).read_text()
    kubernetes(out)
