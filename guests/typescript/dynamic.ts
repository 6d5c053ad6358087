/** Tools of a dynamic component (`dynamic = true`): lists that are made for each request. */

import type * as wit from "wasmcp:mcp-v20260728/types@0.1.0";

import type { Context } from "./context.ts";
import { DeclarationError } from "./errors.ts";
import { checkOpen, TOOLS } from "./registry.ts";
import { Tool, unpacked, type ToolOptions } from "./tool.ts";
import type { Schema } from "./shape.ts";

/** True in a component with `dynamic = true` in its table; defined by the build. */
declare const WASMCP_DYNAMIC: boolean;

type Source = (context: Context) => Tool[];

export const SOURCES: Source[] = [];

/**
 * Declare a function that makes tools for each request: it returns an array of tools of `makeTool`.
 *
 *     dynamicTools((context) => config.get("places", []).map((place) => makeTool({ name: `search_${place}`, input }, search)));
 *
 * It is called for each `tools/list`, and for each call of a tool that `tool` does not declare. Call
 * `context.toolsChanged()` when the lists of clients change. Specification: server/tools, "List Changed Notification".
 */
export function dynamicTools(source: Source): void {
  checkOpen("dynamicTools");
  if (typeof source !== "function") throw new DeclarationError("dynamicTools needs a function that returns tools");
  SOURCES.push(source);
}

/** Return a tool for `dynamicTools`; the options are those of `tool`, with a schema as `input`. */
export function makeTool<A>(
  options: ToolOptions & { name: string; input?: Schema; output?: Schema },
  handler: (args: A, context: Context) => unknown,
): Tool {
  const [given, called, found] = unpacked([options, handler], () => ({}));
  return new Tool(given, called, found);
}

/** Check that the component is dynamic if something depends on the request. */
export function checkDynamic(): void {
  const dynamic = typeof WASMCP_DYNAMIC === "boolean" && WASMCP_DYNAMIC;
  if (dynamic) return;
  const needs = "is made for each request, but the lists of this component are recorded when it is built: set `dynamic = true` and `grants = [\"middleware\"]` in its table";
  for (const tool of TOOLS.all()) if (tool.isDynamic) throw new DeclarationError(`tool \`${tool.name}\` ${needs}`);
  if (SOURCES.length > 0) throw new DeclarationError(`the list of \`dynamicTools\` ${needs}`);
}

function made(context: Context): Tool[] {
  return SOURCES.flatMap((source) => {
    const tools: unknown = source(context);
    if (!Array.isArray(tools) || !tools.every((tool) => tool instanceof Tool)) {
      throw new TypeError("a function of `dynamicTools` must return an array of tools of `makeTool`");
    }
    return tools;
  });
}

/** Return the entries of the tools that a request lists. */
export function listedTools(context: Context): wit.Tool[] {
  const found = new Map<string, wit.Tool>();
  const listed = [...TOOLS.all().filter((tool) => tool.isEnabled(context)), ...made(context)];
  for (const tool of listed) {
    if (found.has(tool.name)) throw new TypeError(`two tools for one request have the name \`${tool.name}\``);
    found.set(tool.name, tool.toldFor(context));
  }
  return [...found.values()];
}

/** Return the tool that a request can call by a name. */
export function offeredTool(name: string, context: Context): Tool | undefined {
  const declared = TOOLS.get(name);
  if (declared !== undefined) return declared.isEnabled(context) ? declared : undefined;
  return SOURCES.length === 0 ? undefined : made(context).find((tool) => tool.name === name);
}
