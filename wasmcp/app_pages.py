"""Pages of apps in a project: HTML with the scripts, styles and images that it refers to, in one file.

Hosts show a page without its folder, so that relative references lead nowhere. Files are included where they are
referred to: classic scripts and styles as text, images, media and fonts as `data:` URLs. References to other servers
stay, if the app needs their origins.

Standard library only: toolchains use it.

Source: HTML Living Standard, sections 4.12.1 (`script`), 4.2.4 (`link`), 13.2 (parsing); CSS Syntax Level 3, section
4.3.6 (`url()`); RFC 2397; Model Context Protocol, extension `io.modelcontextprotocol/ui`, "Host Behavior".
"""

from __future__ import annotations

import mimetypes
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

MOST_BYTES = 4 << 20
"""Maximum size of a page in bytes, with everything that it includes."""
MOST_FILES = 256
"""Maximum number of files of a page."""

_LITERAL = re.compile(rb"""["'`]((?:[A-Za-z0-9_.@+~ -]+/)*[A-Za-z0-9_.@+~ -]+\.html?)["'`]""")
_DOCTYPE = re.compile(r"\s*(?:<!--.*?-->\s*)*<!doctype html", re.IGNORECASE | re.DOTALL)
_CSS_STRING = r"""(?:"(?P<a>[^"\n]*)"|'(?P<b>[^'\n]*)')"""
_CSS_URL = re.compile(rf"url\(\s*(?:{_CSS_STRING}|(?P<c>[^\"'()\s]+))\s*\)", re.IGNORECASE)
_CSS_IMPORT = re.compile(
    rf"@import\s*(?:{_CSS_STRING}|url\(\s*(?:{_CSS_STRING.replace('<a>', '<d>').replace('<b>', '<e>')}"
    r"|(?P<c>[^\"'()\s]+))\s*\))(?P<conditions>[^;{}]*)(?:;|$)",
    re.IGNORECASE,
)
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_IMPORTS = re.compile(
    r"""^[ \t]*(?:import|export)\b[^;"'`()]*?["'](?P<path>\.{0,2}/[^"'\n]+)["']"""
    r"""|\bimport\(\s*["'](?P<later>\.{0,2}/[^"'\n]+)["']""",
    re.MULTILINE,
)
_SCRIPT_TYPES = {"", "module", "text/javascript", "application/javascript", "application/ecmascript", "text/ecmascript"}
_SOURCES = {
    ("img", "src"), ("source", "src"), ("video", "src"), ("audio", "src"), ("video", "poster"), ("track", "src"),
    ("input", "src"), ("image", "href"), ("image", "xlink:href"),
}  # fmt: skip
_OF_FILES = {"src", "defer", "async", "integrity", "crossorigin"}
_SETS = {("img", "srcset"), ("source", "srcset")}
_BLOCKED = {("object", "data"), ("embed", "src"), ("use", "href"), ("use", "xlink:href"), ("frame", "src")}
_FONTS = {".woff2": "font/woff2", ".woff": "font/woff", ".ttf": "font/ttf", ".otf": "font/otf"}


