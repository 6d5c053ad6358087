/** Typed values of stores: texts, numbers, booleans, bytes and JSON. */

import type { Error as StoreProblem, Value } from "wasmcp:mcp-v20260728/key-value-types@0.1.0";

import { notGranted } from "./errors.ts";
import { json, sendable } from "./lowering.ts";
import { count } from "./runtime/numbers.ts";

/** Value of a store. */
export type Stored = string | number | bigint | boolean | Uint8Array | null | object;

/** Error of a store. `code` is the case of the WIT's `key-value-types.error`. */
export class StoreError extends Error {
  override name = "StoreError";

  constructor(
    readonly code: StoreProblem["tag"],
    message: string,
  ) {
    super(message);
  }
}

/** The messages of errors, the same in all guest libraries. */
const WORDS: Partial<Record<StoreProblem["tag"], string>> = {
  "no-such-bucket": "the operator's store has no bucket of this name",
  "no-session": "the client has no session, or it has ended",
  "not-a-counter": "the value of this key is not a counter, a signed integer of 64 bits",
  "out-of-range": "the counter would need more than 64 bits",
  limit: "a key, a value or a batch is too large",
  unsupported: "the operator's store does not support this operation",
};
const FAILED = "the operation of the store failed";

/**
 * Return the rule of the grant that permits a bucket, or the keys of it with the prefix of a key, up to its last slash.
 */
function ruleOf(bucket: string, key: string | undefined): string {
  if (!key) return `bucket:${bucket}`;
  const prefix = key.slice(0, key.lastIndexOf("/") + 1) || key;
  return `{ bucket = ${JSON.stringify(bucket)}, prefix = ${JSON.stringify(prefix)} }`;
}

function messageOf(problem: StoreProblem, grant: string, bucket: string | undefined, key: string | undefined): string {
  if (problem.tag === "access-denied") return notGranted(grant, bucket === undefined ? undefined : ruleOf(bucket, key));
  const words = WORDS[problem.tag] ?? FAILED;
  const detail = problem.tag === "no-such-bucket" && bucket !== undefined ? `\`${bucket}\`` : "val" in problem ? problem.val : "";
  return detail ? `${words}: ${detail}` : words;
}

/**
 * Run an operation on a store; convert its errors to `StoreError`. `bucket`: its name; undefined for session values.
 * `key`: the key, or the prefix of keys; undefined if the operation is about the bucket or about several keys.
 */
export function stored<T>(grant: string, act: () => T, bucket?: string, key?: string): T {
  try {
    return act();
  } catch (error) {
    const problem = (error as { payload?: StoreProblem } | null)?.payload;
    if (problem === undefined || typeof problem?.tag !== "string") throw error;
    throw new StoreError(problem.tag, messageOf(problem, grant, bucket, key));
  }
}

/** Convert a value to the WIT type. Whole numbers are counters. */
export function tagged(value: Stored): Value {
  if (typeof value === "string") return { tag: "string", val: sendable(value) };
  if (typeof value === "boolean") return { tag: "bool", val: value };
  if (value instanceof Uint8Array) return { tag: "bytes", val: Uint8Array.from(value) };
  if (typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value))) return { tag: "s64", val: count(value) };
  return { tag: "json", val: json(value) };
}

/** Maximum number of attempts of `updated`. */
const ATTEMPTS = 100;

/**
 * Replace a value by a function of it; see `Bucket.update`. `read` returns the stored value, and `swap` replaces it if it
 * is the expected one.
 */
export function updated<T extends Stored>(
  key: string,
  read: () => Value | null | undefined,
  swap: (before: Value | undefined, after: Value) => boolean,
  change: (value: T | undefined) => T,
): T {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const before = read() ?? undefined;
    const after = tagged(change(plain(before)));
    if (swap(before, after)) return plain(after);
  }
  throw new StoreError("other", `${FAILED}: others changed \`${key}\` first, ${ATTEMPTS} times in a row`);
}

/** Convert a value of the WIT type. */
export function plain(value: Value | null | undefined): any {
  if (value === null || value === undefined) return undefined;
  switch (value.tag) {
    case "json":
      return JSON.parse(value.val);
    case "u64":
    case "s64":
      return Number(value.val);
    case "bytes":
      return Uint8Array.from(value.val);
    default:
      return value.val;
  }
}
