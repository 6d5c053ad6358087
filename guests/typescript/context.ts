/** The call that a function answers, and what it may say to the client and ask it meanwhile. */

import type { Request } from "wasmcp:mcp-v20260728/messages@0.1.0";
import type { LogLevel } from "wasmcp:mcp-v20260728/types@0.1.0";

import { elicitedOf, rootsOf, sampledOf, samplingMessages, type Elicited, type Root, type Sampled, type Spoken } from "./answers.ts";
import { Dialogue } from "./asking.ts";
import { ExpiredContextError } from "./errors.ts";
import { json, oneOf, optional } from "./lowering.ts";
import { shapeOf, type Infer, type Schema } from "./shape.ts";
import { sendableUri } from "./uris.ts";

const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const;

/** Who is asking. Specification: basic/authorization. */
export interface Identity {
  /** The token's `sub`. */
  subject: string;
  /** The token's `iss`. */
  issuer: string | undefined;
  scopes: string[];
  /** All verified claims. */
  claims: Record<string, any>;
}

/** The HTTP request that carried the call. */
export interface HttpFacts {
  method: string;
  /** With the query. */
  path: string;
  /** Name (lower case) -> value; of a header sent twice, the last. */
  headers: Record<string, string>;
}

/** How the client's model is to answer. Specification: client/sampling, schema `CreateMessageRequestParams`. */
export interface SamplingOptions {
  /** At most so many tokens. */
  maxTokens: number;
  /** A system prompt. */
  system?: string;
  temperature?: number;
  stopSequences?: string[];
  /** Which model is wanted. Schema `ModelPreferences`. */
  preferences?: Record<string, unknown>;
  /** What the model may call, in the form of the specification's schema `Tool`. */
  tools?: Record<string, unknown>[];
  /** Whether it may, must or must not. */
  toolChoice?: "auto" | "required" | "none";
  metadata?: Record<string, unknown>;
  /** See `Context.elicit`. */
  key?: string;
}

