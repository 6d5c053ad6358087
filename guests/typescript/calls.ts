/** Execution of an author's function: to its end, or until it needs the result of a server-to-client request. */

import { InputRequired } from "./content.ts";
import { McpError, ToolError } from "./errors.ts";
import type { Context } from "./context.ts";
import { INTERNAL_ERROR } from "./protocol.ts";
import { located } from "./runtime/places.ts";
import { inspect, write } from "./runtime/console.ts";
import { Required, requiredBy } from "./requests.ts";
import { complete } from "./runtime/loop.ts";

/** An author's function: takes the arguments and the context. */
export type Handler = (given: any, context: Context) => unknown;

/** Run a function; return its result, or the `Required` with its server-to-client requests. */
export function run(make: () => unknown, context: Context): unknown {
  const found = complete(make, () => context.waits);
  if (found === "idle" || context.atCheckpoint) return context.clientRequests.required();
  return found.value instanceof InputRequired ? requiredBy(found.value) : found.value;
}

/** Log an error to standard error; it is not sent to the client. */
export function report(kind: string, name: string, error: unknown): void {
  write(`${kind} \`${name}\` failed:\n${error instanceof Error ? located(error) : inspect(error, 1)}\n`);
}

/** Return an `McpError` unchanged; mask every other error with a generic one. */
export function masked<T>(kind: string, name: string, message: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof McpError) throw error;
    if (error instanceof ToolError) throw new McpError(INTERNAL_ERROR, error.message);
    report(kind, name, error);
    throw new McpError(INTERNAL_ERROR, message);
  }
}

export { Required };
