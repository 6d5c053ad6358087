"""Apps in the playground, in headless Chromium: the bridge, the sandbox, its policy, and changes of the page.

Slow: it builds a component in Python.
"""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.npm_packages import PLAYWRIGHT, chromium, installed, node
from support.projects import project_files, write_project
from support.server_processes import Development

from wasmcp.playground.application import sandbox_policy

EXT_APPS = "@modelcontextprotocol/ext-apps@1.0.1"
SUPPORT = Path(__file__).parents[1] / "support"

SOURCE = '''\
"""Shop."""

from wasmcp.guest import app, resource, tool

ui = app("ui/page.html", uri="ui://shop/cart", permissions=["clipboardWrite"])


@tool(ui=ui)
def cart(user: str) -> str:
    """Return the cart of a user."""
    return f"the cart of {user}"


@tool(visibility=["app"])
def refresh(count: int) -> int:
    """Return the number of things."""
    return count + 1


@tool(visibility=["model"])
def hidden() -> str:
    """Be called by models only."""
    return "for models"


official_ui = app("ui/official.html", uri="ui://shop/official", prefers_border=False)


@tool(ui=official_ui)
def official(user: str) -> str:
    """Show the page with the library of the extension."""
    return f"for {user}"


@resource("notes://first")
def first() -> str:
    """Return a note."""
    return "a note"
'''
TABLES = """\
[tool.wasmcp.components.shop]
source = "src/shop/code.py"
[tool.wasmcp.components.shop.grants]
apps = ["clipboard-write"]

[tool.wasmcp.servers.default]
components = ["shop"]
"""
PAGE = """\
<!doctype html>
<meta charset="utf-8">
<link rel="stylesheet" href="page.css">
<h1>The cart</h1>
<pre id="input"></pre><pre id="result"></pre><pre id="host"></pre><pre id="origin"></pre><pre id="theme"></pre>
<div id="actions"></div>
<script src="page.js"></script>
"""
STYLE = "#result { color: rgb(1, 2, 3) } body { min-height: 400px }"
SCRIPT = """\
const at = (id) => document.getElementById(id);
const waiting = new Map();
let last = 0;
function send(method, params) {
  last += 1;
  parent.postMessage({ jsonrpc: "2.0", id: last, method, params }, "*");
  return new Promise((resolve, reject) => waiting.set(last, { resolve, reject }));
}
const notify = (method, params) => parent.postMessage({ jsonrpc: "2.0", method, params }, "*");
addEventListener("message", ({ data, source }) => {
  if (source !== parent) return;
  if (data.method === "ui/resource-teardown") parent.postMessage({ jsonrpc: "2.0", id: data.id, result: {} }, "*");
  else if (data.method === "ui/notifications/tool-input") at("input").textContent = JSON.stringify(data.params);
  else if (data.method === "ui/notifications/tool-result") at("result").textContent = data.params.content[0].text;
  else if (data.method === "ui/notifications/host-context-changed") at("theme").textContent = data.params.theme;
  else if (data.error) waiting.get(data.id).reject(new Error(`${data.error.code} ${data.error.message}`));
  else waiting.get(data.id).resolve(data.result);
});
const actions = {
  refresh: async () => (await send("tools/call", { name: "refresh", arguments: { count: 2 } })).content[0].text,
  hidden: () => send("tools/call", { name: "hidden", arguments: {} }),
  none: () => send("tools/call", { name: "none" }),
  read: () => send("resources/read", { uri: "notes://first" }).then((found) => found.contents[0].text),
  unknown: () => send("ui/teleport", {}),
  fetch: () => fetch("OTHER/fetched").then(() => "reached"),
  own: () => fetch("/mcp", { method: "POST" }).then(() => "reached"),
  image: () => new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve("reached");
    image.onerror = () => resolve("blocked");
    image.src = "OTHER/image.png";
  }),
  parent: async () => parent.document.title,
  link: () => send("ui/open-link", { url: "https://example.com/shop" }),
  script: () => send("ui/open-link", { url: "javascript:alert(1)" }),
  leave: async () => { location.href = "OTHER/left"; },
};
for (const [name, act] of Object.entries(actions)) {
  const button = Object.assign(document.createElement("button"), { id: `do-${name}`, textContent: name });
  const found = Object.assign(document.createElement("span"), { id: `of-${name}` });
  button.onclick = () => act().then(
    (value) => { found.textContent = typeof value === "string" ? value : JSON.stringify(value); },
    (error) => { found.textContent = `error ${error.message}`; },
  );
  at("actions").append(button, found);
}
at("origin").textContent = `${origin} ${document.readyState}`;
const appInfo = { name: "cart", version: "1" };
send("ui/initialize", { protocolVersion: "2026-01-26", appInfo, appCapabilities: {} }).then((found) => {
  at("host").textContent = JSON.stringify(found);
  notify("ui/notifications/initialized", {});
  notify("notifications/message", { level: "info", data: "ready <b>" });
  notify("ui/notifications/size-changed", { width: 300, height: 420 });
});
"""


OFFICIAL = """\
const shown = (id, value) => { document.getElementById(id).textContent = value; };
const app = new App({ name: "official", version: "1" });
app.ontoolinput = (params) => shown("input", JSON.stringify(params.arguments));
app.ontoolresult = async (result) => {
  shown("result", result.content[0].text);
  const again = await app.callServerTool({ name: "refresh", arguments: { count: 4 } });
  shown("called", again.content[0].text);
};
await app.connect();
shown("host", `${app.getHostVersion().name} ${app.getHostContext().theme}`);
"""


