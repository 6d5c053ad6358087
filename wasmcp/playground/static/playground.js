// The playground: sections, calls, results of server-to-client requests, and the feed of events.

import { appOf, drawApp, reloadApps } from "./apps.js";
import { el, objectForm, python } from "./forms.js";
import { all, request, useToken } from "./protocol.js";
import { callTool, taskCard } from "./tasks.js";

const SECTIONS = [
  ["tools", "Tools"], ["resources", "Resources"], ["prompts", "Prompts"], ["structure", "Structure"],
  ["times", "Times"], ["messages", "Messages"],
];
const MOST_MESSAGES = 400;
const state = {
  section: "tools", chosen: {}, lists: { tools: [], resources: [], templates: [], prompts: [] }, calls: new Map(),
  messages: [], problems: [], owners: null,
};
const panels = {};
let refreshing = Promise.resolve();
let listening = null;

const at = (id) => document.getElementById(id);
const json = (value) => JSON.stringify(value, null, 2);
const shown = (milliseconds) => (milliseconds < 10 ? milliseconds.toFixed(1) : milliseconds.toFixed(0));

const duration = (seconds) => (seconds < 1 ? `${shown(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`);

// Sections

function buildTabs() {
  for (const [key, title] of SECTIONS) {
    at("tabs").append(
      el("button", {
        role: "tab", id: `tab-${key}`, "aria-controls": `panel-${key}`, type: "button",
        onclick: () => choose(key), onkeydown: (event) => moveTab(event, key),
      }, title),
    );
    panels[key] = el("section", { role: "tabpanel", id: `panel-${key}`, "aria-labelledby": `tab-${key}`, hidden: true });
    at("main").append(panels[key]);
  }
  choose("tools");
}

function choose(key) {
  state.section = key;
  for (const [one] of SECTIONS) {
    const isChosen = one === key;
    at(`tab-${one}`).setAttribute("aria-selected", String(isChosen));
    at(`tab-${one}`).tabIndex = isChosen ? 0 : -1;
    panels[one].hidden = !isChosen;
  }
  if (key === "structure") drawStructure();
  if (key === "times") drawTimes();
  if (key === "messages") drawMessages();
}

function moveTab(event, key) {
  const keys = SECTIONS.map(([one]) => one);
  const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -keys.indexOf(key), End: keys.length - 1 - keys.indexOf(key) };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const next = keys[(keys.indexOf(key) + steps[event.key] + keys.length) % keys.length];
  choose(next);
  at(`tab-${next}`).focus();
}

// Lists

async function refresh() {
  const found = await request("server/discover");
  const info = found._meta?.["io.modelcontextprotocol/serverInfo"] || {};
  const title = info.title || info.name || "server";
  at("name").textContent = title;
  document.title = `${title} - playground`;
  at("about").textContent = [info.version, `MCP ${found.supportedVersions.join(", ")}`].filter(Boolean).join(" · ");
  const has = found.capabilities || {};
  const list = (capability, method, member) => (has[capability] ? all(method, member).catch(noList) : []);
  const [tools, resources, templates, prompts] = await Promise.all([
    list("tools", "tools/list", "tools"),
    list("resources", "resources/list", "resources"),
    list("resources", "resources/templates/list", "resourceTemplates"),
    list("prompts", "prompts/list", "prompts"),
  ]);
  state.lists = { tools, resources, templates, prompts };
  drawEntries("tools", tools.map((item) => ({ key: item.name, title: item.name, item, draw: drawTool })));
  drawEntries("resources", [
    ...resources.map((item) => ({ key: item.uri, title: item.uri, item, draw: drawResource })),
    ...templates.map((item) => ({ key: item.uriTemplate, title: item.uriTemplate, item, draw: drawTemplate })),
  ]);
  drawEntries("prompts", prompts.map((item) => ({ key: item.name, title: item.name, item, draw: drawPrompt })));
  if (state.section === "structure") drawStructure();
}

function noList(error) {
  showProblem(`a list cannot be read: ${error.message}`);
  return [];
}

function scheduleRefresh() {
  refreshing = refreshing.then(refresh).then(listen).catch((error) => {
    if (error.code === 401) askToken();
    else showProblem(`the server does not answer: ${error.message}`);
  });
  return refreshing;
}

