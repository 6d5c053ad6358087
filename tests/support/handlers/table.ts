// Handlers that run the cases of `table.json`: compiled to a component, and run natively with the fakes.

import { tool } from "wasmcp";
import { config, ConfigError } from "wasmcp/config";
import { open, StoreError, type Bucket } from "wasmcp/kv";

type Members = Record<string, any>;

// The build reads types of arguments from the code: these schemas are for unit tests, too.
const CASE = { type: "object", properties: { case: { type: "string" } }, required: ["case"] } as const;
const PAGE = { type: "object", properties: { url: { type: "string" } }, required: ["url"] } as const;

/** Names of the errors of the other guest libraries, by the code of this one. */
const STORE_ERRORS: Record<string, string> = {
  "access-denied": "AccessDeniedError",
  "no-such-bucket": "NoSuchBucketError",
  "no-session": "NoSessionError",
  "not-a-counter": "NotACounterError",
  "out-of-range": "OutOfRangeError",
  limit: "LimitExceededError",
  unsupported: "UnsupportedOperationError",
  other: "StoreError",
};

function httpError(error: any): Members {
  const { code } = error;
  if (code === "connection-refused") return { error: "ConnectError", code };
  if (error.name === "TimeoutError" || code === "HTTP-response-timeout") {
    return { error: "TransferTimeoutError", phase: "first_byte", code: "HTTP-response-timeout" };
  }
  return { error: "InvalidRequestError" };
}

/** Send the request of a case. */
export async function httpCase(given: Members): Promise<Members> {
  const encoder = new TextEncoder();
  const pieces = async function* () {
    for (const piece of given.pieces as string[]) yield encoder.encode(piece);
  };
  const body = given.pieces !== undefined ? pieces() : given.json !== undefined ? JSON.stringify(given.json) : given.text;
  const signal = given.first_byte === undefined ? null : AbortSignal.timeout(given.first_byte * 1000);
  try {
    const response = await fetch(given.url, {
      method: given.method,
      headers: given.headers ?? [],
      ...(body !== undefined && { body }),
      redirect: given.max_redirects === 0 ? "manual" : "follow",
      signal,
    } as never);
    return {
      status: response.status,
      text: await response.text(),
      url: response.url,
      redirects: response.redirected ? 1 : 0,
      cookies: response.headers.getSetCookie(),
    };
  } catch (error) {
    return httpError(error);
  }
}

const stored = (value: any) => (value?.bytes !== undefined ? Uint8Array.from(value.bytes) : value);
const plain = (value: any) => (value instanceof Uint8Array ? { bytes: [...value] } : value);

function step(bucket: Bucket, given: Members): unknown {
  const key = given.key_length === undefined ? given.key : "k".repeat(given.key_length);
  const value = given.value_length === undefined ? stored(given.value) : "x".repeat(given.value_length);
  const keys: string[] = given.keys ?? Array.from({ length: given.count ?? 0 }, (_, number) => String(number));
  switch (given.op) {
    case "set":
      return bucket.set(key, value);
    case "get": {
      const found = bucket.get(key);
      return found === undefined ? "absent" : plain(found);
    }
    case "exists":
      return bucket.has(key);
    case "delete":
      return bucket.delete(key);
    case "increment":
      return bucket.increment(key, given.by);
    case "compare_and_swap":
      return bucket.compareAndSwap(key, given.expected === "absent" ? undefined : stored(given.expected.is), value);
    case "set_many":
      return bucket.setMany(given.values ?? keys.map((name) => [name, 1] as const));
    case "get_many":
      return given.keys === undefined ? bucket.getMany(keys).size : Object.fromEntries(bucket.getMany(keys));
    case "delete_many":
      return bucket.deleteMany(keys);
    case "update":
      return bucket.update(key, (before = 0) => before + given.by);
    case "items":
      return Object.fromEntries(bucket.items(given.prefix));
    case "keys":
      return [...bucket.keys(given.prefix)];
    default:
      return void open(given.bucket ?? "n".repeat(given.bucket_length));
  }
}

/** Do the steps of a case in a bucket, and return the outcome of each. */
export function kvCase(given: Members): Members[] {
  const bucket = open(given.bucket);
  return given.steps.map((each: Members) => {
    try {
      return { gives: step(bucket, each) ?? null };
    } catch (error) {
      return error instanceof StoreError ? { fails: STORE_ERRORS[error.code], message: error.message } : { fails: String(error) };
    }
  });
}

const LIKE: Record<string, unknown> = { integer: 0, number: 0, boolean: false, texts: [] };

/** Read the values of lookups, and return the outcome of each. A value is converted to the type of its default. */
export function configCase(lookups: Members[]): Members[] {
  return lookups.map(({ key, kind, default: fallback }) => {
    try {
      return { gives: config(key, fallback ?? LIKE[kind]) };
    } catch (error: any) {
      return { fails: error instanceof ConfigError ? error.name : String(error), message: error.message };
    }
  });
}

/** Fetch a page, keep it, and return it with the greeting of the configuration and the number of pages so far. */
export async function keep({ url }: { url: string }): Promise<Members> {
  const page = await fetch(url);
  const pages = open();
  pages.set("typescript/page", { text: await page.text(), greeting: config("greeting") });
  const count = pages.increment("typescript/count");
  return { kept: pages.get("typescript/page"), count };
}

const written = (value: unknown) => JSON.stringify(value);

tool({ name: "typescript_http", input: CASE }, async (args) => written(await httpCase(JSON.parse(args.case))));
tool({ name: "typescript_kv", input: CASE }, (args) => written(kvCase(JSON.parse(args.case))));
tool({ name: "typescript_config", input: CASE }, (args) => written(configCase(JSON.parse(args.case))));
export const keepTool = tool({ name: "typescript_keep", input: PAGE }, async (args) => written(await keep(args)));
