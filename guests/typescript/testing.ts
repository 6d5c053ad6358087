/**
 * Fakes of the host for unit tests: functions run under `node --test`, without WebAssembly.
 *
 *     import { test } from "node:test";
 *     import { fakeHttp, callTool } from "wasmcp/testing";
 *     import { weather } from "./weather.ts";
 *
 *     test("the weather", async (t) => {
 *       const network = fakeHttp();
 *       t.after(() => network.end());
 *       network.route("GET", "https://api.example.org/weather", { json: { summary: "sunny" } });
 *       const result = await callTool(weather, { city: "Bremen" });
 *       assert.equal(result.content[0].text, "sunny");
 *     });
 *
 * Start Node with `--import ./.wasmcp/native/register.mjs`, which `wasmcp wit types` writes. Of several fakes of a kind
 * the last one is used, until its `end`; with TypeScript's `using` it ends with its block. Components cannot import
 * this module.
 */

import type { Request } from "wasmcp:mcp-v20260728/messages@0.1.0";
import type { ToolResult } from "wasmcp:mcp-v20260728/types@0.1.0";

import { forgetBakedIn } from "./config.ts";
import { Context, type HttpFacts, type Identity } from "./context.ts";
import { Bucket } from "./kv.ts";
import { CONFIGURATIONS, FakeStore, FakeValues, nodeFetch, SESSIONS, STORES } from "./native/host.ts";
import { LATEST } from "./protocol.ts";
import { CHECKPOINT, CheckpointSignal } from "./requests.ts";
import type { Tool } from "./tool.ts";
import { plain, tagged, type Stored } from "./values.ts";

const scope = globalThis as any;
const REDIRECTS = [301, 302, 303, 307, 308];
const MOST_REDIRECTS = 20;
const CREDENTIALS = ["authorization", "cookie"];
const OF_BODY = ["content-type", "content-length"];

/** Request that was sent to a `FakeHttp`. */
export interface Sent {
  /** The method in capital letters. */
  method: string;
  /** The URL, with its query. */
  url: string;
  /** The header fields, with names in lower case. */
  headers: [string, string][];
  /** The body; empty for a request without one. */
  body: Uint8Array;
  /** The body as a text. */
  text: string;
}

/** Response of a route. `json`, `text` and `body` are mutually exclusive. */
export interface Answer {
  /** The status; 200 by default. */
  status?: number;
  headers?: [string, string][];
  /** A value that is sent as JSON. */
  json?: unknown;
  text?: string;
  body?: Uint8Array;
  /** Fail with this case of `error-code` of `wasi:http/types` instead, for example `connection-refused`. */
  error?: string;
}

/** Network of a test, made by `fakeHttp`. */
export class FakeHttp {
  /** The requests that were sent, in order. */
  readonly requests: Sent[] = [];
  readonly #routes: [string, string, (sent: Sent) => Answer][] = [];
  readonly #before: unknown = scope.fetch;

  /** @internal */
  constructor() {
    scope.fetch = (input: any, init?: any) => this.#fetch(input, init);
  }

  /**
   * Set the response to a request; of several routes for one request the last one is used.
   *
   * `method` can be `*` for any method. A URL without a query matches every query; with `*` at its end it is a prefix.
   */
  route(method: string, url: string, answer: Answer | ((sent: Sent) => Answer) = {}): void {
    this.#routes.push([method.toUpperCase(), url, typeof answer === "function" ? answer : () => answer]);
  }

  /** End this fake, and restore the `fetch` that it replaced. */
  end(): void {
    scope.fetch = this.#before;
  }
  [Symbol.dispose](): void {
    this.end();
  }

