"""Rules of grants: the hosts, variables, buckets and directories that a component can use of a granted family.

    [tool.wasmcp.components.weather.grants]
    http = ["https://api.weather.gov", {url = "https://*.example.com:8443", methods = ["GET"]}]
    env = ["API_TOKEN"]
    kv = ["bucket:notes", {bucket = "shared", prefix = "weather/", access = "read"}]
    fs = ["/maps", {path = "/data", access = "write"}]
    apps = ["connect:https://api.weather.gov", "geolocation"]
    sockets = true                          # a whole family

The same table, normalised, is in manifests, in the composition's record, in bills of materials and in annotations.

Source: RFC 3986, section 3.2 (hosts and ports); RFC 9110, section 9.1 (methods); RFC 1035, section 2.3.1, and RFC 5890
(names of hosts); wit/guards.wit.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal, TypeVar

from wasmcp.compose.interfaces import GRANTS
from wasmcp.protocol import APP_DOMAINS, APP_PERMISSIONS

Scheme = Literal["http", "https"]
Access = Literal["read", "write"]

_PORTS: dict[str, int] = {"http": 80, "https": 443}
_APP_PORTS: dict[str, int] = {**_PORTS, "ws": 80, "wss": 443}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:]*)(?::(.*))?", re.DOTALL)
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VARIABLE = re.compile(r"[^=\0]+")
_RESERVED = "wasmcp:"
MAX_RULES = 1000
"""Most rules of one grant."""


class RuleError(ValueError):
    """A rule that is invalid. Its text is the end of a sentence that begins with the rule's place."""


