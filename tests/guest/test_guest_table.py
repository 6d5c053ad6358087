"""The cases of the shared table, natively with the fakes; `tests/end_to_end` has them in WebAssembly."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from support.handler_table import TABLE, check_outcome, check_requests, check_steps, with_origins

from wasmcp.guest.testing import fake_config, fake_http, fake_kv, fresh_declarations

ORIGINS = {"a": "http://a.test", "b": "http://b.test:8080", "closed": "http://closed.test"}


@pytest.fixture(scope="module")
def handlers() -> ModuleType:
    with fresh_declarations():
        from support.handlers import table

        return table


@pytest.mark.parametrize("case", TABLE["http"], ids=lambda case: case["name"])
def test_http(handlers: ModuleType, case: dict[str, Any]) -> None:
    given = with_origins(case, ORIGINS)
    with fake_http() as network:
        for url, route in given.get("routes", {}).items():
            facts = {name: value for name, value in route.items() if name != "body"}
            network.route("*", url, body=route.get("body", "").encode(), **facts)
        check_outcome(handlers.http_case(given["request"]), given)
    sent = [
        {
            "method": request.method,
            "url": request.url,
            "headers": [(name.lower(), value) for name, value in request.headers.pairs],
            "body": request.body.decode(),
        }
        for request in network.requests
    ]
    check_requests(sent, given, "python")


@pytest.mark.parametrize("case", TABLE["kv"], ids=lambda case: case["name"])
def test_kv(handlers: ModuleType, case: dict[str, Any]) -> None:
    with fake_kv():
        check_steps(handlers.kv_case({"bucket": "", "steps": case["steps"]}), case["steps"])


def test_config(handlers: ModuleType) -> None:
    lookups = TABLE["config"]["lookups"]
    with fake_config(TABLE["config"]["table"], environment=TABLE["config"]["environment"]):
        check_steps(handlers.config_case(lookups), lookups)


def test_a_page_is_kept(handlers: ModuleType) -> None:
    with fake_http() as network, fake_kv() as store, fake_config({"greeting": "Hi"}):
        network.route("GET", "http://a.test/page", text="a page")
        kept = handlers.keep("http://a.test/page")
        assert kept == {"kept": {"text": "a page", "greeting": "Hi"}, "count": 1}
        assert store.bucket()["python/count"] == 1