  async #fetch(input: any, init: any): Promise<any> {
    let request = new scope.Request(input, init === undefined || init.body === undefined ? init : { ...init, duplex: "half" });
    if (!/^https?:$/.test(new scope.URL(request.url).protocol)) {
      throw new TypeError(`fetch needs a URL with http or https, not ${request.url}`);
    }
    const streamed = init?.body !== undefined && typeof init.body === "object" && Symbol.asyncIterator in init.body;
    let body = new Uint8Array(await request.arrayBuffer());
    let method: string = request.method.toUpperCase();
    const headers = new scope.Headers(request.headers);
    if (!headers.has("user-agent")) headers.set("user-agent", "wasmcp");
    let url = new scope.URL(request.url);
    url.hash = "";
    for (let count = 0; ; count += 1) {
      request.signal.throwIfAborted();
      const answer = this.#answer({ method, url: url.href, headers: [...headers], body, text: new TextDecoder().decode(body) });
      if (answer.error !== undefined) {
        const words = answer.error.replaceAll("-", " ");
        throw Object.assign(new TypeError(`fetching ${url.href} failed: ${words}`), { code: answer.error });
      }
      const found = responseOf(answer, url.href, count > 0, method);
      const location = found.headers.get("location");
      if (!REDIRECTS.includes(found.status) || location === null || request.redirect === "manual") return found;
      if (request.redirect === "error") throw new TypeError(`${url.href} redirects to ${location}`);
      if (count >= MOST_REDIRECTS) throw new TypeError(`${url.href}: more than ${MOST_REDIRECTS} redirects`);
      const next = new scope.URL(location, url);
      if (next.origin !== url.origin) for (const name of CREDENTIALS) headers.delete(name);
      if (found.status === 303 || ([301, 302].includes(found.status) && method === "POST")) {
        if (method !== "HEAD") method = "GET";
        body = new Uint8Array();
        for (const name of OF_BODY) headers.delete(name);
      } else if (streamed) {
        throw new TypeError(`${url.href} redirects, and the streamed body cannot be sent again`);
      }
      url = next;
    }
  }

  #answer(sent: Sent): Answer {
    this.requests.push(sent);
    for (const [method, url, respond] of [...this.#routes].reverse()) {
      if ((method === "*" || method === sent.method) && fits(url, sent.url)) return respond(sent);
    }
    const known = this.#routes.map(([method, url]) => `${method} ${url}`).join(", ") || "none";
    throw new Error(`this FakeHttp has no route for ${sent.method} ${sent.url}; its routes: ${known}`);
  }
}

function fits(pattern: string, url: string): boolean {
  if (pattern.endsWith("*")) return url.startsWith(pattern.slice(0, -1));
  return url === pattern || (!pattern.includes("?") && url.split("?")[0] === pattern);
}

function responseOf(answer: Answer, url: string, redirected: boolean, method: string): any {
  const headers = new scope.Headers(answer.headers ?? []);
  const kind = answer.json !== undefined ? "application/json" : answer.text !== undefined ? "text/plain; charset=utf-8" : undefined;
  if (kind !== undefined && !headers.has("content-type")) headers.set("content-type", kind);
  const status = answer.status ?? 200;
  const body = answer.json !== undefined ? JSON.stringify(answer.json) : (answer.text ?? answer.body ?? null);
  const response = new scope.Response(method === "HEAD" || [204, 304].includes(status) ? null : body, { status, headers });
  return Object.defineProperties(response, { url: { value: url }, redirected: { value: redirected } });
}

/** Grant `http`, with responses that the test defines. Without a fake every request fails. */
export function fakeHttp(): FakeHttp {
  return new FakeHttp();
}

/** Fake that can be ended. */
export interface Ending {
  /** End this fake, and restore the state before it. */
  end(): void;
  [Symbol.dispose](): void;
}

function ending(end: () => void): Ending {
  return { end, [Symbol.dispose]: end };
}

/** Grant `http`, and send requests to the network of this machine, with Node's `fetch`. */
export function realHttp(): Ending {
  const before = scope.fetch;
  scope.fetch = nodeFetch;
  return ending(() => {
    scope.fetch = before;
  });
}

function removeFrom<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}

/** Buckets of a test, made by `fakeKv`. */
export class FakeKv {
  readonly #store = new FakeStore();

