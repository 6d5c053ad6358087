// Calls of tools by the official TypeScript client of tasks: the cases on standard input, their outcomes on standard output.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { createTaskSessionFromClient } from "@modelcontextprotocol/ext-tasks/client";
import { readFileSync } from "node:fs";

const { url, cases } = JSON.parse(readFileSync(0, "utf8"));
const clientInfo = { name: "tasks-client", version: "1" };
const clientCapabilities = { elicitation: { form: {} }, extensions: { "io.modelcontextprotocol/tasks": {} } };
const protocolVersion = "2026-07-28";
let ids = 0;
const methods = [];

// The coordinator of the application, which the client of tasks requires for tools/call and tasks/*.
async function rawDispatch(request, options = {}) {
  const { method, params } = request;
  methods.push(method);
  const name = method === "tools/call" ? params.name : params.taskId;
  const headers = new Headers({
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": protocolVersion,
    "mcp-method": method,
    "mcp-name": name,
  });
  for (const [field, value] of Object.entries(options.context?.headers ?? {})) headers.set(field, value);
  const response = await fetch(url, {
    method: "POST",
    headers,
    body: JSON.stringify({ jsonrpc: "2.0", id: `raw-${++ids}`, method, params }),
    signal: options.signal,
  });
  let text = await response.text();
  if (response.headers.get("content-type")?.startsWith("text/event-stream")) {
    const events = text.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
    text = events.find((event) => "id" in JSON.parse(event));
  }
  const message = JSON.parse(text);
  return "error" in message ? { kind: "error", error: message.error } : { kind: "result", result: message.result };
}

const client = new Client(clientInfo, {
  capabilities: clientCapabilities,
  versionNegotiation: { mode: { pin: protocolVersion } },
});
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const asked = [];
const session = createTaskSessionFromClient(client, {
  endpointId: "test",
  rawDispatch,
  v2RequestFraming: { protocolVersion, clientInfo, clientCapabilities },
  onInputRequest: async (request) => {
    asked.push(request.params.message);
    const content = { confirm: true, name: `number ${asked.length}` };
    const wanted = Object.keys(request.params.requestedSchema.properties);
    return { action: "accept", content: Object.fromEntries(wanted.map((field) => [field, content[field]])) };
  },
});

const outcomes = [];
for (const { tool, args, cancel } of cases) {
  asked.length = methods.length = 0;
  try {
    const execution = await session.callTool(tool, args);
    const states = [];
    if (cancel) await execution.cancel();
    const { outcome } = await execution.settle({
      onEvent: (event) => {
        if (event.type === "task" && states.at(-1) !== event.task.status) states.push(event.task.status);
      },
    });
    outcomes.push({
      kind: execution.kind,
      status: outcome.status,
      text: outcome.result?.content?.[0]?.text,
      isError: outcome.result?.isError ?? false,
      error: outcome.error?.message,
      asked: [...asked],
      states,
      methods: [...methods],
    });
  } catch (error) {
    outcomes.push({ thrown: String(error), methods: [...methods] });
  }
}
await session.close();
await client.close();
process.stdout.write(JSON.stringify(outcomes));
