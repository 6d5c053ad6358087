"""Recordings of HTTP exchanges: their limits, and several recordings of one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wasmcp.errors import HostError
from wasmcp.guest.fakes import Answer, Sent
from wasmcp.guest.http.messages import Headers
from wasmcp.testing import outgoing_http
from wasmcp.testing.outgoing_http import OutgoingHttp, Recording


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    """The requests that reached the network, whose responses have a body of 6 bytes."""
    found: list[Sent] = []

    async def real(sent: Sent) -> Answer:
        found.append(sent)
        return Answer(body=b"123456")

    monkeypatch.setattr(outgoing_http, "send_to_network", real)
    return found


def sent(url: str) -> Sent:
    return Sent("GET", url, Headers(), b"")


def urls(path: Path) -> list[Any]:
    return [each["url"] for each in json.loads(path.read_text("utf-8"))["exchanges"]]


def test_the_bodies_of_the_file_count_to_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answered: list[Sent]
) -> None:
    monkeypatch.setattr(outgoing_http, "MOST_BYTES", 11)
    first = Recording(tmp_path / "all.json", "new")
    first.answer(sent("https://a.example/1"))
    first.save()
    second = Recording(tmp_path / "all.json", "new")
    assert second.answer(sent("https://a.example/1")).body == b"123456"
    with pytest.raises(HostError, match="a recording has at most"):
        second.answer(sent("https://a.example/2"))
    assert len(answered) == 2


def test_several_urls_of_one_file_are_recorded_together(tmp_path: Path, answered: list[Sent]) -> None:
    http = OutgoingHttp()
    path = tmp_path / "all.json"
    one = http.record(path, "https://a.example/*")
    other = http.record(tmp_path / "folder" / ".." / "all.json", "https://b.example/*")
    one.answer(sent("https://a.example/"))
    other.answer(sent("https://b.example/"))
    http.reset()
    assert urls(path) == ["https://a.example/", "https://b.example/"]


def test_one_file_has_one_mode_and_one_set_of_hidden_parameters(tmp_path: Path) -> None:
    http = OutgoingHttp()
    http.record(tmp_path / "all.json")
    with pytest.raises(HostError, match=r"all\.json` is in use with another `mode` or `hide`"):
        http.record(tmp_path / "all.json", hide=("key",))