function objectOf(text: string | null | undefined): Record<string, any> {
  const value = text === null || text === undefined ? {} : JSON.parse(text);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

/** The call. It is valid while the function runs: afterwards every use throws `ExpiredContextError`. */
export class Context {
  #held: Request | undefined;
  #dialogue: Dialogue | undefined;

  constructor(request: Request) {
    this.#held = request;
  }

  /** The request as the WIT has it (`messages.request`). */
  get request(): Request {
    if (this.#held === undefined) throw new ExpiredContextError();
    return this.#held;
  }

  /** @internal */
  expire(): void {
    this.#held = undefined;
  }

  /** @internal */
  get dialogue(): Dialogue {
    const { request } = this;
    this.#dialogue ??= new Dialogue(request.inputState() ?? undefined, request.inputResponses(), () => this.clientCapabilities);
    return this.#dialogue;
  }

  /** @internal Whether the function waits for the client. */
  get waits(): boolean {
    return this.#dialogue?.waiting ?? false;
  }

  /** Tell the client how far the call is, if it asked to be told. Specification: basic/patterns/progress. */
  progress(progress: number, total?: number, message?: string): void {
    this.request.progress(Number(progress), total === undefined ? undefined : Number(total), optional(message));
  }

  /** Send a log message, if the client asked for this level. `data`: a text, or any value that JSON can hold. */
  log(level: LogLevel, data: unknown, logger?: string): void {
    this.request.log(oneOf(level, LEVELS), optional(logger), json(data));
  }
  debug(data: unknown): void {
    this.log("debug", data);
  }
  info(data: unknown): void {
    this.log("info", data);
  }
  warning(data: unknown): void {
    this.log("warning", data);
  }
  error(data: unknown): void {
    this.log("error", data);
  }

  /** Whether the client has taken the call back: a long function looks now and then, and gives up. */
  get cancelled(): boolean {
    return this.request.cancelled();
  }

  /** Tell the clients that listen that the list of tools is another one now. */
  toolsChanged(): void {
    this.request.notifyToolsChanged();
  }
  promptsChanged(): void {
    this.request.notifyPromptsChanged();
  }
  resourcesChanged(): void {
    this.request.notifyResourcesChanged();
  }
  /** Tell the clients that have subscribed to a resource that it holds something else now. The URI is sent in normal form. */
  resourceUpdated(uri: string): void {
    this.request.notifyResourceUpdated(sendableUri(uri));
  }

  /** The request's id, as the client sent it. */
  get requestId(): string | number {
    return JSON.parse(this.request.id());
  }
  /** The name of the tool or prompt, or the URI of the resource, that was asked for. */
  get target(): string {
    return this.request.target() ?? "";
  }
  /** The protocol revision that the call is answered in, for example `2026-07-28`. */
  get protocolVersion(): string {
    return this.request.protocolVersion();
  }
  /** What the client can do. Specification: schema `ClientCapabilities`. */
  get clientCapabilities(): Record<string, any> {
    return objectOf(this.request.clientCapabilities());
  }
  /** The request's `_meta`; empty when there is none. */
  get meta(): Record<string, any> {
    return objectOf(this.request.meta());
  }
  /** The session of a client of an older revision, where there is one. */
  get sessionId(): string | undefined {
    return this.request.session() ?? undefined;
  }
  /** Who is asking; undefined when nobody was authenticated. */
  get identity(): Identity | undefined {
    const found = this.request.identity() ?? undefined;
    if (found === undefined) return undefined;
    const { subject, issuer, scopes, claims } = found;
    return { subject, issuer: issuer ?? undefined, scopes, claims: objectOf(claims) };
  }
  /** The HTTP request that carried the call; undefined when it came another way. */
  get http(): HttpFacts | undefined {
    const found = this.request.http() ?? undefined;
    return found && { method: found.method, path: found.path, headers: Object.fromEntries(found.headers) };
  }
  /** The client's answers to an earlier `InputRequired`, by key. */
  get inputResponses(): Record<string, any> {
    return Object.fromEntries(this.request.inputResponses().map(([key, value]) => [key, JSON.parse(value)]));
  }
  /** The state that went with the earlier `InputRequired`. */
  get inputState(): Uint8Array | undefined {
    return this.dialogue.state;
  }

  /**
   * Ask the user to fill in a form.
   *
   * The function ends here when the user has not answered yet, and runs again from its start with the answer: what
   * happens before this line happens each time, but for what `once` keeps. It must ask the same questions in the same
   * order. Specification: client/elicitation, basic/patterns/mrtr.
   *
   * @param message What the user reads.
   * @param form A schema of an object of simple fields; none: only a consent.
   * @param key The key of the question, when the client is to see a certain one.
   */
  async elicit<const S extends Schema>(message: string, form?: S, options: { key?: string } = {}): Promise<Elicited<Infer<S>>> {
    const shape = shapeOf(form ?? { type: "object", properties: {} }, "input", "the form");
    const params = { message, requestedSchema: shape.json };
    return this.dialogue.ask("elicitation/create", params, options.key, { elicitation: { form: {} } }, (found, key) =>
      elicitedOf(found, key, shape),
    );
  }

  /**
   * Ask the user to follow a link, for what must not pass through the client: credentials, payments.
   *
   * Accepting means that the link was opened, not that anything was done there.
   */
  async elicitUrl(message: string, url: string, options: { key?: string } = {}): Promise<Elicited<undefined>> {
    const params = { mode: "url", message, url };
    return this.dialogue.ask("elicitation/create", params, options.key, { elicitation: { url: {} } }, (found, key) =>
      elicitedOf(found, key, undefined),
    );
  }

  /** Have the client's model continue a conversation. Runs and reruns like `elicit`. */
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
    const needed = tools !== undefined || toolChoice !== undefined ? { tools: {} } : {};
    return this.dialogue.ask("sampling/createMessage", params, key, { sampling: needed }, sampledOf);
  }

  /** Ask for the folders and files that the client works in. Runs and reruns like `elicit`. */
  async roots(options: { key?: string } = {}): Promise<Root[]> {
    return this.dialogue.ask("roots/list", {}, options.key, { roots: {} }, rootsOf);
  }

  /**
   * A value that is made in the first run of this call, and kept while the client is asked.
   *
   * It travels with the client, sealed, and comes back as the JSON value it was: keep it small.
   */
  async once<T>(name: string, make: () => T | Promise<T>): Promise<T> {
    return this.dialogue.once(name, make);
  }
}
