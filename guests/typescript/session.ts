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
import { plain, stored, tagged, updated, type Stored } from "./values.ts";

export { StoreError, type Stored } from "./values.ts";

/** Values that this component stores in one session; valid as long as the context of the call. */
export class Session {
  readonly #context: Context;

  /** @internal */
  constructor(context: Context) {
    this.#context = context;
  }

  /** The identifier of the session: for logs, do not send it to clients. */
  get id(): string {
    return this.#context.sessionId ?? "";
  }
  /** Return the value of a key, or undefined. */
  get<T = any>(key: string): T | undefined {
    return stored("sessions", () => plain(raw.get(this.#context.request, sendable(key))));
  }
  /** Set the value of a key, and replace an existing one. */
  set(key: string, value: Stored): void {
    stored("sessions", () => raw.set(this.#context.request, sendable(key), tagged(value)));
  }
  /** Delete a key; no effect if it does not exist. */
  delete(key: string): void {
    stored("sessions", () => raw.delete(this.#context.request, sendable(key)));
  }
  /** Return true if the key exists. */
  has(key: string): boolean {
    return this.get(key) !== undefined;
  }
  /** Return all keys, in the order of the store. */
  keys(): string[] {
    return stored("sessions", () => raw.keys(this.#context.request));
  }
  /** Add to a counter atomically, and return its new value. A key that does not exist counts as 0. */
  increment(key: string, by = 1): number {
    return Number(stored("sessions", () => raw.increment(this.#context.request, sendable(key), count(by))));
  }
  /**
   * Set the value of a key atomically, if it has the expected value; undefined if the key must not exist. Return true
   * if the value was set.
   */
  compareAndSwap(key: string, expected: Stored | undefined, replacement: Stored): boolean {
    const before = expected === undefined ? undefined : tagged(expected);
    return stored("sessions", () => raw.compareAndSwap(this.#context.request, sendable(key), before, tagged(replacement)));
  }
  /** Replace the value of a key by a function of it, atomically, and return the new value; see `Bucket.update`. */
  update<T extends Stored = any>(key: string, change: (value: T | undefined) => T): T {
    const name = sendable(key);
    const { request } = this.#context;
    return stored("sessions", () => updated(name, () => raw.get(request, name), (before, after) => raw.compareAndSwap(request, name, before, after), change));
  }
}

/** Return the session of a call; undefined without one. */
export function session(context: Context): Session | undefined {
  return raw.hasSession(context.request) ? new Session(context) : undefined;
}