  /** @internal */
  constructor() {
    STORES.push(this.#store);
  }

  /** Return a bucket, to fill or inspect it. */
  bucket(name = ""): Bucket {
    return new Bucket(name, this.#store.open(name) as never);
  }

  /** End this fake, and restore the store before it. */
  end(): void {
    removeFrom(STORES, this.#store);
  }
  [Symbol.dispose](): void {
    this.end();
  }
}

/** Grant `kv`, with buckets in memory that are empty at first, and have the limits of the real store. */
export function fakeKv(): FakeKv {
  return new FakeKv();
}

/** Replace the component's configuration: the table `config`, and the environment variables, none by default. */
export function fakeConfig(values: Record<string, unknown> = {}, environment: Record<string, string> = {}): Ending {
  const found = { values, environment };
  CONFIGURATIONS.push(found);
  forgetBakedIn();
  return ending(() => {
    removeFrom(CONFIGURATIONS, found);
    forgetBakedIn();
  });
}

/** Result of a user who submits a form. */
export function accept(content: Record<string, unknown>): object {
  return { action: "accept", content };
}

/** Result of a user who declines. */
export function decline(): object {
  return { action: "decline" };
}

/** Result of a sampling request: one text message of the model. */
export function sampled(text: string, model = "test"): object {
  return { role: "assistant", content: { type: "text", text }, model, stopReason: "endTurn" };
}

/** Result of a `roots/list` request, with one root for each URI. */
export function roots(...uris: string[]): object {
  return { roots: uris.map((uri) => ({ uri })) };
}

/** Facts of the request of a `LocalContext`. */
export interface LocalFacts {
  /** The name of the tool or prompt, or the URI of the resource. */
  target?: string;
  /** The JSON-RPC id; 1 by default. */
  requestId?: string | number;
  /** The protocol revision; `2026-07-28` by default. */
  protocolVersion?: string;
  clientCapabilities?: Record<string, unknown>;
  meta?: Record<string, unknown>;
  identity?: Identity;
  /** The id of the session; none by default. */
  session?: string;
  /** The values that the session contains at first. */
  sessionValues?: Record<string, Stored>;
  http?: HttpFacts;
  /** The client's results for `elicit`, `sample` and `roots`, in the order of the requests. */
  answers?: object[];
  /** The state of the last checkpoint, to test a later step; none by default. */
  state?: unknown;
}

/** Maximum number of steps of one call; a function that exceeds it is an error of the test. */
const MAX_STEPS = 10_000;

/** `Context` for unit tests, without a client. It records what a function sends. */
export class LocalContext extends Context {
  /** The progress notifications so far: progress, total and message of each. */
  readonly progressReports: [number, number | undefined, string | undefined][];
  /** The log messages so far: level, data and logger of each. */
  readonly logRecords: [string, unknown, string | undefined][];
  /** The change notifications so far: `tools`, `prompts`, `resources`, or the URI of a resource. */
  readonly changes: string[];
  /** The server-to-client requests so far: method and parameters of each. */
  readonly sentRequests: [string, unknown][];
  /** The states of the checkpoints so far. */
  readonly checkpoints: unknown[];
  readonly #cancel: () => void;
  readonly #again: () => void;
  readonly #values: FakeValues;

  constructor(facts: LocalFacts = {}) {
    const reports: [number, number | undefined, string | undefined][] = [];
    const records: [string, unknown, string | undefined][] = [];
    const changes: string[] = [];
    const sentRequests: [string, unknown][] = [];
    const answers = [...(facts.answers ?? [])];
    const given: [string, object][] = [];
    const replayed: [string, object][] = [];
    const kept = new Map<string, string>();
    const checkpoints: unknown[] = [];
    if (facts.state !== undefined) kept.set(CHECKPOINT, JSON.stringify(facts.state));
    let cancelled = false;
    const text = (value: unknown) => (value === undefined ? undefined : JSON.stringify(value));
    const { identity, http } = facts;
    const request = {
      id: () => JSON.stringify(facts.requestId ?? 1),
      target: () => facts.target,
      protocolVersion: () => facts.protocolVersion ?? LATEST,
      clientCapabilities: () => JSON.stringify(facts.clientCapabilities ?? {}),
      meta: () => text(facts.meta),
      identity: () => identity && { ...identity, claims: JSON.stringify(identity.claims) },
      session: () => facts.session,
      http: () => http && { ...http, headers: Object.entries(http.headers) },
      inputResponses: () => [],
      inputState: () => undefined,
      clientRequest: (method: string, params: string, key: string | undefined) => {
        const request = JSON.stringify([method, params, key]);
        const known = replayed.findIndex(([same]) => same === request);
        if (known >= 0) return { key: key ?? method, value: JSON.stringify(replayed.splice(known, 1)[0]![1]) };
        sentRequests.push([method, JSON.parse(params)]);
        const answer = answers.shift();
        if (answer !== undefined) given.push([request, answer]);
        if (answer === undefined) throw new Error(`this LocalContext has no answer to \`${method}\`: ${params}`);
        return { key: key ?? method, value: JSON.stringify(answer) };
      },
      storedValue: (name: string) => kept.get(name),
      storeValue: (name: string, value: string) => {
        kept.set(name, value);
        if (name === CHECKPOINT) checkpoints.push(JSON.parse(value));
      },
      progress: (...report: [number, number | undefined, string | undefined]) => void reports.push(report),
      log: (level: string, logger: string | undefined, data: string) => void records.push([level, JSON.parse(data), logger]),
      cancelled: () => cancelled,
      notifyToolsChanged: () => void changes.push("tools"),
      notifyPromptsChanged: () => void changes.push("prompts"),
      notifyResourcesChanged: () => void changes.push("resources"),
      notifyResourceUpdated: (uri: string) => void changes.push(uri),
    };
    super(request as unknown as Request);
    this.progressReports = reports;
    this.logRecords = records;
    this.changes = changes;
    this.sentRequests = sentRequests;
    this.checkpoints = checkpoints;
    this.#again = () => {
      replayed.splice(0, Infinity, ...given);
    };
    this.#cancel = () => {
      cancelled = true;
    };
    this.#values = new FakeValues(true);
    for (const [key, value] of Object.entries(facts.sessionValues ?? {})) this.#values.set(key, tagged(value));
    if (facts.session !== undefined) SESSIONS.set(request, this.#values);
  }

  /** The values of the session, by key. */
  get sessionValues(): Record<string, unknown> {
    return Object.fromEntries([...this.#values.held].map(([key, value]) => [key, plain(value as never)]));
  }

  /** Cancel the call, as a client would. */
  cancel(): void {
    this.#cancel();
  }

  /** End the step; see `Context.checkpoint`. In a unit test this throws: call the function with `runSteps`. */
  override checkpoint(state: unknown = true): Promise<never> {
    const pending = super.checkpoint(state);
    return this.atCheckpoint ? Promise.reject(new CheckpointSignal()) : pending;
  }

  /** @internal */
  override nextRun(): void {
    super.nextRun();
    this.#again();
  }
}

/**
 * Run a function with checkpoints to its end, as a server does: after each checkpoint it runs again.
 *
 *     const context = new LocalContext();
 *     assert.equal(await runSteps((context) => index({ pages: 2 }, context), context), "2 pages");
 *     assert.deepEqual(context.checkpoints, [1, 2]);
 *
 * The client's results that one step got are returned again in the next. Throws an error after 10,000 checkpoints.
 */
export async function runSteps<T>(call: (context: LocalContext) => T | Promise<T>, context: LocalContext = new LocalContext()): Promise<T> {
  for (let steps = 0; steps < MAX_STEPS; steps += 1) {
    try {
      const value = await call(context);
      if (!context.atCheckpoint) return value;
    } catch (error) {
      if (!(error instanceof CheckpointSignal)) throw error;
    }
    context.nextRun();
  }
  throw new Error(`the function has not ended after ${MAX_STEPS} checkpoints: does it use \`context.state\`?`);
}

/** Result of a tool. Specification: schema `CallToolResult`. */
export interface CallToolResult {
  content: any[];
  structuredContent?: any;
  isError?: boolean;
  _meta?: any;
}

/**
 * Call a tool with arguments, an object, as a client would.
 *
 * Arguments are checked against `input`, and results against `output`. Schemas that the build derives from types do not
 * exist in unit tests: such arguments are passed as they are. A JSON-RPC error is thrown, as `McpError`.
 */
export async function callTool(tool: Tool, args: Record<string, unknown> = {}, context: Context = new LocalContext()): Promise<CallToolResult> {
  return jsonOf(await tool.callNatively(JSON.stringify(args), context));
}

function jsonOf(result: ToolResult): CallToolResult {
  return {
    content: result.content.map(blockJson),
    ...(typeof result.structuredContent === "string" && { structuredContent: JSON.parse(result.structuredContent) }),
    ...(result.isError && { isError: true }),
    ...(typeof result.meta === "string" && { _meta: JSON.parse(result.meta) }),
  };
}

function blockJson(block: any): any {
  const { val } = block;
  switch (block.tag) {
    case "text":
      return { type: "text", text: val.text };
    case "image":
    case "audio":
      return { type: block.tag, data: base64(val.data), mimeType: val.mimeType };
    case "resource-link":
      return { type: "resource_link", uri: val.uri, name: val.name };
    case "embedded-resource": {
      const { uri, mimeType, data } = val.contents;
      const held = data.tag === "text" ? { text: data.val } : { blob: base64(data.val) };
      return { type: "resource", resource: { uri, ...(mimeType !== undefined && { mimeType }), ...held } };
    }
    default:
      return JSON.parse(val);
  }
}

function base64(bytes: Uint8Array): string {
  return scope.btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
