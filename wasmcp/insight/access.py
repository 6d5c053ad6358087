"""Access rules of a server: decisions by the code that runs in servers, the policy as text, and test cases of it.

The server runs in the sandbox: nothing is granted to it, so that a permitted call of a tool has no effect outside.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from wasmcp.compose.catalogue import NOUNS
from wasmcp.compose.interfaces import CAPABILITY_NAMES
from wasmcp.errors import ConfigError, GuestTrapError, InvalidSettingError
from wasmcp.project.toml_table import Table
from wasmcp.protocol import IDENTITIES, LATEST, LISTS, META_KEYS

if TYPE_CHECKING:
    from wasmcp.host import Server

_INTERFACE = "wasmcp:mcp-v20260728/access-decisions@0.1.0"
_NOUNS = {"tools": "tools", "resources": "resources", "templates": "resource templates", "prompts": "prompts"}


@dataclass(frozen=True)
class EntriesAt:
    """Entries of a server by their existence under one path.

    Attributes:
        path: The path, as given.
        found: True if the server has an endpoint at the path.
        filter: The filter of the path as JSON values; None: it has none.
        existing: Kind of list -> the entries that exist.
        hidden: Kind of list -> the entries that do not exist.
        capabilities: The capabilities with an entry there, which the server announces: `tools`, `resources`, `prompts`,
            `completions`.
    """

    path: str
    found: bool
    filter: Mapping[str, Any] | None
    existing: Mapping[str, Sequence[str]]
    hidden: Mapping[str, Sequence[str]]
    capabilities: Sequence[str]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON representation."""
        return {
            "path": self.path,
            "found": self.found,
            "filter": self.filter,
            "existing": {kind: list(names) for kind, names in self.existing.items()},
            "hidden": {kind: list(names) for kind, names in self.hidden.items()},
            "capabilities": list(self.capabilities),
        }

    def lines(self) -> Iterator[str]:
        """Yield the lines of an explanation."""
        if not self.found:
            yield f"{self.path}: not an endpoint of the server; requests get 404"
            return
        yield f"{self.path}: {'every entry exists' if self.filter is None else filter_text(self.filter)}"
        yield f"capabilities: {', '.join(self.capabilities) or 'none'}"
        for title, lists in (("exist", self.existing), ("do not exist", self.hidden)):
            for kind, names in lists.items():
                if names:
                    yield f"{_NOUNS[kind]} that {title}: {', '.join(names)}"


def entries_at(access: Mapping[str, Any], path: str) -> EntriesAt:
    """Return the recorded entries of a server by their existence under a path.

    Args:
        access: The server's compiled access rules.
        path: The path of a request, with or without its query.
    """
    from wasmcp.project.catalogue_recording import BuildComponent

    recorded = access.get("entries", {})
    queried = [{"kind": kind, "name": str(one["name"])} for kind in IDENTITIES for one in recorded.get(kind, ())]
    checker = BuildComponent("access-checker", _INTERFACE)
    asked = {"path": path, "entries": queried, "capabilities": {name: {} for name in CAPABILITY_NAMES.values()}}
    decided = json.loads(checker.call("decide", json.dumps(access), json.dumps(asked)))
    existing: dict[str, list[str]] = {kind: [] for kind in IDENTITIES}
    hidden: dict[str, list[str]] = {kind: [] for kind in IDENTITIES}
    for one, exists in zip(queried, decided["exists"], strict=True):
        (existing if exists else hidden)[one["kind"]].append(one["name"])
    announced = decided["capabilities"]
    plain = path.partition("?")[0].partition("#")[0].removesuffix("/")
    return EntriesAt(path, decided["found"], access.get("paths", {}).get(plain), existing, hidden, list(announced))


def filter_text(one: Mapping[str, Any]) -> str:
    """Return a filter in one line."""
    allow = "everything" if "allow" not in one else _selected(one["allow"]) or "nothing"
    deny = _selected(one.get("deny", ()))
    return f"allows {allow}{f', denies {deny}' if deny else ''}"