/** Show a form for the access token of a server with authorization. */
function askToken() {
  const field = el("input", { id: "token", type: "password", autocomplete: "off", "aria-describedby": "token-about" });
  const send = (event) => {
    event.preventDefault();
    useToken(field.value);
    showProblem("");
    scheduleRefresh();
  };
  const form = el("form", { class: "card", onsubmit: send },
    el("h2", {}, "The server requires an access token"),
    el("div", { class: "field" }, el("label", { for: "token" }, "Access token"), field,
      el("small", { id: "token-about" }, "It is kept in this page only, until the page is closed.")),
    el("button", { class: "main", type: "submit" }, "Use"));
  for (const section of ["tools", "resources", "prompts"]) panels[section].replaceChildren();
  panels[state.section in state.lists ? state.section : "tools"].replaceChildren(form);
}

function drawEntries(section, entries) {
  const panel = panels[section];
  if (!entries.length) {
    panel.replaceChildren(el("p", {}, `The server has no ${section}.`));
    return;
  }
  const chosen = entries.find((one) => one.key === state.chosen[section]) || entries[0];
  const old = panel.dataset.entry === chosen.key && panel.dataset.text === JSON.stringify(chosen.item)
    ? panel.querySelector(".detail") : null;
  const detail = old || el("div", { class: "detail" });
  const select = (one) => {
    state.chosen[section] = one.key;
    panel.dataset.entry = one.key;
    panel.dataset.text = JSON.stringify(one.item);
    detail.replaceChildren(...one.draw(one.item));
    for (const button of panel.querySelectorAll("ul.entries button")) {
      button.setAttribute("aria-current", String(button.dataset.key === one.key));
    }
  };
  const buttons = entries.map((one) =>
    el("li", {}, el("button", { type: "button", "data-key": one.key, onclick: () => select(one) }, one.title)),
  );
  panel.replaceChildren(el("div", { class: "columns" }, el("ul", { class: "entries" }, buttons), detail));
  if (old) {
    for (const button of panel.querySelectorAll("ul.entries button")) {
      button.setAttribute("aria-current", String(button.dataset.key === chosen.key));
    }
  } else {
    select(chosen);
  }
}

// Tools, resources and prompts

function heading(item, title) {
  return [
    el("h2", {}, title),
    item.title && item.title !== title ? el("p", {}, item.title) : null,
    item.description ? el("p", { class: "about" }, item.description) : null,
  ];
}

function drawTool(tool) {
  const form = objectForm(tool.inputSchema);
  const area = el("textarea", { "aria-label": "arguments as JSON", rows: 6, spellcheck: "false" });
  const holder = el("div", {}, form.isEmpty ? el("p", { class: "facts" }, "no arguments") : form.element);
  const toggle = el("button", {
    type: "button", "aria-pressed": "false",
    onclick: () => {
      const isJson = toggle.getAttribute("aria-pressed") === "true";
      if (!isJson) {
        try {
          area.value = json(form.values());
        } catch {
          area.value = "{}";
        }
      }
      toggle.setAttribute("aria-pressed", String(!isJson));
      holder.replaceChildren(isJson ? form.element : area);
    },
  }, "JSON");
  const values = () => (toggle.getAttribute("aria-pressed") === "true" ? JSON.parse(area.value) : form.values());
  return action({
    item: tool, title: tool.name, label: "Call", form: [holder], extra: [toggle], values,
    send: (given, options) => callTool({ name: tool.name, arguments: given }, { ...options, schema: tool.inputSchema }),
    draw: (result, given) => [...(appOf(tool) ? [drawApp(tool, given, result, APPS)] : []), ...drawToolResult(result)],
    test: (given, result) => toolTest(tool.name, given, result), key: tool.name,
  });
}

function drawResource(resource) {
  return action({
    item: resource, title: resource.uri, label: "Read", form: [], values: () => resource.uri,
    send: (uri, options) => request("resources/read", { uri }, options),
    draw: drawContents, test: resourceTest, key: resource.uri,
  });
}

function drawTemplate(template) {
  const names = variables(template.uriTemplate);
  const schema = { properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])) };
  const ref = { type: "ref/resource", uri: template.uriTemplate };
  const form = objectForm(schema, (name, value) => complete(ref, name, value, form.texts()));
  return action({
    item: template, title: template.uriTemplate, label: "Read", form: [form.element],
    values: () => expand(template.uriTemplate, form.values()),
    send: (uri, options) => request("resources/read", { uri }, options),
    draw: drawContents, test: resourceTest, key: template.uriTemplate,
  });
}

