r"""URIs of resources: the cases that the guest libraries of all languages have in common.

Rules, RFC 3986 section 6.2 and RFC 6570:

* A server lists the normal form of a declared URI: what a URI cannot hold (space, non-ASCII, ``"<>\^`{|}`` and,
  outside an IP literal, brackets) as UTF-8 and percent-encoded, hexadecimal digits in capitals, encoded unreserved
  characters decoded, the scheme in lower case, no ``.`` and ``..`` segments, no default port, and the path ``/`` where
  a URI of ``http``, ``https``, ``ws``, ``wss`` or ``ftp`` has none. Hosts of these schemes are in lower case; of
  others they keep their case, as clients keep it. A ``%`` without two hexadecimal digits is ``%25``. URL parsers
  (WHATWG, as in JavaScript and in pydantic) leave the normal form unchanged.
* A request names a resource when the normal forms are equal, the case of hosts apart.
* A template lists its literal text in the same form. The URI of a request is brought into normal form, its ``.`` and
  ``..`` segments apart, and then matched. Values are decoded once, after matching.
* A value that is not UTF-8, has a ``..`` segment, is an absolute path (``/``, ``\`` or a drive) or holds NUL is of no
  resource, whether it came encoded or not. Neither is an encoded ``/`` in an expression whose values end at ``/``.
* A value holds any character but the delimiters of its operator and the reserved characters that the template has
  after its first variable.
* A template that a URI can match in more than one way is refused at build.

Native tests of the Python guest library match URIs by the framework's component.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from wasmcp.guest.declarations.resources import Resource
from wasmcp.guest.json_types.uris import key_of
from wasmcp.project.catalogue_recording import UriTemplates

FIXED: list[tuple[str, str, list[str], list[str]]] = [
    # declared, listed, also read by, not read by
    ("notes://all", "notes://all", ["NOTES://all", "notes://ALL", "notes://%61ll"], ["notes://all/", "notes://all?"]),
    ("docs://guide/naïve page", "docs://guide/na%C3%AFve%20page", ["docs://guide/na%c3%afve%20page"], ["docs://guide"]),
    ("docs://café/x", "docs://caf%C3%A9/x", ["docs://caf%C3%A9/x", "DOCS://CAF%c3%a9/%78"], ["docs://cafe/x"]),
    ("docs://x/%7euser/%c3%a9", "docs://x/~user/%C3%A9", ["docs://x/~user/é"], ["docs://x/~USER/%C3%A9"]),
    ("docs://x/100%", "docs://x/100%25", ["docs://x/100%25"], ["docs://x/100%2525"]),
    ("docs://x/a%2Fb", "docs://x/a%2Fb", ["docs://x/a%2fb"], ["docs://x/a/b"]),
    ("docs://x/a|b[0]", "docs://x/a%7Cb%5B0%5D", ["docs://x/a|b%5B0%5D"], ["docs://x/a"]),
    ("docs://x/a?b=c d#e f", "docs://x/a?b=c%20d#e%20f", ["docs://x/a?b=c%20d#e f"], ["docs://x/a?b=c+d#e f"]),
    ("docs://guide/a/../b/./c", "docs://guide/b/c", ["docs://guide/b/%2E/c", "docs://guide/b/c"], ["docs://guide/a/c"]),
    ("docs://Guide/A", "docs://Guide/A", ["docs://guide/A"], ["docs://Guide/a"]),
    ("docs://x:80/y", "docs://x:80/y", [], ["docs://x/y"]),
    ("docs://x", "docs://x", ["docs://x:"], ["docs://x/"]),
    ("docs:/x", "docs:/x", [], ["docs://x", "docs:x"]),
    ("docs:a b", "docs:a%20b", ["docs:%61 b"], ["docs:a"]),
    ("urn:ISBN:1", "urn:ISBN:1", ["URN:ISBN:1"], ["urn:isbn:1"]),
    (
        "http://example.com",
        "http://example.com/",
        ["HTTP://Example.COM:80", "http://example.com:/"],
        ["http://example.com//"],
    ),
    (
        "https://example.com:443?q='",
        "https://example.com/?q=%27",
        ["https://example.com/?q='"],
        ["https://example.com/"],
    ),
    ("https://example.com:444/a", "https://example.com:444/a", [], ["https://example.com/a"]),
    ("http://[::1]/x", "http://[::1]/x", [], ["http://::1/x"]),
    ("file:///tmp/a b.txt", "file:///tmp/a%20b.txt", ["file:///tmp/x/../a%20b.txt"], ["file://tmp/a%20b.txt"]),
]

Variables = dict[str, str | list[str]]

TEMPLATES: list[tuple[str, str, str, Variables | None]] = [
    # declared, listed, the URI of a request, the variables; None: it is of no resource
    ("notes://{name}", "notes://{name}", "notes://a", {"name": "a"}),
    ("notes://{name}", "notes://{name}", "NOTES://A", {"name": "A"}),
    ("notes://{name}", "notes://{name}", "notes://caf%C3%A9%20x", {"name": "café x"}),
    ("notes://{name}", "notes://{name}", "notes://café x", {"name": "café x"}),
    ("notes://{name}", "notes://{name}", "notes://100%", {"name": "100%"}),
    ("notes://{name}", "notes://{name}", "notes://a%2Fb", None),
    ("notes://{name}", "notes://{name}", "notes://a/b", None),
    ("notes://{name}", "notes://{name}", "notes://", None),
    ("notes://{name}", "notes://{name}", "notes://a%FF", None),
    ("notes://{name}", "notes://{name}", "notes://%C0%AE%C0%AE", None),
    ("notes://{name}", "notes://{name}", "notes://%ED%A0%80", None),
    ("notes://{name}", "notes://{name}", "notes://%2e%2e", None),
    ("notes://{name}", "notes://{name}", "notes://%2e%2e%2fsecret", None),
    ("notes://{name}", "notes://{name}", "notes://..%2Fsecret", None),
    ("notes://{name}", "notes://{name}", "notes://a%2F..%2Fb", None),
    ("notes://{name}", "notes://{name}", "notes://..%5Csecret", None),
    ("notes://{name}", "notes://{name}", "notes://%2Fetc%2Fpasswd", None),
    ("notes://{name}", "notes://{name}", "notes://%5Cshare", None),
    ("notes://{name}", "notes://{name}", "notes://C:%5Cx", None),
    ("notes://{name}", "notes://{name}", "notes://a%00", None),
    ("notes://{name}", "notes://{name}", "notes://%252e%252e%252fx", {"name": "%2e%2e%2fx"}),
    ("notes://{name}", "notes://{name}", "notes://%2%65%2%65", {"name": "%2e%2e"}),
    ("notes://{name}", "notes://{name}", "notes://a..b", {"name": "a..b"}),
    ("notes://{name}", "notes://{name}", "notes://...", {"name": "..."}),
    ("docs://café/{name}", "docs://caf%C3%A9/{name}", "docs://caf%C3%A9/x", {"name": "x"}),
    ("docs://café/{name}", "docs://caf%C3%A9/{name}", "docs://café/é", {"name": "é"}),
    ("docs://a b/{name}/c d", "docs://a%20b/{name}/c%20d", "docs://a%20b/x/c%20d", {"name": "x"}),
    ("docs://x/%7e/{name}", "docs://x/~/{name}", "docs://x/%7E/y", {"name": "y"}),
    ("docs://Guide/{name}", "docs://Guide/{name}", "docs://guide/A", {"name": "A"}),
    ("docs://Guide/{name}", "docs://Guide/{name}", "docs://guide/..", None),
    ("docs://x/{+path}", "docs://x/{+path}", "docs://x/a/b%20c.txt", {"path": "a/b c.txt"}),
    ("docs://x/{+path}", "docs://x/{+path}", "docs://x/a/../../etc/passwd", None),
    ("docs://x/{+path}", "docs://x/{+path}", "docs://x/a/%2e%2E/b", None),
    ("docs://x/{+path}", "docs://x/{+path}", "docs://x//etc/passwd", None),
    ("docs://x/{+path}", "docs://x/{+path}", "docs://x/a[0]", {"path": "a[0]"}),
    ("https://Example.com:443/{name}", "https://example.com/{name}", "HTTPS://EXAMPLE.com/A", {"name": "A"}),
    ("http://{host}", "http://{host}/", "http://example.com", {"host": "example.com"}),
    *(
        (template, template, uri, variables)
        for template, uri, variables in (
            ("a://{x}", "a://b,c", None),
            ("a://{x}", "a://b%2Cc", {"x": "b,c"}),
            ("a://{x}", "a://b:c@d;e=f", {"x": "b:c@d;e=f"}),
            ("a://{x}", "a://7?x=1", None),
            ("a://{x}", "a://7#x", None),
            ("a://{id}.txt", "a://x.txt.txt", {"id": "x.txt"}),
            ("a://{id}.txt", "a://.txt", None),
            ("a://{x,y}", "a://1,2", {"x": "1", "y": "2"}),
            ("a://{x,y}", "a://1", None),
            ("a://{x,y}", "a://1,2,3", None),
            ("a://{x*}", "a://1,b%2C2", {"x": ["1", "b,2"]}),
            ("a://{x*}", "a://1,..", None),
            ("a://h/{x}:{y}", "a://h/1:2", {"x": "1", "y": "2"}),
            ("a://h/{x}:{y}", "a://h/1:2:3", None),
            ("a://h/{x}:{y}", "a://h/1%3A2:3", {"x": "1:2", "y": "3"}),
            ("a://{+path}/tail", "a://x/y/tail", {"path": "x/y"}),
            ("a://{+path}/tail", "a://x/tail/tail", {"path": "x/tail"}),
            ("a://h/{+path}/{name}", "a://h/x/y/z", {"path": "x/y", "name": "z"}),
            ("a://h/{+path}/{name}", "a://h/x/%2e%2e/z", None),
            ("a://h/{+path}/{name}", "a://h/x/y%2Fz", None),
            ("a://host{/x,y}", "a://host/1/2", {"x": "1", "y": "2"}),
            ("a://host{/x,y}", "a://host/1", None),
            ("a://host{/x*}", "a://host/1/2", {"x": ["1", "2"]}),
            ("a://host{/x*}", "a://host/1/2%2F3", None),
            ("a://host{/x*}", "a://host/1/%2e%2e/3", None),
            ("a://host{/x*}", "a://host", None),
            ("a://name{.ext}", "a://name.txt", {"ext": "txt"}),
            ("a://h/{x}{.ext}", "a://h/a.tar.gz", {"x": "a.tar", "ext": "gz"}),
            ("a://h/x{.ext*}", "a://h/x.tar.gz", {"ext": ["tar", "gz"]}),
            ("a://h/n{;v,w}", "a://h/n;v=1;w=2", {"v": "1", "w": "2"}),
            ("a://h/n{;v,w}", "a://h/n;w=2", {"w": "2"}),
            ("a://h/n{;v,w}", "a://h/n", {}),
            ("a://h/n{;v,w}", "a://h/n;z=2", None),
            ("a://h/{x}{;v}", "a://h/a;v=%20", {"x": "a", "v": " "}),
            ("a://b{?q,n}", "a://b?n=1&q=x%20y", {"n": "1", "q": "x y"}),
            ("a://b{?q,n}", "a://b", {}),
            ("a://b{?q,n}", "a://b?q=1&q=2", None),
            ("a://b{?q,n}", "a://b?other=1", None),
            ("a://b{?q,n}", "a://b?q=a=b/c", {"q": "a=b/c"}),
            ("a://b{?q,n}", "a://b?q=..", None),
            ("a://b{?q,n}", "a://b?q=%FF", None),
            ("a://b{?tags*}", "a://b?tags=1&tags=2,3%2C4", {"tags": ["1", "2", "3,4"]}),
            ("a://b?fixed=1{&q}", "a://b?q=2&fixed=1", {"q": "2"}),
            ("a://b?fixed=1{&q}", "a://b?q=2", None),
            ("a://b?fixed=1{&q}", "a://b?fixed=1&fixed=1", None),
            ("a://b{#part}", "a://b#top/x?y", {"part": "top/x?y"}),
            ("a://b{#part}", "a://b", {}),
            ("a://{id}{?q}{#part}", "a://7?q=1#top?q=2", {"id": "7", "q": "1", "part": "top?q=2"}),
            ("a://{id}{?q}{#part}", "a://7#top", {"id": "7", "part": "top"}),
        )
    ),
]

UNMATCHABLE: list[tuple[str, str]] = [
    # declared, the reason why the build refuses it
    ("a://{x}{y}", "a URI can match it in more than one way: `x` can contain what follows it"),
    ("a://{x}-{y}", "a URI can match it in more than one way: `x` can contain what follows it"),
    ("a://{+x}/{+y}", "a URI can match it in more than one way: `x` can contain what follows it"),
    ("a://{+x,y}", "a URI can match it in more than one way: `x` can contain what follows it"),
    ("a://b/{id:3}", "`id:3`: the prefix of a value cannot be matched back to it"),
    ("a://b/{x}/{x}", "it has the variable `x` twice"),
    ("a://b{;x*}", "`{;x*}` cannot be matched: use `{?x*}`"),
    ("a://b?x={x}", "`{x}`: variables of a query are written `{?name}` or `{&name}`"),
]

REFUSED: list[str] = [
    # no scheme, a port that is not a number or too large, no host where the scheme has one, a host that is not one
    "notes",
    "notes://a:b",
    "notes://a:65536/x",
    "notes://:80/x",
    "http://",
    "http:///x",
    "http://a b/",
    "http://café.example/",
    "http://[::1/x",
]


class Row(NamedTuple):
    """A row of `TEMPLATES`; each template has a scheme of its own, so that one component can declare all."""

    declared: str
    listed: str
    uri: str
    variables: Variables | None


def _rows() -> list[Row]:
    numbers: dict[str, int] = {}
    rows = []
    for declared, listed, uri, variables in TEMPLATES:
        number = numbers.setdefault(declared, len(numbers))
        texts = [declared, listed, uri]
        if not declared.lower().startswith("http"):
            texts = [re.sub(r"\A[A-Za-z]+", rf"\g<0>{number}", text) for text in texts]
        rows.append(Row(*texts, variables))
    return rows


ROWS = _rows()


@cache
def uri_templates() -> UriTemplates:
    """Return the framework's implementation."""
    return UriTemplates()


def match_uri(uri: str, templates: Sequence[Any]) -> Any:
    """Return the first template that a URI matches, as a request does in a server."""
    return uri_templates().match(uri, templates)


def matched(resource: Resource, uri: str) -> dict[str, str | list[str]] | None:
    """Return the variables of a template in a URI, as a component gets them; None if the URI does not match."""
    if not resource.is_template:
        return {} if key_of(uri) == resource.identity else None
    found = match_uri(uri, [resource.pattern])
    return None if found is None else resource.values(found.variables)
