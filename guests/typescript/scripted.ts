/** Implementation of the WIT export `scripted`. Its functions only throw JSON-RPC errors. */

import type { Request } from "wasmcp:mcp-v20260728/messages@0.1.0";
import type * as wit from "wasmcp:mcp-v20260728/types@0.1.0";

import { Wanted } from "./asking.ts";
import { report } from "./calls.ts";
import { checkCompletions, hasProposals, identityOf, proposed } from "./completion.ts";
import { Context } from "./context.ts";
import { checkDynamic, listedTools, offeredTool, SOURCES } from "./dynamic.ts";
import { DeclarationError, INTERNAL_ERROR, INVALID_PARAMS, McpError } from "./errors.ts";
import { cacheOf, refused, wantedOf } from "./lowering.ts";
import { Prompt } from "./prompt.ts";
import { closeDeclarations, COMPLETIONS, LISTS, PROMPTS, RESOURCES, TOOLS } from "./registry.ts";
import { membersOf } from "./shape.ts";
import { keyOf } from "./uris.ts";

/** Exception for the error case of a WIT result: `payload` is its value. */
class Refused extends Error {
  constructor(readonly payload: wit.Error) {
    super(payload.message);
  }
}

type Outcome<T> = { tag: "complete"; val: T } | { tag: "input-required"; val: wit.InputRequired };

function outcome<T>(found: T | Wanted): Outcome<T> {
  return found instanceof Wanted ? { tag: "input-required", val: wantedOf(found) } : { tag: "complete", val: found };
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
  if (TOOLS.all().length + SOURCES.length + RESOURCES.all().length + PROMPTS.all().length === 0) {
    throw new DeclarationError("nothing is declared: call `tool`, `resource` or `prompt` of `wasmcp` in the module or in one that it imports");
  }
  closeDeclarations();
}

export const scripted = {
  cache: () => cacheOf(LISTS.cache),
  listTools(request: Request): wit.Tool[] {
    return answered(request, "list of", "tools", (context) => {
      try {
        return listedTools(context);
      } finally {
        context.expire();
      }
    });
  },
  listResources: () => RESOURCES.all().filter((item) => !item.isTemplate).map((item) => item.told),
  listTemplates: () => templates().map((item) => item.toldAsTemplate),
  listPrompts: () => PROMPTS.all().map((item) => item.told),
  listReferences: references,

  callTool(request: Request, name: string): Outcome<wit.ToolResult> | undefined {
    return answered(request, "tool", name, (context) => {
      const item = offeredTool(name, context);
      return item && outcome(item.call(request.arguments(), context));
    });
  },

  readResource(request: Request, uri: string): Outcome<wit.ResourceResult> | undefined {
    return answered(request, "resource", uri, (context) => {
      const fixed = RESOURCES.get(keyOf(uri));
      if (fixed !== undefined && !fixed.isTemplate) return outcome(fixed.read(uri, {}, context));
      const all = templates();
      const found = all.length === 0 ? undefined : request.matchTemplate(uri, all.map((item) => item.pattern));
      const item = found && all[found.template];
      return item && outcome(item.read(uri, item.values(found.variables), context));
    });
  },

  getPrompt(request: Request, name: string): Outcome<wit.PromptResult> | undefined {
    return answered(request, "prompt", name, (context) => {
      const item = PROMPTS.get(name);
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
      const item = reference.tag === "prompt" ? PROMPTS.get(reference.val) : templates().find((one) => one.uri === reference.val);
      if (item === undefined) return undefined;
      if (!membersOf(item.shape.json).has(argument.name)) {
        throw new McpError(INVALID_PARAMS, `\`${reference.val}\` has no argument \`${argument.name}\``);
      }
      return proposed(item, argument.name, argument.value, Object.fromEntries(filled), context);
    });
  },
};
