"""URIs and URI templates: their normal form, used in lists and to compare the URI of a request, and their variables.

The framework matches URIs against templates, and the build refuses those that cannot be matched.

Source: RFC 3986, section 6.2; RFC 6570 for templates. URL parsers of clients (WHATWG) do not change the normal form.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from wasmcp.guest.json_types.json_codec import sendable

_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
"""Schemes whose hosts are network names, with their default ports."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PLAIN = re.compile(r"(//[^/?#]*)?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_TEMPLATE = re.compile(
    r"(//(?:\{(?:[^{}+/?#&][^{}]*)?\}|[^/?#{}])*)?((?:\{(?:[^{}?#&][^{}]*)?\}|[^?#{}])*)"
    r"((?:\?|\{[?&])(?:\{(?:[^{}#][^{}]*)?\}|[^#{])*)?((?:#|\{#).*)?",
    re.DOTALL,
)
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=-]+")

_SAFE = "A-Za-z0-9._~!$&'()*+,;=:@/"
_UNSAFE = {
    component: re.compile(rf"%[0-9A-Fa-f]{{2}}|[^{_SAFE}{more}-]")
    for component, more in {"authority": r"\[\]", "path": "", "query": "?", "fragment": "?"}.items()
}
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_EXPRESSION = re.compile(r"\{([+#./;?&]?)([^{}]*)\}")
_VARIABLE = re.compile(r"([A-Za-z0-9_.]+)[^*]*(\*?)")


class Parts(NamedTuple):
    """A URI or URI template in normal form.

    Attributes:
        scheme: In lower case, without the colon.
        authority: With the two slashes before it; empty without an authority.
        rest: Path, query and fragment.
    """

    scheme: str
    authority: str
    rest: str

    @property
    def text(self) -> str:
        """The whole URI."""
        return f"{self.scheme}:{self.authority}{self.rest}"

    @property
    def key(self) -> str:
        """The whole URI with its host in lower case: equal for equivalent URIs."""
        user, at, host = self.authority.rpartition("@")
        return f"{self.scheme}:{user}{at}{host.lower()}{self.rest}"


def sendable_uri(uri: str) -> str:
    """Return a URI in normal form.

    Raises:
        ValueError: The URI has no scheme. The specification requires absolute URIs; clients reject results with others.
    """
    return normalized(uri).text


def key_of(uri: str) -> str:
    """Return the key of a URI, which is equal for equivalent URIs; empty for an invalid URI."""
    try:
        return normalized(uri).key
    except ValueError:
        return ""


def normalized(uri: str) -> Parts:
    """Return a URI in normal form; characters that are not allowed in a URI are encoded.

    Raises:
        ValueError: The URI has no scheme.
    """
    scheme, found = _split(_PLAIN, sendable(uri))
    authority, path = _authority(scheme, found[1] or ""), _encoded("path", found[2])
    if path[:1] == "/":
        path = _without_dots(path)
    if not path and scheme in _PORTS and authority:
        path = "/"
    if not authority and path[:2] == "//":
        path = f"/.{path}"  # otherwise the path would be parsed as an authority
    return Parts(scheme, authority, path + _query(scheme, found[3] or "") + _fragment(found[4] or ""))


def normalized_template(template: str) -> Parts:
    """Return a URI template with its literal text in normal form.

    Raises:
        ValueError: The template has no scheme, or has a ``.`` or ``..`` segment.
    """
    scheme, found = _split(_TEMPLATE, sendable(template))
    authority = _authority(scheme, found[1] or "")
    path, query = _literals("path", found[2]), found[3] or ""
    if any(segment in (".", "..") for segment in path.split("/")):
        raise ValueError(f"`{template}` has a `.` or `..` segment, which clients remove")
    if not path and scheme in _PORTS and authority:
        path = "/"
    query = "".join(part if part[:1] == "{" else _query(scheme, part) for part in _expressions(query))
    fragment = "".join(part if part[:1] == "{" else _fragment(part) for part in _expressions(found[4] or ""))
    return Parts(scheme, authority, path + query + fragment)