def official_script() -> str:
    """Return the script of a page with the library `@modelcontextprotocol/ext-apps`, whose module is put in front."""
    library = installed(EXT_APPS) / "node_modules/@modelcontextprotocol/ext-apps/dist/src/app-with-deps.js"
    text = library.read_text("utf-8")
    (name,) = re.findall(r"[{,](\S+) as App[,}]", text)
    text = re.sub(r"export\s*\{[^}]*\};?\s*$", "", text.rstrip())
    return f"{text}\nconst App = {name};\n{OFFICIAL}"


@pytest.fixture(scope="module")
def browser() -> str:
    """Return the program of Chromium."""
    return chromium("apps in the playground are")


class Other(http.server.BaseHTTPRequestHandler):
    """Server that records the paths of requests."""

    paths: list[str] = []  # noqa: RUF012 - of one test

    def do_GET(self) -> None:
        self.paths.append(self.path)
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def seen(browser: str, other: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what the page and the app showed."""
    root = write_project(tmp_path_factory.mktemp("shop"), project_files("shop", {"src/shop/code.py": SOURCE}, TABLES))
    (root / "ui").mkdir()
    pages = {
        "page.html": PAGE,
        "page.css": STYLE,
        "page.js": SCRIPT.replace("OTHER", other),
        "official.html": PAGE.replace('src="page.js"', 'type="module" src="official.js"') + '<pre id="called"></pre>',
        "official.js": official_script(),
    }
    for name, text in pages.items():
        (root / "ui" / name).write_text(text, "utf-8")
    folder = installed(PLAYWRIGHT)
    script = folder / "playground_app.mjs"
    script.write_text((SUPPORT / script.name).read_text("utf-8"), "utf-8")
    with Development(root) as started:
        command = [node(), str(script), browser, started.url(240), str(root / "ui" / "page.html"), other]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestApp:
    def test_app_gets_the_call_and_its_host(self, seen: dict[str, Any]) -> None:
        assert seen["errors"] == []
        assert json.loads(seen["input"]) == {"arguments": {"user": "Ada"}}
        assert seen["result"] == "the cart of Ada"
        host = seen["host"]
        assert host["protocolVersion"] == "2026-01-26"
        assert host["hostContext"]["toolInfo"]["tool"]["name"] == "cart"
        assert host["hostCapabilities"]["sandbox"] == {"csp": {}, "permissions": {"clipboardWrite": {}}}
        assert seen["color"] == "rgb(1, 2, 3)"
        assert 400 <= seen["height"] <= 440
        assert seen["facts"] == "no other servers; permissions: clipboardWrite"

    def test_app_calls_tools_and_reads_resources(self, seen: dict[str, Any]) -> None:
        assert seen["refresh"] == "3"
        assert seen["read"] == "a note"
        assert seen["hidden"] == "error -32000 the tool hidden is not for apps"
        assert seen["none"] == "error -32602 the server has no tool none"
        assert seen["unknown"].startswith("error -32601")

    def test_app_is_in_a_sandbox(self, seen: dict[str, Any]) -> None:
        assert (seen["sandbox"], seen["allow"]) == ("allow-scripts", "clipboard-write")
        assert seen["origin"].startswith("null")
        assert seen["fetch"].startswith("error ")
        assert seen["own"].startswith("error ")
        assert seen["image"] == "blocked"
        assert seen["parent"].startswith("error ")
        assert [path for path in Other.paths if path != "/left"] == []

    def test_links_are_opened_by_the_user(self, seen: dict[str, Any]) -> None:
        assert seen["link"] == "https://example.com/shop"
        assert seen["script"].startswith("error -32000 only http")

    def test_change_of_the_page_is_shown(self, seen: dict[str, Any]) -> None:
        assert seen["reloaded"] == "the cart of Ada"

    def test_app_that_leaves_its_page_is_closed(self, seen: dict[str, Any]) -> None:
        assert seen["left"] == "the app was closed: it left its page"
        assert seen["frames"] == 0
        assert "info: ready <b>" in seen["log"]
        assert "tools/call" in seen["log"]

    def test_page_with_the_library_of_the_extension(self, seen: dict[str, Any]) -> None:
        assert json.loads(seen["official_input"]) == {"user": "Grace"}
        assert seen["official_result"] == "for Grace"
        assert seen["official_called"] == "5"
        assert seen["official_host"].startswith("wasmcp-playground ")

    def test_tool_without_an_app(self, seen: dict[str, Any]) -> None:
        assert seen["plain"] == 0


def test_policy_of_a_sandbox() -> None:
    strict = sandbox_policy("{}")
    assert strict is not None
    for part in (
        "default-src 'none'",
        "connect-src 'none'",
        "frame-src 'none'",
        "base-uri 'none'",
        "object-src 'none'",
    ):
        assert f"{part};" in strict
    assert strict.endswith("sandbox allow-scripts")
    assert "'self'" not in strict.replace("frame-ancestors 'self'", "")
    wide = sandbox_policy(
        '{"connectDomains":["wss://a.b"],"resourceDomains":["https://*.c.d"],"frameDomains":["https://e.f"],'
        '"baseUriDomains":["https://g.h"]}'
    )
    assert wide is not None
    for part in (
        "connect-src wss://a.b;",
        "script-src 'unsafe-inline' https://*.c.d;",
        "img-src data: https://*.c.d;",
        "frame-src https://e.f;",
        "base-uri https://g.h;",
    ):
        assert part in wide


@pytest.mark.parametrize(
    "csp",
    ["", "[", "[]", "1", '{"connectDomains":["https://a.b; script-src *"]}', '{"connectDomains":["*"]}', '{"x":[]}',
     '{"connectDomains":{}}', "[" * 5000],
)  # fmt: skip
def test_invalid_policy_is_refused(csp: str) -> None:
    assert sandbox_policy(csp) is None