def _selected(selectors: Sequence[Mapping[str, Sequence[str]]]) -> str:
    return " or ".join(
        " and ".join(f"{key} {', '.join(values)}" for key, values in selector.items()) for selector in selectors
    )


_SELECTORS = ("tools", "resources", "prompts", "tags", "components")


def policy_of(access: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the effective policy of a server as JSON values; None without one.

    Its members are `allow` and `deny`, the rules; `own`, the conditions of entries, from the table and declarations, by
    kind of list and identity; and `otherwise`, the decision on other requests: `allow` or `deny`.

    Args:
        access: The server's compiled access rules; see `wasmcp.compose.access_rules`.
    """
    policy = None if access is None else access.get("policy")
    if access is None or policy is None:
        return None
    own = {
        kind: {one["name"]: one["own"] for one in access["entries"].get(kind, ()) if "own" in one}
        for kind in IDENTITIES
    }
    allow, deny = policy.get("allow", []), policy.get("deny", [])
    return {
        "allow": allow,
        "deny": deny,
        "own": {kind: found for kind, found in own.items() if found},
        "otherwise": "deny" if allow or deny else "allow",
    }


def policy_rows(policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the rows of an effective policy: the effect, and the requests that have it."""
    for effect in ("allow", "deny"):
        for rule in policy[effect]:
            yield effect, rule_text(rule)
    for kind, conditions in policy["own"].items():
        for name, condition in conditions.items():
            yield "require", f"{NOUNS[kind]} {name}: {condition_text(condition) or 'nothing'}"
    yield "otherwise", policy["otherwise"]


def rule_text(rule: Mapping[str, Any]) -> str:
    """Return a rule in one line."""
    parts = [f"{key} {', '.join(rule[key])}" for key in _SELECTORS if key in rule] or ["every request"]
    text = " and ".join(parts)
    if "methods" in rule:
        text += f", by {', '.join(rule['methods'])}"
    if "paths" in rule:
        text += f", under {', '.join(rule['paths'])}"
    condition = condition_text(rule)
    return f"{text}, with {condition}" if condition else text


def condition_text(condition: Mapping[str, Any]) -> str:
    """Return the condition on a principal as text; the empty string without one."""
    scopes = condition.get("scopes", ())
    parts = [f"{'scope' if len(scopes) == 1 else 'scopes'} {' '.join(scopes)}"] if scopes else []
    claims = [f"claim {'.'.join(one['path'])} {_values(one['values'])}" for one in condition.get("claims", ())]
    return " and ".join((*parts, *claims))


def _values(values: Sequence[Any]) -> str:
    return " or ".join(value if isinstance(value, str) and value else json.dumps(value) for value in values)


Decision = Literal["allow", "deny", "absent"]

ISSUER = "https://issuer.invalid"
ADDRESS = "http://127.0.0.1/mcp"
"""Issuer and address of the server in the tokens of cases."""

_LISTS = {one.method: one for one in LISTS}
_METHODS = ("tools/call", "prompts/get", "resources/read", "resources/subscribe", "completion/complete")
_ABSENT = ("Unknown tool", "Unknown prompt", "Resource not found", "Invalid params: `params.ref`", "Method not found")
_SECONDS = 5.0


@dataclass(frozen=True)
class Case:
    """Request and the expected decision.

    Attributes:
        name: Its name in reports.
        method: The method; `resources/subscribe` stands for `subscriptions/listen` as well.
        expect: The decision: `allow`, `deny`, or `absent` for an entry or a path that does not exist.
        target: The name, URI or template of the entry.
        path: The path of the endpoint.
        subject: The claim `sub`.
        scopes: The scopes of the token.
        claims: Further claims.
        needs: For `deny`: the scopes that the challenge names, in any order; None: any.
        shows: For a list: the names of its entries, in any order; None: any.
    """

    name: str
    method: str
    expect: Decision
    target: str | None = None
    path: str = "/mcp"
    subject: str = "tester"
    scopes: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] | None = None
    shows: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Outcome:
    """Decision of a server on a case.

    Attributes:
        case: The case.
        decision: The decision.
        needs: The scopes that the challenge of a denial names.
        shown: The entries of a list; None for other requests.
    """

    case: Case
    decision: Decision
    needs: tuple[str, ...] = ()
    shown: tuple[str, ...] | None = None

    @property
    def problem(self) -> str | None:
        """The difference from the expected decision, or None."""
        case = self.case
        if self.decision != case.expect:
            needed = f" (needs {' '.join(self.needs)})" if self.needs else ""
            return f"expected {case.expect}, but the server decides {self.decision}{needed}"
        if case.needs is not None and set(case.needs) != set(self.needs):
            return f"expected that it needs {_words(case.needs)}, but the server names {_words(self.needs)}"
        if case.shows is not None and sorted(case.shows) != sorted(self.shown or ()):
            return f"expected that the list shows {_words(case.shows)}, but it shows {_words(self.shown or ())}"
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON representation."""
        shown = None if self.shown is None else list(self.shown)
        return {
            "name": self.case.name,
            "decision": self.decision,
            "needs": list(self.needs),
            "shown": shown,
            "problem": self.problem,
        }


def _words(values: Sequence[str]) -> str:
    return " ".join(values) or "nothing"


def read_cases(path: Path) -> tuple[list[Case], str | None]:
    """Read a file of cases, and the server that it names.

    Raises:
        ConfigError: The file cannot be read, or has mistakes; the error lists all of them.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError([f"cannot be read: {error.strerror or error}"], path=path.name) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"is not TOML: {error}"], path=path.name) from None
    problems: list[str] = []
    table = Table(data, "cases", problems)
    server = table.string("server")
    cases = [_case(below, number) for number, below in enumerate(table.one_or_more("case"), 1)]
    if not cases:
        table.problem("case", "is missing: a file of cases has a table `[[case]]` for each request")
    table.finish()
    if problems:
        raise ConfigError(problems, path=path.name)
    return cases, server