def checked(uri: str) -> None:
    """Check that clients can parse a URI or a template: a valid host and port where its scheme requires them.

    Raises:
        ValueError: Clients cannot parse it.
    """
    scheme, found = _split(_TEMPLATE if "{" in uri else _PLAIN, uri)
    authority = found[1]
    if authority is None:
        if scheme in _PORTS:
            raise ValueError(f"`{uri}` has no host: write `{scheme}://host/...`")
        return
    user, at, place = authority[2:].rpartition("@")
    host, port = _host_and_port(place)
    if "{" in host + port + user:
        return
    if port and not (port.isascii() and port.isdigit() and int(port[:6]) < 2**16):
        raise ValueError(f"`{uri}` has the port `{port}`: after the colon clients expect a number up to 65535")
    if not host and (scheme in _PORTS or at or ":" in place):
        raise ValueError(f"`{uri}` has no host")
    if "[" in host and not _HOST.fullmatch(host):
        raise ValueError(f"`{uri}` has the host `{host}`, which is not an IP address")
    if scheme in _PORTS and not _HOST.fullmatch(host):
        reason = f"of `{scheme}` clients expect ASCII letters, digits, `.` and `-`, or the `xn--` form"
        raise ValueError(f"`{uri}` has the host `{host}`: {reason}")


def _split(pattern: re.Pattern[str], text: str) -> tuple[str, re.Match[str]]:
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise ValueError(f"`{text}` must begin with a scheme, such as `notes://`")
    found = pattern.fullmatch(text, scheme.end())
    if found is None:
        raise ValueError(f"`{text}` has an unmatched brace")
    return scheme[1].lower(), found


def _host_and_port(place: str) -> tuple[str, str]:
    host, colon, port = place.rpartition(":")
    return (host, port) if colon and not set(port) & set("]{}") else (place, "")


def _authority(scheme: str, authority: str) -> str:
    if not authority:
        return ""
    user, at, place = authority[2:].rpartition("@")
    host, port = _host_and_port(place)
    host = _literals("authority", host)
    if scheme in _PORTS:
        host = "".join(part if part[:1] == "{" else part.lower() for part in _expressions(host))
    if not port or port == _PORTS.get(scheme):
        return f"//{_literals('authority', user)}{at}{host}"
    return f"//{_literals('authority', user)}{at}{host}:{_literals('authority', port)}"


def _query(scheme: str, query: str) -> str:
    text = _encoded("query", query)
    return text.replace("'", "%27") if scheme in _PORTS or scheme == "file" else text  # as WHATWG URL does


def _fragment(fragment: str) -> str:
    return fragment[:1] + _encoded("fragment", fragment[1:])


def _encoded(component: str, text: str) -> str:
    """Return the text of a component with disallowed characters encoded, and unreserved characters decoded."""
    return _UNSAFE[component].sub(_one, text)


def _one(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) == 3:
        byte = int(found[1:], 16)
        return chr(byte) if byte in _UNRESERVED else found.upper()
    return "".join(f"%{byte:02X}" for byte in found.encode())


def _expressions(text: str) -> list[str]:
    """Return the pieces of a template's text: expressions with their braces, and the text between them."""
    return re.split(r"(\{[^{}]*\})", text)


def _literals(component: str, text: str) -> str:
    return "".join(part if part[:1] == "{" else _encoded(component, part) for part in _expressions(text))


def _without_dots(path: str) -> str:
    """Return an absolute path without ``.`` and ``..`` segments; RFC 3986, section 5.2.4."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


class Variable(NamedTuple):
    """A variable of a template.

    Attributes:
        name: The name of the variable.
        many: True if it has a list of values (``*``).
        optional: True if a URI can omit it: variables of a query, of path parameters and of a fragment.
    """

    name: str
    many: bool
    optional: bool


class Pattern(NamedTuple):
    """A template as the framework matches it: the record `uri-template`.

    Attributes:
        text: The template in normal form.
        unchecked: The names of variables that can have any value.
    """

    text: str
    unchecked: list[str]


class UriTemplate:
    """A URI, or a template such as ``notes://{folder}/{id}{?q,tags*}``.

    Args:
        text: The URI or the template.

    Attributes:
        text: The text of the author.
        normal: The normal form.
        variables: The variables by name, in order; empty for a URI.

    Raises:
        ValueError: The text is not a URI or a template.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.normal = normalized_template(text) if "{" in text or "}" in text else normalized(text)
        checked(text)
        self.variables: dict[str, Variable] = {}
        for operator, names in _EXPRESSION.findall(self.normal.text):
            for found in filter(None, map(_VARIABLE.match, names.split(","))):
                variable = Variable(found[1], bool(found[2]), operator in tuple("#;?&"))
                self.variables[variable.name] = variable
