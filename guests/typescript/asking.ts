/**
 * Multi round-trip requests: the implementation of `Context.elicit`, `sample` and `roots`.
 *
 * An unanswered server-to-client request ends the run of the function as soon as nothing else can continue. The
 * requests, earlier answers and the values of `once` are sent together; with the answers the function runs again from
 * its start. Specification: basic/patterns/mrtr.
 */

import { InputRequired } from "./content.ts";
import { MissingCapabilityError, INVALID_PARAMS, McpError } from "./errors.ts";
import { json } from "./lowering.ts";
import { decode, encode, fingerprint, fromBase64, toBase64 } from "./runtime/text.ts";

const OURS = "\0wasmcp\0";
const ROUNDS = 64;

/** `InputRequired` result: sent instead of a result. */
export class Wanted {
  constructor(
    /** Key, method and parameters (JSON text) of each request. */
    readonly requests: [string, string, string][],
    /** The request state; returned with the answers. */
    readonly state: Uint8Array | undefined,
  ) {}
}

type Members = Record<string, any>;

/** Server-to-client requests of one call. */
export class Dialogue {
  /** The author's part of the request state. */
  readonly state: Uint8Array | undefined;
  /** True if the function waits for an answer. */
  waiting = false;
  readonly #capabilities: () => any;
  readonly #given: Members = Object.create(null);
  readonly #kept: Members = Object.create(null);
  readonly #used: Members = {};
  readonly #pending = new Map<string, [string, string]>();
  readonly #keys = new Set<string>();
  readonly #counts: Record<string, number> = {};

  /**
   * @param state The verified request state of the earlier round.
   * @param responses The client's answers by key, as JSON texts.
   * @param capabilities Returns the client's capabilities.
   */
  constructor(state: Uint8Array | undefined, responses: [string, string][], capabilities: () => any) {
    this.#capabilities = capabilities;
    const written = state === undefined ? null : decode(state, false);
    if (written?.startsWith(OURS)) {
      const ours = JSON.parse(written.slice(OURS.length));
      Object.assign(this.#given, ours.answers);
      Object.assign(this.#kept, ours.kept);
      this.state = ours.own === null ? undefined : fromBase64(ours.own);
    } else {
      this.state = state;
    }
    for (const [key, value] of responses) if (!(key in this.#given)) this.#given[key] = JSON.parse(value);
  }

  /**
   * Return the client's answer to a request, an object; a promise that stays pending if the client has not answered
   * yet.
   *
   * @param key The author's key; by default derived from the position and content of the request.
   * @param needed The required capability of the client. Schema `ClientCapabilities`.
   * @param read Validates the answer and converts it for the author.
   */
  ask<T>(method: string, params: unknown, key: string | undefined, needed: any, read: (found: any, key: string) => T): Promise<T> {
    try {
      const text = json(params);
      const name = key ?? this.#defaultKey(method, text);
      if (this.#keys.has(name)) throw new Error(`two questions of this call have the key \`${name}\`: each answer needs its own`);
      this.#keys.add(name);
      if (name in this.#given) {
        const answer = (this.#used[name] = this.#given[name]);
        if (typeof answer !== "object" || answer === null || Array.isArray(answer)) {
          throw new McpError(INVALID_PARAMS, `the input response \`${name}\` is not an object`);
        }
        return Promise.resolve(read(answer, name));
      }
      this.require(needed);
      if (Object.keys(this.#used).length + this.#pending.size >= ROUNDS) {
        throw new Error(`more than ${ROUNDS} questions in one call`);
      }
      this.#pending.set(name, [method, text]);
      this.waiting = true;
      return new Promise(() => {});
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Throw an error if the client lacks a capability. */
  require(needed: any): void {
    const missing = missingOf(needed, this.#capabilities());
    if (missing !== undefined) throw new MissingCapabilityError(missing);
  }

  #defaultKey(method: string, params: string): string {
    // The key includes the content, so that an answer cannot match a different request.
    const kind = method.split("/")[0]!;
    this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
    return `${kind}-${this.#counts[kind]}-${fingerprint(params)}`;
  }

  /** Return a value computed in the first run; see `Context.once`. */
  async once<T>(name: string, make: () => T | Promise<T>): Promise<T> {
    if (!(name in this.#kept)) this.#kept[name] = JSON.parse(json(await make()));
    return this.#kept[name];
  }

  /** Return the `InputRequired` result with all unanswered requests. */
  wanted(): Wanted {
    return new Wanted(
      [...this.#pending].map(([key, [method, params]]) => [key, method, params]),
      this.wrap(undefined),
    );
  }

  /** Combine the author's state with the library's. */
  wrap(own: Uint8Array | undefined): Uint8Array | undefined {
    const nothing = Object.keys(this.#used).length === 0 && Object.keys(this.#kept).length === 0;
    if (nothing && (own === undefined || !(decode(own, false) ?? "").startsWith(OURS))) return own;
    const state = { answers: this.#used, kept: this.#kept, own: own === undefined ? null : toBase64(own) };
    return encode(OURS + json(state));
  }
}

/** Convert an author's `InputRequired`. */
export function wantedBy(required: InputRequired, dialogue: Dialogue): Wanted {
  const requests = Object.entries(required.requests).map(
    ([key, item]) => [key, item.method, json(item.params)] as [string, string, string],
  );
  if (requests.length === 0 && required.state === undefined) {
    throw new TypeError("expected a request or a state in `InputRequired`, got neither");
  }
  return new Wanted(requests, dialogue.wrap(required.state));
}

/** Return the part of the required capabilities that a client lacks. */
function missingOf(needed: any, has: any): any {
  for (const [name, inner] of Object.entries<any>(needed)) {
    let found = has?.[name];
    if (typeof found !== "object" || found === null) return { [name]: inner };
    // In older revisions, an empty object declares the form mode.
    if (name === "elicitation" && Object.keys(found).length === 0) found = { form: {} };
    const deeper = missingOf(inner, found);
    if (deeper !== undefined) return { [name]: deeper };
  }
  return undefined;
}
