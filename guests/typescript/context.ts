/** Context of a call: request data, notifications and server-to-client requests. */

import type { Request } from "wasmcp:mcp-v20260728/messages@0.1.0";
import type { LogLevel } from "wasmcp:mcp-v20260728/types@0.1.0";

import { elicitedOf, rootsOf, sampledOf, samplingMessages, type Elicited, type Root, type Sampled, type Spoken } from "./answers.ts";
import { ExpiredContextError } from "./errors.ts";
import { json, oneOf, optional } from "./lowering.ts";
import { ELICITATION, ROOTS, SAMPLING } from "./protocol.ts";
import { ClientRequests } from "./requests.ts";
import { shapeOf, type Infer, type Schema } from "./shape.ts";
import { sendableUri } from "./uris.ts";

const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const;

/** Identity of an authenticated client. Specification: basic/authorization. */
export interface Identity {
  /** The token's `sub`. */
  subject: string;
  /** The token's `iss`. */
  issuer: string | undefined;
  scopes: string[];
  /** All verified claims. */
  claims: Record<string, any>;
}

/** The HTTP request of the call. */
export interface HttpFacts {
  method: string;
  /** The path with the query. */
  path: string;
  /** Name (lower case) -> value; the last value of a repeated header. */
  headers: Record<string, string>;
}

/** Options of sampling. Specification: client/sampling, schema `CreateMessageRequestParams`. */
export interface SamplingOptions {
  /** The maximum number of tokens. */
  maxTokens: number;
  /** The system prompt. */
  system?: string;
  temperature?: number;
  stopSequences?: string[];
  /** The preferred models. Schema `ModelPreferences`. */
  preferences?: Record<string, unknown>;
  /** Tools that the model can call, in the specification's schema `Tool`. */
  tools?: Record<string, unknown>[];
  /** The mode of tool use: the model can (`auto`), must (`required`) or must not (`none`) call tools. */
  toolChoice?: "auto" | "required" | "none";
  metadata?: Record<string, unknown>;
  /** See `Context.elicit`. */
  key?: string;
}

