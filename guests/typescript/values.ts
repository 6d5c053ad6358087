/** Typed values of stores: texts, numbers, booleans, bytes and JSON. */

import type { Error as StoreProblem, Value } from "wasmcp:mcp-v20260728/key-value-types@0.1.0";

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

const WORDS: Record<string, (grant: string) => string> = {
  "access-denied": (grant) => `it is denied: \`grants = ["${grant}"]\` in the table of the component grants it`,
  "no-such-bucket": () => "there is no bucket of this name",
  "no-session": () => "the request belongs to no session: clients of 2026-07-28 have none",
  "not-a-counter": () => "what is there is no counter",
  "out-of-range": () => "the counter would leave its range",
};

/** Run an operation on a store; convert its errors to `StoreError`. */
export function stored<T>(grant: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const problem = (error as { payload?: StoreProblem } | null)?.payload;
    if (problem === undefined || typeof problem?.tag !== "string") throw error;
    const words = WORDS[problem.tag]?.(grant) ?? ("val" in problem ? problem.val : problem.tag);
    throw new StoreError(problem.tag, words);
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
