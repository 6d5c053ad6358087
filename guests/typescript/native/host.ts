/**
 * Interfaces of the host in unit tests, implemented by fakes: the module that the loader imports for each of them.
 *
 * Without a fake, every access fails with the error of a component without the grant.
 */

import { describeWithoutBuild } from "../described.ts";
import { KV_BATCH_BYTES, KV_BATCH_KEYS, KV_KEY_BYTES, KV_NAME_BYTES, KV_PAGE_KEYS, KV_SESSION_KEY_BYTES, KV_VALUE_BYTES } from "../protocol.ts";
import { goLive } from "../runtime/loop.ts";

/** Value with its type: `value` of the interface `key-value-types`. */
export type Value = { tag: string; val: any };

const RESERVED = "wasmcp:";
const RESERVED_KEYS = [RESERVED, "wasmcp."];
const S64 = 2n ** 63n;

function problem(tag: string, val?: string): Error {
  return Object.assign(new Error(val ?? tag), { payload: val === undefined ? { tag } : { tag, val } });
}

function bytesIn(text: string): number {
  return new TextEncoder().encode(text).length;
}

function sizeOf({ tag, val }: Value): number {
  return tag === "string" || tag === "json" ? bytesIn(val) : tag === "bytes" ? val.length : 8;
}

function fitting(value: Value): Value {
  if (sizeOf(value) > KV_VALUE_BYTES) throw problem("limit", "a value has at most 2 MiB");
  return value;
}

function checkName(name: string): void {
  if (name.startsWith(RESERVED)) throw problem("other", `names that begin with \`${RESERVED}\` are reserved for the framework`);
}

function checkKey(key: string): void {
  if (!RESERVED_KEYS.some((prefix) => key.startsWith(prefix))) return;
  throw problem("other", "keys that begin with `wasmcp:` or `wasmcp.` are reserved for the framework");
}

function checkBatch(count: number, size = 0): void {
  if (count > KV_BATCH_KEYS || size > KV_BATCH_BYTES) throw problem("limit", "a batch has at most 1000 keys and 2 MiB");
}

function equal(one: Value | undefined, other: Value | null | undefined): boolean {
  if (one === undefined || other === null || other === undefined) return one === undefined && (other ?? undefined) === undefined;
  if (one.tag !== other.tag) return false;
  return one.tag === "bytes" ? one.val.length === other.val.length && one.val.every((byte: number, at: number) => byte === other.val[at]) : one.val === other.val;
}

/** Values of one bucket or session, in memory. */
export class FakeValues {
  readonly held = new Map<string, Value>();
  readonly #keyLimit: number;

  constructor(session = false) {
    this.#keyLimit = session ? KV_SESSION_KEY_BYTES : KV_KEY_BYTES;
  }