function drawPrompt(prompt) {
  const given = prompt.arguments || [];
  const schema = {
    properties: Object.fromEntries(given.map((one) => [one.name, { type: "string", title: one.title, description: one.description }])),
    required: given.filter((one) => one.required).map((one) => one.name),
  };
  const ref = { type: "ref/prompt", name: prompt.name };
  const form = objectForm(schema, (name, value) => complete(ref, name, value, form.texts()));
  return action({
    item: prompt, title: prompt.name, label: "Get", form: form.isEmpty ? [el("p", { class: "facts" }, "no arguments")] : [form.element],
    values: form.values,
    send: (values, options) => request("prompts/get", { name: prompt.name, arguments: values }, options),
    draw: drawMessagesOf, test: (values, result) => promptTest(prompt.name, values, result), key: prompt.name,
  });
}

async function complete(ref, name, value, texts) {
  const others = Object.fromEntries(Object.entries(texts).filter(([key]) => key !== name));
  const result = await request("completion/complete", { ref, argument: { name, value }, context: { arguments: others } });
  return result.completion.values;
}

/** Return the elements of an entry: its form, its buttons and its result. */
function action({ item, title, label, form, extra = [], values, send, draw, test, key }) {
  const problem = el("p", { class: "problem" });
  const result = el("div", { class: "result", "aria-live": "polite" });
  const start = el("button", { class: "main", type: "submit" }, label);
  const stop = el("button", { type: "button", hidden: true }, "Cancel");
  const run = async (event) => {
    event.preventDefault();
    if (start.disabled) return;
    let given;
    try {
      given = values();
      problem.textContent = "";
    } catch (error) {
      problem.textContent = error.message;
      return;
    }
    const cancel = new AbortController();
    stop.onclick = () => cancel.abort();
    const log = el("ul");
    const bar = el("progress", { hidden: true, "aria-label": "progress" });
    const inputs = el("div");
    const task = taskCard();
    result.replaceChildren(el("p", { class: "facts" }, "running"), task.element, bar, inputs, log);
    start.disabled = true;
    stop.hidden = false;
    const began = performance.now();
    let waited = 0;
    const options = {
      signal: cancel.signal,
      onEvent: (message) => drawEvent(message, bar, log),
      onTask: task.show,
      answer: async (wanted, signal = cancel.signal) => {
        const from = performance.now();
        try {
          return await ask(wanted, inputs, signal);
        } finally {
          waited += performance.now() - from;
        }
      },
    };
    try {
      const found = await send(given, options);
      const took = performance.now() - began - waited;
      remember(key, took, found.isError === true);
      result.replaceChildren(
        el("h3", {}, "Result"),
        el("p", { class: found.isError ? "facts bad" : "facts" }, `${found.isError ? "tool error, " : ""}${shown(took)} ms`),
        task.element, ...draw(found, given), log,
        el("div", { class: "row" }, copyButton("Copy as test", () => test(given, found)), copyButton("Copy JSON", () => json(found))),
        el("details", {}, el("summary", {}, "raw result"), el("pre", {}, json(found))),
      );
    } catch (error) {
      remember(key, performance.now() - began - waited, true);
      const text = error.name === "AbortError" ? "cancelled" : `${error.message}${error.code ? ` (${error.code})` : ""}`;
      result.replaceChildren(el("h3", {}, "Error"), el("p", { class: "problem" }, text), task.element, log);
      if (error.data !== undefined && error.data !== null) result.append(el("pre", {}, json(error.data)));
    } finally {
      start.disabled = false;
      stop.hidden = true;
    }
  };
  const whole = el(
    "form",
    {
      class: "card", novalidate: true, onsubmit: run,
      onkeydown: (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run(event);
      },
    },
    heading(item, title), form, problem, el("div", { class: "row" }, start, stop, extra),
  );
  return [whole, el("div", { class: "card" }, result)];
}

function drawEvent(message, bar, log) {
  const params = message.params || {};
  if (message.method === "notifications/progress") {
    bar.hidden = false;
    if (typeof params.total === "number" && params.total > 0) {
      bar.max = params.total;
      bar.value = params.progress;
    }
    if (params.message) log.append(el("li", {}, `${params.progress}${params.total ? `/${params.total}` : ""}: ${params.message}`));
  } else if (message.method === "notifications/message") {
    const text = typeof params.data === "string" ? params.data : JSON.stringify(params.data);
    log.append(el("li", {}, `${params.level}: ${text}`));
  }
}

