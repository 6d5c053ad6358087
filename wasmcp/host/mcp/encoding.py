"""Text on its way into a server: a WIT `string` is valid UTF-8, whatever a client sent.

What cannot cross, or is too large to, is answered here in the words of the transport (framework/transport,
`protocol.zig`), so that a client sees the same on every door.
"""

from __future__ import annotations

NOT_UTF8 = b'{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error: the message is not UTF-8"}}'
NOT_JSON = b"\xef\xbf\xbd"  # stands for a body that is not UTF-8: as little JSON as that was


def too_large(limit: int) -> bytes:
    """Make the error message for a line that is longer than the limit."""
    text = '{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid request: the message is larger than %d bytes"}}'
    return (text % limit).encode()


def encode(text: str | bytes) -> bytes | None:
    """Return the text in UTF-8, or None when it has no such form.

    wasmtime aborts the process at a string that is not valid, so nothing gets past this.
    """
    if isinstance(text, str):
        try:
            return text.encode()
        except UnicodeEncodeError:  # a lone surrogate
            return None
    if text.isascii():
        return text
    try:
        text.decode()
    except UnicodeDecodeError:
        return None
    return text


def field_lines(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """Write header fields as field lines (RFC 9112, section 5).

    Bytes beyond ASCII become the characters of ISO 8859-1, as RFC 9110, section 5.5, has it for what is obsolete.
    """
    lines = b"".join([name + b": " + value + b"\r\n" for name, value in pairs])
    return lines if lines.isascii() else lines.decode("latin-1").encode()
