"""Apps of a project: pages with their files in one, and every mistake at once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from support.projects import project_files, write_project

from wasmcp.app_pages import MOST_FILES, bundled, declared_apps, files_of, named_pages
from wasmcp.errors import AppsError, ComponentsError, ToolchainError, WasmcpError
from wasmcp.host import open_server
from wasmcp.project import ensure_built, load, plan, resolve
from wasmcp.project.manifest import read, render_sbom
from wasmcp.protocol import APP_MIME_TYPE

HEAD = "<!doctype html>\n"


def files(root: Path, contents: dict[str, str | bytes]) -> Path:
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def made(root: Path, page: str = "ui/page.html", **csp: list[str]) -> str:
    found, problems = bundled(root, page, csp)
    assert problems == []
    assert found is not None
    return found.html.removeprefix(HEAD)


def mistakes(root: Path, page: str = "ui/page.html", **csp: list[str]) -> str:
    found, problems = bundled(root, page, csp)
    assert found is None
    return "\n".join(problems)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p>plain &amp; <a href=x.html>link</a>", "<p>plain &amp; <a href=x.html>link</a>"),
        ('<script src="a.js"></script>', "<script>run(1)</script>"),
        ('<SCRIPT SRC="a.js" CROSSORIGIN></SCRIPT >', "<script>run(1)</script>"),
        ('<script src="./a.js" id="x&amp;y" type="text/javascript"> </script>',
         '<script id="x&amp;y" type="text/javascript">run(1)</script>'),
        ('<script type="module" src="a.js"></script>', '<script type="module">run(1)</script>'),
        ("<script src='sub%20dir/b.js?v=1'></script>", '<script>"<\\/script><\\!--"</script>'),
        ("<body><script defer src=a.js></script><p></body>", "<body><p><script>run(1)</script>\n</body>"),
        ("<script async src=a.js></script><p>", "<p><script>run(1)</script>\n"),
        ('<link rel=stylesheet href="s.css" media="print">',
         '<style media="print">@media screen {\np{x:y}\n}a{b:url("data:image/png;base64,UA==")}</style>'),
        ('<link rel="preconnect" href="https://a.b"><link rel=icon href="i.png">',
         '<link rel="preconnect" href="https://a.b"><link rel="icon" href="data:image/png;base64,UA==">'),
        ('<img alt="a>b" src="i.png"/>', '<img alt="a&gt;b" src="data:image/png;base64,UA==" />'),
        ('<img srcset="i.png 1x, i.png 2x">',
         '<img srcset="data:image/png;base64,UA== 1x, data:image/png;base64,UA== 2x">'),
        ("<style>a{b:url( i.png )}</style>", '<style>a{b:url("data:image/png;base64,UA==")}</style>'),
        ('<p style="b:url(i.png#x)">', '<p style="b:url(&quot;data:image/png;base64,UA==#x&quot;)">'),
        ("<style>a{b:url(f.woff2)}</style>", '<style>a{b:url("data:font/woff2;base64,Rg==")}</style>'),
        ('<svg><use href="#a"/></svg><img src="data:,x"><img src="">', None),
        ("<script>let s = '<script src=gone.js>'</script><!-- <img src=gone.png> -->", None),
        ("<style>/* url(gone.png) */</style>", "<style> </style>"),
        ("<script type='module'>import('x'); const import_ = './y'</script>", None),
    ],
)  # fmt: skip
def test_files_are_included(tmp_path: Path, page: str, expected: str | None) -> None:
    files(
        tmp_path,
        {
            "ui/page.html": HEAD + page,
            "ui/a.js": "run(1)",
            "ui/sub dir/b.js": '"</script><!--"',
            "ui/s.css": '@import "t.css" screen;a{b:url(i.png)}',
            "ui/t.css": "p{x:y}",
            "ui/i.png": b"P",
            "ui/f.woff2": b"F",
        },
    )
    assert made(tmp_path) == (page if expected is None else expected)


def test_lines_and_columns_of_replaced_parts(tmp_path: Path) -> None:
    text = "<p>é🙂\r\n</p>\r\n\u2028<img src=i.png> <img src=i.png>\r<img src=i.png>\n<img src=i.png>"
    files(tmp_path, {"ui/page.html": HEAD + text, "ui/i.png": b"P"})
    assert made(tmp_path) == text.replace("<img src=i.png>", '<img src="data:image/png;base64,UA==">')


@pytest.mark.parametrize(
    ("page", "csp", "problem"),
    [
        ("<script src=https://cdn.example/x.js></script>", {}, "add `https://cdn.example` to `resourceDomains`"),
        ("<script src=//a.example/x.js></script>", {"resourceDomains": ["http://a.example"]}, "`https://a.example`"),
        ("<img src=https://a.b.example/x>", {"resourceDomains": ["https://*.example", "https://*.b.example"]}, ""),
        ("<img src=https://example/x>", {"resourceDomains": ["https://*.example"]}, "add `https://example`"),
        ("<img src=https://a.example:8443/x>", {"resourceDomains": ["https://a.example:*"]}, ""),
        ("<link rel=stylesheet href=http://a.example/x>", {"resourceDomains": ["http://a.example"]}, ""),
        ("<style>@import 'https://a.example/x.css';</style>", {}, "(line 2) refers to `https://a.example/x.css`"),
        ("<iframe src=https://a.example></iframe>", {"resourceDomains": ["https://a.example"]}, "to `frameDomains`"),
        ("<iframe src=https://a.example></iframe>", {"frameDomains": ["https://a.example"]}, ""),
        ("<base href=https://a.example/>", {}, "to `baseUriDomains`"),
        ("<base href=https://a.example/>", {"baseUriDomains": ["https://a.example"]}, ""),
    ],
)  # fmt: skip
def test_references_to_other_servers_need_their_origin(
    tmp_path: Path, page: str, csp: dict[str, list[str]], problem: str
) -> None:
    files(tmp_path, {"ui/page.html": HEAD + page})
    found, problems = bundled(tmp_path, "ui/page.html", csp)
    assert (found is None, bool(problems)) == (bool(problem), bool(problem))
    assert problem in "".join(problems)
    assert bundled(tmp_path, "ui/page.html")[1] == []


def test_every_mistake_of_a_page(tmp_path: Path) -> None:
    page = """<base href="/x"><script src="gone.js"></script>
