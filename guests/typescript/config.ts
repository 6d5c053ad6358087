/**
 * Configuration of a component: values baked in at composition, overridden by the operator's environment.
 *
 *     import { config } from "wasmcp/config";
 *     const greeting = config("greeting", "Hello");  // inside a function: values are read at each call
 *
 * The environment has precedence; the component needs the grant `env` for it. Then the table `config` of the component
 * in `pyproject.toml` is used, which is baked in when the server is composed.
 */

import { getEnvironment } from "wasi:cli/environment@0.2.8";
import { all } from "wasmcp:mcp-v20260728/config@0.1.0";

import { numberIn } from "./runtime/numbers.ts";

/** Error for a required value that is not configured. */
export class MissingConfigError extends Error {
  override name = "MissingConfigError";

  constructor(readonly key: string) {
    super(`configuration \`${key}\`: it is not set: set it in the environment (grant \`env\`) or in the table \`config\` of the component`);
  }
}

let baked: Record<string, any> | undefined;

/** Return the table `config` of the component in `pyproject.toml`. */
export function bakedIn(): Record<string, any> {
  baked ??= JSON.parse(all()) as Record<string, any>;
  return baked;
}

/** @internal Discard the parsed table, because a unit test has replaced it. */
export function forgetBakedIn(): void {
  baked = undefined;
}

/** Return the environment variables of the component; empty without the grant `env`. */
export function environment(): Record<string, string> {
  return Object.fromEntries(getEnvironment());
}

const WORDS: Record<string, boolean> = { true: true, yes: true, on: true, "1": true, false: false, no: false, off: false, "0": false };

/**
 * Return a configured value.
 *
 * A value of the environment is a text. It is converted to the type of the default: a number; a boolean (`true`, `yes`,
 * `on`, `1`, or `false`, `no`, `off`, `0`); or, if the default is an object or an array, the value of the text as JSON.
 *
 * Throws `MissingConfigError` if the key is not configured and has no default, a `TypeError` for an invalid number or
 * boolean, and a `SyntaxError` for invalid JSON.
 *
 * @param key The name of the environment variable, and of the key in the table `config`.
 * @param fallback The default.
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
