"""Cases of a policy: requests with the decisions that are expected, sent to the composed server itself.

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

from wasmcp.errors import ConfigError, GuestTrapError, InvalidSettingError
from wasmcp.project.toml_table import Table
from wasmcp.protocol import LATEST, LISTS, META_KEYS

if TYPE_CHECKING:
    from wasmcp.host import Server

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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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