def _case(table: Table, number: int) -> Case:
    method = table.string("method", "") or ""
    if not method:
        table.problem("method", "is missing")
    target = table.string("target")
    listed = method in _LISTS
    if method in _METHODS and target is None:
        table.problem("target", f"is missing: `{method}` is about an entry")
    if method not in _METHODS and target is not None:
        table.problem("target", f"has no effect: `{method}` is about no entry")
    expect = table.choice("expect", get_args(Decision), "allow")
    needs, shows = table.strings("needs"), table.strings("shows")
    if needs is not None and expect != "deny":
        table.problem("needs", 'has no effect without `expect = "deny"`')
    if shows is not None and not listed:
        table.problem("shows", f"has no effect: `{method}` is not a list")
    path = table.string("path", "/mcp") or "/mcp"
    if not path.startswith("/"):
        table.problem("path", f"must begin with `/`: `{path}`")
    claims = table.table("claims")
    found = Case(
        name=table.string("name") or f"{number}: {' '.join(filter(None, (method, target)))}",
        method=method,
        expect=expect,  # type: ignore[arg-type]  # one of the choices
        target=target,
        path=path,
        subject=table.string("subject", "tester") or "tester",
        scopes=tuple(table.strings("scopes") or ()),
        claims={} if claims is None else claims.items(),
        needs=None if needs is None else tuple(needs),
        shows=None if shows is None else tuple(shows),
    )
    if "expect" not in table and not listed:
        table.problem("expect", 'is missing: `"allow"`, `"deny"` or `"absent"`')
    table.finish()
    return found


