/**
 * Key-value store, for components with the grant `kv`.
 *
 *     import { open } from "wasmcp/kv";
 *     const notes = open("notes");
 *     notes.set(name, { text });
 *     return notes.increment("count");
 *
 * Source: the interface `key-value` of the WIT; its limits are in docs/reference/key-value-store.md.
 */

import { open as openBucket, type Bucket as Raw } from "wasmcp:mcp-v20260728/key-value@0.1.0";

import { sendable } from "./lowering.ts";
import { KV_BATCH_KEYS } from "./protocol.ts";
import { count } from "./runtime/numbers.ts";
import { plain, stored, tagged, updated, type Stored } from "./values.ts";

export { StoreError, type Stored } from "./values.ts";

/** Bucket: a set of keys with their values. */
export class Bucket {
  readonly #raw: Raw;

  /** @internal */
  constructor(
    readonly name: string,
    raw: Raw,
  ) {
    this.#raw = raw;
  }

  #stored<T>(act: () => T, key?: string): T {
    return stored("kv", act, this.name, key);
  }

  /** Return the value of a key, or undefined. */
  get<T = any>(key: string): T | undefined {
    return this.#stored(() => plain(this.#raw.get(sendable(key))), key);
  }
  /** Set the value of a key, and replace an existing one. */
  set(key: string, value: Stored): void {
    this.#stored(() => this.#raw.set(sendable(key), tagged(value)), key);
  }
  /** Delete a key; no effect if it does not exist. */
  delete(key: string): void {
    this.#stored(() => this.#raw.delete(sendable(key)), key);
  }
  /** Return true if the key exists. */
  has(key: string): boolean {
    return this.#stored(() => this.#raw.exists(sendable(key)), key);
  }
  /** Return the values of keys, by key; keys that do not exist are omitted. Up to 1000 keys need one call of the host. */
  getMany(keys: Iterable<string>): Map<string, any> {
    const names = [...keys].map(sendable);
    const found = new Map<string, any>();
    for (let start = 0; start < names.length; start += KV_BATCH_KEYS) {
      const part = names.slice(start, start + KV_BATCH_KEYS);
      const values = this.#stored(() => this.#raw.getMany(part)).map(plain);
      part.forEach((name, at) => values[at] !== undefined && found.set(name, values[at]));
    }
    return found;
  }
  /** Set up to 1000 values at once; atomically, if the store supports that. */
  setMany(values: Record<string, Stored> | Iterable<readonly [string, Stored]>): void {
    const entries = Symbol.iterator in values ? [...(values as Iterable<readonly [string, Stored]>)] : Object.entries(values);
    this.#stored(() => this.#raw.setMany(entries.map(([key, value]) => [sendable(key), tagged(value as Stored)])));
  }
  /** Delete up to 1000 keys at once; see `setMany`. */
  deleteMany(keys: Iterable<string>): void {
    this.#stored(() => this.#raw.deleteMany([...keys].map(sendable)));
  }
  /** Add to a counter atomically, and return its new value. A key that does not exist counts as 0. */
  increment(key: string, by = 1): number {
    return Number(this.#stored(() => this.#raw.increment(sendable(key), count(by)), key));
  }
  /**
   * Set the value of a key atomically, if it has the expected value; undefined if the key must not exist. Return true
   * if the value was set.
   */
  compareAndSwap(key: string, expected: Stored | undefined, replacement: Stored): boolean {
    const before = expected === undefined ? undefined : tagged(expected);
    return this.#stored(() => this.#raw.compareAndSwap(sendable(key), before, tagged(replacement)), key);
  }
  /**
   * Replace the value of a key by a function of it, atomically, and return the new value.
   *
   * @param change Takes the current value, undefined if the key does not exist, and returns the new one. It is called
   *   again if another writer has changed the value in the meantime, so it must not have side effects; after 100 attempts
   *   a `StoreError` is thrown.
   */
  update<T extends Stored = any>(key: string, change: (value: T | undefined) => T): T {
    const name = sendable(key);
    return this.#stored(() => updated(name, () => this.#raw.get(name), (before, after) => this.#raw.compareAndSwap(name, before, after), change), key);
  }
  *#pages(prefix: string): IterableIterator<string[]> {
    let cursor: string | undefined;
    do {
      const page = this.#stored(() => this.#raw.listKeys(sendable(prefix), cursor), prefix);
      yield page.keys;
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
  }
  /** Iterate over the keys that begin with a prefix, in the order of the store. */
  *keys(prefix = ""): IterableIterator<string> {
    for (const page of this.#pages(prefix)) yield* page;
  }
  /** Iterate over the keys that begin with a prefix and their values, in the order of the store. */
  *items<T = any>(prefix = ""): IterableIterator<[string, T]> {
    for (const page of this.#pages(prefix)) yield* this.getMany(page);
  }
}

/** Open a bucket. The empty name, also without an argument, is the default bucket, which every runtime has. */
export function open(name = ""): Bucket {
  return new Bucket(name, stored("kv", () => openBucket(sendable(name)), name));
}