// Results

const APPS = { tools: () => state.lists.tools, answer: (wanted, holder, signal) => ask(wanted, holder, signal) };

function drawToolResult(result) {
  const parts = (result.content || []).map(drawBlock);
  if (result.structuredContent !== undefined) {
    parts.push(el("h3", {}, "Structured content"), el("pre", {}, json(result.structuredContent)));
  }
  return parts;
}

function drawBlock(block) {
  if (block.type === "text") return el("pre", {}, block.text);
  const source = `data:${block.mimeType};base64,${block.data}`;
  if (block.type === "image" && /^image\/[\w.+-]+$/.test(block.mimeType)) return el("img", { src: source, alt: "image of the result" });
  if (block.type === "audio" && /^audio\/[\w.+-]+$/.test(block.mimeType)) return el("audio", { src: source, controls: true });
  if (block.type === "resource" && typeof block.resource?.text === "string") return el("pre", {}, block.resource.text);
  return el("pre", {}, json(block));
}

function drawContents(result) {
  return result.contents.map((part) => {
    if (typeof part.text === "string") return el("pre", {}, part.text);
    if (/^image\/[\w.+-]+$/.test(part.mimeType || "")) {
      return el("img", { src: `data:${part.mimeType};base64,${part.blob}`, alt: part.uri });
    }
    return el("p", {}, `${part.mimeType || "binary"}, ${Math.floor((part.blob.length * 3) / 4)} bytes`);
  });
}

function drawMessagesOf(result) {
  return result.messages.flatMap((message) => [el("h3", {}, message.role), drawBlock(message.content)]);
}

// Results of server-to-client requests, entered by the user

async function ask(wanted, holder, signal) {
  const answers = {};
  for (const [key, one] of Object.entries(wanted)) {
    const draw = { "elicitation/create": askForm, "sampling/createMessage": askSample, "roots/list": askRoots }[one.method];
    if (!draw) throw new Error(`the server requires ${one.method}, which this page does not support`);
    answers[key] = await new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => {
        holder.replaceChildren();
        reject(new DOMException("cancelled", "AbortError"));
      }, { once: true });
      const card = draw(one.params || {}, resolve);
      holder.replaceChildren(card);
      card.querySelector("input, select, textarea, button")?.focus();
    });
    holder.replaceChildren();
  }
  return answers;
}

function answerCard(title, about, body, buttons) {
  return el("div", { class: "card", role: "group", "aria-label": title },
    el("h3", {}, title), el("p", { class: "about" }, about), body, el("div", { class: "row" }, buttons));
}

function askForm(params, resolve) {
  const others = [
    el("button", { type: "button", onclick: () => resolve({ action: "decline" }) }, "Decline"),
    el("button", { type: "button", onclick: () => resolve({ action: "cancel" }) }, "Dismiss"),
  ];
  if (params.mode === "url") {
    const accept = el("button", { class: "main", type: "button", onclick: () => resolve({ action: "accept" }) }, "Accept");
    return answerCard("The server requests a visit to a URL", params.message, el("pre", {}, params.url), [accept, ...others]);
  }
  const form = objectForm(params.requestedSchema);
  const problem = el("p", { class: "problem" });
  const accept = el("button", {
    class: "main", type: "button",
    onclick: () => {
      try {
        resolve({ action: "accept", content: form.values() });
      } catch (error) {
        problem.textContent = error.message;
      }
    },
  }, "Accept");
  return answerCard("The server requests input", params.message, [form.element, problem], [accept, ...others]);
}

function askSample(params, resolve) {
  const area = el("textarea", { "aria-label": "response of the model", rows: 4 });
  const send = el("button", {
    class: "main", type: "button",
    onclick: () => resolve({
      role: "assistant", content: { type: "text", text: area.value }, model: "playground", stopReason: "endTurn",
    }),
  }, "Send");
  return answerCard("The server requests a completion of a model", `at most ${params.maxTokens} tokens`,
    [el("pre", {}, json(params.messages)), area], [send]);
}

function askRoots(params, resolve) {
  const area = el("textarea", { "aria-label": "roots, one URI per line", rows: 3, placeholder: "file:///project" });
  const send = el("button", {
    class: "main", type: "button",
    onclick: () => resolve({ roots: area.value.split("\n").map((line) => line.trim()).filter(Boolean).map((uri) => ({ uri })) }),
  }, "Send");
  return answerCard("The server requests the roots", "One URI per line.", area, [send]);
}