<img src="../secret.png"><img src="/etc/passwd"><img src="link.png">
<iframe src="page.html"></iframe><object data="a.css"></object>
<script type="module" src="m.js"></script><link rel="preload" href="a.css">
<script type="text/babel" src="m.js"></script><link rel=stylesheet href=a.css><link rel=stylesheet href=bad.css>
"""
    files(
        tmp_path,
        {
            "ui/page.html": page,
            "ui/m.js": 'import {x} from "./other.js";\nawait import("./later.js");\n// import z from "./no.js"',
            "ui/a.css": '@import "b.css"; @import "a.css" layer(x);',
            "ui/b.css": "@import 'a.css'; @import url(https://a.example/x.css);",
            "ui/bad.css": b"\xff",
            "secret.png": b"",
        },
    )
    (tmp_path / "ui/link.png").symlink_to(tmp_path / "secret.png")
    text = mistakes(tmp_path)
    for part in (
        "`ui/page.html` does not begin with `<!doctype html>`",
        "`ui/page.html` (line 1) has a `<base>`",
        "`ui/page.html` (line 1) refers to `gone.js`, which does not exist",
        "(line 2) refers to `../secret.png`, which leads out of the folder of the page, `ui`",
        "(line 2) refers to `/etc/passwd`: write a path that is relative",
        "(line 2) refers to `link.png`, which leads out of the folder",
        "(line 3) has an `<iframe>` of `page.html`",
        "(line 3) has `<object>` with `a.css`",
        "`ui/m.js` imports `./other.js`",
        "`ui/m.js` imports `./later.js`",
        '(line 4) has `<link rel="preload">` of `a.css`',
        "`<script src>` of the type `text/babel`",
        "`ui/b.css` imports `a.css`, which imports it",
        "`ui/b.css` imports `https://a.example/x.css` after an included style sheet",
        "`ui/bad.css` is not UTF-8 (byte 0)",
    ):
        assert part in text, part
    assert "no.js" not in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("gone.html", "`gone.html` does not exist: pages are named by their path in the project"),
        ("../outside.html", "leads out of the project"),
        ("/etc/hosts.html", "leads out of the project"),
        ("a\0b.html", "is not a path"),
        ("ui", "`ui` does not exist"),
    ],
)
def test_page_that_is_no_file_of_the_project(tmp_path: Path, page: str, problem: str) -> None:
    (tmp_path / "ui").mkdir()
    assert problem in mistakes(tmp_path, page)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = "".join(f"<img src={n}.png>" for n in range(MOST_FILES + 1))
    files(tmp_path, {"ui/page.html": HEAD + many, **{f"ui/{n}.png": b"x" for n in range(MOST_FILES + 1)}})
    assert f"a page can have {MOST_FILES}" in mistakes(tmp_path)
    monkeypatch.setattr("wasmcp.app_pages.MOST_BYTES", 1000)
    files(tmp_path, {"ui/page.html": HEAD + "<img src=large.png>", "ui/large.png": b"x" * 1001})
    assert "which has 1,001 bytes; a page can have 1,000" in mistakes(tmp_path)
    files(tmp_path, {"ui/page.html": HEAD + "<img src=0.png>" * 40})
    assert "`ui/page.html` has 1," in mistakes(tmp_path)


def test_pages_that_sources_name(tmp_path: Path) -> None:
    files(
        tmp_path,
        {
            "a.py": "ui = app('ui/page.html')\nother = app(\"ui/gone.html\")\nx = 'ui/notes.txt'",
            "b.rs": 'const UI: App = app("ui/other.htm");',
            "ui/page.html": HEAD + "<script src=a.js></script>",
            "ui/other.htm": HEAD + "<script src=gone.js></script>",
            "ui/a.js": "",
        },
    )
    pages = named_pages(tmp_path, [tmp_path / "a.py", tmp_path / "b.rs", tmp_path / "gone.py"])
    assert list(pages) == ["ui/other.htm", "ui/page.html"]
    labels = [path.relative_to(tmp_path).as_posix() for path in files_of(tmp_path, pages)]
    assert labels == ["ui/a.js", "ui/other.htm", "ui/page.html"]


@pytest.mark.parametrize("name", ["a.ts", "a.zig", "a.rs"])
def test_apps_that_sources_declare(tmp_path: Path, name: str) -> None:
    text = 'const ui = app(\n    "ui/page.html", x);\nconst other = "ui/other.html"; // snap("ui/other.html")'
    files(tmp_path, {name: text, "ui/page.html": HEAD, "ui/other.html": HEAD})
    pages = named_pages(tmp_path, [tmp_path / name])
    assert declared_apps([tmp_path / name, tmp_path / "gone"], pages) == ["ui/page.html"]


def test_dynamic_component_with_an_app_is_refused(tmp_path: Path) -> None:
    table = '[tool.wasmcp.components.shop]\nsource = "src/shop.zig"\ndynamic = true\ngrants = ["middleware"]\n'
    table += "[tool.wasmcp.servers.default]\n"
    zig = 'const mcp = @import("wasmcp");\nconst ui = mcp.app("ui/page.html", .{});\npub const resources = .{ui};\n'
    root = write_project(tmp_path, project_files("apps", {"src/shop.zig": zig}, table + 'components = ["shop"]\n'))
    files(root, {"ui/page.html": HEAD})
    with pytest.raises(AppsError, match=r"the app of `ui/page\.html` in `shop` \(`src/shop\.zig`\) cannot"):
        plan(resolve(load(root)))


SOURCE = '''\
from wasmcp.guest import Csp, app, tool

ui = app(
    "ui/page.html",
    uri="ui://shop/cart",
    title="Cart",
    csp=Csp(connect_domains=["https://api.example.com"]),
    permissions=["geolocation"],
    prefers_border=False,
)


@tool(ui=ui)
def cart(user: str) -> str:
    """Return the cart of a user."""
    return f"the cart of {user}"


@tool(ui=ui, visibility=["app"])
def refresh() -> str:
    """Return what changed."""
    return "nothing"
'''
TABLES = """\
[tool.wasmcp.components.shop]
source = "src/apps/shop.py"
[tool.wasmcp.components.shop.grants]
apps = ["connect:https://api.example.com", "geolocation"]

