// Apps of tools: pages in sandboxed frames, and their host. Specification: extension io.modelcontextprotocol/ui, 2026-01-26.

import { el } from "./forms.js";
import { request } from "./protocol.js";
import { callTool } from "./tasks.js";

const VERSION = "2026-01-26";
const MIME_TYPE = "text/html;profile=mcp-app";
const FEATURES = { camera: "camera", microphone: "microphone", geolocation: "geolocation", clipboardWrite: "clipboard-write" };
const MOST_ENTRIES = 200;
const MOST_CALLS = 16;
const TALLEST = 800; // pixels
const LOADS = 2; // of a frame: the sandbox, and the page that is written into it
const TEARDOWN = 500; // milliseconds
const dark = matchMedia("(prefers-color-scheme: dark)");
const open = new Set();

dark.addEventListener("change", () => {
  for (const app of open) app.notify("ui/notifications/host-context-changed", { theme: theme() });
});

const theme = () => (dark.matches ? "dark" : "light");

/** Return the URI of the app that shows the results of a tool. */
export const appOf = (tool) => tool._meta?.ui?.resourceUri ?? tool._meta?.["ui/resourceUri"];

/** Read the pages of all open apps again, after a reload of the server. */
export function reloadApps() {
  for (const app of open) app.start();
}

/**
 * Return an element with the app of a tool.
 *
 * @param {object} tool the tool
 * @param {object} given the arguments of the call
 * @param {object} result its result
 * @param {object} context `tools` returns the tools of the server; `answer` returns the user's results of requests.
 */
export function drawApp(tool, given, result, context) {
  const app = new App(tool, given, result, context);
  open.add(app);
  app.start();
  return app.element;
}

class HostError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

class App {
  constructor(tool, given, result, context) {
    this.tool = tool;
    this.given = given;
    this.result = result;
    this.context = context;
    this.calls = 0;
    this.last = 0;
    this.round = 0;
    this.waiting = new Map();
    this.place = el("div", { class: "app" });
    this.facts = el("p", { class: "facts" });
    this.choices = el("div");
    this.log = el("ul", { class: "app-log" });
    const again = el("button", { type: "button", onclick: () => this.start() }, "Reload app");
    this.element = el("div", { class: "app-card" }, el("h3", {}, "App"), this.place, this.choices,
      el("div", { class: "row" }, again), this.facts, el("details", {}, el("summary", {}, "messages of the app"), this.log));
    this.listener = (event) => this.received(event);
    addEventListener("message", this.listener);
  }

  /** Read the page and show it, instead of the frame that is there. */
  async start() {
    this.round += 1;
    const round = this.round;
    await this.teardown();
    if (round !== this.round) return;
    let page;
    try {
      page = await this.read();
    } catch (error) {
      if (round === this.round) this.problem(`the page of the app cannot be read: ${error.message}`);
      return;
    }
    if (round !== this.round) return;
    const { html, ui } = page;
    this.ui = ui;
    this.html = html;
    this.isInitialized = false;
    this.loads = 0;
    const names = Object.keys(ui.permissions || {}).filter((name) => name in FEATURES);
    const origins = Object.entries(ui.csp || {}).filter(([, some]) => some.length);
    this.facts.replaceChildren(
      origins.length ? `other servers: ${origins.map(([name, some]) => `${name} ${some.join(", ")}`).join("; ")}` : "no other servers",
      names.length ? `; permissions: ${names.join(", ")}` : "; no permissions",
    );
    const csp = encodeURIComponent(JSON.stringify(ui.csp || {}));
    this.frame = el("iframe", {
      class: ui.prefersBorder === false ? "app-frame plain" : "app-frame", title: `app of ${this.tool.name}`,
      sandbox: "allow-scripts", allow: names.map((name) => FEATURES[name]).join("; "), referrerpolicy: "no-referrer",
      onload: () => this.loaded(), src: `/_playground/sandbox?csp=${csp}`,
    });
    this.place.replaceChildren(this.frame);
  }

  async read() {
    const found = await request("resources/read", { uri: appOf(this.tool) });
    const page = (found.contents || []).find((one) => one.mimeType === MIME_TYPE);
    if (!page) throw new Error(`the resource has no content of the type ${MIME_TYPE}`);
    const bytes = page.blob === undefined ? null : Uint8Array.from(atob(page.blob), (char) => char.charCodeAt(0));
    return { html: bytes ? new TextDecoder().decode(bytes) : page.text, ui: page._meta?.ui || {} };
  }

  loaded() {
    this.loads += 1;
    // If the page navigates its frame to another document, that document must not get the messages of the host.
    if (this.loads > LOADS) this.problem("the app was closed: it left its page");
  }

  problem(text) {
    this.frame = null;
    this.place.replaceChildren(el("p", { class: "problem" }, text));
  }