// Templates (RFC 6570)

function variables(template) {
  return [...template.matchAll(/\{([+#./;?&]?)([^}]*)\}/g)].flatMap(([, , list]) => list.split(",").map((one) => one.replace(/[*]|:\d+$/g, "")));
}

function expand(template, values) {
  return template.replace(/\{([+#./;?&]?)([^}]*)\}/g, (_, operator, list) => {
    const isOpen = operator === "+" || operator === "#";
    const encode = (text) => (isOpen ? encodeURI(text) : encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`));
    const isNamed = [";", "?", "&"].includes(operator);
    const parts = list.split(",").map((one) => one.replace(/[*]|:\d+$/g, "")).filter((name) => values[name] !== undefined)
      .map((name) => {
        const text = encode(values[name]);
        return isNamed ? (operator === ";" && !text ? name : `${name}=${text}`) : text;
      });
    if (!parts.length) return "";
    const first = operator === "+" ? "" : operator;
    return first + parts.join({ ".": ".", "/": "/", ";": ";", "?": "&", "&": "&" }[operator] || ",");
  });
}

// Tests for pytest

const functionName = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "") || "server";

function toolTest(name, given, result) {
  const lines = [`def test_${functionName(name)}(wasmcp_server):`, `    result = wasmcp_server.call_tool(${python(name)}, ${python(given)})`];
  lines.push(result.isError ? "    assert result.is_error" : "    assert not result.is_error");
  if (result.structuredContent !== undefined) lines.push(`    assert result.structured_content == ${python(result.structuredContent)}`);
  else lines.push(`    assert result.content == ${python(result.content)}`);
  return `${lines.join("\n")}\n`;
}

function resourceTest(uri, result) {
  return `def test_${functionName(uri)}(wasmcp_server):\n    result = wasmcp_server.read_resource(${python(uri)})\n    assert result.contents == ${python(result.contents)}\n`;
}

function promptTest(name, given, result) {
  return `def test_${functionName(name)}(wasmcp_server):\n    result = wasmcp_server.get_prompt(${python(name)}, ${python(given)})\n    assert result.messages == ${python(result.messages)}\n`;
}

function copyButton(label, text) {
  const button = el("button", { type: "button" }, label);
  button.addEventListener("click", async () => {
    const value = text();
    try {
      await navigator.clipboard.writeText(value);
      button.textContent = "Copied";
    } catch {
      button.after(el("pre", { class: "copied" }, value));
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  });
  return button;
}

// Structure, times and messages

function drawStructure() {
  panels.structure.replaceChildren(
    el("iframe", { src: `/_playground/structure?${Date.now()}`, sandbox: "allow-scripts", title: "components of the server, their connections and grants" }),
  );
}

function remember(key, milliseconds, isError) {
  const found = state.calls.get(key) || { times: [], errors: 0 };
  found.times.push(milliseconds);
  if (found.times.length > 1000) found.times.shift();
  found.errors += isError ? 1 : 0;
  state.calls.set(key, found);
  if (state.section === "times") drawTimes();
}

function drawTimes() {
  if (!state.calls.size) {
    panels.times.replaceChildren(el("p", {}, "This page has made no calls yet."));
    return;
  }
  if (!state.owners) fetchOwners();
  const byComponent = new Map();
  const rows = [...state.calls].map(([key, { times, errors }]) => {
    const owner = ownerOf(key);
    const sum = byComponent.get(owner) || { times: [], errors: 0 };
    byComponent.set(owner, { times: [...sum.times, ...times], errors: sum.errors + errors });
    return [[key, owner], figures(times, errors)];
  });
  const tables = [table(["tool, resource or prompt", "component"], rows)];
  if (state.owners) {
    const all = [...byComponent.values()].flatMap(({ times }) => times).reduce((sum, one) => sum + one, 0);
    const parts = [...byComponent].map(([name, { times, errors }]) => {
      const total = times.reduce((sum, one) => sum + one, 0);
      return [[name || "not known", `${Math.round((total / all) * 100)} %`], figures(times, errors)];
    });
    tables.push(el("h3", {}, "Components"), table(["component", "share of the time"], parts));
  }
  panels.times.replaceChildren(el("div", { class: "card" }, tables));
}

const figures = (times, errors) => {
  const sorted = [...times].sort((a, b) => a - b);
  const total = times.reduce((sum, one) => sum + one, 0);
  return [times.length, errors, ...[total, times.at(-1), sorted[Math.floor(sorted.length / 2)], sorted.at(-1)].map(shown)];
};

function table(names, rows) {
  const head = [...names, "calls", "errors", "total, ms", "last, ms", "median, ms", "longest, ms"];
  return el("table", {},
    el("thead", {}, el("tr", {}, head.map((one, index) =>
      el("th", { scope: "col", class: index < names.length ? null : "number" }, one)))),
    el("tbody", {}, rows.map(([texts, numbers]) => el("tr", {},
      texts.map((one) => el("td", {}, one)), numbers.map((one) => el("td", { class: "number" }, one))))));
}

/** Return the component that owns an entry; the empty string if it is not known. */
function ownerOf(key) {
  for (const owners of Object.values(state.owners || {})) {
    if (Object.hasOwn(owners, key)) return owners[key];
  }
  return "";
}

async function fetchOwners() {
  try {
    const found = await fetch("/_playground/owners");
    if (!found.ok) return;
    state.owners = await found.json();
    if (state.section === "times") drawTimes();
  } catch {
    state.owners = null;
  }
}

function wireLine(event) {
  let about = "";
  let text = event.text;
  try {
    const found = JSON.parse(event.text.replace(/^(?:data|event|id|retry): ?/gm, (field) => (field.startsWith("data") ? "" : " ")));
    about = found.method || (found.error ? `error ${found.error.code}` : found.result ? "result" : "");
    text = json(found);
  } catch {
    about = event.text ? "text" : "end";
  }
  const took = event.seconds === undefined ? "" : `${shown(event.seconds * 1000)} ms`;
  const status = event.status && event.status !== 200 ? `HTTP ${event.status}` : "";
  const when = new Date(event.time * 1000).toLocaleTimeString();
  return el("details", {},
    el("summary", {}, [when, event.direction, event.client, about, status, took, event.is_cut ? "(shortened)" : ""].filter(Boolean).join("  ")),
    el("pre", {}, text || "(no body)"));
}

function drawMessages() {
  const clear = el("button", { type: "button", onclick: () => { state.messages = []; drawMessages(); } }, "Clear");
  panels.messages.replaceChildren(
    el("div", { class: "card wire" }, el("div", { class: "row" }, el("h2", {}, "Messages of all clients"), clear),
      el("div", { id: "wire" }, state.messages.map(wireLine).reverse())),
  );
}

function takeMessage(event) {
  state.messages.push(event);
  if (state.messages.length > MOST_MESSAGES) state.messages.shift();
  if (state.section !== "messages") return;
  const wire = at("wire");
  wire.prepend(wireLine(event));
  if (wire.childElementCount > MOST_MESSAGES) wire.lastElementChild.remove();
}

// Feed of the development server

function showProblem(text) {
  at("problem").textContent = text;
  at("problem").hidden = !text;
}

function takeState(event) {
  const texts = {
    building: event.files?.length ? `building: ${event.files.join(", ")}` : "building",
    ready: `version ${event.number} is served, ${duration(event.seconds || 0)}`,
    failed: `version ${event.number} has errors, ${event.serving ? `version ${event.serving} is still served` : "nothing is served"}`,
  };
  at("state").textContent = texts[event.state] || "";
  at("state").className = event.state || "";
  if (event.state !== "building") showProblem(event.error || "");
  if (event.state === "ready") {
    state.owners = null;
    scheduleRefresh().then(reloadApps);
  }
}

function connect() {
  const feed = new EventSource("/_playground/events");
  feed.onopen = () => { state.messages = []; };
  feed.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (event.type === "state") takeState(event);
    else takeMessage(event);
  };
  feed.onerror = () => {
    at("state").textContent = "no connection to the development server";
    at("state").className = "failed";
  };
}

/** Subscribe to changes of the lists, once. */
async function listen() {
  if (listening) return;
  listening = request("subscriptions/listen",
    { notifications: { toolsListChanged: true, resourcesListChanged: true, promptsListChanged: true } },
    { onEvent: (message) => { if (message.method.endsWith("/list_changed")) scheduleRefresh(); } },
  ).catch(() => {}).finally(() => { listening = null; });
}

buildTabs();
connect();
