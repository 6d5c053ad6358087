"""Short fuzzing runs at each entry point: no trap, no hang, no leak, no invalid answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz import judge, targets
from fuzz.__main__ import run

INPUTS = {"messages": 4000, "posts": 4000, "served": 400, "lines": 3000}


@pytest.mark.parametrize("name", targets.NAMES)
def test_entry_point(name: str, fuzzed: tuple[Path, Path]) -> None:
    findings: list[str] = []
    with targets.target(name, *fuzzed) as entry_point:
        seen = run(entry_point, INPUTS[name], 7, findings)
    assert not findings
    assert sum(seen.values()) == INPUTS[name]
    # Inputs reach the tools, not only the parser.
    assert seen["result"] + seen["200"] > INPUTS[name] / 20


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', None),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', '{"jsonrpc":"2.0","id":2,"result":{}}'),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', '{"jsonrpc":"2.0","result":{}}'),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', '{"jsonrpc":"2.0","id":1,"result":[]}'),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', '{"jsonrpc":"2.0","id":1,"error":{"code":"a","message":""}}'),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":""}}'),
        (b'{"jsonrpc":"2.0","id":1,"method":"nope"}', '{"jsonrpc":"2.0","id":1,"result":{}}'),
        (
            b'{"jsonrpc":"2.0","method":"notifications/initialized"}',
            '{"jsonrpc":"2.0","error":{"code":1,"message":""}}',
        ),
    ],
)
def test_judge_rejects_wrong_answers(body: bytes, answer: str | None) -> None:
    with pytest.raises(judge.JudgementError):
        judge.line(body, answer)


def test_judge_rejects_invalid_results() -> None:
    given = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    with pytest.raises(ValueError, match="tools"):
        judge.line(given, '{"jsonrpc":"2.0","id":1,"result":{"tools":1}}')


def test_judge_rejects_invalid_http() -> None:
    given = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    for status, headers, content in [
        (500, {}, ""),
        (200, {}, ""),
        (405, {}, ""),
        (200, {"content-type": "text/html"}, "<p>"),
        (400, {"content-type": "application/json"}, '{"jsonrpc":"2.0","id":1,"result":{}}'),
    ]:
        with pytest.raises(judge.JudgementError):
            judge.response(given, status, headers, content)
