"""Encoding of text for a server: a WIT `string` must be valid UTF-8.

Input that is not valid UTF-8, or too large, is rejected here with the same error messages as in the transport
(framework/transport, `protocol.zig`), so that a client gets the same response through every entry point.
"""

from __future__ import annotations

NOT_UTF8 = b'{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error: the message is not UTF-8"}}'
NOT_JSON = b"\xef\xbf\xbd"  # replaces a body that is not UTF-8, and is not JSON either


def too_large(limit: int) -> bytes:
    """Return the error response for a line that is longer than the limit."""
    text = '{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid request: the message is larger than %d bytes"}}'
    return (text % limit).encode()


def encode(text: str | bytes) -> bytes | None:
    """Return the text in UTF-8, or None if it cannot be encoded.

    wasmtime aborts the process on an invalid string, so all input must pass through this function.
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
    """Return header fields as field lines (RFC 9112, section 5).

    Non-ASCII bytes are decoded as ISO 8859-1, the historical encoding of field values (RFC 9110, section 5.5).
    """
    lines = b"".join([name + b": " + value + b"\r\n" for name, value in pairs])
    return lines if lines.isascii() else lines.decode("latin-1").encode()
