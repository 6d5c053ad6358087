/**
 * Session values, for components with the grant `sessions`.
 *
 *     import { session } from "wasmcp/session";
 *     const visits = session(context)?.increment("visits");
 *
 * Only clients of handshake revisions (before 2026-07-28) have sessions. Source: the interface `sessions` of the WIT.
 */

import * as raw from "wasmcp:mcp-v20260728/sessions@0.1.0";

import type { Context } from "./context.ts";
import { sendable } from "./lowering.ts";
import { count } from "./runtime/numbers.ts";
import { plain, stored, tagged, type Stored } from "./values.ts";

export { StoreError, type Stored } from "./values.ts";

/** Values of one session; valid as long as its context. */
export class Session {
  readonly #context: Context;

  /** @internal */
  constructor(context: Context) {
    this.#context = context;
  }

  /** Return the value of a key, or undefined. */
  get<T = any>(key: string): T | undefined {
    return stored("sessions", () => plain(raw.get(this.#context.request, sendable(key))));
  }
  set(key: string, value: Stored): void {
    stored("sessions", () => raw.set(this.#context.request, sendable(key), tagged(value)));
  }
  /** Delete a key; no error if it does not exist. */
  delete(key: string): void {
    stored("sessions", () => raw.delete(this.#context.request, sendable(key)));
  }
  keys(): string[] {
    return stored("sessions", () => raw.keys(this.#context.request));
  }
  /** Add to a counter, and return its new value; a missing one counts as 0. */
  increment(key: string, by = 1): number {
    return Number(stored("sessions", () => raw.increment(this.#context.request, sendable(key), count(by))));
  }
  /** Set a value if the key has the expected one (undefined: the key does not exist). */
  compareAndSwap(key: string, expected: Stored | undefined, replacement: Stored): boolean {
    const before = expected === undefined ? undefined : tagged(expected);
    return stored("sessions", () => raw.compareAndSwap(this.#context.request, sendable(key), before, tagged(replacement)));
  }
}

/** Return the session of a call, or undefined. */
export function session(context: Context): Session | undefined {
  return raw.hasSession(context.request) ? new Session(context) : undefined;
}
