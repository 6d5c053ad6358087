"""Unit-test helpers: a `Context` that records notifications, and fakes of the interfaces of the host."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CoroutineType
from typing import Any, TypeVar, overload

from wasmcp.guest.config import SOURCES, Source
from wasmcp.guest.context import Context, HttpRequest, Identity, LogLevel
from wasmcp.guest.declarations.dynamic import (
    listed_prompts,
    listed_resources,
    listed_templates,
    listed_tools,
    offered_prompt,
    offered_resource,
    offered_tool,
)
from wasmcp.guest.declarations.registry import fresh_declarations
from wasmcp.guest.declarations.signature import fresh_instance
from wasmcp.guest.errors import MissingCapabilityError
from wasmcp.guest.fakes import Answer, FakeHttp, FakeKv, FakeSession, Sent, fake_http, fake_kv, real_http
from wasmcp.guest.json_types.string_types import is_uri
from wasmcp.guest.kv.buckets import Session
from wasmcp.guest.mrtr import CHECKPOINT, CheckpointSignal

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
    "listed_prompts",
    "listed_resources",
    "listed_templates",
    "listed_tools",
    "offered_prompt",
    "offered_resource",
    "offered_tool",
    "real_http",
    "roots",
    "run_steps",
    "sampled",
]

T = TypeVar("T")

MAX_STEPS = 10_000
"""Maximum number of steps of one call; a function that exceeds it is an error of the test."""

URI_MATCHERS: list[Callable[[str, Sequence[Any]], Any]] = []
"""Functions that match a URI with the templates of a component; the last is used. In servers the framework does it."""


@dataclass
class _LocalRequest:
    """A request that did not come from a client."""

    tool_name: str
    number: str | int
    version: str
    capabilities: Mapping[str, Any]
    meta_object: Mapping[str, Any]
    user: Identity | None
    session_id: str | None
    http_request: HttpRequest | None
    answers: Mapping[str, Any]
    state: bytes | None
    is_cancelled: bool = False
    reports: list[tuple[float, float | None, str | None]] = field(default_factory=list)
    records: list[tuple[LogLevel, Any, str | None]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    local_answers: list[Any] | dict[str, Any] = field(default_factory=list)
    any_capability: bool = True
    sent_requests: list[tuple[str, Any]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    checkpoints: list[Any] = field(default_factory=list)
    given: list[tuple[str, str, Any]] = field(default_factory=list)
    replayed: list[tuple[str, str, Any]] = field(default_factory=list)

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
        user = self.user
        return (
            None if user is None else _Identity(user.subject, user.issuer, list(user.scopes), json.dumps(user.claims))
        )

    def session(self) -> str | None:
        return self.session_id

    def http(self) -> Any:
        http = self.http_request
        return None if http is None else _Http(http.method, http.path, list(http.headers.items()))

    def input_responses(self) -> list[tuple[str, str]]:
        return [(key, json.dumps(value)) for key, value in self.answers.items()]

    def input_state(self) -> bytes | None:
        return self.state

    def client_request(self, method: str, params: str, key: str | None) -> Any:
        """Return the result that the test gave; after a checkpoint also those of the steps before."""
        sent = json.loads(params)
        name = key or method
        for known in self.replayed:
            if known[:2] == (name, params):
                self.replayed.remove(known)
                return _Response(name, json.dumps(known[2]))
        if sent.get("mode") == "url" and not is_uri(sent["url"]):
            raise RuntimeError(f"the `url` of an elicitation must be an absolute URL, not {sent['url']!r:.60}")
        self.sent_requests.append((method, sent))
        left = self.local_answers
        found = left.pop(name, None) if isinstance(left, dict) else left.pop(0) if left else None
        if found is not None:
            self.given.append((name, params, found))
            return _Response(name, json.dumps(found))
        if not self.any_capability:
            missing = _missing_capability(method, sent, self.capabilities)
            if missing is not None:
                raise MissingCapabilityError(missing)
        raise LookupError(f"this LocalContext has no answer to `{method}` with the key `{name}`: {params}")

    def stored_value(self, name: str) -> str | None:
        return self.values.get(name)

    def store_value(self, name: str, value: str) -> None:
        self.values[name] = value
        if name == CHECKPOINT:
            self.checkpoints.append(json.loads(value))

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

    def match_template(self, uri: str, templates: Sequence[Any]) -> Any:
        if not URI_MATCHERS:
            raise LookupError(f"a LocalContext does not match `{uri}` with URI templates: read it in a composed server")
        return URI_MATCHERS[-1](uri, templates)

    def cancelled(self) -> bool:
        return self.is_cancelled


@dataclass
class _Response:
    key: str
    value: str


def _missing_capability(method: str, params: Mapping[str, Any], has: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the capability that a request needs and a client does not have. Schema `ClientCapabilities`."""
    name = method.partition("/")[0]
    found = has.get(name)
    if name == "elicitation":
        needed = ["url"] if params.get("mode") == "url" else [] if found != {"url": {}} else ["form"]
    else:
        uses_tools = bool(params.keys() & {"tools", "toolChoice"})
        needed = ["tools"] * uses_tools + ["context"] * (params.get("includeContext", "none") != "none")
    if isinstance(found, Mapping) and all(part in found for part in needed):
        return None
    return {name: {part: {} for part in needed if part != "form"}}


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


