/** Implementation of the WIT export `scripted`. Its functions only throw JSON-RPC errors. */

import type { Request } from "wasmcp:mcp-v20260728/messages@0.1.0";
import type * as wit from "wasmcp:mcp-v20260728/types@0.1.0";

import { INTERNAL_ERROR, INVALID_PARAMS } from "./protocol.ts";
import { Required } from "./requests.ts";
import { report } from "./calls.ts";
import { checkCompletions, hasProposals, identityOf, proposed } from "./completion.ts";
import { Context } from "./context.ts";
import {
  checkDynamic,
  listedPrompts,
  listedResources,
  listedTemplates,
  listedTools,
  offeredPrompt,
  offeredResource,
  offeredTemplate,
  offeredTool,
  sourceCount,
} from "./dynamic.ts";
import { DeclarationError, McpError } from "./errors.ts";
import { cacheOf, refused, requiredOf } from "./lowering.ts";
import type { PerRequest } from "./per_request.ts";
import { Prompt } from "./prompt.ts";
import { closeDeclarations, COMPLETIONS, LISTS, PROMPTS, RESOURCES, TOOLS } from "./registry.ts";
import { membersOf } from "./shape.ts";
import type { Value } from "./tool.ts";

/** Exception for the error case of a WIT result: `payload` is its value. */
class Refused extends Error {
  constructor(readonly payload: wit.Error) {
    super(payload.message);
  }
}

type Outcome<T> = { tag: "complete"; val: T } | { tag: "input-required"; val: wit.InputRequired };

function outcome<T>(found: T | Required): Outcome<T> {
  return found instanceof Required ? { tag: "input-required", val: requiredOf(found) } : { tag: "complete", val: found };
}

/** Run a handler, and drop the request in any case. */
function answered<T>(request: Request, kind: string, name: string, answer: (context: Context) => T): T {
  try {
    return answer(new Context(request));
  } catch (error) {
    if (error instanceof McpError) throw new Refused(refused(error));
    report(kind, name, error);
    throw new Refused(refused(new McpError(INTERNAL_ERROR, `Error answering for ${kind} ${name}`)));
  } finally {
    request[Symbol.dispose]();
  }
}

/** Return a list for a request, of entries with their descriptions for it. */
function listed<E extends PerRequest, T extends { description?: string | null }>(
  request: Request,
  kind: string,
  entries: (context: Context) => E[],
  itemOf: (entry: E) => T,
): T[] {
  return answered(request, "list of", kind, (context) => {
    try {
      return entries(context).map((entry) => entry.describedFor(itemOf(entry), context));
    } finally {
      context.expire();
    }
  });
}

const templates = () => RESOURCES.all().filter((item) => item.isTemplate);

function references(): wit.CompletionReference[] {
  const named = [...PROMPTS.all(), ...templates()];
  if (COMPLETIONS.all().length === 0 && !named.some((item) => hasProposals(item.shape))) return [];
  return named
    .filter((item) => membersOf(item.shape.json).size > 0)
    .map((item) => ({ tag: item instanceof Prompt ? "prompt" : "resource-template", val: identityOf(item) }));
}

/** Check the declarations that depend on others, after all modules are evaluated. */
export function checkAll(): void {
  checkCompletions([...PROMPTS.all(), ...templates()]);
  checkDynamic();
  if (TOOLS.all().length + sourceCount() + RESOURCES.all().length + PROMPTS.all().length === 0) {
    throw new DeclarationError("nothing is declared: call `tool`, `resource` or `prompt` of `wasmcp` in the module or in one that it imports");
  }
  closeDeclarations();
}

export const scripted = {
  cache: () => cacheOf(LISTS.cache),
  listTools: (request: Request): wit.Tool[] => listed(request, "tools", listedTools, (item) => item.listed),
  listResources: (request: Request): wit.McpResource[] => listed(request, "resources", listedResources, (item) => item.listed),
  listTemplates: (request: Request): wit.ResourceTemplate[] =>
    listed(request, "resource templates", listedTemplates, (item) => item.listedAsTemplate),
  listPrompts: (request: Request): wit.Prompt[] => listed(request, "prompts", listedPrompts, (item) => item.listed),
  listReferences: references,

  callTool(request: Request, name: string): Outcome<wit.ToolResult> | Value | undefined {
    return answered(request, "tool", name, (context) => {
      const found = offeredTool(name, context)?.call(request.arguments(), context);
      return found === undefined || "tag" in found ? found : outcome(found);
    });
  },

  readResource(request: Request, uri: string): Outcome<wit.ResourceResult> | undefined {
    return answered(request, "resource", uri, (context) => {
      const found = offeredResource(uri, request, context);
      return found && outcome(found[0].read(uri, found[1], context));
    });
  },

  getPrompt(request: Request, name: string): Outcome<wit.PromptResult> | undefined {
    return answered(request, "prompt", name, (context) => {
      const item = offeredPrompt(name, context);
      return item && outcome(item.get(request.arguments(), context));
    });
  },

  complete(
    request: Request,
    reference: wit.CompletionReference,
    argument: wit.CompletionArgument,
    filled: [string, string][],
  ) {
    return answered(request, "completion", reference.val, (context) => {
      const item = reference.tag === "prompt" ? offeredPrompt(reference.val, context) : offeredTemplate(reference.val, context);
      if (item === undefined) return undefined;
      if (!membersOf(item.shape.json).has(argument.name)) {
        throw new McpError(INVALID_PARAMS, `\`${reference.val}\` has no argument \`${argument.name}\``);
      }
      return proposed(item, argument.name, argument.value, Object.fromEntries(filled), context);
    });
  },
};
