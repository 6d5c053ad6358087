/** Options of tools whose calls may become tasks. Specification: extension io.modelcontextprotocol/tasks (SEP-2663). */

import type { Meta } from "./content.ts";
import { DeclarationError } from "./errors.ts";
import { TASK, TASK_LIMIT_MS, TASK_POLL_INTERVAL_MS, TASK_TTL_MS } from "./protocol.ts";

const MAX_SECONDS = TASK_LIMIT_MS / 1000;

/**
 * Options of the tasks of a tool. A client that supports the extension gets the id of a task instead of a result, and
 * polls for the result; a call of another client gets the result in its response.
 */
export interface TaskOptions {
  /**
   * The function continues by `Context.checkpoint`. A call becomes a task at its first checkpoint, under any runtime.
   * Without it a call becomes a task at once, under wasmcp's own host only.
   */
  steps?: boolean;
  /** The lifetime of a task from its creation, in seconds; 3600 by default. */
  ttl?: number;
  /** The suggested time between two polls of a client, in seconds; 1 by default. */
  pollInterval?: number;
  /** Refuse the calls of clients that do not support the extension. */
  required?: boolean;
}

/** Return the `_meta` of a tool with the options of its tasks. */
export function withTask(tool: string, meta: Meta | undefined, task: boolean | "steps" | TaskOptions | undefined): Meta | undefined {
  if (task === undefined || task === false) return meta;
  const options: TaskOptions = task === true ? {} : task === "steps" ? { steps: true } : task;
  if (typeof options !== "object" || options === null) {
    throw new DeclarationError(`tool \`${tool}\`: \`task\` must be a boolean, "steps" or an object of options`);
  }
  const unknown = Object.keys(options).filter((name) => !["steps", "ttl", "pollInterval", "required"].includes(name));
  if (unknown.length > 0) throw new DeclarationError(`tool \`${tool}\`: \`task\` has an unknown option \`${unknown[0]}\``);
  if (meta !== undefined && TASK in meta) throw new DeclarationError(`tool \`${tool}\` has \`task\`, and \`meta\` has \`${TASK}\`: use one of them`);
  return {
    ...meta,
    [TASK]: {
      mode: options.steps ? "steps" : "run",
      ttlMs: milliseconds(tool, "ttl", options.ttl ?? TASK_TTL_MS / 1000),
      pollIntervalMs: milliseconds(tool, "pollInterval", options.pollInterval ?? TASK_POLL_INTERVAL_MS / 1000),
      required: options.required ?? false,
    },
  };
}

function milliseconds(tool: string, name: string, seconds: unknown): number {
  if (typeof seconds !== "number" || !(seconds >= 0.001 && seconds <= MAX_SECONDS)) {
    throw new DeclarationError(`tool \`${tool}\`: \`task.${name}\` must be a number of seconds from 0.001 to ${MAX_SECONDS} (a year)`);
  }
  return Math.round(seconds * 1000);
}