  #checked(key: string): string {
    const size = bytesIn(key);
    if (size < 1 || size > this.#keyLimit) throw problem("limit", `a key has 1 to ${this.#keyLimit} bytes`);
    // A bucket can also contain the values of sessions.
    if (this.#keyLimit === KV_KEY_BYTES) checkKey(key);
    return key;
  }

  get(key: string): Value | undefined {
    return this.held.get(this.#checked(key));
  }
  set(key: string, value: Value): void {
    this.held.set(this.#checked(key), fitting(value));
  }
  delete(key: string): void {
    this.held.delete(this.#checked(key));
  }
  exists(key: string): boolean {
    return this.held.has(this.#checked(key));
  }
  getMany(keys: string[]): (Value | undefined)[] {
    checkBatch(keys.length);
    return keys.map((key) => this.get(key));
  }
  setMany(entries: [string, Value][]): void {
    checkBatch(entries.length, entries.reduce((sum, [, value]) => sum + sizeOf(value), 0));
    for (const [key, value] of entries) {
      this.#checked(key);
      fitting(value);
    }
    for (const [key, value] of entries) this.held.set(key, value);
  }
  deleteMany(keys: string[]): void {
    checkBatch(keys.length);
    for (const key of keys.map((each) => this.#checked(each))) this.held.delete(key);
  }
  increment(key: string, delta: number): number {
    const found = this.held.get(this.#checked(key)) ?? { tag: "s64", val: 0 };
    if (found.tag !== "s64") throw problem("not-a-counter");
    const after = BigInt(found.val) + BigInt(delta);
    if (after < -S64 || after >= S64) throw problem("out-of-range");
    this.held.set(key, { tag: "s64", val: Number(after) });
    return Number(after);
  }
  compareAndSwap(key: string, expected: Value | null | undefined, replacement: Value): boolean {
    if (!equal(this.held.get(this.#checked(key)), expected)) return false;
    this.held.set(key, fitting(replacement));
    return true;
  }
  listKeys(prefix: string, cursor: string | null | undefined): { keys: string[]; next: string | undefined } {
    const found = [...this.held.keys()].filter((key) => key.startsWith(prefix) && (typeof cursor !== "string" || key > cursor)).sort();
    const keys = found.slice(0, KV_PAGE_KEYS);
    return { keys, next: found.length > KV_PAGE_KEYS ? keys.at(-1) : undefined };
  }
}

/** Buckets by name. */
export class FakeStore {
  readonly #buckets = new Map<string, FakeValues>();

  open(name: string): FakeValues {
    if (bytesIn(name) > KV_NAME_BYTES) throw problem("limit", `the name of a bucket has at most ${KV_NAME_BYTES} bytes`);
    checkName(name);
    const found = this.#buckets.get(name) ?? new FakeValues();
    this.#buckets.set(name, found);
    return found;
  }
}

/** The fakes of the running test; the last one of each kind is used. */
export const STORES: FakeStore[] = [];
export const CONFIGURATIONS: { values: Record<string, unknown>; environment: Record<string, string> }[] = [];
export const SESSIONS = new WeakMap<object, FakeValues>();

// The interface `key-value`.
export function open(name: string): FakeValues {
  const store = STORES.at(-1);
  if (store === undefined) throw problem("access-denied");
  return store.open(name);
}

// The interface `config`, and `wasi:cli/environment`.
export function all(): string {
  return JSON.stringify(CONFIGURATIONS.at(-1)?.values ?? {});
}
export function getEnvironment(): [string, string][] {
  return Object.entries(CONFIGURATIONS.at(-1)?.environment ?? {});
}

// The interface `sessions`.
function valuesOf(request: object): FakeValues {
  const values = SESSIONS.get(request);
  if (values === undefined) throw problem("no-session");
  return values;
}
export function hasSession(request: object): boolean {
  return SESSIONS.has(request);
}
export function get(request: object, key: string): Value | undefined {
  return valuesOf(request).get(key);
}
export function set(request: object, key: string, value: Value): void {
  valuesOf(request).set(key, value);
}
function remove(request: object, key: string): void {
  valuesOf(request).delete(key);
}
export { remove as delete };
export function keys(request: object): string[] {
  return [...valuesOf(request).held.keys()].sort();
}
export function increment(request: object, key: string, delta: number): number {
  return valuesOf(request).increment(key, delta);
}
export function compareAndSwap(request: object, key: string, expected: Value | undefined, replacement: Value): boolean {
  return valuesOf(request).compareAndSwap(key, expected, replacement);
}

// `wasi:cli/stderr`, `wasi:clocks/monotonic-clock` and `wasi:io/poll`: Node has its own console and event loop.
export function getStderr(): { blockingWriteAndFlush(bytes: Uint8Array): void } {
  return { blockingWriteAndFlush: (bytes) => void (globalThis as any).process.stderr.write(bytes) };
}
export function subscribeDuration(): never {
  throw new Error("timers of unit tests are those of Node");
}
export function poll(): never {
  throw new Error("the event loop of unit tests is that of Node");
}

/** Node's own `fetch`. */
export const nodeFetch: any = (globalThis as any).fetch;

/** Deny HTTP, and set the missing names and schemas of declarations, which a build derives from types. */
export function isolate(): void {
  (globalThis as any).fetch = async (url: unknown) => {
    const advice = "in a unit test, give it `fakeHttp()` or `realHttp()` of `wasmcp/testing`";
    const error = new TypeError(`fetching ${String(url)} failed: \`http\` is not granted to this component: ${advice}`);
    throw Object.assign(error, { code: "HTTP-request-denied" });
  };
  goLive();
  let unnamed = 0;
  describeWithoutBuild(() => {
    unnamed += 1;
    return { name: `unnamed_${unnamed}`, input: { type: "object" } };
  });
}