[tool.wasmcp.servers.default]
components = ["shop"]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_project(tmp_path_factory.mktemp("apps"), project_files("apps", {"src/apps/shop.py": SOURCE}, TABLES))
    page = HEAD + "<title>Cart</title><script src=cart.js></script>"
    return files(root, {"ui/page.html": page, "ui/cart.js": "show(1)"})


@pytest.mark.slow
def test_app_of_a_python_component(project: Path, tmp_path: Path) -> None:
    ui = {
        "csp": {"connectDomains": ["https://api.example.com"]},
        "permissions": {"geolocation": {}},
        "prefersBorder": False,
    }
    file = ensure_built(project)
    with open_server(file) as server:
        tools = {one["name"]: one["_meta"]["ui"] for one in server.request("tools/list")["tools"]}
        (resource,) = server.request("resources/list")["resources"]
        (content,) = server.request("resources/read", {"uri": "ui://shop/cart"})["contents"]
        assert server.call_tool("cart", {"user": "Ada"}).text == "the cart of Ada"
    shown = {"resourceUri": "ui://shop/cart"}
    assert tools == {"cart": shown, "refresh": {**shown, "visibility": ["app"]}}
    html = HEAD + "<title>Cart</title><script>show(1)</script>"
    assert content == {"uri": "ui://shop/cart", "mimeType": APP_MIME_TYPE, "text": html, "_meta": {"ui": ui}}
    assert resource == {
        "uri": "ui://shop/cart",
        "name": "page.html",
        "title": "Cart",
        "mimeType": APP_MIME_TYPE,
        "size": len(html),
        "_meta": {"ui": ui},
    }
    entry = read(load(project).manifest)["default"]
    (recorded,) = entry["apps"]
    (listed,) = (
        one for one in json.loads(render_sbom("shop", "default", entry, {}))["components"] if one["type"] == "data"
    )
    assert (listed["name"], listed["bom-ref"]) == ("ui://shop/cart", "app:ui://shop/cart")
    assert listed["hashes"][0]["content"] == recorded["digest"].removeprefix("sha256:")
    assert {"name": "wasmcp:needs", "value": "geolocation"} in listed["properties"]
    assert (recorded["owner"], recorded["tools"]) == ("shop", ["cart", "refresh"])

    before = plan(resolve(load(project))).servers["default"]
    (project / "ui/cart.js").write_text("show(2)")
    after = plan(resolve(load(project))).servers["default"]
    assert before.inputs != after.inputs
    assert before.components[0].inputs == after.components[0].inputs  # nothing is compiled
    with open_server(ensure_built(project)) as server:
        assert "show(2)" in server.request("resources/read", {"uri": "ui://shop/cart"})["contents"][0]["text"]

    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"ui/page.html", "ui/cart.js"} <= names

    (project / "ui/page.html").write_text("<script src=gone.js></script><img src=https://other.example/x.png>")
    with pytest.raises(WasmcpError) as raised:
        ensure_built(project)
    text = str(raised.value)
    assert isinstance(raised.value, (AppsError, ComponentsError))
    assert "the app `ui://shop/cart` of `shop`: `ui/page.html` does not begin with `<!doctype html>`" in text
    assert "`ui/page.html` (line 1) refers to `gone.js`, which does not exist" in text
    assert "add `https://other.example` to `resourceDomains`" in text