@dataclass(frozen=True)
class HttpRule:
    """Hosts that a component can send HTTP requests to.

    Attributes:
        scheme: `http` or `https`.
        host: A name in lower case, an address in its shortest form (IPv6 without brackets), or the empty string for
            every public host.
        subdomains: True for the names below `host` instead of `host` itself.
        port: The port; None for every port.
        methods: The methods, sorted; empty for every method except CONNECT and TRACE.
    """

    scheme: Scheme
    host: str
    subdomains: bool = False
    port: int | None = None
    methods: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The rule without its methods, as in the configuration."""
        host = f"*.{self.host}" if self.subdomains else self.host or "*"
        host = f"[{host}]" if ":" in host else host
        port = ":*" if self.port is None else "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    def to_json(self) -> str | dict[str, Any]:
        """Return the rule as in the configuration."""
        return {"url": self.url, "methods": list(self.methods)} if self.methods else self.url

    def covers(self, other: HttpRule) -> bool:
        """Return true if everything that another rule permits is permitted by this one."""
        if self.scheme != other.scheme or self.port not in {None, other.port}:
            return False
        if self.methods and not (other.methods and set(other.methods) <= set(self.methods)):
            return False
        if not self.methods and set(other.methods) & {"CONNECT", "TRACE"}:
            return False
        if (self.host, self.subdomains) == (other.host, other.subdomains):
            return True
        return self.subdomains and f".{other.host}".endswith(f".{self.host}") and other.host != self.host


@dataclass(frozen=True)
class KvRule:
    """Buckets and keys that a component can use.

    Attributes:
        bucket: The name of a bucket (the empty string: the default one), or its beginning if `below`.
        below: True for every bucket with a name that begins with `bucket`.
        prefix: The beginning of the keys.
        access: `read`, or `write`, which includes reading.
    """

    bucket: str
    below: bool = False
    prefix: str = ""
    access: Access = "write"

    def to_json(self) -> str | dict[str, Any]:
        """Return the rule as in the configuration."""
        name = f"{self.bucket}*" if self.below else self.bucket
        if not self.prefix and self.access == "write":
            return f"bucket:{name}"
        return {
            "bucket": name,
            **({"prefix": self.prefix} if self.prefix else {}),
            **({"access": self.access} if self.access == "read" else {}),
        }

    def covers(self, other: KvRule) -> bool:
        """Return true if everything that another rule permits is permitted by this one."""
        same = not other.below and self.bucket == other.bucket
        bucket = other.bucket.startswith(self.bucket) if self.below else same
        return bucket and other.prefix.startswith(self.prefix) and (self.access == "write" or other.access == "read")


@dataclass(frozen=True)
class FsRule:
    """Directory that a component can use, with everything below it.

    Attributes:
        path: Its absolute path, as components see it, without `.`, `..` and a `/` at its end, except `/` itself.
        access: `read`, or `write`, which includes reading.
    """

    path: str
    access: Access = "read"

    def to_json(self) -> str | dict[str, Any]:
        """Return the rule as in the configuration."""
        return self.path if self.access == "read" else {"path": self.path, "access": self.access}

    def covers(self, other: FsRule) -> bool:
        """Return true if everything that another rule permits is permitted by this one."""
        below = self.path == "/" or f"{other.path}/".startswith(f"{self.path}/")
        return below and (self.access == "write" or other.access == "read")


@dataclass(frozen=True)
class AppRule:
    """Origins of one kind, or one permission, that apps can need.

    Attributes:
        kind: `connect`, `resource`, `frame` or `base-uri` for an origin; or the permission.
        scheme: `http`, `https`, `ws` or `wss`; the empty string for a permission.
        host: A name in lower case or an address, as in `HttpRule`; the empty string for every host.
        subdomains: True for the names below `host` instead of `host` itself.
        port: The port; None for every port.
    """

    kind: str
    scheme: str = ""
    host: str = ""
    subdomains: bool = False
    port: int | None = None

    def to_json(self) -> str:
        """Return the rule as in the configuration."""
        if not self.scheme:
            return self.kind
        host = f"*.{self.host}" if self.subdomains else self.host or "*"
        host = f"[{host}]" if ":" in host else host
        port = ":*" if self.port is None else "" if self.port == _APP_PORTS[self.scheme] else f":{self.port}"
        return f"{self.kind}:{self.scheme}://{host}{port}"

    def covers(self, other: AppRule) -> bool:
        """Return true if everything that another rule permits is permitted by this one."""
        if (self.kind, self.scheme) != (other.kind, other.scheme) or self.port not in {None, other.port}:
            return False
        if not self.host or (self.host, self.subdomains) == (other.host, other.subdomains):
            return True
        return self.subdomains and f".{other.host}".endswith(f".{self.host}") and other.host != self.host


@dataclass(frozen=True)
class GrantRules:
    """Rules of one component's grants, by family. None: the family is granted as a whole, or not granted.

    Attributes:
        http: The hosts that it can send requests to.
        env: The environment variables that it can read, sorted.
        kv: The buckets and keys that it can use.
        fs: The directories that it can use.
        apps: The origins and permissions that its apps can need.
    """

    http: tuple[HttpRule, ...] | None = None
    env: tuple[str, ...] | None = None
    kv: tuple[KvRule, ...] | None = None
    fs: tuple[FsRule, ...] | None = None
    apps: tuple[AppRule, ...] | None = None

    def __bool__(self) -> bool:
        return bool(self.families)

    @property
    def families(self) -> tuple[str, ...]:
        """The families with rules."""
        return tuple(family for family in RULES if getattr(self, family) is not None)

    def replaced(self, families: Collection[str], rules: GrantRules) -> GrantRules:
        """Return these rules with those of some families replaced; a family without new rules is granted as a whole."""
        own = {family: getattr(rules if family in families else self, family) for family in RULES}
        return GrantRules(**own)

    def to_dict(self) -> dict[str, Any]:
        """Return the rules as in the configuration, by family."""
        return {
            family: [rule if isinstance(rule, str) else rule.to_json() for rule in getattr(self, family)]
            for family in self.families
        }

    @classmethod
    def from_dict(cls, document: object) -> GrantRules:
        """Return the rules of a document that `to_dict` made.

        Raises:
            RuleError: The document is invalid.
        """
        problems: list[str] = []
        if not isinstance(document, Mapping):
            raise RuleError("must be an object")
        rules = read_rules(document, lambda place, problem: problems.append(f"`{place}` {problem}"))
        if problems:
            raise RuleError("; ".join(problems))
        return rules


def table(grants: Iterable[str], rules: GrantRules) -> dict[str, Any]:
    """Return grants and their rules as one table: the rules of a family, or true for a whole family."""
    given = rules.to_dict()
    return {family: given.get(family, True) for family in sorted(grants)}


def missing(
    wanted: GrantRules, wanted_families: Iterable[str], given: GrantRules, families: Iterable[str]
) -> list[str]:
    """Return the grants that are wanted and not given, as texts: a family, or a family and its rule."""
    allowed = set(families)
    found: list[str] = []
    for family in sorted(wanted_families):
        if family not in allowed:
            found.append(family)
            continue
        limits = getattr(given, family, None)
        if limits is None:
            continue
        asked = getattr(wanted, family, None)
        if asked is None:
            found.append(f"{family} (the whole family)")
        elif family == "env":
            found += [f"{family} {name}" for name in asked if name not in limits]
        else:
            found += [
                f"{family} {_shown(rule.to_json())}" for rule in asked if not any(one.covers(rule) for one in limits)
            ]
    return found


def _shown(rule: str | dict[str, Any]) -> str:
    if isinstance(rule, str):
        return rule
    return "{" + ", ".join(f"{key} = {value!r}" for key, value in rule.items()) + "}"


Problem = Callable[[str, str], None]


def read_grants(document: Mapping[str, Any], problem: Problem) -> tuple[frozenset[str], GrantRules]:
    """Read the table of a component's grants: a list of rules, or true for a whole family.

    Args:
        document: The table.
        problem: Called for each mistake with the place of the value and the end of a sentence about it.

    Returns:
        The granted families, those with rules included, and the rules.
    """
    limited: dict[str, Any] = {}
    for family, value in document.items():
        if family not in GRANTS:
            problem(family, f"is an unknown family; known: {', '.join(f'`{known}`' for known in GRANTS)}")
        elif value is True:
            continue
        elif family not in RULES:
            problem(family, f"must be true: `{family}` is granted as a whole, or not at all")
        else:
            limited[family] = value
    granted = frozenset(family for family in document if family in GRANTS)
    return granted, read_rules(limited, problem)


def read_rules(document: Mapping[str, Any], problem: Problem) -> GrantRules:
    """Read lists of rules by family.

    Args:
        document: The lists.
        problem: Called for each mistake with the place of the value and the end of a sentence about it.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for family, rules in document.items():
        if family not in RULES:
            problem(family, f"has no rules; families with rules: {', '.join(f'`{known}`' for known in RULES)}")
        elif not isinstance(rules, list):
            problem(family, "must be true for the whole family, or a list of rules")
        elif not rules:
            problem(family, "must not be empty: leave the family out to grant none of it")
        elif len(rules) > MAX_RULES:
            problem(family, f"has {len(rules):,} rules; the limit is {MAX_RULES:,}")
        else:
            found[family] = _read_list(family, rules, problem)
    return GrantRules(**found)


