/** `console`, which writes to standard error, for the operator of the server. */

import { getStderr, type OutputStream } from "wasi:cli/stderr@0.2.8";

import { isLive } from "./loop.ts";
import { encode } from "./text.ts";
import { located } from "./places.ts";

const CHUNK = 4096;
let stream: OutputStream | undefined;
let early = "";

/** Write a text to standard error; output during evaluation is buffered until the first call. */
export function write(text: string): void {
  if (!isLive()) {
    early += text;
    return;
  }
  const bytes = encode(early + text);
  early = "";
  try {
    stream ??= getStderr();
    for (let start = 0; start < bytes.length; start += CHUNK) {
      stream.blockingWriteAndFlush(bytes.subarray(start, start + CHUNK));
    }
  } catch {
    // Standard error is closed: ignore it.
  }
}

/** Format a value for humans. */
export function inspect(value: unknown, depth = 0, seen: unknown[] = []): string {
  if (typeof value === "string") return depth === 0 ? value : JSON.stringify(value);
  if (typeof value === "function") return `[function ${value.name || "(anonymous)"}]`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Error) return located(value);
  if (seen.includes(value)) return "[circular]";
  const inner = (item: unknown) => inspect(item, depth + 1, [...seen, value]);
  if (depth > 4) return Array.isArray(value) ? "[...]" : "{...}";
  if (Array.isArray(value)) return `[${value.map(inner).join(", ")}]`;
  if (value instanceof Map) return `Map {${[...value].map(([key, item]) => `${inner(key)} => ${inner(item)}`).join(", ")}}`;
  if (value instanceof Set) return `Set {${[...value].map(inner).join(", ")}}`;
  if (value instanceof Date) return Number.isNaN(+value) ? "Invalid Date" : value.toISOString();
  if (ArrayBuffer.isView(value) && "length" in value) return `${value.constructor.name}(${value.length})`;
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  const members = Object.entries(value).map(([key, item]) => `${key}: ${inner(item)}`);
  return `${name && name !== "Object" ? `${name} ` : ""}{${members.length ? ` ${members.join(", ")} ` : ""}}`;
}

function say(...values: unknown[]): void {
  write(`${values.map((value) => inspect(value)).join(" ")}\n`);
}

const counts = new Map<string, number>();
const begun = new Map<string, number>();

/** The global `console`. */
export const ownConsole = {
  log: say,
  info: say,
  warn: say,
  error: say,
  debug: say,
  dir: (value: unknown) => say(value),
  table: (value: unknown) => say(value),
  trace: (...values: unknown[]) => say(...values, new Error("trace")),
  assert: (condition?: unknown, ...values: unknown[]) => {
    if (!condition) say("assertion failed:", ...values);
  },
  count: (label = "default") => {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    say(`${label}: ${counts.get(label)}`);
  },
  countReset: (label = "default") => void counts.delete(label),
  time: (label = "default") => void begun.set(label, Date.now()),
  timeLog: (label = "default") => say(`${label}: ${Date.now() - (begun.get(label) ?? Date.now())} ms`),
  timeEnd: (label = "default") => {
    say(`${label}: ${Date.now() - (begun.get(label) ?? Date.now())} ms`);
    begun.delete(label);
  },
  group: say,
  groupCollapsed: say,
  groupEnd: () => {},
};
