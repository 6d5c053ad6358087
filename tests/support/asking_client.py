"""A client for declared functions: calls them again with its results, which the framework's server-io keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from wasmtime.component import Variant

from support.server_io_wire import LATEST, META, Wire, record
from wasmcp.guest import Context
from wasmcp.guest.declarations.registry import tool_of
from wasmcp.guest.declarations.tools import Rendered
from wasmcp.guest.mrtr import InputRequiredResult
from wasmcp.guest.testing import LocalContext

ABLE = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}, "context": {}}, "roots": {}}


class FrameworkError(Exception):
    """An error of the framework: `value` has its code, message and data."""

    def __init__(self, value: Any) -> None:
        super().__init__(value.message)
        self.value = value


@dataclass
class Response:
    """The record `client-response`."""

    key: str
    value: str | None


@cache
def _wire() -> Wire:
    return Wire()


class FrameworkRequest:
    """A `tools/call` of server-io. Other functions than those for server-to-client requests are local."""

    def __init__(
        self, results: Mapping[str, Any], state: str | None, capabilities: Mapping[str, Any], version: str
    ) -> None:
        self._local = LocalContext(client_capabilities=capabilities, protocol_version=version)._request
        meta = {**META, "io.modelcontextprotocol/clientCapabilities": capabilities}
        params: dict[str, Any] = {"name": "t", "_meta": meta, "inputResponses": results}
        if state is not None:
            params["requestState"] = state
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        more = {} if version == LATEST else {"output": Variant("messages", 7), "capabilities": json.dumps(capabilities)}
        self._opened = _wire().open(body, version, **more)
        refused = _wire().refused
        assert refused is None, _wire().answer(self._opened, refused)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._local, name)

    def input_responses(self) -> list[tuple[str, str]]:
        return [tuple(pair) for pair in _wire().request(self._opened, "input-responses")]

    def input_state(self) -> bytes | None:
        found: bytes | None = _wire().request(self._opened, "input-state")
        return found

    def client_request(self, method: str, params: str, key: str | None) -> Response:
        found = _wire().request(self._opened, "client-request", method, params, key)
        if found.tag == "err":
            raise FrameworkError(found.payload)
        return Response(found.payload.key, found.payload.value)

    def stored_value(self, name: str) -> str | None:
        found: str | None = _wire().request(self._opened, "stored-value", name)
        return found

    def store_value(self, name: str, value: str) -> None:
        error = _wire().request(self._opened, "store-value", name, value)
        if error is not None:
            raise FrameworkError(error)

    def wait(self, required: InputRequiredResult) -> dict[str, Any]:
        """Answer with requests to the client; return the result."""
        requests = [record(key=key, method=method, params=params) for key, method, params in required.requests]
        given = record(requests=requests, state=required.state)
        result: dict[str, Any] = _wire().answer(self._opened, _wire().reply("input-required", given))["result"]
        return result

    def end(self) -> None:
        """End the request with any answer."""
        _wire().finish(self._opened)


def answered(capabilities: Mapping[str, Any] = ABLE, version: str = LATEST, **results: Any) -> Context:
    """Return the context of a call with results of the client."""
    return Context(FrameworkRequest(results, None, capabilities, version))


class Call:
    """A client: calls a function again with its results, as in basic/patterns/mrtr."""

    def __init__(
        self, function: Callable[..., Any], capabilities: Mapping[str, Any] = ABLE, version: str = LATEST
    ) -> None:
        self.tool = tool_of(function)
        self.capabilities = capabilities
        self.version = version
        self.state: str | None = None
        self.rounds = 0

    def __call__(self, **results: Any) -> Any:
        """One round; returns the requests by key, or the result."""
        self.rounds += 1
        request = FrameworkRequest(results, self.state, self.capabilities, self.version)
        try:
            rendered = self.tool.call("{}", Context(request))
        except BaseException:
            request.end()
            raise
        if rendered.input_required is None:
            request.end()
            return rendered
        sent = request.wait(rendered.input_required)
        self.state = sent.get("requestState")
        return {key: (item["method"], item["params"]) for key, item in sent.get("inputRequests", {}).items()}


def text(rendered: Rendered) -> str:
    assert not rendered.is_error, rendered.content
    return rendered.content[0].text