def accept(**content: Any) -> dict[str, Any]:
    """Return the result of a user who submits a form; the field of a form of a simple type is named ``value``."""
    return {"action": "accept", "content": content}


def decline() -> dict[str, Any]:
    """Return the result of a user who declines."""
    return {"action": "decline"}


def sampled(text: str, *, model: str = "test") -> dict[str, Any]:
    """Return the result of a sampling request: one text message of the model."""
    return {"role": "assistant", "content": {"type": "text", "text": text}, "model": model, "stopReason": "endTurn"}


def roots(*uris: str) -> dict[str, Any]:
    """Return the result of a ``roots/list`` request, with one root for each URI."""
    return {"roots": [{"uri": uri} for uri in uris]}


class LocalContext(Context):
    """A `Context` for unit tests, without a client.

    .. code-block:: python

        def test_progress():
            context = LocalContext()
            import_rows([1, 2], context)
            assert context.progress_reports == [(1.0, 2.0, None), (2.0, 2.0, None)]

    Args:
        tool_name: The value of `Context.tool_name`.
        request_id: The value of `Context.request_id`.
        protocol_version: The value of `Context.protocol_version`.
        client_capabilities: The value of `Context.client_capabilities`; None: the client supports all requests.
        meta: The value of `Context.meta`.
        identity: The value of `Context.identity`.
        session: The `id` of `Context.session`; None for a call without a session.
        session_values: The values that the session contains at first.
        http: The value of `Context.http`.
        input_responses: The value of `Context.input_responses`.
        input_state: The value of `Context.input_state`.
        answers: The client's results for `Context.elicit`, `sample` and `roots`, in the order of the requests, or by
            their keys. Make them with the functions of this module, for example `accept` and `roots`.
        state: The state of the last checkpoint, to test a later step; None for the first step.
    """

    __slots__ = ("_local", "_session")

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
        state: Any = None,
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
        self._local.local_answers = dict(answers) if isinstance(answers, Mapping) else list(answers)
        self._local.any_capability = client_capabilities is None
        if state is not None:
            self._local.values[CHECKPOINT] = json.dumps(state)

    @property
    def session(self) -> Session | None:
        """A session whose values are kept in this object; see `Context.session`."""
        return None if self._request.session() is None else Session(lambda: self._request, self._session)

    @property
    def session_values(self) -> dict[str, Any]:
        """The values of the session, by key."""
        return self._session.plain()

    @property
    def sent_requests(self) -> list[tuple[str, Any]]:
        """The server-to-client requests so far: method and parameters of each."""
        return self._local.sent_requests

    @property
    def changes(self) -> list[str]:
        """The change notifications so far: ``tools``, ``prompts``, ``resources``, or the URI of a resource."""
        return self._local.changes

    @property
    def progress_reports(self) -> list[tuple[float, float | None, str | None]]:
        """The progress notifications so far: progress, total and message of each."""
        return self._local.reports

    @property
    def log_records(self) -> list[tuple[LogLevel, Any, str | None]]:
        """The log messages so far: level, data and logger of each."""
        return self._local.records

    @property
    def checkpoints(self) -> list[Any]:
        """The states of the checkpoints so far."""
        return self._local.checkpoints

    def cancel(self) -> None:
        """Cancel the call, as a client would."""
        self._local.is_cancelled = True

    def _next_step(self) -> None:
        self._client_requests = None
        self._local.replayed = list(self._local.given)


@overload
def run_steps(call: Callable[[LocalContext], Awaitable[T]], context: LocalContext | None = None) -> T: ...


@overload
def run_steps(call: Callable[[LocalContext], T], context: LocalContext | None = None) -> T: ...


def run_steps(call: Callable[[LocalContext], Any], context: LocalContext | None = None) -> Any:
    """Run a function with checkpoints to its end, as a server does: after each checkpoint it runs again.

    .. code-block:: python

        def test_index():
            context = LocalContext()
            assert run_steps(lambda context: index(2, context), context) == "2 pages"
            assert context.checkpoints == [1, 2]

    Args:
        call: A function that calls the tool with a context; the result of an ``async def`` function is awaited.
        context: The context; by default a new one.

    Raises:
        RuntimeError: The function has not ended after 10,000 checkpoints.
    """
    context = LocalContext() if context is None else context
    for _ in range(MAX_STEPS):
        try:
            value = call(context)
            if type(value) is CoroutineType:
                from wasmcp.guest.component.event_loop import run

                value = run(value, context._idle)  # noqa: SLF001 - of this package
        except CheckpointSignal:
            context._next_step()  # noqa: SLF001
        else:
            return value
    raise RuntimeError(f"the function has not ended after {MAX_STEPS:,} checkpoints: does it use `context.state`?")


@contextmanager
def fake_config(
    values: Mapping[str, Any] | None = None, *, environment: Mapping[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """Replace the component's configuration inside a ``with`` block.

    .. code-block:: python

        def test_greeting():
            with fake_config({"greeting": "Good morning"}):
                assert greet("Ada") == "Good morning, Ada"

    Args:
        values: The table ``config`` of the component.
        environment: The environment variables; by default no variables.

    Yields:
        The table, which the test can change.
    """
    given = dict(values or {})
    variables = dict(environment or {})
    source = Source(lambda: given, lambda: variables)
    SOURCES.append(source)
    try:
        yield given
    finally:
        SOURCES.remove(source)
