"""For unit tests: a `Context` that remembers what the tool said, and what a component would get from its host."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wasmcp.guest.client_requests.mrtr import Dialogue
from wasmcp.guest.context import Context, HttpRequest, Identity, LogLevel
from wasmcp.guest.declarations.providers import fresh_instance
from wasmcp.guest.declarations.registry import fresh_declarations
from wasmcp.guest.fakes.config import fake_config
from wasmcp.guest.fakes.kv import FakeKv, FakeSession, fake_kv
from wasmcp.guest.fakes.mock_http import Answer, FakeHttp, Sent, fake_http
from wasmcp.guest.fakes.real_http import real_http
from wasmcp.guest.session import Session

__all__ = [
    "Answer",
    "FakeHttp",
    "FakeKv",
    "LocalContext",
    "Sent",
    "accept",
    "decline",
    "fake_config",
    "fake_http",
    "fake_kv",
    "fresh_declarations",
    "fresh_instance",
    "real_http",
    "roots",
    "said",
]


@dataclass
class _LocalRequest:
    """A request that nobody sent."""

    tool_name: str
    number: str | int
    version: str
    capabilities: Mapping[str, Any]
    meta_object: Mapping[str, Any]
    who: Identity | None
    session_id: str | None
    http_request: HttpRequest | None
    answers: Mapping[str, Any]
    state: bytes | None
    taken_back: bool = False
    reports: list[tuple[float, float | None, str | None]] = field(default_factory=list)
    records: list[tuple[LogLevel, Any, str | None]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    def id(self) -> str:
        return json.dumps(self.number)

    def target(self) -> str | None:
        return self.tool_name

    def meta(self) -> str | None:
        return json.dumps(self.meta_object)

    def protocol_version(self) -> str:
        return self.version

    def client_capabilities(self) -> str:
        return json.dumps(self.capabilities)

    def identity(self) -> Any:
        who = self.who
        return None if who is None else _Identity(who.subject, who.issuer, list(who.scopes), json.dumps(who.claims))

    def session(self) -> str | None:
        return self.session_id

    def http(self) -> Any:
        http = self.http_request
        return None if http is None else _Http(http.method, http.path, list(http.headers.items()))

    def input_responses(self) -> list[tuple[str, str]]:
        return [(key, json.dumps(value)) for key, value in self.answers.items()]

    def input_state(self) -> bytes | None:
        return self.state

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.reports.append((progress, total, message))

    def log(self, level: LogLevel, logger: str | None, data: str) -> None:
        self.records.append((level, json.loads(data), logger))

    def notify_tools_changed(self) -> None:
        self.changes.append("tools")

    def notify_prompts_changed(self) -> None:
        self.changes.append("prompts")

    def notify_resources_changed(self) -> None:
        self.changes.append("resources")

    def notify_resource_updated(self, uri: str) -> None:
        self.changes.append(uri)

    def cancelled(self) -> bool:
        return self.taken_back


@dataclass
class _Identity:
    subject: str
    issuer: str | None
    scopes: list[str]
    claims: str


@dataclass
class _Http:
    method: str
    path: str
    headers: list[tuple[str, str]]


class _LocalDialogue(Dialogue):
    """Answers the questions at once."""

    def __init__(self, request: _LocalRequest, answers: list[Any] | dict[str, Any], *, any_capability: bool) -> None:
        super().__init__(request.state, request.input_responses(), lambda: request.capabilities)
        self.questions: list[tuple[str, Any]] = []
        self._local_answers = answers
        self._any_capability = any_capability

    def unanswered(self, key: str, method: str, params: str, needed: Mapping[str, Any]) -> Any:
        self.questions.append((method, json.loads(params)))
        left = self._local_answers
        found = left.pop(key, None) if isinstance(left, dict) else left.pop(0) if left else None
        if found is not None:
            return found
        if not self._any_capability:
            self.require(needed)
        raise LookupError(f"this LocalContext has no answer to `{method}` with the key `{key}`: {params}")


def accept(**content: Any) -> dict[str, Any]:
    """Return the answer of a user who fills in a form; the field of a form of one field is ``value``."""
    return {"action": "accept", "content": content}


def decline() -> dict[str, Any]:
    """Return the answer of a user who does not agree."""
    return {"action": "decline"}


def said(text: str, *, model: str = "test") -> dict[str, Any]:
    """Return the answer of a model."""
    return {"role": "assistant", "content": {"type": "text", "text": text}, "model": model, "stopReason": "endTurn"}


def roots(*uris: str) -> dict[str, Any]:
    """Return the answer of a client that works in some folders."""
    return {"roots": [{"uri": uri} for uri in uris]}


class LocalContext(Context):
    """A `Context` without a client.

    .. code-block:: python

        def test_progress():
            context = LocalContext()
            import_rows([1, 2], context)
            assert context.progress_reports == [(1.0, 2.0, None), (2.0, 2.0, None)]

    Args:
        tool_name: What `Context.tool_name` says.
        request_id: What `Context.request_id` says.
        protocol_version: What `Context.protocol_version` says.
        client_capabilities: What `Context.client_capabilities` says.
        meta: What `Context.meta` says.
        identity: What `Context.identity` says.
        session: The `id` of `Context.session`; None: there is no session.
        session_values: What the component has kept in the session before.
        http: What `Context.http` says.
        input_responses: What `Context.input_responses` says.
        input_state: What `Context.input_state` says.
        answers: What the client answers to `Context.elicit`, `sample` and `roots`, in the order of the questions, or
            by their keys: see `accept`, `decline`, `said` and `roots` here. Without ``client_capabilities`` the client
            can do everything.
    """

    __slots__ = ("_answers", "_any_capability", "_local", "_session")

    def __init__(
        self,
        *,
        tool_name: str = "",
        request_id: str | int = 1,
        protocol_version: str = "2026-07-28",
        client_capabilities: Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        identity: Identity | None = None,
        session: str | None = None,
        session_values: Mapping[str, Any] | None = None,
        http: HttpRequest | None = None,
        input_responses: Mapping[str, Any] | None = None,
        input_state: bytes | None = None,
        answers: Sequence[Mapping[str, Any]] | Mapping[str, Mapping[str, Any]] = (),
    ) -> None:
        self._local = _LocalRequest(
            tool_name,
            request_id,
            protocol_version,
            client_capabilities or {},
            meta or {},
            identity,
            session,
            http,
            input_responses or {},
            input_state,
        )
        super().__init__(self._local)
        self._session = FakeSession(session_values)
        self._answers = dict(answers) if isinstance(answers, Mapping) else list(answers)
        self._any_capability = client_capabilities is None

    def _asked(self) -> Dialogue:
        if self._dialogue is None:
            self._dialogue = _LocalDialogue(self._local, self._answers, any_capability=self._any_capability)
        return self._dialogue

    @property
    def session(self) -> Session | None:
        """See `Context.session`; its values are kept here."""
        return None if self._request.session() is None else Session(self, self._session)

    @property
    def session_values(self) -> dict[str, Any]:
        """What the component has kept in the session."""
        return self._session.plain()

    @property
    def questions(self) -> list[tuple[str, Any]]:
        """What the client was asked: method and parameters."""
        return self._dialogue.questions if isinstance(self._dialogue, _LocalDialogue) else []

    @property
    def changes(self) -> list[str]:
        """What was announced as changed: ``tools``, ``prompts``, ``resources``, or the URI of a resource."""
        return self._local.changes

    @property
    def progress_reports(self) -> list[tuple[float, float | None, str | None]]:
        """What the tool reported: progress, total and message."""
        return self._local.reports

    @property
    def log_records(self) -> list[tuple[LogLevel, Any, str | None]]:
        """What the tool logged: level, data and logger."""
        return self._local.records

    def cancel(self) -> None:
        """Take the call back, as a client would."""
        self._local.taken_back = True
