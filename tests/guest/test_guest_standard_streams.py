"""Standard streams of a component, natively: what a flush writes."""

from __future__ import annotations

import io
import logging
import sys
from typing import Any

import pytest

from wasmcp.guest.component.standard_streams import StandardStream, install


class Sink(io.RawIOBase):
    """A file that notes what is written."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.data += bytes(data)
        return len(data)

    def flush(self) -> None:
        self.flushes += 1


class CountingBuffer(io.BufferedWriter):
    """A buffer that counts its flushes."""

    flushes = 0

    def flush(self) -> None:
        self.flushes += 1
        super().flush()


def made(sink: Sink, *, line_buffering: bool = False) -> StandardStream:
    return StandardStream(
        io.TextIOWrapper(io.BufferedWriter(sink), "utf-8", "backslashreplace", line_buffering=line_buffering)
    )


def test_texts_are_written_by_a_flush() -> None:
    sink = Sink()
    stream = made(sink)
    print("é\ud800", file=stream)
    assert sink.data == b""
    stream.flush()
    assert sink.data == b"\xc3\xa9\\ud800\n"
    stream.writelines(["a\n", "b"])
    stream.flush()
    assert sink.data.endswith(b"\na\nb")


def test_a_flush_without_output_does_nothing() -> None:
    buffer = CountingBuffer(Sink())
    stream = StandardStream(io.TextIOWrapper(buffer, "utf-8"))
    stream.flush()
    flushes = buffer.flushes
    stream.flush()
    assert buffer.flushes == flushes
    stream.write("x")
    stream.flush()
    assert buffer.flushes > flushes


def test_lines_of_standard_error_are_written_at_once() -> None:
    sink = Sink()
    stream = made(sink, line_buffering=True)
    logging.StreamHandler(stream).emit(logging.makeLogRecord({"msg": "now"}))
    assert sink.data == b"now\n"
    stream.write("rest")
    stream.flush()
    assert sink.data == b"now\nrest"


def test_bytes_of_a_kept_buffer_are_written() -> None:
    sink = Sink()
    stream = made(sink)
    buffer = stream.buffer
    stream.flush()
    for text in (b"one", b"two"):
        buffer.write(text)
        stream.flush()
        assert sink.data.endswith(text)


def test_the_streams_of_the_interpreter_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    sinks = {name: Sink() for name in ("stdout", "stderr")}
    for name, sink in sinks.items():
        stream = io.TextIOWrapper(io.BufferedWriter(sink), "utf-8")
        monkeypatch.setattr(sys, name, stream)
        monkeypatch.setattr(sys, f"__{name}__", stream)
    install()
    replaced = [sys.stdout, sys.stderr]
    print("out")
    print("err", file=sys.__stderr__, flush=True)
    sys.stdout.flush()
    monkeypatch.undo()
    assert [type(stream) for stream in replaced] == [StandardStream, StandardStream]
    assert [sink.data for sink in sinks.values()] == [b"out\n", b"err\n"]
