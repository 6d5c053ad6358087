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

/** Error for a configuration value that is missing or invalid. */
export class ConfigError extends Error {
  override name = "ConfigError";

  constructor(
    readonly key: string,
    problem: string,
  ) {
    super(`configuration \`${key}\`: ${problem}`);
  }
}

/** Error for a required value that is neither in the environment nor in the table `config`. */
export class MissingConfigError extends ConfigError {
  override name = "MissingConfigError";

  constructor(key: string) {
    super(
      key,
      "it is not set. For a secret or a value of one machine use an environment variable: grant the component `env` " +
        `and declare \`${key} = {}\` in \`[tool.wasmcp.servers.NAME.env]\` of \`pyproject.toml\`. Write a value that is ` +
        "the same everywhere and not confidential into `[tool.wasmcp.components.NAME.config]`",
    );
  }
}

/** Error for a value that is not of the requested type. The text does not contain values of the environment. */
export class InvalidConfigError extends ConfigError {
  override name = "InvalidConfigError";
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
 * With a default the value must be of its type: a text, a number, a boolean, an array or an object. A value of the
 * environment is a text. It is converted to the type of the default: a number; a boolean (`true`, `yes`, `on`, `1`, or
 * `false`, `no`, `off`, `0`); or, if the default is an object or an array, the value of the text as JSON.
 *
 * Throws `MissingConfigError` if the key is not configured and has no default, and `InvalidConfigError` if the value is
 * not of the type of the default.
 *
 * @param key The name of the environment variable, and of the key in the table `config`.
 * @param fallback The default.
 */
export function config<T = string>(key: string, fallback?: T): T {
  const expected = typeOf(fallback);
  const text = environment()[key];
  if (text !== undefined) {
    const found = converted(text, expected);
    // A value of the environment can be a secret: the message must not contain it.
    if (found === undefined) throw new InvalidConfigError(key, `in the environment: expected the type \`${expected}\``);
    return found as T;
  }
  const table = bakedIn();
  if (Object.hasOwn(table, key)) {
    const found = typeOf(table[key]);
    if (fallback === undefined || expected === "null" || found === expected) return table[key];
    throw new InvalidConfigError(key, `in the table: expected ${expected}, got ${found}`);
  }
  if (fallback === undefined) throw new MissingConfigError(key);
  return fallback;
}

/** Return the JSON type of a value; `string` for undefined, because values of the environment are texts. */
function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "string";
  return Array.isArray(value) ? "array" : typeof value;
}

/** Convert a text to a type; undefined if it is not a value of the type. */
function converted(text: string, type: string): unknown {
  if (type === "number") return numberIn(text);
  if (type === "boolean") return WORDS[text.toLowerCase()];
  if (type !== "array" && type !== "object") return text;
  try {
    const found: unknown = JSON.parse(text);
    return typeOf(found) === type ? found : undefined;
  } catch {
    return undefined;
  }
}
