"""Text on its way into a server: a WIT `string` is valid UTF-8, whatever a client sent."""

from __future__ import annotations

NOT_JSON = b"\xef\xbf\xbd"  # what stands for a text that is not UTF-8: as little JSON as that was


def as_text(text: str | bytes, limit: int | None = None) -> bytes:
    """Make something that can cross as a WIT `string`, so that the server itself can refuse what is wrong with it.

    What is not UTF-8 becomes a text that is not JSON either; what is longer than the limit is cut just above it.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
    if limit is not None and len(data) > limit:
        return b" " * (limit + 1)
    if data.isascii():
        return data
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return NOT_JSON
    return data
