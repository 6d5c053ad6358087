/**
 * The configuration of a component: what its author wrote for this server, and what whoever runs it says.
 *
 *     import { config } from "wasmcp/config";
 *     const greeting = config("greeting", "Hello");  // in a function: values are read when they are asked for
 *
 * A key is looked for in the environment first, for which the component needs the grant `env`, and then in the table
 * `config` of the component in `pyproject.toml`, which is baked in when the server is composed.
 */

import { getEnvironment } from "wasi:cli/environment@0.2.8";
import { all } from "wasmcp:mcp-v20260728/config@0.1.0";

import { numberIn } from "./runtime/numbers.ts";

/** Nobody says a value that is required. */
export class MissingConfigError extends Error {
  override name = "MissingConfigError";

  constructor(readonly key: string) {
    super(`configuration \`${key}\`: it is not set: in the environment (grant \`env\`), or in the table \`config\` of the component`);
  }
}

let baked: Record<string, any> | undefined;

/** The table `config` of the component in `pyproject.toml`. */
export function bakedIn(): Record<string, any> {
  baked ??= JSON.parse(all()) as Record<string, any>;
  return baked;
}

/** The environment variables that the component may see: without the grant `env` none. */
export function environment(): Record<string, string> {
  return Object.fromEntries(getEnvironment());
}

const WORDS: Record<string, boolean> = { true: true, yes: true, on: true, "1": true, false: false, no: false, off: false, "0": false };

/**
 * A value. Of the environment it is a text, and becomes a number or a boolean where the default is one.
 *
 * Throws `MissingConfigError` when nobody says it and there is no default, and a `TypeError` for a text that is no number.
 */
export function config<T = string>(key: string, fallback?: T): T {
  const text = environment()[key];
  if (text !== undefined) return converted(key, text, fallback) as T;
  const table = bakedIn();
  if (Object.hasOwn(table, key)) return table[key];
  if (fallback === undefined) throw new MissingConfigError(key);
  return fallback;
}

function converted(key: string, text: string, like: unknown): unknown {
  if (typeof like === "number") {
    const found = numberIn(text);
    if (found === undefined) throw new TypeError(`configuration \`${key}\`: expected a number, got ${JSON.stringify(text)}`);
    return found;
  }
  if (typeof like === "boolean") {
    const found = WORDS[text.toLowerCase()];
    if (found === undefined) throw new TypeError(`configuration \`${key}\`: expected true or false, got ${JSON.stringify(text)}`);
    return found;
  }
  if (typeof like === "object" && like !== null) return JSON.parse(text);
  return text;
}
