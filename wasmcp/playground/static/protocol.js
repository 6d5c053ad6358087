// Client of MCP 2026-07-28 over HTTP, and server-sent events. Specification: basic/transports, Streamable HTTP.

export const VERSION = "2026-07-28";
const META = "io.modelcontextprotocol/";
const NAMED = {
  "tools/call": "name", "prompts/get": "name", "resources/read": "uri",
  "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId",
};
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
let last = 0;
let token = "";

/** Send a bearer token with all further requests; it is kept in this page only. */
export function useToken(text) {
  token = text.trim();
}

/** Error response of the server, or of the transport. */
export class ResponseError extends Error {
  constructor(message, code, data) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/**
 * Send a request and return its result, after input if the server requires it.
 *
 * @param {string} method
 * @param {object} params
 * @param {object} options `onEvent` gets notifications; `answer` returns the responses to `inputRequests`; `signal`
 *   cancels; `schema` is the input schema of the tool; `extensions` are those that the request declares.
 */
export async function request(method, params = {}, options = {}) {
  let given = params;
  for (let round = 0; round < 64; round += 1) {
    const result = await once(method, given, options);
    if (result.resultType !== "input_required") return result;
    const next = { ...params };
    if (result.requestState !== undefined) next.requestState = result.requestState;
    if (result.inputRequests && Object.keys(result.inputRequests).length) {
      if (!options.answer) throw new ResponseError("the server requires input", 0);
      next.inputResponses = await options.answer(result.inputRequests);
    } else {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    given = next;
  }
  throw new ResponseError("the server required input too often", 0);
}

async function once(method, params, { onEvent, signal, schema, extensions }) {
  last += 1;
  const id = last;
  const meta = {
    ...params._meta,
    [`${META}protocolVersion`]: VERSION,
    [`${META}clientInfo`]: { name: "wasmcp-playground", version: "1" },
    [`${META}clientCapabilities`]: extensions ? { ...CAPABILITIES, extensions } : CAPABILITIES,
  };
  if (onEvent) {
    meta.progressToken = id;
    meta[`${META}logLevel`] = "debug";
  }
  const headers = {
    "Content-Type": "application/json",
    Accept: "application/json, text/event-stream",
    "MCP-Protocol-Version": VERSION,
    "Mcp-Method": method,
  };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (NAMED[method]) headers["Mcp-Name"] = headerValue(String(params[NAMED[method]]));
  if (method === "tools/call") addParameters(headers, schema, params.arguments);
  const body = JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } });
  const response = await fetch("/mcp", { method: "POST", headers, body, signal });
  if (response.status === 401) throw new ResponseError("the server requires a valid access token", 401);
  const kind = response.headers.get("Content-Type") || "";
  if (kind.startsWith("text/event-stream")) {
    for await (const text of events(response.body)) {
      const message = JSON.parse(text);
      if (message.method) onEvent?.(message);
      else if (message.id === id) return outcome(message);
    }
    throw new ResponseError("the server closed the stream before its response", 0);
  }
  const text = await response.text();
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    throw new ResponseError(`HTTP ${response.status}: ${text.slice(0, 300)}`, 0);
  }
  return outcome(message);
}

function outcome(message) {
  if (message.error) throw new ResponseError(message.error.message, message.error.code, message.error.data);
  return message.result;
}

/** Yield the data of server-sent events. */
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const parts = rest.split(/\r?\n\r?\n/);
    rest = parts.pop();
    for (const part of parts) {
      const lines = part.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      if (lines.length) yield lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
    }
  }
}

/** Return all items of a list. */
export async function all(method, member) {
  const items = [];
  let cursor;
  for (let page = 0; page < 1000; page += 1) {
    const result = await request(method, cursor === undefined ? {} : { cursor });
    items.push(...result[member]);
    cursor = result.nextCursor;
    if (cursor === undefined || cursor === null) break;
  }
  return items;
}

function headerValue(text) {
  if (/^(?:[!-~](?:[ -~]*[!-~])?)?$/.test(text) && !/^=\?base64\?.*\?=$/.test(text)) return text;
  const bytes = new TextEncoder().encode(text);
  return `=?base64?${btoa(String.fromCharCode(...bytes))}?=`;
}

function addParameters(headers, schema, values) {
  if (!schema?.properties || typeof values !== "object" || values === null) return;
  for (const [name, member] of Object.entries(schema.properties)) {
    const value = values[name];
    if (value === undefined || value === null) continue;
    if (member?.["x-mcp-header"]) headers[`Mcp-Param-${member["x-mcp-header"]}`] = headerValue(String(value));
    addParameters(headers, member, value);
  }
}