def test_development_build_gets_the_pages(project: Path) -> None:
    from wasmcp.toolchains import development_toolchain

    found: Any = resolve(load(project)).components["shop"]
    tools = development_toolchain("python")
    assert tools is not None
    files(project, {"ui/page.html": HEAD + "<script src=cart.js></script>", "ui/cart.js": "show(3)"})
    text = tools.modules(found.source, cache=project / ".cache", progress=print)
    assert "<script>show(3)</script>" in text
    files(project, {"ui/page.html": HEAD + "<script src=gone.js></script>"})
    with pytest.raises(ToolchainError, match="refers to `gone"):
        tools.modules(found.source, cache=project / ".cache", progress=print)


GUIDE = (Path(__file__).parents[2] / "docs/guides/apps.md").read_text("utf-8")


def block(language: str) -> str:
    """Return the first code of the guide in a language."""
    found = re.search(rf"^```{language}\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def test_guide(tmp_path: Path) -> None:
    tables = (
        '[tool.wasmcp.components.weather]\nsource = "zig/weather.zig"\n'
        f'{block("toml")}\n[tool.wasmcp.servers.default]\ncomponents = ["weather"]\n'
    )
    root = write_project(tmp_path, project_files("forecasts", {"zig/weather.zig": block("zig")}, tables))
    files(root, {"ui/weather.html": block("html"), "ui/weather.js": block("js"), "ui/weather.css": "ul { margin: 0 }"})
    with open_server(ensure_built(root)) as server:
        tools = {one["name"]: one["_meta"]["ui"] for one in server.request("tools/list")["tools"]}
        (content,) = server.request("resources/read", {"uri": "ui://ui/weather.html"})["contents"]
    shown = {"resourceUri": "ui://ui/weather.html"}
    assert tools == {"forecast": shown, "refresh": {**shown, "visibility": ["app"]}}
    assert content["_meta"]["ui"] == {
        "csp": {"connectDomains": ["https://api.weather.gov"]},
        "permissions": {"geolocation": {}},
        "prefersBorder": True,
    }
    assert f'<script type="module">{block("js")}</script>' in content["text"]
    assert "<style>ul { margin: 0 }</style>" in content["text"]
    command = [sys.executable, "-m", "wasmcp", "inspect", str(load(root).manifest.with_name("default.wasm"))]
    inspected = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    documented = re.search(r"^apps and their needs:\n  ui://.*$", GUIDE, re.MULTILINE)
    assert documented is not None
    pattern = re.escape(documented[0]).replace(re.escape("1,204"), r"[\d,]+")
    assert re.search(pattern, inspected), inspected

    source = root / "zig/weather.zig"
    source.write_text(source.read_text("utf-8").replace("&.{.geolocation}", "&.{ .geolocation, .camera }"), "utf-8")
    with pytest.raises(AppsError) as raised:
        ensure_built(root)
    refusal = re.search(r"^the app `ui://ui/weather.html` of .*?(?=\n```)", GUIDE, re.DOTALL | re.MULTILINE)
    assert refusal is not None
    assert " ".join(refusal[0].split()) in " ".join(str(raised.value).split())