function objectOf(text: string | null | undefined): Record<string, any> {
  const value = text === null || text === undefined ? {} : JSON.parse(text);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

/** Context of a call. It is valid while the function runs; later every use throws `ExpiredContextError`. */
export class Context {
  #held: Request | undefined;
  #clientRequests: ClientRequests | undefined;

  constructor(request: Request) {
    this.#held = request;
  }

  /** The WIT resource (`messages.request`). */
  get request(): Request {
    if (this.#held === undefined) throw new ExpiredContextError();
    return this.#held;
  }

  /** @internal */
  expire(): void {
    this.#held = undefined;
  }

  /** @internal */
  get clientRequests(): ClientRequests {
    this.#clientRequests ??= new ClientRequests(() => this.request);
    return this.#clientRequests;
  }

  /** @internal True if the function waits for the client. */
  get waits(): boolean {
    return this.#clientRequests?.waiting ?? false;
  }

  /** @internal True if the function reached a checkpoint. */
  get atCheckpoint(): boolean {
    return this.#clientRequests?.atCheckpoint ?? false;
  }

  /** @internal Begin another run of the function, in a unit test. */
  nextRun(): void {
    this.#clientRequests = undefined;
  }

  /**
   * Send a progress notification, if the client requested progress. Specification: basic/patterns/progress.
   *
   * @param progress The progress so far; it must increase from call to call.
   * @param total The value of `progress` at the end, if known.
   * @param message A text that describes the current step.
   */
  progress(progress: number, total?: number, message?: string): void {
    this.request.progress(Number(progress), total === undefined ? undefined : Number(total), optional(message));
  }

  /** Send a log message, if the client requested this level. `data`: a text or any JSON value. */
  log(level: LogLevel, data: unknown, logger?: string): void {
    this.request.log(oneOf(level, LEVELS), optional(logger), json(data));
  }
  /** Send a log message of level `debug`. */
  debug(data: unknown): void {
    this.log("debug", data);
  }
  /** Send a log message of level `info`. */
  info(data: unknown): void {
    this.log("info", data);
  }
  /** Send a log message of level `warning`. */
  warning(data: unknown): void {
    this.log("warning", data);
  }
  /** Send a log message of level `error`. */
  error(data: unknown): void {
    this.log("error", data);
  }

  /** True if the client has cancelled the call: long-running functions should check it and stop. */
  get cancelled(): boolean {
    return this.request.cancelled();
  }

  /** Send `notifications/tools/list_changed` to subscribed clients. */
  toolsChanged(): void {
    this.request.notifyToolsChanged();
  }
  /** Send `notifications/prompts/list_changed` to subscribed clients. */
  promptsChanged(): void {
    this.request.notifyPromptsChanged();
  }
  /**
   * Send `notifications/resources/list_changed` to subscribed clients: resources or resource templates have changed.
   */
  resourcesChanged(): void {
    this.request.notifyResourcesChanged();
  }
  /** Send `notifications/resources/updated` to clients subscribed to the resource. The URI is sent in normal form. */
  resourceUpdated(uri: string): void {
    this.request.notifyResourceUpdated(sendableUri(uri));
  }

  /** The JSON-RPC id of the request. */
  get requestId(): string | number {
    return JSON.parse(this.request.id());
  }
  /** The requested tool or prompt name, or resource URI. */
  get target(): string {
    return this.request.target() ?? "";
  }
  /** The protocol revision of the response, for example `2026-07-28`. */
  get protocolVersion(): string {
    return this.request.protocolVersion();
  }
  /** The client's capabilities. Specification: schema `ClientCapabilities`. */
  get clientCapabilities(): Record<string, any> {
    return objectOf(this.request.clientCapabilities());
  }
  /** The request's `_meta`; empty if absent. */
  get meta(): Record<string, any> {
    return objectOf(this.request.meta());
  }
  /** The session of a client of a handshake revision, if any. */
  get sessionId(): string | undefined {
    return this.request.session() ?? undefined;
  }
  /** The identity of the client; undefined if not authenticated. */
  get identity(): Identity | undefined {
    const found = this.request.identity() ?? undefined;
    if (found === undefined) return undefined;
    const { subject, issuer, scopes, claims } = found;
    return { subject, issuer: issuer ?? undefined, scopes, claims: objectOf(claims) };
  }
  /** The HTTP request of the call; undefined for other transports. */
  get http(): HttpFacts | undefined {
    const found = this.request.http() ?? undefined;
    return found && { method: found.method, path: found.path, headers: Object.fromEntries(found.headers) };
  }
  /** The client's results for an earlier `InputRequired`, by key; empty on a first call. */
  get inputResponses(): Record<string, any> {
    return Object.fromEntries(this.request.inputResponses().map(([key, value]) => [key, JSON.parse(value)]));
  }
  /** The state of the earlier `InputRequired`; undefined without one. */
  get inputState(): Uint8Array | undefined {
    return this.request.inputState() ?? undefined;
  }

  /**
   * Elicit input of the user with a form.
   *
   * If the user has not answered yet, the function ends here, and runs again from its start with the answer: code
   * before this call runs each time, except in `once`. Every run must send the same requests in the same order.
   * Specification: client/elicitation, basic/patterns/mrtr.
   *
   * @param message The text for the user.
   * @param form A schema of an object of primitive fields; without it the form has no fields, for a confirmation only.
   * @param options `key`: the key in `inputRequests`; by default made from the order and the parameters of the request.
   */
  async elicit<const S extends Schema>(message: string, form?: S, options: { key?: string } = {}): Promise<Elicited<Infer<S>>> {
    const shape = shapeOf(form ?? { type: "object", properties: {} }, "input", "the form");
    const params = { message, requestedSchema: shape.json };
    return this.clientRequests.send(ELICITATION, params, options.key, (found, key) => elicitedOf(found, key, shape));
  }

  /**
   * Elicit by URL, for data that must not pass through the client: credentials, payments.
   *
   * The action `accept` means that the user agreed to open the link, not that the task behind it is complete.
   *
   * @param message The text for the user.
   * @param url The absolute URL of the link.
   * @param options See `elicit`.
   */
  async elicitUrl(message: string, url: string, options: { key?: string } = {}): Promise<Elicited<undefined>> {
    const params = { mode: "url", message, url };
    return this.clientRequests.send(ELICITATION, params, options.key, (found, key) => elicitedOf(found, key, undefined));
  }

  /** Request a completion of the client's model. The function runs again with the answer, as for `elicit`. */
  async sample(messages: Spoken | Spoken[], options: SamplingOptions): Promise<Sampled> {
    const { maxTokens, system, temperature, stopSequences, preferences, tools, toolChoice, metadata, key } = options;
    const params = {
      messages: samplingMessages(messages),
      maxTokens,
      systemPrompt: system,
      temperature,
      stopSequences,
      modelPreferences: preferences,
      tools,
      toolChoice: toolChoice === undefined ? undefined : { mode: toolChoice },
      metadata,
    };
    return this.clientRequests.send(SAMPLING, params, key, sampledOf);
  }

  /** Request the client's roots. The function runs again with the answer, as for `elicit`. */
  async roots(options: { key?: string } = {}): Promise<Root[]> {
    return this.clientRequests.send(ROOTS, {}, options.key, rootsOf);
  }

  /**
   * Compute a value in the first run of this call only; later runs, after server-to-client requests, get the same
   * value.
   *
   * It is stored as JSON in the sealed request state, which the client sends back: keep it small.
   *
   * @param name The name of the value, unique within this call.
   * @param make Returns the value; it must have a JSON form.
   */
  async once<T>(name: string, make: () => T | Promise<T>): Promise<T> {
    return this.clientRequests.once(name, make);
  }

  /**
   * End this step of a long function; the next step runs the function again from its start, with the state in `state`.
   *
   *     tool({ name: "index", task: "steps" }, async (args: { pages: number }, context) => {
   *       const done: number = context.state ?? 0;
   *       if (done < args.pages) {
   *         await indexPage(done);
   *         await context.checkpoint(done + 1);
   *       }
   *       return `${done} pages`;
   *     });
   *
   * A step is a request of its own, possibly in another process: only the state, the values of `once` and the client's
   * results are kept.
   *
   * @param state A JSON value: the value of `state` in the next step.
   */
  checkpoint(state: unknown = true): Promise<never> {
    return this.clientRequests.checkpoint(state);
  }

  /** The state of the last `checkpoint` of this call; undefined before the first. */
  get state(): any {
    return this.clientRequests.state();
  }
}
