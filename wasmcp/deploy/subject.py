"""Server to deploy, with the properties that manifests are made of, and its outgoing connections.

Outgoing connections are the hosts that the server's grants name, and the hosts and ports that its settings need.
"""

from __future__ import annotations

import ipaddress
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from wasmcp import __version__
from wasmcp.compose import inspect_component
from wasmcp.compose.grant_rules import GrantRules, HttpRule, RuleError, http_rule
from wasmcp.compose.metadata import fetches_keys
from wasmcp.environment import AUTH_MODE
from wasmcp.errors import ArtifactError
from wasmcp.host.configuration.declared import Configuration
from wasmcp.insight.roles import Reach, Structure, read_structure

_URLS = ("JWT_JWKS_URI", "JWT_INTROSPECTION_URI", "WASMCP_AUTH_SERVER_URL", "JWT_ISSUER")
_SCHEMES = {"http": 80, "https": 443}
_METADATA = ("169.254.0.0/16", "fe80::/10")
_PRIVATE = {
    "0.0.0.0/0": ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    "::/0": ("fc00::/7", "fe80::/10"),
}
# The patterns of `allowedHosts` in wasmCloud's WorkloadDeployment, version v1alpha1.
_LABELS = r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
_WASMCLOUD = re.compile(rf"\*|([A-Za-z][A-Za-z0-9+.-]*://)?{_LABELS}(:[0-9]{{1,5}})?")


@dataclass(frozen=True)
class Outgoing:
    """Hosts that the components of a server can connect to.

    Attributes:
        sockets: A component has the grant `sockets`: every address.
        every_host: A component has the grant `http` without rules.
        rules: The rules of the other components' grants, without repetitions.
    """

    sockets: bool = False
    every_host: bool = False
    rules: tuple[HttpRule, ...] = ()

    @classmethod
    def of(cls, components: Iterable[Reach]) -> Outgoing:
        """Collect the grants of components. Rules that the file does not prove count as the whole family."""
        sockets = every_host = False
        rules: dict[HttpRule, None] = {}
        for one in components:
            sockets = sockets or "sockets" in one.granted
            if "http" not in one.granted:
                continue
            limited = GrantRules.from_dict({"http": one.rules["http"]}).http if "http" in one.rules else None
            if limited is None or "http" in one.unproved:
                every_host = True
            else:
                rules |= dict.fromkeys(limited)
        return cls(sockets, every_host, tuple(rules))

    def permitting(self, rules: Iterable[HttpRule]) -> Outgoing:
        """Return these connections and those to further hosts."""
        return replace(self, rules=tuple(dict.fromkeys((*self.rules, *rules))))

    @property
    def any(self) -> bool:
        """True if a component can connect to a host."""
        return self.sockets or self.every_host or bool(self.rules)

    def network_policy(self, ports: Iterable[int] = ()) -> list[dict[str, Any]]:
        """Return rules of egress for a Kubernetes NetworkPolicy, which can contain addresses and ports but no names.

        A named host can have any address except link-local ones, which clouds use for instance metadata; the server
        itself checks the name.

        Args:
            ports: Further ports that the process connects to.
        """
        if self.sockets:
            return [{}]
        found: dict[tuple[str, tuple[str, ...]], set[int | None]] = {}

        def allow(network: str, excepted: tuple[str, ...], port: int | None) -> None:
            found.setdefault((network, excepted), set()).add(port)

        def named(port: int | None) -> None:
            for network, local in zip(("0.0.0.0/0", "::/0"), _METADATA, strict=True):
                allow(network, (local,), port)

        for rule in self.rules:
            address = _address(rule.host)
            if address is not None:
                allow(f"{address}/{address.max_prefixlen}", (), rule.port)
            elif rule.host:
                named(rule.port)
            else:
                for network, private in _PRIVATE.items():
                    allow(network, private, rule.port)
        if self.every_host:
            for network in _PRIVATE:
                allow(network, (), None)
        for port in ports:
            named(port)
        rules = [_DNS] if found else []
        for (network, excepted), allowed in found.items():
            block = {"cidr": network, **({"except": list(excepted)} if excepted else {})}
            numbers = [] if None in allowed else sorted(port for port in allowed if port is not None)
            listed = [{"protocol": "TCP", "port": port} for port in numbers] or [{"protocol": "TCP"}]
            rules.append({"to": [{"ipBlock": block}], "ports": listed})
        return rules

    def wasmcloud(self) -> tuple[list[str], list[str]]:
        """Return the entries of `allowedHosts`, and the rules that cannot be written as one."""
        if self.sockets or self.every_host or any(not rule.host for rule in self.rules):
            return ["*"], []
        hosts: dict[str, None] = {}
        wrong: list[str] = []
        for rule in self.rules:
            name = f"*.{rule.host}" if rule.subdomains else rule.host
            # An entry without a port holds for every port only if it has no scheme.
            entry = name if rule.port is None else f"{rule.scheme}://{name}:{rule.port}"
            if _WASMCLOUD.fullmatch(entry):
                hosts[entry] = None
            else:
                wrong.append(rule.url)
        return list(hosts), wrong

    def spin(self) -> list[str]:
        """Return the entries of `allowed_outbound_hosts`."""
        if self.sockets:
            return ["*://*:*"]
        if self.every_host:
            return ["http://*:*", "https://*:*"]
        found: dict[str, None] = {}
        for rule in self.rules:
            host = f"[{rule.host}]" if ":" in rule.host else rule.host or "*"
            host = f"*.{host}" if rule.subdomains else host
            found[f"{rule.scheme}://{host}:{'*' if rule.port is None else rule.port}"] = None
        return list(found)