def _read_list(family: str, rules: Sequence[object], problem: Problem) -> tuple[Any, ...]:
    read: dict[Any, None] = {}
    for index, rule in enumerate(rules):
        try:
            parsed = RULES[family](rule)
        except RuleError as error:
            problem(f"{family}[{index}]", str(error))
            continue
        if parsed in read:
            problem(f"{family}[{index}]", "repeats an earlier rule")
        read[parsed] = None
    return tuple(sorted(read)) if family == "env" else tuple(read)


T = TypeVar("T")


def _members(rule: object, required: str, optional: Sequence[str]) -> dict[str, Any]:
    """Return the members of a rule that is a string (its required member) or a table."""
    if isinstance(rule, str):
        return {required: rule}
    if not isinstance(rule, Mapping):
        raise RuleError(f"must be a string or a table, not {rule!r}")
    unknown = sorted(set(rule) - {required, *optional})
    if unknown:
        known = ", ".join(f"`{key}`" for key in (required, *optional))
        raise RuleError(f"has an unknown key `{unknown[0]}`; known: {known}")
    if not isinstance(rule.get(required), str):
        raise RuleError(f"needs `{required}`, a string")
    return dict(rule)


def http_rule(rule: object) -> HttpRule:
    """Read a rule of `http`.

    Raises:
        RuleError: It is invalid.
    """
    members = _members(rule, "url", ("methods",))
    url = members["url"]
    match = _URL.fullmatch(url)
    if match is None:
        raise RuleError(
            f"must be `SCHEME://HOST` or `SCHEME://HOST:PORT`, as in `https://api.example.com`, not `{url}`"
        )
    scheme, authority, rest = match.groups()
    if scheme.lower() not in _PORTS:
        raise RuleError(f"must begin with `https://` or `http://`, not `{scheme}://`")
    if rest not in {"", "/"}:
        raise RuleError(f"has a path, `{rest}`: a grant is for all paths of a host")
    if "@" in authority:
        raise RuleError(f"has user information, which is not part of a host: `{url}`")
    parts = _AUTHORITY.fullmatch(authority)
    host, port = parts.groups() if parts is not None else (authority, None)
    checked: Scheme = "http" if scheme.lower() == "http" else "https"
    name, subdomains = _host(host)
    return HttpRule(checked, name, subdomains, _port(port, checked), _methods(members.get("methods")))