@dataclass
class _Files:
    """Files of one page.

    Attributes:
        root: The folder of the project.
        folder: The folder of the page, which no reference leaves.
        csp: The `csp` of the app; None if it is unknown, so that references to other servers are not checked.
        problems: The mistakes that were found.
        read: The files that were read.
        size: Their size in bytes, counted for each time that one is included.
    """

    root: Path
    folder: Path
    csp: Mapping[str, Iterable[str]] | None
    problems: list[str] = field(default_factory=list)
    read: dict[Path, bytes] = field(default_factory=dict)
    size: int = 0

    def label(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def file(self, reference: str, base: Path, where: str) -> tuple[Path, bytes] | None:
        """Return the file that a relative reference leads to; None after a mistake.

        Args:
            reference: The reference.
            base: The folder that it is relative to.
            where: The place of the reference, for messages.
        """
        shown = f"{where} refers to `{reference:.200}`"
        inside = unquote(urlsplit(reference).path)
        if inside.startswith("/") or "\0" in inside or "\\" in inside:
            self.problems.append(f"{shown}: write a path that is relative to the file")
            return None
        try:
            path = (base / inside).resolve()
        except (OSError, ValueError, RuntimeError):
            self.problems.append(f"{shown}, which is not a path of a file")
            return None
        if not path.is_relative_to(self.folder):
            folder = self.label(self.folder) if self.folder != self.root else "."
            self.problems.append(
                f"{shown}, which leads out of the folder of the page, `{folder}`: copy the file into it"
            )
            return None
        if not path.is_file():
            self.problems.append(f"{shown}, which does not exist")
            return None
        data = self.read.get(path)
        if data is None:
            size = path.stat().st_size
            if size > MOST_BYTES:
                self.problems.append(
                    f"{shown}, which has {size:,} bytes; a page can have {MOST_BYTES:,} with its files"
                )
                return None
            if len(self.read) >= MOST_FILES:
                if len(self.read) == MOST_FILES:
                    self.problems.append(f"{where} refers to more files: a page can have {MOST_FILES}")
                return None
            try:
                data = self.read[path] = path.read_bytes()
            except OSError as error:
                self.problems.append(f"{shown}, which cannot be read: {error.strerror}")
                return None
        self.size += len(data)
        if self.size > MOST_BYTES:  # the sum is reported once, by `bundled`
            return None
        return path, data

    def remote(self, reference: str, member: str, where: str) -> None:
        """Check that the app needs the origin of a reference to another server."""
        if self.csp is None:
            return
        parts = urlsplit(f"https:{reference}" if reference.startswith("//") else reference)
        origin = f"{parts.scheme}://{parts.netloc}"
        if not any(_covers(known, parts.scheme, parts.netloc) for known in self.csp.get(member, ())):
            self.problems.append(
                f"{where} refers to `{reference:.200}`, and the app does not need its origin: add `{origin}` to "
                f"`{member}` of its `csp`, or copy the file into the folder of the page"
            )


def _covers(known: str, scheme: str, host: str) -> bool:
    its_scheme, _, its_host = known.partition("://")
    if its_scheme != scheme:
        return False
    host, its_host = host.lower(), its_host.lower()
    if its_host.startswith("*."):
        return host.endswith(its_host[1:])
    if its_host.endswith(":*"):
        return host.partition(":")[0] == its_host[:-2]
    return host in {its_host, f"{its_host}:{443 if scheme == 'https' else 80}"}


def _kind(reference: str) -> str:
    """Return `local`, `remote` or `other` (`data:`, `#part`, nothing)."""
    reference = reference.strip()
    if not reference or reference.startswith("#"):
        return "other"
    if reference.startswith("//"):
        return "remote"
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", reference)
    if scheme is None:
        return "local"
    return "remote" if scheme[0].lower() in {"http:", "https:"} else "other"


def _media_type(path: Path) -> str:
    suffix = path.suffix.lower()
    return _FONTS.get(suffix) or mimetypes.guess_type(path.name, strict=False)[0] or "application/octet-stream"


def _data_url(path: Path, data: bytes) -> str:
    return f"data:{_media_type(path)};base64,{b64encode(data).decode('ascii')}"


def _text(files: _Files, path: Path, data: bytes) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        files.problems.append(f"`{files.label(path)}` is not UTF-8 (byte {error.start})")
        return None


class _Page(HTMLParser):
    """Parser of a page that collects replacements of its parts.

    Attributes:
        edits: (begin, end, text) of each part to replace, in order.
        deferred: Scripts to run when the page is parsed, in order.
    """

    def __init__(self, files: _Files, path: Path, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self._files, self._path, self._source = files, path, text
        self._starts = [0]
        for line in text.split("\n"):  # as `HTMLParser` counts lines
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._script: tuple[int, str] | None = None
        self._inline: tuple[str, int] | None = None
        self.edits: list[tuple[int, int, str]] = []
        self.deferred: list[str] = []

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._starts[line - 1] + column

    def _where(self) -> str:
        return f"`{self._files.label(self._path)}` (line {self.getpos()[0]})"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag(tag, attrs)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag(tag, attrs)
        if tag in {"script", "style"} and self._script is None:
            begin = self._offset() + len(self.get_starttag_text() or "")
            kind = dict(attrs).get("type") or ""
            self._inline = (f"script {kind.lower()}" if tag == "script" else tag, begin)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._script is not None:
            begin, replacement = self._script
            closed = self._source.find(">", self._offset())
            self.edits.append((begin, len(self._source) if closed < 0 else closed + 1, replacement))
            self._script = None
        elif tag in {"script", "style"} and self._inline is not None:
            kind, begin = self._inline
            text = self._source[begin : self._offset()]
            if kind == "style":
                changed = _style(self._files, self._path, text, self._where(), ())
                if changed != text:
                    self.edits.append((begin, self._offset(), changed))
            elif kind == "script module":
                self._modules(text, self._where())
        self._inline = None if tag in {"script", "style"} else self._inline

    def _tag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        text = self.get_starttag_text() or ""
        begin = self._offset()
        if tag == "script" and "src" in values:
            self._source_of(values, begin)
            return
        if tag == "link" and "href" in values:
            self._link(values, begin, text)
            return
        if tag == "base" and "href" in values:
            if _kind(values["href"]) == "remote":
                self._files.remote(values["href"], "baseUriDomains", self._where())
            else:
                self._files.problems.append(
                    f"{self._where()} has a `<base>`, which changes what references lead to: remove it"
                )
            return
        changed: dict[str, str] = {}
        for name, value in values.items():
            if (tag, name) in _SOURCES:
                found = self._embedded(value)
                if found is not None:
                    changed[name] = found
            elif (tag, name) in _SETS:
                changed[name] = self._set(value)
            elif tag == "iframe" and name == "src":
                if _kind(value) == "remote":
                    self._files.remote(value, "frameDomains", self._where())
                elif _kind(value) == "local":
                    self._files.problems.append(
                        f"{self._where()} has an `<iframe>` of `{value:.200}`: hosts show only frames of other servers"
                    )
            elif (tag, name) in _BLOCKED and _kind(value) != "other":
                self._files.problems.append(
                    f"{self._where()} has `<{tag}>` with `{value:.200}`, which hosts do not load: include the content"
                )
            elif name == "style" and "url(" in value.lower():
                changed[name] = _style(self._files, self._path, value, self._where(), ())
        changed = {name: value for name, value in changed.items() if value != values[name]}
        if changed:
            self.edits.append((begin, begin + len(text), _start_tag(tag, attrs, changed, closed=text.endswith("/>"))))

    def _source_of(self, values: Mapping[str, str], begin: int) -> None:
        source, where = values["src"], self._where()
        kind = values.get("type", "").strip().lower()
        if _kind(source) == "remote":
            self._files.remote(source, "resourceDomains", where)
            return
        if _kind(source) == "other":
            return
        found = self._files.file(source, self._path.parent, where)
        text = None if found is None else _text(self._files, *found)
        if text is None or found is None:
            return
        if kind not in _SCRIPT_TYPES:
            self._files.problems.append(
                f"{where} has a `<script src>` of the type `{kind}`, which browsers do not load"
            )
            return
        if kind == "module":
            self._modules(text, f"`{self._files.label(found[0])}`")
        kept = {name: value for name, value in values.items() if name not in _OF_FILES}
        script = f"{_start_tag('script', list(kept.items()), {})}{_in_script(text)}</script>"
        if kind != "module" and ("defer" in values or "async" in values):
            self.deferred.append(script)
            script = ""
        self._script = (begin, script)

    def _modules(self, text: str, where: str) -> None:
        for match in _IMPORTS.finditer(text):
            self._files.problems.append(
                f"{where} imports `{match['path'] or match['later']}`: hosts show one file, so bundle the modules of "
                "the page into one with your bundler (esbuild, Vite) and refer to that"
            )

    def _link(self, values: Mapping[str, str], begin: int, text: str) -> None:
        rel, href, where = set(values.get("rel", "").lower().split()), values["href"], self._where()
        if "stylesheet" in rel:
            if _kind(href) == "remote":
                self._files.remote(href, "resourceDomains", where)
            elif _kind(href) == "local":
                found = self._files.file(href, self._path.parent, where)
                style = None if found is None else _text(self._files, *found)
                if found is not None and style is not None:
                    style = _style(self._files, found[0], style, f"`{self._files.label(found[0])}`", (found[0],))
                    kept = [(name, values[name]) for name in ("id", "media", "title") if name in values]
                    self.edits.append((begin, begin + len(text), f"{_start_tag('style', kept, {})}{style}</style>"))
        elif rel & {"icon", "apple-touch-icon"}:
            changed = self._embedded(href)
            if changed is not None:
                attributes = list(values.items())
                self.edits.append((begin, begin + len(text), _start_tag("link", attributes, {"href": changed})))
        elif rel & {"preload", "modulepreload", "prefetch", "manifest"} and _kind(href) == "local":
            self._files.problems.append(
                f'{where} has `<link rel="{values["rel"]}">` of `{href:.200}`, which is not included: remove it'
            )
        elif rel & {"preload", "modulepreload", "prefetch", "manifest"} and _kind(href) == "remote":
            self._files.remote(href, "resourceDomains", where)

    def _embedded(self, reference: str) -> str | None:
        """Return the URL that replaces a reference; None to keep it."""
        if _kind(reference) == "remote":
            self._files.remote(reference, "resourceDomains", self._where())
        if _kind(reference) != "local":
            return None
        found = self._files.file(reference.strip(), self._path.parent, self._where())
        if found is None:
            return None
        part = urlsplit(reference).fragment
        return _data_url(*found) + (f"#{part}" if part else "")

    def _set(self, value: str) -> str:
        candidates = []
        for candidate in re.split(r",\s+|,(?=[^\s,]*\.)", value.strip()):
            reference, *descriptor = candidate.split()
            candidates.append(" ".join([self._embedded(reference) or reference, *descriptor]))
        return ", ".join(candidates)


def _start_tag(
    tag: str, attrs: Iterable[tuple[str, str | None]], changed: Mapping[str, str], *, closed: bool = False
) -> str:
    parts = [tag]
    for name, given in attrs:
        value = changed.get(name, given)
        parts.append(name if value is None or (value == "" and given is None) else f'{name}="{escape(value)}"')
    return f"<{' '.join(parts)}{' /' if closed else ''}>"


def _in_script(text: str) -> str:
    """Return a script that ends at no earlier place of its element than its own end."""
    text = re.sub(r"</(?=script)", r"<\\/", text, flags=re.IGNORECASE)
    return text.replace("<!--", r"<\!--")


def _style(files: _Files, path: Path, text: str, where: str, above: tuple[Path, ...]) -> str:
    """Return a style sheet with the files that it refers to.

    Args:
        files: The files of the page.
        path: The file with the style sheet: references are relative to it.
        text: The style sheet.
        where: Its place, for messages.
        above: The style sheets that import it, and itself.
    """
    text = _CSS_COMMENT.sub(" ", text)
    included = len(above) > 1

    def imported(match: re.Match[str]) -> str:
        nonlocal included
        reference = next(match[name] for name in ("a", "b", "c", "d", "e") if match[name] is not None)
        conditions = match["conditions"].strip()
        if _kind(reference) == "remote":
            files.remote(reference, "resourceDomains", where)
            if included:
                files.problems.append(
                    f"{where} imports `{reference:.200}` after an included style sheet: import it first"
                )
        if _kind(reference) != "local":
            return match[0]
        included = True
        found = files.file(reference, path.parent, where)
        inner = None if found is None else _text(files, *found)
        if found is None or inner is None:
            return match[0]
        if found[0] in above:
            files.problems.append(f"{where} imports `{reference}`, which imports it")
            return match[0]
        if re.match(r"(layer|supports)\b", conditions, re.IGNORECASE):
            files.problems.append(f"{where} imports `{reference}` with `{conditions}`: write that into the file itself")
            return match[0]
        inner = _style(files, found[0], inner, f"`{files.label(found[0])}`", (*above, found[0]))
        return f"@media {conditions} {{\n{inner}\n}}" if conditions else f"{inner}\n"

    def replaced(match: re.Match[str]) -> str:
        reference = next(match[name] for name in ("a", "b", "c") if match[name] is not None)
        if _kind(reference) == "remote":
            files.remote(reference, "resourceDomains", where)
        found = files.file(reference, path.parent, where) if _kind(reference) == "local" else None
        if found is None:
            return match[0]
        part = urlsplit(reference).fragment
        return f'url("{_data_url(*found)}{f"#{part}" if part else ""}")'

    pieces, at = [], 0
    for match in _CSS_IMPORT.finditer(text):
        pieces += [_CSS_URL.sub(replaced, text[at : match.start()]), imported(match)]
        at = match.end()
    pieces.append(_CSS_URL.sub(replaced, text[at:]))
    return re.sub(r"</(?=style)", r"<\\/", "".join(pieces), flags=re.IGNORECASE)


@dataclass(frozen=True)
class BundledPage:
    """Page with everything that it includes.

    Attributes:
        html: The page.
        files: The page and the files that it includes, sorted.
    """

    html: str
    files: tuple[Path, ...]


def bundled(
    root: Path, page: str, csp: Mapping[str, Iterable[str]] | None = None
) -> tuple[BundledPage | None, list[str]]:
    """Return a page with everything that it includes, or None; and a sentence about each mistake.

    Args:
        root: The folder of the project.
        page: The path of the page, relative to it.
        csp: The `csp` of the app: it has the origins of references to other servers. None to check none of them.
    """
    root = root.resolve()
    try:
        path = (root / page).resolve()
    except (OSError, ValueError, RuntimeError):
        return None, [f"`{page:.200}` is not a path of a file"]
    if not path.is_relative_to(root) or Path(page).is_absolute():
        return None, [f"`{page:.200}` leads out of the project: pages are named by their path in the project"]
    files = _Files(root, path.parent, csp)
    found = files.file(path.name, path.parent, "the app") if path.is_file() else None
    if found is None:
        return None, files.problems or [f"`{page:.200}` does not exist: pages are named by their path in the project"]
    text = _text(files, *found)
    if text is None:
        return None, files.problems
    if not _DOCTYPE.match(text):
        files.problems.append(f"`{page}` does not begin with `<!doctype html>`: hosts show HTML5 documents")
    parser = _Page(files, path, text)
    parser.feed(text)
    parser.close()
    html = _edited(text, parser)
    size = max(files.size, len(html.encode()))
    if size > MOST_BYTES:
        files.problems.append(f"`{page}` has {size:,} bytes with its files; a page can have {MOST_BYTES:,}")
    problems = list(dict.fromkeys(files.problems))
    return (None if problems else BundledPage(html, tuple(sorted(files.read)))), problems


def _edited(text: str, parser: _Page) -> str:
    pieces, at = [], 0
    for begin, end, replacement in sorted(parser.edits):
        pieces += [text[at:begin], replacement]
        at = end
    html = "".join([*pieces, text[at:]])
    if parser.deferred:
        scripts = "\n".join(parser.deferred)
        end_tags = list(re.finditer(r"</body\s*>", html, re.IGNORECASE))
        at = end_tags[-1].start() if end_tags else len(html)
        html = f"{html[:at]}{scripts}\n{html[at:]}"
    return html


def named_pages(root: Path, sources: Iterable[Path]) -> dict[str, Path]:
    """Return the pages that sources name in string literals: path in the project -> file, sorted.

    Args:
        root: The folder of the project.
        sources: The source files.
    """
    found: dict[str, Path] = {}
    for source in sources:
        try:
            text = source.read_bytes()
        except OSError:
            continue
        for match in _LITERAL.finditer(text):
            name = match[1].decode()
            path = root / name
            if path.is_file() and path.resolve().is_relative_to(root.resolve()):
                found[name] = path
    return dict(sorted(found.items()))


def declared_apps(sources: Iterable[Path], pages: Iterable[str]) -> list[str]:
    """Return the pages that sources in any language declare apps with: `app("ui/page.html"`."""
    text = b"\n".join(source.read_bytes() for source in sources if source.is_file())
    return [page for page in pages if re.search(rb"\bapp\(\s*[\"']" + re.escape(page.encode()) + rb"[\"']", text)]


def files_of(root: Path, pages: Iterable[str]) -> tuple[Path, ...]:
    """Return the files of pages, sorted; of pages with mistakes only those that were read."""
    return tuple(sorted({file for page in pages for file in _files_of(root, page)}))


def _files_of(root: Path, page: str) -> Iterator[Path]:
    found, _ = bundled(root, page)
    yield from (root / page,) if found is None else (root / file.relative_to(root.resolve()) for file in found.files)