_DNS: dict[str, Any] = {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}


def settings_ports(settings: Mapping[str, str]) -> tuple[list[int], list[str]]:
    """Return the ports that settings with URLs make the host connect to, and the names of malformed ones."""
    ports: set[int] = set()
    wrong: list[str] = []
    for name in _URLS:
        text = settings.get(name)
        if text is None:
            continue
        try:
            parts = urlsplit(text)
            port = parts.port or _SCHEMES.get(parts.scheme)
        except ValueError:
            port = None
        if port is None:
            wrong += [] if name == "JWT_ISSUER" else [name]  # an issuer can be any text
        else:
            ports.add(port)
    return sorted(ports), wrong


def fetched_hosts(settings: Mapping[str, str]) -> tuple[list[HttpRule], list[str]]:
    """Return the hosts that a server fetches keys and results of token introspection from, under other runtimes.

    Args:
        settings: The operator's settings; those with an unknown value are empty strings.

    Returns:
        The hosts, and the names of the settings without one.
    """
    names = ["JWT_INTROSPECTION_URI"]
    if fetches_keys({**settings, AUTH_MODE: "oauth"}):
        names.append("JWT_JWKS_URI" if "JWT_JWKS_URI" in settings else "JWT_ISSUER")
    found = {name: _host(settings[name]) for name in names if name in settings}
    return [rule for rule in found.values() if rule is not None], [name for name, rule in found.items() if rule is None]


def _host(url: str) -> HttpRule | None:
    try:
        parts = urlsplit(url.strip())
        rule = http_rule(f"{parts.scheme}://{parts.netloc}")
    except (RuleError, ValueError):
        return None
    return rule if rule.host and rule.port is not None and not rule.subdomains else None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


MAX_BYTES = 1 << 30
"""Maximum size in bytes of the files that are read from a wheel: a server, its manifest and the metadata."""

_ENVIRONMENT = "wasi:cli/environment"


@dataclass(frozen=True)
class Subject:
    """Server to deploy.

    Attributes:
        path: The given file: a composed server, or a wheel.
        shipped: The content of that file.
        settings: The settings that are baked in; None if they cannot be read.
        package: The import package in the wheel; the empty string for a composed server.
        server: The server's name in the package.
        data: The composed server.
        name: Its name.
        version: Its version, or the empty string.
        imports: Its imports.
        components: The reach of each of its components.
        reads_settings: True if its framework reads settings from the environment under other runtimes.
        fetches_keys: True if its framework fetches keys of issuers under other runtimes.
        configuration: The configuration that it declares to take from its operator.
    """

    path: Path
    shipped: bytes
    data: bytes
    name: str
    version: str
    imports: tuple[str, ...]
    components: tuple[Reach, ...]
    reads_settings: bool
    fetches_keys: bool = False
    settings: Mapping[str, str] | None = field(default_factory=dict)
    package: str = ""
    server: str = "default"
    configuration: Configuration = field(default_factory=Configuration)

    @property
    def target(self) -> str:
        """The argument of `wasmcp serve` and `wasmcp warm` in a container."""
        return self.package or self.path.name

    def imports_any(self, prefix: str) -> bool:
        """Return true if the server imports an interface whose name begins with a prefix."""
        return any(name.startswith(prefix) for name in self.imports)

    def granted(self, family: str) -> tuple[str, ...]:
        """Return the names of the components with a grant."""
        return tuple(one.name for one in self.components if family in one.granted)


