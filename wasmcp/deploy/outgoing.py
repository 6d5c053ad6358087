"""Outgoing connections of a server: the hosts that its grants name, and the hosts and ports that its settings need."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from wasmcp.compose.grant_rules import GrantRules, HttpRule, RuleError, http_rule
from wasmcp.compose.metadata import fetches_keys
from wasmcp.environment import AUTH_MODE
from wasmcp.insight.roles import Reach

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
        """Return rules of egress for a Kubernetes NetworkPolicy, which knows addresses and ports but no names.

        A named host can have any address except those that are local to a link, where clouds keep their metadata; the
        server itself compares the name.

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
    """Return the hosts that a server itself fetches keys and verdicts about tokens from, under other runtimes.

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