  /** Request that the app ends, and remove its frame. */
  async teardown() {
    if (this.frame && this.isInitialized) {
      const ended = this.request("ui/resource-teardown", { reason: "the page is loaded again" }).catch(() => {});
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, TEARDOWN))]);
    }
    this.frame?.remove();
    this.frame = null;
    this.waiting.clear();
  }

  send(message) {
    // The origin of a sandboxed frame is opaque, so that no other target can be named.
    this.frame?.contentWindow?.postMessage({ jsonrpc: "2.0", ...message }, "*");
  }

  notify(method, params) {
    if (this.isInitialized) this.send({ method, params });
  }

  request(method, params) {
    this.last += 1;
    const id = `host-${this.last}`;
    this.send({ id, method, params });
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  note(text) {
    if (this.log.childElementCount >= MOST_ENTRIES) this.log.firstElementChild.remove();
    this.log.append(el("li", {}, String(text).slice(0, 2000)));
  }

  async received(event) {
    if (!this.element.isConnected && this.frame) {
      this.end();
      return;
    }
    if (!this.frame || event.source !== this.frame.contentWindow) return;
    const message = event.data;
    if (typeof message !== "object" || message === null || message.jsonrpc !== "2.0") return;
    if (typeof message.method !== "string") {
      const waiting = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      if (message.error) waiting?.reject(new Error(String(message.error.message)));
      else waiting?.resolve(message.result);
      return;
    }
    const params = message.params ?? {};
    if (message.id === undefined) {
      this.notified(message.method, params);
      return;
    }
    const frame = this.frame;
    this.note(`${message.method} ${JSON.stringify(params)}`);
    let answer;
    try {
      answer = { result: await this.answered(message.method, params) };
    } catch (error) {
      const code = Number.isInteger(error.code) && error.code !== 0 ? error.code : -32000;
      answer = { error: { code, message: error.message, ...(error.data === undefined ? {} : { data: error.data }) } };
    }
    if (frame === this.frame) this.send({ id: message.id, ...answer });
  }

  notified(method, params) {
    if (method === "ui/notifications/sandbox-proxy-ready") {
      if (this.html !== null) this.send({ method: "ui/notifications/sandbox-resource-ready", params: { html: this.html } });
      this.html = null;
    } else if (method === "ui/notifications/initialized" && !this.isInitialized) {
      this.isInitialized = true;
      this.notify("ui/notifications/tool-input", { arguments: this.given });
      this.notify("ui/notifications/tool-result", this.result);
    } else if (method === "ui/notifications/size-changed") {
      const height = Number(params.height);
      if (Number.isFinite(height)) this.frame.style.height = `${Math.min(Math.max(height, 20), TALLEST)}px`;
    } else if (method === "notifications/message") {
      this.note(`${params.level}: ${typeof params.data === "string" ? params.data : JSON.stringify(params.data)}`);
    }
  }

  async answered(method, params) {
    if (method === "ui/initialize") return this.initialized();
    if (method === "ping") return {};
    if (method === "tools/call") return this.call(params);
    if (method === "resources/read") return request("resources/read", { uri: params.uri });
    if (method === "ui/open-link") return this.opened(params.url);
    if (method === "ui/message" || method === "ui/update-model-context") return {}; // shown among the messages
    if (method === "ui/request-display-mode") return { mode: "inline" };
    throw new HostError(-32601, `this host does not support ${method}`);
  }

  initialized() {
    return {
      protocolVersion: VERSION,
      hostInfo: { name: "wasmcp-playground", version: "1" },
      hostCapabilities: {
        openLinks: {}, serverTools: {}, serverResources: {}, logging: {},
        sandbox: { csp: this.ui.csp || {}, permissions: this.ui.permissions || {} },
      },
      hostContext: {
        toolInfo: { tool: this.tool }, theme: theme(), displayMode: "inline", availableDisplayModes: ["inline"],
        containerDimensions: { width: this.frame.clientWidth, maxHeight: TALLEST }, locale: navigator.language,
        timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone, userAgent: "wasmcp-playground", platform: "web",
      },
    };
  }

  async call(params) {
    const tool = this.context.tools().find((one) => one.name === params.name);
    if (!tool) throw new HostError(-32602, `the server has no tool ${params.name}`);
    if (!(tool._meta?.ui?.visibility ?? ["model", "app"]).includes("app")) {
      throw new HostError(-32000, `the tool ${params.name} is not for apps`);
    }
    if (this.calls >= MOST_CALLS) throw new HostError(-32000, `the app has ${MOST_CALLS} calls at once already`);
    this.calls += 1;
    try {
      const cancel = new AbortController();
      const answer = (wanted, signal = cancel.signal) => this.context.answer(wanted, this.choices, signal);
      const given = params.arguments ?? {};
      return await callTool({ name: tool.name, arguments: given }, { answer, schema: tool.inputSchema });
    } finally {
      this.calls -= 1;
    }
  }

  /** Let the user open a link: no page opens windows by itself. */
  opened(url) {
    if (!/^https?:\/\//i.test(String(url)) || !URL.canParse(url)) throw new HostError(-32000, "only http and https URLs are opened");
    return new Promise((resolve, reject) => {
      const end = () => card.remove();
      const link = el("a", { class: "button", href: url, target: "_blank", rel: "noopener noreferrer", onclick: () => {
        end();
        resolve({});
      } }, "Open");
      const decline = el("button", { type: "button", onclick: () => {
        end();
        reject(new HostError(-32000, "the user declined"));
      } }, "Decline");
      const card = el("div", { class: "card", role: "group", "aria-label": "The app requests to open a link" },
        el("p", {}, "The app requests to open a link:"), el("pre", {}, url), el("div", { class: "row" }, link, decline));
      this.choices.append(card);
    });
  }

  end() {
    removeEventListener("message", this.listener);
    open.delete(this);
    this.frame = null;
  }
}
