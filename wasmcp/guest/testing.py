"""For unit tests of tools that take a `Context`: one that remembers what the tool said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wasmcp.guest.context import Context, HttpRequest, Identity, LogLevel


@dataclass
class _LocalRequest:
    """A request that nobody sent."""

    tool_name: str
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


class LocalContext(Context):
    """A `Context` without a client.

    .. code-block:: python

        def test_progress():
            context = LocalContext()
            import_rows([1, 2], context)
            assert context.progress_reports == [(1.0, 2.0, None), (2.0, 2.0, None)]

    Args:
        tool_name: What `Context.tool_name` says.
        protocol_version: What `Context.protocol_version` says.
        client_capabilities: What `Context.client_capabilities` says.
        meta: What `Context.meta` says.
        identity: What `Context.identity` says.
        session: What `Context.session` says.
        http: What `Context.http` says.
        input_responses: What `Context.input_responses` says.
        input_state: What `Context.input_state` says.
    """

    __slots__ = ("_local",)

    def __init__(
        self,
        *,
        tool_name: str = "",
        protocol_version: str = "2026-07-28",
        client_capabilities: Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        identity: Identity | None = None,
        session: str | None = None,
        http: HttpRequest | None = None,
        input_responses: Mapping[str, Any] | None = None,
        input_state: bytes | None = None,
    ) -> None:
        self._local = _LocalRequest(
            tool_name,
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
