/**
 * Values that a component keeps for a client's session, for components with the grant `sessions`.
 *
 *     import { session } from "wasmcp/session";
 *     const visits = session(context)?.increment("visits");
 *
 * Clients of the revisions before 2026-07-28 have sessions. Source: the interface `sessions` of the WIT.
 */

import * as raw from "wasmcp:mcp-v20260728/sessions@0.1.0";

import type { Context } from "./context.ts";
import { sendable } from "./lowering.ts";
import { count } from "./runtime/numbers.ts";
import { plain, stored, tagged, type Stored } from "./values.ts";

export { StoreError, type Stored } from "./values.ts";

/** The values of one session. It is valid as long as the context that it is of. */
export class Session {
  readonly #context: Context;

  /** @internal */
  constructor(context: Context) {
    this.#context = context;
  }

  /** The value of a key; undefined where there is none. */
  get<T = any>(key: string): T | undefined {
    return stored("sessions", () => plain(raw.get(this.#context.request, sendable(key))));
  }
  set(key: string, value: Stored): void {
    stored("sessions", () => raw.set(this.#context.request, sendable(key), tagged(value)));
  }
  /** A key that is not there is fine. */
  delete(key: string): void {
    stored("sessions", () => raw.delete(this.#context.request, sendable(key)));
  }
  keys(): string[] {
    return stored("sessions", () => raw.keys(this.#context.request));
  }
  /** Add to a counter and return its value then; one that is not there counts as 0. */
  increment(key: string, by = 1): number {
    return Number(stored("sessions", () => raw.increment(this.#context.request, sendable(key), count(by))));
  }
  /** Set a value if the key has the expected one (undefined: it is not there). */
  compareAndSwap(key: string, expected: Stored | undefined, replacement: Stored): boolean {
    const before = expected === undefined ? undefined : tagged(expected);
    return stored("sessions", () => raw.compareAndSwap(this.#context.request, sendable(key), before, tagged(replacement)));
  }
}

/** The session that a call belongs to; undefined where there is none. */
export function session(context: Context): Session | undefined {
  return raw.hasSession(context.request) ? new Session(context) : undefined;
}