def read_subject(path: Path, server: str = "default") -> Subject:
    """Read a composed server, or one of those in a wheel.

    Raises:
        ArtifactError: The file cannot be read, is neither a composed server nor a wheel, or has no such server.
        ComponentError: The server is damaged.
    """
    try:
        shipped = path.read_bytes()
    except OSError as error:
        raise ArtifactError(str(path), f"cannot be read: {error.strerror or error}") from None
    if path.suffix == ".whl":
        package, version, data, entry = _from_wheel(path, server)
    elif shipped[:4] == b"\0asm":
        package, version, data, entry = "", "", shipped, _entry(_document(path.with_name("manifest.json")), path.name)
    else:
        raise ArtifactError(str(path), "is neither a composed server nor a wheel (`.whl`)")
    inspection = inspect_component(data, name=path.name)
    if not inspection.is_server:
        raise ArtifactError(str(path), "is not an MCP server: compose one with `wasmcp compose server`")
    if inspection.development:
        raise ArtifactError(
            str(path), "is a development build, which only its tests can run: build it with `wasmcp build`"
        )
    structure = read_structure(data, path.name)
    metadata = entry.get("metadata", {})
    metadata = metadata if isinstance(metadata, dict) else {}
    try:
        configuration = Configuration.of_manifest(entry.get("configuration"))
    except ValueError as error:
        raise ArtifactError(str(path), f"has a manifest that cannot be read: {error}") from None
    return Subject(
        path=path,
        shipped=shipped,
        data=data,
        name=str(metadata.get("name") or path.stem.split("-")[0]),
        version=str(metadata.get("version") or version),
        imports=tuple(inspection.imports),
        components=tuple(structure.components),
        reads_settings=_reads_settings(structure),
        fetches_keys=any((role.kind, role.name) == ("framework", "key-fetcher") for role in structure.roles),
        settings=structure.settings,
        package=package,
        server=server,
        configuration=configuration,
    )


def requirement() -> str:
    """Return the version of wasmcp that containers install, as a requirement."""
    return f"=={__version__}"


def _reads_settings(structure: Structure) -> bool:
    """Return true if a part of the framework gets the environment of the runtime."""
    return any(
        role.kind == "framework"
        and not role.component  # a guard reads it for its component
        and any(
            name.startswith(_ENVIRONMENT) and any(source.instance is None for source in sources)
            for name, sources in instance.arguments.items()
        )
        for role, instance in zip(structure.roles, structure.topology.instances, strict=True)
    )


def _from_wheel(path: Path, server: str) -> tuple[str, str, bytes, Mapping[str, Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            found = {
                PurePosixPath(name).stem: name
                for name in names
                if PurePosixPath(name).suffix == ".wasm" and PurePosixPath(name).parent.name == "_wasmcp"
            }
            if server not in found:
                listed = ", ".join(f"`{name}`" for name in sorted(found)) or "none"
                raise ArtifactError(str(path), f"has no server `{server}`; its servers: {listed}")
            name = found[server]
            folder = PurePosixPath(name).parent
            manifest = f"{folder}/manifest.json"
            headers = next((one for one in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", one)), None)
            wanted = [name, *([manifest] if manifest in names else []), *([headers] if headers else [])]
            if sum(archive.getinfo(one).file_size for one in wanted) > MAX_BYTES:
                raise ArtifactError(str(path), f"has a server with its metadata above {MAX_BYTES:,} bytes")
            data = archive.read(name)
            document = archive.read(manifest) if manifest in names else b"{}"
            version = HeaderParser().parsestr(archive.read(headers).decode())["Version"] if headers else ""
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, UnicodeDecodeError, RuntimeError) as error:
        # RuntimeError: an encrypted file, or (NotImplementedError) an unknown kind of compression.
        raise ArtifactError(str(path), f"is not a wheel: {error}") from None
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError):
        parsed = {}
    package = ".".join(folder.parent.parts)
    if not all(part.isidentifier() for part in package.split(".")):
        raise ArtifactError(str(path), f"has its servers in `{folder}`, which is not below an import package")
    return package, version or "", data, _entry(parsed, f"{server}.wasm")


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}


def _entry(document: Any, file: str) -> Mapping[str, Any]:
    """Return the entry of a file in a manifest; empty if it is missing."""
    servers = document.get("servers") if isinstance(document, dict) and document.get("format") == 1 else None
    entries = servers.values() if isinstance(servers, dict) else ()
    return next((one for one in entries if isinstance(one, dict) and one.get("file") == file), {})
