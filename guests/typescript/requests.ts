/**
 * Server-to-client requests: the implementation of `Context.elicit`, `sample` and `roots`.
 *
 * A request without a result ends the run of the function as soon as nothing else can continue. With the results of the
 * client the function runs again from its start. The framework keeps results and the values of `once` between the runs,
 * and checks the results: `messages.request` of the WIT. Specification: basic/patterns/mrtr.
 */

import type { Request } from "wasmcp:mcp-v20260728/messages@0.1.0";
import type * as wit from "wasmcp:mcp-v20260728/types@0.1.0";

import { InputRequired } from "./content.ts";
import { McpError, MissingCapabilityError } from "./errors.ts";
import { json, optional, sendable } from "./lowering.ts";
import { INVALID_PARAMS, MISSING_CAPABILITY } from "./protocol.ts";

/** `InputRequired` result: sent instead of a result. */
export class Required {
  constructor(
    /**
     * Key, method and parameters (JSON text) of each request. An empty array without a state stands for all requests of
     * this run that have no result.
     */
    readonly requests: [string, string, string][],
    /** The author's request state; returned with the results. */
    readonly state: Uint8Array | undefined,
  ) {}
}

/** Name of the stored value with the state of the last checkpoint. */
export const CHECKPOINT = "wasmcp/checkpoint";

/** End of a step in a unit test. In a component the promise of `Context.checkpoint` stays pending instead. */
export class CheckpointSignal extends Error {
  constructor() {
    super("the function ended its step with `checkpoint`: call it with `runSteps`");
  }
}

/** Server-to-client requests of one run of a function. */
export class ClientRequests {
  /** True if the function waits for a result, or reached a checkpoint. */
  waiting = false;
  /** True if the function reached a checkpoint. */
  atCheckpoint = false;
  readonly #request: () => Request;

  /** @param request Returns the request that is being answered. */
  constructor(request: () => Request) {
    this.#request = request;
  }

  /**
   * Return the client's result of a request, an object; a promise that stays pending if the client has not sent it.
   *
   * @param key The author's key; by default made from the order and the parameters of the request.
   * @param read Converts the result for the author.
   */
  send<T>(method: string, params: unknown, key: string | undefined, read: (found: any, key: string) => T): Promise<T> {
    try {
      const response = converted(() => this.#request().clientRequest(method, json(params), optional(key)));
      if (typeof response.value === "string") return Promise.resolve(read(JSON.parse(response.value), response.key));
      this.waiting = true;
      return new Promise(() => {});
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Return a value computed in the first run; see `Context.once`. */
  async once<T>(name: string, make: () => T | Promise<T>): Promise<T> {
    const key = sendable(name);
    const kept = this.#request().storedValue(key);
    if (typeof kept === "string") return JSON.parse(kept);
    const text = json(await make());
    converted(() => this.#request().storeValue(key, text));
    return JSON.parse(text);
  }

  /** End this run; see `Context.checkpoint`. */
  checkpoint(state: unknown): Promise<never> {
    try {
      converted(() => this.#request().storeValue(CHECKPOINT, json(state)));
      this.waiting = this.atCheckpoint = true;
      return new Promise(() => {});
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Return the state of the last checkpoint. */
  state(): any {
    const text = this.#request().storedValue(CHECKPOINT);
    return typeof text === "string" ? JSON.parse(text) : undefined;
  }

  /**
   * Return the result that stands for all requests of this run without a result, or for its checkpoint. A checkpoint
   * has a state of the author, which can be empty, and no requests.
   */
  required(): Required {
    return new Required([], this.atCheckpoint ? (this.#request().inputState() ?? new Uint8Array()) : undefined);
  }
}

/** Call a function of the framework; throw its errors as those of authors. */
function converted<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    const error = (thrown as { payload?: wit.Error } | null)?.payload;
    if (typeof error?.code !== "number") throw thrown;
    const data = typeof error.data === "string" ? JSON.parse(error.data) : undefined;
    if (error.code === MISSING_CAPABILITY) throw new MissingCapabilityError(data.requiredCapabilities);
    if (error.code === INVALID_PARAMS) throw new McpError(error.code, error.message, data);
    throw new Error(error.message);
  }
}

/** Convert an author's `InputRequired`. */
export function requiredBy(required: InputRequired): Required {
  const requests = Object.entries(required.requests).map(
    ([key, item]) => [key, item.method, json(item.params)] as [string, string, string],
  );
  if (requests.length === 0 && required.state === undefined) {
    throw new TypeError("expected a request or a state in `InputRequired`, got neither");
  }
  return new Required(requests, required.state);
}