def _port(text: str | None, scheme: Scheme) -> int | None:
    if text is None:
        return _PORTS[scheme]
    if text == "*":
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536 and len(text) < 6):
        raise RuleError(f"has the port `{text}`: a port is a number from 1 to 65535, or `*` for every port")
    return int(text)


def _host(text: str) -> tuple[str, bool]:
    """Return a host, normalised, and true if it stands for its subdomains."""
    if text == "*":
        return "", False
    if text.startswith("["):
        return _address(text[1:-1], text), False
    subdomains = text.startswith("*.")
    name = text[2 if subdomains else 0 :].lower().removesuffix(".")
    labels = name.split(".")
    if not name.isascii():
        raise RuleError(
            f"has the host `{text}`: write names in other scripts in their ASCII form (`xn--...`, RFC 5890)"
        )
    if "*" in name:
        raise RuleError(
            f"has the host `{text}`: `*` stands for a whole host, or for the labels before `.`, as in `*.a.org`"
        )
    if not all(map(_LABEL.fullmatch, labels)) or len(name) > 253:
        raise RuleError(f"has the host `{text}`, which is not a name or an address")
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        if subdomains:
            raise RuleError(f"has the host `{text}`: an address has no subdomains")
        return _address(name, text), False
    return name, subdomains


def _address(text: str, shown: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise RuleError(
            f"has the host `{shown}`: write an address as four decimal numbers, `127.0.0.1`, or as IPv6, `[::1]`"
        ) from None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise RuleError(f"has the host `{shown}`: an address of a URL has no zone")
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
    return str(address)


def _methods(methods: object) -> tuple[str, ...]:
    if methods is None:
        return ()
    if not isinstance(methods, list) or not methods:
        raise RuleError('has `methods` that are not a list of methods, as in `["GET", "POST"]`')
    for method in methods:
        if not isinstance(method, str) or not _METHOD.fullmatch(method):
            raise RuleError(f"has {method!r}, which is not a method (RFC 9110, section 9.1)")
        if method != method.upper():
            raise RuleError(f"has the method `{method}`: methods are case-sensitive, write `{method.upper()}`")
    return tuple(sorted(set(methods)))


def env_rule(rule: object) -> str:
    """Read a rule of `env`: the name of a variable.

    Raises:
        RuleError: It is invalid.
    """
    if not isinstance(rule, str) or not _VARIABLE.fullmatch(rule):
        raise RuleError(f"must be the name of an environment variable, not {rule!r}")
    if "*" in rule:
        raise RuleError(f"must be one name, without `*`: `{rule}`")
    return rule


def kv_rule(rule: object) -> KvRule:
    """Read a rule of `kv`.

    Raises:
        RuleError: It is invalid.
    """
    if isinstance(rule, str):
        kind, separator, name = rule.partition(":")
        if kind != "bucket" or not separator:
            raise RuleError(f"must be `bucket:NAME`, or `bucket:` for the default bucket, not `{rule}`")
        members: dict[str, Any] = {"bucket": name}
    else:
        members = _members(rule, "bucket", ("prefix", "access"))
    bucket, prefix, access = members["bucket"], members.get("prefix", ""), members.get("access", "write")
    below = bucket.endswith("*")
    bucket = bucket[:-1] if below else bucket
    if "*" in bucket:
        raise RuleError(f"has the bucket `{members['bucket']}`: `*` can be only at its end")
    if bucket.startswith(_RESERVED):
        raise RuleError(f"has the bucket `{bucket}`: names that begin with `{_RESERVED}` are the framework's own")
    if not isinstance(prefix, str):
        raise RuleError(f"has a `prefix` that is not a string: {prefix!r}")
    return KvRule(bucket, below, prefix, _access(access))


def fs_rule(rule: object) -> FsRule:
    """Read a rule of `fs`.

    Raises:
        RuleError: It is invalid.
    """
    members = _members(rule, "path", ("access",))
    path, access = members["path"], members.get("access", "read")
    parts = PurePosixPath(path)
    if not parts.is_absolute() or ".." in parts.parts or "\0" in path or path.startswith("//"):
        raise RuleError(f"must be the path that components see, absolute and without `..`, as in `/data`, not `{path}`")
    return FsRule(str(parts), _access(access))


def app_rule(rule: object) -> AppRule:
    """Read a rule of `apps`: a permission, or `KIND:ORIGIN`.

    Raises:
        RuleError: It is invalid.
    """
    kinds, permissions = tuple(APP_DOMAINS.values()), tuple(APP_PERMISSIONS.values())
    kind, separator, origin = rule.partition(":") if isinstance(rule, str) else ("", "", "")
    if not separator and kind in permissions:
        return AppRule(kind)
    match = _URL.fullmatch(origin)
    if kind not in kinds or match is None:
        raise RuleError(
            f"must be `KIND:ORIGIN`, as in `connect:https://api.example.com`, with {_either(kinds)}; or a permission, "
            f"{_either(permissions)}; not {rule!r}"
        )
    scheme, authority, rest = match[1].lower(), match[2], match[3]
    if scheme not in _APP_PORTS:
        raise RuleError(f"must have an origin of {_either(tuple(_APP_PORTS))}, not `{scheme}`")
    if rest not in {"", "/"} or "@" in authority:
        raise RuleError(f"must have an origin without path and user, not `{origin}`")
    parts = _AUTHORITY.fullmatch(authority)
    host, port = parts.groups() if parts is not None else (authority, None)
    name, subdomains = _host(host)
    return AppRule(kind, scheme, name, subdomains, _APP_PORTS[scheme] if port is None else _port(port, "https"))


def _either(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words[:-1]) + f" or `{words[-1]}`"


def _access(access: object) -> Access:
    if access not in {"read", "write"}:
        raise RuleError(f"has the access {access!r}; it is `read` or `write`")
    return "read" if access == "read" else "write"


RULES: Mapping[str, Callable[[object], Any]] = {
    "http": http_rule,
    "env": env_rule,
    "kv": kv_rule,
    "fs": fs_rule,
    "apps": app_rule,
}
"""Families with rules, and the reader of a rule of each."""