def run_cases(
    data: bytes, name: str, cases: Sequence[Case], token: Callable[[Case], str], settings: Sequence[Mapping[str, str]]
) -> Iterator[Outcome]:
    """Send the requests of cases to a server, and yield its decisions.

    Args:
        data: The composed server.
        name: Its name in errors.
        cases: The cases.
        token: Returns the access token of a case.
        settings: Settings of authorization with the key of the tokens; of several, the first that the server accepts
            with those that are baked in.

    Raises:
        HostError: The server does not start.
        ConfigError: The server does not accept the tokens.
    """
    with _opened(data, name, settings) as server:
        for case in cases:
            yield _decided(server, case, token(case))


@contextmanager
def _opened(data: bytes, name: str, settings: Sequence[Mapping[str, str]]) -> Iterator[Server]:
    from wasmcp.compose.deny_stubs import sealed
    from wasmcp.host import Limits, open_server

    data = sealed(data, name)
    for number, given in enumerate(settings, 1):
        with open_server(data, settings=given, limits=Limits(timeout=_SECONDS), instances=1, quick=True) as server:
            try:
                server.boot()
            except InvalidSettingError:
                if number == len(settings):
                    raise
                continue
            yield server
            return


def _decided(server: Server, case: Case, token: str) -> Outcome:
    method, params = _request(case)
    meta = {META_KEYS["protocol_version"]: LATEST, META_KEYS["client_capabilities"]: {}}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    headers = {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": LATEST,
        "Mcp-Method": method,
        "Authorization": f"Bearer {token}",
    }
    name = params.get("name", params.get("uri"))
    if name is not None:
        headers["Mcp-Name"] = name
    try:
        response = server.http("POST", case.path, list(headers.items()), json.dumps(message))
    except GuestTrapError:  # of the component: it was reached
        return Outcome(case, "allow")
    fields = {field.lower(): value for field, value in response.headers}
    body = _document(response.body)
    if response.status == 403 and body.get("error") in ("insufficient_scope", "access_denied"):
        return Outcome(case, "deny", _scopes(fields.get("www-authenticate", "")))
    if response.status in (400, 401) and isinstance(body.get("error"), str):
        problem = f"the server does not accept the token: {body.get('error_description')}"
        raise ConfigError([problem], path=case.name)
    error = body.get("error")
    message_text = str(error.get("message", "")) if isinstance(error, dict) else ""
    if response.status == 404 or message_text.startswith(_ABSENT):
        return Outcome(case, "absent")
    listed = _LISTS.get(case.method)
    if listed is None:
        return Outcome(case, "allow")
    items = body.get("result", {}).get(listed.member, ())
    return Outcome(case, "allow", (), tuple(str(item[listed.identity]) for item in items))


def _document(body: str | bytes) -> dict[str, Any]:
    """Return the JSON of a response, or of the last event of a stream."""
    text = body if isinstance(body, str) else body.decode("utf-8", "replace")
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    try:
        found = json.loads(lines[-1] if lines else text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _scopes(challenge: str) -> tuple[str, ...]:
    _, separator, rest = challenge.partition('scope="')
    return tuple(rest.partition('"')[0].split()) if separator else ()


def _request(case: Case) -> tuple[str, dict[str, Any]]:
    """Return the method and the params of a case."""
    target = case.target or ""
    if case.method == "tools/call":
        return case.method, {"name": target, "arguments": {}}
    if case.method == "prompts/get":
        return case.method, {"name": target}
    if case.method == "resources/read":
        return case.method, {"uri": target}
    if case.method == "resources/subscribe":
        return "subscriptions/listen", {"notifications": {"resourceSubscriptions": [target]}}
    if case.method == "completion/complete":
        prompt = {"type": "ref/prompt", "name": target}
        reference = {"type": "ref/resource", "uri": target} if ":" in target else prompt
        return case.method, {"ref": reference, "argument": {"name": "x", "value": ""}}
    return case.method, {}
